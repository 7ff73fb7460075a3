#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that stop the program the filters were written for (GHSA-33wh-ccjc-p397): each is given up, and counted."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import f2b  # noqa: E402

DOMINO = "2005-08-14 11:57:21 smtp: "
DOVECOT = "Aug 14 11:57:21 host dovecot: imap-login: Disconnected"
NUMBERS = (30, 300, 3000, 9000)
GOOD = {"domino-smtp": DOMINO + "mail.example.org [192.0.2.1] authentication failure using internet password",
        "dovecot": DOVECOT + ": a reason (auth failed, 1 attempts in 5 secs): user=<x>, rip=192.0.2.1"}
BAD = {"domino-smtp": [f"{DOMINO}{'a ' * n}[192.0.2.1] authentication failure using internet password !"
                       for n in NUMBERS],
       "dovecot": [f"{DOVECOT}{': a' * n} (auth failed, 1 attempts in 5 secs): user=<x>, rip=!" for n in NUMBERS]}


def total(world, image, lines):
    path = os.path.join(world.folder, "hostile.log")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    r = subprocess.run([os.path.join(f2b.BUILD, "guardd-reader"), "--test", "--now", str(f2b.CLOCK), "fail2ban", path],
                       pass_fds=(f2b.FD_IMAGE,), timeout=f2b.LIMIT, text=True, stdin=subprocess.DEVNULL,
                       capture_output=True, check=True, preexec_fn=lambda: os.dup2(image, f2b.FD_IMAGE))
    return json.loads(r.stdout.splitlines()[-1])


def main():
    f2b.need_package()
    wrong = 0
    with f2b.World() as world:
        for name, bad in BAD.items():
            image, said = world.image(name)
            assert image is not None, said
            # Without a limit one of them alone would take longer than f2b.LIMIT.
            t = total(world, image, bad * 10 + [GOOD[name]])
            right = t["unexamined"] == len(bad) * 10 and t["matched"] == 1
            print(f"{name}: {t['lines']} lines, {t['unexamined']} not examined, {t['matched']} matched: "
                  f"{'right' if right else 'wrong'}")
            wrong += not right
            os.close(image)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
