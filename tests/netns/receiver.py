# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP(S) receiver for tests: writes each request as a JSON line, and answers as a file says at that moment.

receiver.py PORT LOG MODE [CERT KEY]. MODE holds one of: "200", "500", "429 SECONDS", "302 URL", "hang", "drip",
"endless", "echo" (200, and back comes all that was sent), "reset".
"""
import http.server
import json
import os
import socket
import ssl
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(self.server.mode, encoding="utf-8") as f:
            words = f.read().split()
        line = {"path": self.path, "headers": dict(self.headers), "body": body.decode("utf-8", "replace"),
                "from": self.client_address[0], "mode": words[0]}
        with open(self.server.log, "a", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")
        self.answer(words, body)

    def answer(self, words, body):
        what = words[0]
        if what == "hang":
            time.sleep(1000)
        if what == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.close_connection = True
            return
        self.send_response(int(what) if what.isdigit() else 200)
        if what == "429":
            self.send_header("Retry-After", words[1])
        if what == "302":
            self.send_header("Location", words[1])
        text = {"500": b"out of order\x1b[31m\r\nX-Second: line", "200": b"ok", "429": b"slowly"}.get(what, b"")
        if what == "echo":
            text = f"{self.path} {dict(self.headers)} ".encode() + body
        if what in ("endless", "drip"):
            self.end_headers()
            while True:
                self.wfile.write(b"x" * (1 << 16) if what == "endless" else b"x")
                time.sleep(0 if what == "endless" else 0.2)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "receiver", self.server_address[1]

    def handle_error(self, *_):
        pass


def main():
    port, log, mode, *tls = sys.argv[1:]
    server = Server(("::", int(port)), Handler)
    server.log, server.mode = log, mode
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    server.serve_forever()


if __name__ == "__main__":
    main()
