# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps as guardd-watcher writes them (src/dump/dump.h), taken apart, changed, and given to guardd-prover."""
import fcntl
import os
import struct
import subprocess

from lib import BUILD

HEAD = 56
GENERATION, TABLES, CHAINS, RULES, SETS, ELEMENTS = 1, 2, 3, 4, 5, 6
LINKS, ADDRS, ROUTES = 10, 11, 12
FAILED = 25
CHANGING = 1
SEALS = 0xf
FD_IMAGE, FD_DUMP = 4, 9


class Dump:
    def __init__(self, data):
        self.head, self.records = bytearray(data[:HEAD]), []
        at = HEAD
        while at < len(data):
            kind, arg, length = struct.unpack_from("=III", data, at)
            self.records.append([kind, arg, data[at + 16:at + 16 + length]])
            at += 16 + length + -length % 8

    def bytes(self):
        out = bytearray(self.head)
        for kind, arg, data in self.records:
            out += struct.pack("=IIII", kind, arg, len(data), 0) + data + b"\0" * (-len(data) % 8)
        return resized(out)

    def replace(self, kind, old, new):
        """In all records of a kind; how often."""
        n = 0
        for r in self.records:
            if r[0] == kind:
                n += r[2].count(old)
                r[2] = r[2].replace(old, new)
        return n

    def fail(self, kind, error):
        self.records = [r for r in self.records if r[0] != kind]
        self.records.append([FAILED, 0, struct.pack("=Ii", kind, -error) + b"by a test\0"])

    def flags(self, flags):
        struct.pack_into("=I", self.head, 24, flags)


def resized(data):
    """The same with the size that it has in its head."""
    data = bytearray(data)
    if len(data) >= 16:
        struct.pack_into("=I", data, 12, len(data))
    return bytes(data)


def sealed(data, name="dump"):
    fd = os.memfd_create(name, os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def image(share, etc):
    """The configuration as guardd-prover gets it: a sealed descriptor."""
    fd = os.memfd_create("image", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    subprocess.run(["bash", "-c", f'exec "$@" {FD_IMAGE}<&{fd}', "bash", os.path.join(BUILD, "guardd-conf"),
                    "-c", os.path.join(etc, "guardd.yaml"), "-s", share, "-e", etc, "-r", etc, "--image"],
                   check=True, pass_fds=(fd,))
    return fd


def prover(data, *args, image=-1, input="", timeout=60):
    """guardd-prover with this dump (bytes); the ended process."""
    fds = {FD_DUMP: sealed(data)}
    if image >= 0:
        fds[FD_IMAGE] = image
    # Out of the way of each other.
    high = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for n, fd in fds.items()}
    places = " ".join(f"{n}<&{fd}" for n, fd in high.items())
    try:
        return subprocess.run(["bash", "-c", f'exec "$@" {places}', "bash", f"{BUILD}/guardd-prover", *args],
                              pass_fds=tuple(high.values()), input=input, text=True, timeout=timeout,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        for fd in (fds[FD_DUMP], *high.values()):
            os.close(fd)
