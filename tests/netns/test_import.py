# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that had fail2ban: its configuration is imported, guardd starts with it, attackers are banned, and those that
its database has stay banned."""
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time

from daemons import Journal
from lib import BUILD, main, until
from logs import failed, stamp
from routed import RoutedWorld
from services import own_dev, own_users, rsyslogd, ssh, sshd

STOCK = os.environ.get("FAIL2BAN_ETC", "/etc/fail2ban")
LOCAL = """
[DEFAULT]
ignoreip = 127.0.0.1/8 ::1 192.0.2.99
bantime  = 1h
bantime.increment = true
bantime.maxtime = 5w
findtime = 15m
maxretry = 3
banaction = nftables-multiport
banaction_allports = nftables-allports

[sshd]
enabled = true
mode    = aggressive
port    = 22,2222
logpath = /var/log/auth.log

[postfix]
enabled = true
logpath = /var/log/mail.log

[dovecot]
enabled = true
logpath = /var/log/mail.log

[nginx-http-auth]
enabled = true
logpath = /var/log/nginx/error.log

[recidive]
enabled = true

[shop]
enabled = true
filter  = shop[who=customer]
banaction = %(banaction_allports)s
logpath = /var/log/shop.log
bantime.increment = false
"""
SHOP = "[Definition]\nfailregex = ^\\s*shop: <who> <F-USER>\\S+</F-USER> from <HOST> refused$\n[Init]\nwho = anybody\n"
SHOP_LOCAL = "[Definition]\nfailregex = %(known/failregex)s\n            ^\\s*shop: robbed by <HOST>$\n"
# What a test waits for must come in seconds.
LIVE = LOCAL.replace("bantime.increment = false", "bantime = 3")
# fail2ban 1.0's tables.
SCHEMA = """
CREATE TABLE fail2banDb(version INTEGER);
CREATE TABLE jails(name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER DEFAULT 0);
CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,
    bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail));
INSERT INTO fail2banDb VALUES(4);
"""


class ImportWorld(RoutedWorld):
    def setUp(self):
        if not os.path.exists(os.path.join(STOCK, "filter.d/sshd.conf")):
            self.skipTest(f"there is no fail2ban in {STOCK}")
        super().setUp()
        self.old = os.path.join(self.folder, "fail2ban")
        shutil.copytree(STOCK, self.old, symlinks=True)
        shutil.rmtree(os.path.join(self.old, "jail.d"))
        for name, text in (("jail.local", LOCAL), ("filter.d/shop.conf", SHOP), ("filter.d/shop.local", SHOP_LOCAL)):
            with open(os.path.join(self.old, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.var = self.server.folder + "/var-log/"
        os.makedirs(self.var + "nginx")
        for name in ("auth.log", "mail.log", "nginx/error.log", "shop.log"):
            open(self.var + name, "w", encoding="utf-8").close()

    def write(self, name, text):
        with open(self.var + name, "a", encoding="utf-8") as f:
            f.write(text)

    def imported(self, status=0):
        """The folder of what was imported; the tool's own check of it has passed."""
        out = os.path.join(self.folder, "imported")
        r = subprocess.run([os.path.join(BUILD, "guardctl"), "--config", self.folder + "/none", "import", "fail2ban", self.old,
                            "--out", out], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(r.returncode, status, r.stdout + r.stderr)
        self.report = r.stdout
        return out

    def start_imported(self):
        out, files = self.imported(), {}
        for folder in ("filters.d", "rules.d"):
            for name in os.listdir(os.path.join(out, folder)):
                with open(os.path.join(out, folder, name), encoding="utf-8") as f:
                    files[f"{folder}/{name}"] = f.read()
        with open(os.path.join(out, "guardd.yaml"), encoding="utf-8") as f:
            self.start_guardd(f.read(), files=files)


class Import(ImportWorld):
    def database(self, *bans, logs=()):
        path = os.path.join(self.folder, "fail2ban.sqlite3")
        db = sqlite3.connect(path)
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO bips VALUES(?, ?, ?, ?, ?, '{}')", bans)
        db.executemany("INSERT INTO logs VALUES(?, ?, ?, ?)", logs)
        db.commit()
        self.addCleanup(db.close)
        return path

    def hand_over(self, database, status=0):
        r = self.guardd.ctl("import", "fail2ban", self.old, "--database", database, check=False)
        self.assertEqual(r.returncode, status, r.stdout)
        return r.stdout

    def test_attackers_are_banned(self):
        self.start_imported()
        self.assertEqual(set(os.listdir(self.guardd.path("etc/rules.d"))),
                         {f"f2b-{r}.yaml" for r in ("sshd", "postfix", "dovecot", "nginx-http-auth", "shop")} | {"mailbox.yaml"})
        self.assertIn("recidive", self.report)
        self.reads("/var/log/auth.log", "/var/log/shop.log")
        now = time.time()
        for n, address in enumerate(("192.0.2.7", "2001:db8:55::5", "192.0.2.99")):
            self.write("auth.log", "".join(
                f"{stamp(now)} host sshd[{70 + 10 * n + i}]: Failed password for invalid user u{i} from {address} port 4242 ssh2\n"
                for i in range(3 if n < 2 else 30)))
        date = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        self.write("shop.log", "".join(f"{date} shop: customer c{i} from 192.0.2.8 refused\n" for i in range(2)))
        self.write("shop.log", f"{date} shop: robbed by 192.0.2.8\n")
        self.assertEqual(self.guardd.wait_ban("192.0.2.7")["rule"], "f2b-sshd")
        self.guardd.wait_ban("2001:db8:55::/64")
        ban = self.guardd.wait_ban("192.0.2.8")
        self.assertEqual((ban["rule"], ban["scope"]), ("f2b-shop", "host"))
        self.assertNotIn("192.0.2.99", self.guardd.bans())

    def test_nobody_goes_free(self):
        """Bans in force go on until their own end, and the next one of a source is as long as it would have been there."""
        now = int(time.time())
        path = self.database(
            ("192.0.2.7", "sshd", now - 600, 3600, 1), ("2001:db8:55::5", "sshd", now - 60, 7200, 2),
            ("192.0.2.8", "sshd", now - 9000, 3600, 3), ("192.0.2.9", "shop", now - 60, -1, 1),
            ("192.0.2.10", "recidive", now - 60, 604800, 1), ("192.0.2.11", "gone", now, 3600, 1),
            ("192.0.2.99", "sshd", now, 3600, 1), ("somebody", "shop", now, 3600, 1))
        self.start_imported()
        out = self.hand_over(path, status=1)
        self.assertIn("3 bans in force and 1 former ones", out)
        self.assertIn("1 were refused", out)
        bans = self.guardd.bans()
        self.assertEqual({p: b["rule"] for p, b in bans.items()},
                         {"192.0.2.7": "f2b-sshd", "2001:db8:55::/64": "f2b-sshd", "192.0.2.9": "f2b-shop",
                          "192.0.2.10": "manual"})
        self.assertTrue(2990 < bans["192.0.2.7"]["remaining_s"] <= 3001, bans)
        self.assertEqual(bans["2001:db8:55::/64"]["level"], 2)
        self.assertIsNone(bans["192.0.2.9"]["until"])
        # Said again it changes nothing.
        self.hand_over(path, status=1)
        self.assertEqual(set(self.guardd.bans()), set(bans))
        self.assertEqual(len(self.guardd.json("list")), len(bans))
        # The fourth ban: eight times an hour.
        self.reads("/var/log/auth.log")
        self.write("auth.log", "".join(
            f"{stamp(time.time())} host sshd[77]: Failed password for root from 192.0.2.8 port 4242 ssh2\n" for _ in range(3)))
        ban = self.guardd.wait_ban("192.0.2.8")
        self.assertEqual(ban["level"], 4)
        self.assertTrue(28700 < ban["remaining_s"] <= 28800, ban)

    def test_unread_lines(self):
        """What stood in the logs behind the place that fail2ban had read to is not lost; what it had read is not counted again."""
        def failures(address, n=3):
            return "".join(f"{stamp(time.time() - 60)} host sshd[{len(address) * 10 + i}]: Failed password for root from {address} "
                           "port 4242 ssh2\n" for i in range(n))
        first = failures("192.0.2.5")
        self.write("auth.log", first + failures("192.0.2.6") + failures("2001:db8:55::5") + failures("192.0.2.7", 2))
        self.write("mail.log", "a line without an end")
        self.start_imported()
        head = hashlib.md5(first.split("\n")[0].encode() + b"\n").hexdigest()
        logs = [("sshd", "/var/log/auth.log", head, len(first)), ("postfix", "/var/log/mail.log", "", 0),
                ("dovecot", "/var/log/absent.log", head, 7), ("gone", "/var/log/auth.log", head, 0),
                ("sshd", "systemd-journal", "2026-11-02T10:00:00", 1793613600)]
        out = self.hand_over(self.database(logs=logs))
        self.assertIn("2 more come from lines that had not been read", out)
        self.assertEqual(set(self.guardd.bans()), {"192.0.2.6", "2001:db8:55::/64"})
        os.remove(os.path.join(self.folder, "fail2ban.sqlite3"))
        # Rotated meanwhile: all of the file is new.
        self.hand_over(self.database(logs=[("sshd", "/var/log/auth.log", "0" * 32, len(first))]))
        self.assertEqual(set(self.guardd.bans()), {"192.0.2.5", "192.0.2.6", "2001:db8:55::/64"})

    def test_unread_journal(self):
        """The same of messages: from the second on that fail2ban had come to."""
        with open(os.path.join(self.old, "jail.local"), "w", encoding="utf-8") as f:
            f.write(LOCAL.replace("mode    = aggressive", "backend = systemd"))
        journal = Journal(self.server, None)
        journal.send("Failed password for root from 192.0.2.5 port 4242 ssh2", times=3)
        time.sleep(1.1)
        since = time.time()
        for n, address in enumerate(("192.0.2.6", "2001:db8:55::5", "192.0.2.99")):
            journal.send(f"Failed password for root from {address} port 4242 ssh2", times=3, pid=100 + n)
        journal.send("Failed password for root from 192.0.2.7 port 4242 ssh2", unit="web.service", identifier="web", times=3)
        self.start_imported()
        out = self.hand_over(self.database(logs=[("sshd", "systemd-journal", "2026-11-02T10:00:00", since)]))
        self.assertIn("2 more come from lines that had not been read", out)
        self.assertEqual(set(self.guardd.bans()), {"192.0.2.6", "2001:db8:55::/64"})

    def test_broken_database(self):
        self.start_imported()
        path = os.path.join(self.folder, "broken")
        for content in (b"", b"SQLite format 3\0" + b"x" * 4000, os.urandom(9000)):
            with open(path, "wb") as f:
                f.write(content)
            self.hand_over(path, status=1)
        self.hand_over(path + "-absent", status=3)
        self.assertEqual(self.guardd.bans(), {})

    def test_one_bad_jail(self):
        with open(os.path.join(self.old, "jail.local"), "a", encoding="utf-8") as f:
            f.write("[broken]\nenabled = true\nfilter = sshd\nlogpath = %(nowhere)s\n")
        out = self.imported(status=1)
        self.assertRegex(self.report, r"error +\S+/jail\.local:\d+: logpath: refers to an unknown option: nowhere")
        self.assertEqual(len(os.listdir(out + "/rules.d")), 6)
        self.assertTrue(until("the report is there", lambda: os.path.exists(out + "/import-report.txt")))


class Live(ImportWorld):
    """fail2ban itself on this machine, until guardd takes its place."""

    def setUp(self):
        if not shutil.which("fail2ban-server"):
            self.skipTest("there is no fail2ban-server")
        super().setUp()
        self.path = os.path.join(self.folder, "fail2ban.sqlite3")
        with open(os.path.join(self.old, "jail.local"), "w", encoding="utf-8") as f:
            f.write(LIVE)
        with open(os.path.join(self.old, "fail2ban.local"), "w", encoding="utf-8") as f:
            f.write(f"[Definition]\nlogtarget = /var/log/fail2ban.log\ndbfile = {self.path}\n")
        own_dev(self.server)
        own_users(self.server)
        rsyslogd(self.server)
        sshd(self.server)

    def client(self, *args):
        return self.server.run("fail2ban-client", *self.own, *args, check=False)

    def start_old(self):
        self.own = ("-c", self.old, "-s", self.folder + "/fail2ban.sock", "-p", self.folder + "/fail2ban.pid")
        # Its log is a file that its own jail reads.
        self.write("fail2ban.log", "")
        p = self.server.popen("fail2ban-server", *self.own, "-f", "start", stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        until("fail2ban's jails run", lambda: "Number of jail:\t6" in self.client("status").stdout)
        return p

    def old_bans(self):
        """Prefix of jail and address: count, since and how long, as its database has them."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as db:
            return {(jail, ip): rest for jail, ip, *rest in
                    db.execute("SELECT jail, ip, bancount, timeofban, bantime FROM bips")}

    def rob(self, address):
        self.write("shop.log", "".join(
            f"{time.strftime('%Y-%m-%d %H:%M:%S')} shop: customer c{i} from {address} refused\n" for i in range(3)))

    def expires(self, address):
        """Seconds that the kernel keeps address in a set of guardd's; None: it does not have it."""
        sets = json.loads(self.server.run("nft", "-j", "list", "table", "inet", "guardd").stdout)["nftables"]
        elements = [e["elem"] for s in sets for e in s.get("set", {}).get("elem", []) if "elem" in e]
        return next((e["expires"] for e in elements if address in json.dumps(e["val"])), None)

    def test_from_live_server(self):
        """Whom it banned stays banned for as long; whom it did not see any more is banned; whom it ignored is not."""
        old = self.start_old()
        for to, source in ((self.V4, self.FAR4), (self.V6, self.FAR6)) * 3:
            # Who is banned in the middle waits for long.
            threading.Thread(target=ssh, args=(self.attacker, to, "alice", "wrong"), kwargs={"source": source},
                             daemon=True).start()
        for n in (1, 2):
            self.rob("192.0.2.8")
            until(f"ban {n}", lambda: self.old_bans().get(("shop", "192.0.2.8"), [0])[0] == n)
            until("its end", lambda: "192.0.2.8" not in self.client("status", "shop").stdout)
        self.write("auth.log", failed("192.0.2.99", time.time()) * 4)
        until("bans of real attackers", lambda: {("sshd", self.FAR4), ("sshd", self.FAR6)} <= set(self.old_bans()))
        until("192.0.2.99 was seen", lambda: "Ignore 192.0.2.99" in open(self.var + "fail2ban.log", encoding="utf-8").read())
        self.assertIn(self.FAR4, self.server.run("nft", "list", "ruleset").stdout)
        self.client("stop")
        old.wait(20)
        self.assertEqual(self.attacker.connects(self.V4, 22, source=self.FAR4), "open")
        then = self.old_bans()
        self.assertNotIn(("sshd", "192.0.2.99"), then)
        for n, address in enumerate(("192.0.2.66", "2001:db8:66::6", "192.0.2.99")):
            self.write("auth.log", failed(address, time.time()).replace("[77]", f"[{n}]") * 3)
        self.start_guardd()
        out = self.guardd.ctl("import", "fail2ban", self.old, "--out", self.guardd.path("etc"), "--history").stdout
        self.assertIn("2 bans in force and 1 former ones are guardd's now", out)
        bans = self.guardd.bans()
        self.assertEqual({p: b["rule"] for p, b in bans.items()}, dict.fromkeys(
            (self.FAR4, "2001:db8:7::/64", "192.0.2.66", "2001:db8:66::/64"), "f2b-sshd"), out)
        for prefix, address in ((self.FAR4, self.FAR4), ("2001:db8:7::/64", self.FAR6)):
            _, since, span = then["sshd", address]
            left = since + span - time.time()
            self.assertAlmostEqual(bans[prefix]["remaining_s"], left, delta=5)
            self.assertAlmostEqual(self.expires(prefix.partition("/")[0]), left, delta=5)
        self.assertEqual(self.attacker.connects(self.V4, 22, 1, self.FAR4), "silent")
        self.assertEqual(self.attacker.connects(self.V6, 22, 1, self.FAR6), "silent")
        self.assertEqual(self.attacker.connects(self.V4, 22, source=self.FROM4), "open")
        # The third one of this source: four times the first.
        self.reads("/var/log/shop.log")
        self.rob("192.0.2.8")
        ban = self.guardd.wait_ban("192.0.2.8")
        self.assertEqual((ban["rule"], ban["level"]), ("f2b-shop", 3))


if __name__ == "__main__":
    main()
