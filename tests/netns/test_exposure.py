# SPDX-License-Identifier: GPL-2.0-or-later
"""Who can reach LDAP, logs and the registry: real services, real rules, an infrastructure host and an outsider."""
import json
import os
import socket
import subprocess

import infra
from lib import BUILD, World, main, until

CONFIG = """
groups:
  infra:
    - {name: pica01, addresses: [192.0.2.11, "2001:db8:2::11"]}
"""

# What an audit finds: IPv4 is filtered, nobody thought of IPv6.
IPV4_ONLY = """
table ip filter {
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    ip saddr 192.0.2.11 tcp dport { 389, 514, 2514, 5000 } accept
    ip saddr 192.0.2.11 udp dport 514 accept
    tcp dport { 389, 514, 2514, 5000 } drop
    udp dport 514 drop
  }
}
"""

PORTS = (389, 514, 2514, 5000)


def _send_udp(address, port, text):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(text.encode(), (address, port))
    s.close()


class ExposureWorld(World):
    """The attacker is the outsider; self.infra is pica01, on a network of its own."""

    def setUp(self):
        super().setUp()
        self.infra = self.host("infra")
        self.link(self.server, "eth1", self.infra, "eth0")
        self.addresses(self.server, "eth1", "192.0.2.1/24", "2001:db8:2::1/64")
        self.addresses(self.infra, "eth0", "192.0.2.11/24", "2001:db8:2::11/64")
        self.infra.run("ip", "route", "add", "default", "via", "192.0.2.1")
        self.infra.run("ip", "-6", "route", "add", "default", "via", "2001:db8:2::1")

    def nft(self, text):
        self.server.run("nft", "-f", "-", input=text)

    def services(self):
        infra.slapd(self.server)
        self.collected = infra.collector(self.server)
        infra.registry(self.server)

    def logged(self):
        """What the collector has written; it makes its file with the first line."""
        if not os.path.exists(self.collected):
            return ""
        with open(self.collected, encoding="utf-8", errors="replace") as f:
            return f.read()

    def cells(self, *args):
        """Cells of guardctl check by (kind, rule, proto, port, family), and its exit status."""
        r = self.guardd.ctl("--json", "check", *args, check=False)
        lines = [json.loads(x) for x in r.stdout.splitlines() if x.startswith("{")]
        self.assertEqual(lines[0]["type"], "check", r.stdout)
        return {(c["kind"], c["rule"], c.get("proto"), c.get("port"), c.get("family")): c
                for c in lines[1:]}, r.returncode

    def state(self, cells, rule, proto, port, family):
        return cells["port", rule, proto, port, family]["state"]


class TheAudit(ExposureWorld):
    """How this project began."""

    def test_ipv6_forgotten_is_found_told_closed_and_told_again(self):
        self.services()
        self.nft(IPV4_ONLY)
        g = self.start_guardd(CONFIG)
        cells, status = self.cells()
        self.assertEqual(status, 2)
        for rule, proto, port in (("ldap", "tcp", 389), ("logs", "tcp", 514), ("logs", "udp", 514),
                                  ("logs", "tcp", 2514), ("registry", "tcp", 5000)):
            self.assertEqual(self.state(cells, rule, proto, port, 4), "proven", (rule, proto, port))
            self.assertEqual(self.state(cells, rule, proto, port, 6), "open", (rule, proto, port))
        self.assertEqual(self.state(cells, "ldap", "tcp", 636, 6), "latent")
        self.assertIn(("plaintext", "logs", "tcp", 514, None),
                      {(k, r, p, n, None) for k, r, p, n, _ in cells})
        ldap = cells["port", "ldap", "tcp", 389, 6]
        self.assertEqual(ldap["findings"][0]["witness"]["accepted"], True)
        self.assertIn("slapd", json.dumps(ldap["findings"][0]["listener"]))

        # It is so, seen from outside and from inside.
        for port in PORTS:
            self.assertEqual(self.attacker.connects(self.V6, port), "open", port)
            self.assertEqual(self.attacker.connects(self.V4, port, timeout=0.5), "silent", port)
            self.assertEqual(self.infra.connects("192.0.2.1", port), "open", port)

        until("the alert, with the kernel's own word",
              lambda: "exposure gap: ldap tcp/389 IPv6 is open" in g.log())
        alert = next(x for x in g.log().splitlines() if "ldap tcp/389 IPv6 is open" in x)
        # In a chroot there is no second opinion to be had, and that is said.
        shadow = self.server.run("unshare", "-Un", "true", check=False).returncode == 0
        self.assertIn("confirmed by the kernel" if shadow else "could not be replayed", alert)
        self.assertEqual(g.json("status")[0]["exposure"], "open")
        self.assertTrue(g.ctl("status").stdout.startswith("exposure"))

        lines = g.ctl("check", "--suggest", check=False).stdout
        self.nft(lines)
        cells, status = self.cells()
        self.assertEqual(status, 0, cells)
        for port in PORTS:
            for outside in (self.V4, self.V6):
                self.assertEqual(self.attacker.connects(outside, port, timeout=0.5), "silent", port)
            for inside in ("192.0.2.1", "2001:db8:2::1"):
                self.assertEqual(self.infra.connects(inside, port), "open", port)
        self.attacker.call(_send_udp, self.V6, 514, "<13>outsider: forged")
        self.infra.call(_send_udp, "2001:db8:2::1", 514, "<13>pica01: genuine")
        until("the log of the infrastructure host", lambda: "genuine" in self.logged())
        self.assertNotIn("forged", self.logged())

        until("the closing", lambda: "exposure closed: ldap tcp/389 IPv6" in g.log())
        gaps = [x for x in g.json("gaps", "--all") if x["what"] == "ldap tcp/389 IPv6"]
        self.assertEqual(len(gaps), 1)
        self.assertIsNotNone(gaps[0]["until"])
        self.assertEqual(gaps[0]["confirmed"], "same" if shadow else "none")
        self.assertEqual([x for x in g.json("gaps") if x["state"] == "open"], [])

    def test_a_gap_that_opens_is_told_once_with_who_opened_it(self):
        infra.slapd(self.server)
        self.nft("table inet filter { chain input { type filter hook input priority 0; policy drop;"
                 " iif lo accept; ip saddr 192.0.2.11 accept; ip6 saddr 2001:db8:2::11 accept;\n}\n}\n")
        g = self.start_guardd(CONFIG)
        until("a proof", lambda: g.json("status")[0]["exposure"] not in ("unknown", "open"))
        self.nft("add rule inet filter input tcp dport 389 accept")
        for family in (4, 6):
            until(f"the alert of IPv{family}",
                  lambda: f"exposure gap: ldap tcp/389 IPv{family} is open" in g.log())
        told = [x for x in g.log().splitlines() if "ldap tcp/389 IPv6 is open" in x]
        self.assertIn("came from nft", told[0])
        # Other changes of the ruleset are no news of this gap; nor is a restart.
        self.nft("add rule inet filter input tcp dport 22 accept")
        self.assertEqual(self.cells("ldap")[1], 2)
        g.stop()
        g.start()
        until("a proof after the restart", lambda: g.json("status")[0]["exposure"] == "open")
        self.assertEqual(len([x for x in g.log().splitlines() if "gap: ldap tcp/389 IPv6" in x]), 1)

    def test_an_infrastructure_host_shut_out_is_found(self):
        infra.slapd(self.server)
        self.nft("table inet filter { chain input { type filter hook input priority 0; policy accept;"
                 " ip6 saddr 2001:db8:2::11 tcp dport 389 accept; tcp dport 389 drop;\n}\n}\n")
        self.start_guardd(CONFIG)
        cells, status = self.cells("ldap")
        self.assertEqual(status, 2)
        self.assertEqual(self.state(cells, "ldap", "tcp", 389, 4), "shut out")
        self.assertEqual(self.state(cells, "ldap", "tcp", 389, 6), "proven")
        self.assertIn("pica01", json.dumps(cells["port", "ldap", "tcp", 389, 4]))
        until("the alert", lambda: "ldap tcp/389 IPv4 is shut out" in self.guardd.log())

    def test_without_groups_this_host_alone_is_infrastructure(self):
        infra.slapd(self.server)
        self.start_guardd("")
        cells, status = self.cells("ldap")
        self.assertEqual(status, 2)
        self.assertEqual(self.state(cells, "ldap", "tcp", 389, 4), "open")
        self.assertIn("no group infra", self.guardd.ctl("status").stdout)
        self.assertIn("no group infra", self.guardd.ctl("check", check=False).stdout)


class WithoutDaemon(ExposureWorld):
    def ctl(self, *args):
        build = self.server.show(BUILD)
        return self.server.run(os.path.join(build, "guardctl"), "--share", self.share(), *args, check=False)

    def share(self):
        from lib import ROOT
        share = os.path.join(self.server.folder, "share")
        for part in ("filters", "rules"):
            self.server.show(os.path.join(ROOT, part), os.path.join(share, part))
        return share

    def test_check_and_prove_need_no_daemon(self):
        infra.slapd(self.server)
        r = self.ctl("--json", "check", "ldap")
        self.assertEqual(r.returncode, 2, r.stdout)
        self.nft("table inet f { chain i { type filter hook input priority 0; policy drop;"
                 " ip saddr 10.20.0.0/16 tcp dport 389 accept;"
                 " ip6 saddr 2001:db8:20::/48 tcp dport 389 accept;\n}\n}\n")
        for family, accepted in ((4, ["10.20.0.0/16"]), (6, ["2001:db8:20::/48"])):
            r = self.ctl("--json", "prove", "tcp/389", "--family", family, "--in", "eth0")
            answers = [json.loads(x) for x in r.stdout.splitlines()]
            self.assertTrue(answers)
            for a in answers:
                self.assertEqual(a["accept"], accepted, r.stdout)
        r = self.ctl("--json", "listeners")
        rows = [json.loads(x) for x in r.stdout.splitlines()]
        self.assertTrue([x for x in rows if x["port"] == 389 and x["process"] == "slapd"], r.stdout)

    def test_packets_in_bulk(self):
        self.nft("table inet f { chain i { type filter hook input priority 0; policy drop;"
                 " ip saddr 10.20.0.0/16 tcp dport 389 accept; ip6 saddr 2001:db8:20::/48 limit rate 1/second"
                 " tcp dport 389 accept;\n}\n}\n")
        lines = "10.20.3.4 tcp/389\n10.21.3.4 tcp/389\n2001:db8:20::1 tcp/389\n2001:db8:21::1 tcp/389\n"
        build = self.server.show(BUILD)
        r = self.server.run(os.path.join(build, "guardctl"), "prove", "--packets", "-", "--in", "eth0",
                            input=lines)
        self.assertEqual(r.stdout, "10.20.3.4 tcp/389 A\n10.21.3.4 tcp/389 D\n"
                                   "2001:db8:20::1 tcp/389 ?\n2001:db8:21::1 tcp/389 D\n")


class PublishedByDocker(ExposureWorld):
    """A container as Docker joins it: a namespace behind a bridge, and DNAT."""

    def container(self):
        c = self.host("container")
        s = self.server
        s.run("ip", "link", "add", "docker0", "type", "bridge")
        s.run("ip", "link", "set", "docker0", "up")
        self.addresses(s, "docker0", "172.17.0.1/16", "fd00:17::1/64")
        self.link(s, "veth1", c, "eth0")
        s.run("ip", "link", "set", "veth1", "master", "docker0")
        self.addresses(c, "eth0", "172.17.0.2/16", "fd00:17::2/64")
        c.run("ip", "route", "add", "default", "via", "172.17.0.1")
        c.run("ip", "-6", "route", "add", "default", "via", "fd00:17::1")
        s.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        infra.registry(c)

    def test_input_is_never_asked_about_a_published_port(self):
        self.container()
        for cmd, net, to in (("iptables", "172.17.0.0/16", "172.17.0.2:5000"),
                             ("ip6tables", "fd00:17::/64", "[fd00:17::2]:5000")):
            for rule in (f"-t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 5000 -j DNAT"
                         f" --to-destination {to}",
                         f"-t nat -A POSTROUTING -s {net} ! -o docker0 -j MASQUERADE",
                         "-A INPUT -p ipv6-icmp -j ACCEPT" if net.startswith("fd") else "-N unused",
                         "-P INPUT DROP", "-A INPUT -p tcp --dport 5000 -j DROP"):
                self.server.run(cmd, *rule.split())
        self.start_guardd(CONFIG)
        cells, status = self.cells("registry")
        self.assertEqual(status, 2)
        for family, server in ((4, self.V4), (6, self.V6)):
            cell = cells["port", "registry", "tcp", 5000, family]
            self.assertEqual(cell["state"], "open", cell)
            self.assertIn("172.17.0.2:5000" if family == 4 else "[fd00:17::2]:5000", json.dumps(cell))
            self.assertEqual(self.attacker.connects(server, 5000), "open")
        self.nft(self.guardd.ctl("check", "registry", "--suggest", check=False).stdout)
        cells, status = self.cells("registry")
        self.assertEqual(status, 0, cells)
        for server in (self.V4, self.V6):
            self.assertEqual(self.attacker.connects(server, 5000, timeout=0.5), "silent")
        self.assertEqual(self.infra.connects("192.0.2.1", 5000), "open")
        self.assertEqual(self.infra.connects("2001:db8:2::1", 5000), "open")


if __name__ == "__main__":
    main()
