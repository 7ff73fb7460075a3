/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_sample.h"

#include <stddef.h>

const char *const scan_sample[] = {
    "Nov 21 10:15:01 mail CRON[21873]: pam_unix(cron:session): session opened for user root(uid=0) "
    "by "
    "(uid=0)",
    "Nov 21 10:15:01 mail CRON[21874]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 "
    "1 1)",
    "Nov 21 10:15:01 mail CRON[21873]: pam_unix(cron:session): session closed for user root",
    "2026-11-21T10:15:02.113482+01:00 web01 systemd[1]: Started session-413.scope - Session 413 of "
    "User "
    "deploy.",
    "2026-11-21T10:15:02.120391+01:00 web01 systemd-logind[611]: New session 413 of user deploy.",
    "2026-11-21T10:15:02.098110+01:00 web01 sshd[21901]: Accepted publickey for deploy from "
    "192.0.2.17 "
    "port 51234 ssh2: ED25519 SHA256:Qm3k",
    "2026-11-21T10:15:02.101220+01:00 web01 sshd[21901]: pam_unix(sshd:session): session opened "
    "for user "
    "deploy(uid=1001) by (uid=0)",
    "Nov 21 10:15:09 web01 sshd[21907]: Received disconnect from 192.0.2.17 port 51234:11: "
    "disconnected "
    "by user",
    "Nov 21 10:15:09 web01 sshd[21907]: Disconnected from user deploy 192.0.2.17 port 51234",
    "Nov 21 10:15:10 web01 systemd[1]: session-413.scope: Deactivated successfully.",
    "Nov 21 10:15:11 mail sudo:   deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; "
    "COMMAND=/usr/bin/systemctl reload nginx",
    "Nov 21 10:15:12 mail postfix/smtpd[2201]: connect from mx.example.org[198.51.100.25]",
    "Nov 21 10:15:12 mail postfix/smtpd[2201]: 4BD5C3F0A2: client=mx.example.org[198.51.100.25]",
    "Nov 21 10:15:12 mail postfix/cleanup[2204]: 4BD5C3F0A2: "
    "message-id=<20261121091512.GA123@mx.example.org>",
    "Nov 21 10:15:12 mail postfix/qmgr[901]: 4BD5C3F0A2: from=<news@example.org>, size=18231, "
    "nrcpt=1 "
    "(queue active)",
    "Nov 21 10:15:13 mail postfix/lmtp[2206]: 4BD5C3F0A2: to=<anna@example.com>, "
    "relay=mail.example.com[private/dovecot-lmtp], delay=0.6, delays=0.4/0/0/0.2, dsn=2.0.0, "
    "status=sent "
    "(250 2.0.0 <anna@example.com> Saved)",
    "Nov 21 10:15:13 mail postfix/qmgr[901]: 4BD5C3F0A2: removed",
    "Nov 21 10:15:13 mail postfix/smtpd[2201]: disconnect from mx.example.org[198.51.100.25] "
    "ehlo=2 "
    "starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7",
    "Nov 21 10:15:14 mail dovecot: imap-login: Login: user=<anna>, method=PLAIN, rip=192.0.2.44, "
    "lip=192.0.2.2, mpid=2213, TLS, session=<ku2Zb3sq>",
    "Nov 21 10:15:20 mail dovecot: imap(anna)<2213><ku2Zb3sq>: Disconnected: Logged out in=384 "
    "out=9120 "
    "deleted=0 expunged=0 trashed=0 hdr_count=4 hdr_bytes=1834 body_count=1 body_bytes=20123",
    "198.51.100.7 - - [21/Nov/2026:10:15:21 +0100] \"GET /assets/app.3f2a.js HTTP/1.1\" 200 48213 "
    "\"https://www.example.com/\" \"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 "
    "Firefox/120.0\"",
    "203.0.113.80 - - [21/Nov/2026:10:15:22 +0100] \"GET /images/logo.png HTTP/2.0\" 304 0 \"-\" "
    "\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/119.0.0.0 Safari/537.36\"",
    "2001:db8:4::17 - - [21/Nov/2026:10:15:22 +0100] \"POST /api/v1/items?page=2 HTTP/1.1\" 201 "
    "512 "
    "\"https://app.example.com/items\" \"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1\"",
    "203.0.113.81 - - [21/Nov/2026:10:15:23 +0100] \"GET /robots.txt HTTP/1.1\" 404 162 \"-\" "
    "\"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)\"",
    "2026/11/21 10:15:24 [notice] 1123#1123: signal process started",
    "[Sat Nov 21 10:15:24.331201 2026] [mpm_event:notice] [pid 1200:tid 1200] AH00489: "
    "Apache/2.4.57 "
    "(Debian) configured -- resuming normal operations",
    "Nov 21 10:15:25 web01 kernel: [123456.789012] audit: type=1400 audit(1795252525.123:88): "
    "apparmor=\"STATUS\" operation=\"profile_replace\"",
    "Nov 21 10:15:26 web01 slapd[702]: conn=1042 fd=17 ACCEPT from IP=192.0.2.11:41822 "
    "(IP=0.0.0.0:389)",
    "Nov 21 10:15:26 web01 slapd[702]: conn=1042 op=0 BIND dn=\"cn=reader,dc=example,dc=com\" "
    "method=128",
    "Nov 21 10:15:26 web01 slapd[702]: conn=1042 op=1 SRCH base=\"dc=example,dc=com\" scope=2 "
    "deref=0 "
    "filter=\"(uid=anna)\"",
    "Nov 21 10:15:26 web01 slapd[702]: conn=1042 op=1 SEARCH RESULT tag=101 err=0 nentries=1 text=",
    "2026-11-21 10:15:27 1r5XyZ-0001Ab-2C <= anna@example.com H=host.example.com [192.0.2.44] "
    "P=esmtpsa "
    "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no A=plain:anna S=2311",
    "{\"level\":\"info\",\"ts\":1795252528.1234,\"logger\":\"http.log.access\",\"msg\":\"handled "
    "request\",\"request\":{\"remote_ip\":\"198.51.100.9\",\"proto\":\"HTTP/"
    "2.0\",\"method\":\"GET\","
    "\"host\":\"example.com\",\"uri\":\"/\",\"headers\":{\"User-Agent\":[\"curl/"
    "8.1\"]}},\"status\":200}",
    NULL,
};
