# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers' logs as Docker's json-file driver keeps them: found by name and label, unescaped, joined, rotated."""
import datetime
import hashlib
import json
import os

from lib import main
from routed import RoutedWorld

FILTER = """
filter: {name}
sources:
  - docker: {{{which}, directory: /var/log/docker/containers}}
offences:
  - match: '^login of <user> refused, from <addr>$'
"""
RULE = "ban: {name}\nfilters: [{name}]\npoints: 5\nwithin: 10m\nfor: 1h\n"


class Container:
    """The files of one container, written as moby's daemon/logger/jsonfilelog and container.go write them."""

    def __init__(self, folder, name, labels=None):
        self.id = hashlib.sha256(name.encode()).hexdigest()
        self.folder = os.path.join(folder, self.id)
        self.path = os.path.join(self.folder, self.id + "-json.log")
        os.makedirs(self.folder, mode=0o710)
        self.add(b"")
        config = {"StreamConfig": {}, "State": {"Running": True, "Pid": 1234}, "ID": self.id,
                  "Created": "2026-11-02T09:00:00.123456789Z", "Managed": False, "Path": "/entrypoint.sh",
                  "Config": {"Hostname": self.id[:12], "Image": "app", "Labels": labels or {},
                             "Env": ["Name=/trap", "Labels=guardd.filter=trap"]},
                  "LogPath": self.path, "Name": "/" + name, "Driver": "overlay2", "RestartCount": 0}
        # Docker writes beside it and renames.
        tmp = os.path.join(self.folder, ".tmp-config.v2.json")
        with open(tmp, "w", encoding="utf-8") as f:
            json.dump(config, f, separators=(",", ":"))
        os.chmod(tmp, 0o600)
        os.rename(tmp, os.path.join(self.folder, "config.v2.json"))

    def add(self, data):
        with open(self.path, "ab") as f:
            f.write(data)
        os.chmod(self.path, 0o640)

    @staticmethod
    def piece(text, stream="stdout", ago=0):
        """Go's encoding/json: < > & and U+2028 are escaped, too."""
        t = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)
        log = json.dumps(text, ensure_ascii=False)
        for c in "<>&\u2028\u2029":
            log = log.replace(c, f"\\u{ord(c):04x}")
        return f'{{"log":{log},"stream":"{stream}","time":"{t.strftime("%Y-%m-%dT%H:%M:%S.%f")}123Z"}}\n'.encode()

    def say(self, text, **kw):
        self.add(self.piece(text + "\n", **kw))

    def refuse(self, address, times=1, user="root", **kw):
        for _ in range(times):
            self.say(f"login of {user} refused, from {address}", **kw)

    def rotate(self):
        os.rename(self.path, self.path + ".1")
        self.add(b"")


class Docker(RoutedWorld):
    def setUp(self):
        super().setUp()
        self.folder_in = os.path.join(self.server.folder, "var-log/docker/containers")
        os.makedirs(self.folder_in)
        # As Docker has it: nobody but root may look.
        os.chmod(self.folder_in, 0o710)

    def container(self, name, **labels):
        return Container(self.folder_in, name, {k.replace("_", "."): v for k, v in labels.items()})

    def start(self, *names, which="name: [web-app, 'shop-*']"):
        """names: containers that are read."""
        self.start_guardd(files={"filters.d/app.yaml": FILTER.format(name="app", which=which),
                                 "rules.d/app.yaml": RULE.format(name="app")})
        self.reads(*names)

    def test_container_by_name(self):
        self.named("192.0.2.5", "192.0.2.5")

    def test_container_by_name_v6(self):
        self.named("2001:db8:55::5", "2001:db8:55::/64")

    def named(self, address, prefix):
        app, shop, other = self.container("web-app"), self.container("shop-2"), self.container("trap")
        self.start("web-app", "shop-2")
        app.refuse(address, 2)
        shop.refuse(address, 2, stream="stderr")
        other.refuse(address, 10)
        self.offences(4)
        self.assertEqual(self.guardd.bans(), {})
        app.refuse(address)
        self.assertEqual(self.guardd.wait_ban(prefix)["rule"], "app")
        names = {s["name"] for s in self.guardd.json("sources") if s["kind"] == "docker" and s["state"] == "live"}
        self.assertEqual(names, {"web-app", "shop-2"})

    def test_container_by_label(self):
        key = self.container("one", guardd_filter="app")
        value = self.container("two", guardd_filter="other")
        bare = self.container("three", com_example_login="")
        self.start("one", "three", which="label: [guardd.filter=app, com.example.login]")
        for c, n in ((key, 2), (bare, 2), (value, 10)):
            c.refuse("192.0.2.5", n)
            c.refuse("2001:db8:55::5", n)
        self.offences(8)
        self.assertEqual(self.guardd.bans(), {})
        key.refuse("192.0.2.5")
        bare.refuse("2001:db8:55::5")
        self.guardd.wait_ban("192.0.2.5")
        self.guardd.wait_ban("2001:db8:55::/64")

    def test_log_member_is_unescaped(self):
        """Quotes, tabs, controls, HTML characters, umlauts, emoji and a line end in a user name; and forged members."""
        app = self.container("web-app")
        self.start("web-app")
        users = ['"q"', "a\tb\x01", "<&>", "J\u00fcrgen \u2028", "\U0001f600", "back\\slash\\",
                 'x","stream":"stdout","time":"2026-01-01T00:00:00Z"}', "\\n login of y refused, from 192.0.2.99"]
        for n, user in enumerate(users):
            app.refuse("2001:db8:55::5" if n % 2 else "192.0.2.5", user=user)
        self.offences(len(users))
        self.assertEqual(self.guardd.bans(), {})
        self.assertEqual(sum(s["undated"] for s in self.guardd.json("sources")), 0)
        for address in ("192.0.2.5", "2001:db8:55::5"):
            app.refuse(address)
        self.guardd.wait_ban("192.0.2.5")
        self.guardd.wait_ban("2001:db8:55::/64")

    def test_partial_lines_are_joined(self):
        """Docker cuts messages of over 16 KiB; pieces of the two streams come mixed."""
        app = self.container("web-app")
        self.start("web-app")
        for address in ("192.0.2.5", "2001:db8:55::5"):
            for _ in range(5):
                text = "login of " + "x" * 40000 + " refused, from " + address + "\n"
                pieces = [text[i:i + 16384] for i in range(0, len(text), 16384)]
                app.add(app.piece(pieces[0]))
                app.add(app.piece("login of root refused, ", stream="stderr"))
                app.add(app.piece(pieces[1]) + app.piece("from nowhere\n", stream="stderr"))
                last = app.piece(pieces[2])
                # Half a line of the file, too.
                app.add(last[:100])
                app.add(last[100:])
        self.guardd.wait_ban("192.0.2.5")
        self.guardd.wait_ban("2001:db8:55::/64")
        self.assertEqual(self.guardd.json("status")[0]["offences"], 10)

    def test_rotation(self):
        app = self.container("web-app")
        self.start("web-app")
        for n, address, prefix in ((0, "192.0.2.5", "192.0.2.5"), (5, "2001:db8:55::5", "2001:db8:55::/64")):
            app.refuse(address, 2)
            self.offences(n + 2)
            for more in (3, 4):
                app.rotate()
                app.refuse(address)
                self.offences(n + more)
            self.assertNotIn(prefix, self.guardd.bans())
            app.refuse(address)
            self.assertEqual(self.guardd.wait_ban(prefix)["count"], 0)

    def test_rotation_in_the_middle_of_a_message(self):
        app = self.container("web-app")
        self.start("web-app")
        app.refuse("2001:db8:55::5", 4)
        self.offences(4)
        text = "login of " + "x" * 20000 + " refused, from 2001:db8:55::5\n"
        app.add(app.piece(text[:16384]))
        app.rotate()
        app.add(app.piece(text[16384:]))
        self.guardd.wait_ban("2001:db8:55::/64")

    def test_rotation_and_new_lines_while_down(self):
        app = self.container("web-app")
        self.start("web-app")
        app.refuse("2001:db8:55::5", 2)
        self.offences(2)
        self.guardd.stop()
        app.refuse("2001:db8:55::5")
        app.rotate()
        app.refuse("2001:db8:55::5")
        self.guardd.start()
        self.offences(2)
        self.assertEqual(self.guardd.bans(), {})
        app.refuse("2001:db8:55::5")
        self.guardd.wait_ban("2001:db8:55::/64")

    def test_container_that_appears_later_and_one_that_goes(self):
        self.start()
        for address, prefix in (("192.0.2.5", "192.0.2.5"), ("2001:db8:55::5", "2001:db8:55::/64")):
            app = self.container("web-app")
            app.refuse(address, 5)
            self.guardd.wait_ban(prefix)
            for name in os.listdir(app.folder):
                os.unlink(os.path.join(app.folder, name))
            os.rmdir(app.folder)

    def test_rubbish_in_a_log_harms_nothing(self):
        app = self.container("web-app")
        self.start("web-app")
        app.add(b"\0" * 5000 + b"\n{\n\n[]\n" + bytes(range(256)) + b"\n" + b'{"log":"' + b"y" * 300000 + b'"}\n')
        app.add(b'{"log":"login of root refused, from 192.0.2.99\\n","stream":"stdout","time":"today"}\n')
        app.refuse("192.0.2.5", 5)
        self.guardd.wait_ban("192.0.2.5")
        self.assertEqual(list(self.guardd.bans()), ["192.0.2.5"])


if __name__ == "__main__":
    main()
