# SPDX-License-Identifier: GPL-2.0-or-later
"""A real sshd attacked by a real ssh client until the kernel drops it; and logins that must never ban."""
import os
import subprocess

from lib import World, main, until
from services import PASSWORD, own_dev, own_users, rsyslogd, ssh, sshd

SHORT = """
ban: ssh
filters: [sshd, dropbear]
points: 5
within: 10m
for: 8s
"""


class Ssh(World):
    def prepare(self, *options, rules=None):
        own_dev(self.server)
        own_users(self.server)
        rsyslogd(self.server)
        sshd(self.server, *options)
        self.start_guardd(files={"rules.d/ssh.yaml": rules} if rules else {})

    def attack(self, address, source):
        for _ in range(8):
            self.assertNotEqual(ssh(self.attacker, address, "root", "wrong", source=source), 0)
            if self.attacker.connects(address, 22, 1.5, source) == "silent":
                return
        self.fail("eight wrong passwords and still answered")

    def test_password_attack_is_dropped_and_expires_v4(self):
        self.banned_and_expired(self.V4, self.FROM4, self.FROM4)

    def test_password_attack_is_dropped_and_expires_v6_on_link_host(self):
        """The attacker shares the server's /64: it is banned alone, the link's other hosts are not."""
        self.banned_and_expired(self.V6, self.FROM6, self.FROM6)

    def test_password_attack_is_dropped_and_expires_v6_routed(self):
        self.banned_and_expired(self.V6, self.FAR6, "2001:db8:7::/64")

    def banned_and_expired(self, address, source, prefix):
        self.prepare(rules=SHORT)
        self.assertEqual(ssh(self.attacker, address, "alice", PASSWORD, source=source), 0)
        self.attack(address, source)
        ban = self.guardd.wait_ban(prefix)
        self.assertEqual(ban["rule"], "ssh")
        self.assertEqual(self.attacker.connects(address, 22, 1.5, source), "silent")
        self.assertGreater(self.guardd.bans(prefix).get(prefix, {"packets": 1})["packets"], 0)
        until("the ban's end", lambda: prefix not in self.guardd.bans())
        self.assertEqual(ssh(self.attacker, address, "alice", PASSWORD, source=source), 0)

    def test_forged_address_in_user_name_bans_only_the_client(self):
        self.prepare()
        for _ in range(6):
            ssh(self.attacker, self.V4, "x from 192.0.2.99 port 1 ssh2", "wrong")
        self.guardd.wait_ban(self.FROM4)
        self.assertNotIn("192.0.2.99", self.guardd.bans())

    def test_agent_with_ten_keys_at_verbose_never_bans(self):
        self.prepare("LogLevel VERBOSE", "MaxAuthTries 20")
        options = self.ten_keys()
        for _ in range(3):
            for address in (self.V4, self.V6):
                self.assertEqual(ssh(self.attacker, address, "alice", None, *options), 0)
        self.read_all()
        self.assertEqual(self.guardd.json("list"), [])
        self.assertEqual(self.guardd.json("status")[0]["offences"], 0)

    def test_key_only_server_at_info_bans_the_guesser_not_the_owner(self):
        self.prepare("PasswordAuthentication no", "MaxAuthTries 20")
        options = self.ten_keys()
        for _ in range(3):
            self.assertEqual(ssh(self.attacker, self.V4, "alice", None, *options), 0)
        self.read_all()
        self.assertEqual(self.guardd.json("list"), [])
        for _ in range(11):
            ssh(self.attacker, self.V6, "root", None, "-o", "PubkeyAuthentication=no", source=self.FAR6)
        self.guardd.wait_ban("2001:db8:7::/64")
        for _ in range(11):
            ssh(self.attacker, self.V4, "root", None, "-o", "PubkeyAuthentication=no", source=self.FAR4)
        self.guardd.wait_ban(self.FAR4)

    def test_pam_and_sshd_count_one_wrong_password_once(self):
        """pam_unix tells of the same event, in a line of its own: no rule may count that, too."""
        self.prepare()
        self.guardd.write("rules.d/login.yaml",
                          "ban: login\nfilters: [pam]\npoints: 1\nwithin: 10m\nfor: 1h\n")
        self.guardd.ctl("reload")
        ssh(self.attacker, self.V4, "alice", "wrong")
        self.read_all()
        with open(self.server.folder + "/var-log/auth.log", encoding="utf-8") as f:
            text = f.read()
        self.assertIn("pam_unix(sshd:auth): authentication failure", text)
        self.assertEqual(self.guardd.json("list"), [])
        points = sum(b["points"] for b in self.guardd.json("test", "sshd", self.server.folder + "/var-log/auth.log")
                     if b["type"] == "address")
        self.assertLess(points, 5, "one wrong password is far from a ban")

    def ten_keys(self):
        """Ten keys, the last of which opens alice's account."""
        options = ["-o", "IdentitiesOnly=yes"]
        for i in range(10):
            key = os.path.join(self.attacker.folder, f"key{i}")
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            options += ["-i", key]
        home = os.path.join(self.server.folder, "home-alice", ".ssh")
        os.makedirs(home)
        with open(key + ".pub", encoding="utf-8") as src, \
                open(home + "/authorized_keys", "w", encoding="utf-8") as dst:
            dst.write(src.read())
        return options

    def read_all(self):
        """Until guardd has read what the log holds, and sshd writes no more."""
        log = self.server.folder + "/var-log/auth.log"

        def quiet():
            size = os.path.getsize(log)
            read = any(s["name"].endswith("auth.log") and s["lag_bytes"] == 0 and s["lines"] > 0
                       for s in self.guardd.json("sources"))
            open_now = self.server.run("ss", "-Hnt", "state", "established", "sport", "=", ":22").stdout
            return read and not open_now and os.path.getsize(log) == size
        until("all is read", quiet)


if __name__ == "__main__":
    main()
