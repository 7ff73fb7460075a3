# SPDX-License-Identifier: GPL-2.0-or-later
"""A judge that is this test, for a real guardd-runner and guardd-herald: the packets of wire/msg.h by hand."""
import array
import os
import select
import socket
import struct
import subprocess

import records
from lib import BUILD, LIMIT, ROOT, until
from records import KINDS, PHASES, ROLES, SEVERITIES, SIZE, record, texts

SHARED = 1 << 20   # more than struct stats and struct figures have
SUBJECT, WORDS = 0, 1


def alert(kind, subject, words, severity="WARNING", phase="RAISED", since=0):
    """The packet of one alert; texts as str, or as any bytes."""
    body = struct.pack("=BBB5xq", KINDS.index(kind), SEVERITIES.index(severity), PHASES.index(phase), since)
    return b"".join([record("ALERT", body), *texts(SUBJECT, subject), *texts(WORDS, words)])


def shared(size, head=b""):
    fd = os.memfd_create("shared")
    os.truncate(fd, size)
    os.pwrite(fd, head, 0)
    return fd


class Peer:
    """One connection of herald or runner."""

    def __init__(self, sock, judge):
        self.sock, self.judge = sock, judge
        self.kind, self.sent = None, []

    def send(self, packet, fd=None):
        more = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.sock.sendmsg([packet], more)

    def recv(self):
        """The records of one packet; None: the peer is gone."""
        try:
            packet = self.sock.recv(SIZE * 128)
        except (ConnectionResetError, BlockingIOError):
            return None
        return [packet[i:i + SIZE] for i in range(0, len(packet), SIZE)] or None

    def configure(self):
        self.send(record("CONFIG"), self.judge.image)
        if self.kind == "herald":
            self.send(record("STATS"), self.judge.stats)
            self.send(record("FIGURES"), self.judge.figures)
            for packet in self.judge.standing:
                self.send(packet)
            self.send(record("STANDING"))
            self.send(record("GIVEN"))


class Judge:
    """Listens at DIR/herald; serve() does what is due, and is called by wait()."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        self.image, self.peers, self.standing = None, [], []
        self.stats = shared(SHARED)
        self.figures = shared(SHARED, struct.pack("=Q", 1))
        self.listener = None
        self.answering = True

    def use(self, text):
        """Makes the image of a guardd.yaml, and sends it to who is connected."""
        path = os.path.join(self.directory, "guardd.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        out = os.memfd_create("image", os.MFD_ALLOW_SEALING)
        r = subprocess.run(["sh", "-c", f'exec "$@" 4<>/proc/self/fd/{out}', "sh",
                            os.path.join(BUILD, "guardd-conf"), "-c", path, "-s", ROOT, "-e", self.directory,
                            "-r", self.directory, "--image"],
                           stderr=subprocess.PIPE, text=True, pass_fds=[out], check=False)
        if r.returncode != 0:
            raise AssertionError("guardd-conf:\n" + r.stderr)
        self.image = out
        for p in self.peers:
            if p.kind:
                p.send(record("CONFIG"), self.image)

    def open(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = os.path.join(self.directory, "herald")
        if os.path.exists(path):
            os.unlink(path)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(16)
        return self

    def close(self):
        """As a guardd that was killed."""
        for p in self.peers:
            p.sock.close()
        self.peers = []
        if self.listener:
            self.listener.close()
        self.listener = None

    def peer(self, kind):
        return next((p for p in self.peers if p.kind == kind), None)

    def on_record(self, peer, r):
        name = records.TYPES[struct.unpack_from("=H", r)[0]][4:]
        if name == "GREET":
            role = struct.unpack_from("=I", r, 12)[0]
            peer.kind = {v: k.lower() for k, v in ROLES.items()}.get(role)
            if self.answering:
                peer.configure()
        else:
            peer.sent.append((name, r[8:]))

    def serve(self, timeout=0.0):
        socks = [p.sock for p in self.peers] + ([self.listener] if self.listener else [])
        ready = select.select(socks, [], [], timeout)[0] if socks else []
        for s in ready:
            if s is self.listener:
                self.peers.append(Peer(s.accept()[0], self))
                continue
            peer = next((p for p in self.peers if p.sock is s), None)
            got = peer.recv() if peer else None
            if got is None:
                if peer:
                    peer.sock.close()
                    self.peers.remove(peer)
                continue
            for r in got:
                self.on_record(peer, r)

    def wait(self, what, probe, limit=None):
        def step():
            self.serve(0.02)
            return probe()
        return until(what, step, limit or LIMIT)
