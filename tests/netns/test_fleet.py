# SPDX-License-Identifier: GPL-2.0-or-later
"""Three guardd that share their bans: from one host's log into the others' kernels, and who may do what there."""
import base64
import os
import subprocess
import time

from fleets import RULE, FleetWorld, many
from lib import main, until
from services import own_dev, own_users, rsyslogd, ssh, sshd

BOTH = ("203.0.113.7", "2001:db8:7::/64")
FROM = ("203.0.113.7", "2001:db8:7::7")
MORE = ("203.0.113.8", "2001:db8:8::/64")
MORE_FROM = ("203.0.113.8", "2001:db8:8::7")
LAST, LAST_FROM = ("203.0.113.99", "2001:db8:99::/64"), ("203.0.113.99", "2001:db8:99::9")


class Fleet(FleetWorld):
    def passed_on(self, *hosts):
        """A last ban of the first host came everywhere: whatever was said before it, too."""
        self.web[0].attacked(*LAST_FROM)
        self.everywhere(*LAST, hosts=hosts or None)

    def lines(self, kind="ban", *prefixes):
        return [e for e in self.redis.entries() if e.split()[1] == kind and (not prefixes or e.split()[4] in prefixes)]

    def test_a_ban_is_in_the_kernel_of_the_others_in_both_families(self):
        self.start_all()
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH)
        one, two, three = (m.entries() for m in self.web)
        self.assertEqual(set(one), {(p, "ssh") for p in BOTH})
        for other in (two, three):
            self.assertEqual(set(other), {(p, "fleet/ssh") for p in BOTH})
            for p in BOTH:
                self.assertIn("web1", other[p, "fleet/ssh"]["why"])
                self.assertLessEqual(abs(other[p, "fleet/ssh"]["remaining_s"] - one[p, "ssh"]["remaining_s"]), 2)

    def test_a_real_sshd_and_a_real_attacker(self):
        attacker = self.host("attacker")
        self.link(attacker, "eth0", self.hub, "attacker")
        self.hub.run("ip", "link", "set", "attacker", "master", "br0")
        self.addresses(attacker, "eth0", "192.0.2.66/24", "2001:db8:2::66/64")
        for h in (self.web[0].host, self.web[2].host):
            own_dev(h)
            own_users(h)
            rsyslogd(h)
            sshd(h)
        self.start_all(rule=RULE.replace("points: 2", "points: 4"))
        one, three = self.web[0], self.web[2]
        for address, there, source in ((one.v4, three.v4, "192.0.2.66"), (one.v6, three.v6, "2001:db8:2::66")):
            self.assertEqual(attacker.connects(there, 22), "open")
            for _ in range(2):
                ssh(attacker, address, "root", "wrong")
            # On the hosts' own link: it alone, never the /64 that they all share.
            self.everywhere(source)
            for m in (address, there):
                self.assertEqual(attacker.connects(m, 22, 1.0), "silent")

    def test_an_unban_travels(self):
        self.start_all()
        self.web[0].attacked(*FROM, *MORE_FROM)
        self.everywhere(*BOTH, *MORE)
        for p in BOTH:
            self.web[0].guardd.ctl("unban", p)
        self.nowhere(*BOTH)
        self.everywhere(*MORE)
        for m in self.web:
            self.assertFalse({p for p, _ in m.entries()} & set(BOTH))

    def test_a_damaged_book_lifts_nothing_elsewhere_and_brings_the_others_back(self):
        self.start_all()
        one = self.web[0]
        one.attacked(*FROM)
        self.web[1].attacked(*MORE_FROM)
        self.everywhere(*BOTH, *MORE)
        one.guardd.stop()
        with open(one.guardd.path("state", "book.db"), "wb") as f:
            f.write(b"this is no book\n" * 300)
        one.guardd.start()
        one.wait_joined()
        until("those of others are back", lambda: set(one.entries()) >= {(p, "fleet/ssh") for p in MORE})
        self.passed_on()
        # A greeting later the book is whole, and what is not in it was lost before.
        one.guardd.stop()
        one.guardd.start()
        one.wait_joined()
        one.attacked("203.0.113.98", "2001:db8:98::9")
        self.everywhere("203.0.113.98", "2001:db8:98::/64", *BOTH, *MORE)
        self.assertEqual(self.lines("lift"), [])

    def test_an_unban_of_anothers_ban_is_this_hosts_alone(self):
        self.start_all()
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH)
        for p in BOTH:
            self.web[1].guardd.ctl("unban", p)
        self.nowhere(*BOTH, hosts=[self.web[1]])
        self.passed_on()
        self.everywhere(*BOTH, hosts=[self.web[0], self.web[2]])
        self.assertTrue(self.web[1].spares(*BOTH))
        self.assertEqual(self.lines("lift"), [])

    def test_bans_by_hand_are_shared_only_when_asked(self):
        self.start_all()
        for p in BOTH:
            self.web[0].guardd.ctl("ban", p, "--for", "1h")
        for p in MORE:
            self.web[0].guardd.ctl("ban", p, "--for", "1h", "--fleet")
        self.everywhere(*MORE)
        self.passed_on()
        self.nowhere(*BOTH, hosts=self.web[1:])
        self.assertTrue(self.web[0].drops(*BOTH))
        # From any host that is trusted with it, and whoever made the ban.
        self.web[0].attacked(*FROM)
        for p in (*MORE, *LAST):
            self.web[2].guardd.ctl("unban", p, "--fleet")
        self.nowhere(*MORE, *LAST)

    def test_an_unban_for_the_fleet_ends_what_lies_inside_a_prefix(self):
        self.start_all()
        sources, prefixes = many(20, 7)
        self.web[0].attacked(*sources[:10])
        self.web[1].attacked(*sources[10:])
        self.everywhere(*prefixes)
        for wide in ("198.18.7.0/24", "2001:db8:7::/48"):
            self.web[2].guardd.ctl("unban", wide, "--fleet")
        self.nowhere(*prefixes)

    def test_own_bans_never_come_back(self):
        self.start_all()
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH)
        for m in self.web:
            m.herald.stop()
            m.herald.start()
            m.wait_joined()
        self.passed_on()
        self.assertEqual(set(self.web[0].entries()), {(p, "ssh") for p in BOTH + LAST})
        self.assertEqual({e.split()[2] for e in self.lines()}, {"web1"})
        self.assertEqual(len(self.lines()), 4, self.redis.entries())

    def test_two_hosts_that_ban_the_same_source_hold_it_apart(self):
        self.start_all()
        for m in self.web[:2]:
            m.attacked(*FROM)
        for p in BOTH:
            until("both gave it", lambda p=p: {e.split()[2] for e in self.lines("ban", p)} == {"web1", "web2"})
        self.everywhere(*BOTH)
        for p in BOTH:
            self.web[0].guardd.ctl("unban", p)
        until("the lift was said", lambda: len(self.lines("lift")) == 2)
        self.passed_on()
        self.assertTrue(self.web[1].drops(*BOTH), "its own ban stands")

    def test_never_ban_of_the_receiving_host_wins(self):
        groups = "groups:\n  home:\n    - {name: office, addresses: [203.0.113.0/29, '2001:db8:7::7']}\n" \
                 "never_ban: [home]\n"
        self.start_all(self.web[0], self.web[2])
        self.web[1].start(self.HUB6, self.TRUST, top=groups)
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH, hosts=[self.web[0], self.web[2]])
        self.passed_on()
        # Of the IPv6 network the protected address is a part: it may not be banned as a whole.
        self.assertTrue(self.web[1].spares(*BOTH))
        self.assertEqual(self.web[1].fleet()["taken"]["never"], 2)
        for p in ("203.0.113.0/24", "2001:db8:7::/56"):
            self.web[0].guardd.ctl("ban", p, "--for", "1h", "--fleet")
        self.everywhere("203.0.113.0/24", "2001:db8:7::/56", hosts=[self.web[2]])
        until("both are refused", lambda: self.web[1].fleet()["taken"]["never"] == 4)
        self.assertTrue(self.web[1].drops(*LAST))

    def test_only_what_trust_allows_is_taken(self):
        self.web[0].start(self.HUB4, self.TRUST)
        self.web[1].start(self.HUB6, ["{hosts: [web3], rules: [ssh]}",
                                      "{hosts: ['*'], rules: [manual], at_most: 10m, ipv4: 25, ipv6: 49}"])
        self.web[2].start(self.HUB4, ["{hosts: ['web?'], rules: [ssh, manual], at_most: 10m, per_minute: 1}"])
        one, two, three = self.web
        one.attacked(*FROM)
        self.everywhere(*BOTH, hosts=[one, three])
        until("web2 was told, too", lambda: two.fleet()["taken"]["trust"] == 2)
        self.assertTrue(two.spares(*BOTH))
        for b in three.entries().values():
            self.assertLessEqual(b["remaining_s"], 600)
        for p in ("203.0.114.0/24", "2001:db8:700::/48", "203.0.115.0/25", "2001:db8:800::/49"):
            one.guardd.ctl("ban", p, "--for", "1h", "--fleet")
        self.everywhere("203.0.115.0/25", "2001:db8:800::/49", hosts=[two])
        self.assertEqual(two.fleet()["taken"]["wide"], 2)
        self.assertTrue(two.spares("203.0.114.0/24", "2001:db8:700::/48"))
        # Room for an hour at one a minute: six are taken already.
        sources, prefixes = many(200, 9)
        one.attacked(*sources)
        until("web3 had enough", lambda: sum(three.fleet()["taken"].values()) >= 206)
        self.assertLessEqual(len(three.kernel() & set(prefixes)), 57)
        self.assertGreaterEqual(len(three.kernel() & set(prefixes)), 54)
        self.assertTrue(one.drops(*prefixes))

    def test_a_dry_rule_gives_nothing_and_takes_nothing_into_the_kernel(self):
        self.web[0].start(self.HUB4, self.TRUST, rule=RULE + "dry_run: yes\n")
        self.web[1].start(self.HUB6, self.TRUST)
        self.web[2].start(self.HUB4, self.TRUST, rule=RULE + "dry_run: yes\n")
        self.web[0].attacked(*FROM)
        until("they are there, dry", lambda: len(self.web[0].entries()) == 2)
        self.web[1].attacked(*LAST_FROM)
        self.everywhere(*LAST, hosts=[self.web[1]])
        until("told to web3", lambda: {p for p, _ in self.web[2].entries()} == set(LAST))
        self.assertEqual({e.split()[2] for e in self.lines()}, {"web2"})
        self.assertEqual([m.kernel() for m in self.web], [set(), set(LAST), set()])

    def test_a_host_that_was_away_catches_up(self):
        self.start_all()
        sources, prefixes = many(300, 11)
        self.web[0].attacked(*FROM, *MORE_FROM)
        self.everywhere(*BOTH, *MORE)
        three = self.web[2]
        three.herald.stop()
        three.guardd.stop()
        self.web[0].attacked(*sources)
        self.everywhere(*prefixes, hosts=self.web[:2])
        for p in (*prefixes[:100], *BOTH):
            self.web[0].guardd.ctl("unban", p)
        self.nowhere(*prefixes[:100], *BOTH, hosts=self.web[:2])
        # One that ended while the host was away, and one that was lifted by hand for all.
        past = int(time.time())
        self.redis.add(f"1 ban web9 {past}000001 198.18.77.1 ssh points:2 {past - 7200} {past - 10} 1")
        self.web[1].guardd.ctl("unban", prefixes[299], "--fleet")
        self.nowhere(prefixes[299], hosts=self.web[:2])
        three.guardd.start()
        three.herald.start()
        three.wait_joined()
        self.everywhere(*prefixes[100:299], *MORE, hosts=[three])
        self.passed_on()
        self.assertEqual(three.kernel(), {*prefixes[100:299], *MORE, *LAST})
        self.assertEqual(self.web[0].kernel(), three.kernel())

    def test_only_signed_entries_of_known_keys_are_believed(self):
        keys = []
        for m in self.web:
            pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True,
                                 stdout=subprocess.PIPE).stdout
            m.secret("sign.pem", pem.decode())
            der = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=pem, check=True,
                                 stdout=subprocess.PIPE).stdout
            keys.append(f"{m.name} {base64.b64encode(der[-32:]).decode()}\n")
        self.web[2].secret("sign.pem", "")   # it gives, but not as the one that the others know
        for i, m in enumerate(self.web):
            pair = m.secret("keys", "".join(keys))
            sign = f"sign_file: {os.path.join(m.secrets, 'sign.pem')}" if i != 2 else ""
            m.start(self.HUB4, self.TRUST, more=f"keys_file: {pair}\n  {sign}")
        one, two, three = self.web
        one.attacked(*FROM)
        self.everywhere(*BOTH)
        three.attacked(*MORE_FROM)
        now = int(time.time())
        true = self.redis.entries()[0]
        signature = self.redis.says("xrange", "guardd:bans", "-", "+", "count", "1").split()[-1]
        rest = f"ssh points:2 {now} {now + 3600} 1"
        for line, more in ((f"1 ban web1 {now}999999 198.18.1.1 {rest}", ()),
                           (f"1 ban web1 {now}999998 198.18.1.2 {rest}", ("g", "A" * 86 + "==")),
                           (f"1 ban web1 {now}999997 198.18.1.3 {rest}", ("g", signature)),
                           (f"1 ban web9 {now}999996 198.18.1.4 {rest}", ("g", signature)),
                           (true, ("g", signature))):   # said again
            self.redis.add(line, *more)
        self.passed_on()
        for m in (one, two):
            self.assertTrue(m.spares(*MORE, *(f"198.18.1.{i}" for i in range(1, 5))))
            self.assertGreaterEqual(m.fleet()["forged"], 4)
        # A lift of before cannot be played back, either: its ban stands.
        one.guardd.ctl("unban", BOTH[0])
        self.nowhere(BOTH[0])
        lift = next(e for e in reversed(self.redis.entries()) if e.split()[1] == "lift")
        signature = self.redis.says("xrevrange", "guardd:bans", "+", "-", "count", "1").split()[-1]
        one.attacked(*[FROM[0]] * 2)
        self.everywhere(BOTH[0])
        self.redis.add(lift, "g", signature)
        one.attacked("203.0.113.98")
        self.everywhere("203.0.113.98", BOTH[0])


if __name__ == "__main__":
    main()
