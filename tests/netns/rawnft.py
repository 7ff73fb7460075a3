# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules put into the kernel by netlink itself: what the kernel knows and no tool can print."""
import os
import socket
import struct

IP, IP6, INET, NETDEV = 2, 10, 1, 5
ACCEPT, DROP, JUMP = 1, 0, -3
NEWTABLE, NEWCHAIN, NEWRULE = 0, 3, 6
_NFT = 10 << 8
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NESTED = 0x8000


def attr(kind, data):
    """data: bytes; a number, 32 bits in network order; a name; or a list of attributes."""
    if isinstance(data, list):
        kind, data = kind | _NESTED, b"".join(data)
    elif isinstance(data, int):
        data = struct.pack(">I", data & 0xffffffff)
    elif isinstance(data, str):
        data = data.encode() + b"\0"
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def value(data):
    return [attr(1, data)]


def expr(name, *attrs):
    return attr(1, [attr(1, name), attr(2, list(attrs))])


def payload(register, base, offset, length):
    return expr("payload", attr(1, register), attr(2, base), attr(3, offset), attr(4, length))


def cmp(register, data, op=0):
    return expr("cmp", attr(1, register), attr(2, op), attr(3, value(data)))


def verdict(code, chain=None):
    return expr("immediate", attr(1, 0), attr(2, [attr(2, [attr(1, code)] + ([attr(2, chain)] if chain else []))]))


def inner(kind, what):
    """what, of the packet inside one of kind 1 (vxlan) or 2 (geneve): headers of link, network and transport."""
    return expr("inner", attr(1, 0), attr(2, kind), attr(3, 0xf), attr(4, 8), attr(5, what[4:]))


def bitwise_of_two(register, other, result, length, op):
    """op 3 and, 4 or, 5 xor."""
    return expr("bitwise", attr(1, register), attr(8, other), attr(2, result), attr(3, length), attr(6, op))


def set_mark(mark):
    return expr("immediate", attr(1, 8), attr(2, value(struct.pack("=I", mark)))) + \
        expr("meta", attr(2, 3), attr(3, 8))


def rule(family, table, chain, *exprs):
    return NEWRULE, family, 0xc00, [attr(1, table), attr(2, chain), attr(4, list(exprs))]


def table(family, name):
    return NEWTABLE, family, 0x400, [attr(1, name)]


def ingress_chain(table_name, name, prefix):
    """A chain of table netdev that is on every interface whose name begins with prefix."""
    hook = [attr(1, 0), attr(2, 0), attr(4, [attr(2, prefix.encode())])]
    return NEWCHAIN, NETDEV, 0x400, [attr(1, table_name), attr(3, name), attr(4, hook), attr(5, 1), attr(7, "filter")]


def commit(*messages):
    """One transaction; OSError of the first message that the kernel refuses."""
    def pack(kind, flags, seq, family, resource, body=b""):
        body = struct.pack("=BBH", family, 0, socket.htons(resource)) + body
        return struct.pack("=IHHII", 16 + len(body), kind, flags, seq, 0) + body

    out = pack(_BATCH_BEGIN, 1, 1, 0, 10)
    for n, (kind, family, flags, attrs) in enumerate(messages):
        out += pack(_NFT | kind, 1 | 4 | flags, 2 + n, family, 0, b"".join(attrs))
    out += pack(_BATCH_END, 1, 2 + len(messages), 0, 10)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
        s.bind((0, 0))
        s.settimeout(10)
        s.send(out)
        left = len(messages)
        while left > 0:
            data = s.recv(65536)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == 2:
                    error = struct.unpack_from("=i", data, 16)[0]
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    left -= 1
                data = data[length + -length % 4:]
