#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of all processes together, by process, after a catch-up; and what a tracked source and a ban in force take.

PSS of smaps_rollup: what several processes map counts once. Mapped journal files would be left out; there are none here.
Per source and per ban it is the growth of all processes between none and a million of them.
"""
import time

import bench
import logs
from lib import until
from scene import RULE, Scene, one_core
from storm import offender

MANY, FLOOD = 1_000_000, 10_000_000
NEVER = "ban: ssh\nfilters: [sshd]\npoints: 1000\nwithin: 6h\nfor: 6h\n"


def pss(s):
    """KiB by process, mapped journal files left out."""
    found = {}
    for name, pid in s.pids().items():
        total = journal = 0
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            total = next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
            for line in f:
                if "-" in line.split()[0]:
                    mapped = line.rstrip().endswith(".journal")
                elif mapped and line.startswith("Pss:"):
                    journal += int(line.split()[1])
        found[name] = total - journal
    return found


def write(path, n, sources, share=1):
    """n lines, of which one in share is an offence, by so many sources in turn."""
    now = time.time()
    with open(path, "a", encoding="ascii") as f:
        for i in range(n):
            f.write(logs.benign(now, i) if i % share else logs.failed(offender(i // share % sources), now))


def settled(s, offences):
    until(f"{offences} offences", lambda: s.status()["offences"] >= offences, 600)
    until("the kernel has all bans", lambda: s.status()["in_force"] >= s.status()["bans"], 300)
    time.sleep(3)


def after_catch_up(rows, lines, sources):
    with Scene() as s:
        s.guard()
        s.guardd.stop()
        write(s.log, lines, sources, 20)
        s.guardd.start()
        settled(s, lines // 20)
        found = pss(s)
        rows.add(f"all processes, after a catch-up of {lines:,} lines, {sources:,} bans", sum(found.values()) / 1024, "MiB",
                 target=12, note=", ".join(f"{k} {v / 1024:.2f}" for k, v in found.items()))


def each(rows, what, rule, n, most):
    """Growth per source, which has one offence, or per ban."""
    with Scene() as s:
        s.guard(rule, f"never_ban: []\ntallies_max: {n + 1000}\n")
        write(s.log, 100, 100)
        settled(s, 100)
        before = pss(s)
        write(s.log, n, n)
        settled(s, n)
        after = pss(s)
        grown = {k: (after[k] - before[k]) * 1024 / n for k in after if k in before}
        rows.add(f"{what}, {n:,} of them", sum(grown.values()), "bytes", target=most,
                 note=", ".join(f"{k} {v:.1f}" for k, v in grown.items() if v >= 0.1) + "; one run")


def ceiling(rows, limit, sources):
    """The tallies' limit under far more distinct sources, each with one offence."""
    with Scene() as s:
        s.guard(NEVER, f"never_ban: []\ntallies_max: {limit}\n")
        step, done, sizes = sources // 10, 0, []
        for part in range(10):
            now = time.time()
            with open(s.log, "a", encoding="ascii") as f:
                for i in range(part * step, (part + 1) * step):
                    f.write(logs.failed(offender(i), now))
            done += step
            until(f"{done} offences", lambda: s.status()["offences"] >= done * 0.999, 600)
            sizes.append(sum(pss(s).values()) / 1024)
        status = s.status()
        rows.add(f"all processes, {limit:,} tallies at most, {sources:,} sources", sizes[-1], "MiB",
                 "after a tenth of them", sizes[0], target=1.1,
                 note=f"{status['tallies']:,} tallies, {status['evicted']:,} evicted; one run")


def run(rows, quick=False):
    many, flood = (20_000, 100_000) if quick else (MANY, FLOOD)
    with one_core():
        after_catch_up(rows, 20_000 if quick else 1_000_000, 1000)
        each(rows, "per source with one offence", NEVER, many, 96)
        each(rows, "per ban in force", RULE, many, 128)
        ceiling(rows, flood // 20, flood)


if __name__ == "__main__":
    raise SystemExit(bench.main(run))
