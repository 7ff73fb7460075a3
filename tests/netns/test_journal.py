# SPDX-License-Identifier: GPL-2.0-or-later
"""The systemd journal, written live: read once, over restarts and rotations, and beside rsyslog's file."""
import os
import signal

from daemons import Journal
from lib import main, until
from routed import RoutedWorld
from services import own_dev, rsyslogd

FAILED = "Failed password for root from {} port 4242 ssh2"
FILTER = """
filter: sshd
{all}sources:
  - journal: {{directory: /var/log/remote, unit: [ssh.service]}}
  - file: /var/log/auth.log
program: [sshd]
offences:
  - match: '^Failed password for <user> from <addr> port \\d+ ssh2$'
    points: 2
"""


class JournalSource(RoutedWorld):
    def failed(self, address, times=1, **kw):
        self.journal.send(FAILED.format(address), times=times, **kw)

    def state(self, kind, live, lines=0):
        """Waits until some source of this kind is read (or not), with so many lines."""
        def probe():
            return any((s["state"] == "live") == live and s["lines"] >= lines
                       for s in self.guardd.json("sources") if s["kind"] == kind
                       and ("auth.log" in s["name"] or kind == "journal"))
        until(f"{kind} read: {live}", probe)

    def shipped(self):
        """Nothing but what is shipped: the machine's journal in its usual place."""
        self.journal = Journal(self.server, None)
        self.journal.send("Server listening on 0.0.0.0 port 22.")
        self.start_guardd()
        self.state("journal", True)

    def test_shipped_filter_reads_the_machines_journal(self):
        self.shipped()
        for before, address, prefix in ((0, "192.0.2.5", "192.0.2.5"), (5, "2001:db8:55::5", "2001:db8:55::/64")):
            # Another unit's message, a user's own, and one that another program wrote.
            self.failed(address, 5, unit="web.service", identifier="web", facility=3)
            self.failed(address, 5, unit="user@1000.service", identifier="sshd", facility=1)
            self.failed(address, 5, unit="ssh.service", identifier="cron")
            self.failed(address, 4)
            self.offences(before + 4)
            self.assertNotIn(prefix, self.guardd.bans())
            self.failed(address)
            self.assertEqual(self.guardd.wait_ban(prefix)["rule"], "ssh")
        self.assertEqual(len(self.guardd.bans()), 2)

    def test_units_with_instances(self):
        """ssh.socket starts one instance a connection."""
        self.shipped()
        for n in range(5):
            self.failed("2001:db8:55::5", unit=f"ssh@{n}-198.51.100.1:22-192.0.2.5:4{n}.service")
        self.guardd.wait_ban("2001:db8:55::/64")

    def test_directory_of_its_own_that_appears_later(self):
        self.journal = Journal(self.server, "remote")
        self.start_guardd(files={"filters.d/sshd.yaml": FILTER.format(all="")})
        self.journal.send("Server listening on 0.0.0.0 port 22.")
        self.state("journal", True)
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            self.failed(address, 5, unit="sshd.service")
            self.failed(address, 4)
            self.failed(address)
            ban = self.guardd.wait_ban(prefix)
            self.assertEqual(ban["count"], 0)
        self.assertEqual(self.guardd.json("status")[0]["offences"], 10)

    def test_restart_reads_nothing_twice_and_skips_nothing(self):
        self.shipped()
        self.failed("192.0.2.5", 4)
        self.failed("2001:db8:55::5", 3)
        self.offences(7)
        self.assertEqual(self.guardd.stop(), 0)
        self.failed("2001:db8:55::5", 1)
        self.guardd.start()
        self.offences(1)
        self.assertEqual(self.guardd.bans(), {})
        self.failed("192.0.2.5")
        self.guardd.wait_ban("192.0.2.5")
        self.failed("2001:db8:55::5")
        self.guardd.wait_ban("2001:db8:55::/64")
        self.assertEqual(self.guardd.json("status")[0]["offences"], 3)

    def test_killed_reader_and_judge_go_on_where_they_were(self):
        self.shipped()
        self.failed("2001:db8:55::5", 2)
        self.offences(2)
        for role in ("reader", "judge"):
            old = self.guardd.role_pid(role)
            os.kill(old, signal.SIGKILL)
            self.failed("2001:db8:55::5", 1)
            until(f"a new {role}", lambda o=old, r=role: self.guardd.role_pid(r) not in (None, o))
            until("an answer", lambda: self.guardd.ctl("status", check=False).returncode == 0)
        self.state("journal", True)
        self.failed("192.0.2.5", 5)
        self.guardd.wait_ban("192.0.2.5")
        self.assertEqual(list(self.guardd.bans()), ["192.0.2.5"])
        self.failed("2001:db8:55::5")
        ban = self.guardd.wait_ban("2001:db8:55::/64")
        self.assertEqual(ban["count"], 0)

    def test_rotation(self):
        self.shipped()
        self.rotations("192.0.2.5", "192.0.2.5", self.journal.rotate)

    def test_rotation_while_down(self):
        self.shipped()

        def change():
            self.guardd.stop()
            self.failed("2001:db8:55::5", 1)
            self.journal.rotate()
            self.guardd.start()
            self.offences(1)
        self.failed("2001:db8:55::5", 1)
        self.offences(1)
        change()
        self.failed("2001:db8:55::5", 2)
        self.offences(3)
        self.assertEqual(self.guardd.bans(), {})
        self.failed("2001:db8:55::5")
        self.assertEqual(self.guardd.wait_ban("2001:db8:55::/64")["count"], 0)

    def rotations(self, address, prefix, change):
        self.failed(address, 2)
        self.offences(2)
        change()
        self.failed(address, 1)
        change()
        self.failed(address, 1)
        self.offences(4)
        self.assertEqual(self.guardd.bans(), {})
        self.failed(address)
        self.assertEqual(self.guardd.wait_ban(prefix)["count"], 0)
        self.assertEqual(self.guardd.json("status")[0]["offences"], 5)

    def both(self, address, times):
        """The same event in rsyslog's file and in the journal, as on a Debian machine that has both."""
        for _ in range(times):
            self.server.run("logger", "-p", "auth.info", "-t", "sshd", FAILED.format(address))
            self.failed(address)

    def in_file(self, lines):
        def probe():
            try:
                with open(self.server.folder + "/var-log/auth.log", encoding="utf-8") as f:
                    return len(f.readlines()) == lines
            except FileNotFoundError:
                return False
        until(f"{lines} lines in rsyslog's file", probe)

    def test_beside_rsyslogs_file_each_offence_counts_once(self):
        own_dev(self.server)
        rsyslogd(self.server)
        self.shipped()
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            before = self.guardd.json("status")[0]["offences"]
            self.both(address, 4)
            self.offences(before + 4)
            self.assertNotIn(prefix, self.guardd.bans())
            self.both(address, 1)
            self.assertEqual(self.guardd.wait_ban(prefix)["count"], 0)
        self.in_file(10)
        self.assertEqual(self.guardd.json("status")[0]["offences"], 10)
        self.state("file", False)

    def test_all_reads_both(self):
        own_dev(self.server)
        rsyslogd(self.server)
        self.journal = Journal(self.server, "remote")
        self.journal.open()
        self.server.run("logger", "-p", "auth.info", "-t", "sshd", "Server listening on 0.0.0.0 port 22.")
        self.in_file(1)
        self.start_guardd(files={"filters.d/sshd.yaml": FILTER.format(all="all: true\n")})
        self.reads("/var/log/auth.log")
        self.state("journal", True)
        self.both("192.0.2.5", 2)
        self.offences(4)
        self.assertEqual(self.guardd.bans(), {})
        self.both("192.0.2.5", 1)
        self.guardd.wait_ban("192.0.2.5")
        self.both("2001:db8:55::5", 3)
        self.guardd.wait_ban("2001:db8:55::/64")
        self.offences(12)

    def test_journal_takes_over_from_the_file_when_journald_starts(self):
        self.takes_over(socket_first=False)

    def test_journal_takes_over_from_the_file_when_its_first_file_appears(self):
        """systemd listens on the socket before journald runs."""
        self.takes_over(socket_first=True)

    def takes_over(self, socket_first):
        own_dev(self.server)
        self.journal = Journal(self.server, None)
        rsyslogd(self.server)
        self.server.run("logger", "-p", "auth.info", "-t", "sshd", "Server listening on 0.0.0.0 port 22.")
        self.in_file(1)
        self.start_guardd()
        self.reads("/var/log/auth.log")
        for address in ("192.0.2.5", "2001:db8:55::5"):
            for _ in range(2):
                self.server.run("logger", "-p", "auth.info", "-t", "sshd", FAILED.format(address))
        self.offences(4)
        self.journal.open(socket_first)
        self.journal.send("Server listening on 0.0.0.0 port 22.")
        self.state("journal", True)
        self.state("file", False)
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            self.both(address, 3)
            self.assertEqual(self.guardd.wait_ban(prefix)["count"], 0)
        self.in_file(11)
        self.assertEqual(self.guardd.json("status")[0]["offences"], 10)


if __name__ == "__main__":
    main()
