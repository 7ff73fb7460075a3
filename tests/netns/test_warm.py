# SPDX-License-Identifier: GPL-2.0-or-later
"""What is banned stays banned while guardd stops, starts, takes its book up again, reloads and is killed: seen from the wire."""
import json
import os
import signal
import subprocess
import sys
import time

import logs
from lib import main, until
from routed import RoutedWorld

PORT = 9999
# Datagrams from addresses of this host, without a pause to speak of; prints how many when it is ended.
SEND = f"""
import signal, socket, sys, time
to4, to6, *sources = sys.argv[1:]
sockets = []
for s in sources:
    v6 = ":" in s
    k = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    k.bind((s, 0))
    sockets.append((k, (to6 if v6 else to4, {PORT})))
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
print("ready", flush=True)
sent = 0
while not ended:
    for k, to in sockets:
        try:
            k.sendto(b"x", to)
            sent += 1
        except OSError:
            pass
    time.sleep(0.0005)
print(sent)
"""
# Counts datagrams by source.
COUNT = f"""
import collections, json, signal, socket
k = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
k.bind(("::", {PORT}))
ended = []
k.settimeout(0.1)
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
print("ready", flush=True)
seen = collections.Counter()
while not ended:
    try:
        seen[k.recvfrom(64)[1][0].removeprefix("::ffff:")] += 1
    except TimeoutError:
        pass
print(json.dumps(seen))
"""


class Warm(RoutedWorld):
    def script(self, host, text, *args):
        p = host.popen(sys.executable, "-c", text, *args, stdout=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGTERM)
        return process.communicate(timeout=30)[0]

    def test_no_packet_of_a_banned_one_passes(self):
        log = self.server.folder + "/var-log/auth.log"
        open(log, "w", encoding="utf-8").close()
        rule = "ban: ssh\nfilters: [sshd]\npoints: 2\nwithin: 10m\nfor: 1h\n"
        self.start_guardd(files={"rules.d/ssh.yaml": rule})
        self.reads("/var/log/auth.log")
        with open(log, "a", encoding="utf-8") as f:
            for n in range(200):  # a book of some size, so that it takes its time
                f.write(logs.failed(f"192.0.2.{n}", time.time()) + logs.failed(f"2001:db8:{0x5000 + n:x}::1", time.time()))
            f.write(logs.failed(self.FAR4, time.time()) + logs.failed(self.FAR6, time.time()))
        for banned in (self.FAR4, logs.banned_as(self.FAR6)):
            self.guardd.wait_ban(banned)
        counter = self.script(self.server, COUNT)
        # The gateway is never banned: what it sends shows that the way is open.
        sender = self.script(self.attacker, SEND, self.V4, self.V6, self.FAR4, self.FAR6, self.GATE4, self.GATE6)
        bans = 402
        self.guardd.stop()
        time.sleep(0.3)
        self.guardd.start()
        until("all bans again", lambda: len(self.guardd.bans()) >= bans)
        self.guardd.ctl("reload")
        until("all bans still", lambda: len(self.guardd.bans()) >= bans)
        self.guardd.kill()
        time.sleep(0.3)
        self.guardd.start()
        until("all bans once more", lambda: len(self.guardd.bans()) >= bans)
        os.kill(self.guardd.role_pid("judge"), signal.SIGKILL)
        until("a new judge", lambda: self.guardd.said("starting it again"))
        until("all bans of the new judge", lambda: len(self.guardd.bans()) >= bans)
        sent = int(self.end(sender))
        seen = json.loads(self.end(counter))
        self.assertEqual(set(seen), {self.GATE4, self.GATE6}, f"of {sent} datagrams: {seen}")
        for gate in (self.GATE4, self.GATE6):
            self.assertGreater(seen[gate], sent / 8)


if __name__ == "__main__":
    main()
