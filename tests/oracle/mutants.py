# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliberate errors in the prover, each of which the oracle must notice: the kernel answers once, then every mutant is
built in a copy of the tree and must give a wrong verdict, or die.

usage: mutants.py [REGEX]     only the mutants whose name fits; exit status 1: one was not noticed, or fits no more
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import oracle
import sources
import world

# Name, file below src/prover, exact text (once in the file), what stands there instead.
MUTANTS = [
]
RANDOM = 60
PACKETS = 4000


def collect(job):
    """[(dump, ask, lines, the kernel's answers)] of one ruleset."""
    out = []
    w = world.World(job.script, job.strict)
    try:
        w.dump()
        with open(w.dump_path, "rb") as f:
            dump = f.read()
        rng = random.Random(job.seed)
        for ask in job.asks:
            lines = sources.packets(w.text, list(job.protected), rng, job.packets // len(job.asks))
            out.append((dump, ask, lines, w.kernel(lines, *ask)))
    finally:
        w.close()
    return out


def notice(cases, build):
    """What gave it away, or None."""
    for name, dump, ask, lines, kernel in cases:
        try:
            prover = world.ask_prover(dump, lines, *ask, build=build)
        except (world.Failed, subprocess.TimeoutExpired) as e:
            return f"{name}: {str(e).splitlines()[0]}"
        for a, b in zip(kernel.splitlines(), prover.splitlines()):
            if a != b and b[-1] != "?":
                return f"{name}: {a[:-2]} kernel {a[-1]}, prover {b[-1]}"
    return None


def make(tree):
    return subprocess.run(["make", "-s", "-j2", "B=build", "WARN=-w", "CFLAGS=-O1", "build/guardd-prover"], cwd=tree,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def try_one(tree, cases, mutant):
    name, file, text, other = mutant
    path = os.path.join(tree, "src/prover", file)
    with open(path, encoding="utf-8") as f:
        whole = f.read()
    if whole.count(text) != 1:
        return f"its text stands {whole.count(text)} times in {file}"
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(whole.replace(text, other))
        built = make(tree)
        if built.returncode:
            return "does not build: " + built.stdout[-500:]
        start = time.monotonic()
        how = notice(cases, os.path.join(tree, "build"))
        print(f"{'noticed' if how else 'MISSED ':8} {name:44} {how or ''} ({time.monotonic() - start:.1f} s)", flush=True)
        return None if how else "not noticed"
    finally:
        with open(path, "w", encoding="utf-8") as f:
            f.write(whole)


def main():
    world.private_run()
    only = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    jobs = oracle.fixed_jobs(1, PACKETS, None) + oracle.random_jobs(1, RANDOM, PACKETS)
    cases = [(job.name, *case) for job in jobs for case in collect(job)]
    faults = []
    with tempfile.TemporaryDirectory(prefix="guardd-mutants-") as tree:
        for part in ("src", "Makefile", "tests/tests.mk"):
            target = os.path.join(tree, part)
            if os.path.isdir(part):
                shutil.copytree(part, target)
            else:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(part, target)
        built = make(tree)
        if built.returncode:
            sys.exit(built.stdout)
        if how := notice(cases, os.path.join(tree, "build")):
            sys.exit(f"the prover as it is: {how}")
        chosen = [m for m in MUTANTS if only.search(m[0])]
        for m in chosen:
            if fault := try_one(tree, cases, m):
                faults.append(m[0])
                print(f"FAILED: {m[0]}: {fault}", flush=True)
    print(f"{len(chosen) - len(faults)} of {len(chosen)} mutants noticed")
    return 1 if faults or not chosen else 0


if __name__ == "__main__":
    os.chdir(world.ROOT)
    sys.exit(main())
