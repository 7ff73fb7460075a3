# SPDX-License-Identifier: GPL-2.0-or-later
"""Real servers on a test host, each from its Debian package, with its own files below the host's folder."""
import os
import subprocess

from lib import until

PASSWORD = "right-password"
_USERS = ("alice", "bob")


def own_dev(host):
    """A /dev of the host's own, so that /dev/log is too."""
    dev = os.path.join(host.folder, "dev")
    os.makedirs(dev + "/pts")
    os.makedirs(dev + "/shm")
    host.run("sh", "-ec", f"""
        mount -t tmpfs -o mode=755 tmpfs {dev}
        mkdir {dev}/pts {dev}/shm
        for n in null zero full random urandom tty ptmx; do
            [ -e /dev/$n ] && {{ touch {dev}/$n; mount --bind /dev/$n {dev}/$n; }}
        done
        mount --bind /dev/pts {dev}/pts
        ln -s /proc/self/fd {dev}/fd
        mount --move {dev} /dev""")


def own_users(host):
    """alice and bob, with PASSWORD, on this host only."""
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], text=True, check=True,
                            stdout=subprocess.PIPE).stdout.strip()
    for name, line in (("passwd", "{u}:x:{id}:{id}::{home}:/bin/sh\n"),
                       ("shadow", "{u}:{hash}:19000:0:99999:7:::\n"), ("group", "{u}:x:{id}:\n")):
        path = os.path.join(host.folder, "etc-" + name)
        with open(f"/etc/{name}", encoding="utf-8") as f:
            text = f.read()
        for i, u in enumerate(_USERS):
            home = os.path.join(host.folder, "home-" + u)
            os.makedirs(home, mode=0o755, exist_ok=True)
            os.chown(home, 20001 + i, 20001 + i)
            text += line.format(u=u, id=20001 + i, home=home, hash=hashed)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o640 if name == "shadow" else 0o644)
        host.run("mount", "--bind", path, f"/etc/{name}")
    # Logins must not touch the real machine's records.
    for path in ("/var/run/utmp", "/run/utmp"):
        if os.path.exists(path):
            empty = os.path.join(host.folder, "utmp")
            open(empty, "wb").close()
            host.run("mount", "--bind", empty, path)


def rsyslogd(host, rules="auth,authpriv.* /var/log/auth.log\nmail.* /var/log/mail.log\n"):
    """rsyslog on /dev/log, writing as Debian's configuration does."""
    conf = os.path.join(host.folder, "rsyslog.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write('module(load="imuxsock")\n'
                'module(load="builtin:omfile" Template="RSYSLOG_TraditionalFileFormat")\n'
                f'$WorkDirectory {host.folder}\n' + rules)
    p = host.popen("rsyslogd", "-n", "-f", conf, "-i", os.path.join(host.folder, "rsyslog.pid"),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("rsyslog's socket", lambda: host.run("test", "-S", "/dev/log", check=False).returncode == 0)
    return p


def sshd(host, *options, port=22):
    """A real sshd with PAM; logs through syslog."""
    folder = os.path.join(host.folder, "sshd")
    os.makedirs(folder, exist_ok=True)
    host.hide("/run/sshd")
    key = os.path.join(folder, "hostkey")
    if not os.path.exists(key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    conf = os.path.join(folder, "config")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"Port {port}\nHostKey {key}\nPidFile none\nUsePAM yes\nPrintMotd no\n"
                "LoginGraceTime 60\nMaxStartups 100:30:200\nKbdInteractiveAuthentication no\n"
                "StrictModes no\n")
        f.write("".join(o + "\n" for o in options))
    host.popen("/usr/sbin/sshd", "-D", "-f", conf, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("sshd listens", lambda: f":{port} " in host.run("ss", "-Hltn").stdout)


def ssh(host, address, user, password=None, *options, source=None, command="true"):
    """One ssh login; its exit status (0: let in, 255: refused or timed out, 5: sshpass' wrong password)."""
    cmd = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
           "-o", "ConnectTimeout=4", "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1"]
    if source:
        cmd += ["-b", source]
    if password is not None:
        cmd = ["sshpass", "-p", password] + cmd + ["-o", "PubkeyAuthentication=no"]
    else:
        cmd += ["-o", "BatchMode=yes"]
    # A ban that comes in the middle leaves ssh waiting for the rest of its connection for ever.
    r = host.run("timeout", "20", *cmd, *options, f"{user}@{address}", command, check=False)
    return 255 if r.returncode == 124 else r.returncode
