# SPDX-License-Identifier: GPL-2.0-or-later
"""From a changed firewall rule to a mail and a webhook, with a real guardd: what opens, what closes, what stands over
restarts; and what the herald sees in the counters."""
import os
import signal

import infra
from lib import USER, Herald, World, main, until
from receivers import MAILBOX, Http, Relay, authority, certificate

CONFIG = """
herald_user: %s
groups:
  infra:
    - {name: pica01, addresses: [192.0.2.11, "2001:db8:2::11"]}
alerts:
  storm: %d
  channels:
    - {name: hook, at_least: info, per_hour: 3600, webhook: {url: 'http://[2001:db8:1::7]:8080/'}}
    - name: ops
      per_hour: 3600
      mail: {server: 198.51.100.7, port: 25, tls: start, from: guardd@web1.example.org, to: [%s@mx1.example.org],
             ca_file: %s}
"""
SHUT = """
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    iif lo accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
    ip saddr 192.0.2.11 accept
    ip6 saddr 2001:db8:2::11 accept
  }
}
"""


class JoinedWorld(World):
    def setUp(self):
        super().setUp()
        self.infra = self.host("infra")
        self.link(self.server, "eth1", self.infra, "eth0")
        self.addresses(self.server, "eth1", "192.0.2.1/24", "2001:db8:2::1/64")
        self.addresses(self.infra, "eth0", "192.0.2.11/24", "2001:db8:2::11/64")
        self.http = Http(self.attacker, 8080)
        self.herald = None

    def tearDown(self):
        if self.herald:
            self.herald.kill()
        super().tearDown()

    def begin(self, storm=1000):
        pki = os.path.join(self.folder, "pki")
        self.start_guardd(CONFIG % (USER, storm, MAILBOX, authority(pki)))
        self.herald = Herald(self.server, self.guardd.path("run")).start()
        until("the herald met guardd", self.herald.connected)

    def told(self, **want):
        return self.http.told(**want)

    def standing(self):
        return {(a["event"], a["subject"]) for a in self.herald.ask("alerts") if "event" in a}

    def restart_guardd(self):
        self.guardd.stop()
        self.guardd.start()
        until("the herald met guardd again", self.herald.connected)


class Firewall(JoinedWorld):
    def test_ldap_opened_on_ipv6_is_told_by_mail_and_webhook_and_so_is_its_end(self):
        pki = os.path.join(self.folder, "pki")
        relay = Relay(self.attacker, *certificate(pki, "relay", "IP:198.51.100.7"))
        infra.slapd(self.server)
        self.server.run("nft", "-f", "-", input=SHUT)
        self.begin()
        until("a proof", lambda: self.guardd.json("status")[0]["exposure"] not in ("unknown", "open"))
        gap = ("exposure-gap", "ldap tcp/389 IPv6")
        self.assertNotIn(gap, self.standing())
        out = self.server.run("nft", "-e", "-a", "add", "rule", "inet", "filter", "input", "meta", "nfproto", "ipv6",
                              "tcp", "dport", "389", "accept").stdout
        handle = out.split("# handle ")[1].split()[0]
        want = {"event": gap[0], "subject": gap[1]}
        raised, = until("the webhook", lambda: self.told(**want))
        self.assertEqual((raised["state"], raised["severity"]), ("raised", "critical"))
        mail = until("the mail", lambda: [m for m in relay.mails() if m["X-Guardd-Subject"] == gap[1]])[0]
        self.assertIn("exposure gap: ldap tcp/389 IPv6 (critical)", mail["Subject"])
        self.assertIn(raised["words"].split(";")[0], " ".join(mail.get_content().split("\n")))
        self.assertIn(gap, self.standing())
        self.assertNotIn(("exposure-gap", "ldap tcp/389 IPv4"), self.standing())

        # It stands: neither another herald nor another guardd tells it again.
        self.herald.stop()
        self.herald.start()
        until("the herald met guardd", self.herald.connected)
        self.restart_guardd()
        os.kill(self.guardd.role_pid("judge"), signal.SIGKILL)
        until("that a process was restarted is told",
              lambda: self.told(event="role-restarted", subject="guardd-judge"), 60)
        until("the herald met guardd", self.herald.connected)
        self.assertIn(gap, self.standing())
        self.assertEqual(len(self.told(**want)), 1)

        self.server.run("nft", "delete", "rule", "inet", "filter", "input", "handle", handle)
        ended, = until("its end", lambda: self.told(state="ended", **want))
        self.assertEqual(ended["episode"], raised["episode"])
        mail = until("the mail", lambda: [m for m in relay.mails() if m["X-Guardd-Subject"] == gap[1]][1:])[0]
        self.assertIn("ended: exposure gap: ldap tcp/389 IPv6", mail["Subject"])
        self.assertNotIn(gap, self.standing())

    def test_a_gap_that_closes_while_the_herald_is_away_ends(self):
        infra.slapd(self.server)
        self.begin()
        want = {"event": "exposure-gap", "subject": "ldap tcp/389 IPv6"}
        until("it is open", lambda: self.told(state="raised", **want))
        self.herald.stop()
        self.server.run("nft", "-f", "-", input=SHUT + "add rule inet filter input tcp dport 8080 accept\n")
        until("it is closed", lambda: self.guardd.json("status")[0]["exposure"] not in ("unknown", "open"))
        self.herald.start()
        until("its end", lambda: self.told(state="ended", **want))
        self.assertNotIn(tuple(want.values()), self.standing())


class Counters(JoinedWorld):
    def test_a_guardd_that_is_gone_for_a_minute(self):
        infra.slapd(self.server)
        self.begin()
        gap = ("exposure-gap", "ldap tcp/389 IPv6")
        until("a gap", lambda: gap in self.standing())
        self.guardd.stop()
        gone, = until("it is told", lambda: self.told(event="guardd-gone"), 90)
        self.assertEqual((gone["state"], gone["severity"]), ("raised", "critical"))
        # What stood is not known to have ended.
        self.assertIn(gap, self.standing())
        self.guardd.start()
        until("its end", lambda: self.told(event="guardd-gone", state="ended"))
        self.assertEqual(len(self.told(event="guardd-gone")), 2)

    def test_a_storm_of_bans(self):
        self.begin(storm=20)
        count = iter(range(1, 10000))

        def ban_some():
            for _ in range(5):
                n = next(count)
                self.guardd.ctl("ban", f"203.0.{n >> 8}.{n & 255}" if n % 2 else f"2001:db8:99:{n:x}::1", "--for", "1h")
            return self.told(event="ban-storm")
        storm, = until("the storm", ban_some, 60)
        self.assertRegex(storm["words"], "more than the 20 of alerts.storm; most of rule manual")
        self.assertIn(("ban-storm", "bans"), self.standing())

    def test_a_table_that_others_delete(self):
        self.begin()
        for _ in range(3):
            before = self.guardd.log().count("it is repaired")
            until("it is there", lambda: self.server.run("nft", "delete", "table", "inet", "guardd",
                                                         check=False).returncode == 0)
            until("it is made again", lambda: self.guardd.log().count("it is repaired") > before)
        moment, = until("it is told", lambda: self.told(event="table"))
        self.assertEqual(moment["state"], "happened")
        self.assertEqual(len(self.told(event="table")), 1)


if __name__ == "__main__":
    main()
