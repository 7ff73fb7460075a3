# SPDX-License-Identifier: GPL-2.0-or-later
"""The products that make most rulesets, themselves: what check says of them is what an outsider and a host of the
infrastructure meet, and what it suggests closes what is open."""
import json

import infra
from firewalls import Docker, Firewalld, Ufw, missing
from lib import main, until
from test_exposure import CONFIG, ExposureWorld

INSIDE4, INSIDE6 = "192.0.2.11", "2001:db8:2::11"
LISTENING = (("ldap", "tcp", 389), ("logs", "tcp", 514), ("logs", "udp", 514), ("logs", "tcp", 2514),
             ("registry", "tcp", 5000))


class ProductWorld(ExposureWorld):
    def setUp(self):
        super().setUp()
        self.docker = None

    def tearDown(self):
        if self.docker:
            self.docker.close()
        super().tearDown()

    def check(self, *rule):
        """Cells of check, of which none may depend on anything."""
        cells, status = self.cells(*rule)
        for key, cell in cells.items():
            self.assertNotEqual(cell["state"], "depends", (key, cell))
        return cells, status

    def agree(self, cells, families=(4, 6)):
        """The services' TCP ports as they were judged, met by packets from outside and, in these families, inside."""
        for rule, proto, port in LISTENING:
            for family, outside, inside in ((4, self.V4, "192.0.2.1"), (6, self.V6, "2001:db8:2::1")):
                state = self.state(cells, rule, proto, port, family)
                if proto == "udp":
                    continue
                got = self.attacker.connects(outside, port, timeout=0.5)
                self.assertEqual(got == "open", state == "open", (rule, port, family, state, got))
                if family not in families:
                    continue
                got = self.infra.connects(inside, port, timeout=0.5)
                self.assertEqual(got == "open", state != "shut out", (rule, port, family, state, got))

    def states(self, cells, family):
        return {self.state(cells, rule, proto, port, family) for rule, proto, port in LISTENING}

    def close_as_suggested(self, *rule):
        self.nft(self.guardd.ctl("check", *rule, "--suggest", check=False).stdout)
        cells, status = self.check(*rule)
        self.assertEqual(status, 0, cells)
        return cells


class WithUfw(ProductWorld):
    def setUp(self):
        if why := missing("ufw"):
            self.skipTest(why)
        super().setUp()

    def allow_inside(self, ufw):
        for source in (INSIDE4, INSIDE6):
            for ports, proto in (("389,636,514,6514,2514,5000", "tcp"), ("514", "udp")):
                ufw("allow", "from", source, "to", "any", "port", ports, "proto", proto)

    def test_what_ufw_allows_only_the_infrastructure_is_proven(self):
        self.services()
        ufw = Ufw(self.server)
        self.allow_inside(ufw)
        ufw("limit", "22/tcp")
        ufw("deny", "from", "203.0.113.0/24")
        ufw.enable()
        self.start_guardd(CONFIG)
        cells, status = self.check()
        self.assertEqual(status, 0, cells)
        self.assertEqual(self.states(cells, 4) | self.states(cells, 6), {"proven"})
        self.agree(cells)

    def test_a_port_allowed_to_all_is_open_in_both_families_and_closed_as_suggested(self):
        self.services()
        ufw = Ufw(self.server)
        ufw("allow", "389/tcp")
        ufw("allow", "in", "on", "eth0", "to", "any", "port", "5000", "proto", "tcp")
        self.allow_inside(ufw)
        ufw.enable()
        self.start_guardd(CONFIG)
        cells, status = self.check()
        self.assertEqual(status, 2)
        for family in (4, 6):
            self.assertEqual(self.state(cells, "ldap", "tcp", 389, family), "open")
            self.assertEqual(self.state(cells, "registry", "tcp", 5000, family), "open")
            self.assertEqual(self.state(cells, "logs", "tcp", 2514, family), "proven")
        self.agree(cells)
        self.agree(self.close_as_suggested())

    def test_ufw_that_was_told_to_leave_ipv6_alone(self):
        self.services()
        ufw = Ufw(self.server, ipv6=False)
        self.assertIn("IPV6=no", self.server.run("cat", "/etc/default/ufw").stdout)
        for ports, proto in (("389,636,514,6514,2514,5000", "tcp"), ("514", "udp")):
            ufw("allow", "from", INSIDE4, "to", "any", "port", ports, "proto", proto)
        ufw.enable()
        self.start_guardd(CONFIG)
        cells, status = self.check()
        self.assertEqual(status, 2)
        self.assertEqual(self.states(cells, 4), {"proven"})
        # It drops all of IPv6 then, what the host sends and neighbour discovery too: more than the ports' own rules.
        self.assertEqual(self.states(cells, 6), {"shut out"})
        self.agree(cells)
        self.agree(self.close_as_suggested(), families=(4,))


class WithFirewalld(ProductWorld):
    def setUp(self):
        if why := missing("firewalld", "firewall-cmd", "dbus-daemon"):
            self.skipTest(why)
        super().setUp()

    def test_zones_are_judged_as_firewalld_means_them(self):
        self.services()
        fw = Firewalld(self.server)
        fw("--permanent", "--new-zone=inside")
        for source in (INSIDE4, INSIDE6):
            fw("--permanent", "--zone=inside", f"--add-source={source}")
        for port in ("389/tcp", "636/tcp", "514/tcp", "514/udp", "6514/tcp", "2514/tcp", "5000/tcp"):
            fw("--permanent", "--zone=inside", f"--add-port={port}")
        fw("--permanent", "--zone=public", "--add-interface=eth0")
        fw("--permanent", "--zone=public", "--add-rich-rule=rule family=ipv4 source address=203.0.113.0/24 drop")
        fw("--reload")
        self.start_guardd(CONFIG)
        cells, status = self.check()
        self.assertEqual(status, 0, cells)
        self.assertEqual(self.states(cells, 4) | self.states(cells, 6), {"proven"})
        self.agree(cells)

        fw("--zone=public", "--add-port=389/tcp")
        fw("--zone=public", "--add-rich-rule=rule family=ipv6 port port=5000 protocol=tcp accept")
        cells, status = self.check()
        self.assertEqual(status, 2)
        self.assertEqual([self.state(cells, "ldap", "tcp", 389, f) for f in (4, 6)], ["open", "open"])
        self.assertEqual([self.state(cells, "registry", "tcp", 5000, f) for f in (4, 6)], ["proven", "open"])
        self.agree(cells)

        self.agree(self.close_as_suggested())
        # firewalld loads its own anew, which opens nothing behind the suggested rules' back.
        fw("--runtime-to-permanent")
        fw("--reload")
        cells, status = self.check()
        self.assertEqual(status, 0, cells)
        self.agree(cells)


class DockerWorld(ProductWorld):
    """Debian's docker.io; the outsider has a route to the containers, as a neighbour on the same network can have."""

    OPTIONS = ()

    def setUp(self):
        if why := missing("dockerd", "containerd", "runc", "busybox"):
            self.skipTest(why)
        super().setUp()
        self.docker = Docker(self.server, *self.OPTIONS)
        if self.docker.daemon.poll() is not None:
            self.skipTest("dockerd does not run here: " + self.docker.said()[-500:])
        self.docker.image("image")
        self.attacker.run("ip", "route", "add", "172.17.0.0/16", "via", self.V4)
        self.attacker.run("ip", "-6", "route", "add", "fd00:17::/64", "via", self.V6)

    def reached(self, *at):
        return [self.attacker.connects(address, port, timeout=0.5) for address, port in at]


class WithDocker(DockerWorld):

    def test_a_published_port_is_found_open_and_closed_as_suggested(self):
        address, _ = self.docker.start("registry", 5000, "-p", "5000:5000")
        # What people believe closes it.
        self.server.run("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "5000", "-j", "DROP")
        self.server.run("iptables", "-P", "INPUT", "DROP")
        self.start_guardd(CONFIG)
        ways = ((self.V4, 5000), (self.V6, 5000), (address, 5000))
        cells, status = self.check("registry")
        self.assertEqual(status, 2)
        self.assertEqual(self.reached(*ways), ["open"] * 3)
        for family in (4, 6):
            self.assertEqual(self.state(cells, "registry", "tcp", 5000, family), "open")
        found = cells["port", "registry", "tcp", 5000, 4]
        self.assertIn(f"{address}:5000", json.dumps(found))
        self.assertTrue(any(f["forwarded"] and f["state"] == "open" for f in found["findings"]), found)
        self.assertIn("busybox", json.dumps(found))
        # Without a DNAT for IPv6 it is docker-proxy that listens.
        self.assertIn("docker-proxy", json.dumps(cells["port", "registry", "tcp", 5000, 6]))

        self.close_as_suggested("registry")
        self.assertEqual(self.reached(*ways), ["silent"] * 3)
        self.assertEqual(self.infra.connects("192.0.2.1", 5000), "open")
        self.assertEqual(self.infra.connects("2001:db8:2::1", 5000), "open")

    def test_a_port_published_to_the_host_alone_is_open_at_the_containers_address(self):
        address, _ = self.docker.start("registry", 5000, "-p", "127.0.0.1:5000:5000")
        self.start_guardd(CONFIG)
        cells, status = self.check("registry")
        self.assertEqual(self.reached((self.V4, 5000), (self.V6, 5000), (address, 5000)),
                         ["refused", "refused", "open"])
        self.assertEqual(status, 2)
        found = cells["port", "registry", "tcp", 5000, 4]
        # A neighbour can also send to 127.0.0.1: the destination is another one when routing would refuse it.
        self.attacker.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
        self.attacker.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        self.attacker.run("ip", "route", "add", "127.0.0.1/32", "via", self.V4)
        ways = ((address, 5000), ("127.0.0.1", 5000))
        self.assertEqual(self.reached(*ways), ["open"] * 2)
        self.assertEqual({f["to"] for f in found["findings"] if f["state"] == "open"}, {address, "127.0.0.1"})
        self.assertNotEqual(self.state(cells, "registry", "tcp", 5000, 6), "open")
        self.close_as_suggested("registry")
        self.assertEqual(self.reached(*ways), ["silent"] * 2)

    def test_another_public_port_is_a_way_to_the_same_service(self):
        address, _ = self.docker.start("registry", 5000, "-p", "8080:5000")
        self.start_guardd(CONFIG)
        cells, status = self.check("registry")
        self.assertEqual(status, 2)
        self.assertEqual(self.reached((self.V4, 8080)), ["open"])
        found = cells["port", "registry", "tcp", 5000, 4]
        self.assertIn(8080, [f["port"] for f in found["findings"] if f["state"] == "open"])
        self.close_as_suggested("registry")
        self.assertEqual(self.reached((self.V4, 8080), (address, 5000)), ["silent"] * 2)
        self.assertEqual(self.infra.connects("192.0.2.1", 8080), "open")

    def test_a_container_that_publishes_nothing_is_closed_by_docker(self):
        address, _ = self.docker.start("registry", 5000)
        self.start_guardd(CONFIG)
        cells, status = self.check("registry")
        self.assertEqual(self.reached((address, 5000)), ["silent"])
        self.assertNotEqual(self.state(cells, "registry", "tcp", 5000, 4), "open")


class WithDockerAndIpv6(DockerWorld):
    """IPv6 is mapped as IPv4 is."""

    OPTIONS = ("--experimental", "--ip6tables", "--ipv6", "--fixed-cidr-v6", "fd00:17::/64")

    def test_both_families_end_at_the_container(self):
        address, address6 = self.docker.start("registry", 5000, "-p", "5000:5000")
        for command in ("iptables", "ip6tables"):
            self.server.run(command, "-A", "INPUT", "-p", "tcp", "--dport", "5000", "-j", "DROP")
        self.start_guardd(CONFIG)
        ways = ((self.V4, 5000), (self.V6, 5000), (address, 5000), (address6, 5000))
        # The container's address is its own once no neighbour has it.
        until("the container in both families", lambda: self.reached(*ways) == ["open"] * 4, limit=10)
        cells, status = self.check("registry")
        self.assertEqual(status, 2)
        for family, endpoint in ((4, f"{address}:5000"), (6, f"[{address6}]:5000")):
            found = cells["port", "registry", "tcp", 5000, family]
            self.assertEqual(found["state"], "open")
            self.assertIn(endpoint, {f["endpoint"] for f in found["findings"] if f["forwarded"]})
            self.assertIn("busybox", json.dumps(found))
        self.close_as_suggested("registry")
        self.assertEqual(self.reached(*ways), ["silent"] * 4)
        self.assertEqual(self.infra.connects("192.0.2.1", 5000), "open")
        self.assertEqual(self.infra.connects("2001:db8:2::1", 5000), "open")


if __name__ == "__main__":
    main()
