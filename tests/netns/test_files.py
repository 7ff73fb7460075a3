# SPDX-License-Identifier: GPL-2.0-or-later
"""Log files as they live: rotation, truncation, late arrival, restarts, and sudden death of every process."""
import os
import random
import shutil
import signal
import threading
import time

import logs
from lib import World, main, until

# A failed password is two points.
RULE = "ban: ssh\nfilters: [sshd]\npoints: 10\nwithin: 10m\nfor: 1h\n"
ROUNDS = int(os.environ.get("GUARDD_KILL_ROUNDS", "200"))


class Files(World):
    def setUp(self):
        super().setUp()
        self.log = self.server.folder + "/var-log/auth.log"

    def append(self, text, path=None):
        with open(path or self.log, "a", encoding="utf-8") as f:
            f.write(text)

    def fail_from(self, address, times, path=None):
        now = time.time()
        self.append("".join(logs.failed(address, now + i * 1e-4) for i in range(times)), path)

    def ready(self):
        open(self.log, "a", encoding="utf-8").close()
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})

    def counts_five(self, address, change):
        """Two offences, a change to the file, three more: a ban, by neither more nor fewer."""
        self.fail_from(address, 2)
        self.seen(2)
        change()
        self.fail_from(address, 2)
        self.seen(4)
        self.assertEqual(self.guardd.bans(), {})
        self.fail_from(address, 1)
        self.guardd.wait_ban(logs.banned_as(address))

    def seen(self, n):
        until(f"{n} offences", lambda: self.guardd.json("status")[0]["offences"] == n)

    def test_rename_rotation_v4(self):
        self.ready()
        self.counts_five("192.0.2.5", self.rename)

    def test_rename_rotation_v6(self):
        self.ready()
        self.counts_five("2001:db8:55::5", self.rename)

    def rename(self):
        os.rename(self.log, self.log + ".1")
        open(self.log, "w", encoding="utf-8").close()

    def test_copytruncate(self):
        self.ready()
        self.counts_five("2001:db8:55::5", self.copytruncate)

    def copytruncate(self):
        shutil.copy(self.log, self.log + ".1")
        os.truncate(self.log, 0)

    def test_delete_and_create(self):
        self.ready()

        def change():
            os.unlink(self.log)
            open(self.log, "w", encoding="utf-8").close()
        self.counts_five("192.0.2.5", change)

    def test_symlink_swap(self):
        real = self.server.folder + "/var-log/one"
        open(real, "w", encoding="utf-8").close()
        os.symlink("one", self.log)
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})

        def change():
            open(self.server.folder + "/var-log/two", "w", encoding="utf-8").close()
            os.symlink("two", self.log + ".new")
            os.rename(self.log + ".new", self.log)
        self.counts_five("2001:db8:55::5", change)

    def test_file_and_directory_that_appear_later(self):
        self.start_guardd(files={"rules.d/ssh.yaml": RULE, "filters.d/sshd.yaml": """
filter: sshd
sources:
  - file: [/var/log/later/deep/*.log]
program: [sshd]
offences:
  - match: '^Failed password for <user> from <addr> port \\d+ ssh2$'
    points: 2
"""})
        folder = self.server.folder + "/var-log/later/deep"
        os.makedirs(folder)
        self.fail_from("192.0.2.5", 3, folder + "/a.log")
        self.fail_from("192.0.2.5", 2, folder + "/b.log")
        self.guardd.wait_ban("192.0.2.5")

    def test_half_lines_long_lines_and_rubbish(self):
        self.ready()
        half = logs.failed("192.0.2.5", time.time())
        self.append(half[:40])
        self.append(half[40:])
        with open(self.log, "ab") as f:
            f.write(b"x" * 300000 + b" sshd[1]: Failed password for root from 192.0.2.9 port 1 ssh2\n")
            f.write(bytes(range(256)) * 40 + b"\n\0\0\0\n")
        self.fail_from("192.0.2.5", 4)
        self.guardd.wait_ban("192.0.2.5")
        source = [s for s in self.guardd.json("sources") if s["name"].endswith("auth.log")][0]
        self.assertEqual(source["unexamined"], 1)
        self.assertEqual(self.guardd.json("status")[0]["offences"], 5)

    def test_restart_reads_nothing_twice_and_skips_nothing(self):
        self.ready()
        self.fail_from("192.0.2.5", 4)
        self.fail_from("2001:db8:55::5", 3)
        self.seen(7)
        self.assertEqual(self.guardd.stop(), 0)
        self.fail_from("2001:db8:55::5", 2)
        self.guardd.start()
        self.guardd.wait_ban("2001:db8:55::/64")
        self.assertNotIn("192.0.2.5", self.guardd.bans())
        self.fail_from("192.0.2.5", 1)
        self.guardd.wait_ban("192.0.2.5")

    def test_rotation_while_down(self):
        self.down_while(self.rename)

    def test_two_rotations_while_down(self):
        """The log in which guardd stopped is read to its end, then the one between, then the new one."""
        self.ready()
        for address in ("192.0.2.5", "2001:db8:55::5"):
            self.fail_from(address, 1)
        self.seen(2)
        self.guardd.stop()
        for turn in range(3):
            for address in ("192.0.2.5", "2001:db8:55::5"):
                self.fail_from(address, 1)
            if turn < 2:
                if os.path.exists(self.log + ".1"):
                    os.rename(self.log + ".1", self.log + ".2")
                self.rename()
        self.guardd.start()
        self.seen(6)
        for address in ("192.0.2.5", "2001:db8:55::5"):
            self.fail_from(address, 1)
            self.guardd.wait_ban(logs.banned_as(address))

    def test_copytruncate_while_down(self):
        self.down_while(self.copytruncate)

    def down_while(self, change):
        self.ready()
        self.fail_from("192.0.2.5", 2)
        self.seen(2)
        self.guardd.stop()
        self.fail_from("192.0.2.5", 2)
        change()
        self.guardd.start()
        self.seen(2)
        self.fail_from("192.0.2.5", 1)
        self.guardd.wait_ban("192.0.2.5")

    def test_line_times_decide(self):
        """Older than the window: discarded and counted. From the future: counts as now."""
        self.ready()
        now = time.time()
        self.append("".join(logs.failed("192.0.2.5", now - 1200 + i) for i in range(8)))
        self.append("".join(logs.failed("2001:db8:55::5", now + 86400 * 3) for i in range(5)))
        self.guardd.wait_ban("2001:db8:55::/64")
        status = self.guardd.json("status")[0]
        self.assertEqual(status["discarded_old"], 8)
        self.assertNotIn("192.0.2.5", self.guardd.bans())

    def test_kill_any_process_at_random_moments(self):
        """Bans and counts are those of an uninterrupted reading of the same lines."""
        seed = random.randrange(1 << 30)
        rng = random.Random(seed)
        self.ready()
        events, stop = [], threading.Event()
        pool = [f"192.0.2.{i}" for i in range(1, 60)] + [f"2001:db8:{i:x}::{i:x}" for i in range(256, 316)]

        def write():
            own = random.Random(seed + 1)
            with open(self.log, "a", encoding="utf-8") as f:
                while not stop.is_set():
                    for _ in range(own.randrange(1, 12)):
                        t = round(time.time(), 6)
                        if own.random() < 0.04:
                            a = own.choice(pool)
                            events.append((t, a))
                            f.write(logs.failed(a, t))
                        else:
                            f.write(logs.benign(t))
                    f.flush()
                    time.sleep(0.004)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for i in range(ROUNDS):
                self.kill_one(rng)
                time.sleep(rng.random() * 0.6)
        finally:
            stop.set()
            writer.join()
        want = sorted(logs.reference(events, 5, 600, 3600))
        self.assertGreater(len(want), 20, "the load made too few bans to say anything")
        try:
            until("the same bans and counts as without a kill", lambda: self.counted(want) == want)
        except AssertionError:
            got = self.counted(want)
            self.fail(f"seed {seed}: missing {[w for w in want if w not in got]}, "
                      f"too many {[g for g in got if g not in want]}")
        replayed = {(b["prefix"], b["time"]) for b in self.guardd.json("replay", self.log)
                    if b["rule"] == "ssh"}
        self.assertEqual(len(replayed), len(want), f"seed {seed}")
        self.assertEqual({p for p, _ in replayed}, {p for p, _, _ in want}, f"seed {seed}")

    def kill_one(self, rng):
        role = rng.choice(["reader", "judge", "keeper", "guardd"])
        if role == "guardd":
            self.guardd.proc.kill()
        else:
            pid = self.guardd.role_pid(role)
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if role in ("guardd", "keeper"):
            self.guardd.proc.wait(30)
            self.guardd.start()

    def counted(self, want):
        """What guardd has in force, in the reference's form."""
        since = {w[0]: w[1] for w in want}
        return sorted((b["prefix"], since.get(b["prefix"], 0), b["count"])
                      for b in self.guardd.json("list", "--limit", "100000")
                      if b["rule"] == "ssh" and b["in_force"])


if __name__ == "__main__":
    main()
