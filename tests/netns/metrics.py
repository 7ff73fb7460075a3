# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading metrics: over HTTP as a scraper does, and the text into numbers."""
import re
import socket

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(?:,|$)')


def parse(text):
    """{name: {(label, value)...: number}}; fails where a line is no valid one."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        m = SAMPLE.match(line)
        assert m, f"no sample: {line!r}"
        labels = m[2] or ""
        pairs = LABEL.findall(labels)
        assert LABEL.sub("", labels) == "", f"labels: {line!r}"
        key = frozenset(pairs)
        assert key not in found.get(m[1], {}), f"twice: {line!r}"
        found.setdefault(m[1], {})[key] = float(m[3])
    return found


def value(found, name, **labels):
    """The one sample of name that has these labels, perhaps among others."""
    rows = [v for k, v in found.get(name, {}).items() if set(labels.items()) <= k]
    assert len(rows) == 1, (name, labels, found.get(name))
    return rows[0]


def ask(address, request, shut=False, timeout=15):
    """Everything that comes back for these bytes; address: a path, or (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(timeout)
        s.connect(address)
        s.sendall(request)
        if shut:
            s.shutdown(socket.SHUT_WR)
        out = b""
        try:
            while data := s.recv(65536):
                out += data
        except ConnectionResetError:
            pass
        return out


def get(address, path="/metrics", accept="application/openmetrics-text; version=1.0.0", method="GET"):
    """(status, headers, body) of one request."""
    out = ask(address, f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
    head, _, body = out.partition(b"\r\n\r\n")
    status, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body.decode("utf-8")
