# SPDX-License-Identifier: GPL-2.0-or-later
"""What latency, storm, memory and idle share: a real guardd, or a peer, on a host of its own, all on the one core."""
import contextlib
import os
import shutil
import sys
import tempfile
import time

import logs
from bench import BUILD, CORE
from lib import until
from routed import RoutedWorld

# One failed password, 2 points, completes it. In place of the shipped one, so that an offence counts in one rule; all else that
# is shipped is loaded beside it.
RULE = "ban: ssh\nfilters: [sshd]\npoints: 2\nwithin: 10m\nfor: 6h\n"
ROLES = ("keeper", "watcher", "judge", "reader")


def tool(name):
    return os.path.join(BUILD, "bench", name)


@contextlib.contextmanager
def one_core():
    """This process and all it starts from here on run on the one core, before whatever else is on it."""
    before, nice = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setaffinity(0, {CORE})
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        os.setpriority(os.PRIO_PROCESS, 0, nice)


class Scene(RoutedWorld):
    """A server, its peer and an auth.log with some harmless lines (by its first one fail2ban tells a log from the next)."""

    def runTest(self):
        pass

    def __enter__(self):
        # Not in /tmp: a guardd looks up its paths again whenever something comes or goes in a folder above them.
        before, tempfile.tempdir = tempfile.tempdir, "/var/tmp"
        self.setUp()
        tempfile.tempdir = before
        self.log = os.path.join(self.server.folder, "var-log", "auth.log")
        with open(self.log, "w", encoding="utf-8") as f:
            f.writelines(logs.benign(time.time(), n) for n in range(20))
        return self

    def __exit__(self, *why):
        if self.guardd:
            if why[0]:
                sys.stderr.write(self.guardd.log()[-3000:])
            self.guardd.kill()
        # A set of a million takes its time to go: with the namespace, when its last process has ended.
        for h in self.hosts:
            h.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def guard(self, rule=RULE, config="never_ban: []\n", settle=True, **kw):
        self.start_guardd(config, {"rules.d/ssh.yaml": rule}, **kw)
        if settle:
            self.reads("/var/log/auth.log")
            self.settle()
        return self.guardd

    def settle(self):
        """Until the proof that follows a start is done."""
        until("a first proof", lambda: self.status()["exposure"] != "unknown")
        time.sleep(0.5)

    def status(self):
        return self.guardd.json("status")[0]

    def pids(self):
        """Every process of this guardd, by name; what stands by beside what serves."""
        top = self.guardd.pid()
        found, tree = {"guardd": top}, {top}
        for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                    name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if int(rest.split()[1]) in tree and pid != top:
                tree.add(pid)
                found[name if name not in found else name + ", its child"] = pid
        return found


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]
