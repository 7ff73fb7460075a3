# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP server for tests: greets each client with "hello", then sends back what it gets."""
import socket
import sys
import threading


def serve(conn):
    with conn:
        try:
            conn.sendall(b"hello\n")
            while data := conn.recv(4096):
                conn.sendall(data)
        except OSError:
            pass


address, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, port))
s.listen(64)
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
