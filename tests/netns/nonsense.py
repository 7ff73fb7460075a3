# SPDX-License-Identifier: GPL-2.0-or-later
"""In the place of Redis: python3 nonsense.py PORT FOLDER-OF-CERTIFICATE FILE.

Each client gets the next kind of nonsense that it has not had yet; FILE is made when every client had all of them once.
Some of it over TLS, some of it instead.
"""
import collections
import os
import socket
import ssl
import sys
import threading
import time

BIG = 200 << 20


def plain(data):
    return lambda raw, context: raw.sendall(data)


def over_tls(*parts, pause=0.0):
    """After the handshake and the client's first command."""
    def say(raw, context):
        with context.wrap_socket(raw, server_side=True) as s:
            s.recv(65536)
            for part in parts:
                s.sendall(part)
                time.sleep(pause)
            s.settimeout(1)
            s.recv(65536)
    return say


def endless(part):
    def say(raw, context):
        with context.wrap_socket(raw, server_side=True) as s:
            s.recv(65536)
            for _ in range(BIG // len(part)):
                s.sendall(part)
    return say


def entry(ident, line):
    return b"*2\r\n$%d\r\n%s\r\n*2\r\n$1\r\ne\r\n$%d\r\n%s\r\n" % (len(ident), ident, len(line), line)


def stream(*entries):
    return b"*1\r\n*2\r\n$11\r\nguardd:bans\r\n*%d\r\n%s" % (len(entries), b"".join(entries))


KINDS = (
    plain(b""),
    plain(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    plain(os.urandom(65536)),
    over_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    over_tls(os.urandom(65536)),
    over_tls(b"-ERR no\r\n" * 10),
    over_tls(b"+OK\r\n", b"$99999999999999999999\r\n"),
    over_tls(b"+OK\r\n", b"$-5\r\n"),
    over_tls(b"+OK\r\n", b"*1000000000\r\n"),
    over_tls(b"+OK\r\n", b"*1\r\n" * 100000),
    over_tls(b"+OK\r\n" * 100000),
    over_tls(b"+OK\r\n", b":1\r\n:2\r\n:3\r\n"),
    over_tls(b"+OK\r\n", b"*-1\r\n" * 1000),
    over_tls(b"+OK\r\n", stream(entry(b"99999999999999999999999-1", b"1 ban web9 1 203.0.113.66 ssh hand 1 never 1"))),
    over_tls(b"+OK\r\n", stream(entry(b"no-id", b"x")), stream(entry(b"0-0", b"x"))),
    over_tls(b"+OK\r\n", stream(entry(b"1-1", b"x" * (16 << 20)))),
    over_tls(b"+O", b"K\r", b"\n*1", b"\r\n*", pause=0.1),
    endless(b"$100000\r\n" + b"z" * 100000),
    endless(b"+" + b"z" * 100000),
)


def main():
    port, folder, done = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    turns = collections.Counter()
    print("listening", flush=True)

    def serve(raw, kind):
        raw.settimeout(5)
        try:
            KINDS[kind](raw, context)
        except OSError:
            pass
        raw.close()

    clients = 0
    while True:
        raw, peer = server.accept()
        # All kinds among all clients: with back-off, each of them alone would take minutes.
        threading.Thread(target=serve, args=(raw, clients % len(KINDS)), daemon=True).start()
        clients += 1
        turns[peer[0]] += 1
        if clients >= len(KINDS) + 3 and len(turns) >= 3:
            open(done, "w", encoding="ascii").close()


if __name__ == "__main__":
    main()
