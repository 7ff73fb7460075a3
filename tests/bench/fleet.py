#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What one Redis carries: 10,000 hosts of a fleet, each a connection in XREAD BLOCK on the stream of bans.

Redis is the real one, with its log of changes on disk, on one core; all hosts are one program on another
(fleet_hosts.c), which asks, and comes back after a loss, as the herald does. Entries are as long as real
ones. Where there is one core only, both share it, and the times say little. Nothing here has a target: what follows from it
is in docs/fleet-scale.md.
"""
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import bench
from bench import CORE

import fleets
import lib
from scene import tool

PORT, TLS_PORT = 6379, 6380
STREAM = "guardd:bans"
OTHER = min(os.sched_getaffinity(0))  # the hosts' core
PASSWORD = "for-the-bench-alone"
CONFIG = """port {port}
tls-port {tls}
bind 127.0.0.1
dir {folder}
logfile log
save ""
appendonly yes
maxclients {clients}
tls-cert-file {keys}/cert.pem
tls-key-file {keys}/key.pem
tls-ca-cert-file {keys}/cert.pem
tls-auth-clients no
user default on nopass ~* +@all
user host on >{password} ~guardd:* +xadd +xread +client|setname
"""
FILES = 100000  # descriptors, as far as this machine allows


def files():
    """How many descriptors a process may have here."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)


def more_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (files(), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def worked(pid):
    """Seconds of processor time so far, of all threads of a process."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


class Redis:
    """A real server in a network of its own, with a password, an ACL user for the hosts, and TLS."""

    def __init__(self, host, folder, name="redis", port=PORT, options=""):
        self.host, self.port, self.options = host, port, options
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.proc = None
        self.start()

    def start(self):
        with open(os.path.join(self.folder, "conf"), "w", encoding="ascii") as f:
            f.write(CONFIG.format(port=self.port, tls=self.port + 1, folder=self.folder, clients=files() - 100,
                                  keys=os.path.dirname(self.folder), password=PASSWORD) + self.options)
        self.proc = self.host.popen("taskset", "-c", CORE, "redis-server", os.path.join(self.folder, "conf"),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.began = time.monotonic_ns()
        lib.until("Redis answers", lambda: self.says("ping").strip() == "PONG")

    def says(self, *args):
        return self.host.run("redis-cli", "-p", self.port, *args, check=False).stdout

    def info(self, what):
        return int(re.search(rf"^{what}:(\d+)", self.says("info", "everything"), re.M)[1])

    def cpu(self):
        return worked(self.proc.pid)

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def restart(self):
        self.kill()
        self.start()

    def empty(self):
        self.says("flushall")


class Hosts:
    """The program that is all hosts."""

    def __init__(self, redis, *options, tls=False, stream=STREAM, port=None):
        ca = os.path.join(os.path.dirname(redis.folder), "cert.pem")
        more = [f"tls={ca}"] if tls else []
        self.redis = redis
        self.proc = redis.host.popen(
            "taskset", "-c", OTHER, tool("fleet_hosts"), (port or redis.port) + tls, stream, "user=host",
            f"password={PASSWORD}", *more, *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.proc.stdout.readline() != "ready\n":
            raise RuntimeError("the hosts cannot reach Redis")

    def start(self, *words):
        self.proc.stdin.write(" ".join(map(str, words)) + "\n")
        self.proc.stdin.flush()

    def answer(self):
        line = self.proc.stdout.readline()
        if not line:
            raise RuntimeError("the hosts' program has ended")
        return json.loads(line)

    def ask(self, *words, whole=True):
        """The answer to one command, with what Redis worked for it in seconds."""
        before = self.redis.cpu()
        self.start(*words)
        got = self.answer()
        got["cpu"] = self.redis.cpu() - before
        if whole and not got["all"]:
            raise RuntimeError(f"{words}: not all hosts: {got}")
        return got

    def close(self):
        """They go, and what they said: the next ones begin with an empty stream."""
        self.proc.stdin.close()
        self.proc.wait()
        self.redis.empty()


class Fleet:
    def __enter__(self):
        more_files()
        self.nice = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        self.folder = tempfile.mkdtemp(prefix="guardd-test-")
        self.host = lib.Host(self.folder, "machine")
        # Hosts that knock while Redis is away must not get its port as their own.
        self.host.run("sysctl", "-qw", f"net.ipv4.ip_local_port_range={TLS_PORT + 1000} 65535")
        fleets.certificate(self.folder, "127.0.0.1")
        try:
            self.redis = Redis(self.host, self.folder)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *why):
        os.setpriority(os.PRIO_PROCESS, 0, self.nice)
        self.host.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def spread(n):
    """Milliseconds within which so many hosts come, where that is not what is measured."""
    return n // 3


def memory(redis, hosts, n, rows, what, quick):
    """What n connections take, beside none: Redis gives buffers of those that are quiet back after some seconds."""
    before = redis.info("used_memory"), redis.info("used_memory_rss")
    hosts.ask("connect", n, spread(n), 120)
    rows.add(f"Redis' memory per connection, {what}, just come", (redis.info("used_memory") - before[0]) / n, "bytes")
    hosts.ask("idle", 2000 if quick else 10000)
    rows.add("  at rest", (redis.info("used_memory") - before[0]) / n, "bytes",
             note=f"resident: {(redis.info('used_memory_rss') - before[1]) / n:,.0f}")


def single(hosts, n, times, rows, what):
    got = []
    for _ in range(times):
        got.append(hosts.ask("bans", 1, 60))
        time.sleep(0.2)
    middle = {k: statistics.median(g[k] for g in got) for k in ("p50_ms", "p99_ms", "last_ms", "cpu")}
    rows.add(f"one ban, at half of {what}", middle["p50_ms"], "ms")
    rows.add("  at 99 of 100", middle["p99_ms"], "ms")
    rows.add("  at the last", middle["last_ms"], "ms", note=f"of {times}: {min(g['last_ms'] for g in got):.0f} to "
             f"{max(g['last_ms'] for g in got):.0f}")
    rows.add("  Redis' processor time per host", middle["cpu"] / n * 1e6, "us")


def burst(hosts, n, bans, rows, what):
    got = hosts.ask("bans", bans, 120)
    rows.add(f"{bans:,} bans at once, at the last of {what}", got["last_ms"] / 1e3, "s",
             note=f"{got['bytes'] / 1e6:,.0f} MB, {got['replies'] / n:.1f} replies a host")
    rows.add("  Redis' processor time per ban and host", got["cpu"] / bans / n * 1e6, "us")


def at_rate(hosts, n, per_second, seconds, rows):
    got = hosts.ask("rate", per_second, seconds * 1000, 120)
    rows.add(f"{per_second} bans a second from {WRITERS} hosts for {seconds} s: at half of {n:,}", got["p50_ms"], "ms")
    rows.add("  at 99 of 100", got["p99_ms"], "ms",
             note=f"Redis {100 * got['cpu'] / seconds:.0f} % of a core, {got['bytes'] / seconds / 1e6:.0f} MB a second")


WRITERS = 1000


def readers(fleet, n, rows, quick):
    """Plain connections: one ban, bursts, many publishers."""
    hosts = Hosts(fleet.redis)
    what = f"{n:,} hosts"
    memory(fleet.redis, hosts, n, rows, "plain", quick)
    single(hosts, n, 3 if quick else 15, rows, what)
    for bans in (100,) if quick else (100, 1000):
        burst(hosts, n, bans, rows, what)
        time.sleep(0.5)
    hosts.ask("writers", 100 if quick else WRITERS)
    for rate in (10,) if quick else (1, 10, 100):
        at_rate(hosts, n, rate, 2 if quick else 5, rows)
        time.sleep(1)
    if not quick:
        hosts.ask("idle", 5000)
        got = hosts.ask("idle", 10000)
        rows.add(f"Redis with {n:,} hosts that wait, none says anything", 100 * got["cpu"] / 10, "% of core")
    hosts.close()


def few(fleet, n, rows, quick):
    hosts = Hosts(fleet.redis)
    hosts.ask("connect", n, spread(n), 60)
    single(hosts, n, 3 if quick else 15, rows, f"{n:,} hosts")
    burst(hosts, n, 100 if quick else 1000, rows, f"{n:,} hosts")
    hosts.close()


def over_tls(fleet, n, rows, quick):
    hosts = Hosts(fleet.redis, tls=True)
    what = f"{n:,} hosts over TLS"
    memory(fleet.redis, hosts, n, rows, "TLS", quick)
    single(hosts, n, 3 if quick else 10, rows, what)
    for bans in (100,) if quick else (100, 1000):
        burst(hosts, n, bans, rows, what)
    hosts.close()


def entries(fleet, rows, quick):
    n = 1000 if quick else 20000
    for what, more in (("not signed", ()), ("signed", ("signed=1",))):
        hosts = Hosts(fleet.redis, *more)
        hosts.ask("fill", n)
        size = int(fleet.redis.says("memory", "usage", STREAM, "samples", "0"))
        rows.add(f"Redis' memory per ban in the stream, {what}", size / n, "bytes")
        hosts.close()


def storm(fleet, n, rows, tls):
    """Redis is killed and started two seconds later: from then on until all hosts read again."""
    redis = fleet.redis
    hosts = Hosts(redis, tls=tls)
    hosts.ask("connect", n, spread(n), 120)
    hosts.ask("bans", 10, 60)
    hosts_before = worked(hosts.proc.pid)
    hosts.start("storm", 1000, 60000)
    hosts.proc.stdout.readline()
    redis.kill()
    time.sleep(2)
    redis.start()
    got = hosts.answer()
    late = (redis.began - got["begin_ns"]) / 1e6
    over = "TLS" if tls else "plain"
    said = f"{got['attempts'] / n:.1f} tries a host, {got['late'] / n:.2f} without an answer in time; Redis worked " \
           f"{redis.cpu():.1f} s, all hosts together {worked(hosts.proc.pid) - hosts_before:.1f} s"
    rows.add(f"Redis starts again: half of {n:,} hosts read again, {over}", (got["p50_ms"] - late) / 1e3, "s")
    rows.add("  99 of 100", (got["p99_ms"] - late) / 1e3, "s")
    rows.add("  the last", (got["last_ms"] - late) / 1e3, "s", note=said)
    hosts.close()


def absence(fleet, n, bans, count, rows):
    """All hosts were away for so many bans, and come back within a second."""
    redis = fleet.redis
    redis.restart()
    hosts = Hosts(redis, f"count={count}")
    hosts.ask("away", n)
    hosts.ask("fill", bans)
    idle = redis.info("used_memory")
    got = hosts.ask("back", 1000, 240)
    more = (redis.info("used_memory_peak") - idle) / 1e6
    rows.add(f"{n:,} hosts catch up on {bans:,} bans, COUNT {count}", got["last_ms"] / 1e3, "s",
             note=f"{got['bytes'] / 1e9:.1f} GB, Redis worked {got['cpu']:.1f} s, at most {more:.0f} MB more memory")
    hosts.close()


def reports(fleet, n, size, rows):
    """What a report costs: each host woken by it, and read in batches of those that came meanwhile."""
    stream = "guardd:hosts"
    hosts = Hosts(fleet.redis, f"payload={size}", stream=stream)
    hosts.ask("connect", n, spread(n), 60)
    hosts.ask("bans", 1, 30)
    got = hosts.ask("bans", 1, 30)
    rows.add(f"a report of {size:,} bytes to {n:,} blocked readers: Redis' time per reader", got["cpu"] / n * 1e6, "us")
    hosts.close()
    hosts = Hosts(fleet.redis, f"payload={size}", "poll=1", stream=stream)
    hosts.ask("connect", n, spread(n), 60)
    hosts.ask("fill", 100)
    got = hosts.ask("poll", 60, 1000)
    rows.add("  the same, 100 reports asked for at a time", got["cpu"] / n / 100 * 1e6, "us",
             note=f"{got['bytes'] / n / 100:,.0f} bytes")
    hosts.close()


def replica(fleet, n, rows, quick):
    """The bans are written to one Redis and read from another that follows it, on the same core."""
    second = Redis(fleet.host, fleet.folder, "second", PORT + 10, f"replicaof 127.0.0.1 {PORT}\n")
    lib.until("the replica follows", lambda: "master_link_status:up" in second.says("info", "replication"))
    hosts = Hosts(fleet.redis, f"read={second.port}")
    hosts.ask("connect", n, spread(n), 60)
    hosts.redis = second
    single(hosts, n, 3 if quick else 10, rows, f"{n:,} hosts that read from a replica")
    hosts.redis = fleet.redis
    hosts.close()
    second.kill()


def refused(fleet, n, rows):
    """As many connections as Redis takes by default."""
    most = min(10000, n - n // 10)
    fleet.redis.says("config", "set", "maxclients", most)
    hosts = Hosts(fleet.redis)
    got = hosts.ask("connect", n, 1000, 5, whole=False)
    rows.add(f"hosts served of {n:,} with maxclients {most:,}", got["serving"], "hosts",
             note="the others try again, with back-off")
    hosts.close()
    fleet.redis.says("config", "set", "maxclients", files() - 100)


class Hop(fleets.FleetWorld):
    """Three real guardd with their heralds, and one Redis over TLS."""

    REDIS = fleets.CONFIG.replace("appendfsync always", "appendfsync everysec")

    def runTest(self):
        pass


def hop(rows, quick):
    """From a line in one host's log to the kernel of another: by the kernel's own notices of new elements."""
    w = Hop()
    w.setUp()
    try:
        w.start_all()
        took = {m.name: [] for m in w.web}
        for n in range(6 if quick else 40):
            seen = [(m, m.host.popen(tool("storm_count"), "1", "30", stdout=subprocess.PIPE, text=True)) for m in w.web]
            for _, p in seen:
                assert p.stdout.readline() == "ready\n"
            time.sleep(0.05)
            begin = time.monotonic_ns()
            w.web[0].attacked(f"198.18.0.{n}" if n % 2 else f"2001:db8:9:{n:x}::1")
            for m, p in seen:
                took[m.name].append((int(p.stdout.readline().split()[1]) - begin) / 1e6)
                p.wait()
        own = statistics.median(took["web1"])
        others = [max(a, b) for a, b in zip(took["web2"], took["web3"])]
        rows.add("a line of a log to the kernel of the same host, median", own, "ms")
        rows.add("  to the kernels of two others, over Redis with TLS, median", statistics.median(others), "ms",
                 note=f"of {len(others)}, both families: {min(others):.1f} to {max(others):.1f}")
    finally:
        w.close()


def run(rows, quick=False):
    if not shutil.which("redis-server"):
        rows.absent("one ban at the last of 10,000 hosts", "ms", None)
        return
    most = min(10000, files() - 5000)
    if most < 1000:
        rows.absent("one ban at the last of 10,000 hosts", "ms", None, f"only {files()} descriptors are allowed here")
        return
    n = 500 if quick else most
    hop(rows, quick)
    with Fleet() as fleet:
        entries(fleet, rows, quick)
        few(fleet, n // 10, rows, quick)
        readers(fleet, n, rows, quick)
        over_tls(fleet, n, rows, quick)
        refused(fleet, n, rows)
        storm(fleet, n, rows, False)
        storm(fleet, n, rows, True)
        absence(fleet, n, 100 if quick else 1000, 100, rows)
        if not quick:
            absence(fleet, n, 1000, 1000, rows)
            absence(fleet, n // 10, 10000, 100, rows)
        reports(fleet, n // 10, 4096, rows)
        replica(fleet, n // 10, rows, quick)


if __name__ == "__main__":
    sys.exit(bench.main(run))
