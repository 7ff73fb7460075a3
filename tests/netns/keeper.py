# SPDX-License-Identifier: GPL-2.0-or-later
"""A real guardd-keeper whose supervisor, judge and reader are this test: the packets of wire/msg.h by hand."""
import array
import ipaddress
import os
import re
import select
import socket
import struct
import subprocess
import time

from lib import BUILD, LIMIT, ROOT

HEADER = open(os.path.join(ROOT, "src/wire/msg.h"), encoding="utf-8").read()
NAMES = re.findall(r"^\s(MSG_\w+)", re.search(r"enum msg_type \{(.*?)\};", HEADER, re.S)[1], re.M)
MSG = {name[4:]: i for i, name in enumerate(NAMES)}
ROLE = {"keeper": 2, "reader": 3, "judge": 4}
BAN = "<18s17sxII4xq"
BANNED = "<18s2xIiIqQQ"
OPENED = "<IIiiQQQII"
NEVER_ENDS = 2**63 - 1
EXTEND = 1
NO_UID = 2**32 - 1
SECTIONS = 23
(STRINGS, LISTS, SETTINGS, FILTERS, SOURCES, PATTERNS, LITERALS, EXAMPLES, RULES, RULE_FILTERS, SERVICES, PORTS,
 GROUPS, PREFIXES, ZONES, TRANSITIONS, EXPOSES, HOSTS, DATES, DATE_LISTS, CHANNELS, FLEETS,
 TRUSTS) = range(SECTIONS)
RESYNC = {"start": 0, "made": 1, "repaired": 2}
HOST_ONLY, NEVER = 1, 2


def prefix_bytes(text):
    n = ipaddress.ip_network(text)
    return bytes([n.version]) + n.network_address.packed.ljust(16, b"\0") + bytes([n.prefixlen])


def prefix_text(b):
    if b[0] not in (4, 6):
        return None
    a = ipaddress.ip_address(b[1:5] if b[0] == 4 else b[1:17])
    return str(a) if b[17] == a.max_prefixlen else f"{a}/{b[17]}"


def addr_bytes(text):
    return prefix_bytes(text)[:17] if text else bytes(17)


def image(never=(), services=(), sources=(), early=False):
    """A configuration image. services: (name, [(proto, low, high)]); sources: (kind, path)."""
    text = bytearray(b"\0")

    def string(s):
        if not s:
            return 0
        at = len(text)
        text.extend(s.encode() + b"\0")
        return at

    parts = {s: [] for s in range(SECTIONS)}
    for name, ports in services:
        parts[SERVICES].append(struct.pack("<III", string(name), len(parts[PORTS]), len(ports)))
        parts[PORTS] += [struct.pack("<BxHH", *p) for p in ports]
    for p in never:
        parts[PREFIXES].append(prefix_bytes(p) + struct.pack("<2xI", 0))
    for i, (kind, path) in enumerate(sources):
        parts[SOURCES].append(struct.pack("<IBB2xIII6I", 0, kind, 0, i, 0, string(path), *[0] * 6))
    parts[FILTERS].append(struct.pack("<10I4x2I", string("f"), 0, 0, len(sources), *[0] * 8))
    parts[ZONES].append(struct.pack("<III", 0, 0, 0))
    parts[SETTINGS].append(struct.pack("<QQqIIB7x7I4xqIIB3xIq4Iq", 1, 2, 0, 1000, 1000, early, 0, 0, 0, len(never),
                                      0, 0, 0, 0, 0, 0, 0, NO_UID, 0, 0, 0, 0, 0, 0))
    parts[STRINGS] = [bytes([b]) for b in text]
    head = 24 + 8 * SECTIONS
    body, table = b"", b""
    for s in range(SECTIONS):
        table += struct.pack("<II", head + len(body), len(parts[s]))
        body += b"".join(parts[s])
        body += b"\0" * (-len(body) % 8)
    data = b"GUARDIMG" + struct.pack("<IIq", 4, head + len(body), 0) + table + body
    fd = os.memfd_create("image")
    os.write(fd, data)
    return fd


class Channel:
    """One end of a channel: records out, records in."""

    def __init__(self):
        self.sock, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for s in (self.sock, self.other):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.got = []

    def send(self, kind, body=b"", ident=0, fd=None):
        data = struct.pack("<HHI", MSG[kind], 0, ident) + body.ljust(88, b"\0")
        anc = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([data], anc)

    def read(self, timeout=LIMIT):
        """One more packet into self.got; False at the end, or when none came in time."""
        if not select.select([self.sock], [], [], timeout)[0]:
            return False
        data, anc, _, _ = self.sock.recvmsg(96 * 128, 256)
        fds = array.array("i")
        for _, _, b in anc:
            fds.frombytes(b)
        for at in range(0, len(data), 96):
            kind, _, ident = struct.unpack_from("<HHI", data, at)
            self.got.append((NAMES[kind][4:], ident, data[at + 8:at + 96], fds[0] if fds else None))
        return bool(data)

    def wait(self, *kinds, ident=None, timeout=LIMIT):
        """Takes the next record of these kinds out of what came; others stay."""
        end = time.monotonic() + timeout
        while True:
            for i, m in enumerate(self.got):
                if m[0] in kinds and (ident is None or m[1] == ident):
                    return self.got.pop(i)
            if time.monotonic() > end or not self.read(max(0, end - time.monotonic())):
                raise AssertionError(f"no {kinds} came; there are {[m[0] for m in self.got]}")


class Answer:
    def __init__(self, record):
        prefix, self.scope, self.status, _, self.until, self.packets, self.bytes = \
            struct.unpack_from(BANNED, record[2])
        self.prefix = prefix_text(prefix)


class Keeper:
    """caps: with the two capabilities as an unprivileged user, as under the supervisor; else as nobody without."""

    def __init__(self, host, caps=True, **conf):
        self.host = host
        self.ids = 0
        self.supervisor = Channel()
        self.image = image(**conf)
        self.log = os.path.join(host.folder, f"keeper-{id(self)}.log")
        keep = "-all,+net_admin,+dac_read_search" if caps else "-all"
        cmd = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={keep}",
               f"--ambient-caps={keep}", os.path.join(BUILD, "guardd-keeper")]
        fds = (self.supervisor.other.fileno(), self.image)

        def arrange():
            spare = [os.dup(fd) for fd in fds]
            for want, fd in zip((3, 4), spare):
                os.dup2(fd, want)

        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen(host.cmd(*cmd), preexec_fn=arrange, pass_fds=(3, 4), stderr=log,
                                         stdin=subprocess.DEVNULL)
        host.children.append(self.proc)
        self.supervisor.other.close()
        self.supervisor.wait("READY")
        self.judge = self.peer("judge")

    def peer(self, role):
        c = Channel()
        self.supervisor.send("PEER", struct.pack("<I", ROLE[role]), fd=c.other.fileno())
        c.other.close()
        return c

    def config(self, **conf):
        fd = image(**conf)
        self.supervisor.send("CONFIG", fd=fd)
        os.close(fd)

    def said(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def ask(self, kind, prefix, until=0, host=None, scope=0, flags=0):
        self.ids += 1
        self.judge.send(kind, struct.pack(BAN, prefix_bytes(prefix), addr_bytes(host), scope, flags, until), self.ids)
        return self.ids

    def ban(self, prefix, span=3600, **kw):
        until = NEVER_ENDS if span is None else int((time.time() + span) * 1e6)
        return Answer(self.judge.wait("BANNED", ident=self.ask("BAN", prefix, until, **kw)))

    def unban(self, prefix, **kw):
        return Answer(self.judge.wait("UNBANNED", ident=self.ask("UNBAN", prefix, **kw)))

    def lookup(self, prefix, **kw):
        return Answer(self.judge.wait("FOUND_BAN", ident=self.ask("LOOKUP", prefix, **kw)))

    def resync(self):
        return struct.unpack_from("<I", self.judge.wait("RESYNC")[2])[0]

    def own(self):
        """The never-ban list of the machine: prefix to kind."""
        self.judge.wait("OWN_BEGIN")
        out = {}
        while (m := self.judge.wait("OWN", "OWN_END"))[0] == "OWN":
            out[prefix_text(m[2])] = m[2][18]
        return out

    def stop(self):
        self.supervisor.send("STOP")
        return self.proc.wait(LIMIT)

    def table(self):
        return self.host.run("nft", "list", "table", "inet", "guardd").stdout
