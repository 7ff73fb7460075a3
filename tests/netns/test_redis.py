# SPDX-License-Identifier: GPL-2.0-or-later
"""The fleet's end of a real herald against a real redis-server; the judge is this test (judge.py)."""
import base64
import json
import os
import pwd
import struct
import subprocess
import sys
import time

import lib
import records
from judge import Judge
from lib import USER, Herald, World, until
from records import NEVER, TAKEN, bans, fleet, prefix_text, record

PORT = 6379
PASSWORD = "only the hosts know"
ACL = "~guardd:* resetchannels -@all +xadd +xread"   # the line of docs/fleet.md
CONFIG = "dir {folder}\nunixsocket {folder}/socket\nsave \"\"\nloglevel warning\nprotected-mode no\nbind * -::*\n"
PLAIN = CONFIG + f"port {PORT}\n"
TLS = CONFIG + f"""port 0
tls-port {PORT}
tls-cert-file {{folder}}/server.pem
tls-key-file {{folder}}/server.key
tls-ca-cert-file {{folder}}/ca.pem
tls-auth-clients no
"""
WITH_ACL = f"user default off\nuser root on nopass ~* &* +@all\nuser host on >{PASSWORD.replace(' ', '-')} {ACL}\n"


class Server:
    """redis-server on a host."""

    def __init__(self, host, config=PLAIN):
        self.host, self.config = host, config
        self.folder = os.path.join(host.folder, "redis")
        os.makedirs(self.folder, exist_ok=True)
        self.proc = None

    def start(self):
        path = os.path.join(self.folder, "redis.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(self.config.format(folder=self.folder))
        self.proc = self.host.popen("redis-server", path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("redis answers", lambda: self.says("ping").strip() == "PONG")
        return self

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def says(self, *args, input=None):
        user = ["--user", "root", "--pass", "x", "--no-auth-warning"] if "user root" in self.config else []
        return self.host.run("redis-cli", "-s", os.path.join(self.folder, "socket"), *user, *args, check=False,
                             input=input).stdout

    def lines(self, stream="guardd:bans"):
        out = self.says("--json", "xrange", stream, "-", "+")
        return [dict(zip(e[1][::2], e[1][1::2]))["e"] for e in json.loads(out or "[]")]

    def own(self, kind="ban", stream="guardd:bans"):
        """Entries of this host, without version, kind, host and serial."""
        return [line.split(" ", 4)[4] for line in self.lines(stream) if line.startswith(f"1 {kind} web1 ")]

    def add(self, line, *more, stream="guardd:bans"):
        return self.says("xadd", stream, "*", "e", line, *more).strip()


class FleetJudge(Judge):
    """Gives what holds, answers what it is asked."""

    def __init__(self, directory):
        self.holds, self.asked = {}, []
        super().__init__(directory)
        self.verdict = lambda name, host, prefix, rule: "DONE"
        self.deaf = False
        self.question = None

    def hold(self, prefix, rule="ssh", **kw):
        self.holds[(prefix, rule)] = fleet(prefix, rule, **kw)
        peer = self.peer("herald")
        if peer:
            peer.send(record("GIVE", self.holds[(prefix, rule)]))

    def lift(self, prefix, rule="ssh"):
        payload = self.holds.pop((prefix, rule), None) or fleet(prefix, rule)
        self.peer("herald").send(record("LIFT", payload))

    def on_record(self, peer, r):
        name = records.TYPES[struct.unpack_from("=H", r)[0]][4:]
        if name in ("TAKE", "DROP"):
            self.question = (name, struct.unpack_from("=I", r, 4)[0], r[8:])
        elif name == "TEXT" and self.question:
            what, number, raw = self.question
            self.question = None
            prefix, rule = next(iter(bans([(what, number, raw)], what)))
            until_us = struct.unpack_from("=q", raw, 18 + 22)[0]
            host = r[16:16 + r[9]].decode()
            self.asked.append((what, host, prefix, rule, until_us))
            if not self.deaf:
                status = TAKEN.index(self.verdict(what, host, prefix, rule))
                peer.send(record("TAKEN", struct.pack("=i", status), number))
        else:
            super().on_record(peer, r)

    def serve(self, timeout=0.0):
        """All that is there, not one packet at a time."""
        before = -1
        while len(self.asked) != before:
            before = len(self.asked)
            super().serve(timeout)
            timeout = 0.0005

    @property
    def standing(self):
        """What is told after each greeting, before GIVEN."""
        return [record("GIVE", payload) for payload in self.holds.values()]

    @standing.setter
    def standing(self, value):
        pass

    def prefixes(self, name="TAKE"):
        return [a[2] for a in self.asked if a[0] == name]


class RedisWorld(World):
    """A server at the attacker's addresses, a herald on the server."""

    def setUp(self):
        super().setUp()
        self.redis = self.herald = None
        self.at = self.FROM4
        self.judge = FleetJudge(os.path.join(self.server.folder, "guardd-run"))
        self.secrets = os.path.join(self.server.folder, "secrets")
        os.makedirs(self.secrets)

    def tearDown(self):
        if self.herald:
            failed = any(e for _, e in getattr(self._outcome, "errors", []) if e) or \
                any(t is self for t, _ in self._outcome.result.failures + self._outcome.result.errors)
            self.herald.kill()
            log = self.herald.log()
            if failed or "Sanitizer" in log:
                sys.stderr.write(f"--- log of the herald\n{log[-4000:]}\n")
            self.assertNotIn("Sanitizer", log)
        self.judge.close()
        super().tearDown()

    def secret(self, name, text, mode=0o600):
        path = os.path.join(self.secrets, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
        return path

    def config(self, **more):
        options = {"server": f"'{self.at}'", "tls": "no", "host": "web1", "report": "2s",
                   "trust": "[{hosts: ['*'], rules: [ssh, manual]}]", **more}
        return f"herald_user: {USER}\nfleet:\n" + "".join(f"  {k}: {v}\n" for k, v in options.items() if v is not None)

    def begin(self, config=PLAIN, server=True, name="herald", **more):
        if server:
            self.redis = Server(self.attacker, config).start()
        self.judge.use(self.config(**more))
        self.judge.open()
        self.herald = Herald(self.server, self.judge.directory, name).start()
        return self

    def wait(self, what, probe, limit=None):
        return self.judge.wait(what, probe, limit)

    def status(self):
        """The summary of the fleet; {} while there is none."""
        answer = self.ask("fleet")
        return answer[0] if answer and answer[0].get("summary") else {}

    def ask(self, *words):
        self.judge.serve()
        return self.herald.ask(*words)

    def others(self):
        return {h["host"]: h for h in (self.ask("fleet") or []) if "host" in h and not h.get("summary")}

    def wait_trouble(self, *words, limit=None):
        def probe():
            trouble = self.status().get("trouble") or ""
            return trouble if all(w in trouble for w in words) else None
        try:
            return self.wait(f"a trouble with {words}", probe, limit)
        except AssertionError as e:
            raise AssertionError(f"{e}, but {self.status()}") from None

    def wait_connected(self, limit=None):
        return self.wait("connected", lambda: self.status().get("connected") and not self.status().get("trouble"), limit)

    def wait_taken(self, prefix, name="TAKE", limit=None):
        return self.wait(f"{name} {prefix}", lambda: prefix in self.judge.prefixes(name), limit)

    def entry(self, prefix, host="web2", kind="ban", rule="ssh", serial=None, reason="points:10", since=0, until_s=3600, level=1):
        now = int(time.time())
        serial = serial or time.time_ns() // 1000
        rest = f" {reason} {now + since} {until_s if until_s == 'never' else now + until_s} {level}" if kind == "ban" else ""
        return f"1 {kind} {host} {serial} {prefix} {rule}{rest}"


def peak(herald):
    """KiB that a herald had at most."""
    with open(f"/proc/{herald.herald_pid()}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


class Streams(RedisWorld):
    def test_give_and_take(self):
        for self.at in (self.FROM4, self.FROM6):
            with self.subTest(server=self.at):
                self.begin(name="herald" + self.at[:2])
                self.wait_connected()
                self.judge.hold("203.0.113.9")
                self.judge.hold("2001:db8:9::/64", until=NEVER, reason="HAND")
                self.wait("both are in the stream", lambda: len(self.redis.own()) == 2)
                self.redis.add(self.entry("203.0.113.10"))
                self.redis.add(self.entry("2001:db8:a::/64", kind="lift"))
                self.wait_taken("203.0.113.10")
                self.wait_taken("2001:db8:a::/64", "DROP")
                self.judge.lift("203.0.113.9")
                self.wait("the lift is in the stream", lambda: self.redis.own("lift") == ["203.0.113.9 ssh"])
                self.wait("its report", lambda: "web1" in self.others())
                table = self.herald.ctl("fleet").stdout
                self.assertIn("web1 (this one)", table)
                self.assertIn(f"{self.at} port 6379: connected", table)
                self.assertIn("taken from others: 2", table)
                self.assertEqual([a[:4] for a in self.judge.asked], [("TAKE", "web2", "203.0.113.10", "ssh"),
                                                                     ("DROP", "web2", "2001:db8:a::/64", "ssh")])
                self.end()

    def end(self):
        self.herald.kill()
        self.redis.kill()
        self.judge.close()
        self.judge.holds, self.judge.asked = {}, []

    def test_by_name(self):
        """A name with an address in each family, of which one does not answer."""
        for dead, alive in ((self.FROM6, self.FROM4), (self.FROM4, self.FROM6)):
            with self.subTest(alive=alive):
                hosts = os.path.join(self.server.folder, "hosts")
                with open(hosts, "w", encoding="ascii") as f:
                    f.write(f"{dead.replace('7', '99')} redis.test\n{alive} redis.test\n")
                self.server.run("mount", "--bind", hosts, "/etc/hosts")
                self.at = "redis.test"
                self.begin(name="herald" + alive[:2])
                self.wait_connected()
                self.end()
                self.server.run("umount", "/etc/hosts")

    def test_restart_gives_nothing_twice(self):
        self.begin()
        self.wait_connected()
        for n in range(1, 6):
            self.judge.hold(f"203.0.113.{n}")
        self.wait("all are given", lambda: len(self.redis.own()) == 5)
        self.wait("all answers are kept", lambda: self.status().get("outbox") == 0)
        self.herald.stop()
        del self.judge.holds[("203.0.113.1", "ssh")]
        self.judge.holds[("203.0.113.6", "ssh")] = fleet("203.0.113.6", "ssh")
        self.herald = Herald(self.server, self.judge.directory).start()
        self.wait("what was lifted is lifted", lambda: self.redis.own("lift") == ["203.0.113.1 ssh"])
        self.wait("what is new is given", lambda: len(self.redis.own()) == 6)
        self.judge.close()
        self.judge.open()
        self.wait("the judge is back", lambda: self.judge.peer("herald"))
        self.judge.hold("2001:db8:6::/64")
        self.wait("the next is given", lambda: len(self.redis.own()) >= 7)
        self.assertEqual(len(self.redis.own()), 7)
        self.assertEqual(len(self.redis.own("lift")), 1)

    def test_kill_in_the_middle(self):
        """Killed while it gives: nothing is missing, what is doubled has the same serial."""
        self.begin()
        self.wait_connected()
        want = {f"203.0.{i >> 8}.{i & 255}" for i in range(3000)}
        for prefix in sorted(want):
            self.judge.holds[(prefix, "ssh")] = fleet(prefix, "ssh")
        for prefix in sorted(want):
            self.judge.peer("herald").send(record("GIVE", self.judge.holds[(prefix, "ssh")]))
            if prefix.endswith(".100"):
                self.judge.serve()
        os.kill(self.herald.herald_pid(), 9)
        self.wait("all are given", lambda: {e.split()[0] for e in self.redis.own()} >= want, 60)
        serials = {}
        for line in self.redis.lines():
            serials.setdefault(line.split()[3], set()).add(line)
        self.assertTrue(all(len(same) == 1 for same in serials.values()))
        self.assertEqual(self.redis.own("lift"), [])

    def test_away_and_catching_up(self):
        self.begin()
        self.wait_connected()
        self.redis.add(self.entry("203.0.113.1"))
        self.wait_taken("203.0.113.1")
        self.herald.stop()
        for n in range(1, 251):
            self.redis.add(self.entry(f"2001:db8:{n:x}::/64", host=f"web{n % 7 + 2}"))
        self.redis.add(self.entry("203.0.113.2", since=-7200, until_s=-3600))
        self.redis.add(self.entry("2001:db8:5::/64", kind="lift"))
        self.judge.asked.clear()
        self.herald = Herald(self.server, self.judge.directory).start()
        self.wait_taken("2001:db8:5::/64", "DROP")
        self.assertEqual(self.judge.prefixes(), [f"2001:db8:{n:x}::/64" for n in range(1, 251)])
        taken = self.status()["taken"]
        self.assertEqual((taken["done"], taken["over"]), (251, 1))

    def test_judge_away(self):
        """Entries wait for a judge; one that ends without an answer is asked again."""
        self.begin()
        self.wait_connected()
        self.judge.deaf = True
        self.redis.add(self.entry("203.0.113.1"))
        self.wait_taken("203.0.113.1")
        self.judge.close()
        self.redis.add(self.entry("2001:db8:1::/64"))
        self.herald.stop()
        self.judge.deaf, self.judge.asked = False, []
        self.judge.open()
        self.herald = Herald(self.server, self.judge.directory).start()
        self.wait_taken("2001:db8:1::/64")
        self.assertEqual(self.judge.prefixes(), ["203.0.113.1", "2001:db8:1::/64"])


class Failures(RedisWorld):
    def test_one_outage_is_told_once(self):
        """Two connections find the server away, with the same words."""
        self.begin(server=False)
        self.wait_trouble("refused")
        self.judge.hold("203.0.113.1")
        self.ask("fleet")
        time.sleep(3)
        self.assertEqual(sum("refused" in line for line in self.herald.log().splitlines()), 1, self.herald.log())
        self.assertEqual(len(self.ask("fleet")[0]["troubles"]), 1)

    def test_killed_and_restarted(self):
        """Without persistence: a restarted server is an emptied one."""
        self.begin()
        self.wait_connected()
        self.judge.hold("203.0.113.1")
        self.judge.hold("2001:db8:1::/64")
        self.wait("both are given", lambda: len(self.redis.own()) == 2)
        self.redis.kill()
        self.wait_trouble()
        self.judge.hold("203.0.113.2")
        self.wait("no connection stands", lambda: "refused" in (self.status().get("trouble") or ""))
        troubles = self.status()["troubles"]
        self.assertEqual(len(troubles), len(set(troubles)))
        self.judge.lift("2001:db8:1::/64")
        self.wait("they wait", lambda: self.status().get("outbox") == 2)
        told = [line.split(": ", 3)[-1] for line in self.herald.log().splitlines() if "refused" in line]
        self.assertEqual(len(told), len(set(told)), self.herald.log())
        self.redis.start()
        self.wait("all is given again", lambda: {e.split()[0] for e in self.redis.own()} == {"203.0.113.1", "203.0.113.2"}, 60)
        self.wait_connected()
        self.assertEqual(self.status()["emptied"], 1)
        self.redis.add(self.entry("203.0.113.9"))
        self.wait_taken("203.0.113.9")

    def test_clock_gone_back(self):
        """An emptied server whose ids are lower than those that were read."""
        self.begin()
        self.redis.says("xadd", "guardd:bans", f"{int(time.time() * 1000) + 10**10}-0", "e", self.entry("203.0.113.1"))
        self.wait_taken("203.0.113.1")
        self.redis.says("flushall")
        self.redis.kill()
        self.redis.start()
        self.redis.add(self.entry("2001:db8:2::/64"))
        self.wait_taken("2001:db8:2::/64", limit=60)

    def test_slow(self):
        self.begin()
        self.wait_connected()
        self.redis.says("client", "pause", "14000", "all")
        self.judge.hold("203.0.113.1")
        self.wait_trouble("too slow", limit=40)
        self.wait("given", lambda: self.redis.own(), 60)
        self.wait_connected(60)
        # A kernel without netem has only the pause.
        self.attacker.run("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "400ms", "loss", "5%", check=False)
        self.judge.hold("2001:db8:1::/64")
        self.redis.add(self.entry("203.0.113.9"))
        self.wait("given over a bad line", lambda: len({e.split()[0] for e in self.redis.own()}) == 2, 60)
        self.wait_taken("203.0.113.9", limit=60)

    def test_unreachable(self):
        """Nobody there, nobody listening, and an hour later somebody."""
        self.at = self.FROM6
        self.begin(server=False)
        self.wait_trouble("2001:db8:1::7", "refused")
        self.judge.hold("203.0.113.1")
        self.redis = Server(self.attacker).start()
        self.wait("given", lambda: self.redis.own(), 60)

    def test_name_not_found(self):
        self.at = "nowhere.invalid"
        self.begin(server=False)
        self.wait_trouble("nowhere.invalid", limit=40)

    def test_outbox_is_bounded(self):
        self.begin(server=False)
        self.wait_trouble("refused")
        peer = self.judge.peer("herald")
        many = 101000
        for n in range(0, many, 100):
            packet = b"".join(record("GIVE", fleet(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "ssh")) for i in range(n, n + 100))
            peer.send(packet)
        self.wait("the outbox is full", lambda: self.status().get("lost", 0) >= 1000, 120)
        self.assertEqual(self.status()["outbox"], 100000)
        self.redis = Server(self.attacker).start()
        self.wait("what waited is given", lambda: self.redis.says("xlen", "guardd:bans").strip() == "100000", 120)
        lines = self.redis.lines()
        self.assertIn(" 10.1.138.135 ", lines[-1])

    def test_nonsense(self):
        """What no Redis says: named, and it costs no memory."""
        for answer, words in ((b"HTTP/1.1 400 Bad Request\r\n\r\n", "no Redis"), (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
                              (b"*1000000000\r\n", "larger"), (b"$1000000000\r\n" + b"x" * (9 << 20), "larger"),
                              (b"+" + b"x" * (9 << 20), "no Redis"), (b"*1\r\n" * 40, "no Redis"), (b"*-7\r\n", "no Redis"),
                              (b":1\r\n", "no stream"), (b"*1\r\n*2\r\n$1\r\nx\r\n*1\r\n$-1\r\n", "no stream"),
                              (b"-ERR \x1b[31m\xff\r\n", "ERR ?[31m?"), (b"", "closed")):
            with self.subTest(answer=answer[:40]):
                server = self.attacker.popen(sys.executable, "-c", NONSENSE, str(PORT), stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE)
                self.addCleanup(server.stdout.close)
                server.stdin.write(answer)
                server.stdin.close()
                self.assertEqual(server.stdout.readline(), b"listening\n")
                try:
                    self.begin(server=False, name="herald" + str(len(words) + len(answer)))
                    self.wait_trouble(words)
                    if not lib.BUILD.endswith("asan"):
                        self.assertLess(peak(self.herald), 64 << 10)
                finally:
                    self.herald.kill()
                    self.judge.close()
                    server.kill()
                    server.wait()

# Answers every command with the same bytes, and goes on listening.
NONSENSE = """
import socket, sys
answer = sys.stdin.buffer.read()
s = socket.create_server(("", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
sys.stdout.write("listening\\n"); sys.stdout.flush()
while True:
    c = s.accept()[0]
    try:
        while answer and c.recv(65536):
            c.sendall(answer)
    except OSError:
        pass
    c.close()
"""


def authority(folder, *names, days=2, ca="ca", leaf="server"):
    """A certificate authority, and a certificate of it for these names."""
    def run(*args):
        subprocess.run(["openssl", *args], check=True, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    if not os.path.exists(os.path.join(folder, f"{ca}.pem")):
        run("req", "-x509", *ec, "-days", "2", "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    run("req", *ec, "-subj", f"/CN={leaf}", "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr")
    with open(os.path.join(folder, "ext"), "w", encoding="ascii") as f:
        f.write("subjectAltName=" + ",".join(names) + "\n")
    run("x509", "-req", "-in", f"{leaf}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-extfile", "ext",
        "-days", str(days), "-out", f"{leaf}.pem")


class Secure(RedisWorld):
    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.attacker.folder, "redis")
        os.makedirs(self.keys)
        authority(self.keys, "DNS:redis.test", f"IP:{self.FROM4}", f"IP:{self.FROM6}")
        self.ca = self.copy("ca.pem", mode=0o644)

    def copy(self, name, mode=0o600):
        with open(os.path.join(self.keys, name), encoding="ascii") as f:
            return self.secret(name, f.read(), mode)

    def test_tls_and_acl(self):
        """What docs/fleet.md has: TLS, an address in the certificate or a name beside it, a user who may do two things."""
        password = self.secret("password", PASSWORD.replace(" ", "-") + "\n")
        self.redis = Server(self.attacker, TLS + WITH_ACL).start()
        for n, (self.at, name) in enumerate(((self.FROM4, None), (self.FROM6, None), (self.FROM6, "redis.test"))):
            with self.subTest(server=self.at, name=name):
                self.judge.holds, self.judge.asked = {}, []
                self.begin(server=False, name=f"herald{n}", tls="yes", ca_file=self.ca, server_name=name, user="host",
                           password_file=password)
                self.wait_connected()
                self.judge.hold(f"2001:db8:{n + 1}::/64")
                self.wait("it is given", lambda: f"2001:db8:{n + 1}::/64" in " ".join(self.redis.own()))
                self.redis.add(self.entry(f"203.0.113.{n}"))
                self.wait_taken(f"203.0.113.{n}")
                self.wait("its report", lambda: "web1" in self.others())
                self.herald.kill()
                self.judge.close()

    def test_wrong_certificates(self):
        authority(self.keys, "DNS:other.test", ca="stranger", leaf="strange")
        stranger = self.copy("stranger.pem", mode=0o644)
        self.redis = Server(self.attacker, TLS).start()
        for n, (at, ca, name, words) in enumerate(((self.FROM4, stranger, None, "self-signed certificate in certificate chain; 'ca_file'"),
                                                   (self.FROM6, self.ca, "other.test", "hostname mismatch"),
                                                   (self.FROM4, self.ca, "192.0.2.1", "IP address mismatch"),
                                                   (self.FROM6, None, None, "self-signed certificate"))):
            with self.subTest(words=words):
                self.at = at
                self.begin(server=False, name=f"herald{n}", tls="yes", ca_file=ca, server_name=name)
                self.wait_trouble("certificate", words)
                self.herald.kill()
                self.judge.close()

    def test_no_tls_there(self):
        self.begin(tls="yes", ca_file=self.ca)
        self.wait_trouble("port of TLS")

    def test_client_certificate(self):
        authority(self.keys, "DNS:web1", leaf="web1")
        self.redis = Server(self.attacker, TLS.replace("clients no", "clients yes")).start()
        self.begin(server=False, tls="yes", ca_file=self.ca)
        self.wait_trouble("certificate", "cert_file")
        self.herald.kill()
        self.judge.close()
        self.begin(server=False, name="herald2", tls="yes", ca_file=self.ca, cert_file=self.copy("web1.pem", 0o644),
                   key_file=self.copy("web1.key"))
        self.wait_connected()

    def test_password(self):
        """Wrong, then right without a restart; a file that others may read; rights that are missing."""
        password = self.secret("password", "wrong\n")
        self.begin(PLAIN + WITH_ACL, user="host", password_file=password)
        self.wait_trouble("wrong user or password", "WRONGPASS")
        self.assertNotIn("wrong\n", self.herald.log())
        self.secret("password", PASSWORD.replace(" ", "-") + "\n", 0o644)
        self.wait_trouble("password", "open to all users", limit=60)
        self.secret("password", PASSWORD.replace(" ", "-") + "\n")
        self.wait_connected(60)
        self.redis.says("acl", "setuser", "host", "-xadd")
        self.judge.hold("203.0.113.1")
        self.wait_trouble("NOPERM", "ACL")
        self.redis.says("acl", "setuser", "host", "+xadd")
        self.wait("given", lambda: self.redis.own(), 60)
        self.wait_connected(60)

    def test_mended_by_another_configuration(self):
        """An alert of the former herald's does not stand for good: the new one ends it, also where there is no fleet any more."""
        def standing():
            return [a["event"] for a in self.ask("alerts") or [] if "event" in a]
        bad = os.path.join(self.secrets, "absent")
        self.begin(PLAIN, keys_file=bad)
        self.wait("an alert", lambda: "fleet" in standing())
        self.judge.use(self.config())
        self.wait_connected(60)
        self.wait("its end", lambda: "fleet" not in standing())
        self.judge.use(self.config(keys_file=bad))
        self.wait("an alert again", lambda: "fleet" in standing())
        self.judge.use(f"herald_user: {USER}\n")
        self.wait("its end without a fleet", lambda: self.ask("alerts") and "fleet" not in standing())

    def test_no_password(self):
        self.begin(PLAIN + WITH_ACL)
        self.wait_trouble("asks for a password")


class Forged(RedisWorld):
    def test_forms(self):
        """Everything that is no entry: counted, skipped, and what is right behind it is taken."""
        self.begin()
        self.wait_connected()
        now = int(time.time())
        serial = time.time_ns() // 1000
        wrong = [f"1 ban web2 {serial} {p} ssh points:1 {now} {now + 60} 1"
                 for p in ("0.0.0.0/0", "::/0", "203.0.113.1/24", "203.0.113.0/33", "::ffff:203.0.113.1", "x", "203.0.113.1%eth0")]
        wrong += [f"1 ban {h} {serial} 203.0.113.1 ssh points:1 {now} {now + 60} 1"
                  for h in ("WEB2", "-x", "a" * 64, "we\u00e9b", "../x", "a;b")]
        wrong += [f"1 ban web2 {serial} 203.0.113.1 {rest}"
                  for rest in ("ssh points:1", "ssh points:x 1 2 3", f"* points:1 {now} {now + 60} 1", "ssh hand 9 8 1", "ssh hand 1 -2 1",
                               "ssh hand 1 99999999999999999999 1", "ssh hand never never 1", "ssh  hand 1 2 1", "x" * 40 + " hand 1 2 1",
                               f"ssh hand {now} {now + 60} 65536", f"ssh hand {now} {now + 60} 1 more")]
        wrong += ["", " ", "1", "1 ban", "1 ban web2", "1 ban web2 0 203.0.113.1 ssh hand 1 2 1", "1 lift web2 5 203.0.113.1", "\\x00",
                  f"1 report web2 {serial} {{}}", f"1 ban web2 {serial} 203.0.113.1 ssh hand {now} {now + 60} 1 " + "y" * 70000]
        for line in wrong:
            self.redis.says("-x", "xadd", "guardd:bans", "*", "e", input=line)
        self.redis.says("xadd", "guardd:bans", "*", "f", "v")
        for stream, line in (("guardd:hosts", f"1 report web2 {serial} []"), ("guardd:hosts", f"1 report web2 {serial} {{\"a\":"),
                             ("guardd:hosts", self.entry("203.0.113.1"))):
            self.redis.add(line, stream=stream)
        self.redis.add(self.entry("203.0.113.7"))
        self.wait_taken("203.0.113.7")
        self.wait("all are counted", lambda: self.status()["forged"] >= len(wrong) + 4)
        self.assertEqual((self.status()["forged"], len(self.judge.asked)), (len(wrong) + 4, 1))
        self.assertGreaterEqual(self.ask("status")[0]["alerts"]["told"], 1)

    def test_versions(self):
        self.begin()
        self.wait_connected()
        self.redis.add("2 ban web9 7 203.0.113.1 something new")
        self.redis.add("1 praise web9 8 all is well")
        self.redis.add(self.entry("2001:db8:7::/64"))
        self.wait_taken("2001:db8:7::/64")
        self.assertEqual(self.status()["unknown"], 2)
        self.assertIn("web9", self.wait_trouble("version"))
        for n in range(200):
            self.redis.add(f"3 ban host{n} 7 203.0.113.1 something newer")
        self.wait("all are counted", lambda: self.status()["unknown"] == 202)
        self.assertLess(len(self.herald.log().splitlines()), 10)

    def test_too_large(self):
        """An entry that is larger than any reply: it is passed, those behind it are read."""
        self.begin()
        self.wait_connected()
        self.redis.add(self.entry("203.0.113.1"))
        big = "x" * (9 << 20)
        self.redis.says("-x", "xadd", "guardd:bans", "*", "e", input=big)
        self.redis.says("-x", "xadd", "guardd:hosts", "*", "e", input=big)
        self.redis.says("eval", "local a = {} for i = 1, 7000 do a[i] = i end for i = 1, 10 do redis.call('xadd', KEYS[1], '*', "
                        "unpack(a)) end", "1", "guardd:bans")
        self.redis.add(self.entry("203.0.113.2"))
        self.redis.add(f"1 report web2 {time.time_ns() // 1000} {{}}", stream="guardd:hosts")
        self.wait_taken("203.0.113.2", limit=60)
        self.wait("web2 has reported", lambda: "web2" in self.others(), 60)

    def test_own_entries(self):
        """What carries our own name is not taken, and another host that has it is told."""
        self.begin()
        self.wait_connected()
        self.redis.add(self.entry("203.0.113.1", host="web1"))
        self.redis.add(self.entry("203.0.113.2"))
        self.wait_taken("203.0.113.2")
        self.assertEqual(self.judge.prefixes(), ["203.0.113.2"])
        self.wait_trouble("another host", "web1")

    def test_signed(self):
        own, other = self.key("own"), self.key("other")
        signed = self.secret("sign.pem", own[0])
        keys = self.secret("keys", f"# hosts\nweb1 {own[1]}\n\nweb2 {other[1]} # the second\n", 0o644)
        self.begin(sign_file=signed, keys_file=keys)
        self.wait_connected()
        self.assertEqual(self.herald.ctl("fleet", "key").stdout, f"web1 {own[1]}\n")
        good = self.entry("203.0.113.1", serial=10**15)
        lines = [good, self.entry("203.0.113.2", serial=10**15 + 1), self.entry("203.0.113.3", host="web3", serial=10**15 + 2)]
        self.redis.add(good, "g", self.sign("other", good))
        self.redis.add(lines[1])                                           # not signed
        self.redis.add(lines[1], "g", self.sign("own", lines[1]))          # by another
        self.redis.add(lines[1], "g", self.sign("other", good))            # of another entry
        self.redis.add(lines[1], "g", self.sign("other", lines[1], "guardd:hosts"))
        self.redis.add(lines[2], "g", self.sign("other", lines[2]))        # of a host without a key
        self.redis.add(good, "g", self.sign("other", good))                # once more
        self.redis.add(lines[1], "g", "no base64")
        ahead = self.entry("203.0.113.6", serial=2**63 - 1)
        self.redis.add(ahead, "g", self.sign("other", ahead))              # would make all that follows it old
        last = self.entry("2001:db8:4::/64", serial=10**15 + 4)
        self.redis.add(last, "g", self.sign("other", last))
        self.wait_taken("2001:db8:4::/64")
        self.assertEqual(self.judge.prefixes(), ["203.0.113.1", "2001:db8:4::/64"])
        self.assertEqual((self.status()["forged"], self.status()["repeated"]), (7, 1))
        for _ in range(16):
            self.redis.add(good, "g", self.sign("other", good))
        self.wait_trouble("web2", "used before")
        self.judge.hold("203.0.113.50")
        self.wait("given", self.redis.own)
        entry = json.loads(self.redis.says("--json", "xrange", "guardd:bans", "-", "+"))[-1][1]
        self.assertTrue(self.verifies("own", entry[1], entry[3]))
        self.assertNotIn("PRIVATE", self.herald.log())

    def test_key_files(self):
        """A key that is missing, of another kind, open to all; a key that is added later."""
        own, other = self.key("own"), self.key("other")
        signed = os.path.join(self.secrets, "sign.pem")
        keys = self.secret("keys", f"web1 {own[1]}\n", 0o644)
        self.begin(sign_file=signed, keys_file=keys)
        self.wait_trouble("sign.pem", "No such file")
        self.secret("sign.pem", own[0], 0o644)
        self.wait_trouble("sign.pem", "open to all users")
        self.secret("sign.pem", subprocess.run(["openssl", "genpkey", "-algorithm", "x25519"], check=True,
                                               stdout=subprocess.PIPE, text=True).stdout)
        self.wait_trouble("sign.pem", "Ed25519")
        self.secret("sign.pem", own[0])
        self.wait_connected(60)
        self.secret("keys", f"web1 {own[1]}\nweb2 {other[1][:-4]}\n", 0o644)
        self.wait_trouble("keys", "line 2")
        self.secret("keys", f"web1 {own[1]}\nweb2 {other[1]}\n", 0o644)
        self.wait_connected(60)
        line = self.entry("203.0.113.1")
        self.redis.add(line, "g", self.sign("other", line))
        self.wait_taken("203.0.113.1")

    def key(self, name):
        """PEM, and the public key as keys_file has it."""
        path = os.path.join(self.folder, name + ".key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
        with open(path, encoding="ascii") as f:
            return f.read(), base64.b64encode(der[-32:]).decode()

    def sign(self, name, line, stream="guardd:bans"):
        text, out = os.path.join(self.folder, "text"), os.path.join(self.folder, "signature")
        with open(text, "w", encoding="ascii") as f:
            f.write(f"guardd-fleet-1 {stream}\n{line}")
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", os.path.join(self.folder, name + ".key"), "-in", text,
                        "-out", out], check=True)
        with open(out, "rb") as f:
            return base64.b64encode(f.read()).decode()

    def verifies(self, name, line, signature):
        return self.sign(name, line) == signature   # Ed25519 signs the same text the same way

    def test_ids_of_a_time_to_come(self):
        """Whoever may write may choose ids: told, nobody seems to live in the future, and it can be mended."""
        self.begin()
        self.wait_connected()
        self.redis.says("xadd", "guardd:hosts", f"{int(time.time() * 1000) + 10**11}-0", "e", "1 report web2 5 {}")
        self.wait_trouble("a time to come")
        self.assertLess(self.others()["web2"]["last"], (time.time() + 5) * 1e6)
        self.redis.says("del", "guardd:hosts", "guardd:bans")
        self.wait_connected(60)

    def test_many(self):
        """A host that says 50,000 things: all are read, and the next one's ban behind them."""
        self.begin(server=False)
        self.redis = Server(self.attacker).start()
        self.judge.verdict = lambda name, host, prefix, rule: "RATE" if host == "web6" else "DONE"
        now = int(time.time())
        self.redis.says("eval", "for i = 1, tonumber(ARGV[1]) do redis.call('xadd', KEYS[1], '*', 'e', '1 ban web6 ' .. i .. ' 10.' .. "
                        "math.floor(i / 65536) .. '.' .. math.floor(i / 256) % 256 .. '.' .. i % 256 .. ' ssh hand ' .. ARGV[2] .. ' ' .. "
                        "(ARGV[2] + 3600) .. ' 1') end", "1", "guardd:bans", MANY, str(now))
        self.redis.add(self.entry("2001:db8:7::/64"))
        self.wait_taken("2001:db8:7::/64", limit=300)
        self.assertEqual(self.status()["taken"]["rate"], int(MANY))
        if not lib.BUILD.endswith("asan"):
            self.assertLess(peak(self.herald), 16 << 10)


MANY = os.environ.get("GUARDD_TEST_ENTRIES", "50000")


if __name__ == "__main__":
    lib.main()
