# SPDX-License-Identifier: GPL-2.0-or-later
"""A real nginx asked by a real HTTP client: wrong passwords, scanners and limits, and addresses a client invents."""
import os
import time
import urllib.parse

import daemons
from lib import main, until
from routed import RoutedWorld

USER, PASSWORD = "alice", "right-password"
LIVE_LIMIT = """
ban: web-limit
filters: [nginx-limit, nginx-forbidden]
points: 100
within: 5m
for: 15m
scope: service
ports: [tcp/80]
"""
# Where a client could place an address of its own choice.
FORGED4, FORGED6 = "192.0.2.99", "2001:db8:99::99"
SCANS = ("/.env", "/.git/config", "/wp-config.php", "/vendor/phpunit/x", "/.aws/credentials")


class Web(RoutedWorld):
    def prepare(self, files=None):
        daemons.nginx(self.server, USER, PASSWORD)
        self.start_guardd(files=files)
        self.reads("/var/log/nginx/access.log", "/var/log/nginx/error.log")
        self.server.listen(self.V4, 22)
        self.server.listen(self.V6, 22)
        self.sent = 0

    def get(self, server, path, *options, source=None, times=1):
        """HTTP status codes of one client that asks so often; 000 for no answer."""
        url = f"http://[{server}]{path}" if ":" in server else f"http://{server}{path}"
        if source:
            options = ("--interface", source) + options
        r = self.attacker.run("curl", "-s", "-g", "--path-as-is", "-w", "%{http_code}\\n", "--max-time", "4",
                              "--connect-timeout", "2", "--fail-early", *options, *["-o", "/dev/null", url] * times, check=False)
        codes = r.stdout.split()
        self.sent += sum(c != "000" for c in codes)
        return codes

    def all_read(self):
        """Until guardd has seen every line that nginx has written."""
        log = os.path.join(self.server.folder, "var-log/nginx/access.log")

        def done():
            with open(log, encoding="utf-8") as f:
                lines = len(f.readlines())
            return lines >= self.sent and any(
                s["name"] == "/var/log/nginx/access.log" and s["lines"] == lines and s["lag_bytes"] == 0
                for s in self.guardd.json("sources"))
        until("the access log is read", done)

    def service_only(self, source, server, prefix, rule):
        """The ban is in force for the web's ports and no others."""
        ban = self.guardd.wait_ban(prefix)
        self.assertEqual(ban["rule"], rule)
        self.assertNotEqual(ban["scope"], "host")
        self.assertEqual(self.get(server, "/page", source=source), ["000"])
        self.assertEqual(self.attacker.connects(server, 22, 1.5, source), "open")
        self.assertEqual(list(self.guardd.bans()), [prefix])
        self.assertGreater(self.guardd.bans()[prefix]["packets"], 0)

    def test_wrong_passwords_shut_the_web_ports_only_v4(self):
        self.wrong_passwords(self.V4, self.FAR4, self.FAR4)

    def test_wrong_passwords_shut_the_web_ports_only_v6(self):
        self.wrong_passwords(self.V6, self.FAR6, "2001:db8:7::/64")

    def wrong_passwords(self, server, source, prefix):
        self.prepare()
        self.assertEqual(self.get(server, "/private/page", "-u", f"{USER}:{PASSWORD}", source=source), ["200"])
        codes = self.get(server, "/private/page", "-u", f"{USER}:wrong", source=source, times=9)
        self.assertEqual(codes, ["401"] * 9)
        self.offences(9)
        self.assertEqual(self.guardd.bans(), {})
        self.get(server, "/private/page", "-u", "nobody-here:wrong", source=source)
        self.service_only(source, server, prefix, "web-auth")

    def test_first_401_without_credentials_never_counts(self):
        """What every browser is answered first, however often; and the page itself."""
        self.prepare()
        for server in (self.V4, self.V6):
            self.assertEqual(self.get(server, "/private/page", times=25), ["401"] * 25)
            self.assertEqual(self.get(server, "/private/page", "--anyauth", "-u", f"{USER}:{PASSWORD}",
                                      times=2), ["200"] * 2)
            self.assertEqual(self.get(server, "/nothing-here", times=15), ["404"] * 15)
        self.all_read()
        # One that counts, behind all of these.
        self.get(self.V4, "/private/page", "-u", f"{USER}:wrong")
        self.offences(1)
        self.assertEqual(self.guardd.json("list"), [])

    def test_scanner_paths_v4(self):
        self.scan(self.V4, self.FROM4, self.FROM4)

    def test_scanner_paths_v6(self):
        self.scan(self.V6, self.FROM6, self.FROM6)

    def scan(self, server, source, prefix):
        self.prepare()
        self.assertEqual(self.get(server, SCANS[0], source=source), ["404"])
        self.offences(1)
        self.assertEqual(self.guardd.bans(), {})
        for path in SCANS[1:]:
            self.get(server, path, source=source)
        self.service_only(source, server, prefix, "web-scan")

    def test_limit_as_shipped_tells_and_bans_nobody(self):
        self.prepare()
        for server, source in ((self.V4, self.FROM4), (self.V6, self.FROM6)):
            self.assertGreaterEqual(self.get(server, "/narrow", times=130).count("503"), 100)
            self.only_told(source)
            self.assertEqual(self.get(server, "/page"), ["200"])
        self.assertEqual(self.guardd.bans(), {})

    def only_told(self, address):
        told = until("a dry run", lambda: [b for b in self.guardd.json("list") if b["prefix"] == address])
        self.assertEqual([(b["dry_run"], b["in_force"]) for b in told], [(True, False)])
        self.assertTrue(self.guardd.said(address))

    def test_limit_bans_when_told_to(self):
        self.prepare({"rules.d/web-limit.yaml": LIVE_LIMIT})
        for server, source in ((self.V4, self.FROM4), (self.V6, self.FROM6)):
            self.get(server, "/narrow", times=60)
            self.get(server, "/narrow", times=60)
            self.assertEqual(self.guardd.wait_ban(source)["rule"], "web-limit")
            self.assertEqual(self.get(server, "/page"), ["000"])
            self.assertEqual(self.attacker.connects(server, 22), "open")

    def test_invented_addresses_ban_only_the_client_v4(self):
        self.forged(self.V4, self.FROM4)

    def test_invented_addresses_ban_only_the_client_v6(self):
        self.forged(self.V6, self.FROM6)

    def forged(self, server, source):
        """In the user name, Referer, User-Agent, X-Forwarded-For, the path, and as a whole line of the error log."""
        self.prepare()
        for fake, prefix in ((FORGED4, FORGED4), (FORGED6, "2001:db8:99::/64")):
            clf = f'{fake} - {USER} [{time.strftime("%d/%b/%Y:%H:%M:%S %z")}] "GET /.env HTTP/1.1" 401 1 "-" "-"'
            options = ["-e", clf, "-A", f'x"\\x22 {clf}', "-H", f"X-Forwarded-For: {fake}", "-H", f"X-Real-IP: {fake}"]
            line = f"\n{time.strftime('%Y/%m/%d %H:%M:%S')} [error] 1#1: *1 access forbidden by rule, " \
                   f"client: {fake}, server: x"
            self.get(server, "/private/page", "-u", f"{clf}\n{clf}:wrong", *options, times=2)
            self.get(server, "/private/page", "-u", f"{fake} - x [1:wrong", *options, times=2)
            self.get(server, f"/?{fake}%20-%20x%20[]%20/.env", *options)
            self.get(server, "/files/" + urllib.parse.quote(line), *options, times=25)
            # Such a line cannot be told from nginx's own: that is why the shipped rule for them is a dry run.
            self.only_told(prefix)
        self.offences(2 * (4 + 25))
        self.assertEqual(self.guardd.bans(), {})
        self.get(server, "/private/page", "-u", f"{FORGED4} - x:wrong", times=2)
        self.guardd.wait_ban(source)
        self.assertEqual(list(self.guardd.bans()), [source])


if __name__ == "__main__":
    main()
