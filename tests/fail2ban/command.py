#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""guardctl test --fail2ban over a filter of one's own: what it answers, and what it says of what is wrong."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import f2b  # noqa: E402

FILTER = r"""
[INCLUDES]
before = base.conf
[Definition]
mode = plain
word = denied
re-plain = ^%(__start)s<word> <F-USER>\S+</F-USER> from <ADDR>$
re-more = <re-plain>
    ^%(__start)sgone <ADDR>$
failregex = <re-<mode>>
ignoreregex = from 192\.0\.2\.9$
datepattern = {^LN-BEG}%%Y-%%m-%%d %%H:%%M:%%S
"""
BASE = "[DEFAULT]\n__start = \\s+own:\\s\n"
LOCAL = "[Definition]\nword = refused\n"
BROKEN = "[Definition]\nfailregex = ^a (<ADDR>\n    ^b <ADDR>$\n"
LOG = """2026-11-02 10:00:00 own: refused bob from 192.0.2.1
2026-11-02 10:00:01 own: refused eve from 2001:db8::1
2026-11-02 10:00:02 own: refused eve from 192.0.2.9
2026-11-02 10:00:03 own: gone 192.0.2.3
2026-11-02 10:00:04 own: denied eve from 192.0.2.4
"""


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="guardd-f2b-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.mkdir(os.path.join(self.folder, "filter.d"))
        for name, text in {"filter.d/own.conf": FILTER, "filter.d/own.local": LOCAL, "filter.d/base.conf": BASE,
                           "filter.d/broken.conf": BROKEN, "log": LOG}.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write(text)

    def run_test(self, call, *files, before=()):
        return subprocess.run([os.path.join(f2b.BUILD, "guardctl"), "--config", "/nonexistent", *before, "test",
                               "--fail2ban", call, "--from", self.folder, *files], timeout=f2b.LIMIT, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def objects(self, call):
        r = self.run_test(call, os.path.join(self.folder, "log"), before=["--json"])
        self.assertEqual(r.returncode, 0, r.stderr)
        return [json.loads(line) for line in r.stdout.splitlines()]

    def addresses(self, call):
        return sorted(o["address"] for o in self.objects(call) if o["type"] == "address")

    def test_addresses_by_option(self):
        self.assertEqual(self.addresses("own"), ["192.0.2.1", "2001:db8::1"])
        self.assertEqual(self.addresses("own[mode=more]"), ["192.0.2.1", "192.0.2.3", "2001:db8::1"])
        self.assertEqual(self.addresses('own[word="denied"]'), ["192.0.2.4"])
        self.assertEqual(self.addresses(os.path.join(self.folder, "filter.d/own.conf")), ["192.0.2.1", "2001:db8::1"])

    def test_text_for_people(self):
        r = self.run_test("own[mode=more]", os.path.join(self.folder, "log"))
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("5 lines, 1 ignored, 3 matched, 1 missed", r.stdout)
        self.assertIn("2001:db8::1", r.stdout)
        self.assertIn("refused (?<user>", r.stdout)

    def test_wrong_pattern_has_its_place_and_the_rest_works(self):
        with open(os.path.join(self.folder, "log"), "w", encoding="utf-8") as f:
            f.write("b 192.0.2.5\n")
        r = self.run_test("broken", os.path.join(self.folder, "log"))
        self.assertEqual(r.returncode, 0)
        self.assertRegex(r.stderr, r"filter\.d/broken\.conf:2: error: failregex: a \( without its \)")
        self.assertIn("192.0.2.5", r.stdout)

    def test_no_filter_no_file_no_options(self):
        log = os.path.join(self.folder, "log")
        for call, status, said in (("none", 1, "there is no filter none"), ("own[mode", 1, "not closed")):
            r = self.run_test(call, log)
            self.assertEqual((r.returncode, r.stdout), (status, ""))
            self.assertIn(said, r.stderr)
        r = self.run_test("own")
        self.assertEqual(r.returncode, 2)
        self.assertIn("takes log files", r.stderr)


if __name__ == "__main__":
    unittest.main()
