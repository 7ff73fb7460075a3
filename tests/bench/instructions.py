#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions that a benign line costs the reader's engine, by valgrind --tool=callgrind: the same on every machine.

Counted is what happens between a block of lines and its end, without starting: lines in which no filter sees an
offence, for all filters on one log, and for the filters that the daemon has on each kind of log, with each way to scan
that this CPU and valgrind have. --check compares with instructions.json, whose head says how it is changed; --write
changes it.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import bench
from bench import BUILD, HERE, ROOT

FILE = os.path.join(HERE, "instructions.json")
# Kind of corpus, and the file as which the daemon reads it.
LANES = {"mixed": ("mixed", ""), "auth": ("auth", "/var/log/auth.log"), "mail": ("mail", "/var/log/mail.log"),
         "web": ("web", "/var/log/nginx/access.log")}
VARIANTS = ("avx2", "portable")
NOW = 1795000000
BYTES = 2_000_000
MORE = 1.05
HEAD = ["Instructions per benign line; tests/bench/instructions.py --check fails when one is more than 5 % above.",
        "After a change that is meant: tests/bench/instructions.py --write, and say in the commit why it costs more.",
        "A compiler of another major version is not compared."]


def tool(name):
    return os.path.join(BUILD, "bench", name)


def compiler():
    """What built the engine: 'gcc 12', from its own notes."""
    out = subprocess.run(["readelf", "-p", ".comment", tool("lane_count")], text=True, stdout=subprocess.PIPE,
                         check=True)
    found = re.findall(r"(GCC|clang).*?(\d+)\.\d+", out.stdout)
    return "{} {}".format(*sorted(found)[-1]).lower()


def variants():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = f.read()
    return [v for v in VARIANTS if v == "portable" or v in flags]


def image():
    fd = os.memfd_create("bench", os.MFD_ALLOW_SEALING)
    subprocess.run([os.path.join(BUILD, "guardd-conf"), "-c", "/nonexistent", "-s", ROOT, "-e", "/nonexistent",
                    "-r", "/nonexistent", "--image"], check=True, preexec_fn=lambda: os.dup2(fd, 4), close_fds=False)
    return fd


def log(path, kind):
    text = subprocess.run([tool("corpus"), kind, str(BYTES), "0", "1", "240", str(NOW)], stdout=subprocess.PIPE,
                          check=True, env={**os.environ, "TZ": "UTC"}).stdout
    if kind == "web":
        # An access log, without the error log's lines.
        text = b"".join(line for line in text.splitlines(True) if b' HTTP/' in line and b'] "' in line)
    with open(path, "wb") as f:
        f.write(text)


def start(fd, path, as_file, variant):
    return subprocess.Popen(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=read_lines",
         tool("lane_count"), variant, as_file, path, str(NOW)], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "TZ": "UTC"}, preexec_fn=lambda: os.dup2(fd, 4), close_fds=False)


def result(p):
    """(instructions a line, lines, candidates, hits)."""
    out, err = p.communicate()
    collected = re.search(r"Collected : (\d+)", err)
    if p.returncode != 0 or not collected:
        raise RuntimeError(f"valgrind: status {p.returncode}\n{err[-2000:]}")
    lines, candidates, hits = map(int, out.split())
    return int(collected[1]) / lines, lines, candidates, hits


def measure():
    """{lane: {variant: result}}"""
    fd = image()
    found = {}
    with tempfile.TemporaryDirectory(prefix="guardd-bench-") as folder:
        for lane, (kind, as_file) in LANES.items():
            path = os.path.join(folder, lane)
            log(path, kind)
            # Counting disturbs nobody: all at once.
            running = {v: start(fd, path, as_file, v) for v in variants()}
            found[lane] = {v: result(p) for v, p in running.items()}
    os.close(fd)
    return found


def figures(found):
    return {lane: {v: round(r[0], 1) for v, r in by.items()} for lane, by in found.items()}


def check():
    with open(FILE, encoding="utf-8") as f:
        known = json.load(f)
    if compiler() not in known["figures"]:
        print(f"SKIP: built by {compiler()}, and instructions.json has {', '.join(known['figures'])}")
        return 0
    known = known["figures"][compiler()]
    worse = 0
    for lane, by in figures(measure()).items():
        for variant, figure in by.items():
            limit = known[lane][variant]
            bad = figure > limit * MORE
            worse += bad
            print(f"{lane}, {variant}: {figure} instructions a line, {limit} in instructions.json" +
                  (f": {figure / limit - 1:.0%} more, which that file must say (see its head)" if bad else ""))
    return 1 if worse else 0


def write():
    known = {}
    if os.path.exists(FILE):
        with open(FILE, encoding="utf-8") as f:
            known = json.load(f)["figures"]
    known[compiler()] = figures(measure())
    with open(FILE, "w", encoding="utf-8") as f:
        json.dump({"about": HEAD, "figures": known}, f, indent=1)
        f.write("\n")
    return 0


def run(rows, quick=False):
    del quick
    for lane, by in measure().items():
        for variant, (count, lines, candidates, hits) in by.items():
            rows.add(f"instructions a benign line: {lane}, {variant}", count, "instr.",
                     note=f"{candidates / lines:.1%} looked at by a pattern, {hits / lines:.1%} successes")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    if sys.argv[1:] == ["--write"]:
        sys.exit(write())
    sys.exit(bench.main(run))
