# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader that falls behind says so; what is written now does not wait for what is caught up with.

Every backlog here is all offences, which is the slowest there is for reader, judge and keeper alike. Nothing asks for
a time: a live line's ban is in force while the backlogs are still being read.
"""
import os
import signal
import threading
import time

import logs
from daemons import Journal
from lib import main, until
from routed import RoutedWorld
from test_docker import Container

FAILED = "Failed password for root from {} port 4242 ssh2"
FILTER = """
filter: {name}
sources:
  - {source}
{program}offences:
  - match: '^Failed password for <user> from <addr> port \\d+ ssh2$'
"""
RULE = "ban: {name}\nfilters: [{filters}]\npoints: 5\nwithin: 1h\nfor: 1h\n"
SOURCES = {
    "one": "file: /var/log/one.log",
    "two": "file: /var/log/two.log",
    "live": "file: /var/log/live.log",
    "remote": "journal: {directory: /var/log/remote, unit: [ssh.service]}",
    "app": "docker: {name: ['*'], directory: /var/log/docker/containers}",
}


def crowd(n):
    """Addresses that offend in the backlogs, each often enough to be banned."""
    return [f"192.0.2.{i}" if i % 2 else f"2001:db8:{i:x}::{i:x}" for i in range(1, n)]


class Lag(RoutedWorld):
    def setUp(self):
        super().setUp()
        self.slow = None

    def tearDown(self):
        self.full_speed()
        super().tearDown()

    def path(self, name):
        return os.path.join(self.server.folder, "var-log", name)

    def config(self, *names):
        files = {f"filters.d/{n}.yaml": FILTER.format(
            name=n, source=SOURCES[n], program="" if n == "app" else "program: [sshd]\n") for n in names}
        files["rules.d/all.yaml"] = RULE.format(name="all", filters=", ".join(names))
        return files

    def backlog(self, name, megabytes):
        """So much in a file that guardd has been reading, while it is down."""
        now = time.time()
        lines = [logs.failed(a, now - 60 + i * 1e-3) for i, a in enumerate(crowd(250) * 160)]
        chunk = "".join(lines).encode()
        with open(self.path(name), "ab") as f:
            for _ in range(megabytes * 1000000 // len(chunk) + 1):
                f.write(chunk)

    def docker_backlog(self, container, megabytes):
        """Pieces of 16 KiB without an end, and offences between them."""
        piece = Container.piece("x" * 16000)
        chunk = (piece * 3 + Container.piece("\n") + b"".join(
            Container.piece(FAILED.format(a) + "\n") for a in crowd(250))) * 10
        with open(container.path, "ab") as f:
            for _ in range(megabytes * 1000000 // len(chunk) + 1):
                f.write(chunk)

    def source(self, name):
        return next(s for s in self.guardd.json("sources") if name in s["name"])

    def live(self, address):
        with open(self.path("live.log"), "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(address, time.time()) for _ in range(5)))

    def slowed(self, role):
        """The role gets two milliseconds of every four hundred, or what the machine makes of that."""
        stop = threading.Event()
        pid = self.guardd.role_pid(role)

        def run():
            while not stop.is_set():
                os.kill(pid, signal.SIGSTOP)
                stop.wait(0.4)
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.002)
        thread = threading.Thread(target=run)
        thread.start()
        self.slow = (stop, thread)

    def full_speed(self):
        if self.slow:
            self.slow[0].set()
            self.slow[1].join()
            self.slow = None

    def passes(self, *backlogs):
        """Live lines ban while every one of these is still being read."""
        for n, (address, prefix) in enumerate((("198.51.100.77", "198.51.100.77"),
                                               ("2001:db8:ff::77", "2001:db8:ff::/64"),
                                               ("198.51.100.78", "198.51.100.78"))):
            self.live(address)
            self.guardd.wait_ban(prefix)
            behind = {name for name in backlogs if self.source(name)["behind"]}
            self.assertTrue(behind, f"ban {n}: nothing was left to catch up with")
            if n == 0:
                self.assertEqual(behind, set(backlogs))

    def test_live_lines_pass_backlogs_of_files(self):
        files = self.config("one", "two", "live")
        for name in ("one", "two", "live"):
            open(self.path(name + ".log"), "w", encoding="utf-8").close()
        self.start_guardd(files=files)
        self.reads("/var/log/one.log", "/var/log/two.log", "/var/log/live.log")
        self.assertEqual(self.guardd.stop(), 0)
        for name in ("one.log", "two.log"):
            self.backlog(name, 500)
        self.guardd.start()
        self.passes("/var/log/one.log", "/var/log/two.log")

    def test_live_lines_pass_backlogs_of_journal_and_containers(self):
        os.makedirs(self.path("docker/containers"))
        container = Container(self.path("docker/containers"), "app")
        journal = Journal(self.server, "remote")
        journal.send("Server listening on 0.0.0.0 port 22.")
        for name in ("one", "live"):
            open(self.path(name + ".log"), "w", encoding="utf-8").close()
        self.start_guardd(files=self.config("one", "live", "remote", "app"))
        until("the journal is read", lambda: self.source("remote")["state"] == "live")
        until("the container is read", lambda: self.source("app")["state"] == "live")
        self.assertEqual(self.guardd.stop(), 0)
        for a in crowd(250):
            journal.send(FAILED.format(a), times=400)
        self.docker_backlog(container, 300)
        self.backlog("one.log", 300)
        self.guardd.start()
        self.passes("/var/log/one.log", "remote", "app")

    def test_a_slow_reader_of_a_file_is_told_and_shown(self):
        open(self.path("one.log"), "w", encoding="utf-8").close()
        self.start_guardd(files=self.config("one"))
        self.reads("/var/log/one.log")
        self.assertEqual(self.source("one.log")["lag_bytes"], 0)
        self.backlog("before.log", 400)
        self.slowed("reader")
        self.server.run("sh", "-c", "cat /var/log/before.log >>/var/log/one.log")
        until("it is told", lambda: self.guardd.said("/var/log/one.log: reading is behind, for "), 60)
        source, status = self.source("one.log"), self.guardd.json("status")[0]
        self.assertTrue(source["behind"])
        self.assertGreater(source["lag_bytes"], 1000000)
        self.assertEqual(status["sources_behind"], 1)
        self.assertGreater(status["lag_bytes"], 1000000)
        self.assertIn("1 behind, for up to", self.guardd.ctl("status").stdout)
        self.assertIn("behind for", self.guardd.ctl("sources").stdout)
        self.full_speed()
        until("it has caught up", lambda: self.guardd.said("/var/log/one.log: caught up, after "), 120)
        self.assertEqual(self.guardd.log().count("reading is behind"), 1)
        self.assertEqual(self.source("one.log")["lag_bytes"], 0)
        self.assertEqual(self.guardd.json("status")[0]["sources_behind"], 0)
        self.assertNotIn("behind", self.guardd.ctl("status").stdout)

    def test_a_journal_that_a_stopped_judge_holds_up_is_told(self):
        """Nothing may be read then: a timer looks."""
        journal = Journal(self.server, "remote")
        journal.send("Server listening on 0.0.0.0 port 22.")
        self.start_guardd(files=self.config("remote"))
        until("the journal is read", lambda: self.source("remote")["state"] == "live")
        judge = self.guardd.role_pid("judge")
        os.kill(judge, signal.SIGSTOP)
        try:
            for a in crowd(250):
                journal.send(FAILED.format(a), times=80)
            until("it is told", lambda: self.guardd.said("remote: reading is behind, for "), 120)
        finally:
            os.kill(judge, signal.SIGCONT)
        until("it has caught up", lambda: self.guardd.said("remote: caught up, after "), 120)
        self.offences(249 * 80)
        self.assertFalse(self.source("remote")["behind"])


if __name__ == "__main__":
    main()
