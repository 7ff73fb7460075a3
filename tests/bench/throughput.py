#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines a second of guardd with all shipped filters over a mixed log, beside fail2ban, sshguard and plain reading.

The daemon reads it as it does any log: all filters are pointed at one file, which appears while guardd runs, and time
counts until the judge has every offence. Times are processor time, user and system, of all processes that take part, on
one core: on a machine with nothing else to do that is the time that passes (a row says how far that holds for the
daemon, which could also wait). Sides take turns, and each ratio is the median of the rounds'.
"""
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time

import bench
import lib
from bench import pinned
from scene import Scene, one_core, tool

LOG = "/var/log/bench.log"
NOTHING = "/nonexistent"
FAIL2BAN = "/usr/bin/fail2ban-regex"
SSHGUARD = ("/usr/libexec/sshguard/sshg-parser", "/usr/libexec/sshg-parser", "/usr/lib/sshguard/sshg-parser")
MILLE = {"0.2 %": 2, "5 %": 50, "100 %": 1000}
OFFENCE = 0x13  # MSG_OFFENCE of wire/msg.h, whose messages --replay writes


def corpus(path, kind, size, mille=0):
    with open(path, "wb") as f:
        subprocess.run([tool("corpus"), kind, str(size), str(mille)], stdout=f, check=True)


def lines_of(path):
    out = subprocess.run([tool("split"), path], text=True, stdout=subprocess.PIPE, check=True).stdout
    return int(out)


def used(cmd, **kw):
    """Processor seconds of a command and of all that it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    r = subprocess.run(pinned(cmd), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **kw)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if r.returncode not in (0, 1):
        raise RuntimeError(f"{cmd[0]}: status {r.returncode}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def on_one_file(path=LOG):
    """Every shipped filter, reading this file and nothing else."""
    files = {}
    folder = os.path.join(lib.ROOT, "filters")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            text = f.read()
        text, n = re.subn(r"^sources:\n(?:[ #].*\n)+", f"sources:\n  - file: [{path}]\n", text, flags=re.M)
        if n != 1:
            raise RuntimeError(f"{name}: where are its sources?")
        files["filters.d/" + name] = text
    return files


def ask(g, what):
    s = socket.socket(socket.AF_UNIX)
    s.connect(g.path("run", "control"))
    s.sendall(what + b"\n")
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    s.close()
    return [json.loads(line) for line in data.splitlines()]


class Reading(Scene):
    """guardd on its one core, and a log that appears."""

    def processor(self):
        """Nanoseconds each process that serves has had, from /proc/PID/schedstat."""
        out = {}
        for name, pid in self.serving.items():
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                out[name] = int(f.read().split()[0])
        return out

    def fresh(self, files):
        if self.guardd:
            self.guardd.stop()
            shutil.rmtree(self.guardd.path("state"))
            self.server.run("nft", "flush", "ruleset")
        self.there = os.path.join(self.server.folder, "var-log", os.path.basename(LOG))
        if os.path.exists(self.there):
            os.unlink(self.there)
        with one_core():
            self.start_guardd("never_ban: []\n", files)
        self.settle()
        self.serving = self.pids()

    def quiet(self, since):
        """Waits until no process has run for a while; when the last one did. Asking would keep the judge at work."""
        last, at = since, time.perf_counter()
        while time.perf_counter() - at < 0.1:
            time.sleep(0.005)
            now = self.processor()
            if sum(now.values()) - sum(last.values()) > 500_000:
                last, at = now, time.perf_counter()
        return at

    def read(self, path, lines, offences, limit=120):
        """(elapsed, {process: processor seconds}) from the file's being there to its last offence's being judged."""
        before = self.processor()
        begin = time.perf_counter()
        os.link(path, self.there)
        while True:
            end = self.quiet(before)
            after = self.processor()
            s = [s for s in ask(self.guardd, b"sources") if s.get("name") == LOG]
            judged = ask(self.guardd, b"status")[0]["offences"]
            asked = sum(self.processor().values()) - sum(after.values())
            # More than asking takes: it only seemed quiet, as others had the core.
            if s and s[0]["lines"] >= lines and s[0]["lag_bytes"] == 0 and judged >= offences and asked < 5_000_000:
                break
            if end - begin > limit:
                raise RuntimeError(f"the log was not read in {limit} s: {judged} of {offences} offences, {s}")
        return end - begin, {name: (after[name] - before[name]) / 1e9 for name in after if name in before}


def place(fd):
    """An image as the descriptor that guardd's executables look for, in a child before its exec."""
    return lambda: os.dup2(fd, 4)


def shipped_image():
    fd = os.memfd_create("bench", os.MFD_ALLOW_SEALING)
    subprocess.run([os.path.join(bench.BUILD, "guardd-conf"), "-c", NOTHING, "-s", lib.ROOT, "-e", NOTHING,
                    "-r", NOTHING, "--image"], check=True, preexec_fn=place(fd), close_fds=False)
    return fd


def offences_of(path):
    """How many offences the reader finds in the file, without the daemon."""
    fd = shipped_image()
    n = 0
    with subprocess.Popen([os.path.join(bench.BUILD, "guardd-reader"), "--replay", path], preexec_fn=place(fd),
                          close_fds=False, stdout=subprocess.PIPE) as p:
        while data := p.stdout.read(96 * 1024):
            n += data[::96].count(OFFENCE)
    os.close(fd)
    return n


def replay(path):
    ctl = [os.path.join(bench.BUILD, "guardctl"), "--config", NOTHING, "--share", lib.ROOT, "--etc", NOTHING]
    return used([*ctl, "--json", "replay", path])


def sshguard(path):
    found = [p for p in SSHGUARD if os.access(p, os.X_OK)]
    if not found:
        return None
    with open(path, "rb") as f:
        return used([found[0]], stdin=f)


def fail2ban(path, empty):
    """Without its start."""
    if not os.access(FAIL2BAN, os.X_OK):
        return None
    cmd = [FAIL2BAN, "--print-no-missed", "--print-no-ignored"]
    return used([*cmd, path, "sshd"]) - used([*cmd, empty, "sshd"])


class Rounds:
    """Figures of several rounds, by name."""

    def __init__(self):
        self.all = {}

    def note(self, **figures):
        for name, value in figures.items():
            self.all.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.all[name]) if None not in self.all[name] else None

    def ratio(self, name, against):
        if None in self.all[name] + self.all[against]:
            return None
        return statistics.median(a / b for a, b in zip(self.all[name], self.all[against]))


def one_round(w, r, files, mille, size, sshd_size, peers):
    path, sshd, one = (os.path.join(w.folder, n) for n in ("mixed.log", "sshd.log", "one.log"))
    corpus(path, "mixed", size, mille)
    lines = lines_of(path)
    w.fresh(files)
    elapsed, took = w.read(path, lines, offences_of(path))
    r.note(elapsed=elapsed, guardd=sum(took.values()), speed=lines / sum(took.values()), lines=lines,
           **{"in " + name: seconds for name, seconds in took.items()})
    r.note(split=used([tool("split"), path]))
    if peers:
        r.note(replay=replay(path))
        seconds = sshguard(path)
        r.note(sshguard=seconds and lines / seconds)
        corpus(sshd, "sshd", sshd_size, mille)
        corpus(one, "sshd", 1, mille)
        seconds = fail2ban(sshd, one)
        r.note(fail2ban=seconds and lines_of(sshd) / seconds)


def shares(r):
    """Where the time goes, process by process."""
    total = r.median("guardd")
    parts = sorted(((r.median(n), n[3:]) for n in r.all if n.startswith("in ")), reverse=True)
    return ", ".join(f"{name} {seconds / total:.0%}" for seconds, name in parts if seconds > total / 100)


def report(rows, r):
    what = "all filters, 5 % offences: lines read"
    speed = r.median("speed")
    for name, peer, least in (("fail2ban", "fail2ban-regex, sshd alone", 500), ("sshguard", "sshg-parser", 15)):
        if r.median(name) is None:
            rows.absent(what, "lines/s", peer, target=least, better="higher")
        else:
            rows.add(what, speed, "lines/s", peer, r.median(name), r.ratio("speed", name), least, "higher")
    for name, of, target in (("the same: time", "guardd", 6), ("of it the reader's time", "in guardd-reader", None),
                             ("the same by guardctl replay: time", "replay", None)):
        rows.add(name, r.median(of) * 1e3, "ms", "read(2) and memchr", r.median("split") * 1e3, r.ratio(of, "split"),
                 target, note=shares(r) if of == "guardd" else None)
    rows.add("the same: time that passes", r.median("elapsed") * 1e3, "ms", "its processor time",
             r.median("guardd") * 1e3, r.ratio("elapsed", "guardd"), note="above 1: waiting, or others on this core")
    return speed


def garbage_round(w, r, files, path):
    w.fresh(files)
    lines = lines_of(path)
    _, took = w.read(path, lines, 0)
    r.note(guardd=sum(took.values()), speed=lines / sum(took.values()), **{"in " + n: t for n, t in took.items()})
    r.note(split=used([tool("split"), path]))


def against_own(rows, r, what, own):
    rows.add(f"all filters, {what}: lines read", r.median("speed"), "lines/s", "the same with 5 %", own, target=1 / 8,
             better="higher", note=f"{r.ratio('guardd', 'split'):.1f} x read(2) and memchr; {shares(r)}")


def run(rows, quick=False):
    size, sshd_size, times = (4_000_000, 200_000, 2) if quick else (200_000_000, 5_000_000, 5)
    files = on_one_file()
    own = None
    with Reading() as w:
        for share in ("5 %", "0.2 %", "100 %"):
            r = Rounds()
            for _ in range(times):
                one_round(w, r, files, MILLE[share], size, sshd_size, share == "5 %")
            if share == "5 %":
                own = report(rows, r)
                continue
            against_own(rows, r, f"{share} offences", own)
        r = Rounds()
        size *= 5
        path = os.path.join(w.folder, "garbage.log")
        corpus(path, "garbage", size)
        for _ in range(times):
            garbage_round(w, r, files, path)
        against_own(rows, r, f"{size // 1_000_000} MB of binary garbage", own)


if __name__ == "__main__":
    sys.exit(bench.main(run))
