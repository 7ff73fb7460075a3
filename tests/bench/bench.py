#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs every part of the benchmark and prints one table; with --json FILE, the figures.

A part is a file NAME.py here with run(rows, quick). Figures are ratios of two things measured side by side in one run,
on one core. A part that is missing or fails is named, the others still run. Needs root; works in network namespaces of
its own. Parts by name run alone: bench.py throughput journal. Builds what it measures first. --quick: small sizes, to see
that it works; its figures mean nothing, and are not judged.
"""
import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
PARTS = ("throughput", "journal", "instructions", "latency", "storm", "memory", "idle", "exposure", "fleet")
for folder in (HERE, os.path.join(ROOT, "tests", "netns")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

CORE = max(os.sched_getaffinity(0))  # not the first: kernels like to do their own work there


def pinned(cmd):
    """The command on the one core that everything is measured on."""
    return ["taskset", "-c", str(CORE), *cmd]


def timed(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def median(run, times=5):
    """Seconds that run() takes: the median of so many times, after one that does not count."""
    run()
    return statistics.median(timed(run) for _ in range(times))


def side_by_side(ours, theirs, times=5):
    """(median seconds of ours, of theirs, median of their ratios): in turns, so that what else runs hits both alike.

    Each is called without arguments and returns its seconds, or None to have them taken here.
    """
    def once(run):
        begin = time.perf_counter()
        own = run()
        return time.perf_counter() - begin if own is None else own
    once(ours), once(theirs)
    pairs = [(once(ours), once(theirs)) for _ in range(times)]
    return (statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs))


class Rows:
    """What was measured. Units are part of a row; met follows from target, better and the ratio or the value."""

    def __init__(self, quick=False):
        self.rows = []
        self.part = None
        self.quick = quick

    def add(self, what, value, unit, against=None, against_value=None, ratio=None, target=None, better="lower",
            note=None):
        """A figure, beside that of against in the same unit. ratio: value / against_value unless given.

        target is one for the ratio where there is something to compare with, else for the value. value or against_value
        None: could not be measured, and note says why.
        """
        if ratio is None and value is not None and against_value:
            ratio = value / against_value
        row = {"part": self.part, "what": what, "value": value, "unit": unit, "against": against,
               "against_value": against_value, "ratio": ratio, "target": target, "better": better, "note": note}
        row["met"] = None if self.quick else self.met(row)
        self.rows.append(row)
        print(".", end="", file=sys.stderr, flush=True)
        return row

    def absent(self, what, unit, against, why="absent: not installed here", target=None, better="lower"):
        """A peer that is not here: said, never assumed."""
        return self.add(what, None, unit, against, target=target, better=better, note=why)

    @staticmethod
    def met(row):
        figure = row["ratio"] if row["against"] else row["value"]
        if row["target"] is None or figure is None:
            return None
        return figure <= row["target"] if row["better"] == "lower" else figure >= row["target"]


def number(value):
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def line_of(r, quick=False):
    text = f"{r['what']:66} {number(r['value']):>12} {r['unit']:9}"
    if r["against"]:
        text += f" {number(r['ratio']):>8} x {r['against']}"
        if r["against_value"] is not None:
            text += f" ({number(r['against_value'])})"
    if r["target"] is not None and not quick:
        verdict = {True: "met", False: "MISSED", None: "not measured"}[r["met"]]
        text += f"; {'at most' if r['better'] == 'lower' else 'at least'} {number(r['target'])}: {verdict}"
    return text + (f" [{r['note']}]" if r["note"] else "")


def print_table(rows, failed):
    part = None
    print("\nA figure; how many times that is of what it is measured against (in brackets: the figure of that); the target "
          "for it.\n")
    for r in rows.rows:
        if r["part"] != part:
            part = r["part"]
            print(f"-- {part}")
        print(line_of(r, rows.quick))
    missed = sum(r["met"] is False for r in rows.rows)
    judged = "not judged" if rows.quick else f"{sum(r['met'] is True for r in rows.rows)} targets met, {missed} missed"
    print(f"{len(rows.rows)} figures: {judged}" + "".join(f"; {name}: {why}" for name, why in failed))


def machine():
    """What the figures were taken on."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    compiler = subprocess.run(["gcc", "-dumpfullversion"], text=True, capture_output=True, check=False).stdout.strip()
    return {"cpu": model, "kernel": platform.release(), "core": CORE, "gcc": compiler, "load": os.getloadavg()[0]}


def write_json(path, rows, failed, quick):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"machine": machine(), "quick": quick, "failed": dict(failed), "rows": rows.rows}, f, indent=1)


def run_part(name, rows, quick):
    """None, or why there are no figures of it."""
    rows.part = name
    if not os.path.exists(os.path.join(HERE, name + ".py")):
        return "is missing"
    try:
        importlib.import_module(name).run(rows, quick)
    except (Exception, SystemExit) as e:  # noqa: the others still run
        traceback.print_exc()
        return f"failed: {type(e).__name__}: {str(e).strip()[:200]}"
    return None


def main(run=None):
    """Of a part: main(run) runs it alone."""
    a = argparse.ArgumentParser()
    a.add_argument("--json", metavar="FILE")
    a.add_argument("--quick", action="store_true", help="small sizes: figures without meaning")
    if not run:
        a.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    o = a.parse_args()
    subprocess.run(["make", "-s", "-j2", "all", "bench-tools", f"B={os.environ.get('B', 'build')}"], cwd=ROOT, check=True)
    rows = Rows(o.quick)
    failed = []
    if run:
        rows.part = os.path.basename(sys.argv[0]).removesuffix(".py")
        run(rows, o.quick)
    else:
        for name in o.parts or PARTS:
            why = run_part(name, rows, o.quick)
            if why:
                failed.append((name, why))
    print_table(rows, failed)
    if o.json:
        write_json(o.json, rows, failed, o.quick)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.modules.setdefault("bench", sys.modules["__main__"])
    sys.exit(main())
