# SPDX-License-Identifier: GPL-2.0-or-later
"""Ban rules as they are written: escalation, forgiveness, distinct users, prefixes, dry run, scope, spared groups."""
import time

import logs
from lib import main, until
from routed import RoutedWorld

FILTER = """
filter: sshd
sources:
  - file: /var/log/auth.log
program: [sshd]
offences:
  - match: '^Failed password for (?:invalid user )?<user> from <addr> port \\d+ ssh2$'
forgive: '^Accepted password for <user> from <addr> port \\d+ ssh2$'
"""


def accepted(address, t, user="alice"):
    return f"{logs.stamp(t)} host sshd[78]: Accepted password for {user} from {address} port 4242 ssh2\n"


class Rules(RoutedWorld):
    def setUp(self):
        super().setUp()
        self.log = self.server.folder + "/var-log/auth.log"
        open(self.log, "w", encoding="utf-8").close()
        self.counted = 0

    def start(self, rule, config="", **more):
        files = {"filters.d/sshd.yaml": FILTER, "rules.d/ssh.yaml": "ban: ssh\nfilters: [sshd]\n" + rule}
        self.start_guardd(config, files={**files, **more})
        self.reads("/var/log/auth.log")

    def write(self, text):
        with open(self.log, "a", encoding="utf-8") as f:
            f.write(text)

    def fail_from(self, address, times=1, user="root", ago=0.0):
        """That many offences, one after the other; returns when they are counted."""
        now = time.time() - ago
        self.write("".join(logs.failed(address, now + i * 1e-4, user) for i in range(times)))
        self.counted += times
        self.offences(self.counted)

    def test_threshold_and_window(self):
        self.start("points: 5\nwithin: 10m\nfor: 1h\n")
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            self.fail_from(address, 3, ago=500)
            self.fail_from(address, 1, ago=100)
            self.assertNotIn(prefix, self.guardd.bans())
            self.fail_from(address, 1)
            ban = self.guardd.wait_ban(prefix)
            self.assertTrue(3590 < ban["remaining_s"] <= 3600, ban)
            self.fail_from(address, 7)
            self.assertEqual(self.guardd.bans()[prefix]["count"], 7)

    def test_window_slides_by_the_lines_time(self):
        """Six within ten minutes and a second, but never five within ten minutes."""
        self.start("points: 5\nwithin: 10m\nfor: 1h\n")
        then = time.time() - 7200
        text = {at: "".join(logs.failed(a, then + s) for a in ("192.0.2.5", "2001:db8:55::5") for s in at)
                for at in ((0, 1, 2, 300, 601.5, 601.6), (0, 1, 2, 300, 599.5))}
        for at, want in zip(text, (set(), {"192.0.2.5", "2001:db8:55::/64"})):
            path = self.server.folder + "/var-log/old.log"
            with open(path, "w", encoding="utf-8") as f:
                f.write(text[at])
            self.assertEqual({b["prefix"] for b in self.guardd.json("replay", "--filter", "sshd", path)}, want, at)

    def test_escalation_and_its_ceiling_and_history(self):
        self.start("points: 3\nwithin: 10m\nfor: 1h\nescalate: {factor: 3, max: 20h, forget: 30d}\n")
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            for level, hours in ((1, 1), (2, 3), (3, 9), (4, 20), (5, 20)):
                self.fail_from(address, 3)
                ban = self.guardd.wait_ban(prefix)
                self.assertEqual(ban["level"], level)
                self.assertTrue(hours * 3600 - 20 < ban["remaining_s"] <= hours * 3600, ban)
                self.guardd.ctl("unban", address)
                self.assertNotIn(prefix, self.guardd.bans())
            history = self.guardd.json("history", prefix)
            self.assertEqual(sorted(h["level"] for h in history), [1, 2, 3, 4, 5])
            self.assertTrue(all(h["rule"] == "ssh" and h["ended"] for h in history), history)
        self.assertEqual(len(self.guardd.json("history", "192.0.2.0/24")), 5)
        self.assertEqual(self.guardd.json("history", "192.0.2.6"), [])

    def test_expired_ban_escalates_the_next(self):
        self.start("points: 3\nwithin: 10m\nfor: 3s\nescalate: {factor: 1000, max: 1h, forget: 30d}\n")
        both = (("192.0.2.5", "192.0.2.5", "host4"), ("2001:db8:55::5", "2001:db8:55::/64", "net6"))
        for address, prefix, _ in both:
            self.fail_from(address, 3)
            self.guardd.wait_ban(prefix)
        until("both are over", lambda: not self.guardd.bans())
        for address, prefix, name in both:
            self.assertFalse(self.guardd.kernel_has(name, address))
            self.fail_from(address, 3)
            self.assertEqual(self.guardd.wait_ban(prefix)["level"], 2)
            self.assertGreater(self.guardd.bans()[prefix]["remaining_s"], 2900)

    def test_escalation_is_forgotten(self):
        """A ban that ended longer ago than that is no former one. By the lines' own time, so by replay."""
        self.start("points: 3\nwithin: 1m\nfor: 1h\nescalate: {factor: 2, max: 1d, forget: 2h}\n")
        now = time.time() - 20 * 3600
        path = self.server.folder + "/var-log/old.log"
        with open(path, "w", encoding="utf-8") as f:
            for address in ("192.0.2.5", "2001:db8:55::5"):
                for hours in (0, 2, 8):
                    f.write("".join(logs.failed(address, now + hours * 3600 + i) for i in range(3)))
        got = {}
        for b in self.guardd.json("replay", "--filter", "sshd", path):
            got.setdefault(b["prefix"], []).append(b["level"])
        self.assertEqual(got, {"192.0.2.5": [1, 2, 1], "2001:db8:55::/64": [1, 2, 1]})

    def test_forgive_on_success(self):
        self.start("points: 5\nwithin: 10m\nfor: 1h\nforgive: yes\n")
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            self.fail_from(address, 4)
            self.write(accepted(address, time.time()))
            self.fail_from(address, 4)
            self.assertNotIn(prefix, self.guardd.bans())
            self.fail_from(address)
            self.guardd.wait_ban(prefix)
            # A success lifts no ban.
            self.write(accepted(address, time.time()))
            self.fail_from(address)
            self.assertIn(prefix, self.guardd.bans())

    def test_a_success_clears_nothing_unless_told_to(self):
        self.start("points: 5\nwithin: 10m\nfor: 1h\n")
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            self.fail_from(address, 4)
            self.write(accepted(address, time.time()))
            self.fail_from(address)
            self.guardd.wait_ban(prefix)

    def test_distinct_users(self):
        """One name counts once: a program with an old password is left alone, one that tries names is not."""
        self.start("points: 4\nwithin: 10m\nfor: 1h\ndistinct: user\n")
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            self.fail_from(address, 20, user="alice")
            for user in ("bob", "carol"):
                self.fail_from(address, 2, user=user)
            self.assertNotIn(prefix, self.guardd.bans())
            self.fail_from(address, user="dave")
            self.guardd.wait_ban(prefix)

    def test_prefix_is_banned_when_many_of_its_hosts_are(self):
        self.start("points: 2\nwithin: 10m\nfor: 1h\nprefix: {hosts: 8}\n")
        for form, wide, outside in (("192.0.2.{}", "192.0.2.0/24", "192.0.3.1"),
                                    ("2001:db8:55:{}::7", "2001:db8:55::/48", "2001:db8:56::7")):
            for i in range(1, 8):
                self.fail_from(form.format(i), 2)
                self.guardd.wait_ban(logs.banned_as(form.format(i)))
            self.assertNotIn(wide, self.guardd.bans())
            self.fail_from(outside, 2)
            self.guardd.wait_ban(logs.banned_as(outside))
            self.assertNotIn(wide, self.guardd.bans())
            self.fail_from(form.format(8), 2)
            ban = self.guardd.wait_ban(wide)
            self.assertEqual(ban["rule"], "ssh")
            self.assertTrue(self.guardd.kernel_has("prefix6" if ":" in wide else "prefix4", form.format(200)))
            self.assertFalse(self.guardd.kernel_has("prefix6" if ":" in wide else "prefix4", outside))

    def test_prefix_that_holds_a_spared_address_is_not_banned(self):
        self.start("points: 2\nwithin: 10m\nfor: 1h\nprefix: {hosts: 3}\n",
                   "never_ban: [192.0.2.200, '2001:db8:55:200::1']\n")
        for form, wide in (("192.0.2.{}", "192.0.2.0/24"), ("2001:db8:55:{}::7", "2001:db8:55::/48")):
            for i in range(1, 6):
                self.fail_from(form.format(i), 2)
                self.guardd.wait_ban(logs.banned_as(form.format(i)))
            self.assertNotIn(wide, self.guardd.bans())
            self.assertFalse(self.guardd.kernel_has("prefix6" if ":" in wide else "prefix4", form.format(200)))

    def test_dry_run_tells_and_bans_nobody(self):
        self.start("points: 3\nwithin: 10m\nfor: 1h\ndry_run: true\n")
        for source, server, name in ((self.FROM4, self.V4, "host4"), (self.FROM6, self.V6, "host6")):
            self.server.listen(server, 2222)
            self.fail_from(source, 4)
            listed = until("it is listed", lambda s=source: [b for b in self.guardd.json("list") if b["prefix"] == s])
            self.assertEqual([(b["dry_run"], b["in_force"], b["count"]) for b in listed], [(True, False, 1)])
            until("it is told", lambda s=source: self.guardd.said(s))
            self.assertFalse(self.guardd.kernel_has(name, source))
            self.assertEqual(self.attacker.connects(server, 2222), "open")
            self.assertTrue(all(h["dry_run"] for h in self.guardd.json("history", source)))
        self.guardd.stop()
        self.guardd.start()
        self.reads("/var/log/auth.log")
        self.assertEqual(self.guardd.bans(), {})
        self.assertEqual(self.attacker.connects(self.V4, 2222), "open")

    def test_rule_that_goes_live_bans_whom_it_only_told_of(self):
        rule = "points: 3\nwithin: 10m\nfor: 1h\n"
        self.start(rule + "dry_run: true\n")
        for source in (self.FROM4, self.FROM6):
            self.fail_from(source, 3)
            until("it is told", lambda s=source: self.guardd.said(f"would ban {s}"))
        self.guardd.write("rules.d/ssh.yaml", "ban: ssh\nfilters: [sshd]\n" + rule)
        self.guardd.ctl("reload")
        self.reads("/var/log/auth.log")
        for source in (self.FROM4, self.FROM6):
            self.fail_from(source, 3)
            self.assertEqual(self.guardd.wait_ban(source)["level"], 1)

    def test_scope_service_shuts_its_ports_only(self):
        """Ports and ranges of both protocols; two rules with ports of their own do not touch each other."""
        other = ("ban: other\nfilters: [other]\npoints: 3\nwithin: 10m\nfor: 1h\nscope: service\n"
                 "ports: [tcp/2300]\n")
        self.start("points: 3\nwithin: 10m\nfor: 1h\nscope: service\nports: [tcp/2200, tcp/2210-2212]\n",
                   **{"rules.d/other.yaml": other,
                      "filters.d/other.yaml": FILTER.replace("filter: sshd", "filter: other")
                      .replace("auth.log", "other.log").replace("[sshd]", "[other]")})
        for source, server in ((self.FROM4, self.V4), (self.FROM6, self.V6)):
            for port in (2199, 2200, 2209, 2210, 2211, 2212, 2213, 2300):
                self.server.listen(server, port)
            self.fail_from(source, 3)
            self.guardd.wait_ban(source)
            got = {p: self.attacker.connects(server, p, 1.0)
                   for p in (2199, 2200, 2209, 2210, 2211, 2212, 2213, 2300)}
            self.assertEqual({p for p, how in got.items() if how == "silent"}, {2200, 2210, 2211, 2212}, got)
            self.assertGreater(self.guardd.bans()[source]["packets"], 0)

    def test_never_ban_inside_a_rule(self):
        """Spared by this rule, not by another."""
        other = FILTER.replace("filter: sshd", "filter: other").replace("auth.log", "other.log") \
            .replace("[sshd]", "[other]")
        self.start("points: 3\nwithin: 10m\nfor: 1h\nnever_ban: [office, 203.0.113.9]\n",
                   "groups:\n  office: [192.0.2.0/28, {name: gate, addresses: ['2001:db8:55::5']}]\n",
                   **{"filters.d/other.yaml": other,
                      "rules.d/other.yaml": "ban: other\nfilters: [other]\npoints: 3\nwithin: 10m\nfor: 1h\n"})
        spared = ("192.0.2.5", "203.0.113.9", "2001:db8:55::5")
        for address in spared:
            self.fail_from(address, 5)
        # Its neighbours are banned, in the /64 of a spared one each alone.
        for address in ("192.0.2.16", "2001:db8:55::6"):
            self.fail_from(address, 3)
            self.guardd.wait_ban(address)
        self.assertEqual(set(self.guardd.bans()), {"192.0.2.16", "2001:db8:55::6"})
        now = time.time()
        with open(self.server.folder + "/var-log/other.log", "a", encoding="utf-8") as f:
            for address in spared:
                f.write("".join(logs.failed(address, now).replace("sshd[", "other[") for _ in range(3)))
        for address in ("192.0.2.5", "203.0.113.9"):
            self.assertEqual(self.guardd.wait_ban(address)["rule"], "other")
        until("the spared IPv6 host is banned by the other rule", lambda: any(
            b["rule"] == "other" and ":" in b["prefix"] for b in self.guardd.bans().values()))

    def test_v4_mapped_addresses_are_ipv4(self):
        self.start("points: 4\nwithin: 10m\nfor: 1h\n")
        self.fail_from("::ffff:192.0.2.5", 2)
        self.fail_from("192.0.2.5", 2)
        self.guardd.wait_ban("192.0.2.5")
        self.assertEqual(list(self.guardd.bans()), ["192.0.2.5"])


if __name__ == "__main__":
    main()
