# SPDX-License-Identifier: GPL-2.0-or-later
"""The prover against the real kernel: every ruleset of tests/oracle/rulesets, of ../shared/rulesets where that is,
and random ones, in both families. The prover may say "depends", but never the opposite of what the kernel did.

usage: oracle.py [--random N] [--seed S] [--packets N] [--fixed REGEX | --no-fixed] [--jobs N] [--keep FOLDER]
                 [--at-least N]
       oracle.py --script FILE [--strict] [--in IFACE] [--to ADDR]... [--lines FILE]   one ruleset, answers side by side
Exit status 1: a wrong verdict, too many "depends", or too little of either answer.
"""
import argparse
import concurrent.futures
import dataclasses
import glob
import os
import random
import re
import shutil
import sys
import time

import generate
import sources
import world

SHARED = os.environ.get("SHARED_RULESETS", os.path.join(world.ROOT, "..", "shared", "rulesets"))
PROTECTED = ("tcp/389 tcp/636 tcp/514 udp/514 tcp/6514 tcp/2514 tcp/20514 tcp/60 tcp/5000 tcp/9090 tcp/3306 "
             "tcp/5432 tcp/6379 tcp/2375").split()
EXACT = re.compile(r"ufw|firewalld|docker")  # rulesets where nothing on a protected port may depend


@dataclasses.dataclass
class Job:
    name: str
    script: str
    seed: int
    packets: int
    strict: bool = True
    protected: tuple = tuple(PROTECTED)
    asks: tuple = (("eth0", world.MAIN_TO),)
    exact: bool = False
    random: bool = False
    tool: bool = False  # ask by guardctl, too


@dataclasses.dataclass
class Result:
    name: str
    random: bool = False
    packets: int = 0
    accepted: int = 0
    dropped: int = 0
    depends: int = 0
    depends_exact: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)  # (iface, to, line, kernel, prover)
    error: str = ""
    script: str = ""
    took: float = 0


def header(text, word):
    return [w for line in re.findall(rf"^#: {word} (.*)$", text, re.M) for w in line.split()]


def fixed_jobs(seed, packets, only):
    """The scripts say in comments what else to ask: "#: protect PROTO/PORT...", "#: ask IFACE TO4 TO6", "#: tool" (guardctl,
    too), and "#: needs PROGRAM"."""
    paths = sorted(glob.glob(os.path.join(world.HERE, "rulesets", "*.sh")))
    shared = sorted(glob.glob(os.path.join(SHARED, "[0-9]*.sh")))
    jobs = []
    for path in paths + shared:
        name = os.path.basename(path)[:-3]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if only and not re.search(only, name):
            continue
        missing = [p for p in header(text, "needs") if not shutil.which(p)]
        if missing:
            print(f"SKIP {name}: {' '.join(missing)} is not installed")
            continue
        asks = [tuple(a.split()) for a in re.findall(r"^#: ask (.*)$", text, re.M)]
        asks = tuple((a[0], a[1:]) for a in asks)
        if path in shared and "docker0" in text and "add docker0" not in text:
            text = "bridge docker0 172.17.0 fd00:17\n" + text  # as their notes say
        jobs.append(Job(("shared " if path in shared else "") + name, text, seed, packets, path not in shared,
                        tuple(header(text, "protect") or PROTECTED), (("eth0", world.MAIN_TO),) + asks,
                        bool(EXACT.search(name)), tool="#: tool\n" in text))
    return jobs


def random_jobs(seed, n, packets):
    jobs = []
    for i in range(n):
        r = generate.ruleset(seed + i)
        jobs.append(Job(f"random {seed + i}", r.script(), seed + i, packets, True, tuple(r.ports), r.asks, False, True))
    return jobs


def compare(result, job, ask, kernel, prover):
    k, p = kernel.splitlines(), prover.splitlines()
    if len(k) != len(p):
        raise world.Failed(f"the prover answered {len(p)} of {len(k)} lines")
    result.packets += len(k)
    result.accepted += kernel.count(" A\n")
    result.dropped += kernel.count(" D\n")
    for a, b in zip(k, p):
        if a == b:
            continue
        if a[:-1] != b[:-1] or b[-1] not in "AD?":
            raise world.Failed(f"the prover answered {b!r} to {a!r}")
        if b[-1] == "?":
            result.depends += 1
            if job.exact and b.split()[1] in job.protected:
                result.depends_exact.append(b)
        else:
            result.wrong.append((ask[0], ask[1], a[:-2], a[-1], b[-1]))


def judge(job):
    """One ruleset with all its packets."""
    start = time.monotonic()
    result = Result(job.name, job.random)
    try:
        w = world.World(job.script, job.strict)
        try:
            result.script = job.script
            rng = random.Random(job.seed)
            w.dump()
            asked = []
            for ask in job.asks:
                lines = sources.packets(w.text, list(job.protected), rng, job.packets // len(job.asks))
                asked.append((ask, lines, w.prover(lines, *ask)))
            if job.tool and w.tool(asked[0][1], "eth0") != asked[0][2]:
                raise world.Failed("guardctl prove --packets answers otherwise than guardd-prover")
            for ask, lines, prover in asked:
                compare(result, job, ask, w.kernel(lines, *ask), prover)
        finally:
            w.close()
    except (world.Failed, OSError) as e:
        result.error = str(e)
    result.took = time.monotonic() - start
    return result


def keep(result, folder):
    """What is needed to see it again."""
    os.makedirs(folder, exist_ok=True)
    base = os.path.join(folder, result.name.replace(" ", "-"))
    with open(base + ".sh", "w", encoding="utf-8") as f:
        f.write(result.script)
    with open(base + ".lines", "w", encoding="utf-8") as f:
        for iface, to, line, kernel, prover in result.wrong:
            f.write(f"{line}   # in {iface} to {' '.join(to)}: kernel {kernel}, prover {prover}\n")


def show(result):
    print(f"{result.name:34} {result.packets:7} packets {result.accepted:7} accepted {result.dropped:7} dropped "
          f"{result.depends:6} depends {len(result.wrong):5} wrong  {result.took:.1f} s", flush=True)
    for iface, to, line, kernel, prover in result.wrong[:5]:
        print(f"    {line} in {iface} to {' '.join(to)}: kernel {kernel}, prover {prover}")
    for line in result.depends_exact[:5]:
        print(f"    {line}: a protected port may not depend here")
    if result.error:
        print("    FAILED: " + result.error.replace("\n", "\n    "))


def verdict(results, at_least=1):
    """The faults of all results together."""
    faults = []
    total = {k: sum(getattr(r, k) for r in results) for k in ("packets", "accepted", "dropped", "depends")}
    wrong = sum(len(r.wrong) for r in results)
    rand = [r for r in results if r.random]
    print(f"{len(results)} rulesets: {total['packets']} packets, {total['accepted']} accepted, {total['dropped']} dropped, "
          f"{total['depends']} depends, {wrong} wrong")
    if wrong:
        faults.append(f"{wrong} wrong verdicts")
    if errors := [r.name for r in results if r.error]:
        faults.append(f"failed: {', '.join(errors)}")
    if exact := sum(len(r.depends_exact) for r in results):
        faults.append(f"{exact} of a protected port depend where nothing may")
    for k in ("accepted", "dropped"):
        if total[k] * 5 < total["packets"]:
            faults.append(f"less than a fifth {k}")
    if rand:
        share = sum(r.depends for r in rand) / max(sum(r.packets for r in rand), 1)
        print(f"depends in random rulesets: {share:.2%}")
        if share > 0.02:
            faults.append("more than 2 % of the random verdicts depend")
    if total["packets"] < at_least:
        faults.append(f"{total['packets']} packets, not {at_least}")
    return faults


def run_all(jobs, workers, folder=None):
    results = []
    with concurrent.futures.ProcessPoolExecutor(workers, initializer=world.die_with_parent) as pool:
        for r in pool.map(judge, jobs):
            results.append(r)
            show(r)
            if folder and (r.wrong or r.error):
                keep(r, folder)
    return results


def one(args):
    """One script, for looking at a wrong verdict."""
    with open(args.script, encoding="utf-8") as f:
        script = f.read()
    w = world.World(script, args.strict)
    try:
        if args.lines:
            with open(args.lines, encoding="utf-8") as f:
                lines = "".join(" ".join(x.split()[:2]) + "\n" for x in f if x.strip())
        else:
            lines = sources.packets(w.text, PROTECTED, random.Random(args.seed), args.packets)
        to = tuple(args.to or world.MAIN_TO)
        w.dump()
        prover = w.prover(lines, args.iface, to)
        kernel = w.kernel(lines, args.iface, to)
        bad = 0
        for a, b in zip(kernel.splitlines(), prover.splitlines()):
            wrong = a != b and b[-1] != "?"
            bad += wrong
            if args.lines or wrong:
                print(f"{a[:-2]}: kernel {a[-1]}, prover {b[-1]}" + (" WRONG" if wrong else ""))
        print(f"{bad} wrong")
        return 1 if bad else 0
    finally:
        w.close()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--random", type=int, default=40)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--packets", type=int, default=10000, help="of one ruleset")
    p.add_argument("--fixed", help="only those fixed rulesets")
    p.add_argument("--no-fixed", action="store_true")
    p.add_argument("--at-least", type=int, default=1, help="packets in all")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--keep", help="folder for what was wrong")
    p.add_argument("--script")
    p.add_argument("--strict", action="store_true")
    p.add_argument("--in", dest="iface", default="eth0")
    p.add_argument("--to", action="append")
    p.add_argument("--lines")
    args = p.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 30)
    args.seed = seed
    world.private_run()
    if args.script:
        return one(args)
    print(f"seed {seed}", flush=True)
    jobs = [] if args.no_fixed else fixed_jobs(seed, args.packets, args.fixed)
    jobs += random_jobs(seed, args.random, args.packets)
    faults = verdict(run_all(jobs, args.jobs, args.keep), args.at_least)
    for f in faults:
        print(f"FAILED: {f} (seed {seed})")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
