# SPDX-License-Identifier: GPL-2.0-or-later
"""Metrics of a guardd and its herald that do real work: right numbers, in every way they are given out."""
import json
import os
import re
import socket
import time

import logs
import metrics
from lib import LIMIT, ROOT, USER, Herald, main, until
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
RULE = "ban: ssh\nfilters: [sshd]\npoints: 5\nwithin: 10m\nfor: 1h\n"
DRY = "ban: try\nfilters: [sshd]\npoints: 4\nwithin: 10m\nfor: 1h\ndry_run: yes\n"
PORT = ("127.0.0.1", 9812)
SETTINGS = "never_ban: []\nherald_user: %s\n" % USER
EVERYTHING = SETTINGS + """
groups: {infra: [192.0.2.0/24]}
alerts: {channels: [{name: log, journal: yes}]}
metrics: {listen: 127.0.0.1:9812}
fleet: {server: 192.0.2.77, tls: no, probe: {every: 1h, within: [infra]}}
"""
NAME = re.compile(r"\bguardd_[a-z_]+\b")


class Metrics(RoutedWorld):
    def setUp(self):
        super().setUp()
        self.log = self.server.folder + "/var-log/auth.log"
        open(self.log, "w", encoding="utf-8").close()
        self.herald = None

    def tearDown(self):
        if self.herald:
            self.herald.kill()
        super().tearDown()

    def start(self, config, rule=RULE, **files):
        self.start_guardd(config, files={"filters.d/sshd.yaml": FILTER, "rules.d/ssh.yaml": rule, **files})
        self.reads("/var/log/auth.log")
        self.herald = Herald(self.server, self.guardd.path("run")).start()
        until("the herald met guardd", self.herald.connected)
        self.socket = self.herald.path("run/metrics")

    def write(self, *lines):
        with open(self.log, "a", encoding="utf-8") as f:
            f.write("".join(lines))

    def fail_from(self, address, times):
        now = time.time()
        self.write(*[logs.failed(address, now + i * 1e-4) for i in range(times)])

    def read(self):
        """The numbers of now, by the control socket: what HTTP gives may be a second old."""
        return metrics.parse(self.herald.ctl("metrics").stdout)

    def reaches(self, name, number, **labels):
        """Until a sample has this number, and a moment later still has."""
        until(f"{name} {labels} is {number}", lambda: metrics.value(self.read(), name, **labels) == number)
        self.assertEqual(metrics.value(self.read(), name, **labels), number)

    def ask(self, where, accept="application/openmetrics-text"):
        return self.server.call(metrics.get, where, "/metrics", accept)

    def test_numbers_are_those_of_what_happened(self):
        self.start(SETTINGS.replace("[]", "[198.18.0.0/15]"), **{"rules.d/try.yaml": DRY})
        now = time.time()
        self.fail_from("192.0.2.5", 5)
        self.fail_from("2001:db8:55::5", 7)
        self.fail_from("192.0.2.9", 2)
        self.write(logs.benign(now), logs.failed("127.0.0.1", now), logs.failed("198.18.0.1", now))
        for address in ("192.0.2.5", "2001:db8:55::/64"):
            self.guardd.wait_ban(address)
        self.reaches("guardd_source_lines_total", 17, source="/var/log/auth.log")
        self.reaches("guardd_offences_total", 15)
        found = self.read()
        size = os.path.getsize(self.log)
        for name, number, labels in (
                ("guardd_up", 1, {}), ("guardd_table_up", 1, {}), ("guardd_book_up", 1, {}),
                ("guardd_store_up", 1, {}), ("guardd_table_repairs_total", 0, {}),
                ("guardd_source_read_bytes_total", size, {"source": "/var/log/auth.log", "kind": "file"}),
                ("guardd_source_matches_total", 16, {"source": "/var/log/auth.log"}),
                ("guardd_source_state", 1, {"source": "/var/log/auth.log", "guardd_source_state": "live"}),
                ("guardd_source_lag_seconds", 0, {"source": "/var/log/auth.log"}),
                ("guardd_source_lag_bytes", 0, {"source": "/var/log/auth.log"}),
                ("guardd_filter_matches_total", 16, {"filter": "sshd"}),
                ("guardd_offences_spared_total", 1, {}), ("guardd_offences_hidden_total", 1, {}),
                # After the fifth of its line each counts on the ban; the dry rule bans at the fourth.
                ("guardd_rule_offences_total", 14, {"rule": "ssh"}), ("guardd_rule_bans_total", 2, {"rule": "ssh"}),
                ("guardd_rule_bans_active", 2, {"rule": "ssh"}), ("guardd_rule_dry_bans_active", 0, {"rule": "ssh"}),
                ("guardd_rule_tallies", 1, {"rule": "ssh"}), ("guardd_rule_bans_total", 2, {"rule": "try"}),
                ("guardd_rule_bans_active", 0, {"rule": "try"}), ("guardd_rule_dry_bans_active", 2, {"rule": "try"}),
                ("guardd_bans_total", 4, {}), ("guardd_bans_active", 2, {}), ("guardd_dry_bans_active", 2, {}),
                ("guardd_bans_in_kernel", 2, {}), ("guardd_ban_latency_seconds_count", 2, {}),
                ("guardd_ban_latency_seconds_bucket", 2, {"le": "+Inf"}),
                ("guardd_role_up", 1, {"role": "keeper"}), ("guardd_role_restarts_total", 0, {"role": "reader"})):
            with self.subTest(name=name, **labels):
                self.assertEqual(metrics.value(found, name, **labels), number)
        self.assertTrue(0 < metrics.value(found, "guardd_ban_latency_seconds_sum") < LIMIT)
        self.assertAlmostEqual(metrics.value(found, "guardd_source_last_line_time_seconds",
                                             source="/var/log/auth.log"), time.time(), delta=LIMIT)
        self.assertNotIn("selfcheck", str(found))
        # By hand, lifted, and lifted by the rule's going.
        self.guardd.ctl("ban", "203.0.113.99")
        self.reaches("guardd_rule_bans_active", 1, rule="manual")
        self.reaches("guardd_bans_in_kernel", 3)
        self.guardd.ctl("unban", "203.0.113.99")
        self.guardd.ctl("unban", "192.0.2.5")
        self.reaches("guardd_rule_bans_active", 0, rule="manual")
        self.reaches("guardd_bans_in_kernel", 1)
        self.assertEqual(metrics.value(self.read(), "guardd_ban_latency_seconds_count"), 2)  # by hand is no line

    def test_what_was_dropped_is_counted_when_it_ends(self):
        self.start(SETTINGS, RULE.replace("1h", "6s"))
        self.server.listen("::", 9000)
        for address, ban, to in ((self.FAR4, self.FAR4, self.V4), (self.FAR6, "2001:db8:7::/64", self.V6)):
            self.fail_from(address, 5)
            self.guardd.wait_ban(ban)
            self.assertEqual(self.attacker.connects(to, 9000, 0.5, address), "silent")
        self.reaches("guardd_rule_bans_active", 0, rule="ssh")
        self.reaches("guardd_bans_in_kernel", 0)
        rows = [b for p in (self.FAR4, "2001:db8:7::/64") for b in self.guardd.json("history", p)]
        packets, size = (sum(b[k] for b in rows) for k in ("packets", "bytes"))
        self.assertGreaterEqual(packets, 2)
        self.reaches("guardd_rule_dropped_packets_total", packets, rule="ssh")
        self.reaches("guardd_rule_dropped_bytes_total", size, rule="ssh")

    def test_lines_of_before_are_not_timed(self):
        """Read late, as guardd was down when they were written: how long that took says nothing."""
        self.start(SETTINGS)
        self.fail_from("192.0.2.5", 5)
        self.reaches("guardd_ban_latency_seconds_count", 1)
        self.guardd.stop()
        until("it is seen to be gone", lambda: metrics.value(self.read(), "guardd_up") == 0)
        self.assertEqual(metrics.value(self.read(), "guardd_role_up", role="judge"), 0)
        self.fail_from("192.0.2.6", 5)
        self.guardd.start()
        self.guardd.wait_ban("192.0.2.6")
        until("it is back", lambda: metrics.value(self.read(), "guardd_up") == 1)
        self.reaches("guardd_rule_bans_total", 1, rule="ssh")  # the judge's counters began anew
        self.assertEqual(metrics.value(self.read(), "guardd_ban_latency_seconds_count"), 0)
        self.fail_from("2001:db8:56::6", 5)
        self.reaches("guardd_ban_latency_seconds_count", 1)

    def test_restarts_and_repairs(self):
        self.start(SETTINGS)
        for role in ("reader", "judge"):
            os.kill(self.guardd.role_pid(role), 9)
            self.reaches("guardd_role_restarts_total", 1, role=role)
            self.reaches("guardd_role_up", 1, role=role)
        until("connected again", self.herald.connected)
        self.fail_from("192.0.2.5", 5)
        self.reaches("guardd_bans_in_kernel", 1)
        self.server.run("nft", "delete", "table", "inet", "guardd")
        self.reaches("guardd_table_repairs_total", 1)
        self.reaches("guardd_bans_in_kernel", 1)
        self.reaches("guardd_table_up", 1)

    def documented(self):
        with open(os.path.join(ROOT, "docs/metrics.md"), encoding="utf-8") as f:
            return set(re.findall(r"^\| `(guardd_[a-z_]+)`", f.read(), re.M))

    def test_names_in_documents_are_those_of_the_text(self):
        self.start(EVERYTHING, **{"rules.d/ldap.yaml": "expose: ldap\nports: [tcp/389]\nonly: [infra]\n"})
        self.fail_from("192.0.2.5", 5)
        until("a proof is there", lambda: "guardd_exposure_state" in self.read())
        self.reaches("guardd_bans_in_kernel", 1)
        text = self.herald.ctl("metrics").stdout
        families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
        self.assertEqual(len(families), len({f for f, _ in families}))
        suffix = {"counter": "_total", "info": "_info"}
        samples = {name + suffix.get(kind, "") for name, kind in families}
        self.assertEqual(self.documented(), samples)
        shown = set(metrics.parse(text)) | {f for f, _ in families if f.endswith("_time_seconds")}
        for path in ("docs/grafana.json", "docs/prometheus-rules.yml"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                used = set(NAME.findall(f.read()))
            self.assertGreater(len(used), 20)
            self.assertEqual(used - shown, set(), path)
        # The dashboard leaves none out that the rules do not use.
        with open(os.path.join(ROOT, "docs/grafana.json"), encoding="utf-8") as f:
            board = json.load(f)
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                self.assertRegex(target["expr"], "guardd_", panel["title"])

    def test_promtool_and_both_formats(self):
        self.start(EVERYTHING)
        self.fail_from("192.0.2.5", 5)
        self.reaches("guardd_bans_in_kernel", 1)
        status, headers, text = self.ask(self.socket, accept="text/plain")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        r = self.server.run("promtool", "check", "metrics", input=text)
        self.assertEqual(r.stdout, "")
        metrics.parse(text)
        for where in (self.socket, PORT):
            status, headers, text = self.ask(where)
            self.assertEqual(status, 200)
            self.assertEqual(headers["Content-Type"],
                             "application/openmetrics-text; version=1.0.0; charset=utf-8")
            self.assertTrue(text.endswith("\n# EOF\n"))
            self.assertEqual(int(headers["Content-Length"]), len(text.encode()))
        r = self.server.run("curl", "-sS", "--unix-socket", self.socket, "http://guardd/metrics")
        self.assertIn("\nguardd_up 1\n", r.stdout)

    def test_a_real_prometheus_scrapes_it(self):
        self.scrape("127.0.0.1:9812")

    def test_a_real_prometheus_scrapes_it_by_ipv6(self):
        self.scrape("[::1]:9812")

    def scrape(self, listen):
        self.start(SETTINGS + f"metrics: {{listen: '{listen}'}}\n")
        self.fail_from("192.0.2.5", 5)
        self.fail_from("2001:db8:55::5", 5)
        folder = os.path.join(self.folder, "prometheus")
        os.makedirs(folder)
        with open(folder + "/prometheus.yml", "w", encoding="utf-8") as f:
            f.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                    f"rule_files: [{ROOT}/docs/prometheus-rules.yml]\n"
                    f"scrape_configs: [{{job_name: guardd, static_configs: [{{targets: ['{listen}']}}]}}]\n")
        p = self.server.popen("prometheus", "--config.file=" + folder + "/prometheus.yml",
                              "--storage.tsdb.path=" + folder + "/data", "--web.listen-address=127.0.0.1:9990",
                              stdout=open(folder + "/log", "w", encoding="utf-8"), stderr=-2)

        def query(expr):
            r = self.server.run("curl", "-sS", "-G", "http://127.0.0.1:9990/api/v1/query", "--data-urlencode",
                                "query=" + expr, check=False)
            rows = json.loads(r.stdout)["data"]["result"] if r.stdout.startswith('{"status":"success"') else []
            return [float(row["value"][1]) for row in rows]

        until("Prometheus has scraped", lambda: query('up{job="guardd"}') == [1])
        until("two bans", lambda: query("guardd_bans_in_kernel") == [2])
        self.assertEqual(query('guardd_rule_bans_total{rule="ssh"}'), [2])
        self.assertEqual(query("guardd_build_info"), [1])
        self.assertEqual(query("guardd_ban_latency_seconds_count"), [2])
        self.assertEqual(query('ALERTS{alertname=~"Guard.*", alertstate="firing"}'), [])
        quantile = query("histogram_quantile(0.5, guardd_ban_latency_seconds_bucket)")
        self.assertTrue(0 < quantile[0] < LIMIT, quantile)
        p.terminate()
        p.wait(LIMIT)

    def test_the_file_is_whole_whenever_it_is_read(self):
        folder = os.path.join(self.folder, "collector")
        path = folder + "/guardd.prom"
        self.start(SETTINGS + f"metrics: {{file: {path}, every: 1s}}\n")
        until("the lack of the folder is told", lambda: "make that folder" in str(self.herald.ask("status")))
        self.assertEqual(metrics.value(self.read(), "guardd_metrics_file_up"), 0)
        self.fail_from("192.0.2.5", 5)
        self.guardd.wait_ban("192.0.2.5")  # guarding does not care
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        self.herald.stop()
        self.herald.start()  # Landlock allowed what was there
        until("the file", lambda: os.path.exists(path))
        inodes, end = set(), time.monotonic() + LIMIT
        while len(inodes) < 3 and time.monotonic() < end:
            with open(path, encoding="utf-8") as f:
                inodes.add(os.fstat(f.fileno()).st_ino)
                self.assertEqual(os.fstat(f.fileno()).st_mode & 0o7777, 0o644)
                text = f.read()
            self.assertIn("\nguardd_metrics_file_up ", text)
            self.assertEqual(text.count("\nguardd_metrics_port_up 1\n"), 1)  # the last line
            time.sleep(0.01)
        self.assertGreaterEqual(len(inodes), 2)
        r = self.server.run("promtool", "check", "metrics", input=text)
        self.assertEqual(r.stdout, "")
        self.assertNotIn("# EOF", text)
        self.assertEqual(self.herald.ask("status")[0]["metrics_trouble"], None)
        self.herald.stop()
        self.assertEqual(os.listdir(folder), [])  # nobody takes old figures for new ones

    def test_a_port_in_use_is_told_and_tried_again(self):
        p = self.server.listen(*PORT)
        self.start(SETTINGS + "metrics: {listen: 127.0.0.1:9812}\n")
        self.assertIn("another program listens there", self.herald.ask("status")[0]["metrics_trouble"])
        self.assertEqual(metrics.value(self.read(), "guardd_metrics_port_up"), 0)
        p.kill()
        p.wait()
        until("it is served", lambda: self.herald.ask("status")[0]["metrics_trouble"] is None)
        self.assertEqual(self.ask(PORT)[0], 200)

    def test_rude_clients_keep_nobody_out(self):
        self.start(SETTINGS + "metrics: {listen: 127.0.0.1:9812}\n")
        self.server.call(_be_rude, PORT, self.socket)
        self.assertTrue(self.herald.connected())
        self.assertGreater(metrics.value(self.read(), "guardd_metrics_turned_away_total"), 120)


def _be_rude(port, path):
    """Runs in the server's network: silent, slow, wrong clients, and a scraper that wants its text all the while."""
    def dial(where):
        s = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        s.connect(where)
        s.settimeout(LIMIT)
        return s

    def scrapes():
        began = time.monotonic()
        for where in (port, path):
            assert metrics.get(where)[0] == 200
        assert time.monotonic() - began < LIMIT / 3, "a scrape took long"

    held = [dial(where) for where in (port, path) for _ in range(40)]
    scrapes()
    half = [dial(where) for where in (port, path) for _ in range(40)]
    for s in half:
        try:
            s.sendall(b"GET /metr")
        except BrokenPipeError:
            pass  # gave way to a newer one
    scrapes()
    slow = []
    for where in (port, path) * 40:
        s = dial(where)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        s.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")  # and does not read
        slow.append(s)
    scrapes()
    for wrong in (b"\0" * 9000, b"\r\n\r\n" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                  b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 5000, bytes(range(256)) * 64,
                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500):
        for where in (port, path):
            try:
                s = dial(where)
                s.sendall(wrong)
                s.close()
            except OSError:
                pass
        scrapes()
    # Those that said nothing, or half of it, are closed in the end.
    for s in held + half:
        try:
            assert s.recv(1) == b"", "an answer to nothing"
        except ConnectionResetError:
            pass
        s.close()
    scrapes()
    for s in slow:
        s.close()


if __name__ == "__main__":
    main()
