# SPDX-License-Identifier: GPL-2.0-or-later
"""Real firewall products on a test host: ufw, firewalld with a D-Bus of its own, and Docker's daemon, all from Debian's
packages, with configuration, state and sockets in the host's own mounts."""
import json
import os
import shutil
import subprocess

from lib import until
from daemons import own_run

_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def missing(*programs):
    """Which of the programs are not installed: the reason to skip, or ""."""
    gone = [p for p in programs if not shutil.which(p, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    return f"not installed: {', '.join(gone)}" if gone else ""


def _own_copy(host, path):
    """A copy of path, the host's own, in its place."""
    copy = os.path.join(host.folder, path.strip("/").replace("/", "-"))
    subprocess.run(["cp", "-a", path, copy], check=True)
    host.run("mount", "--bind", copy, path)
    return copy


class Ufw:
    def __init__(self, host, ipv6=True):
        self.host = host
        own_run(host)
        _own_copy(host, "/etc/ufw")
        with open(_own_copy(host, "/etc/default/ufw"), "r+", encoding="utf-8") as f:
            text = f.read().replace("IPV6=yes", f"IPV6={'yes' if ipv6 else 'no'}")
            f.seek(0)
            f.truncate()
            f.write(text)
        self("--force", "reset")
        self("default", "deny", "incoming")
        self("default", "allow", "outgoing")

    def __call__(self, *args):
        # Where it may not load a module it says so and goes on.
        return self.host.run("ufw", *args).stdout

    def enable(self):
        self("--force", "enable")
        assert "Status: active" in self("status")


class Firewalld:
    def __init__(self, host):
        self.host = host
        own_run(host)
        _own_copy(host, "/etc/firewalld")
        host.run("mkdir", "-p", "/run/dbus", "/run/lock", "/run/firewalld")
        host.popen("dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog", **_QUIET)
        until("a system bus", lambda: host.run("test", "-S", "/run/dbus/system_bus_socket",
                                               check=False).returncode == 0)
        host.popen("firewalld", "--nofork", "--nopid", env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, **_QUIET)
        until("firewalld", lambda: host.run("firewall-cmd", "--state", check=False).returncode == 0)

    def __call__(self, *args):
        return self.host.run("firewall-cmd", "-q", *args).stdout


class Docker:
    """dockerd with a containerd and a process namespace of its own, so that no container outlives it."""

    SOCKET = "/run/docker.sock"

    def __init__(self, host, *options):
        self.host = host
        self.group = os.path.basename(os.path.dirname(host.folder))
        own_run(host)
        host.run("mkdir", "-p", "/run/lock")
        if os.path.isdir("/etc/docker"):
            host.hide("/etc/docker")
        self.log = os.path.join(host.folder, "dockerd.log")
        with open(self.log, "wb") as log:
            self.daemon = host.popen(
                "unshare", "-p", "-f", "--kill-child", "--mount-proc", "/usr/sbin/dockerd",
                "--data-root", os.path.join(host.folder, "docker"), "--exec-root", "/run/docker",
                "--pidfile", "/run/docker.pid", "-H", f"unix://{self.SOCKET}", "-s", "vfs",
                "--cgroup-parent", "/" + self.group, "--exec-opt", "native.cgroupdriver=cgroupfs", *options,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("dockerd answers, or ended", lambda: self.daemon.poll() is not None or self.run(
            "version", check=False).returncode == 0)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def run(self, *args, **kw):
        return self.host.run("/usr/bin/docker", "-H", f"unix://{self.SOCKET}", *args, **kw)

    def image(self, name):
        """An image of busybox alone."""
        root = os.path.join(self.host.folder, "image-" + name)
        os.makedirs(root + "/bin")
        os.makedirs(root + "/www")
        shutil.copy("/bin/busybox", root + "/bin/busybox")
        tar = root + ".tar"
        subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
        self.run("import", tar, name)

    def start(self, name, port, *options):
        """A container with a server on port; its addresses ("" where it has none)."""
        self.run("run", "-d", "--name", name, *options, "image", "/bin/busybox", "httpd", "-f", "-h", "/www",
                 "-p", str(port))
        state = json.loads(self.run("inspect", name).stdout)[0]
        assert state["State"]["Running"], self.run("logs", name).stdout + self.said()
        net = state["NetworkSettings"]
        return net["IPAddress"], net["GlobalIPv6Address"]

    def remove(self, name):
        self.run("rm", "-f", name)

    def close(self):
        for name in self.run("ps", "-aq", check=False).stdout.split():
            self.run("rm", "-f", name, check=False)
        # The daemon waits for its containerd; both end with their namespace's first process.
        self.daemon.kill()
        self.daemon.wait()
        for top, folders, _ in os.walk("/sys/fs/cgroup"):
            if self.group in folders:
                subprocess.run(["find", os.path.join(top, self.group), "-depth", "-type", "d", "-exec", "rmdir", "{}",
                                ";"], check=False, stderr=subprocess.DEVNULL)
                folders.remove(self.group)
            if top.count("/") > 4:
                folders.clear()
