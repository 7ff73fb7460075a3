# SPDX-License-Identifier: GPL-2.0-or-later
"""One ruleset in a private host, asked twice: the kernel by packets, the prover by the host's dump."""
import ctypes
import fcntl
import os
import signal
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
MACS = {"eth0": "02:00:00:00:00:02", "eth1": "02:00:00:00:01:02"}
MAIN_TO = ("192.0.2.1", "2001:db8:1::1")
LIMIT = 120  # seconds for one program

# Behind every other chain: survivors are logged to blast's group and dropped, so that no connection is ever
# confirmed; what the host says itself (rejects) goes nowhere.
RECORDER = """
table inet recorder {
	chain input { type filter hook input priority 2147483646; log group 61007 snaplen 128; drop; }
	chain post { type filter hook postrouting priority 2147483646; log group 61007 snaplen 128; drop; }
	chain output { type filter hook output priority -2000; drop; }
}
"""
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A program of the test itself failed, or the prover did."""


def private_run():
    """Mounts an empty /run for this process and its children: whatever ends them, their network namespaces and files go
    with it."""
    for call in (_libc.unshare(0x00020000), _libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None),
                 _libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, b"mode=755")):
        if call:
            raise OSError(ctypes.get_errno(), "private mounts (is this root?)")
    os.mkdir("/run/netns")


def die_with_parent():
    _libc.prctl(1, signal.SIGKILL)


def run(argv, stdin="", cwd=None, env=None, status=(0,), fds=()):
    r = subprocess.run(argv, input=stdin, text=True, errors="replace", cwd=cwd, env=env, timeout=LIMIT,
                       preexec_fn=die_with_parent, pass_fds=fds, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if status is not None and r.returncode not in status:
        raise Failed(f"{' '.join(map(str, argv))}: status {r.returncode}\n{r.stderr[-2000:]}")
    return r


def ask_prover(dump, lines, iface, to, build=BUILD):
    """guardd-prover reads a sealed memfd at FD_DUMP (9)."""
    fd = os.memfd_create("dump", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    try:
        os.write(fd, dump)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS,
                    fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        args = [f"{build}/guardd-prover", "--packets", "--in", iface]
        for t in to:
            args += ["--to", t]
        return run(["bash", "-c", f'exec "$@" 9<&{fd}', "bash", *args], stdin=lines, fds=(fd,)).stdout
    finally:
        os.close(fd)


class World:
    """A host and its peer; made by a ruleset script, removed by close()."""

    count = 0

    def __init__(self, script, strict=True):
        World.count += 1
        self.ns = f"gdo-{os.getpid()}-{World.count}"
        self.folder = tempfile.TemporaryDirectory(prefix="world-", dir="/run")
        self.dump_path = os.path.join(self.folder.name, "dump")
        try:
            self._apply(script, strict)
            self.text = self._text()
            self.recorded = False
        except BaseException:
            self.close()
            raise

    def _apply(self, script, strict):
        # The shared scripts write beside themselves and into ../dumps.
        cwd = os.path.join(self.folder.name, "rulesets")
        os.mkdir(cwd)
        os.mkdir(os.path.join(self.folder.name, "dumps"))
        trap = "trap 'echo \"FAIL line $LINENO: $BASH_COMMAND\" >&2; exit 1' ERR; set -E;" if strict else ""
        text = f". {HERE}/world.sh; {trap} make_world\n" + script
        r = run(["bash", "-c", text], cwd=cwd, status=None,
                env={**os.environ, "NS": self.ns, "XTABLES_LOCKFILE": "/run/xtables.lock"})
        self.said = r.stderr
        if strict and r.returncode:
            raise Failed(f"the ruleset could not be made: {r.stderr[-3000:]}")

    def inside(self, *argv, **kw):
        return run(["nsenter", f"--net=/run/netns/{self.ns}", *argv], **kw)

    def _text(self):
        """Everything that has literals in it."""
        parts = [["nft", "-n", "list", "ruleset"], ["iptables-nft-save"], ["ip6tables-nft-save"],
                 ["ip", "-o", "addr"], ["ip", "route"], ["ip", "-6", "route"]]
        if "match-set" in (text := "".join(self.inside(*p, status=None).stdout for p in parts)):
            text += self.inside("ipset", "save").stdout
        return text

    def dump(self):
        self.inside(f"{BUILD}/guardd-watcher", "--dump", self.dump_path)

    def prover(self, lines, iface="eth0", to=MAIN_TO):
        """The lines with the prover's answers."""
        with open(self.dump_path, "rb") as f:
            return ask_prover(f.read(), lines, iface, to)

    def tool(self, lines, iface):
        """The lines with the answers of the whole tool."""
        return self.inside(f"{BUILD}/guardctl", "prove", "--packets", "-", "--in", iface, stdin=lines).stdout

    def kernel(self, lines, iface="eth0", to=MAIN_TO):
        """The lines with the kernel's answers. From the first call on the ruleset has the recorder in it."""
        if not self.recorded:
            self.inside("nft", "-f", "-", stdin=RECORDER)
            self.recorded = True
        return run([f"{BUILD}/oracle/blast", f"/run/netns/{self.ns}", f"/run/netns/{self.ns}-p", iface, MACS[iface],
                    *to], stdin=lines).stdout

    def close(self):
        for ns in (self.ns, f"{self.ns}-p"):
            run(["ip", "netns", "del", ns], status=None)
        self.folder.cleanup()
