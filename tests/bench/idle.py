#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls of a guardd that has nothing to do, by strace: without a watchdog none, with one those of its pings."""
import collections
import os
import re
import shutil
import subprocess
import tempfile

import bench
from scene import Scene, one_core

WATCHDOG = 10  # seconds, WatchdogSec= of a unit; guardd pings its roles twice in that


def watched(s, seconds):
    """Wake-ups by process, and the calls that were made, while nothing happens."""
    pids = s.pids()
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "calls")
        p = subprocess.Popen(["strace", "-f", "-q", "-o", out, *[x for pid in pids.values() for x in ("-p", str(pid))]],
                             stderr=subprocess.DEVNULL)
        try:
            p.wait(seconds)
        except subprocess.TimeoutExpired:
            p.terminate()
            p.wait()
        names = {pid: name for name, pid in pids.items()}
        calls = collections.Counter()
        with open(out, encoding="utf-8", errors="replace") as f:
            for line in f:
                m = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)(.*)", line)
                # A call that began before, or does not return while it is looked at, is no wake-up.
                if m and not re.search(r"<unfinished|<detached|strace: Process", line) and m[2] not in ("restart_syscall",):
                    calls[names.get(int(m[1]), m[1]), m[2]] += 1
    return calls


def say(calls):
    return ", ".join(f"{name} {call} {n}" for (name, call), n in sorted(calls.items())) or None


def run(rows, quick=False):
    if not shutil.which("strace"):
        rows.absent("system calls of an idle guardd in 10 s", "calls", None)
        return
    seconds = 4 if quick else 10
    with one_core(), Scene() as s:
        s.guard()
        lines = os.path.getsize(s.log)
        calls = watched(s, seconds)
        assert os.path.getsize(s.log) == lines
        rows.add(f"system calls of an idle guardd in {seconds} s, no watchdog", sum(calls.values()), "calls", target=0,
                 note=say(calls))
    with one_core(), Scene() as s:
        s.guard(env={"WATCHDOG_USEC": str(WATCHDOG * 1_000_000)})
        calls = watched(s, seconds)
        rows.add(f"the same with WatchdogSec={WATCHDOG}: a ping of each role every {WATCHDOG // 2} s", sum(calls.values()), "calls",
                 note=say(calls))


if __name__ == "__main__":
    raise SystemExit(bench.main(run))
