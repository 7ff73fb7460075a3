# SPDX-License-Identifier: GPL-2.0-or-later
"""The two hosts of lib.World, with the attacker's own address as the one its clients get when they choose none."""
from lib import World, until


class RoutedWorld(World):
    def setUp(self):
        super().setUp()
        # Of several equal IPv6 addresses the newest is taken, unless it is deprecated.
        self.attacker.run("ip", "addr", "change", self.GATE6 + "/64", "dev", "eth0", "preferred_lft", "0")

    def offences(self, n):
        """Until the judge has counted so many, and not one more."""
        until(f"{n} offences", lambda: self.guardd.json("status")[0]["offences"] >= n)
        self.assertEqual(self.guardd.json("status")[0]["offences"], n)

    def reads(self, *names):
        """Until sources of these names are read, so that what is written from here on is seen."""
        until(f"{names} are read", lambda: not set(names) - {
            s["name"] for s in self.guardd.json("sources") if s["state"] == "live"})
