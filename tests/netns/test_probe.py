# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking other hosts' ports: every answer from real kernels in both families, and what it means from where."""
import json
import os
import stat
import subprocess
import sys
import threading
import time

from lib import BUILD, World, main

TARGET4, TARGET6 = "192.0.2.11", "2001:db8:2::11"

# One way to refuse behind each port; what IPv4 and IPv6 make of it.
REFUSALS = """
table inet target {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport 1003 reject with icmpx port-unreachable
    meta nfproto ipv4 tcp dport 1004 reject with icmp host-prohibited
    meta nfproto ipv6 tcp dport 1004 reject with icmpv6 admin-prohibited
    tcp dport 1005 reject with icmpx admin-prohibited
    tcp dport 1006 reject with tcp reset
    tcp dport 1007 drop
    tcp dport 1009 reject with icmpx no-route
    udp dport 2003 drop
    udp dport 2004 reject with icmpx admin-prohibited
    udp dport 2005 reject with icmpx port-unreachable
  }
}
"""
SAID_BY_TARGET = {
    ("tcp", 1001): "open", ("tcp", 1002): "refused", ("tcp", 1003): "prohibited",
    ("tcp", 1004): "prohibited", ("tcp", 1005): "prohibited", ("tcp", 1006): "refused",
    ("tcp", 1007): "silent", ("tcp", 1008): "silent", ("tcp", 1009): "unreachable",
    ("udp", 2001): "answered", ("udp", 2002): "closed", ("udp", 2003): "unknown",
    ("udp", 2004): "prohibited", ("udp", 2005): "closed"}
# These came as ICMP, and say from whom.
BY_ICMP = {"prohibited", "unreachable", "closed"}

UDP_ECHO = """
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 2001))
print("listening", flush=True)
while True:
    s.sendto(b"here", s.recvfrom(100)[1])
"""
FULL_QUEUE = """
import socket, time
s = socket.socket(socket.AF_INET6)
s.bind(("::", 1008))
s.listen(0)
held = []
for i in range(3):
    c = socket.socket(socket.AF_INET6)
    c.setblocking(False)
    c.connect_ex(("::1", 1008))
    held.append(c)
time.sleep(0.2)
print("listening", flush=True)
time.sleep(1000)
"""


class ProbeWorld(World):
    """pica01 stands behind the server, which forwards; the attacker is an outsider with a way to it."""

    def setUp(self):
        super().setUp()
        self.infra = self.host("infra")
        self.link(self.server, "eth1", self.infra, "eth0")
        self.addresses(self.server, "eth1", "192.0.2.1/24", "2001:db8:2::1/64")
        self.addresses(self.infra, "eth0", TARGET4 + "/24", TARGET6 + "/64")
        self.server.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.infra.run("ip", "route", "add", "default", "via", "192.0.2.1")
        self.infra.run("ip", "-6", "route", "add", "default", "via", "2001:db8:2::1")
        self.attacker.run("ip", "route", "add", "192.0.2.0/24", "via", self.V4)
        self.attacker.run("ip", "-6", "route", "add", "2001:db8:2::/64", "via", self.V6)
        self.share = os.path.join(self.folder, "share")
        for d in ("filters", "rules"):
            os.makedirs(os.path.join(self.share, d))
        self.config("groups:\n  infra:\n    - {name: pica01, addresses: [%s, '%s']}\n"
                    % (TARGET4, TARGET6))

    def config(self, text):
        with open(os.path.join(self.folder, "guardd.yaml"), "w", encoding="utf-8") as f:
            f.write(text)

    def rule(self, name, ports, more=""):
        with open(os.path.join(self.share, "rules", name + ".yaml"), "w", encoding="utf-8") as f:
            f.write(f"expose: {name}\nports: [{', '.join(ports)}]\nonly: [infra]\n{more}")

    def script(self, host, text):
        p = host.popen(sys.executable, "-c", text, stdout=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "listening\n")

    def command(self, host, *args):
        return [os.path.join(host.show(BUILD), "guardctl"), "--share", self.share, "--config",
                os.path.join(self.folder, "guardd.yaml"), "--etc", self.folder, *args]

    def ctl(self, host, *args):
        return host.run(*self.command(host, *args), check=False)

    def probe(self, host, *args):
        """Rows by (address, proto, port), and the exit status."""
        r = self.ctl(host, "--json", "probe", *args)
        rows = [json.loads(x) for x in r.stdout.splitlines() if x.startswith("{")]
        self.assertTrue(rows, r.stdout)
        return {(x["address"], x["proto"], x["port"]): x for x in rows}, r.returncode

    def answers(self, rows, address):
        return {(proto, port): x["answer"] for (a, proto, port), x in rows.items() if a == address}


class Answers(ProbeWorld):
    def test_every_answer_of_a_host_is_told_apart_in_both_families(self):
        self.rule("all", [f"{proto}/{port}" for proto, port in SAID_BY_TARGET])
        self.server.listen("::", 1001)
        self.script(self.server, UDP_ECHO)
        self.script(self.server, FULL_QUEUE)
        self.server.run("nft", "-f", "-", input=REFUSALS)
        rows, _ = self.probe(self.attacker, self.V4, self.V6)
        for address, own in ((self.V4, self.FROM4), (self.V6, None)):
            self.assertEqual(self.answers(rows, address), SAID_BY_TARGET, address)
            for proto, port in SAID_BY_TARGET:
                row = rows[address, proto, port]
                # A datagram's "closed" may be read from the socket's error, a TCP answer never is.
                self.assertEqual(row["by"], address if row["answer"] in BY_ICMP else "", row)
                self.assertEqual(row["family"], 6 if ":" in address else 4)
                if own:
                    self.assertEqual(row["from"], own)

    def test_icmp_rate_limits_do_not_make_a_port_look_silent(self):
        ports = range(3001, 3053, 2)
        self.rule("many", [f"tcp/{p}" for p in ports])
        self.server.run("nft", "-f", "-", input="table inet t { chain i { type filter hook input"
                        " priority 0; tcp dport 3001-3053 reject with icmpx admin-prohibited\n}\n}\n")
        # IPv6 is as slow only to who has a route of its own.
        self.server.run("ip", "-6", "route", "add", self.FROM6 + "/128", "dev", "eth0")
        rows, _ = self.probe(self.attacker, self.V4, self.V6)
        for address in (self.V4, self.V6):
            self.assertEqual(self.answers(rows, address), {("tcp", p): "prohibited" for p in ports})

    def test_nobody_there_is_no_closed_port(self):
        self.rule("one", ["tcp/1001", "udp/2001"])
        down = ("198.51.100.99", "2001:db8:1::99")
        rows, status = self.probe(self.attacker, *down)
        self.assertEqual({x["answer"] for x in rows.values()}, {"host-down"}, rows)
        self.assertEqual({x["verdict"] for x in rows.values()}, {"unknown"})
        self.assertEqual(status, 1)

    def test_no_route_is_no_closed_port(self):
        self.rule("one", ["tcp/1001", "udp/2001"])
        rows, status = self.probe(self.attacker, "203.0.114.1", "2001:db8:ffff::1")
        self.assertEqual({x["answer"] for x in rows.values()}, {"unreachable"}, rows)
        self.assertEqual({x["verdict"] for x in rows.values()}, {"unknown"})
        self.assertEqual(status, 1)

    def test_own_rules_that_refuse_say_nothing_of_the_target(self):
        self.rule("one", ["tcp/1001", "udp/2001"])
        self.attacker.run("nft", "-f", "-", input="table inet t { chain o { type filter hook output"
                          " priority 0; tcp dport 1001 reject; udp dport 2001 reject\n}\n}\n")
        rows, _ = self.probe(self.attacker, self.V4, self.V6)
        self.assertEqual({x["answer"] for x in rows.values()}, {"unknown"}, rows)
        self.assertEqual({x["verdict"] for x in rows.values()}, {"unknown"})

    def test_a_router_that_refuses_is_named(self):
        self.rule("one", ["tcp/1001", "tcp/1003", "udp/2001", "udp/2005"])
        self.infra.listen("::", 1001)
        self.server.run("nft", "-f", "-", input="table inet t { chain f { type filter hook forward"
                        " priority 0; tcp dport 1003 reject with icmpx admin-prohibited;"
                        " udp dport 2005 reject with icmpx port-unreachable\n}\n}\n")
        rows, _ = self.probe(self.attacker, TARGET4, TARGET6)
        for address, router in ((TARGET4, self.V4), (TARGET6, self.V6)):
            # Who says "no such port" for another host is a firewall.
            self.assertEqual(self.answers(rows, address), {
                ("tcp", 1001): "open", ("tcp", 1003): "prohibited",
                ("udp", 2001): "closed", ("udp", 2005): "prohibited"})
            self.assertEqual(rows[address, "udp", 2001]["by"], address)
            for proto, port in (("tcp", 1003), ("udp", 2005)):
                self.assertEqual(rows[address, proto, port]["by"], router)

    def test_link_local_addresses_and_names(self):
        self.rule("one", ["tcp/1001"])
        self.server.listen("::", 1001)
        line = self.server.run("ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link").stdout
        local = line.split()[3].split("/")[0]
        hosts = os.path.join(self.folder, "hosts")
        with open(hosts, "w", encoding="utf-8") as f:
            f.write(f"{self.V4} both.test\n{self.V6} both.test\n")
        self.attacker.run("mount", "--bind", hosts, "/etc/hosts")
        rows, _ = self.probe(self.attacker, local + "%eth0", "both.test")
        self.assertEqual({a: x["answer"] for (a, _, _), x in rows.items()},
                         {local: "open", self.V4: "open", self.V6: "open"})
        self.assertEqual(rows[self.V6, "tcp", 1001]["target"], "both.test")

    def test_targets_that_are_none_are_told(self):
        self.rule("one", ["tcp/1001"])
        self.config("groups: {nets: [10.0.0.0/8]}\n")
        for args, text in ((["nobody.invalid"], "nobody.invalid: no group"), ([], "whom to ask"),
                           (["nets"], "no single hosts"), (["--peers"], "nobody to ask"),
                           (["--bogus"], "unknown option")):
            r = self.ctl(self.attacker, "probe", *args)
            self.assertEqual(r.returncode, 3, r.stdout)
            self.assertIn(text, r.stdout)


class Verdicts(ProbeWorld):
    """The same ports of the server, asked from pica01, who may, and from an outsider, who may not."""

    def setUp(self):
        super().setUp()
        self.rule("ldap", ["tcp/1001", "tcp/1002"])
        self.rule("logs", ["udp/2001", "udp/2003", "tcp/1007"])
        self.server.listen("::", 1001)
        self.server.listen("::", 1007)
        self.script(self.server, UDP_ECHO)
        self.targets = {self.infra: ("192.0.2.1", "2001:db8:2::1"), self.attacker: (self.V4, self.V6)}

    def verdicts(self, host):
        rows, status = self.probe(host, *self.targets[host])
        return [{port: (x["answer"], x["expected"], x["verdict"])
                 for (a, _, port), x in rows.items() if a == address}
                for address in self.targets[host]], status

    def nft(self, rules):
        self.server.run("nft", "-f", "-", input="table inet t { chain i { type filter hook input"
                        " priority 0; policy accept; " + rules + "\n}\n}\n")

    def test_open_to_all(self):
        self.nft("udp dport 2003 drop")
        for host, verdict, expected, status in ((self.infra, "ok", "open", 0),
                                                (self.attacker, "gap", "closed", 2)):
            found, got = self.verdicts(host)
            self.assertEqual(found, 2 * [{
                1001: ("open", expected, verdict), 1007: ("open", expected, verdict),
                1002: ("refused", expected, "unknown" if host is self.infra else "ok"),
                2001: ("answered", expected, verdict), 2003: ("unknown", expected, "unknown")}])
            self.assertEqual(got, status)

    def test_closed_to_all(self):
        self.nft("tcp dport { 1001, 1002 } reject with icmpx admin-prohibited; tcp dport 1007 drop;"
                 " udp dport { 2001, 2003 } drop")
        for host, verdict, expected, status in ((self.infra, "shut out", "open", 2),
                                                (self.attacker, "ok", "closed", 0)):
            found, got = self.verdicts(host)
            self.assertEqual(found, 2 * [{
                1001: ("prohibited", expected, verdict), 1002: ("prohibited", expected, verdict),
                1007: ("silent", expected, verdict), 2001: ("unknown", expected, "unknown"),
                2003: ("unknown", expected, "unknown")}])
            self.assertEqual(got, status)

    def test_ipv6_forgotten(self):
        self.nft(f"ip saddr != {TARGET4} meta l4proto {{ tcp, udp }} th dport 1000-2999 drop")
        (v4, v6), status = self.verdicts(self.attacker)
        self.assertEqual({v for _, _, v in v4.values()}, {"ok", "unknown"})
        self.assertEqual({p for p, x in v6.items() if x[2] == "gap"}, {1001, 1007, 2001})
        self.assertEqual(status, 2)
        text = self.ctl(self.attacker, "probe", *self.targets[self.attacker]).stdout
        self.assertIn(f"gap tcp [{self.V6}]:1001: reached from", text)
        self.assertNotIn(f"gap tcp {self.V4}", text)
        found, status = self.verdicts(self.infra)
        self.assertEqual(found[0][1001], ("open", "open", "ok"))
        self.assertEqual(status, 0)

    def test_a_required_listener_that_is_missing_is_worth_a_look(self):
        self.rule("ldap", ["tcp/1001", "tcp/1002"], "listeners: required\n")
        self.assertEqual(self.verdicts(self.infra)[1], 1)

    def test_rules_for_one_address_or_interface(self):
        self.rule("ldap", ["tcp/1001"], "address: 198.51.100.1\n")
        self.rule("logs", ["tcp/1007"], "interface: eth1\n")
        (v4, v6), status = self.verdicts(self.attacker)
        self.assertEqual(v4[1001], ("open", "closed", "gap"))
        self.assertNotIn(1001, v6)
        self.assertEqual(v6[1007], ("open", "any", "ok"))
        self.assertEqual(status, 2)

    def test_any_user_may(self):
        command = self.command(self.attacker, "--json", "probe", self.V4)
        r = self.attacker.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                              *command, check=False)
        self.assertEqual(r.returncode, 2, r.stdout)
        self.assertIn('"verdict":"gap"', r.stdout)


class FromInput(ProbeWorld):
    """Targets of a fleet, as guardd-runner gives them to the prover: on standard input, from others."""

    FLEET = ("groups: {infra: [%s, '%s']}\nherald_user: nobody\n"
             "fleet: {server: redis.test, host: own, probe: {every: 1h, per_second: 50, within: %s}}\n")

    def ask(self, lines, *args, within="['198.51.100.0/24', '2001:db8:1::/64']", config=None):
        """Rows by (target, address, port), the exit status, and all that was said."""
        self.config(config or self.FLEET % (TARGET4, TARGET6, within))
        tools = self.attacker.show(BUILD)
        image = os.memfd_create("image", os.MFD_ALLOW_SEALING)
        try:
            options = f"-c {self.folder}/guardd.yaml -s {self.share} -e {self.folder}"
            command = self.attacker.cmd("sh", "-c", f"exec 4<&{image}; {tools}/guardd-conf {options} --image"
                                        f" && exec {tools}/guardd-prover --probe " + " ".join(args))
            r = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=False,
                               stderr=subprocess.STDOUT, pass_fds=(image,), timeout=120)
        finally:
            os.close(image)
        text = r.stdout.decode(errors="replace")
        rows = [json.loads(x) for x in text.splitlines() if x.startswith("{")]
        return {(x["target"], x["address"], x["port"]): x for x in rows}, r.returncode, text

    def test_addresses_are_those_given_and_within_what_is_configured(self):
        self.rule("one", ["tcp/1001"])
        self.server.listen("::", 1001)
        # "infra" is a group here: from outside it is a name like any other.
        rows, status, text = self.ask(f"web1={self.V4},{self.V6}\ninfra={self.V4}\n"
                                      f"web2=192.0.2.1,{self.V6}\n", "-")
        self.assertEqual({k: x["verdict"] for k, x in rows.items()},
                         {("web1", self.V4, 1001): "gap", ("web1", self.V6, 1001): "gap"})
        self.assertIn("web2: 192.0.2.1 is not in fleet.probe.within", text)
        self.assertEqual(status, 2)

    def test_what_is_no_target_asks_nobody(self):
        self.rule("one", ["tcp/1001"])
        self.server.listen("::", 1001)
        good = f"web1={self.V4}\n"
        for bad in ("web1\n", "=198.51.100.1\n", f"we b={self.V4}\n", f"{'x' * 64}={self.V4}\n",
                    "web2=x\n", f"web2={self.V4}%eth0\n", f"web2={self.V4}/24\n", "web2=--peers\n",
                    f"../web={self.V4}\n", "\0\n", "web2=" + f"{self.V4}," * 30000 + "\n"):
            rows, status, text = self.ask(good + bad, "-")
            self.assertEqual((rows, status), ({}, 3), (bad[:80], text))
        for lines in ("", "web1=\n", "web1=192.0.2.1\n"):
            rows, status, text = self.ask(lines, "-")
            self.assertEqual((rows, status), ({}, 3), (lines, text))
        for args in (("--rate", "0", "-"), ("--rate", "x", "-"), ("--rate", "-1", "-"), ("--rate",)):
            rows, status, text = self.ask(good, *args)
            self.assertEqual((rows, status), ({}, 3), (args, text))
        rows, status, text = self.ask(good, "-", config="groups: {infra: [192.0.2.11]}\n")
        self.assertEqual((rows, status), ({}, 3), text)
        self.assertIn("no fleet is configured", text)

    def test_neither_the_rate_given_nor_the_configured_one_is_exceeded(self):
        self.rule("many", [f"tcp/{p}" for p in range(3001, 3011)])
        slow = (self.FLEET % (TARGET4, TARGET6, "['198.51.100.0/24', '2001:db8:1::/64']")
                ).replace("per_second: 50", "per_second: 5")
        for args, config in ((("--rate", "5"), None), (("--rate", "100"), slow), ((), slow)):
            begin = time.monotonic()
            rows, status, text = self.ask(f"web1={self.V4},{self.V6}\n", *args, "-", config=config)
            self.assertGreater(time.monotonic() - begin, 19 / 5, args)
            self.assertEqual((len(rows), status), (20, 0), text)


class Scheduled(ProbeWorld):
    def setUp(self):
        super().setUp()
        # pica01 is a namespace of the same machine, and looked into like a container's.
        self.rule("ldap", ["tcp/1001", "udp/2003"], "containers: no\n")
        self.out = os.path.join(self.folder, "result.json")

    def peers(self, names):
        self.config("groups:\n  infra:\n    - {name: pica01, addresses: [%s, '%s']}\n"
                    "  far: ['%s']\nexposure: {peers: [%s]}\n" % (TARGET4, TARGET6, self.V6, names))

    def result(self, host, *args):
        r = self.ctl(host, "exposure", "--out", self.out, *args)
        with open(self.out, encoding="utf-8") as f:
            return json.load(f), r

    def test_check_alone_where_no_peers_are_named(self):
        self.server.run("nft", "-f", "-", input="table inet t { chain i { type filter hook input"
                        " priority 0; policy accept; ip saddr != %s meta l4proto { tcp, udp } th dport"
                        " 1000-2999 drop; ip6 saddr != %s meta l4proto { tcp, udp } th dport 1000-2999"
                        " drop\n}\n}\n" % (TARGET4, TARGET6))
        result, r = self.result(self.server)
        self.assertEqual((r.returncode, result["status"]), (0, 0), r.stdout)
        self.assertEqual(result["type"], "exposure-test")
        self.assertEqual(result["state"], "proven")
        self.assertEqual(result["check"]["type"], "check")
        self.assertEqual((result["cells"], result["probes"], result["probed"], result["failed"]),
                         ([], [], 0, []))
        self.assertEqual(stat.S_IMODE(os.stat(self.out).st_mode), 0o644)
        self.assertIn("nobody was probed", r.stdout)

    def test_the_worst_of_both_counts(self):
        # The server itself lets nobody in; pica01 lets the server in, whom no rule names there.
        self.peers("pica01")
        self.server.run("nft", "add table inet t; add chain inet t i { type filter hook input priority 0;"
                        " policy drop; }; add rule inet t i ct state established accept;"
                        " add rule inet t i meta l4proto ipv6-icmp accept;"
                        f" add rule inet t i ip saddr {TARGET4} accept;"
                        f" add rule inet t i ip6 saddr {TARGET6} accept")
        self.infra.listen("::", 1001)
        result, r = self.result(self.server)
        self.assertEqual((r.returncode, result["status"]), (2, 2), r.stdout)
        self.assertEqual(result["check"]["exit"], 0, result)
        self.assertEqual(result["probed"], 4)
        self.assertEqual({(p["address"], p["port"]) for p in result["probes"] if p["verdict"] == "gap"},
                         {(TARGET4, 1001), (TARGET6, 1001)})
        self.assertTrue(all(p["verdict"] != "ok" for p in result["probes"]))
        self.assertIn("gap pica01 tcp 192.0.2.11:1001", r.stdout)

        # And the other way about: an open port here, peers that are in order.
        self.peers("pica01")
        self.server.run("nft", "flush", "ruleset")
        self.server.listen("::", 1001)
        self.infra.run("nft", "add table inet t; add chain inet t i { type filter hook input priority 0; };"
                       " add rule inet t i meta l4proto { tcp, udp } drop")
        result, r = self.result(self.server)
        self.assertEqual((r.returncode, result["state"]), (2, "open"), r.stdout)
        self.assertEqual([p for p in result["probes"] if p["verdict"] == "gap"], [])
        self.assertTrue([c for c in result["cells"] if c["state"] == "open"])

    def test_what_could_not_run_is_in_the_file(self):
        self.result(self.server)
        self.config("groups: [nonsense\n")
        result, r = self.result(self.server)
        self.assertEqual((r.returncode, result["status"], result["state"]), (3, 3, "unknown"))
        self.assertEqual(result["failed"], ["configuration"])
        self.assertEqual((result["cells"], result["probes"]), ([], []))

    def test_a_file_that_cannot_be_written_loses_no_answer(self):
        for path in ("/nowhere/at/all/result.json", self.share):
            r = self.ctl(self.server, "--json", "exposure", "--out", path)
            self.assertEqual(r.returncode, 3)
            self.assertIn(f"cannot write {path}", r.stdout)
            objects = [json.loads(x) for x in r.stdout.splitlines() if x.startswith("{")]
            self.assertEqual([o["type"] for o in objects], ["exposure-test"])
        self.assertEqual([f for f in os.listdir(self.folder) if f.startswith("share.")], [])

    def test_a_reader_sees_one_whole_result_or_the_other(self):
        self.result(self.server)
        seen, done = [], threading.Event()

        def read():
            while not done.is_set():
                with open(self.out, encoding="utf-8") as f:
                    seen.append(json.load(f)["made"])

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(10):
                self.result(self.server)
        finally:
            done.set()
            reader.join()
        self.assertGreater(len(set(seen)), 1)
        self.assertFalse(reader.is_alive())
        self.assertEqual([f for f in os.listdir(self.folder) if f.startswith("result.json.")], [])

    def test_only_root_may(self):
        command = self.command(self.server, "exposure", "--out", self.out)
        r = self.server.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                            *command, check=False)
        self.assertEqual(r.returncode, 3)
        self.assertIn("needs root", r.stdout)
        self.assertFalse(os.path.exists(self.out))


if __name__ == "__main__":
    main()
