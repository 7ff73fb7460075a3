/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/literal_sample.h"

#include <stdbool.h>
#include <string.h>

#include "conf/literal_score.h"

#define SLOTS 4096

/* What clients and administrators name is left out: it differs from line to line. The failed
 * password is in it because on an open port it is what most lines are about. */
static const char sample[] =
    /* sshd, PAM, cron, sudo, systemd, kernel */
    "Accepted publickey for \n"
    "Accepted password for \n"
    " from 192.0.2.17 port 51234 ssh2: ED25519 SHA256:\n"
    "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)\n"
    "pam_unix(cron:session): session closed for user root\n"
    "Failed password for invalid user \n"
    "Received disconnect from 192.0.2.17 port 51234:11: disconnected by user\n"
    "Disconnected from user \n"
    "Disconnected from 192.0.2.17 port 51234\n"
    "Connection closed by 192.0.2.17 port 51234 [preauth]\n"
    "Connection reset by 192.0.2.17 port 51234 [preauth]\n"
    "CRON[21874]: (root) CMD (\n"
    "sudo: TTY=pts/0 ; PWD=/home/ ; USER=root ; COMMAND=/usr/bin/\n"
    "systemd[1]: Started session-413.scope - Session 413 of User \n"
    "kernel: [123456.789012] audit: type=1400 \n"
    "type=USER_AUTH msg=audit(1795252525.123:88): pid= uid=0 auid= ses= msg='op=PAM:authentication "
    "grantors=pam_unix acct=\" exe=\"/usr/sbin/ hostname= addr= terminal=ssh res=success'\n"
    /* mail */
    "postfix/smtpd[2201]: connect from unknown[\n"
    "warning: hostname does not resolve to address \n"
    ": client=unknown[198.51.100.25], sasl_method=PLAIN, sasl_username=\n"
    ": from=<>, size=18231, nrcpt=1 (queue active)\n"
    ": to=<>, relay=mail[]:25, delay=0.6, delays=0.4/0/0/0.2, dsn=2.0.0, status=sent (250 2.0.0 "
    "Ok: "
    "queued as \n"
    "disconnect from unknown[198.51.100.25] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 "
    "commands=7\n"
    "NOQUEUE: reject: RCPT from unknown[198.51.100.25]: 450 4.7.1 <>: Recipient address rejected: "
    "\n"
    "imap-login: Login: user=<>, method=PLAIN, rip=192.0.2.44, lip=192.0.2.2, mpid=2213, TLS, "
    "session=<>\n"
    "pop3-login: Login: user=<>, method=\n"
    "submission-login: Login: user=<\n"
    "managesieve-login: Login: user=<\n"
    "imap-login: Disconnected: Connection closed (no auth attempts in 0 secs): user=<>, rip=\n"
    " <= anna@example.com H=host.example.com [192.0.2.44] P=esmtps X=TLS1.3 CV=no S=2311\n"
    /* web */
    " - - [21/Nov/2026:10:15:21 +0100] \"GET / HTTP/1.1\" 200 \n"
    "] \"POST /login HTTP/2.0\" 304 \n"
    "/doku.php?id=\n"
    "\" \"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\"\n"
    "\" \"https://www.example.com/\" \"Mozilla/5.0 (compatible; bot/2.0; +http://\n"
    " [error] 1123#1123: *1 open() \"/var/www/html/ failed (2: No such file or directory), client: "
    "192.0.2.1, server: example.com, request: \"GET / HTTP/1.1\", host: \"\n"
    " [mpm_event:notice] [pid 1200:tid 1200] \n"
    ":error] [pid 1200:tid 1200] [client 192.0.2.1:5123] AH0\n"
    "haproxy[811]: www~ app/srv1 0/0/1/12/13 200 4521 - - ---- 12/12/3/1/0 0/0 \"GET \n"
    /* applications, most of them in JSON or logfmt */
    "{\"level\":\"info\",\"ts\":1795252528.1234,\"logger\":\"http.log.access\",\"msg\":\"handled "
    "request\",\"request\":{\"remote_ip\":\"\",\"remote_port\":\"\",\"proto\":\"HTTP/"
    "2.0\",\"method\":\"GET\",\"host\":\"\",\"uri\":\"/\",\"headers\":{\"User-Agent\":[\"\n"
    "logger=context userId=1 orgId=1 uname= t=2026-11-21T10:15:02 level=info msg=\"Request "
    "Completed\" "
    "method=GET path=/ status=200 remote_addr=192.0.2.1 time_ms=1 duration= size= referer= "
    "handler=\n"
    "{\"reqId\":\"\",\"level\":1,\"time\":\"\",\"remoteAddr\":\"\",\"user\":\"\",\"app\":\"\","
    "\"method\":\"GET\",\"url\":\"/\",\"message\":\"\",\"userAgent\":\"\",\"version\":\"\n"
    "{\"severity\":\"INFO\",\"time\":\"\",\"correlation_id\":\"\",\"message\":\"Successful Login: "
    "username= ip=\n"
    "{\"ClientAddr\":\"\",\"ClientHost\":\"\",\"ClientPort\":\"\",\"ClientUsername\":\"-\","
    "\"DownstreamContentSize\":123,\"DownstreamStatus\":200,\"StartUTC\":\"\n"
    "{\"timestamp\":\"2026-11-21\",\"level\":\"debug\",\"msg\":\"\",\"caller\":\"\",\"path\":\"\","
    "\"request_id\":\"\",\"ip_addr\":\"\",\"user_id\":\"\",\"method\":\"GET\",\"http_code\":200\n"
    "Successful login for (ID: 3) from 192.0.2.1 in session \n"
    "SECURITY[4583] res_security_log.c: "
    "SecurityEvent=\"SuccessfulAuth\",EventTV=\"2026-11-21T10:15:"
    "02\",Severity=\"Informational\",Service=\"PJSIP\",AccountID=\",SessionID=\",LocalAddress="
    "\"IPV4/"
    "UDP/"
    "192.0.2.1/5060\",RemoteAddress=\"IPV4/UDP/\n"
    "NOTICE[4583] res_pjsip/pjsip_distributor.c: \n"
    "] [INFO] http - \n"
    "[3-1] 2026-11-21 10:15:02 CET [1234] LOG:  connection received: host=192.0.2.1 port=51234\n"
    "message repeated 2 times: [ \n"
    "conn=1042 fd=17 ACCEPT from IP=192.0.2.11:41822 (IP=0.0.0.0:389)\n"
    "conn=1042 op=0 RESULT tag=97 err=0 \n"
    /* words, as they stand alone */
    "authentication\nconnection\npassword\nmessage\nrequest\nwarning\nclient\nserver\nstatus\n"
    "error\nfailed\nlogin\nInfo: \n://127.0.0.1\n";

/* Which place of the sample comes next with the same hash, from the last to the first. */
static struct {
	bool made;
	uint16_t last[SLOTS], before[sizeof(sample)];
} chains;

static unsigned char
fold(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static uint32_t
step(uint32_t hash, unsigned char c)
{
	return (hash ^ fold(c)) * 0x01000193u;
}

static uint32_t
slot(uint32_t hash)
{
	return hash * 0x9e3779b1u >> 20;
}

static void
make_chains(void)
{
	for (size_t i = 0; i + SAMPLE_LEAST < sizeof(sample); i++) {
		uint32_t hash = 0;

		for (size_t k = 0; k < SAMPLE_LEAST; k++)
			hash = step(hash, (unsigned char)sample[i + k]);
		/* Place 0 stands for none. */
		chains.before[i] = chains.last[slot(hash)];
		chains.last[slot(hash)] = (uint16_t)i;
	}
	chains.made = true;
}

static size_t
same_length(const char *s, const uint16_t *p, size_t n)
{
	size_t same = 0;

	while (same < n && s[same] != '\n' && s[same]) {
		unsigned char c = (unsigned char)s[same], want = (unsigned char)p[same];

		if ((p[same] & TEXT_FOLD ? fold(c) : c) != want)
			break;
		same++;
	}
	return same;
}

size_t
literal_sample_length(const uint16_t *p, size_t n)
{
	uint32_t hash = 0;
	size_t longest = 0;

	if (!chains.made)
		make_chains();
	if (n < SAMPLE_LEAST)
		return 0;
	for (size_t k = 0; k < SAMPLE_LEAST; k++)
		hash = step(hash, (unsigned char)p[k]);
	for (size_t i = chains.last[slot(hash)]; i; i = chains.before[i]) {
		size_t same = same_length(sample + i, p, n);

		longest = same > longest ? same : longest;
	}
	return longest < SAMPLE_LEAST ? 0 : longest;
}
