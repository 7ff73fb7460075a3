# SPDX-License-Identifier: GPL-2.0-or-later
"""The fleet seen from outside: three guardd with a herald each, a real Redis, real firewalls and listeners.

web1 and web2 are of group infra, out is not: to rule ldap it is an outsider. All are behind one router, which
can do what no proof of a host sees.
"""
import os
import subprocess

from lib import LIMIT, USER, Guardd, Herald, World, main, until

ADDRESSES = {"web1": ("192.0.2.11", "2001:db8:2::11"), "web2": ("198.51.100.12", "2001:db8:1::12"),
             "out": ("203.0.113.13", "2001:db8:3::13")}
ROUTER = {"web1": ("192.0.2.1", "2001:db8:2::1"), "web2": ("198.51.100.1", "2001:db8:1::1"),
          "out": ("203.0.113.1", "2001:db8:3::1")}
INFRA4 = f"{ADDRESSES['web1'][0]}, {ADDRESSES['web2'][0]}"
INFRA6 = f"{ADDRESSES['web1'][1]}, {ADDRESSES['web2'][1]}"

CONFIG = """
never_ban: []
herald_user: %s
groups:
  infra:
    - {name: web1, addresses: [%s, '%s']}
    - {name: web2, addresses: [%s, '%s']}
alerts: {channels: []}
fleet:
  server: %%s
  tls: no
  host: %%s
  report: 5s
  share: none
  probe: {every: 5s, per_second: 50, within: [infra]}
""" % (USER, *ADDRESSES["web1"], *ADDRESSES["web2"])

# Who gets to port 389: infra alone. A reset is an answer at once.
CLOSED4 = f"ip saddr != {{ {INFRA4} }} tcp dport 389 reject with tcp reset"
CLOSED6 = f"ip6 saddr != {{ {INFRA6} }} tcp dport 389 reject with tcp reset"
# A round in which a port is silent, twice, and the reports around it.
PATIENCE = 4 * LIMIT


class FleetWorld(World):
    def setUp(self):
        super().setUp()
        self.router = self.host("router")
        self.fleet, self.guardds, self.heralds = {}, [], {}
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for i, (name, own) in enumerate(ADDRESSES.items()):
            host = self.fleet[name] = self.host(name)
            self.link(self.router, f"fl{i}", host, "eth0")
            self.addresses(self.router, f"fl{i}", ROUTER[name][0] + "/24", ROUTER[name][1] + "/64")
            self.addresses(host, "eth0", own[0] + "/24", own[1] + "/64")
            host.run("ip", "route", "add", "default", "via", ROUTER[name][0])
            host.run("ip", "-6", "route", "add", "default", "via", ROUTER[name][1])
            for path in ("/var/log", "/run/log", "/run/systemd"):
                if os.path.isdir(path):
                    host.hide(path)
        self.share = os.path.join(self.folder, "share")
        for d in ("filters", "rules"):
            os.makedirs(os.path.join(self.share, d))
        with open(os.path.join(self.share, "rules", "ldap.yaml"), "w", encoding="utf-8") as f:
            f.write("expose: ldap\nports: [tcp/389]\nonly: [infra]\ncontainers: no\n")
        self.router.popen("redis-server", "--bind", "*", "-::*", "--protected-mode", "no", "--save", "", "--dir",
                          self.router.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("redis answers", lambda: "PONG" in self.router.run("redis-cli", "ping", check=False).stdout)

    def tearDown(self):
        failed = any(e for _, e in getattr(self._outcome, "errors", []) if e) or \
            any(t is self for t, _ in self._outcome.result.failures + self._outcome.result.errors)
        for name, h in self.heralds.items():
            if failed:
                print(f"--- fleet-exposure of {name}\n{h.ask('fleet-exposure')}")
            h.kill()
            if failed:
                print(f"--- herald of {name}\n{h.log()[-3000:]}\n--- guardd of {name}\n"
                      f"{self.guardds[list(self.heralds).index(name)].log()[-2000:]}")
        for g in self.guardds:
            g.kill()
        super().tearDown()

    def firewall(self, name, *rules):
        """What name lets in, in the place of what it did; one change."""
        self.fleet[name].run("nft", "-f", "-", input="table inet own\ndelete table inet own\n"
                             "table inet own {\nchain i { type filter hook input priority 0; policy accept;\n"
                             + "\n".join(rules) + "\n}\n}\n")

    def begin(self):
        for name, host in self.fleet.items():
            guardd = Guardd(host, CONFIG % (ROUTER[name][0], name), {}, self.share)
            guardd.start()
            self.guardds.append(guardd)
            self.heralds[name] = Herald(host, guardd.path("run")).start()
        for name, herald in self.heralds.items():
            until(f"{name}'s herald is connected", herald.connected)

    def matrix(self, name, *host):
        """Cells that name's herald knows, by (host, port, family)."""
        lines = self.heralds[name].ask("fleet-exposure", *host)
        return {(c["host"], c["port"], c["family"]): c for c in lines if c.get("type") == "cell"}

    def seen(self, name, host, family, vantage):
        """Answer, verdict and state of what vantage saw of ldap on host, as name's herald has it."""
        cell = self.matrix(name).get((host, 389, family), {"vantages": []})
        for v in cell["vantages"]:
            if v["vantage"] == vantage:
                return v["answer"], v["verdict"], v["state"]
        return None

    def state(self, name, host, family):
        """What the proof says, and both together."""
        cell = self.matrix(name).get((host, 389, family))
        return cell and (cell["proof"], cell["state"])

    def alerts(self, name):
        """Standing disagreements: severity by subject."""
        return {a["subject"]: a["severity"] for a in self.heralds[name].ask("alerts")
                if a.get("event") == "probe-disagrees"}

    def exposure(self, name, *args):
        return self.heralds[name].ctl("fleet", "exposure", *args, check=False)


class SeenFromOutside(FleetWorld):
    def test_ipv6_forgotten_is_seen_by_an_outsider_beside_the_proof_that_says_so(self):
        self.fleet["web1"].listen("::", 389)
        self.fleet["web2"].listen("::", 389)
        self.firewall("web1", CLOSED4)
        self.firewall("web2", CLOSED4, CLOSED6)
        self.begin()
        # Each host's herald knows what the outsider saw.
        for name in self.fleet:
            until(f"{name} knows that IPv6 of web1 is reached", lambda n=name: self.seen(n, "web1", 6, "out") ==
                  ("open", "gap", "gap"), PATIENCE)
            until(f"{name} knows that IPv4 of web1 is closed", lambda n=name: self.seen(n, "web1", 4, "out") ==
                  ("refused", "ok", "agree"), PATIENCE)
            until(f"{name} knows of web2", lambda n=name: [self.seen(n, "web2", f, "out") for f in (4, 6)] ==
                  2 * [("refused", "ok", "agree")], PATIENCE)
        # Hosts of the group are let in, and see it.
        until("web2 is let in", lambda: [self.seen("out", "web1", f, "web2") for f in (4, 6)] ==
              2 * [("open", "ok", "agree")], PATIENCE)
        self.assertEqual(self.state("out", "web1", 6), ("open", "gap"))
        self.assertEqual(self.state("out", "web1", 4), ("proven", "agree"))
        self.assertEqual(self.state("out", "web2", 6), ("proven", "agree"))
        # Both say so: that is a gap, and no disagreement.
        self.assertEqual([self.alerts(n) for n in self.fleet], 3 * [{}])
        # Nobody asks out, which is not in infra, nor itself.
        self.assertEqual([self.seen("web1", "out", f, v) for f in (4, 6) for v in ("web1", "web2")], 4 * [None])
        self.assertIsNone(self.seen("web1", "web1", 4, "web1"))

        r = self.exposure("web2")
        self.assertEqual(r.returncode, 2, r.stdout)
        lines = r.stdout.splitlines()
        self.assertEqual(lines[1].split()[:5], ["web1", "ldap", "tcp/389", "IPv6", "open"])
        self.assertIn("reached by out", lines[1])
        self.assertIn("open to 1", lines[1])
        self.assertRegex(r.stdout, r"gap web1: out \(2001:db8:3::13\) reached port 389 of web1 at 2001:db8:2::11")
        self.assertIn("web2", self.exposure("web1", "web2").stdout)
        self.assertNotIn("web1 ", self.exposure("out", "web2", "--brief").stdout.splitlines()[-1])
        self.assertEqual(self.exposure("out", "nobody").returncode, 3)

        # Closed on the host itself: the proof says so at once, the probe soon, and all is well.
        self.firewall("web1", CLOSED4, CLOSED6)
        until("web1 is closed", lambda: self.state("out", "web1", 6) == ("proven", "agree"), PATIENCE)
        self.assertEqual([self.alerts(n) for n in self.fleet], 3 * [{}])

    def test_what_a_router_does_is_seen_from_outside_alone(self):
        for name in ("web1", "web2"):
            self.fleet[name].listen("::", 389)
            self.firewall(name, CLOSED4, CLOSED6)
        self.fleet["web2"].listen("::", 1389)
        self.begin()
        for family in (4, 6):
            until("all agree", lambda f=family: self.state("web1", "web1", f) == ("proven", "agree"), PATIENCE)
        # Who comes from outside to web1 lands elsewhere, where everybody is let in: no rule of web1's own is asked.
        self.router.run("nft", "-f", "-", input="".join(
            f"table {table} t {{\nchain p {{ type nat hook prerouting priority -100;\n"
            f"iifname fl2 {table} daddr {ADDRESSES['web1'][i]} tcp dport 389 dnat to {end}:1389\n}}\n}}\n"
            for i, (table, end) in enumerate((("ip", ADDRESSES["web2"][0]), ("ip6", f"[{ADDRESSES['web2'][1]}]")))))
        both = {f"web1 ldap tcp/389 IPv{f}": "critical" for f in (4, 6)}
        # Told by who saw it and by whom it is about; web2 is neither.
        for name in ("web1", "out"):
            until(f"{name} tells it", lambda n=name: self.alerts(n) == both, PATIENCE)
        self.assertEqual(self.alerts("web2"), {})
        self.assertEqual(self.state("web1", "web1", 4), ("proven", "disagree"))
        until("web2 knows it, too", lambda: self.state("web2", "web1", 4) == ("proven", "disagree"), PATIENCE)
        r = self.exposure("web2", "--brief")
        self.assertEqual(r.returncode, 2, r.stdout)
        self.assertRegex(r.stdout, r"disagree web1: out \(203\.0\.113\.13\) reached port 389 of web1 at 192\.0\.2\.11,"
                         r" which rule ldap does not allow; the proof of web1 says proven")
        # A herald that is another one by now knows that it stands; and tells its end.
        self.heralds["out"].stop()
        self.heralds["out"].start()
        until("out's herald is connected", self.heralds["out"].connected)
        self.assertEqual(self.alerts("out"), both)
        self.router.run("nft", "flush ruleset")
        for name in ("web1", "out"):
            until(f"{name} tells the end", lambda n=name: self.alerts(n) == {}, PATIENCE)
        until("all agree again", lambda: self.state("web2", "web1", 4) == ("proven", "agree"), PATIENCE)

    def test_an_allowed_host_that_a_router_shuts_out(self):
        for name in ("web1", "web2"):
            self.fleet[name].listen("::", 389)
            self.firewall(name, CLOSED4, CLOSED6)
        self.begin()
        until("web2 is let in", lambda: self.seen("web1", "web1", 6, "web2") == ("open", "ok", "agree"), PATIENCE)
        self.router.run("nft", "-f", "-", input="table inet t { chain f { type filter hook forward priority 0;"
                        " iifname fl1 oifname fl0 meta nfproto ipv6 tcp dport 389 drop\n}\n}\n")
        want = {"web1 ldap tcp/389 IPv6": "warning"}
        for name in ("web1", "web2"):
            until(f"{name} tells it", lambda n=name: self.alerts(n) == want, PATIENCE)
        self.assertEqual(self.alerts("out"), {})
        # The host itself closes it, and says so: no disagreement any more, though nobody gets in.
        self.firewall("web1", CLOSED4, "meta nfproto ipv6 tcp dport 389 drop")
        for name in ("web1", "web2"):
            until(f"{name} tells the end", lambda n=name: self.alerts(n) == {}, PATIENCE)
        until("both say shut out", lambda: self.state("out", "web1", 6) == ("shut out", "shut out"), PATIENCE)


if __name__ == "__main__":
    main()
