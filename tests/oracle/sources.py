# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets tell answers apart: sources around every literal of a ruleset, and its ports with their neighbours."""
import ipaddress
import re

SPECIAL = {
    4: "0.0.0.0 0.0.0.1 0.255.255.255 1.0.0.0 9.9.9.9 126.255.255.255 127.0.0.1 127.255.255.255 128.0.0.0 169.254.1.1 "
       "192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.255 223.255.255.255 224.0.0.1 239.255.255.255 240.0.0.1 "
       "255.255.255.254 255.255.255.255",
    6: ":: ::1 ::2 ::ffff:192.0.2.1 ::ffff:10.20.0.1 ::192.0.2.1 64:ff9b::1 100::1 2001::1 2001:db8:1:: "
       "2001:db8:1::1 2001:db8:1::2 2002:c000:201::1 fc00::1 fd00:: fe80:: fe80::1 fe80::2 febf:ffff::1 fec0::1 "
       "ff00:: ff02::1 ff05::2 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
}
LAST = {4: 2**32 - 1, 6: 2**128 - 1}
_V4 = re.compile(r"(?<![\d.])(\d+\.\d+\.\d+\.\d+)(?:/(\d+)(?![\d.])|-(\d+\.\d+\.\d+\.\d+))?")
_V6 = re.compile(r"(?<![\w:.])([0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*)(?:/(\d+)|-([0-9a-f:]+:[0-9a-f:.]*))?")


def _number(text, family):
    try:
        a = ipaddress.ip_address(text)
    except ValueError:
        return None
    return int(a) if a.version == family else None


_MASKED = (re.compile(r"saddr & (\S+) (?:[!=]= )?(\S+)"), re.compile(r"()([\d.]+)/(\d+\.\d+\.\d+\.\d+)"))


def masked(text, family, rng):
    """Some addresses that fit each comparison under a mask, which may have holes."""
    pairs = _MASKED[0].findall(text) + [(mask, value) for _, value, mask in _MASKED[1].findall(text)]
    for mask, value in dict.fromkeys(pairs):
        mask, value = _number(mask, family), _number(value, family)
        if mask is not None and value is not None:
            for _ in range(6):
                yield rng.randint(0, LAST[family]) & ~mask | value & mask


def literals(text, family):
    """All (first, last) of the addresses, prefixes and ranges in a text."""
    found = set()
    for addr, length, end in (_V4 if family == 4 else _V6).findall(text):
        first = _number(addr.rstrip(":") if addr.endswith(":") and not addr.endswith("::") else addr, family)
        bits = 32 if family == 4 else 128
        if first is None or (length and int(length) > bits):
            continue
        last = first
        if length:
            host = (1 << (bits - int(length))) - 1
            first, last = first & ~host, first | host
        elif end:
            last = _number(end, family)
        if last is not None and last >= first:
            found.add((first, last))
    return sorted(found)


def sources(text, family, rng, at_most):
    """Source addresses as text."""
    edges, inside = set(), set()
    for first, last in literals(text, family):
        edges |= {first - 1, first, last, last + 1}
        inside |= {first + 1, last - 1, rng.randint(first, last), rng.randint(first, last), first ^ 0x100,
                   first ^ (1 << rng.randrange(32 if family == 4 else 128))}
    inside |= set(masked(text, family, rng))
    special = {int(ipaddress.ip_address(a)) for a in SPECIAL[family].split()}
    others = {rng.randint(0, LAST[family]) for _ in range(16)}
    if family == 6:
        others |= {0x20010db8 << 96 | rng.getrandbits(96) for _ in range(10)}
    keep = list(special | others)
    rest = sorted(inside - edges)
    edges = sorted(edges)
    rng.shuffle(edges)
    rng.shuffle(rest)
    keep += (edges[:at_most * 2 // 3] + rest)[:max(at_most - len(keep), 0)]
    make = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    return [str(make(n)) for n in sorted(set(keep)) if 0 <= n <= LAST[family]]


def ports(text, protected, rng, at_most=20):
    """PROTOCOL/PORT: the protected ones, and of the numbers in the text some, with neighbours."""
    numbers = {int(n) for n in re.findall(r"(?<![\w.:/])\d{1,5}(?![\w.])", text) if 0 < int(n) < 65536}
    for low, high in re.findall(r"(?<![\w.:])(\d{1,5})[-:](\d{1,5})(?![\w.:])", text):
        numbers |= {n for n in (int(low), int(high), (int(low) + int(high)) // 2) if 0 < n < 65536}
    known = {int(p.split("/")[1]) for p in protected}
    near = {n + d for n in numbers | known for d in (-1, 1)} & set(range(1, 65536))
    more = [(n, rng.choice(("tcp", "tcp", "udp"))) for n in rng.sample(sorted(numbers), min(len(numbers), at_most))]
    more += [(n, rng.choice(("tcp", "udp", "sctp"))) for n in rng.sample(sorted(near), min(len(near), at_most // 3))]
    more += [(rng.randrange(1, 65536), p) for p in ("tcp", "udp")]
    return list(dict.fromkeys(list(protected) + [f"{p}/{n}" for n, p in more]))


def packets(text, protected, rng, at_most, families=(4, 6)):
    """Lines "SADDR PROTO/PORT" for both families, about at_most: each source with as many ports as there is room for,
    the protected ones first."""
    lines = []
    for family in families:
        room = at_most // len(families)
        chosen = sources(text, family, rng, max(room // max(len(protected), 3), 60))
        every = ports(text, protected, rng)
        each = max(room // len(chosen), 1)
        for s in chosen:
            some = every
            if each < len(every):
                first = rng.sample(protected, min(len(protected), (each + 1) // 2))
                some = first + rng.sample(every, each - len(first))
            lines += [f"{s} {p}\n" for p in some]
    return "".join(lines)
