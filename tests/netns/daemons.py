# SPDX-License-Identifier: GPL-2.0-or-later
"""Web, mail and journal daemons on a test host: Debian's own configuration and paths, in folders of the host's own."""
import grp
import os
import shutil
import subprocess
import sys
import time
import uuid

from lib import until

_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def own_run(host):
    """An empty /run, so that pid files and sockets are the host's."""
    host.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")


def _write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def _listens(host, *ports):
    until(f"servers on {ports}", lambda: all(
        f":{p} " in out for out in [host.run("ss", "-Hltn").stdout] for p in ports))


NGINX_SITE = """
limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;
server {
	listen 80 default_server;
	listen [::]:80 default_server;
	root /var/www/html;
	location / { try_files $uri =404; }
	location /files/ { }
	location /private/ {
		auth_basic "private";
		auth_basic_user_file /etc/nginx/conf.d/users;
	}
	location /narrow { limit_req zone=one burst=1 nodelay; try_files /page =404; }
}
"""


def nginx(host, user, password):
    """nginx with Debian's nginx.conf; of the site, /private/ asks for a password and /narrow is limited."""
    own_run(host)
    os.makedirs(os.path.join(host.folder, "var-log", "nginx"))
    root = host.hide("/var/www/html")
    os.mkdir(root + "/private")
    for name in ("page", "private/page"):
        _write(os.path.join(root, name), "the page\n")
    hashed = subprocess.run(["openssl", "passwd", "-apr1", password], text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    _write(host.hide("/etc/nginx/conf.d") + "/users", f"{user}:{hashed}")
    _write(host.hide("/etc/nginx/sites-enabled") + "/site", NGINX_SITE)
    host.hide("/etc/nginx/modules-enabled")
    host.hide("/var/lib/nginx")
    host.popen("nginx", "-g", "daemon off;", **_QUIET)
    _listens(host, 80)


MAIN_CF = """
compatibility_level = 3.6
myhostname = mx1.example.org
mydestination = $myhostname, localhost
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
inet_interfaces = all
inet_protocols = all
alias_maps =
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
"""
SUBMISSION = """
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
"""


def postfix(host):
    """Postfix with Debian's master.cf and the submission port; Dovecot checks the passwords (start it first)."""
    # Its own list of files comes with the package as configuration; the rest is Debian's, whatever is set up here.
    etc = os.path.join(host.folder, "etc-postfix")
    shutil.copytree("/etc/postfix", etc)
    host.hide("/etc/postfix")
    _write(etc + "/main.cf", MAIN_CF)
    with open("/usr/share/postfix/master.cf.dist", encoding="utf-8") as f:
        _write(etc + "/master.cf", f.read() + SUBMISSION)
    host.hide("/var/lib/postfix")
    shutil.chown(os.path.join(host.folder, "var-lib-postfix"), "postfix")
    host.run("/usr/lib/postfix/configure-instance.sh", "-")
    host.run("postfix", "check")
    # What "postfix start-fg" ends in; by itself its end is the end of all of Postfix.
    host.popen("/usr/lib/postfix/sbin/master", "-s", start_new_session=True, **_QUIET)
    _listens(host, 25, 587)


DOVECOT = """
protocols = imap
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
"""


def dovecot(host):
    """Dovecot (IMAP) with Debian's configuration, logging to syslog, passwords by PAM; also for Postfix."""
    etc = host.hide("/etc/dovecot")
    for name in ("dovecot.conf", "dh.pem"):
        shutil.copy("/usr/share/dovecot/" + name, etc)
    shutil.copytree("/usr/share/dovecot/conf.d", etc + "/conf.d")
    os.mkdir(etc + "/private")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mx1",
                    "-keyout", etc + "/private/dovecot.key", "-out", etc + "/private/dovecot.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    _write(etc + "/conf.d/99-test.conf", DOVECOT)
    host.hide("/var/lib/dovecot")
    host.hide("/var/mail")
    spool = host.hide("/var/spool/postfix")
    os.mkdir(spool + "/private", mode=0o700)
    shutil.chown(spool + "/private", "postfix")
    host.popen("dovecot", "-F", **_QUIET)
    _listens(host, 143, 993)


class Journal:
    """A journal directory as systemd's, written live by systemd-journal-remote from its export format."""

    def __init__(self, host, folder):
        """folder: below the host's /var/log; None is where the machine's own journal is."""
        self.host = host
        self.boot = uuid.uuid4().hex
        self.system = folder is None
        if self.system:
            machine = uuid.uuid4().hex
            own = os.path.join(host.folder, "machine-id")
            _write(own, machine + "\n")
            host.run("mount", "--bind", own, "/etc/machine-id")
            folder = "journal/" + machine
            own_run(host)
        self.folder = os.path.join(host.folder, "var-log", folder)
        self.writer, self.written = None, 0

    def open(self, socket_first=True):
        """As systemd-journald makes it: its files can be read by one group; its socket is there, mostly before it."""
        group = grp.getgrnam("systemd-journal").gr_gid
        if self.system and socket_first:
            self.listen()
        os.makedirs(self.folder, exist_ok=True)
        for path in {self.folder, os.path.dirname(self.folder)}:
            os.chown(path, 0, group)
            os.chmod(path, 0o2755)
        self.writer = self.host.popen("/lib/systemd/systemd-journal-remote", "-o", self.live(), "-",
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the journal's file", lambda: os.path.exists(self.live()))
        if self.system and not socket_first:
            self.listen()

    def listen(self):
        self.host.run("mkdir", "-p", "/run/systemd/journal")
        self.host.run(sys.executable, "-c", "import os, socket; p = '/run/systemd/journal/socket'\n"
                      "if not os.path.exists(p): socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(p)")

    def live(self):
        return os.path.join(self.folder, "system.journal")

    def send(self, message, unit="ssh.service", identifier="sshd", facility=4, times=1, pid=77):
        if not self.writer:
            self.open()
        for _ in range(times):
            now = time.time_ns() // 1000
            self.writer.stdin.write(
                f"__REALTIME_TIMESTAMP={now}\n__MONOTONIC_TIMESTAMP={time.monotonic_ns() // 1000}\n"
                f"_BOOT_ID={self.boot}\n_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER={identifier}\n_COMM={identifier}\n_PID={pid}\n"
                f"SYSLOG_FACILITY={facility}\nPRIORITY=6\n_TRANSPORT=syslog\nMESSAGE={message}\n\n".encode())
            self.writer.stdin.flush()

    def close(self):
        """The writer ends; what was sent is all in the file."""
        if self.writer:
            self.writer.stdin.close()
            self.writer.wait(30)
            self.writer = None

    def rotate(self):
        """The live file becomes an archived one, and a new one begins."""
        self.close()
        self.written += 1
        os.rename(self.live(), os.path.join(
            self.folder, f"system@{uuid.uuid4().hex}-{self.written:016x}-{time.time_ns() // 1000:016x}.journal"))
        self.open()
