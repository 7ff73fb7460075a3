# SPDX-License-Identifier: GPL-2.0-or-later
"""Where alerts go, with real parts on test hosts: HTTP(S) receivers, Debian's Postfix and Alertmanager, a socket."""
import email
import email.policy
import json
import os
import shutil
import socket
import subprocess
import sys

from lib import ROOT, until

_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
MAILBOX = "www-data"   # a user whose mail Postfix keeps in /var/mail


def _write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def authority(folder):
    """A certificate authority of the test's own; the path of its certificate."""
    os.makedirs(folder, exist_ok=True)
    ca = os.path.join(folder, "ca")
    if not os.path.exists(ca + ".pem"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=test authority", "-keyout", ca + ".key", "-out", ca + ".pem"],
                       check=True, stderr=subprocess.DEVNULL)
    os.chmod(ca + ".pem", 0o644)
    return ca + ".pem"


def certificate(folder, name, names, days=2):
    """(certificate, key) for names (DNS:x, IP:x), signed by the authority of the folder."""
    ca = authority(folder)[:-4]
    path = os.path.join(folder, name)
    request = subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                              "-subj", f"/CN={name}", "-keyout", path + ".key"],
                             check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    _write(path + ".ext", f"subjectAltName={names}\n")
    subprocess.run(["openssl", "x509", "-req", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial", "-days",
                    str(days), "-extfile", path + ".ext", "-out", path + ".pem"], input=request, check=True,
                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return path + ".pem", path + ".key"


class Http:
    """A receiver on a host; mode() says how it answers from now on."""

    def __init__(self, host, port, tls=()):
        self.host, self.port = host, port
        self.log = os.path.join(host.folder, f"http-{port}.log")
        self.file = os.path.join(host.folder, f"http-{port}.mode")
        self.tls = tls
        self.mode("200")
        self.start()

    def start(self):
        program = os.path.join(ROOT, "tests/netns/receiver.py")
        self.proc = self.host.popen(sys.executable, program, str(self.port), self.log, self.file, *self.tls,
                                    stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "listening\n"

    def stop(self):
        self.proc.kill()
        self.proc.wait()

    def mode(self, text):
        _write(self.file + ".new", text)
        os.rename(self.file + ".new", self.file)

    def requests(self):
        """All that came, the bodies parsed."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as f:
            got = [json.loads(line) for line in f]
        for r in got:
            r["json"] = json.loads(r["body"])
        return got

    def told(self, **want):
        """Bodies that were taken (2xx), with these members."""
        return [r["json"] for r in self.requests() if r["mode"] in ("200", "echo")
                and all(r["json"].get(k) == v for k, v in want.items())]


RELAY_CF = """
compatibility_level = 3.6
myhostname = mx1.example.org
mydestination = $myhostname, localhost, localhost.localdomain
inet_interfaces = all
inet_protocols = all
alias_maps =
local_recipient_maps = proxy:unix:passwd.byname
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = {level}
smtpd_tls_received_header = yes
smtputf8_enable = no
"""
SMTPS = """
smtps     inet  n       -       y       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
"""


class Relay:
    """Postfix with Debian's master.cf and port 465, which delivers into /var/mail of its host."""

    def __init__(self, host, cert, key, level="may"):
        self.host = host
        host.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        etc = os.path.join(host.folder, "etc-postfix")
        shutil.copytree("/etc/postfix", etc)
        host.hide("/etc/postfix")
        for name in (cert, key):
            shutil.copy(name, etc)
        _write(etc + "/main.cf", RELAY_CF.format(cert="/etc/postfix/" + os.path.basename(cert),
                                                 key="/etc/postfix/" + os.path.basename(key), level=level))
        with open("/usr/share/postfix/master.cf.dist", encoding="utf-8") as f:
            _write(etc + "/master.cf", f.read() + SMTPS)
        for path in ("/var/lib/postfix", "/var/spool/postfix", "/var/log"):
            host.hide(path)
        shutil.chown(os.path.join(host.folder, "var-lib-postfix"), "postfix")
        self.mail = host.hide("/var/mail")
        os.chmod(self.mail, 0o1777)
        host.run("/usr/lib/postfix/configure-instance.sh", "-", check=False)
        host.run("postfix", "check", check=False)
        self.start()

    def start(self):
        self.proc = self.host.popen("/usr/lib/postfix/sbin/master", "-s", start_new_session=True, **_QUIET)
        until("Postfix listens", lambda: ":25 " in self.host.run("ss", "-Hltn").stdout)

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        until("its port is free", lambda: ":25 " not in self.host.run("ss", "-Hltn").stdout)

    def mails(self):
        """What is in the mailbox, parsed; an mbox whose "From " lines Postfix has made."""
        path = os.path.join(self.mail, MAILBOX)
        if not os.path.exists(path):
            return []
        with open(path, "rb") as f:
            parts = (b"\n" + f.read()).split(b"\nFrom ")[1:]
        return [email.message_from_bytes(p.split(b"\n", 1)[1], policy=email.policy.default) for p in parts]


class Alertmanager:
    """Debian's prometheus-alertmanager on port 9093 of a host."""

    def __init__(self, host):
        self.host = host
        folder = os.path.join(host.folder, "alertmanager")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        _write(folder + "/am.yml", "route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n")
        self.proc = host.popen("prometheus-alertmanager", "--config.file=" + folder + "/am.yml",
                               "--storage.path=" + folder, "--web.listen-address=[::]:9093",
                               "--cluster.listen-address=", **_QUIET)
        until("Alertmanager listens", lambda: ":9093 " in host.run("ss", "-Hltn").stdout)

    def stop(self):
        self.proc.kill()
        self.proc.wait()

    def alerts(self):
        """Those that are active now, by (alertname, subject)."""
        out = self.host.run("curl", "-s", "http://127.0.0.1:9093/api/v2/alerts?active=true").stdout
        return {(a["labels"]["alertname"], a["labels"]["subject"]): a for a in json.loads(out)}


class JournalSocket:
    """What would reach systemd-journald of a host: its socket, read by the test."""

    def __init__(self, host):
        folder = host.hide("/run/systemd")
        os.makedirs(folder + "/journal", exist_ok=True)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(folder + "/journal/socket")
        os.chmod(folder + "/journal/socket", 0o666)
        os.chmod(folder, 0o755)
        self.sock.setblocking(False)
        self.seen = []

    def messages(self, **want):
        """Fields of all messages so far that have these."""
        while True:
            try:
                data = self.sock.recv(1 << 18)
            except BlockingIOError:
                break
            self.seen.append(dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line))
        return [m for m in self.seen if all(m.get(k) == v for k, v in want.items())]

    def close(self):
        self.sock.close()

