# SPDX-License-Identifier: GPL-2.0-or-later
"""A fleet whose Redis is gone, emptied, slow or hostile, and processes that die: guarding goes on, nothing is lost."""
import os
import signal
import subprocess
import sys
import threading
import time

from fleets import PORT, FleetWorld, many
from lib import ROOT, main, until

BOTH = ("203.0.113.7", "2001:db8:7::/64")
FROM = ("203.0.113.7", "2001:db8:7::7")
MORE = ("203.0.113.8", "2001:db8:8::/64")
MORE_FROM = ("203.0.113.8", "2001:db8:8::7")
LAST, LAST_FROM = ("203.0.113.99", "2001:db8:99::/64"), ("203.0.113.99", "2001:db8:99::9")
SLOW = 90   # back-off after several losses: up to 16 s and as much at random


# Host, prefix, rule and reason of bans that nobody should make. web9 is trusted with rule ssh.
FORGED = (
    ("evil", "203.0.113.1", "ssh points:9"), ("web9", "0.0.0.0/0", "ssh points:9"), ("web9", "::/0", "ssh points:9"),
    ("web9", "192.0.2.77", "ssh points:9"), ("web9", "2001:db8:77:1::/64", "ssh points:9"),
    ("web9", "192.0.2.0/24", "ssh points:9"), ("web9", "2001:db8::/32", "ssh points:9"),
    ("web9", "127.0.0.1", "ssh points:9"), ("web9", "::1", "ssh points:9"),
    ("web9", "203.0.113.9/24", "ssh points:9"), ("web9", "2001:db8:9::9/64", "ssh points:9"),
    ("web9", "203.0.113.300", "ssh points:9"), ("web9", "::ffff:203.0.113.2", "ssh points:9"),
    ("web9", "203.0.113.2", "../ssh points:9"), ("web9", "203.0.113.2", "fleet/ssh points:9"),
    ("web9", "203.0.113.2", "* points:9"), ("web9", "203.0.113.2", "guardd-selfcheck points:9"),
    ("web9", "203.0.113.2", "ssh points:99999999999"), ("web9", "203.0.113.2", "ssh \x1b[31m"),
    ("web\n9", "203.0.113.2", "ssh points:9"), ("w" * 5000, "203.0.113.2", "ssh points:9"),
    ("web1", "203.0.113.2", "ssh points:9"))


class Unrest(FleetWorld):
    def troubled(self, *hosts):
        """Each says that it is not connected, and why."""
        for m in hosts or self.web:
            until(f"{m.name} says why", lambda m=m: not m.joined() and self.trouble(m))

    @staticmethod
    def trouble(m):
        return m.status().get("fleet", {}).get("trouble") or ""

    def guards_meanwhile(self):
        """Each host's own bans come, those of one host to no other."""
        for i, m in enumerate(self.web):
            m.attacked(f"203.0.113.1{i}", f"2001:db8:1{i}::1")
        for i, m in enumerate(self.web):
            self.everywhere(f"203.0.113.1{i}", f"2001:db8:1{i}::/64", hosts=[m])
        return [x for i in range(3) for x in (f"203.0.113.1{i}", f"2001:db8:1{i}::/64")]

    def test_redis_killed_and_restarted(self):
        self.start_all()
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH)
        self.redis.kill()
        self.troubled()
        own = self.guards_meanwhile()
        self.web[0].guardd.ctl("unban", BOTH[0])
        self.web[1].guardd.ctl("ban", MORE[0], "--for", "1h", "--fleet")
        self.assertTrue(self.web[2].spares(MORE[0]))
        self.redis.start()
        self.everywhere(*own, MORE[0], BOTH[1], limit=SLOW)
        self.nowhere(BOTH[0])

    def test_redis_emptied_while_it_runs(self):
        self.start_all()
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH)
        self.redis.says("flushall")
        # What comes after it is read, what was there before stays.
        self.web[1].attacked(*MORE_FROM)
        self.everywhere(*MORE)
        self.assertTrue(all(m.drops(*BOTH) for m in self.web))

    def test_redis_comes_back_empty_and_is_told_all_again(self):
        self.start_all()
        self.web[0].attacked(*FROM)
        self.everywhere(*BOTH)
        self.redis.kill()
        self.troubled()
        subprocess.run(["rm", "-rf", os.path.join(self.redis.folder, "appendonlydir")], check=True)
        self.redis.start()
        self.web[1].attacked(*MORE_FROM)
        self.everywhere(*MORE, limit=SLOW)
        until("the bans that hold are there again",
              lambda: {e.split()[4] for e in self.redis.entries()} == {*BOTH, *MORE})
        self.assertTrue(all(m.drops(*BOTH) for m in self.web))
        self.assertEqual([len(m.entries()) for m in self.web], [4, 4, 4])

    def test_redis_is_slow(self):
        self.start_all()
        os.kill(self.redis.proc.pid, signal.SIGSTOP)
        try:
            own = self.guards_meanwhile()
            time.sleep(3)   # shorter than anybody's patience
            self.assertTrue(self.web[0].spares(own[2]))
        finally:
            os.kill(self.redis.proc.pid, signal.SIGCONT)
        self.everywhere(*own)

    def test_redis_is_silent_for_longer_than_anybody_waits(self):
        self.start_all()
        os.kill(self.redis.proc.pid, signal.SIGSTOP)
        try:
            own = self.guards_meanwhile()
            until("a giver says why", lambda: self.trouble(self.web[0]), SLOW)
        finally:
            os.kill(self.redis.proc.pid, signal.SIGCONT)
        self.everywhere(*own, limit=SLOW)

    def test_nonsense_in_the_place_of_redis(self):
        """Every kind of it is said to every host; all say why, guard on, and use a good server again."""
        self.start_all()
        self.redis.kill()
        said = os.path.join(self.hub.folder, "said")
        p = self.hub.popen(sys.executable, os.path.join(ROOT, "tests/netns/nonsense.py"), str(PORT), self.redis.folder,
                           said, stdout=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "listening\n")
        heralds = [m.herald.herald_pid() for m in self.web]
        until("all of it was said", lambda: os.path.exists(said), 120)
        own = self.guards_meanwhile()
        self.troubled()
        self.assertEqual([m.herald.herald_pid() for m in self.web], heralds, "none ended of it")
        for m in self.web:
            status = m.herald.host.run("grep", "-h", "VmHWM", f"/proc/{m.herald.herald_pid()}/status").stdout
            self.assertLess(int(status.split()[1]), 64 << 10, "KiB")
        p.kill()
        p.wait()
        self.redis.start()
        self.everywhere(*own, limit=SLOW)

    def test_wrong_password_certificate_and_name_are_told_apart(self):
        self.start_all()
        one, two, three = self.web
        one.secret("password", "wrong")
        for m, old, new in ((two, "redis.test", "other.test"),
                            (three, f"{three.secrets}/ca.pem", "/etc/ssl/certs/ca-certificates.crt")):
            path = m.guardd.path("etc", "guardd.yaml")
            with open(path, encoding="utf-8") as f:
                text = f.read()
            self.assertIn(old, text)
            m.guardd.write("guardd.yaml", text.replace(old, new))
            m.guardd.ctl("reload")
        self.redis.kill()
        self.redis.start()
        for m, words in ((one, "password"), (two, "other.test"), (three, "certificate")):
            until(f"{m.name} names it", lambda m=m, w=words: w in self.trouble(m), SLOW)
        self.guards_meanwhile()

    def test_forged_entries_harm_nobody(self):
        self.start_all(top="never_ban: [192.0.2.77, '2001:db8:77::/48']")
        now = int(time.time())
        lines = [f"1 ban {host} {now}0000{i:02} {prefix} {rest} {now} {now + 3600} 1"
                 for i, (host, prefix, rest) in enumerate(FORGED)]
        lines.append(f"1 ban web9 {now}000045 {self.web[0].v4} ssh points:9 {now} {now + 3600} 1")
        lines += [f"1 ban web9 {now}000050 203.0.113.2 ssh points:9 {now} {now - 5} 1",
                  f"1 ban web9 {now}000051 203.0.113.2 ssh points:9 -1 99999999999999999999 1",
                  "1 lift web9 1 0.0.0.0/0 ssh", f"1 lift web9 {now}000060 203.0.113.7 x",
                  "", "1", "1 ban", "2 ban web9 1 203.0.113.2 ssh hand 1 never 1", "1 boom web9 1 x", "x" * 100000,
                  "1 ban web9 " + "9" * 400]
        for line in lines:
            self.redis.add(line)
        self.redis.says("xadd", "guardd:bans", "*", "x", "1", "e", "2", "e", "3")
        self.redis.says(input='XADD guardd:bans * e "\\x00\\x01\\xff" "\\xff" "1 ban"\n')
        self.web[0].attacked(*LAST_FROM)
        self.everywhere(*LAST)
        # web1 does not believe what is said in its name; the others cannot know without signatures.
        self.assertEqual(self.web[0].kernel(), set(LAST))
        for m in self.web[1:]:
            self.assertLessEqual(m.kernel(), {*LAST, "203.0.113.2", self.web[0].v4})
        for m in self.web:
            self.assertGreater(m.fleet()["forged"] + m.fleet()["unknown"], 5)

    def test_a_million_entries_harm_nobody(self):
        """While they are read, each host's own bans come, and those of honest hosts behind them in the end."""
        self.start_all(trust=["{hosts: ['web?'], rules: [ssh], at_most: 2h, per_minute: 10}"], more="bans_max: 1000")
        before = [self.own_ban_takes(m, 60, i) for i, m in enumerate(self.web)]
        flood = threading.Thread(target=self.flood, args=(1000000,))
        flood.start()
        begin, during = time.monotonic(), []
        while not during or any(m.status()["fleet"]["read"] < 1000000 for m in self.web):
            self.assertLess(time.monotonic() - begin, 240, "it is never read to its end")
            if all(m.status()["fleet"]["read"] > 1000 for m in self.web):
                during.append(max(self.own_ban_takes(m, 70 + len(during), i) for i, m in enumerate(self.web)))
            time.sleep(0.5)
        took = time.monotonic() - begin
        flood.join()
        self.assertGreater(len(during), 3, "own bans came while it was read")
        self.web[0].attacked(*LAST_FROM)
        self.everywhere(*LAST)
        sys.stderr.write(f"own ban: {max(before) * 1e3:.0f} ms, in the flood at most {max(during) * 1e3:.0f} ms of "
                         f"{len(during)}; read by all within {took:.0f} s\n")
        for m in self.web:
            foreign = [b for b in m.entries().values() if b["why"].startswith("from web9:")]
            self.assertLessEqual(len(foreign), 630, "an hour of ten a minute from one, and what time there was since")
            self.assertFalse([p for p in m.kernel() if p.startswith("10.")], "of the host that nobody trusts")

    def flood(self, n):
        """Half from a host that nobody trusts, half from one that all do."""
        now = int(time.time())
        lines = "".join(
            f"XADD guardd:bans * e \"1 ban {'evil' if i % 2 else 'web9'} {now + i} "
            f"{10 if i % 2 else 100}.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255} ssh points:9 {now} {now + 3600} 1\"\n"
            for i in range(n))
        self.redis.says("--pipe", input=lines)

    def own_ban_takes(self, m, number, net=0):
        address, prefix = f"2001:db8:{net + 1}{number:03x}::1", f"2001:db8:{net + 1}{number:03x}::"
        begin = time.monotonic()
        m.attacked(address)
        until(f"{m.name} bans {address}", lambda: m.guardd.kernel_has("net6", prefix))
        return time.monotonic() - begin

    def test_any_process_killed_in_the_middle(self):
        """Of a stream of bans and unbans nothing is lost and nothing doubled, whoever dies."""
        self.start_all()
        wanted = [[], [], []]

        def attack():
            for step in range(30):
                for i, m in enumerate(self.web):
                    sources, prefixes = many(10, 30 * i + 40 + step)
                    wanted[i] += prefixes
                    m.attacked(*sources)
                time.sleep(0.3)
        stream = threading.Thread(target=attack)
        stream.start()
        for turn in range(4):
            for m in self.web:
                time.sleep(0.25)
                self.kill_one(m, turn)
        stream.join()
        everything = [p for w in wanted for p in w]
        self.everywhere(*everything, limit=SLOW)
        for i, m in enumerate(self.web):
            for p in wanted[i][:10]:
                m.guardd.ctl("unban", p)
        lifted = [p for w in wanted for p in w[:10]]
        self.nowhere(*lifted, limit=SLOW)
        rest = set(everything) - set(lifted)
        self.assertEqual([m.kernel() for m in self.web], [rest] * 3)

    @staticmethod
    def starts(guardd):
        """False: the former one's processes were still there."""
        guardd.spawn()
        until("it is up, or ended", lambda: guardd.said("ready:") or guardd.dead())
        return not guardd.dead()

    def kill_one(self, m, turn):
        if turn == 0:
            pid = m.herald.herald_pid()
        elif turn == 1:
            pid = m.guardd.role_pid("judge")
        elif turn == 2:
            m.guardd.kill()   # all of it, as when its keeper dies
            until("guardd is up again", lambda: self.starts(m.guardd))
            return
        else:
            m.herald.kill()
            m.herald.spawn()
            return
        if pid:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
