# SPDX-License-Identifier: GPL-2.0-or-later
"""guardctl as its manual says it is: what each command shows, JSON everywhere, exit statuses, and an installed guardd."""
import json
import os
import re
import shutil
import subprocess
import time

import daemons
import logs
from lib import BUILD, LIMIT, ROOT, USER, Herald, main, until
from routed import RoutedWorld

FILTER = """filter: own
sources:
  - file: /var/log/own.log
offences:
  - match: '^<time> login of <user> from <addr> refused$'
    points: 2
  - match: '^<time> probe by <addr>$'
forgive: '^<time> login of <user> from <addr> accepted$'
examples:
  - line: '2026-11-02T10:00:00Z login of x from 192.0.2.9 refused from 203.0.113.7 refused'
    gives: 203.0.113.7
  - line: '2026-11-02T10:00:00Z probe by 2001:db8::7'
    gives: 2001:db8::7
  - line: '2026-11-02T10:00:00Z login of alice from 192.0.2.9 accepted'
    forgives: 192.0.2.9
"""
RULE = "ban: own\nfilters: [own]\npoints: 4\nwithin: 10m\nfor: 1h\nescalate: {factor: 2, max: 1d, forget: 30d}\n"


class Tool(RoutedWorld):
    def setUp(self):
        super().setUp()
        self.base = os.path.join(self.folder, "tool")
        for d in ("filters.d", "rules.d"):
            os.makedirs(os.path.join(self.base, d))

    def write(self, name, text):
        path = os.path.join(self.base, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def own(self):
        self.write("filters.d/own.yaml", FILTER)
        self.write("rules.d/own.yaml", RULE)

    def tool(self, *args, status=0, input=None, share=ROOT, etc=None, config=None):
        """Standard output of guardctl without a daemon; standard error is in self.told."""
        r = subprocess.run([os.path.join(BUILD, "guardctl"), "--share", share, "--etc", etc or self.base, "--config",
                            config or self.base + "/guardd.yaml", "--runtime", self.base + "/run", *args],
                           text=True, input=input, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.told = r.stderr
        self.assertEqual(r.returncode, status, (args, r.stdout[-2000:], r.stderr[-2000:]))
        return r.stdout

    def objects(self, *args, **kw):
        return [json.loads(line) for line in self.tool("--json", *args, **kw).splitlines()]

    # --- explain

    def test_explain_shows_each_step_with_its_values(self):
        for address in ("203.0.113.7", "2001:db8::7"):
            line = f"{time.strftime('%b %e %H:%M:%S')} mx1 sshd[15628]: Failed password for invalid user bob " \
                   f"from {address} port 22 ssh2"
            steps = self.objects("explain", "sshd", line)
            self.assertEqual([s["step"] for s in steps], ["line", "header", "literal", "pattern", "offence", "rule"])
            line_, header, literal, pattern, offence, rule = steps
            self.assertEqual(line_["text"], line)
            self.assertEqual(header["program"], "sshd")
            self.assertTrue(header["message"]["text"].startswith("Failed password"))
            self.assertIn(literal["text"], line)
            self.assertEqual(line[literal["at"]:][:len(literal["text"])], literal["text"])
            self.assertEqual(pattern["answer"], "matched")
            self.assertEqual({k: v["text"] for k, v in pattern["captures"].items()}, {"addr": address, "user": "bob"})
            for c in pattern["captures"].values():
                self.assertEqual(line[c["at"]:][:len(c["text"])], c["text"])
            self.assertEqual((offence["address"], offence["user"], offence["points"], offence["dated"]),
                             (address, "bob", 2, True))
            self.assertTrue(pattern["file"].endswith("sshd.yaml"))
            self.assertEqual((rule["rule"], rule["verdict"], rule["threshold"], rule["scope"]),
                             ("ssh", "counts", 10, "host"))
            self.assertEqual((rule["source"], rule["set"]), ("2001:db8::/64", "net6") if ":" in address else
                             (address, "host4"))
            text = self.tool("explain", "sshd", line)
            self.assertIn(f"offence      {address}, user bob, 2 points", text)
            # The message alone is taken as one of the filter's programs.
            steps = self.objects("explain", "sshd", line.split(": ", 1)[1])
            self.assertEqual([s["address"] for s in steps if s["step"] == "offence"], [address])
            self.assertIn("no_header", [s["step"] for s in steps])

    def test_explain_says_why_a_line_is_none(self):
        near = "Nov 21 21:46:44 mx1 sshd[15628]: Failed password for bob from 203.0.113.7 port 22 ssh2 "
        steps = self.objects("explain", "sshd", near)
        self.assertEqual(steps[-1]["step"], "nothing")
        nearest = [s for s in steps if s["step"] == "nearest"][0]
        self.assertEqual(nearest["at"], len(near) - 1)
        self.assertEqual(nearest["rest"], " ")
        self.assertIn("no offence", self.tool("explain", "sshd", near))
        steps = self.objects("explain", "sshd", near.strip().replace("sshd[", "cron["))
        self.assertIn({"step": "program", "program": "cron", "fits": False}, steps)
        steps = self.objects("explain", "sshd", "Nov 21 21:46:44 mx1 sshd[15628]: nothing of interest")
        self.assertIn("no_literal", [s["step"] for s in steps])
        steps = self.objects("explain", "own", "2026-11-02T10:00:00Z probe by 999.1.1.1", status=1)
        self.assertIn("own", self.told)
        self.own()
        steps = self.objects("explain", "own", "2026-11-02T10:00:00Z probe by 999.1.1.1")
        self.assertIn("address", [s["step"] for s in steps])
        self.assertEqual(steps[-1]["step"], "nothing")

    def test_explain_reads_lines_from_standard_input(self):
        self.own()
        lines = "2026-11-02T10:00:00Z login of a\x1b[31m from 2001:db8::7 refused\n" \
                "2026-11-02T10:00:01Z login of b from 192.0.2.9 accepted\n\n"
        steps = self.objects("explain", "own", input=lines)
        self.assertEqual([(s["step"], s["address"], s["time"]) for s in steps if "time" in s],
                         [("offence", "2001:db8::7", "2026-11-02T10:00:00Z"),
                          ("forgive", "192.0.2.9", "2026-11-02T10:00:01Z")])

    # --- test

    def test_all_examples_pass_and_a_failing_one_is_named(self):
        out = self.tool("test")
        m = re.fullmatch(r"(\d+) examples of (\d+) filters, 0 failed\n", out)
        self.assertTrue(m and int(m[1]) > 300 and int(m[2]) > 30, out)
        self.assertEqual(self.objects("test", "sshd")[-1]["failed"], 0)
        self.own()
        self.assertEqual(self.objects("test", "own"), [{"filters": 1, "examples": 3, "failed": 0}])
        self.write("filters.d/own.yaml", FILTER.replace("gives: 203.0.113.7", "gives: 192.0.2.9"))
        self.tool("test", "own", status=1)
        self.assertRegex(self.told, r"own\.yaml:\d+:\d+: ")
        self.assertIn("^", self.told)
        self.assertIn("203.0.113.7", self.told)

    def test_filter_over_log_files(self):
        self.own()
        log = self.write("one.log", "".join(
            f"2026-11-02T10:00:0{i}Z login of u{i} from {a} refused\n" for i, a in enumerate(
                ["192.0.2.5", "2001:db8::5", "192.0.2.5"])) + "2026-11-02T10:00:05Z probe by 2001:db8::5\n"
            "2026-11-02T10:00:06Z login of alice from 192.0.2.5 accepted\nanother line\n"
            "2026-11-02T10:00:07Z probe by 192.0.2.5, again\n")
        with open(log, "rb") as f:
            data = f.read()
        for objects in (self.objects("test", "own", log), self.objects("test", "own", "-", input=data.decode())):
            patterns = [(o["kind"], o["hits"]) for o in objects if o["type"] == "pattern"]
            self.assertEqual(patterns, [("offence", 3), ("offence", 1), ("forgive", 1)])
            addresses = {o["address"]: (o["offences"], o["points"], o["forgives"])
                         for o in objects if o["type"] == "address"}
            self.assertEqual(addresses, {"192.0.2.5": (2, 4, 1), "2001:db8::5": (2, 3, 0)})
            missed = [(o["line"], o["text"]) for o in objects if o["type"] == "near_miss"]
            self.assertEqual(missed, [(7, "2026-11-02T10:00:07Z probe by 192.0.2.5, again")])
            total = objects[-1]
            self.assertEqual((total["lines"], total["matched"], total["near_misses"]), (7, 5, 1))
        text = self.tool("test", "own", log)
        self.assertIn("7 lines", text)
        self.assertIn("2001:db8::5", text)

    # --- replay

    def test_replay_says_who_would_have_been_banned_and_when(self):
        """Sorted by time over all files; escalation counts; nothing else is needed, and nothing happens."""
        self.own()
        late = self.write("late.log", "".join(f"2026-11-02T1{h}:0{m}:00Z login of x from {a} refused\n"
                                              for a in ("192.0.2.5", "2001:db8:55::5") for h, m in ((0, 1), (2, 0))))
        early = self.write("early.log", "".join(f"2026-11-02T1{h}:0{m}:00Z login of x from {a} refused\n"
                                                for h, m in ((0, 0), (2, 1)) for a in ("192.0.2.5", "2001:db8:55::5")))
        bans = self.objects("replay", "--filter", "own", late, early)
        self.assertEqual([b["time"] for b in bans], sorted(b["time"] for b in bans))
        self.assertEqual(sorted((b["time"], b["prefix"], b["rule"], b["until"], b["level"]) for b in bans), [
            ("2026-11-02T10:01:00Z", "192.0.2.5", "own", "2026-11-02T11:01:00Z", 1),
            ("2026-11-02T10:01:00Z", "2001:db8:55::/64", "own", "2026-11-02T11:01:00Z", 1),
            ("2026-11-02T12:01:00Z", "192.0.2.5", "own", "2026-11-02T14:01:00Z", 2),
            ("2026-11-02T12:01:00Z", "2001:db8:55::/64", "own", "2026-11-02T14:01:00Z", 2)])
        text = self.tool("replay", late, early)
        self.assertEqual(text.count("2001:db8:55::/64"), 2)
        self.assertIn("nobody", self.tool("replay", late))
        self.write("rules.d/own.yaml", RULE + "dry_run: yes\n")
        self.assertEqual({b["dry_run"] for b in self.objects("replay", late, early)}, {True})

    # --- configuration

    def documents(self, text):
        """name of the file -> its text, of what `guardctl config` prints."""
        parts = re.split(r"(?m)^--- # (\S+)\n", text)
        self.assertEqual(parts[0], "")
        return dict(zip(parts[1::2], parts[2::2]))

    def test_configuration_reads_back_equal(self):
        self.write("guardd.yaml", "groups:\n  office: [192.0.2.0/28, {name: gate, addresses: ['2001:db8::5']}]\n"
                   "never_ban: [office, '2001:db8:5::/48']\nproxies: [198.51.100.77]\nhistory: 30d\nearly: yes\n"
                   "control_group: games\nzone: Europe/Paris\n")
        self.own()
        self.write("filters.d/quoted.yaml", "filter: quoted\nabout: \"it's \\\"quoted\\\": # \\u00e9\"\nsources:\n"
                   "  - journal: {unit: [a.service], identifier: [su], facility: [auth]}\n    zone: America/New_York\n"
                   "  - docker: {name: ['*x*'], label: ['a.b=c: d']}\nprogram: ['pro*g']\noffences:\n"
                   "  - match: '^don''t # say: \"x\" \\\\ <addr>$'\n    points: 3\n    caseless: yes\n"
                   "ignore: ['^ok: ''fine''$']\n")
        self.write("rules.d/quoted.yaml", "ban: quoted\nfilters: [quoted]\npoints: 5\nwithin: 1h30m\nfor: 90s\n"
                   "escalate: {factor: 1.5, max: 3d, forget: 10d}\ndistinct: user\nprefix: {hosts: 4, ipv4: 22}\n"
                   "scope: service\nports: [tcp/25, udp/6000-6010]\nnever_ban: [office]\ndry_run: yes\n")
        self.write("rules.d/ports.yaml", "expose: ports\nports: [sctp/7-9, tcp/514]\nonly: [infra, 2001:db8::/32]\n"
                   "address: 2001:db8::1\ninside: ['docker*']\nplaintext: tcp/514\nlisteners: required\n"
                   "containers: no\n")
        first = self.tool("config")
        docs = self.documents(first)
        self.assertTrue({"guardd.yaml", "filters.d/own.yaml", "rules.d/ssh.yaml", "filters.d/sshd.yaml", "rules.d/ports.yaml",
                         "rules.d/ldap.yaml"} <= set(docs))
        again = os.path.join(self.folder, "again")
        for d in ("filters.d", "rules.d", "empty"):
            os.makedirs(os.path.join(again, d))
        for name, text in docs.items():
            with open(os.path.join(again, name), "w", encoding="utf-8") as f:
                f.write(text)
        kw = {"share": again + "/empty", "etc": again, "config": again + "/guardd.yaml"}
        second = self.tool("config", **kw)
        self.assertEqual(self.documents(second), docs)
        self.tool("check-config", **kw)
        # What it means is the same, too.
        line = "Nov 21 21:46:44 h prog[1]: DON'T # SAY: \"x\" \\ 2001:db8::7"
        mine, theirs = ({s["step"]: s for s in self.objects("explain", "quoted", line, **k)} for k in ({}, kw))
        self.assertEqual(mine["offence"]["points"], 3)
        for key in ("address", "points", "pattern"):
            self.assertEqual(mine["offence"][key], theirs["offence"][key])
        self.assertEqual(mine["rule"], theirs["rule"])

    def test_check_config(self):
        self.tool("check-config")
        cases = [
            ("guardd.yaml", "never_bann: []\n", r"guardd\.yaml:1:1: .*never_bann.*never_ban"),
            ("guardd.yaml", "never_ban: [nowhere]\n", r"guardd\.yaml:1:13: .*nowhere"),
            ("rules.d/own.yaml", RULE.replace("[own]", "[owm]"), r"own\.yaml:2:11: .*owm.*own"),
            ("rules.d/own.yaml", RULE.replace("points: 4", "points: four"), r"own\.yaml:3:9: "),
            ("rules.d/ldap.yaml", "expose: ldap\nports: [tcp/389]\nonly: [nowhere]\n", r"ldap\.yaml:3:8: .*no group"),
            ("rules.d/ldap.yaml", "expose: ldap\nports: [tcp/389]\nonly: []\n", r"ldap\.yaml:3:7: .*nobody may"),
            ("guardd.yaml", "groups: {infra: []}\n", r"guardd\.yaml:1:17: .*'infra' is empty"),
            ("filters.d/own.yaml", FILTER.replace("<addr> refused", "nobody refused"), r"own\.yaml:5:\d+: .*<addr>"),
            ("filters.d/own.yaml", FILTER.replace("probe by", "probe (by"), r"own\.yaml:7:\d+: .*parenthes"),
            ("filters.d/own.yaml", FILTER.replace("gives: 2001:db8::7", "gives: none"), r"own\.yaml:\d+:\d+: "),
        ]
        for name, text, want in cases:
            self.own()
            path = self.write(name, text)
            self.tool("check-config", status=1)
            self.assertRegex(self.told, want)
            self.assertRegex(self.told, r"(?m)^ +\^", name)
            os.unlink(path)

    # --- all of them

    def commands(self):
        return dict(line.split(" ", 1) if " " in line else (line, "")
                    for line in self.tool("--usages").splitlines())

    def test_help_of_every_command(self):
        text = self.tool("--help")
        for name, usage in self.commands().items():
            self.assertRegex(text, rf"(?m)^  {name} ")
            told = self.tool(name, "--help")
            self.assertTrue(told.startswith(f"usage: guardctl {name} {usage}".rstrip()), told)
        self.assertRegex(self.tool("--version"), r"^guardctl \d")
        subprocess.run(["bash", "-n"], input=self.tool("--completion"), text=True, check=True)

    def test_exit_statuses_without_a_daemon(self):
        self.own()
        for args, status in ((["status"], 3), (["list"], 3), (["ban", "192.0.2.1"], 3), (["reload"], 3), ([], 2),
                             (["nonsense"], 2), (["ban"], 2), (["list", "--limit"], 2), (["list", "--lines", "3"], 2),
                             (["status", "more"], 2), (["--socket"], 2), (["explain"], 2), (["replay"], 2),
                             (["explain", "nobody", "x"], 1), (["test", "nobody"], 1),
                             (["test", "own", "/nonexistent"], 3), (["replay", "/nonexistent"], 3)):
            with self.subTest(args):
                self.tool(*args, status=status)
                self.assertTrue(self.told or not args, "nothing was said")

    def test_exit_statuses_of_requests(self):
        self.start_guardd("never_ban: [192.0.2.77]\n")
        for args, status in ((["status"], 0), (["ban", "192.0.2.1"], 0), (["unban", "192.0.2.1"], 0),
                             (["ban", "192.0.2.77"], 1), (["unban", "192.0.2.78"], 1), (["ban", "no-address"], 2),
                             (["ban", "192.0.2.1", "--for", "soon"], 2), (["list", "--limit", "x"], 2),
                             (["history", "no-address"], 2)):
            with self.subTest(args):
                r = self.guardd.ctl(*args, check=False)
                self.assertEqual(r.returncode, status, r.stdout)
                self.assertTrue(r.stdout)

    def foreign(self):
        """A folder of fail2ban's with one jail."""
        folder = os.path.join(self.folder, "foreign")
        for name, text in (("jail.conf", "[shop]\nenabled = true\nport = 443\nfilter = shop\nlogpath = /var/log/shop.log\n"
                            "maxretry = 3\nfindtime = 10m\nbantime = 1h\nbackend = polling\n"
                            "action = iptables-multiport[port=\"%(port)s\"]\n"),
                           ("action.d/iptables-multiport.conf", "[Definition]\nactionban = iptables -m multiport\n"),
                           ("filter.d/shop.conf", "[Definition]\nfailregex = ^login from <ADDR> refused$\n")):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return folder

    def test_json_everywhere(self):
        self.start_guardd(f"herald_user: {USER}\nfleet: {{server: 127.0.0.1, tls: no}}\n")
        herald = Herald(self.server, self.guardd.path("run")).start()
        self.addCleanup(herald.kill)
        until("the herald has its configuration", herald.connected)
        log = self.write("auth.log", logs.failed("192.0.2.5", time.time()))
        words = {"ban": ["2001:db8:7::7", "--for", "1h"], "unban": ["2001:db8:7::7"], "history": ["::/0"],
                 "explain": ["sshd", "Failed password for root from 192.0.2.5 port 1 ssh2"], "test": ["sshd", log],
                 "replay": [log], "prove": ["389"], "probe": [self.FROM4],
                 "import": ["fail2ban", self.foreign(), "--out", os.path.join(self.folder, "imported")]}
        commands = self.commands()
        for name in sorted(commands, key=lambda n: (n == "unban", n)):
            with self.subTest(name):
                r = self.guardd.ctl("--json", "--herald", herald.path("run"), name, *words.get(name, []), check=False)
                # A check's status is its verdict.
                self.assertIn(r.returncode, (0, 1, 2) if name in ("check", "probe", "exposure") else (0,), r.stdout)
                for line in r.stdout.splitlines():
                    self.assertIsInstance(json.loads(line), dict, name)

    def test_list_by_address_prefix_and_rule(self):
        log = self.server.folder + "/var-log/auth.log"
        open(log, "w", encoding="utf-8").close()
        self.start_guardd(files={"rules.d/ssh.yaml": "ban: ssh\nfilters: [sshd]\npoints: 2\nwithin: 10m\nfor: 1h\n"})
        self.reads("/var/log/auth.log")
        for prefix in ("192.0.2.8/30", "192.0.2.5", "203.0.113.0/24", "2001:db8:7:1::/64", "2001:db8:7::7"):
            self.guardd.ctl("ban", prefix, "--for", "2h", "--because", f"test of {prefix}")
        with open(log, "a", encoding="utf-8") as f:
            f.write(logs.failed("192.0.2.6", time.time()) + logs.failed("2001:db8:7:2::1", time.time()))
        for prefix in ("192.0.2.6", "2001:db8:7:2::/64"):
            self.guardd.wait_ban(prefix)

        def listed(*args):
            return {b["prefix"] for b in self.guardd.json("list", *args)}
        self.assertEqual(len(listed()), 7)
        self.assertEqual(listed("192.0.2.5"), {"192.0.2.5"})
        self.assertEqual(listed("192.0.2.9"), {"192.0.2.8/30"}, "the prefix that holds it")
        self.assertEqual(listed("192.0.2.0/24"), {"192.0.2.8/30", "192.0.2.5", "192.0.2.6"})
        self.assertEqual(listed("2001:db8:7::/48"), {"2001:db8:7:1::/64", "2001:db8:7::7", "2001:db8:7:2::/64"})
        self.assertEqual(listed("2001:db8:7:2::99"), {"2001:db8:7:2::/64"})
        self.assertEqual(listed("198.18.0.1"), set())
        self.assertEqual(listed("--rule", "ssh"), {"192.0.2.6", "2001:db8:7:2::/64"})
        self.assertEqual(listed("192.0.2.0/24", "--rule", "ssh"), {"192.0.2.6"})
        self.assertEqual(len(listed("--rule", "manual")), 5)
        self.assertEqual(len(listed("--limit", "3")), 3)
        text = self.guardd.ctl("list").stdout
        for word in ("in force", "test of 192.0.2.8/30", "ssh", "1h"):
            self.assertIn(word, text)
        self.assertIn("no bans", self.guardd.ctl("list", "198.18.0.1").stdout)

    def test_shown_text_never_steers_the_terminal(self):
        """Neither what a log line holds nor what somebody gave as a reason."""
        self.own()
        line = "2026-11-02T10:00:00Z login of \x1b[31m\x07\x9b from 2001:db8::7 refused"
        log = self.write("x.log", line + "\n" + line + " \x1b[2J\n")
        for out in (self.tool("explain", "own", line), self.tool("test", "own", log), self.tool("replay", log, log)):
            self.assertFalse(re.search("[\x00-\x09\x0b-\x1f\x7f]", out), out)
        self.start_guardd()
        self.guardd.ctl("ban", "192.0.2.1", "--for", "1h", "--because", "tab\tescape\x1b[31m", check=False)
        for args in (["list"], ["history", "0.0.0.0/0"]):
            self.assertNotIn("\x1b", self.guardd.ctl(*args).stdout)

    def test_sources_tell_what_was_read(self):
        log = self.server.folder + "/var-log/auth.log"
        open(log, "w", encoding="utf-8").close()
        self.start_guardd()
        self.reads("/var/log/auth.log")
        now = time.time()
        with open(log, "a", encoding="utf-8") as f:
            f.write(logs.failed("192.0.2.5", now) + logs.failed("2001:db8::5", now) + logs.benign(now) * 5)
            f.write(logs.failed("192.0.2.5", now)[:-1] + " and more\n")
        self.offences(2)

        def source():
            return [s for s in self.guardd.json("sources") if s["name"] == "/var/log/auth.log"][0]
        until("all is read", lambda: source()["lines"] == 8 and source()["lag_bytes"] == 0)
        s = source()
        self.assertEqual((s["kind"], s["state"], s["matched"], s["candidates"]), ("file", "live", 2, 3))
        self.assertIn("/var/log/auth.log", self.guardd.ctl("sources").stdout)

    # --- installed

    def test_installed_guardd_runs_from_its_own_paths(self):
        """make install into a folder, laid over /usr and /etc of the host; then no option says where anything is."""
        dest = os.path.join(self.folder, "dest")
        # What is built is installed; whether that is up to date is not asked here.
        subprocess.run(["make", "-s", "-o", "all", f"B={os.path.relpath(BUILD, ROOT)}", f"DESTDIR={dest}",
                        "prefix=/usr", "install"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        self.check_tree(dest)
        for name, line in (("passwd", "guardd:x:990:990::/var/lib/guardd:/usr/sbin/nologin\n"), ("group", "guardd:x:990:\n")):
            with open(f"/etc/{name}", encoding="utf-8") as f:
                text = "".join(x for x in f if not x.startswith("guardd:"))
            with open(f"{dest}/etc/{name}", "w", encoding="utf-8") as f:
                f.write(text + line)
        os.chmod(dest, 0o755)
        for d in ("usr", "etc"):
            self.server.run("mount", "-t", "overlay", "-o", f"lowerdir={dest}/{d}:/{d}", "overlay", f"/{d}")
        daemons.own_run(self.server)
        self.server.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib")
        log = self.server.folder + "/var-log/auth.log"
        open(log, "w", encoding="utf-8").close()
        out = os.path.join(self.folder, "guardd.out")
        with open(out, "w", encoding="utf-8") as f:
            p = self.server.popen("/usr/sbin/guardd", stdout=f, stderr=f)

        def said():
            with open(out, encoding="utf-8") as f:
                return f.read()
        until("guardd is ready", lambda: "ready:" in said() or p.poll() is not None)
        self.assertIsNone(p.poll(), said())
        # Inside a chroot the kernel names them from outside.
        running = {path[path.rindex("/usr/"):] for path in self.programs(p.pid)}
        self.assertEqual(running, {"/usr/libexec/guardd/guardd-keeper",
                                   "/usr/libexec/guardd/guardd-watcher",
                                   "/usr/libexec/guardd/guardd-reader",
                                   "/usr/libexec/guardd/guardd-judge"})
        status = json.loads(self.server.run("/usr/sbin/guardctl", "--json", "status").stdout)
        self.assertGreater(status["filters"], 30)
        until("the log is read", lambda: "/var/log/auth.log" in self.server.run("guardctl", "sources").stdout)
        with open(log, "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(a, time.time()) for a in ("192.0.2.5", "2001:db8:55::5") for _ in range(5)))
        until("both are banned", lambda: len([1 for line in self.server.run("guardctl", "--json", "list").stdout
                                              .splitlines() if json.loads(line)["in_force"]]) == 2)
        self.server.run("guardctl", "selfcheck")
        self.server.run("guardctl", "check-config")
        self.server.run("guardctl", "reload")
        self.assertTrue(self.server.run("ls", "/var/lib/guardd").stdout)
        p.terminate()
        self.assertEqual(p.wait(LIMIT), 0)
        self.server.run("/usr/sbin/guardd", "--clean")
        self.assertNotIn("guardd", self.server.run("nft", "list", "tables").stdout)

    def check_tree(self, dest):
        found = {os.path.relpath(os.path.join(d, f), dest) for d, _, files in os.walk(dest) for f in files}
        for name in ("usr/sbin/guardd", "usr/sbin/guardctl", "usr/libexec/guardd/guardd-keeper",
                     "usr/libexec/guardd/guardd-reader", "usr/libexec/guardd/guardd-judge",
                     "usr/libexec/guardd/guardd-conf", "usr/share/guardd/filters/sshd.yaml",
                     "usr/share/guardd/rules/ssh.yaml", "usr/share/man/man8/guardd.8", "usr/share/man/man8/guardctl.8",
                     "usr/lib/systemd/system/guardd.service", "usr/lib/sysusers.d/guardd.conf",
                     "usr/lib/tmpfiles.d/guardd.conf"):
            self.assertIn(name, found)
        self.assertEqual([f for f in found if not f.startswith(("usr/", "etc/"))], [])
        for f in found:
            mode = os.stat(os.path.join(dest, f)).st_mode & 0o7777
            self.assertEqual(mode, 0o755 if f.startswith(("usr/sbin/", "usr/libexec/")) else 0o644, f)
        with open(f"{dest}/usr/lib/systemd/system/guardd.service", encoding="utf-8") as f:
            self.assertIn("ExecStart=/usr/sbin/guardd", f.read())
        copy = shutil.copytree(dest, dest + "-gone")
        subprocess.run(["make", "-s", f"DESTDIR={copy}", "prefix=/usr", "uninstall"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        self.assertEqual([f for _, _, files in os.walk(copy) for f in files], [], "uninstall leaves files")

    @staticmethod
    def programs(parent):
        """Executables of the children of a process, as their own mounts name them."""
        out = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                    if f.read().rsplit(")", 1)[1].split()[1] == str(parent):
                        out.append(os.readlink(f"/proc/{pid}/exe"))
            except (OSError, IndexError):
                pass
        return out


if __name__ == "__main__":
    main()
