#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The second opinion on real rulesets: each is proven, and guardd-shadow replays the witnesses on a copy of its rules.

No witness may be decided otherwise by the kernel. A ruleset whose copy cannot be loaded is said to be so; most must be.
"""
import collections
import fcntl
import glob
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import world

CONFIG = 'groups:\n  infra:\n    - {name: pica01, addresses: [10.20.0.7, "2001:db8:20::5"]}\n    - 192.0.2.2\n'
CELL = 104  # struct proof_cell; its text's offset is in its last 12 bytes
SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
NAMES = ("not asked", "same", "different")


def memfd(data=b"", seal=False):
    fd = os.memfd_create("shadow", os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if seal:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    # Out of the way of the numbers below.
    far = fcntl.fcntl(fd, fcntl.F_DUPFD, 50)
    os.close(fd)
    return far


def with_fds(cmd, **numbers):
    """cmd with descriptors under the numbers that guardd's executables look for."""
    words = " ".join(f"{name[1:]}<&{fd}" if name[0] == "i" else f"{name[1:]}<>/proc/self/fd/{fd}"
                     for name, fd in numbers.items())
    return ["bash", "-c", f'exec "$@" {words}', "bash", *cmd], tuple(numbers.values())


def image(folder):
    config = os.path.join(folder, "guardd.yaml")
    with open(config, "w", encoding="utf-8") as f:
        f.write(CONFIG)
    fd = memfd()
    cmd, fds = with_fds([f"{world.BUILD}/guardd-conf", "-c", config, "-s", world.ROOT, "-e", folder, "-r", folder, "--image"],
                        o4=fd)
    world.run(cmd, fds=fds)
    return fd


# Where a process may make no namespaces, as in guardd's own unit.
CONFINED = ["unshare", "-Ur", "sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh"]


def serve_once():
    """What systemd/guard-shadow.socket does for one connection."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind("/run/guardd-shadow.socket")
    listening.listen(1)

    def serve():
        conn, _ = listening.accept()
        subprocess.run([f"{world.BUILD}/guardd-shadow", "--serve"], stdin=conn, stdout=subprocess.DEVNULL, check=False)
        conn.close()
        listening.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def ask(w, img, before=()):
    """Numbers of answers by name, and what the shadow said."""
    w.dump()
    with open(w.dump_path, "rb") as f:
        dump = memfd(f.read(), True)
    proof, answer = memfd(), memfd()
    cmd, fds = with_fds([f"{world.BUILD}/guardd-prover", "--proof"], i4=img, i9=dump, o10=proof)
    world.run(cmd, fds=fds)
    fcntl.fcntl(proof, fcntl.F_ADD_SEALS, SEALS)
    n = struct.unpack("<I", os.pread(proof, 4, 16))[0]
    cmd, fds = with_fds([*before, f"{world.BUILD}/guardd-shadow"], i9=dump, i10=proof, o1=answer)
    r = world.run(cmd, fds=fds, status=(0, 3))
    got = os.pread(answer, n, 0)
    data = os.pread(proof, 16 << 20, 0)
    cells, texts = struct.unpack_from("<II", data, 20)
    odd = []
    for i in (i for i, b in enumerate(got) if b == 2):
        at = texts + struct.unpack_from("<I", data, cells + CELL * i + CELL - 12)[0]
        odd.append(data[at:data.index(b"\0", at)].decode())
    for fd in (dump, proof, answer):
        os.close(fd)
    return collections.Counter(NAMES[b] for b in got), r.stderr.strip().splitlines() + odd


def main():
    world.private_run()
    if subprocess.run(["unshare", "-Un", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("SKIP: no user namespaces here (in a chroot there are none): nothing can be replayed")
        return
    wrong, loaded, total, by_unit = 0, 0, 0, False
    with tempfile.TemporaryDirectory() as folder:
        img = image(folder)
        shared = os.path.join(os.path.dirname(world.ROOT), "shared", "rulesets")
        for script in sorted(glob.glob(f"{world.HERE}/rulesets/*.sh") + glob.glob(f"{shared}/[0-9]*.sh")):
            name = os.path.basename(script)[:-3]
            with open(script, encoding="utf-8") as f:
                text = f.read()
            needs = re.search(r"^#: needs (.*)", text, re.M)
            if needs and any(os.system(f"command -v {x} >/dev/null") for x in needs.group(1).split()):
                print(f"{name:28} SKIP: needs {needs.group(1)}")
                continue
            w = world.World(text, strict=os.path.dirname(script).startswith(world.HERE))
            try:
                got, said = ask(w, img)
                if total == 0:
                    refused, why = ask(w, img, CONFINED)
                    unit = serve_once()
                    asked, _ = ask(w, img, CONFINED)
                    unit.join(10)
                    by_unit = asked == got and not refused["same"] and "namespace" in " ".join(why)
            finally:
                w.close()
            total += 1
            loaded += bool(got["same"] + got["different"])
            wrong += got["different"]
            print(f"{name:28} {dict(got)} {' | '.join(said)}", flush=True)
    print(f"{total} rulesets, {loaded} replayed, {wrong} witnesses decided otherwise; by the unit: "
          f"{'the same' if by_unit else 'NOT the same'}")
    sys.exit(wrong > 0 or loaded * 10 < total * 9 or not by_unit)


if __name__ == "__main__":
    main()
