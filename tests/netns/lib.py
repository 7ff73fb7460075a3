# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts made of network and mount namespaces, joined by veth pairs, and a real guardd on one of them.

Everything lives below one temporary folder and in namespaces that end with their holder process.
Waiting is always for something that can be seen (a ban, a line, a refused connection), with a limit.
"""
import ctypes
import json
import os
import pickle
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
LIMIT = float(os.environ.get("GUARDD_TEST_LIMIT", "30"))
USER = os.environ.get("GUARDD_TEST_USER", "nobody")
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_us():
    """A test that is ended from outside leaves no server behind: PR_SET_PDEATHSIG."""
    _libc.prctl(1, signal.SIGKILL)


def until(what, probe, limit=None):
    """Waits until probe() gives something true, and returns it."""
    end = time.monotonic() + (limit or LIMIT)
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.02)


class Host:
    """A machine: its own network, mounts and /var/log, /run, /tmp stay the outer ones unless hidden."""

    def __init__(self, folder, name):
        self.name = name
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        os.chmod(folder, 0o755)
        self.children = []
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "-u", "--propagation", "private", "sh", "-c",
             "ip link set lo up; echo up; exec sleep 100000"],
            stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_us)
        assert self.holder.stdout.readline() == "up\n"
        self.pid = self.holder.pid

    def cmd(self, *args):
        # -r: a chroot stays one.
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-u", "-r", "-w", *map(str, args)]

    def run(self, *args, check=True, input=None, timeout=120, env=None):
        r = subprocess.run(self.cmd(*args), text=True, input=input, timeout=timeout, env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if check and r.returncode != 0:
            raise AssertionError(f"{self.name}: {args}: status {r.returncode}\n{r.stdout}")
        return r

    def popen(self, *args, **kw):
        p = subprocess.Popen(self.cmd(*args), preexec_fn=_die_with_us, **kw)
        self.children.append(p)
        return p

    def hide(self, path):
        """An empty folder of this host's own in the place of path."""
        own = os.path.join(self.folder, path.strip("/").replace("/", "-"))
        os.makedirs(own, exist_ok=True)
        if not os.path.isdir(path):
            os.makedirs(path, exist_ok=True)
        self.run("mount", "--bind", own, path)
        return own

    def show(self, path, at=None):
        """path, readable below this host's own folder; where it is then."""
        at = at or os.path.join(self.folder, "build")
        if not os.path.isdir(at):
            os.makedirs(at)
            self.run("mount", "--bind", path, at)
        return at

    def call(self, fn, *args):
        """Runs fn(*args) in this host's network, in a child; its result, or its exception."""
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                fd = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
                if _libc.setns(fd, 0x40000000) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                out = (True, fn(*args))
            except BaseException as e:  # noqa: the parent raises it again
                out = (False, repr(e))
            with os.fdopen(w, "wb") as f:
                pickle.dump(out, f)
            os._exit(0)
        os.close(w)
        with os.fdopen(r, "rb") as f:
            good, value = pickle.load(f)
        os.waitpid(pid, 0)
        if not good:
            raise AssertionError(f"{self.name}: {fn.__name__}{args}: {value}")
        return value

    def connects(self, address, port, timeout=3.0, source=None):
        """'open', 'refused' or 'silent' for one TCP connection from this host, or from one of its addresses."""
        return self.call(_try_connect, address, port, timeout, source)

    def listen(self, address, port):
        """A plain TCP server that greets and echoes; returns once it listens."""
        p = self.popen(sys.executable, os.path.join(ROOT, "tests/netns/echo.py"), address, str(port),
                       stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "listening\n"
        return p

    def end_the_rest(self):
        """Servers fork: whoever is still in this host's own network came from here."""
        mine = os.stat(f"/proc/{self.pid}/ns/net").st_ino
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if int(pid) != self.pid and os.stat(f"/proc/{pid}/ns/net").st_ino == mine:
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.terminate()
        for p in self.children:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.end_the_rest()
        self.holder.kill()
        self.holder.wait()


def _try_connect(address, port, timeout, source):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(timeout)
    try:
        if source:
            s.bind((source, 0))
        s.connect((address, port))
        return "open"
    except ConnectionRefusedError:
        return "refused"
    except (TimeoutError, OSError):
        return "silent"
    finally:
        s.close()


class World(unittest.TestCase):
    """Two hosts or more; self.server runs what is guarded, self.attacker attacks it.

    server 198.51.100.1, 2001:db8:1::1; attacker 198.51.100.7, 2001:db8:1::7 on the same link;
    the attacker also has 203.0.113.7 and 2001:db8:7::7, routed.
    """

    V4, V6 = "198.51.100.1", "2001:db8:1::1"
    FROM4, FROM6 = "198.51.100.7", "2001:db8:1::7"
    GATE4, GATE6 = "198.51.100.254", "2001:db8:1::fe"
    FAR4, FAR6 = "203.0.113.7", "2001:db8:7::7"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="guardd-test-")
        self.hosts = []
        self.guardd = None
        self.server = self.host("server")
        self.attacker = self.host("attacker")
        self.link(self.server, "eth0", self.attacker, "eth0")
        self.addresses(self.server, "eth0", self.V4 + "/24", self.V6 + "/64")
        self.addresses(self.attacker, "eth0", self.FROM4 + "/24", self.FROM6 + "/64",
                       self.FAR4 + "/32", self.FAR6 + "/128", self.GATE4 + "/24", self.GATE6 + "/64")
        # A gateway is never banned: the routes go by an address that attacks nobody, not even by default.
        self.attacker.run("ip", "addr", "change", self.GATE6 + "/64", "dev", "eth0", "preferred_lft", "0")
        self.server.run("ip", "route", "add", "203.0.113.0/24", "via", self.GATE4)
        self.server.run("ip", "-6", "route", "add", "2001:db8:7::/48", "via", self.GATE6)
        self.server.hide("/var/log")
        for path in ("/run/log", "/run/systemd"):
            if os.path.isdir(path):
                self.server.hide(path)

    def host(self, name):
        h = Host(self.folder, name)
        self.hosts.append(h)
        return h

    def link(self, a, a_if, b, b_if):
        a.run("ip", "link", "add", a_if, "type", "veth", "peer", "name", b_if, "netns", str(b.pid))
        for h, dev in ((a, a_if), (b, b_if)):
            h.run("sysctl", "-qw", f"net.ipv6.conf.{dev}.accept_dad=0", check=False)
            h.run("ip", "link", "set", dev, "up")

    def addresses(self, host, dev, *prefixes):
        for p in prefixes:
            more = ["nodad"] if ":" in p else []
            host.run("ip", "addr", "add", p, "dev", dev, *more)

    def tearDown(self):
        if self.guardd:
            self.guardd.kill()
            failed = any(e for _, e in getattr(self._outcome, "errors", []) if e) or \
                any(t is self for t, _ in getattr(self._outcome.result, "failures", [])
                    + getattr(self._outcome.result, "errors", []))
            if failed:
                sys.stderr.write(f"--- guardd's log of {self.id()}\n{self.guardd.log()[-6000:]}\n")
        for h in self.hosts:
            h.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_guardd(self, config="", files=None, share=ROOT, **kw):
        self.guardd = Guardd(self.server, config, files or {}, share, **kw)
        self.guardd.start()
        return self.guardd


class Guardd:
    def __init__(self, host, config, files, share, env=None):
        self.host, self.share = host, share
        self.env = {**os.environ, **(env or {})}
        self.base = os.path.join(host.folder, "guardd")
        # The checkout may lie where the service user cannot go, below /root: bind mounts can be read.
        self.bin = host.show(BUILD)
        if share == ROOT:
            self.share = os.path.join(host.folder, "share")
            for part in ("filters", "rules"):
                host.show(os.path.join(ROOT, part), os.path.join(self.share, part))
        for d in ("", "etc", "etc/filters.d", "etc/rules.d", "run", "state"):
            os.makedirs(os.path.join(self.base, d), exist_ok=True)
        self.logfile = os.path.join(self.base, "log")
        self.write("guardd.yaml", config or "never_ban: []\n")
        for name, text in files.items():
            self.write(name, text)
        self.proc = None

    def path(self, *more):
        return os.path.join(self.base, *more)

    def write(self, name, text):
        with open(self.path("etc", name), "w", encoding="utf-8") as f:
            f.write(text)

    def options(self):
        return ["-c", self.path("etc/guardd.yaml"), "-s", self.share, "-e", self.path("etc"),
                "-r", self.path("run"), "-S", self.path("state")]

    def spawn(self):
        with open(self.logfile, "ab") as log:
            self.marked = log.tell()
            self.proc = self.host.popen(os.path.join(self.bin, "guardd"), *self.options(), "-u", USER,
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                        env=self.env)

    def start(self):
        self.spawn()
        until("guardd says it is ready", lambda: self.said("ready:") or self.dead())
        if self.dead():
            raise AssertionError("guardd ended:\n" + self.log())

    def dead(self):
        return self.proc.poll() is not None

    def log(self):
        with open(self.logfile, encoding="utf-8", errors="replace") as f:
            return f.read()

    def said(self, text):
        """What was logged since the last start holds text."""
        with open(self.logfile, "rb") as f:
            f.seek(self.marked)
            return text in f.read().decode("utf-8", "replace")

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        return self.proc.wait(LIMIT)

    def kill(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()

    def role_pid(self, role):
        """Process id of guardd-ROLE below this guardd, or None."""
        return child_named(self.pid(), f"guardd-{role}")

    def pid(self):
        """nsenter execs guardd, so that its process is the one started here."""
        return self.proc.pid

    def ctl(self, *args, check=True):
        r = self.host.run(os.path.join(self.bin, "guardctl"), *[
            x for pair in zip(("--config", "--share", "--etc", "--runtime"),
                              (self.path("etc/guardd.yaml"), self.share, self.path("etc"),
                               self.path("run"))) for x in pair], *args, check=False)
        if check and r.returncode != 0:
            raise AssertionError(f"guardctl {args}: status {r.returncode}\n{r.stdout}")
        return r

    def json(self, *args):
        out = self.ctl("--json", *args).stdout
        return [json.loads(line) for line in out.splitlines()]

    def bans(self, *args):
        """Bans in force in the kernel, by prefix."""
        return {b["prefix"]: b for b in self.json("list", *args)
                if b["in_force"] and b["rule"] != "guardd-selfcheck"}

    def wait_ban(self, prefix, limit=None):
        return until(f"a ban of {prefix}", lambda: self.bans().get(prefix), limit)

    def kernel_has(self, set_name, element):
        r = self.host.run("nft", "get", "element", "inet", "guardd", set_name, "{ %s }" % element,
                          check=False)
        return r.returncode == 0


def pwd_uid(user=None):
    """Uid of the user that the daemons become."""
    return pwd.getpwnam(user or USER).pw_uid


def child_named(pid, name):
    """Process id of a child of pid with this command name, or None."""
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{other}/stat", encoding="ascii", errors="replace") as f:
                comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue
        fields = rest.split()
        if comm == name[:15] and fields[1] == str(pid) and fields[0] != "Z":
            return int(other)
    return None


class Herald:
    """guardd-runner and guardd-herald on a host, beside a Guardd (guardd: its runtime directory).

    guardd.yaml needs "herald_user: " + USER. name tells several of one host apart.
    """

    def __init__(self, host, guardd, name="herald", env=None):
        self.host, self.guardd = host, guardd
        self.bin = host.show(BUILD)
        self.base = os.path.join(host.folder, name)
        self.env = {**os.environ, **(env or {})}
        os.makedirs(self.base, exist_ok=True)
        self.logfile = self.path("log")
        self.proc = None

    def path(self, *more):
        return os.path.join(self.base, *more)

    def options(self):
        return ["-r", self.path("run"), "-S", self.path("state"), "-g", self.guardd, "-u", USER]

    def spawn(self):
        with open(self.logfile, "ab") as log:
            self.marked = log.tell()
            self.proc = self.host.popen(os.path.join(self.bin, "guardd-runner"), *self.options(), stdout=log,
                                        stderr=log, stdin=subprocess.DEVNULL, env=self.env)

    def start(self):
        """Returns when it serves its control socket; until(herald.connected) waits for guardd, too."""
        self.spawn()
        until("guardd-herald says it is ready", lambda: self.said("ready:") or self.dead())
        if self.dead():
            raise AssertionError("guardd-runner ended:\n" + self.log())
        return self

    def dead(self):
        return self.proc.poll() is not None

    def log(self):
        with open(self.logfile, encoding="utf-8", errors="replace") as f:
            return f.read()

    def said(self, text):
        """What was logged since the last start holds text."""
        with open(self.logfile, "rb") as f:
            f.seek(self.marked)
            return text in f.read().decode("utf-8", "replace")

    def connected(self):
        status = self.ask("status")
        return bool(status and status[0].get("connected"))

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        return self.proc.wait(LIMIT)

    def kill(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()

    def pid(self):
        return self.proc.pid

    def herald_pid(self):
        return child_named(self.proc.pid, "guardd-herald")

    def ctl(self, *args, check=True):
        r = self.host.run(os.path.join(self.bin, "guardctl"), "--runtime", self.guardd, "--herald",
                          self.path("run"), *args, check=False)
        if check and r.returncode != 0:
            raise AssertionError(f"guardctl {args}: status {r.returncode}\n{r.stdout}")
        return r

    def json(self, *args):
        """What guardctl --json ARGS prints, a dictionary a line."""
        return [json.loads(line) for line in self.ctl("--json", *args).stdout.splitlines()]

    def ask(self, *words):
        """A request of the herald's control socket as it is: its lines, the last one with "done"; None: no answer."""
        text = b""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LIMIT)
            try:
                s.connect(self.path("run", "control"))
                s.sendall(" ".join(words).encode() + b"\n")
                while part := s.recv(1 << 16):
                    text += part
            except OSError:
                return None
        return [json.loads(line) for line in text.decode("utf-8").splitlines()] or None


def main():
    if os.geteuid() != 0:
        sys.exit("these tests make network namespaces: run them as root")
    unittest.main(verbosity=2)
