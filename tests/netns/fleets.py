# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts of a fleet: a real redis-server with TLS and ACL on a hub, a guardd and its herald on each host behind it."""
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

import logs
from lib import ROOT, USER, Guardd, Herald, World, until

PORT = 6379
PASSWORD = "of-the-hosts-alone"
# What docs/fleet.md says a host needs, and no more.
ACL = "~guardd:* +xadd +xread +auth +hello +ping +client|setname"
CONFIG = """port 0
tls-port {port}
bind 0.0.0.0 ::
protected-mode no
dir {folder}
logfile log
unixsocket {folder}/socket
save ""
appendonly yes
appendfsync always
tls-cert-file {folder}/cert.pem
tls-key-file {folder}/key.pem
tls-ca-cert-file {folder}/cert.pem
tls-auth-clients no
user default on >of-the-one-who-tends-it ~* +@all
user host on >{password} {acl}
"""
# One line is one ban.
RULE = "ban: ssh\nfilters: [sshd]\npoints: 2\nwithin: 10m\nfor: 1h\n"
SETS = ("host4", "host6", "net6", "prefix4", "prefix6")


def certificate(folder, *addresses):
    names = ",".join(["DNS:redis.test", *(f"IP:{a}" for a in addresses)])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=redis", "-addext", f"subjectAltName={names}",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)


def many(n, net):
    """So many sources, and what is banned of them, in turns of both families."""
    sources = [f"198.18.{net + i // 512}.{i // 2 % 256}" if i % 2 else f"2001:db8:{net}:{i:x}::1" for i in range(n)]
    return sources, [logs.banned_as(s) for s in sources]


class Redis:
    """A real server on a host; whoever has its socket may do all."""

    def __init__(self, host, *addresses, config=CONFIG):
        self.host, self.config = host, config
        self.folder = os.path.join(host.folder, "redis")
        os.makedirs(self.folder)
        certificate(self.folder, *addresses)
        self.proc = None

    def start(self):
        with open(os.path.join(self.folder, "conf"), "w", encoding="ascii") as f:
            f.write(self.config.format(port=PORT, folder=self.folder, password=PASSWORD, acl=ACL))
        self.proc = self.host.popen("redis-server", os.path.join(self.folder, "conf"), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        until("Redis answers", lambda: self.says("ping").strip() == "PONG")
        return self

    def says(self, *args, input=None):
        return self.host.run("redis-cli", "-s", os.path.join(self.folder, "socket"), "--user", "default", "--pass",
                             "of-the-one-who-tends-it", "--no-auth-warning", *args, check=False, input=input).stdout

    def entries(self, stream="guardd:bans"):
        """The lines of all entries, in their order."""
        out = self.says("--json", "xrange", stream, "-", "+")
        return [dict(zip(e[1][::2], e[1][1::2]))["e"] for e in json.loads(out or "[]")]

    def add(self, line, *more, stream="guardd:bans"):
        return self.says("xadd", stream, "*", "e", line, *more).strip()

    def kill(self):
        self.proc.kill()
        self.proc.wait()


class Member:
    """One host of the fleet."""

    def __init__(self, world, number):
        self.name = f"web{number}"
        self.world = world
        self.v4, self.v6 = f"192.0.2.{number}", f"2001:db8:2::{number}"
        self.host = world.host(self.name)
        self.guardd = self.herald = None
        self.host.hide("/var/log")
        for path in ("/run/log", "/run/systemd"):
            if os.path.isdir(path):
                self.host.hide(path)
        self.log = os.path.join(self.host.folder, "var-log", "auth.log")
        open(self.log, "w", encoding="utf-8").close()
        self.secrets = os.path.join(self.host.folder, "secrets")
        os.makedirs(self.secrets)
        os.chown(self.secrets, pwd.getpwnam(USER).pw_uid, -1)

    def secret(self, name, text):
        path = os.path.join(self.secrets, name)
        with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text)
        os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
        return path

    def config(self, server, trust, more, top):
        with open(os.path.join(self.world.redis.folder, "cert.pem"), encoding="ascii") as f:
            ca = self.secret("ca.pem", f.read())
        return (f"herald_user: {USER}\n{top}\nfleet:\n  host: {self.name}\n  server: '{server}'\n"
                f"  server_name: redis.test\n  ca_file: {ca}\n  user: host\n"
                f"  password_file: {self.secret('password', PASSWORD)}\n  {more}\n"
                f"  trust:\n" + "".join(f"    - {t}\n" for t in trust))

    def start(self, server, trust, more="", top="never_ban: []", rule=RULE):
        self.guardd = Guardd(self.host, self.config(server, trust, more, top), {"rules.d/ssh.yaml": rule},
                             share=self.world.SHARE)
        self.guardd.start()
        until(f"{self.name} reads its log",
              lambda: any(s["name"].endswith("auth.log") for s in self.guardd.json("sources")))
        self.herald = Herald(self.host, self.guardd.path("run")).start()
        self.wait_joined()

    def wait_joined(self):
        until(f"{self.name} is in the fleet", self.joined)

    def joined(self):
        return self.status().get("connected") and self.status()["fleet"].get("connected")

    def status(self):
        """What the herald says of itself, {} while it says nothing."""
        answer = self.herald.ask("status")
        return answer[0] if answer and answer[-1].get("done") and len(answer) > 1 else {}

    def fleet(self):
        """And of its fleet, with all counters."""
        answer = self.herald.ask("fleet")
        return answer[0] if answer and answer[-1].get("done") and len(answer) > 1 else {}

    def attacked(self, *addresses):
        """So many failed logins in the log of this host, one each."""
        now = time.time()
        with open(self.log, "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(a, now) for a in addresses))

    def kernel(self):
        """All prefixes that this host's kernel drops now."""
        r = self.host.run("nft", "-j", "list", "table", "inet", "guardd")
        found = set()
        for item in json.loads(r.stdout)["nftables"]:
            part = item.get("set", {})
            if part.get("name") in SETS:
                found.update(text_of(part["name"], e) for e in part.get("elem", []))
        return found

    def drops(self, *prefixes):
        return set(prefixes) <= self.kernel()

    def spares(self, *prefixes):
        return not set(prefixes) & self.kernel()

    def entries(self):
        """The book's bans by prefix and rule, without the self check's."""
        return {(b["prefix"], b["rule"]): b for b in self.guardd.json("list") if b["rule"] != "guardd-selfcheck"}

    def kill(self):
        for p in (self.herald, self.guardd):
            if p:
                p.kill()


def text_of(name, element):
    """An element as the prefix that it stands for."""
    e = element["elem"] if isinstance(element, dict) and "elem" in element else element
    value = e["val"] if isinstance(e, dict) and "val" in e else e
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    return value + "/64" if name == "net6" else value


class FleetWorld(World):
    """web1, web2 and web3 behind a hub with Redis. Attackers are addresses in log lines."""

    HUB4, HUB6 = "192.0.2.254", "2001:db8:2::fe"
    REDIS = CONFIG
    TRUST = ["{hosts: ['web*'], rules: [ssh, manual], at_most: 2h, per_minute: 60000}"]

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="guardd-test-")
        self.hosts, self.guardd = [], None
        self.SHARE = self.share()
        self.hub = self.host("hub")
        self.hub.run("ip", "link", "add", "br0", "type", "bridge")
        self.hub.run("sysctl", "-qw", "net.ipv6.conf.br0.accept_dad=0")
        self.hub.run("ip", "link", "set", "br0", "up")
        self.addresses(self.hub, "br0", self.HUB4 + "/24", self.HUB6 + "/64")
        self.redis = Redis(self.hub, self.HUB4, self.HUB6, config=self.REDIS).start()
        self.web = [Member(self, n) for n in (1, 2, 3)]
        for m in self.web:
            self.link(m.host, "eth0", self.hub, m.name)
            self.hub.run("ip", "link", "set", m.name, "master", "br0")
            self.addresses(m.host, "eth0", m.v4 + "/24", m.v6 + "/64")

    def share(self):
        """The shipped filter of sshd, and no rule but a test's own: what is in force is what a test made."""
        folder = os.path.join(self.folder, "share")
        os.makedirs(os.path.join(folder, "filters"))
        os.makedirs(os.path.join(folder, "rules"))
        shutil.copy(os.path.join(ROOT, "filters", "sshd.yaml"), os.path.join(folder, "filters"))
        return folder

    def start_all(self, *which, trust=None, **kw):
        """One of them reaches Redis over IPv6."""
        for i, m in enumerate(which or self.web):
            m.start(self.HUB6 if i == 1 else self.HUB4, trust or self.TRUST, **kw)

    def everywhere(self, *prefixes, limit=None, hosts=None):
        for m in hosts or self.web:
            self.wait(m, "does not drop", lambda m=m: set(prefixes) - m.kernel(), limit)

    def nowhere(self, *prefixes, limit=None, hosts=None):
        for m in hosts or self.web:
            self.wait(m, "drops", lambda m=m: set(prefixes) & m.kernel(), limit)

    def wait(self, member, what, wrong, limit):
        """Until wrong() is empty; else the first of them are named."""
        try:
            until("", lambda: not wrong(), limit)
        except AssertionError:
            left = sorted(wrong())
            self.assertFalse(left, f"{member.name} {what} {len(left)}: {left[:4]}")

    def tearDown(self):
        failed = any(e for _, e in getattr(self._outcome, "errors", []) if e) or \
            any(t is self for t, _ in self._outcome.result.failures + self._outcome.result.errors)
        for m in self.web:
            for what in (m.guardd, m.herald) if failed else ():
                if what:
                    sys.stderr.write(f"--- log of {m.name}, {type(what).__name__}\n{what.log()[-3000:]}\n")
        self.close()

    def close(self):
        for m in self.web:
            m.kill()
        for h in self.hosts:
            h.close()
        shutil.rmtree(self.folder, ignore_errors=True)
