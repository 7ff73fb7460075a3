#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Many bans at once: a storm of offenders, a start with a full book, and whether a start lets one packet through.

Offenders are IPv4 and IPv6 in turn, each IPv6 one in a /64 of its own; what `nft -f` loads are the same elements into sets of
the same kinds, in a namespace of its own. Sets of a million are never listed or flushed: they go with their namespace.
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import time

import bench
from bench import pinned
from lib import until
from scene import Scene, one_core, tool

STORM, MANY = 100_000, 1_000_000
SETS = """table inet guardd {
set host4 { type ipv4_addr; flags timeout; counter; }
set net6 { type ipv6_addr; flags timeout; counter; }
}
"""
RATE = 20_000  # packets a second


def offender(i):
    """As in elements.h."""
    n = i // 2
    if i % 2:
        return f"2a01:{1 + (n >> 16):x}:{n & 0xffff:x}:1::{1 + n % 9:x}"
    return f"{20 + (n >> 24)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def write_log(path, n):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())
    with open(path, "w", encoding="ascii") as f:
        for i in range(n):
            f.write(f"{stamp} host sshd[{i % 32768}]: Failed password for root from {offender(i)} port 4242 ssh2\n")


def write_script(path, n):
    """All in one go, as `nft -f` is quickest: one command for each set."""
    with open(path, "w", encoding="ascii") as f:
        f.write(SETS)
        for name, odd in (("host4", 0), ("net6", 1)):
            f.write(f"add element inet guardd {name} {{ ")
            f.write(", ".join(offender(i).split("1::")[0] + "1::" + " timeout 6h" if odd else offender(i) + " timeout 6h"
                              for i in range(odd, n, 2)))
            f.write(" }\n")


def nft_load(folder, n, times):
    """Median seconds of `nft -f`, each in a namespace that goes with it."""
    script = os.path.join(folder, f"elements-{n}")
    write_script(script, n)
    took = []
    for _ in range(times):
        out = subprocess.run(pinned(["unshare", "-n", "sh", "-c", f"date +%s.%N; nft -f {script} && date +%s.%N"]), text=True,
                             stdout=subprocess.PIPE, check=True).stdout.split()
        took.append(float(out[1]) - float(out[0]))
    os.unlink(script)
    return statistics.median(took)


class Count:
    """Counts elements from its making on."""

    def __init__(self, s, n, patience, *more):
        self.proc = s.server.popen(*pinned([tool("storm_count"), str(n), str(patience), *more]), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "ready\n"

    def times(self):
        """Seconds of CLOCK_MONOTONIC by name."""
        out = self.proc.communicate("go\n")[0]
        if self.proc.returncode:
            raise AssertionError(f"storm_count: {out}")
        return {k: int(v) / 1e9 for k, v in (line.split() for line in out.splitlines())}


def storm(n):
    """Seconds from the last line of n offenders to the last element."""
    with Scene() as s:
        s.guard()
        lines = os.path.join(s.folder, "lines")
        write_log(lines, n)
        t = Count(s, n, 60, lines, s.log).times()
        return t["last"] - t["written"]


def fill_book(s, n):
    """A book of n bans, made by guardd itself, and its kernel with them."""
    lines = os.path.join(s.folder, "lines")
    write_log(lines, n)
    s.guard()
    Count(s, n, 120, lines, s.log).times()
    os.unlink(lines)
    until("all are in force", lambda: s.status()["in_force"] >= n, 300)


class Packets:
    """A neighbour that sends from banned addresses, and one that is not, all the while; and what came through."""

    def __init__(self, s, n, sample=1000):
        self.s = s
        for what in ("all", "eth0"):
            s.server.run("sysctl", "-qw", f"net.ipv4.conf.{what}.rp_filter=0")
        banned = [offender(i * (n // sample) + i % 2) for i in range(sample)]
        mac = re.search(r"link/ether (\S+)", s.server.run("ip", "link", "show", "eth0").stdout)[1]
        # No counter of nft: to list one it would read the sets.
        self.counter = s.server.popen(tool("storm_packets"), "count", s.FAR4, stdout=subprocess.PIPE, text=True)
        assert self.counter.stdout.readline() == "ready\n"
        self.senders = [self.send(mac, banned, RATE), self.send(mac, [s.FAR4], 1000)]

    def send(self, mac, sources, rate):
        path = os.path.join(self.s.folder, f"sources-{len(sources)}")
        with open(path, "w", encoding="ascii") as f:
            f.write("\n".join(sources) + "\n")
        with open(path, encoding="ascii") as f:
            return self.s.attacker.popen(tool("storm_packets"), "eth0", mac, self.s.V4, self.s.V6, str(rate), stdin=f,
                                         stdout=subprocess.PIPE, text=True)

    def stop(self):
        """(sent from banned ones, came through, sent from the other, came through)"""
        banned, other = (int(self.end(p)) for p in self.senders)
        time.sleep(0.2)
        came_other, came = map(int, self.end(self.counter).split())
        assert came_other > other * 0.9, f"the way is not open: {came_other} of {other}"
        return banned, came, other, came_other

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGTERM)
        return process.communicate()[0]


def warm(s, n):
    """Stop, start, adoption and a reload, under fire. (Seconds of the start until ready, packets)"""
    p = Packets(s, n)
    time.sleep(1)
    s.guardd.stop()
    time.sleep(1)
    began = time.monotonic()
    s.guardd.start()
    ready = time.monotonic() - began
    until("adopted", lambda: s.status()["in_force"] >= n, 300)
    s.guardd.ctl("reload")
    time.sleep(3)
    return ready, p.stop()


def cold(s, n):
    """Seconds from the start of guardd to the last element in an empty kernel."""
    s.guardd.stop()
    state = s.guardd.path("state")
    with Scene() as other:
        other.guardd = None
        g = other.server.folder + "/guardd/state"
        shutil.copytree(state, g)
        subprocess.run(["chown", "-R", "--reference", state, g], check=True)
        count = Count(other, n, 120)
        began = time.monotonic()
        other.guard(settle=False)
        last = count.times()["last"]
        return last - began


def run(rows, quick=False):
    n, many, times = (5000, 20_000, 2) if quick else (STORM, MANY, 3)
    with one_core():
        with Scene() as s:
            load = nft_load(s.folder, n, 5)
        took = statistics.median(storm(n) for _ in range(2 if quick else 5))
        rows.add(f"{n:,} offenders at once, last line to last element", took, "s", "nft -f of the same", load, target=3)
        with Scene() as s:
            load = nft_load(s.folder, many, times)
            fill_book(s, many)
            ready, (sent, came, sent_other, came_other) = warm(s, many)
            rows.add(f"warm start with {many:,} bans, until ready", ready, "s")
            rows.add(f"packets of banned sources through stop, start, reload, of {sent:,}", came, "packets", target=0,
                     note=f"one run; of {sent_other:,} of a source that is not banned {came_other:,} came")
            took = statistics.median(cold(s, many) for _ in range(times))
        rows.add(f"cold start with {many:,} bans, to the last element", took, "s", "nft -f of the same", load, target=1,
                 note=f"median of {times}")


if __name__ == "__main__":
    raise SystemExit(bench.main(run))
