#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal, read by guardd's reader for all shipped units, beside libsystemd's bare loop over the same fields.

The daemon was here before and catches up from its position; every entry is one that a shipped filter wants, and one in
twenty is an offence. The reader's processor time, less that of a start with nothing to read, as the median of the
rounds.
"""
import os
import shutil
import subprocess
import sys

import bench
from daemons import Journal
from lib import until
from scene import Scene, one_core, tool
from throughput import Rounds, ask, used

REMOTE = "/lib/systemd/systemd-journal-remote"


class Reading(Scene):
    def append(self, entries, mille, span):
        """So many entries behind those that are there, as of the last span seconds."""
        path = os.path.join(self.folder, "in.export")
        with open(path, "wb") as f:
            subprocess.run([tool("corpus"), "journal", str(entries), str(mille), "1", str(span)], stdout=f, check=True)
        subprocess.run([REMOTE, "-o", self.journal.live(), path], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        os.unlink(path)

    def prepare(self, entries):
        self.journal = Journal(self.server, None)
        self.journal.open()
        self.journal.close()
        self.append(1, 0, 600)
        self.start()
        until("a position in the journal", lambda: self.source().get("state") == "live")
        self.settle()
        self.guardd.stop()
        self.saved = os.path.join(self.folder, "saved")
        subprocess.run(["cp", "-a", self.guardd.path("state"), self.saved], check=True)
        self.append(entries, 50, 300)

    def start(self):
        with one_core():
            self.start_guardd()

    def source(self):
        return next((s for s in ask(self.guardd, b"sources") if s.get("kind") == "journal"), {})

    def reader(self):
        """Processor seconds of the reader."""
        with open(f"/proc/{self.guardd.role_pid('reader')}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1e9

    def catch_up(self, entries):
        """Processor seconds of the reader for so many entries; its start alone if there are none."""
        if entries:
            state = self.guardd.path("state")
            shutil.rmtree(state)
            subprocess.run(["cp", "-a", self.saved, state], check=True)
        self.server.run("nft", "flush", "ruleset")
        self.start()
        until("the journal is read", lambda: self.source().get("lines", -1) >= entries, 120)
        self.settle()
        took = self.reader()
        self.guardd.stop()
        return took


def bare(w, entries, way):
    """The loop over all files of the journal, which is rotated as it grows."""
    folder = w.journal.folder
    cmd = [tool("journal_read"), way, *(os.path.join(folder, n) for n in sorted(os.listdir(folder)))]
    out = subprocess.run(cmd, text=True, stdout=subprocess.PIPE, check=True).stdout
    if int(out.split()[0]) != entries + 1:
        raise RuntimeError(f"the journal has {out.split()[0]} entries, not {entries + 1}")
    return used(cmd)


def run(rows, quick=False):
    entries, times = (10_000, 2) if quick else (200_000, 5)
    r = Rounds()
    what = f"{entries:,} journal entries, all shipped units"
    if not os.access(REMOTE, os.X_OK):
        rows.absent(what, "ms", "the bare sd-journal loop", "absent: systemd-journal-remote", 1.3)
        return
    with Reading() as w:
        w.prepare(entries)
        for _ in range(times):
            reading = w.catch_up(entries)
            starting = w.catch_up(0)
            r.note(guardd=reading - starting, get=bare(w, entries, "get"), each=bare(w, entries, "each"))
    speed = f"{entries / r.median('guardd'):,.0f} entries/s"
    rows.add(what, r.median("guardd") * 1e3, "ms", "the bare sd-journal loop", r.median("get") * 1e3,
             r.ratio("guardd", "get"), 1.3, note=speed)
    rows.add("the same", r.median("guardd") * 1e3, "ms", "the loop that picks them out of all fields",
             r.median("each") * 1e3, r.ratio("guardd", "each"), 1.3)


if __name__ == "__main__":
    sys.exit(bench.main(run))
