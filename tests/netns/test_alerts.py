# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts on their way to real receivers, beside a judge that is this test: mail, webhooks, Alertmanager, journal,
programs; receivers that fail in every way; the network away; processes killed."""
import grp
import json
import os
import re
import signal
import sys

from judge import Judge, alert
from lib import USER, Herald, World, main, until
from receivers import MAILBOX, Alertmanager, Http, JournalSocket, Relay, authority, certificate

SUBJECT6, SUBJECT4 = "ldap tcp/389 IPv6", "ldap tcp/389 IPv4"


class AlertWorld(World):
    """The herald runs on self.server; receivers on self.attacker, which has the name receiver.example.org there."""

    def setUp(self):
        super().setUp()
        self.judge = Judge(os.path.join(self.server.folder, "guardd"))
        self.herald = Herald(self.server, self.judge.directory)
        self.pki = os.path.join(self.folder, "pki")
        hosts = os.path.join(self.server.folder, "hosts")
        with open(hosts, "w", encoding="ascii") as f:
            f.write("127.0.0.1 localhost\n::1 localhost\n"
                    f"{self.FROM6} receiver.example.org only6.example.org\n"
                    f"{self.FROM4} receiver.example.org only4.example.org\n")
        self.server.run("mount", "--bind", hosts, "/etc/hosts")

    def tearDown(self):
        result = self._outcome.result
        failed = any(e for _, e in getattr(self._outcome, "errors", []) if e) or \
            any(t is self for t, _ in getattr(result, "failures", []) + getattr(result, "errors", []))
        if failed and os.path.exists(self.herald.logfile):
            sys.stderr.write(f"--- herald's log of {self.id()}\n{self.herald.log()[-5000:]}\n")
        self.herald.kill()
        self.judge.close()
        super().tearDown()

    def certificate(self, names="DNS:receiver.example.org,IP:198.51.100.7,IP:2001:db8:1::7"):
        return certificate(self.pki, "receiver", names)

    def secret(self, name, text, mode=0o640):
        path = os.path.join(self.server.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        os.chown(path, 0, grp.getgrnam("nogroup").gr_gid)
        return path

    def config(self, *channels, repeat="6h", more=""):
        lines = "".join("    - {at_least: info, per_hour: 3600, %s}\n" % c for c in channels)
        return (f"herald_user: {USER}\nnever_ban: []\nalerts:\n  repeat: {repeat}\n  channels:\n{lines}{more}")

    def begin(self, *channels, **kw):
        self.judge.use(self.config(*channels, **kw))
        if not self.judge.listener:
            self.judge.open()
        self.herald.start()
        self.connect()

    def connect(self):
        self.judge.wait("both are connected", lambda: self.judge.peer("herald") and self.judge.peer("runner"))
        self.judge.wait("the herald is configured", self.herald.connected)

    def until(self, what, probe, limit=None):
        return self.judge.wait(what, probe, limit)

    def raise_(self, subject=SUBJECT6, words="others reach it", kind="GAP", severity="CRITICAL"):
        packet = alert(kind, subject, words, severity)
        self.judge.standing.append(packet)
        self.judge.peer("herald").send(packet)

    def end(self, subject=SUBJECT6, words="closed", kind="GAP", severity="CRITICAL"):
        self.judge.standing = [p for p in self.judge.standing if subject.encode() not in p]
        self.judge.peer("herald").send(alert(kind, subject, words, severity, "ENDED"))

    def channel(self, name):
        return next(c for c in self.herald.ask("channels") if c.get("channel") == name)

    def standing(self):
        return {(a["event"], a["subject"]) for a in self.herald.ask("alerts") if "event" in a}

    def network(self, up):
        self.server.run("ip", "link", "set", "eth0", "up" if up else "down")
        if up:
            self.addresses(self.server, "eth0", self.V6 + "/64")

    def try_channel(self, name, check=False):
        return self.herald.ctl("alert", "test", name, check=check)


class Mail(AlertWorld):
    def mails(self, n):
        return self.until(f"{n} mails", lambda: len(self.relay.mails()) >= n and self.relay.mails())

    def mail_channel(self, name, server, port, tls):
        ca = "" if tls == "no" else f", ca_file: {authority(self.pki)}"
        return (f"name: {name}, mail: {{server: '{server}', port: {port}, tls: {tls}, from: guardd@web1.example.org, "
                f"to: [{MAILBOX}@mx1.example.org]{ca}}}")

    def test_plain_starttls_and_tls_from_the_first_byte_by_both_families(self):
        self.relay = Relay(self.attacker, *self.certificate())
        channels = [self.mail_channel(f"m{i}", server, port, tls) for i, (server, port, tls) in enumerate((
            (self.FROM4, 25, "no"), (self.FROM6, 25, "no"),
            ("only4.example.org", 25, "no"), ("only6.example.org", 25, "no"),
            (self.FROM4, 25, "start"), (self.FROM6, 25, "start"), ("receiver.example.org", 25, "start"),
            (self.FROM4, 465, "first"), (self.FROM6, 465, "first")))]
        self.begin(*channels)
        self.raise_(words="others reach it: grün, <b>&amp;</b> =?utf-8?q?x?=")
        got = self.mails(len(channels))
        self.assertEqual(len(got), len(channels))
        for m in got:
            self.assertIn("exposure gap: " + SUBJECT6, m["Subject"])
            self.assertIn("grün, <b>&amp;</b> =?utf-8?q?x?=", m.get_content())
            self.assertEqual(m["Auto-Submitted"], "auto-generated")
            self.assertEqual(m["X-Guardd-State"], "raised")
            self.assertFalse(m.defects, m)
        received = [str(m["Received"]) for m in got]
        self.assertEqual(sum("TLSv1.3" in r for r in received), 5)
        four, six = (sum(f"[{a}]" in r for r in received) for a in (self.V4, "IPv6:" + self.V6))
        self.assertEqual((four, six), (4, 5))
        self.end()
        got = self.mails(2 * len(channels))
        self.assertEqual({m["X-Guardd-State"] for m in got[len(channels):]}, {"ended"})
        # A mail program shows both as one thread.
        self.assertEqual({m["References"] for m in got[len(channels):]}, {m["Message-ID"] for m in got[:len(channels)]})

    def test_no_tls_where_it_is_asked_for_is_no_mail(self):
        self.relay = Relay(self.attacker, *self.certificate(), level="none")
        self.begin(self.mail_channel("ops", "receiver.example.org", 25, "start"))
        r = self.try_channel("ops")
        self.assertEqual(r.returncode, 1)
        self.assertIn("STARTTLS", r.stdout)
        self.assertEqual(self.relay.mails(), [])

    def test_a_certificate_of_another_name_or_authority_gets_no_mail(self):
        self.relay = Relay(self.attacker, *self.certificate("DNS:other.example.org"))
        self.begin(self.mail_channel("ops", "receiver.example.org", 25, "start"),
                   self.mail_channel("stranger", "receiver.example.org", 25, "start").replace(
                       authority(self.pki), authority(self.pki + "-other")))
        for name, words in (("ops", "no alternative certificate subject name matches"), ("stranger", "certificate")):
            r = self.try_channel(name)
            self.assertEqual(r.returncode, 1)
            self.assertIn(words, r.stdout)
        self.assertEqual(self.relay.mails(), [])

    def test_a_recipient_that_is_not_there_does_not_keep_the_others_from_being_told(self):
        self.relay = Relay(self.attacker, *self.certificate())
        both = self.mail_channel("ops", self.FROM6, 25, "no").replace("to: [", "to: [nobody-here@mx1.example.org, ")
        self.begin(both, self.mail_channel("none", self.FROM4, 25, "no").replace(MAILBOX + "@", "nobody-here@"))
        r = self.try_channel("ops", check=True)
        self.assertIn("but not for all: 550", r.stdout)
        self.assertEqual(len(self.mails(1)), 1)
        r = self.try_channel("none")
        self.assertEqual(r.returncode, 1)
        self.assertIn("550 5.1.1", r.stdout)

    def test_a_relay_that_was_away_gets_each_mail_once(self):
        self.relay = Relay(self.attacker, *self.certificate())
        self.begin(self.mail_channel("ops", self.FROM6, 25, "no"))
        self.relay.stop()
        self.raise_()
        self.until("a try that failed", lambda: self.channel("ops")["failed"] > 0)
        self.raise_(SUBJECT4)
        self.assertIn("Failed to connect", self.channel("ops")["trouble"])
        self.relay.start()
        # A new herald tries at once what waits.
        os.kill(self.herald.herald_pid(), signal.SIGKILL)
        got = self.mails(2)
        self.assertEqual([SUBJECT6 in got[0]["Subject"], SUBJECT4 in got[1]["Subject"]], [True, True])
        self.until("nothing waits", lambda: self.channel("ops")["queued"] == 0)
        self.assertEqual(len(self.relay.mails()), 2)

    def test_hostile_text_stays_text(self):
        self.relay = Relay(self.attacker, *self.certificate())
        self.begin(self.mail_channel("ops", self.FROM6, 25, "no"))
        evil = "/var/log/x\r\nBcc: root@mx1.example.org\r\n\r\n.\r\nQUIT\r\n\u202egnp.exe =?utf-8?q?=0d=0aX-Evil:_1?="
        self.raise_(subject=evil, words=evil * 3, kind="BOOK")
        m = self.mails(1)[0]
        self.assertIsNone(m["Bcc"])
        self.assertIsNone(m["X-Evil"])
        self.assertRegex(m["Subject"], r"/var/log/x[ ?]{2}Bcc: root@mx1.example.org")
        self.assertIn("QUIT", m.get_content())
        self.assertEqual([len(x) for x in m.as_bytes().splitlines() if len(x) > 998], [])


class Web(AlertWorld):
    def web(self, name, url, more=""):
        return f"name: {name}, webhook: {{url: '{url}'{more}}}"

    def test_plain_json_over_both_families_and_tls(self):
        plain = Http(self.attacker, 8080)
        tls = Http(self.attacker, 8443, self.certificate())
        ca = f", ca_file: {authority(self.pki)}"
        self.begin(self.web("four", f"http://{self.FROM4}:8080/four"),
                   self.web("six", f"http://[{self.FROM6}]:8080/six"),
                   self.web("name4", "http://only4.example.org:8080/name4"),
                   self.web("name6", "http://only6.example.org:8080/name6"),
                   self.web("tls", "https://receiver.example.org:8443/tls", ca),
                   self.web("tls4", f"https://{self.FROM4}:8443/tls4", ca),
                   self.web("tls6", f"https://[{self.FROM6}]:8443/tls6", ca))
        self.raise_()
        self.until("all of them", lambda: len(plain.requests()) == 4 and len(tls.requests()) == 3)
        for r in plain.requests() + tls.requests():
            got = r["json"]
            self.assertEqual((got["version"], got["event"], got["subject"], got["severity"], got["state"]),
                             (1, "exposure-gap", SUBJECT6, "critical", "raised"))
            self.assertEqual(r["headers"]["Idempotency-Key"], got["id"])
            self.assertEqual(r["headers"]["Content-Type"], "application/json")
        self.assertEqual({r["from"] for r in plain.requests()}, {"::ffff:" + self.V4, self.V6})
        self.end()
        self.until("its end", lambda: len(plain.told(state="ended")) == 4 and len(tls.told(state="ended")) == 3)
        self.assertEqual(len({g["episode"] for g in plain.told()}), 1)
        self.assertEqual(self.standing(), set())

    def test_what_a_server_says_is_told_to_who_tests(self):
        http = Http(self.attacker, 8080)
        Http(self.attacker, 8443, self.certificate())
        Http(self.attacker, 8444, certificate(self.pki, "other", "DNS:other.example.org"))
        other = Http(self.server, 8080)
        url = f"http://[{self.FROM6}]:8080/hook"
        ca = f", ca_file: {authority(self.pki)}"
        self.begin(self.web("hook", url) + ", timeout: 2s", self.web("strange", "https://receiver.example.org:8443/"),
                   self.web("name", "https://receiver.example.org:8444/", ca),
                   self.web("nobody", "http://nobody.invalid/"), self.web("shut", f"http://[{self.FROM6}]:9/"),
                   self.web("plain", "https://receiver.example.org:8080/", ca))
        for mode, status, words in (
                ("200", 0, "hook: delivered in .* ms: HTTP 200: ok"),
                ("endless", 0, "hook: delivered"),
                ("drip", 0, "hook: delivered"),
                ("500", 1, "HTTP 500: out of order"),
                ("429 7", 1, "HTTP 429: slowly"),
                (f"302 http://[{self.V6}]:8080/", 1, "HTTP 302.*not followed.*http://"),
                ("404", 1, "HTTP 404.*look at url"),
                ("401", 1, "HTTP 401.*password_file"),
                ("hang", 1, "timed out"),
                ("reset", 1, "hook: not delivered")):
            http.mode(mode)
            r = self.try_channel("hook")
            self.assertEqual(r.returncode, status, (mode, r.stdout))
            self.assertRegex(r.stdout, words)
            self.assertNotIn("\x1b", r.stdout)
        self.assertEqual(other.requests(), [])
        for name, words in (("strange", "self-signed certificate|unable to get local issuer"),
                            ("name", "no alternative certificate subject name matches"),
                            ("nobody", "no address of nobody.invalid"), ("shut", "Failed to connect|refused"),
                            ("plain", "SSL")):
            r = self.try_channel(name)
            self.assertEqual(r.returncode, 1)
            self.assertRegex(r.stdout, words)
        r = self.try_channel("nothing")
        self.assertEqual(r.returncode, 1)
        self.assertIn('there is no channel "nothing"', r.stdout)

    def test_secrets_stay_secret(self):
        tls = Http(self.attacker, 8443, self.certificate())
        url = self.secret("url", "https://receiver.example.org:8443/hooks/s3cr3t-path?key=t0pt0p\n")
        token = self.secret("token", "tk_very_secret_1\n")
        password = self.secret("password", "pass w0rd\n")
        ca = f"ca_file: {authority(self.pki)}"
        self.begin(f"name: chat, webhook: {{url_file: {url}, template: mattermost, token_file: {token}, {ca}}}",
                   f"name: basic, webhook: {{url: 'https://receiver.example.org:8443/basic', user: guardd, "
                   f"password_file: {password}, {ca}}}",
                   f"name: clear, webhook: {{url: 'http://receiver.example.org:8080/', token_file: {token}}}")
        tls.mode("echo")
        out = self.try_channel("chat", check=True).stdout + self.try_channel("basic", check=True).stdout
        got = tls.requests()
        self.assertEqual(got[0]["path"], "/hooks/s3cr3t-path?key=t0pt0p")
        self.assertEqual(got[0]["headers"]["Authorization"], "Bearer tk_very_secret_1")
        self.assertEqual(got[1]["headers"]["Authorization"], "Basic Z3VhcmRkOnBhc3MgdzByZA==")
        r = self.try_channel("clear")
        self.assertEqual(r.returncode, 1)
        self.assertIn("without TLS: not sent", r.stdout)
        tls.mode("404")
        out += self.try_channel("chat").stdout
        self.raise_()
        self.until("a try", lambda: self.channel("chat")["failed"] > 0)
        out += json.dumps(self.herald.ask("channels")) + self.herald.log()
        for text in ("s3cr3t-path", "t0pt0p", "tk_very_secret_1", "pass w0rd", "Z3VhcmRkOnBhc3MgdzByZA"):
            self.assertNotIn(text, out)
        # Files that others may read are refused, by name; a new one is read at the next try.
        os.chmod(token, 0o644)
        r = self.try_channel("chat")
        self.assertEqual(r.returncode, 1)
        self.assertIn(token, r.stdout)
        os.unlink(token)
        self.secret("token", "tk_second\n")
        tls.mode("200")
        self.try_channel("chat", check=True)
        self.assertEqual(tls.requests()[-1]["headers"]["Authorization"], "Bearer tk_second")

    def test_templates_reach_their_receiver_as_what_they_are(self):
        http = Http(self.attacker, 8080)
        names = ("mattermost", "slack", "ntfy", "alertmanager", "json")
        more = {"ntfy": ", topic: ops"}
        self.begin(*(self.web(t, f"http://{self.FROM4}:8080/{t}", f", template: {t}" + more.get(t, "")) for t in names))
        evil = 'x`@channel <!here> "},{"y":[1 ``` [a](http://evil.example)'
        self.raise_(subject=evil, words=evil)
        # Alertmanager is told again and again.
        self.until("all", lambda: {r["path"][1:] for r in http.requests()} == set(names))
        got = {r["path"][1:]: r["json"] for r in http.requests()}
        text = got["mattermost"]["text"]
        self.assertEqual(text.count("`"), 8, text)   # a span and a block of our own
        self.assertNotIn("@channel", re.sub(r"`[^`]*`|```.*```", "", text, flags=re.S))
        self.assertNotIn("<!here>", got["slack"]["text"])
        self.assertEqual({b["text"]["type"] for b in got["slack"]["blocks"]}, {"plain_text"})
        self.assertEqual((got["ntfy"]["topic"], got["ntfy"]["priority"]), ("ops", 5))
        self.assertEqual(got["alertmanager"][0]["labels"]["subject"], evil)
        self.assertEqual(got["json"]["words"], evil)

    def test_the_network_away_and_back(self):
        http = Http(self.attacker, 8080)
        self.begin(self.web("hook", f"http://[{self.FROM6}]:8080/"), repeat="0")
        self.network(False)
        self.raise_()
        self.raise_("came and went")
        self.until("tries that failed", lambda: self.channel("hook")["failed"] > 0)
        self.end("came and went")
        self.assertEqual(self.channel("hook")["queued"], 2)
        self.network(True)
        self.herald.kill()
        self.herald.start()
        self.connect()
        self.until("both", lambda: len(http.told()) == 2)
        self.until("none waits", lambda: self.channel("hook")["queued"] == 0)
        raised, = http.told(subject=SUBJECT6)
        gone, = http.told(subject="came and went")
        self.assertEqual((raised["state"], gone["state"]), ("raised", "ended"))
        self.assertTrue(gone["beginning_untold"])

    def test_every_message_once_though_everything_is_killed(self):
        http = Http(self.attacker, 8080)
        self.begin(self.web("hook", f"http://{self.FROM4}:8080/"), repeat="0")
        http.mode("500")
        for n in range(5):
            self.raise_(f"subject {n}")
        self.until("a try that failed", lambda: self.channel("hook")["failed"] > 0)
        http.mode("200")
        for _ in range(3):
            first = self.herald.herald_pid()
            os.kill(first, signal.SIGKILL)
            self.until("another one", lambda: self.herald.herald_pid() not in (None, first))
            self.connect()
        self.judge.close()
        self.judge.open()
        self.connect()
        self.until("all", lambda: len(http.told()) >= 5 and self.channel("hook")["queued"] == 0)
        # At each try a message is the same; what was taken was taken once, but where the herald died before it knew.
        ids = [t["id"] for t in http.told()]
        self.assertEqual(len(set(ids)), 5)
        before = len(http.requests())
        self.herald.stop()
        self.herald.start()
        self.connect()
        self.raise_("the last")
        self.until("the last", lambda: http.told(subject="the last"))
        self.assertEqual(len(http.requests()), before + 1)
        self.assertEqual(len(self.standing()), 6)

    def test_a_standing_alert_is_repeated_and_what_is_not_said_has_ended(self):
        http = Http(self.attacker, 8080)
        self.begin(self.web("hook", f"http://{self.FROM4}:8080/"), repeat="1m")
        self.raise_()
        self.raise_(SUBJECT4)
        self.until("both", lambda: len(http.told(state="raised")) == 2)
        self.judge.close()
        self.judge.standing = [p for p in self.judge.standing if SUBJECT4.encode() not in p]
        self.judge.open()
        self.connect()
        self.until("an end", lambda: http.told(state="ended", subject=SUBJECT4))
        self.assertEqual(self.standing(), {("exposure-gap", SUBJECT6)})
        self.assertEqual(len(http.told()), 3)

    def test_a_thousand_at_once_are_few_messages(self):
        http = Http(self.attacker, 8080)
        self.begin(self.web("hook", f"http://{self.FROM4}:8080/"))
        for n in range(1000):
            self.raise_(f"subject {n}", kind="BOOK")
        self.until("all", lambda: sum(t.get("total", 1) for t in http.told()) >= 1000)
        self.assertLess(len(http.told()), 60)
        one = next(t for t in http.told() if t["event"] == "summary")
        self.assertEqual(one["by_event"], {"book": one["total"]})
        self.assertEqual(len(one["alerts"]), min(50, one["total"]))


class Others(AlertWorld):
    def test_alertmanager_takes_and_resolves(self):
        am = Alertmanager(self.attacker)
        self.begin(f"name: am, webhook: {{url: 'http://[{self.FROM6}]:9093/api/v2/alerts', template: alertmanager}}")
        self.raise_(severity="WARNING")
        self.raise_(SUBJECT4)
        key = ("GuarddExposureGap", SUBJECT6)
        got = self.until("both", lambda: len(am.alerts()) == 2 and am.alerts())
        self.assertEqual(got[key]["labels"]["severity"], "warning")
        self.assertIn("others reach it", got[key]["annotations"]["description"])
        # Another severity is another alert there: the former one is resolved.
        self.raise_()
        self.until("worse", lambda: len(am.alerts()) == 2 and am.alerts()[key]["labels"]["severity"] == "critical")
        self.end()
        self.end(SUBJECT4)
        self.until("all resolved", lambda: not am.alerts())

    def test_an_alertmanager_that_forgot_hears_again_what_stands(self):
        am = Alertmanager(self.attacker)
        self.begin(f"name: am, webhook: {{url: 'http://{self.FROM4}:9093/api/v2/alerts', template: alertmanager}}")
        self.raise_()
        self.until("it", lambda: am.alerts())
        am.stop()
        am = Alertmanager(self.attacker)
        self.assertEqual(am.alerts(), {})
        # Every five minutes, and by a new herald at once; it is no new message.
        os.kill(self.herald.herald_pid(), signal.SIGKILL)
        self.until("it again", lambda: list(am.alerts()) == [("GuarddExposureGap", SUBJECT6)])
        self.connect()
        self.assertEqual(self.channel("am")["delivered"], 1)
        self.end()
        self.until("its end", lambda: not am.alerts())

    def test_journal_gets_fields(self):
        journal = JournalSocket(self.server)
        self.begin("name: log, journal: yes")
        self.raise_(words="others reach it\nPRIORITY=7")
        m, = self.until("the message", lambda: journal.messages(GUARDD_STATE="raised"))
        for key, value in (("PRIORITY", "1"), ("GUARDD_EVENT", "exposure-gap"), ("GUARDD_SUBJECT", SUBJECT6),
                           ("GUARDD_SEVERITY", "critical"), ("SYSLOG_IDENTIFIER", "guardd-herald")):
            self.assertEqual(m[key], value)
        self.assertRegex(m["MESSAGE_ID"], "^[0-9a-f]{32}$")
        self.assertRegex(m["GUARDD_SINCE"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(m["GUARDD_WORDS"], "^others reach it[ ?]PRIORITY=7$")
        self.end()
        self.until("its end", lambda: journal.messages(GUARDD_STATE="ended", GUARDD_SUBJECT=SUBJECT6))
        journal.close()

    def test_a_program_gets_the_event_and_nothing_of_it_in_its_arguments(self):
        out = os.path.join(self.server.folder, "out")
        os.makedirs(out)
        os.chmod(out, 0o777)
        script = os.path.join(self.server.folder, "page")
        with open(script, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\necho "$#:$*" >>{out}/args\n'
                    f'test -e {out}/broken && {{ echo no pager; exit 7; }}\ncat >>{out}/events\n')
        os.chmod(script, 0o755)
        self.begin(f"name: page, program: [{script}, --queue, 'two words'], timeout: 10s")
        evil = "$(touch /tmp/evil);`id` 'x"
        self.raise_(evil, evil)
        self.until("the event", lambda: os.path.exists(out + "/events") and os.path.getsize(out + "/events") > 0)
        with open(out + "/events", encoding="utf-8") as f:
            got = json.loads(f.read())
        self.assertEqual((got["subject"], got["words"]), (evil, evil))
        with open(out + "/args", encoding="utf-8") as f:
            self.assertEqual(f.read(), "2:--queue two words\n")
        with open(out + "/broken", "w", encoding="ascii"):
            pass
        r = self.try_channel("page")
        self.assertEqual(r.returncode, 1)
        self.assertIn("exit status 7: no pager", r.stdout)

    def test_severities_and_what_guardctl_shows(self):
        http = Http(self.attacker, 8080)
        self.judge.use(f"herald_user: {USER}\nnever_ban: []\nalerts:\n  channels:\n"
                       f"    - {{name: bad, at_least: critical, webhook: {{url: 'http://{self.FROM4}:8080/bad'}}}}\n"
                       f"    - {{name: all, at_least: info, webhook: {{url: 'http://{self.FROM4}:8080/all'}}}}\n")
        self.judge.open()
        self.herald.start()
        self.connect()
        self.raise_("worst")
        self.raise_("lesser", severity="WARNING")
        self.until("three", lambda: len(http.told()) == 3)
        self.assertEqual(sorted(r["path"] for r in http.requests()), ["/all", "/all", "/bad"])
        shown = self.herald.ctl("alert").stdout
        self.assertRegex(shown, r"critical +exposure-gap +worst")
        self.assertRegex(shown, r"warning +exposure-gap +lesser")
        channels = {c["channel"]: c for c in self.herald.json("alert", "channels")}
        self.assertEqual((channels["all"]["delivered"], channels["bad"]["delivered"], channels["bad"]["at_least"]),
                         (2, 1, "critical"))
        self.end("worst")
        self.end("lesser")
        self.until("nothing", lambda: not self.standing())
        self.assertEqual(self.herald.ctl("alert").stdout, "no alert stands\n")
        self.assertEqual(self.herald.ctl("alert", "nonsense", check=False).returncode, 2)


if __name__ == "__main__":
    main()
