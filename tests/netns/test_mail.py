# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Postfix and a real Dovecot attacked by SMTP and IMAP clients: the mail ports are shut, and nothing else."""
import concurrent.futures
import imaplib
import smtplib
import socket
import ssl
import subprocess
import sys

import daemons
from lib import main, until
from routed import RoutedWorld
from services import PASSWORD, own_dev, own_users, rsyslogd

RULES = "$AddUnixListenSocket /var/spool/postfix/dev/log\nauth,authpriv.* /var/log/auth.log\n" \
        "mail.* /var/log/mail.log\n"
MAIL_PORTS = (25, 587, 143, 993)


class Mail(RoutedWorld):
    def prepare(self):
        own_dev(self.server)
        own_users(self.server)
        daemons.own_run(self.server)
        daemons.dovecot(self.server)
        rsyslogd(self.server, RULES)
        daemons.postfix(self.server)
        self.start_guardd()
        self.reads("/var/log/mail.log")
        self.server.listen(self.V4, 22)
        self.server.listen(self.V6, 22)

    def at_once(self, *calls):
        """Dovecot answers each wrong password of an address more slowly; so the attacker asks in parallel."""
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return [f.result() for f in [pool.submit(self.attacker.call, *call) for call in calls]]

    def mail_ports_only(self, source, server, prefix, rule):
        ban = self.guardd.wait_ban(prefix)
        self.assertEqual(ban["rule"], rule)
        answers = self.at_once(*[(_connect, source, server, p, 1.5) for p in (*MAIL_PORTS, 22)])
        self.assertEqual(answers, ["silent"] * len(MAIL_PORTS) + ["open"])
        self.assertEqual(list(self.guardd.bans()), [prefix])

    def test_smtp_passwords_v4(self):
        self.smtp_passwords(self.V4, self.FAR4, self.FAR4)

    def test_smtp_passwords_v6(self):
        self.smtp_passwords(self.V6, self.FAR6, "2001:db8:7::/64")

    def smtp_passwords(self, server, source, prefix):
        self.prepare()
        self.assertEqual(self.attacker.call(_smtp_login, source, server, 25, "alice", PASSWORD), 235)
        codes = self.at_once(*[(_smtp_login, source, server, 25, "alice", "wrong")] * 5,
                             *[(_smtp_login, source, server, 587, "x[192.0.2.9]: y", "wrong")] * 4)
        self.assertEqual(codes, [535] * 9)
        self.offences(9)
        self.assertEqual(self.guardd.bans(), {})
        self.attacker.call(_relay, source, server, 1)
        self.mail_ports_only(source, server, prefix, "mail")

    def test_relay_abuse_v4(self):
        self.relay(self.V4, self.FROM4)

    def test_relay_abuse_v6(self):
        self.relay(self.V6, self.FROM6)

    def relay(self, server, source):
        """Recipients elsewhere without a login; HELO, sender and recipient name somebody else's address."""
        self.prepare()
        codes = self.attacker.call(_relay, source, server, 3)
        self.assertEqual(codes, [454] * 3)
        self.offences(3)
        self.assertEqual(self.guardd.bans(), {})
        self.at_once(*[(_relay, source, server, 2)] * 4)
        self.mail_ports_only(source, server, source, "mail")

    def test_imap_passwords_v4(self):
        self.imap_passwords(self.V4, self.FROM4, self.FROM4)

    def test_imap_passwords_v6(self):
        self.imap_passwords(self.V6, self.FAR6, "2001:db8:7::/64")

    def imap_passwords(self, server, source, prefix):
        self.prepare()
        self.assertEqual(self.attacker.call(_imap_login, source, server, "alice", PASSWORD), "OK")
        answers = self.at_once(*[(_imap_login, source, server, "alice", "wrong")] * 8,
                               *[(_imap_login, source, server, '"x>, rip=192.0.2.9, lip=192.0.2.1"', "wrong")] * 2)
        self.assertEqual(answers, ["NO"] * 10)
        self.mail_ports_only(source, server, prefix, "mailbox")

    def test_a_good_login_clears_what_was_mistyped(self):
        """Nine wrong, one right, nine wrong: an office behind one address keeps its mail, in both families."""
        self.prepare()
        both = ((self.V4, self.FAR4), (self.V6, self.FROM6))
        for n, (server, source) in enumerate(both):
            self.at_once(*[(_imap_login, source, server, "alice", "wrong")] * 9)
            self.offences(n * 9 + 9)
        for server, source in both:
            self.assertEqual(self.attacker.call(_imap_login, source, server, "alice", PASSWORD), "OK")
        for n, (server, source) in enumerate(both):
            self.at_once(*[(_imap_login, source, server, "bob", "wrong")] * 9)
            self.offences(n * 9 + 27)
        self.assertEqual(self.guardd.json("list"), [])
        server, source = both[0]
        self.attacker.call(_imap_login, source, server, "bob", "wrong")
        self.guardd.wait_ban(source)

    def test_own_smtp_session_to_the_banned_goes_on_v4(self):
        self.own_session(self.V4, self.FROM4, f"inet:{self.FROM4}:25")

    def test_own_smtp_session_to_the_banned_goes_on_v6(self):
        self.own_session(self.V6, self.FROM6, f"inet:[{self.FROM6}]:25")

    def own_session(self, server, peer, sink):
        """The attacker is a mail server, too: a message to it is under way when it is banned."""
        self.prepare()
        self.attacker.popen("smtp-sink", "-u", "nobody", sink, "16", cwd="/")
        until("smtp-sink listens", lambda: self.server.connects(peer, 25) == "open")
        talk = self.server.popen(sys.executable, "-u", "-c", _SEND, peer, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.assertEqual(talk.stdout.readline(), "half\n")
        self.at_once(*[(_relay, peer, server, 2)] * 5)
        self.mail_ports_only(peer, server, peer, "mail")
        talk.stdin.write("go on\n")
        talk.stdin.flush()
        self.assertEqual(talk.stdout.readline(), "250\n")
        again = self.server.run(sys.executable, "-c", _SEND, peer, input="go on\n")
        self.assertEqual(again.stdout, "half\n250\n")


# A message up to its recipient; the rest when told to.
_SEND = """
import smtplib, sys
c = smtplib.SMTP(sys.argv[1], 25, timeout=20, local_hostname="mx1.example.org")
c.ehlo()
c.mail("alice@example.org")
c.rcpt("bob@example.net")
print("half")
sys.stdin.readline()
print(c.data("Subject: x\\r\\n\\r\\nthe message\\r\\n")[0])
c.quit()
"""


def _bound(source, address, port, timeout=20.0):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(timeout)
    s.bind((source, 0))
    s.connect((address, port))
    return s


def _connect(source, address, port, timeout):
    try:
        _bound(source, address, port, timeout).close()
        return "open"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "silent"


def _smtp(source, address, port=25, timeout=20):
    c = smtplib.SMTP(timeout=timeout, local_hostname="x[192.0.2.9]", source_address=(source, 0))
    c.connect(address, port)
    return c


def _smtp_login(source, address, port, user, password):
    c = _smtp(source, address, port)
    try:
        return c.login(user, password)[0]
    except smtplib.SMTPAuthenticationError as e:
        return e.smtp_code
    finally:
        c.close()


def _relay(source, address, times):
    """The answers to so many foreign recipients; None where a ban came in between."""
    c = _smtp(source, address, timeout=4)
    codes = []
    try:
        c.ehlo("unknown[192.0.2.9]")
        c.mail('"unknown[192.0.2.9]"@example.net')
        for i in range(times):
            codes.append(c.rcpt(f'"x{i}[192.0.2.9]: 554 5.7.1 x: Relay access denied"@example.com')[0])
    except OSError:  # smtplib's errors are such, too
        codes += [None] * (times - len(codes))
    c.close()
    return codes


class _Imap(imaplib.IMAP4):
    """With TLS from the start and a source address."""

    def __init__(self, source, address):
        self.source = source
        super().__init__(address, 993, 20)

    def _create_socket(self, timeout):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(_bound(self.source, self.host, self.port, timeout))


def _imap_login(source, address, user, password):
    c = _Imap(source, address)
    try:
        return c.login(user, password)[0]
    except imaplib.IMAP4.error:
        return "NO"
    finally:
        c.shutdown()


if __name__ == "__main__":
    main()
