#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the exposure proof takes: on an ordinary host, on a huge ruleset, and from a change to its being known.

Each time stands beside that of `nft list ruleset` for the same ruleset in the same run, on the same core. Needs root;
works in network namespaces of its own.
"""
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import bench
from bench import median, pinned

import lib

CONFIG = 'groups:\n  infra:\n    - {name: pica01, addresses: [192.0.2.11, "2001:db8:2::11"]}\n'


def ordinary(rules=200):
    """A host's firewall of so many rules: services, networks, both families."""
    out = ["table inet filter {", "set infra4 { type ipv4_addr; flags interval; elements = { 192.0.2.11 } }",
           "set infra6 { type ipv6_addr; flags interval; elements = { 2001:db8:2::11 } }",
           "chain input { type filter hook input priority 0; policy drop;",
           "ct state established,related accept", "iif lo accept", "meta l4proto { icmp, ipv6-icmp } accept",
           "ip saddr @infra4 tcp dport { 389, 636, 5000 } accept", "ip6 saddr @infra6 tcp dport { 389, 636, 5000 } accept"]
    for i in range(rules - 5):
        net = f"ip saddr 10.{i % 250}.0.0/16" if i % 2 else f"ip6 saddr 2001:db8:{i:x}::/48"
        out.append(f"{net} tcp dport {1024 + i * 37 % 60000} accept")
    return "\n".join(out + ["}", "}"]) + "\n"


def huge(rules=10000, elements=32):
    """Rules with an anonymous set of addresses each."""
    out = ["table inet filter {", "chain input { type filter hook input priority 0; policy drop;"]
    for i in range(rules):
        if i % 2:
            members = ", ".join(f"10.{(i * 7 + e) % 256}.{i % 256}.{(e * 8 + i // 256) % 256}" for e in range(elements))
            out.append(f"ip saddr {{ {members} }} tcp dport {1 + i * 13 % 65000} accept")
        else:
            members = ", ".join(f"2001:db8:{i:x}:{e:x}::{e * 3 + 1:x}" for e in range(elements))
            out.append(f"ip6 saddr {{ {members} }} accept")
    return "\n".join(out + ["}", "}"]) + "\n"


def sealed(data):
    """A memfd that its readers take: F_ADD_SEALS of fcntl(2)."""
    fd = os.memfd_create("bench", os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as f:
        f.write(data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd


def place(*fds):
    """Descriptors as the numbers that guardd's executables look for, in a child before its exec."""
    def run():
        moved = [(fcntl.fcntl(fd, fcntl.F_DUPFD, 50), number) for fd, number in fds]
        for fd, number in moved:
            os.dup2(fd, number)
    return run


def image_of(build, config):
    fd = os.memfd_create("bench", os.MFD_ALLOW_SEALING)
    subprocess.run([os.path.join(build, "guardd-conf"), "-c", config, "-s", lib.ROOT, "-e", os.path.dirname(config),
                    "-r", os.path.dirname(config), "--image"], check=True, preexec_fn=place((fd, 4)), close_fds=False)
    return fd


def prove(build, dump, image, size=None):
    """One full check of the shipped rules by the prover alone. With size: its largest resident size in MiB.

    time(1) in between starts a new process: a child's own maximum would begin with that of this interpreter.
    """
    measure = ["/usr/bin/time", "-f", "%M", "-o", size] if size else []
    r = subprocess.run(pinned([*measure, os.path.join(build, "guardd-prover"), "--check"]), stdout=subprocess.DEVNULL,
                       preexec_fn=place((dump, 9), (image, 4)), close_fds=False, check=False)
    if r.returncode not in (0, 1, 2):
        sys.exit(f"the check could not run: status {r.returncode}")
    if size:
        with open(size, encoding="ascii") as f:
            return int(f.read().split()[-1]) / 1024


class Bench(lib.World):
    """One machine with its peer, as in the tests."""

    def runTest(self):
        pass


def bench_check(w, name, text, times, rows):
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "rules.nft")
        with open(script, "w", encoding="utf-8") as f:
            f.write("flush ruleset\n" + text)
        w.server.run("nft", "-f", script, timeout=600)
        build = w.server.show(lib.BUILD)
        config = os.path.join(folder, "guardd.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG)
        file = os.path.join(folder, "dump")
        listing = w.server.cmd(*pinned(["nft", "list", "ruleset"]))
        dumping = w.server.cmd(*pinned([os.path.join(build, "guardd-watcher"), "--dump", file]))
        nothing = w.server.cmd(*pinned(["true"]))
        enter = median(lambda: subprocess.run(nothing, check=False), times)
        start = median(lambda: subprocess.run(pinned(["true"]), check=False), times)
        listed = median(lambda: subprocess.run(listing, stdout=subprocess.DEVNULL, check=True), times) - enter
        dumped = median(lambda: subprocess.run(dumping, stdout=subprocess.DEVNULL, check=True), times) - enter
        with open(file, "rb") as f:
            dump = sealed(f.read())
        image = image_of(lib.BUILD, config)
        proved = median(lambda: prove(lib.BUILD, dump, image), times) - start
        peak = prove(lib.BUILD, dump, image, os.path.join(folder, "size"))
        os.close(dump)
        os.close(image)
    rows.add(f"{name}: the dump", dumped * 1e3, "ms", "nft list ruleset", listed * 1e3)
    rows.add(f"{name}: proof of the shipped rules", proved * 1e3, "ms", "nft list ruleset", listed * 1e3)
    rows.add(f"{name}: the prover's memory", peak, "MiB")


def bench_known(w, times, rows):
    """From the end of the commit that opens a gap to its being in the answer of the control socket."""
    w.server.run("nft", "-f", "-", input="flush ruleset\n" + ordinary())
    listener = w.server.listen("::", 389)
    g = w.start_guardd(CONFIG)
    lib.until("a first proof", lambda: g.json("status")[0]["exposure"] != "unknown")
    took = []
    for _ in range(times):
        time.sleep(1.2)  # quiet before: on a stream of changes there is a dump a second
        w.server.run("nft", "insert", "rule", "inet", "filter", "input", "tcp", "dport", "389", "accept")
        begin = time.perf_counter()
        took.append(known(g, begin, True))
        time.sleep(1.2)
        w.server.run("nft", "-f", "-", input="flush ruleset\n" + ordinary())
        known(g, time.perf_counter(), False)
    took.sort()
    rows.add("an opened gap is known, p50", took[len(took) // 2] * 1e3, "ms")
    rows.add("an opened gap is known, slowest", took[-1] * 1e3, "ms")
    listener.terminate()


def known(g, begin, there):
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.connect(g.path("run", "control"))
        s.sendall(b"gaps\n")
        data = b""
        while chunk := s.recv(65536):
            data += chunk
        s.close()
        if (b'"what":"ldap tcp/389 IPv6","state":"open"' in data) == there:
            return time.perf_counter() - begin
        if time.perf_counter() - begin > 30:
            sys.exit("the change was never known")


def run(rows, quick=False):
    times = 3 if quick else 7
    for part in ("checks", "known"):
        w = Bench()
        w.setUp()
        try:
            if part == "checks":
                bench_check(w, "200 rules", ordinary(), times, rows)
                if not quick:
                    bench_check(w, "10,000 rules, 320,000 elements", huge(), 5, rows)
            else:
                bench_known(w, times, rows)
        finally:
            if w.guardd:
                w.guardd.kill()
            for h in w.hosts:
                h.close()
            shutil.rmtree(w.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(bench.main(run))
