#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The time from write() of the line that completes a rule to the kernel's notice that the offender is in a set.

Offenders are IPv4 and IPv6 in turn. Beside each of guardd's stands one element added with libmnl alone, by the same helper
in the same run. Then the same while 200,000 harmless lines a second come into the same log; and the peers, which are
Debian's, each on a host of its own with its own action for nftables, banning at the first offence as guardd does.

All that is measured has real-time priority, the helper, guardd and the peers: else some of the longest times are those
that a thread of the kernel or somebody else's program keeps the core.
"""
import configparser
import os
import shutil
import subprocess
import time

import bench
from bench import pinned
from lib import until
from scene import Scene, one_core, quantile, tool

BENIGN = 200_000
GAP = 20_000  # microseconds
WHAT = "written line to element, {}"


def events(host, log, n, first=0, bare=False, gap=GAP):
    """Nanoseconds by kind: log, and bare."""
    out = host.run(*pinned([tool("latency_events"), log, str(n), str(gap), str(first), *(["bare"] if bare else [])]),
                   timeout=600).stdout
    took = {"log": [], "bare": []}
    for line in out.splitlines():
        kind, ns = line.split()
        took[kind].append(int(ns) / 1e3)
    return took


def real_time(cmd):
    return pinned(["chrt", "--fifo", "1", *cmd])


def guardd(rows, n):
    """Adds the rows of guardd; p50 without load."""
    with Scene() as s:
        s.guard()
        for pid in s.pids().values():
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        events(s.server, s.log, 20)
        alone = events(s.server, s.log, n, 1000, True)
        for q, most in ((0.5, 4), (0.99, 15)):
            rows.add(WHAT.format(f"p{q * 100:.0f}"), quantile(alone["log"], q), "us", "add-and-notify by libmnl",
                     quantile(alone["bare"], q), target=most)
        load = s.server.popen(*pinned([tool("latency_load"), s.log, str(BENIGN)]), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        loaded = events(s.server, s.log, n, 1_000_000)
        rate = int(load.communicate("")[0])
        late = max([x["lag"] for x in s.guardd.json("sources") if x.get("lag")], default=None)
        what = f"beside {rate:,} harmless lines/s"
        rows.add(WHAT.format(what + ", p50"), quantile(loaded["log"], 0.5), "us", "without them", quantile(alone["log"], 0.5))
        rows.add(WHAT.format(what + ", p99"), quantile(loaded["log"], 0.99), "us", "without them",
                 quantile(alone["log"], 0.99), target=10, note=f"lag {late}" if late else None)
        return quantile(alone["log"], 0.5)


def start_fail2ban(s):
    """Debian's configuration with the jail sshd, which is on there, at its first offence."""
    folder = os.path.join(s.folder, "fail2ban")
    etc = os.path.join(folder, "etc")
    shutil.copytree("/etc/fail2ban", etc)
    c = configparser.ConfigParser()
    c["Definition"] = {"logtarget": folder + "/log", "socket": folder + "/socket", "pidfile": folder + "/pid",
                       "dbfile": folder + "/db", "allowipv6": "true"}
    with open(etc + "/fail2ban.local", "w", encoding="utf-8") as f:
        c.write(f)
    c = configparser.ConfigParser()
    c["DEFAULT"] = {"bantime": "6h", "banaction": "nftables[type=allports]", "ignoreself": "false"}
    c["sshd"] = {"enabled": "true", "backend": "pyinotify", "logpath": s.log, "maxretry": "1", "usedns": "no"}
    with open(etc + "/jail.local", "w", encoding="utf-8") as f:
        c.write(f)
    with open(folder + "/out", "w", encoding="utf-8") as out:
        s.server.popen(*real_time(["fail2ban-server", "-f", "-c", etc, "-s", folder + "/socket", "-p", folder + "/pid", "start"]),
                       stdout=out, stderr=out)

    def ready():
        return "Status" in s.server.run("fail2ban-client", "-s", folder + "/socket", "status", "sshd", check=False).stdout
    until("fail2ban", ready)


def start_sshguard(s):
    """tail, parser, blocker and the script for nftables, as its own start script joins them."""
    libexec = next(d for d in ("/usr/libexec/sshguard", "/usr/lib/sshguard") if os.path.isdir(d))
    s.server.popen(*real_time(["sh", "-c", f"tail -F -n 0 {s.log} | {libexec}/sshg-parser | {libexec}/sshg-blocker -a 10 "
                            f"-p 21600 -s 1800 | {libexec}/sshg-fw-nft-sets"]), stderr=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL)
    until("sshguard", lambda: "attackers" in s.server.run("nft", "list", "sets", check=False).stdout)
    time.sleep(1)


PEERS = (
    ("fail2ban with pyinotify", "/usr/bin/fail2ban-server", start_fail2ban, 300, 200_000),
    ("sshguard behind tail -F", "/usr/sbin/sshguard", start_sshguard, 12, GAP),
)


def peers(rows, ours, n):
    for name, program, start, times, gap in PEERS:
        what = WHAT.format(name + ", p50")
        if not os.path.exists(program):
            rows.absent(what, "us", "guardd", target=times, better="higher")
            continue
        with Scene() as s:
            start(s)
            events(s.server, s.log, 4, 0, False, gap)
            took = events(s.server, s.log, n, 1000, False, gap)["log"]
        rows.add(what, quantile(took, 0.5), "us", "guardd", ours, target=times, better="higher")


def run(rows, quick=False):
    with one_core():
        ours = guardd(rows, 50 if quick else 1000)
        peers(rows, ours, 6 if quick else 50)


if __name__ == "__main__":
    raise SystemExit(bench.main(run))
