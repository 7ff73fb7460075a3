# SPDX-License-Identifier: GPL-2.0-or-later
"""Cuts a random ruleset with a wrong verdict down to what makes it.

usage: minimise.py SEED [PACKETS]     the same packets as oracle.py --seed SEED --random 1 --packets PACKETS
"""
import sys

import generate
import oracle
import world


def is_wrong(ruleset, iface, to, line):
    try:
        w = world.World(ruleset.script())
    except world.Failed:
        return False
    try:
        w.dump()
        prover = w.prover(line + "\n", iface, to).strip()[-1]
        return prover != "?" and w.kernel(line + "\n", iface, to).strip()[-1] != prover
    except world.Failed:
        return False
    finally:
        w.close()


def shrink(ruleset, still):
    """Leaves out runs of items, then single ones, until nothing more can go."""
    changed = True
    while changed:
        changed = False
        for items in list(ruleset.parts()):
            step = max(len(items) // 2, 1)
            while step:
                i = 0
                while i < len(items):
                    gone = items[i:i + step]
                    del items[i:i + step]
                    if still(ruleset):
                        changed = True
                    else:
                        items[i:i] = gone
                        i += step
                step //= 2


def main():
    world.private_run()
    job = oracle.random_jobs(int(sys.argv[1]), 1, int(sys.argv[2]) if len(sys.argv) > 2 else 10000)[0]
    result = oracle.judge(job)
    oracle.show(result)
    if not result.wrong:
        return 0
    iface, to, line, kernel, prover = result.wrong[0]
    ruleset = generate.ruleset(job.seed)
    shrink(ruleset, lambda r: is_wrong(r, iface, to, line))
    print(ruleset.script())
    print(f"{line} in {iface} to {' '.join(to)}: kernel {kernel}, prover {prover}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
