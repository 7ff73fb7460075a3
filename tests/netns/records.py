# SPDX-License-Identifier: GPL-2.0-or-later
"""A herald written by hand: speaks the records of src/wire/msg.h over guardd's socket for it."""
import array
import ipaddress
import os
import re
import socket
import struct
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZE, BATCH = 96, 128
NEVER = 2**63 - 1


def enumerated(file, name):
    """Names of a C enum without values of its own, in order."""
    with open(os.path.join(ROOT, "src", file), encoding="ascii") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    body = re.search(r"enum %s \{(.*?)\}" % name, text, flags=re.S).group(1)
    return [w.split("=")[0].strip() for w in body.split(",") if w.strip()]


TYPES = enumerated("wire/msg.h", "msg_type")
NUMBER = {name[4:]: i for i, name in enumerate(TYPES)}
ROLES = {name[5:]: i for i, name in enumerate(enumerated("wire/msg.h", "role"))}
TAKEN = [name[6:] for name in enumerated("wire/msg.h", "taken_status")]
KINDS = [name[6:] for name in enumerated("wire/alert.h", "alert_kind")]
SEVERITIES = [name[9:] for name in enumerated("wire/alert.h", "alert_severity")]
PHASES = [name[6:] for name in enumerated("wire/alert.h", "alert_phase")]
REASONS = {name: i for i, name in enumerate(("POINTS", "PREFIX", "HAND", "OTHER"), 1)}


def record(name, payload=b"", number=0):
    return struct.pack("=HHI", NUMBER[name], 0, number) + payload.ljust(SIZE - 8, b"\0")


def prefix_bytes(text):
    net = ipaddress.ip_network(text)
    return struct.pack("=B16sB", net.version, net.network_address.packed, net.prefixlen)


def prefix_text(raw):
    family, packed, length = struct.unpack("=B16sB", raw)
    packed = packed[:4] if family == 4 else packed
    host = length == 8 * len(packed)
    return str(ipaddress.ip_address(packed)) + ("" if host else f"/{length}")


def fleet(prefix, rule, until=None, since=None, reason="POINTS", number=10, level=1):
    """The payload of GIVE, LIFT, TAKE and DROP; times in seconds of the epoch."""
    raw = prefix if isinstance(prefix, bytes) else prefix_bytes(prefix)
    since = int((since or time.time()) * 1e6)
    until = until if until == NEVER else int((until or time.time() + 3600) * 1e6)
    rule = rule if isinstance(rule, bytes) else rule.encode()
    return raw + struct.pack("=B3xHIIqq40s", REASONS.get(reason, 0), level, number, 0, since, until, rule)


def texts(what, text):
    raw = text if isinstance(text, bytes) else text.encode()
    return [record("TEXT", struct.pack("=BB6x80s", what, len(raw[i:i + 80]), raw[i:i + 80]))
            for i in range(0, len(raw), 80)]


class Peer:
    """One connection to RUNTIME/herald."""

    def __init__(self, runtime, role="HERALD", greet=True, version=1):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(os.path.join(runtime, "herald"))
        self.socket.settimeout(10)
        self.pending, self.fds, self.next_id = [], {}, 0
        if greet:
            self.send(record("GREET", struct.pack("=II", version, ROLES[role])))

    def close(self):
        self.socket.close()
        for fd in self.fds.values():
            os.close(fd)

    def send(self, *records):
        self.socket.send(b"".join(records))

    def read(self):
        """One packet: a list of (name, id, payload); [] at the end."""
        fds = array.array("i")
        raw, control, _, _ = self.socket.recvmsg(SIZE * BATCH, socket.CMSG_SPACE(4))
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data)
        out = []
        for i in range(0, len(raw), SIZE):
            number, _, ident = struct.unpack_from("=HHI", raw, i)
            out.append((TYPES[number][4:], ident, raw[i + 8:i + SIZE]))
        if fds:
            old = self.fds.pop(out[0][0], None)
            if old is not None:
                os.close(old)
            self.fds[out[0][0]] = fds[0]
        return out

    def take_until(self, *names, limit=15):
        """All records until one of these names, that one included; alerts with their texts."""
        out, end = [], time.monotonic() + limit
        while True:
            for i, (name, ident, payload) in enumerate(self.pending):
                out.append((name, ident, payload))
                if name in names:
                    self.pending = self.pending[i + 1:]
                    while self.pending and self.pending[0][0] == "TEXT":
                        out.append(self.pending.pop(0))
                    return out
            if time.monotonic() > end:
                raise AssertionError(f"no {names} came, but {[n for n, _, _ in out]}")
            self.pending = self.read()
            if not self.pending:
                raise AssertionError(f"the judge hung up; {names} did not come, but {[n for n, _, _ in out]}")

    def drain(self, silence=0.3, besides=("PROOF",)):
        """What comes until it is silent for so long, but for proofs, which come of their own accord."""
        out, self.pending = self.pending, []
        self.socket.settimeout(silence)
        try:
            while True:
                got = self.read()
                if not got:
                    break
                out += got
        except TimeoutError:
            pass
        self.socket.settimeout(10)
        return [r for r in out if r[0] not in besides]

    def ask(self, name, host, payload):
        self.next_id += 1
        self.send(record(name, payload, self.next_id), *texts(2, host))
        return self.next_id

    def take(self, prefix, rule="ssh", host="web1", name="TAKE", **kw):
        """Asks, and waits for the answer's status in words."""
        ident = self.ask(name, host, fleet(prefix, rule, **kw))
        for _, number, payload in reversed(self.take_until("TAKEN")):
            if number == ident:
                return TAKEN[struct.unpack_from("=i", payload)[0]]
        raise AssertionError("an answer to another question")

    def drop(self, prefix, rule="ssh", host="web1"):
        return self.take(prefix, rule, host, name="DROP")


def bans(records, name="GIVE"):
    """{(prefix, rule): (reason, number, level, since, until)} of these records."""
    out = {}
    for what, _, raw in records:
        if what == name:
            reason, level, number, _, since, until, rule = struct.unpack("=B3xHIIqq40s", raw[18:])
            out[(prefix_text(raw[:18]), rule.rstrip(b"\0").decode())] = (reason, number, level, since, until)
    return out


def alerts(records):
    """[(kind, severity, phase, subject, words)] of these records."""
    out = []
    for what, _, raw in records:
        if what == "ALERT":
            kind, severity, phase = struct.unpack_from("=BBB", raw)
            out.append([KINDS[kind], SEVERITIES[severity], PHASES[phase], b"", b""])
        elif what == "TEXT":
            part, length = struct.unpack_from("=BB", raw)
            out[-1][3 + part] += raw[8:8 + length]
    return [(k, s, p, a.decode(), b.decode()) for k, s, p, a, b in out]
