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
    "Nov  3 04:17:09 gate sshd[811]: Server listening on 0.0.0.0 port 22.",
    "Nov  3 04:17:31 gate sshd[30117]: Accepted password for backup from 2001:db8:7::12 port 40122 "
    "ssh2",
    "Nov  3 04:17:31 gate sshd[30117]: Starting session: command for backup from 2001:db8:7::12 "
    "port 40122 id 0",
    "Nov  3 04:17:40 gate sshd[30117]: Close session: user backup from 2001:db8:7::12 port 40122 "
    "id 0",
    "Nov  3 04:17:40 gate sshd[30117]: pam_unix(sshd:session): session closed for user backup",
    "Nov  3 04:17:44 gate sshd[30140]: Postponed publickey for carla from 192.0.2.71 port 60311 "
    "ssh2 [preauth]",
    "Nov  3 04:18:02 gate systemd[1]: Starting logrotate.service - Rotate log files...",
    "Nov  3 04:18:02 gate systemd[1]: logrotate.service: Deactivated successfully.",
    "Nov  3 04:18:02 gate systemd[1]: Finished logrotate.service - Rotate log files.",
    "Nov  3 04:18:05 gate systemd[1]: Created slice user-1001.slice - User Slice of UID 1001.",
    "Nov  3 04:18:05 gate systemd[1]: Starting user@1001.service - User Manager for UID 1001...",
    "Nov  3 04:18:06 gate systemd[30201]: Reached target default.target - Main User Target.",
    "Nov  3 04:18:06 gate systemd[30201]: Startup finished in 81ms.",
    "Nov  3 04:18:40 gate systemd[1]: Removed slice user-1001.slice - User Slice of UID 1001.",
    "Nov  3 04:18:41 gate systemd[1]: Condition check resulted in fast remote file copy program "
    "daemon being skipped.",
    "Nov  3 04:18:42 gate systemd-logind[590]: Session 77 logged out. Waiting for processes to "
    "exit.",
    "Nov  3 04:18:42 gate systemd-logind[590]: Removed session 77.",
    "Nov  3 04:18:43 gate systemd-timesyncd[488]: Contacted time server 192.0.2.123:123 "
    "(ntp.example.org).",
    "Nov  3 04:18:44 gate systemd-resolved[501]: Using degraded feature set UDP instead of "
    "UDP+EDNS0 for DNS server 192.0.2.53.",
    "Nov  3 04:18:45 gate systemd-networkd[470]: eth0: DHCPv4 address 192.0.2.14/24, gateway "
    "192.0.2.1 acquired from 192.0.2.1",
    "Nov  3 04:19:01 gate CRON[30300]: (www-data) CMD (test -x /usr/bin/php && php "
    "/srv/www/cron.php > /dev/null 2>&1)",
    "Nov  3 04:20:01 gate CRON[30311]: (root) CMD (cd / && run-parts --report /etc/cron.hourly)",
    "Nov  3 04:20:01 gate anacron[30320]: Job `cron.daily' started",
    "Nov  3 04:20:09 gate su[30333]: (to postgres) carla on pts/2",
    "Nov  3 04:20:09 gate su[30333]: pam_unix(su-l:session): session opened for user "
    "postgres(uid=112) by carla(uid=1001)",
    "Nov  3 04:20:30 gate sudo: pam_unix(sudo:session): session opened for user root(uid=0) by "
    "carla(uid=1001)",
    "Nov  3 04:20:30 gate sudo[30340]:    carla : TTY=pts/2 ; PWD=/srv ; USER=root ; "
    "COMMAND=/usr/bin/apt-get -y upgrade",
    "Nov  3 04:21:00 gate kernel: [ 8812.004311] eth0: Link is Up - 1Gbps/Full - flow control "
    "rx/tx",
    "Nov  3 04:21:01 gate kernel: [ 8812.910022] EXT4-fs (dm-2): mounted filesystem with ordered "
    "data mode. Quota mode: none.",
    "Nov  3 04:21:02 gate kernel: [ 8813.221109] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:00:00:01 "
    "SRC=198.51.100.77 DST=192.0.2.14 LEN=40 TOS=0x00 PREC=0x00 TTL=241 ID=1201 PROTO=TCP "
    "SPT=41012 DPT=8080 WINDOW=1024 RES=0x00 SYN URGP=0",
    "Nov  3 04:21:03 gate kernel: usb 2-1: new SuperSpeed USB device number 3 using xhci_hcd",
    "Nov  3 04:21:04 gate rsyslogd: [origin software=\"rsyslogd\" swVersion=\"8.2302.0\" "
    "x-pid=\"612\" x-info=\"https://www.rsyslog.com\"] rsyslogd was HUPed",
    "Nov  3 04:21:05 gate dbus-daemon[520]: [system] Successfully activated service "
    "'org.freedesktop.hostname1'",
    "Nov  3 04:21:06 gate chronyd[640]: Selected source 192.0.2.124 (ntp2.example.org)",
    "Nov  3 04:21:07 gate dhclient[455]: DHCPREQUEST for 192.0.2.14 on eth0 to 192.0.2.1 port 67",
    "Nov  3 04:21:07 gate dhclient[455]: bound to 192.0.2.14 -- renewal in 1641 seconds.",
    "Nov  3 04:21:08 gate named[702]: client @0x7f21c0 192.0.2.81#50122 (www.example.com): query: "
    "www.example.com IN AAAA +E(0)K (192.0.2.53)",
    "Nov  3 04:21:08 gate named[702]: zone example.com/IN: sending notifies (serial 2026112101)",
    "Nov  3 04:21:09 gate unbound[733]: [733:0] info: generate keytag query _ta-4f66. NULL IN",
    "Nov  3 04:21:10 gate smartd[650]: Device: /dev/sda [SAT], SMART Usage Attribute: 194 "
    "Temperature_Celsius changed from 67 to 66",
    "Nov  3 04:21:11 gate snmpd[655]: Connection from UDP: [192.0.2.90]:40110->[192.0.2.14]:161",
    "Nov  3 04:21:12 gate dockerd[900]: time=\"2026-11-03T04:21:12.120411+01:00\" level=info "
    "msg=\"ignoring event\" container=5f1e2a module=libcontainerd namespace=moby "
    "topic=/tasks/delete type=\"*events.TaskDelete\"",
    "Nov  3 04:21:13 gate postgres[1010]: LOG:  checkpoint complete: wrote 118 buffers (0.7%); 0 "
    "WAL file(s) added, 0 removed, 0 recycled; write=11.8 s, sync=0.01 s, total=11.9 s",
    "2026-11-03 04:21:13.442 UTC [1022] app@shop LOG:  duration: 512.003 ms  statement: SELECT id, "
    "name FROM items WHERE state = 'open'",
    "2026-11-03T04:21:14.001288Z 12 [Note] [MY-010914] [Server] Aborted connection 12 to db: "
    "'shop' user: 'app' host: '192.0.2.31' (Got timeout reading communication packets).",
    "Nov  3 04:22:00 mx postfix/postscreen[4100]: CONNECT from [198.51.100.30]:52112 to "
    "[192.0.2.25]:25",
    "Nov  3 04:22:00 mx postfix/postscreen[4100]: PASS OLD [198.51.100.30]:52112",
    "Nov  3 04:22:01 mx postfix/smtpd[4102]: Anonymous TLS connection established from "
    "out.example.net[198.51.100.30]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) "
    "key-exchange X25519 server-signature RSA-PSS (2048 bits)",
    "Nov  3 04:22:02 mx postfix/smtpd[4102]: warning: hostname host.example.net does not resolve "
    "to address 198.51.100.31: Name or service not known",
    "Nov  3 04:22:03 mx postfix/submission/smtpd[4110]: 7C21A40E11: client=unknown[192.0.2.60], "
    "sasl_method=PLAIN, sasl_username=carla@example.com",
    "Nov  3 04:22:04 mx postfix/smtp[4111]: 7C21A40E11: to=<info@example.net>, "
    "relay=mx.example.net[198.51.100.9]:25, delay=1.9, delays=0.2/0.01/1.1/0.6, dsn=2.0.0, "
    "status=sent (250 2.0.0 Ok: queued as 9A1F42C0)",
    "Nov  3 04:22:05 mx postfix/smtp[4112]: 1B7700C2A9: to=<list@example.org>, relay=none, "
    "delay=30, delays=0.1/0/30/0, dsn=4.4.1, status=deferred (connect to "
    "example.org[203.0.113.9]:25: Connection timed out)",
    "Nov  3 04:22:06 mx postfix/anvil[4120]: statistics: max connection rate 2/60s for "
    "(smtp:198.51.100.30) at Nov  3 04:18:00",
    "Nov  3 04:22:07 mx opendkim[690]: 7C21A40E11: DKIM-Signature field added (s=mail, "
    "d=example.com)",
    "Nov  3 04:22:08 mx rspamd[801]: <a1b2c3>; proxy; rspamd_task_write_log: id: "
    "<20261103042208.1@example.net>, qid: <7C21A40E11>, ip: 198.51.100.30, from: "
    "<news@example.net>, (default: F (no action): [1.20/15.00] "
    "[ARC_NA(0.00){},MIME_GOOD(-0.10){text/plain;}]), len: 4120, time: 61.2ms",
    "Nov  3 04:22:09 mx spamd[811]: spamd: clean message (1.2/5.0) for filter:115 in 0.9 seconds, "
    "4120 bytes.",
    "Nov  3 04:22:10 mx dovecot: imap(carla)<4130><b1Xq2>: Connection closed (IDLE running for "
    "0.001 + waiting input for 29.1 secs, 2 B in + 10 B out, state=wait-input) in=120 out=2301 "
    "deleted=0 expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0",
    "Nov  3 04:22:11 mx dovecot: lmtp(carla)<4131><9vQmA>: sieve: "
    "msgid=<20261103042208.1@example.net>: stored mail into mailbox 'INBOX'",
    "Nov  3 04:22:12 mx dovecot: pop3-login: Login: user=<office>, method=PLAIN, "
    "rip=2001:db8:7::44, lip=2001:db8::25, mpid=4140, TLS, session=<Uv0aaQ>",
    "192.0.2.201 - carla [03/Nov/2026:04:23:00 +0100] \"PROPFIND /remote.php/dav/files/carla/ "
    "HTTP/1.1\" 207 1811 \"-\" \"Mozilla/5.0 (Linux) mirall/3.10.1\"",
    "198.51.100.41 - - [03/Nov/2026:04:23:01 +0100] \"GET "
    "/wp-content/themes/plain/style.css?ver=6.6.1 HTTP/2.0\" 200 11034 "
    "\"https://blog.example.org/2026/11/hello/\" \"Mozilla/5.0 (Linux; Android 14; Pixel 8) "
    "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36\"",
    "198.51.100.42 - - [03/Nov/2026:04:23:02 +0100] \"POST /wp-admin/admin-ajax.php HTTP/2.0\" 200 "
    "120 \"https://blog.example.org/wp-admin/post.php?post=12&action=edit\" \"Mozilla/5.0 "
    "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Safari/605.1.15\"",
    "203.0.113.90 - - [03/Nov/2026:04:23:03 +0100] \"GET /sitemap.xml HTTP/1.1\" 301 178 \"-\" "
    "\"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)\"",
    "203.0.113.91 - - [03/Nov/2026:04:23:04 +0100] \"GET "
    "/index.php?option=com_content&view=article&id=7 HTTP/1.1\" 200 18311 "
    "\"https://www.google.com/\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) "
    "Gecko/20100101 Firefox/132.0\"",
    "203.0.113.92 - - [03/Nov/2026:04:23:05 +0100] \"HEAD / HTTP/1.1\" 200 - \"-\" "
    "\"Uptime-Kuma/1.23\"",
    "www.example.org:443 203.0.113.93 - - [03/Nov/2026:04:23:06 +0100] \"GET /fonts/inter.woff2 "
    "HTTP/1.1\" 206 65536 \"https://www.example.org/shop/cart\" \"Mozilla/5.0 (X11; CrOS x86_64) "
    "AppleWebKit/537.36\"",
    "203.0.113.94 - - [03/Nov/2026:04:23:07 +0100] \"GET /.well-known/acme-challenge/k3Jq "
    "HTTP/1.1\" 200 87 \"-\" \"Mozilla/5.0 (compatible; Let's Encrypt validation server; "
    "+https://www.letsencrypt.org)\"",
    "2026/11/03 04:23:08 [warn] 1123#1123: *8811 an upstream response is buffered to a temporary "
    "file /var/cache/nginx/proxy_temp/4/00/0000000004 while reading upstream, client: "
    "203.0.113.94, server: www.example.org, request: \"GET /export.csv HTTP/1.1\", upstream: "
    "\"http://127.0.0.1:8080/export.csv\", host: \"www.example.org\"",
    "2026/11/03 04:23:09 [error] 1123#1123: *8812 open() \"/srv/www/favicon.ico\" failed (2: No "
    "such file or directory), client: 203.0.113.94, server: www.example.org, request: \"GET "
    "/favicon.ico HTTP/2.0\", host: \"www.example.org\"",
    "[Tue Nov 03 04:23:10.118201 2026] [php:notice] [pid 1301:tid 1301] [client "
    "203.0.113.95:51002] PHP Notice:  Undefined index: page in /srv/www/list.php on line 41",
    "[Tue Nov 03 04:23:11.000122 2026] [core:error] [pid 1302:tid 1302] [client "
    "203.0.113.95:51004] File does not exist: /srv/www/logo.svg",
    "Nov  3 04:23:12 lb haproxy[1500]: 203.0.113.96:39011 [03/Nov/2026:04:23:12.001] https~ "
    "web/web2 0/0/1/31/32 200 5120 - - ---- 41/40/2/1/0 0/0 \"GET /api/cart HTTP/1.1\"",
    "Nov  3 04:23:13 vpn openvpn[1600]: carla/203.0.113.97:50211 VERIFY OK: depth=0, CN=carla",
    "Nov  3 04:23:14 vpn charon[1610]: 12[IKE] sending DPD request",
    "Nov  3 04:23:15 pbx asterisk[1700]: [2026-11-03 04:23:15] VERBOSE[1733] app_dial.c: Called "
    "PJSIP/201",
    "time=\"2026-11-03T04:23:16Z\" level=info msg=\"Request Completed\" method=GET "
    "path=/api/live/ws status=200 remote_addr=192.0.2.77 time_ms=2 duration=2.1ms size=0 referer=",
    "{\"reqId\":\"kQ2v\",\"level\":1,\"time\":\"2026-11-03T04:23:17+00:00\",\"remoteAddr\":\"192.0."
    "2.60\",\"user\":\"carla\",\"app\":\"files\",\"method\":\"GET\",\"url\":\"/apps/files/"
    "\",\"message\":\"scan of folder done\"}",
    "type=SYSCALL msg=audit(1793676198.120:4411): arch=c000003e syscall=59 success=yes exit=0 "
    "ppid=1 pid=30500 auid=1001 uid=0 gid=0 comm=\"id\" exe=\"/usr/bin/id\" key=(null)",
    NULL,
};
