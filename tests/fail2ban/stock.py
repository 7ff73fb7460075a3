#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every filter of the package, in all its modes and forms of lines: all of it is taken, and every regex compiles."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import f2b  # noqa: E402

# Options that choose among definitions of a filter: what a definition's name begins with, and what is called by it.
CHOICES = {"mode": r"^mdre-([\w-]+)\s*=", "publickey": r"^cmnfailre-failed-pub-(\w+)\s*=",
           "logging": r"^\[L_(\w+)\]"}
LOGTYPES = ("file", "short", "journal", "rfc5424")


def calls_of(path):
    """NAME[option="value"] for all that the file defines."""
    name = os.path.basename(path)[:-5]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    options = [{}] + [{"logtype": t} for t in LOGTYPES]
    for option, pattern in CHOICES.items():
        options += [{option: v} for v in sorted(set(re.findall(pattern, text, re.M))) if f"<{option}>" in text]
    return [f2b.call_of(name, o) for o in options]


def wrong_with(world, call):
    """What is said of a filter of which something cannot be taken; "" when all of it can."""
    image, said = world.image(call)
    if image is None:
        return f"{call}: {said.strip()}"
    try:
        # The reader compiles all patterns before it reads a line.
        world.lines(image, [b"x"])
    except RuntimeError as e:
        return f"{call}: {e}"
    finally:
        os.close(image)
    return f"{call}: {said.strip()}" if "error:" in said else ""


def main():
    f2b.need_package()
    paths = [p for p in sorted(glob.glob(os.path.join(f2b.CONFIG, "filter.d/*.conf"))) if not p.endswith("-common.conf")
             and os.path.basename(p) != "common.conf"]
    calls = [c for p in paths for c in calls_of(p)]
    with f2b.World() as world:
        wrong = [w for c in calls if (w := wrong_with(world, c))]
    print("\n".join(wrong))
    print(f"{len(paths)} filters, {len(calls) - len(wrong)} of {len(calls)} ways of calling them taken whole")
    return 1 if wrong or len(paths) < 80 else 0


if __name__ == "__main__":
    sys.exit(main())
