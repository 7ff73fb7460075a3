/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Writes the benchmark's logs to standard output: the same for the same seed, but for the times,
 * which end now. Comes in: what and how much, as arguments. Goes out: lines, a journal in the
 * export format, or garbage. Bounded: one line is at most LINE bytes.
 *
 * corpus KIND BYTES SHARE [SEED [SPAN [END]]]: KIND mixed, sshd, auth, mail, web, journal or
 * garbage; SHARE of 1,000 lines are offences; the lines' times are spread over the SPAN seconds
 * (240) up to END (now). For journal BYTES is the number of entries.
 */
#include "corpus.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM      (1 << 20)
#define LINE      4096
#define PICKS     8192
#define BENIGN    20000 /* addresses that log in, send mail and look at pages */
#define ATTACKERS 50000 /* a few of them busy, most of them not */
#define COUNT(x)  (sizeof(x) / sizeof(*(x)))

struct gen {
	char *at; /* where the next byte goes */
	char room[ROOM + LINE];
	uint64_t rng;
	time_t now;
	unsigned usec;
	struct tm tm;
	char client[48], apache[32], clf[32], nginx[32], syslog[32];
	bool bare; /* without the syslog header */
	uint16_t picks[2][PICKS];
	size_t n[2];
};

/* Parts of 1,000 of a mixed log. */
static const int mix[LANES] = {[SSHD] = 150, [AUTH] = 80, [MAIL] = 300, [WEB] = 380, [REST] = 90};

static uint64_t
next(struct gen *g)
{
	g->rng ^= g->rng << 13;
	g->rng ^= g->rng >> 7;
	g->rng ^= g->rng << 17;
	return g->rng;
}

static uint32_t
below(struct gen *g, uint32_t n)
{
	return (uint32_t)((next(g) >> 32) * n >> 32);
}

static void
put(struct gen *g, const char *text)
{
	g->at = stpcpy(g->at, text);
}

static void
put_number(struct gen *g, uint32_t n)
{
	char text[12], *p = text + sizeof(text);

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	memcpy(g->at, p, (size_t)(text + sizeof(text) - p));
	g->at += text + sizeof(text) - p;
}

static void
put_letters(struct gen *g, const char *alphabet, unsigned bits, unsigned n)
{
	uint64_t r = 0;
	unsigned left = 0;

	for (; n > 0; n--, left -= bits, r >>= bits) {
		if (left < bits) {
			r = next(g);
			left = 60;
		}
		*g->at++ = alphabet[r & ((1u << bits) - 1)];
	}
}

static void
put_base64(struct gen *g, unsigned n)
{
	put_letters(g, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6, n);
}

#define ONE_OF(list) list[below(g, COUNT(list))]

/* One in five has IPv6. The same number is the same address in every log. */
static void
choose_client(struct gen *g, bool offence)
{
	uint64_t n = below(g, 1 << 16);
	uint64_t who = offence ? (n * n >> 16) * n / (1 << 16) * ATTACKERS / (1 << 16)
			       : n * BENIGN / (1 << 16);
	uint64_t h = (who * 2 + offence + 1) * 0x9e3779b97f4a7c15;

	h ^= h >> 29;
	if (h % 5 == 0)
		snprintf(g->client, sizeof(g->client), "2a%02x:%x:%x:%x::%x", offence ? 3 : 2,
		    (unsigned)(h >> 48), (unsigned)(h >> 36 & 0xfff) + 1,
		    (unsigned)(h >> 20 & 0xffff) + 1, (unsigned)(h >> 8 & 0xfff) + 1);
	else
		snprintf(g->client, sizeof(g->client), "%u.%u.%u.%u", 20 + (unsigned)(h >> 56) % 80,
		    (unsigned)(h >> 48 & 255), (unsigned)(h >> 40 & 254) + offence,
		    1 + (unsigned)(h >> 32 & 255) % 254);
}

/* A request: method and path, half of them with a query. */
static void
put_request(struct gen *g)
{
	put(g, below(g, 8) ? "GET " : "POST ");
	put(g, ONE_OF(paths));
	if (below(g, 2)) {
		put(g, "?v=");
		put_number(g, below(g, 100000));
	}
}

static void
put_host(struct gen *g)
{
	put(g, "host-");
	put_number(g, below(g, 10000));
	put(g, ".");
	put(g, ONE_OF(domains));
}

static void
put_word(struct gen *g, char c)
{
	switch (c) {
	case 'S':
		put(g, g->bare ? "" : g->syslog);
		break;
	case 'C':
		put(g, g->clf);
		break;
	case 'N':
		put(g, g->nginx);
		break;
	case 'A':
		put(g, g->apache);
		break;
	case 'I':
		put(g, g->client);
		break;
	case 'u':
		put(g, ONE_OF(users));
		break;
	case 'x':
		put(g, ONE_OF(tried));
		if (below(g, 3) == 0)
			put_number(g, below(g, 1000));
		break;
	case 'b':
		put(g, ONE_OF(domains));
		break;
	case 'y':
		put(g, ONE_OF(paths));
		break;
	case 'W':
		put(g, ONE_OF(scanned));
		break;
	case 'a':
		put(g, ONE_OF(agents));
		break;
	case 'r':
		put(g, below(g, 2) ? "-" : "https://www.example.org/");
		break;
	case 'w':
		put_request(g);
		break;
	case 'o':
		put_host(g);
		break;
	case 'p':
		put_number(g, 1000 + below(g, 31000));
		break;
	case 'P':
		put_number(g, 1024 + below(g, 64000));
		break;
	case 'n':
		put_number(g, 1 + below(g, 900));
		break;
	case 'z':
		put_number(g, 100 + below(g, 200000));
		break;
	case 'q':
		put_letters(g, "0123456789ABCDEF", 4, 10);
		break;
	case 'h':
		put_letters(g, "0123456789abcdef", 4, 12);
		break;
	case 's':
		put_base64(g, 16);
		break;
	case 'k':
		put_base64(g, 43);
		break;
	default:
		*g->at++ = c;
	}
}

static void
set_time(struct gen *g, time_t now)
{
	if (now == g->now)
		return;
	g->now = now;
	localtime_r(&now, &g->tm);
	strftime(g->syslog, sizeof(g->syslog), "%b %e %H:%M:%S mx1 ", &g->tm);
	strftime(g->clf, sizeof(g->clf), "%d/%b/%Y:%H:%M:%S %z", &g->tm);
	strftime(g->nginx, sizeof(g->nginx), "%Y/%m/%d %H:%M:%S", &g->tm);
	strftime(g->apache, sizeof(g->apache), "%a %b %d %H:%M:%S.347293 %Y", &g->tm);
}

static void
put_line(struct gen *g, const struct line *l)
{
	choose_client(g, l->offence);
	for (const char *p = l->text; *p; p++)
		if (*p == '%')
			put_word(g, *++p);
		else
			*g->at++ = *p;
}

static const struct line *
pick(struct gen *g, unsigned share)
{
	bool offence = below(g, 1000) < share;

	return &lines[g->picks[offence][below(g, (uint32_t)g->n[offence])]];
}

/* Fills the table that a line is drawn from, with each lane's part of it. */
static void
weigh(struct gen *g, const int part[static LANES])
{
	for (int offence = 0; offence < 2; offence++) {
		int weight[LANES] = {0}, whole = 0;

		for (size_t i = 0; i < COUNT(lines); i++)
			if (lines[i].offence == offence)
				weight[lines[i].lane] += lines[i].weight;
		for (int i = 0; i < LANES; i++)
			whole += weight[i] ? part[i] : 0;
		for (size_t i = 0; i < COUNT(lines); i++) {
			const struct line *l = &lines[i];
			size_t n = l->offence == offence
				       ? (size_t)((PICKS - COUNT(lines)) *
						  (unsigned)(part[l->lane] * l->weight) /
						  (unsigned)(whole * weight[l->lane]))
				       : 0;

			for (n += l->offence == offence && part[l->lane];
			     n > 0 && g->n[offence] < PICKS; n--)
				g->picks[offence][g->n[offence]++] = (uint16_t)i;
		}
	}
}

static void
flush(struct gen *g)
{
	if (fwrite(g->room, 1, (size_t)(g->at - g->room), stdout) != (size_t)(g->at - g->room))
		exit(1);
	g->at = g->room;
}

static void
write_lines(struct gen *g, uint64_t bytes, unsigned share, time_t span, time_t end)
{
	for (uint64_t done = 0; done < bytes;) {
		char *begin = g->at;

		set_time(g, end - span + (time_t)((unsigned __int128)span * done / bytes));
		put_line(g, pick(g, share));
		*g->at++ = '\n';
		done += (uint64_t)(g->at - begin);
		if (g->at - g->room > ROOM)
			flush(g);
	}
	flush(g);
}

/* What journald knows of a program: its unit, and the facility of its messages. */
static const struct unit {
	const char *program, *unit, *slice, *facility;
} units[] = {
    {"sshd", "ssh.service", "system.slice", "4"},
    {"postfix/", "postfix@-.service", "system-postfix.slice", "2"},
    {"dovecot", "dovecot.service", "system.slice", "2"},
    {"CRON", "cron.service", "system.slice", "10"},
    {"sudo", "session-4.scope", "user-1000.slice", "10"},
    {"cockpit-session", "cockpit.service", "system.slice", "10"},
    {"slapd", "slapd.service", "system.slice", "16"},
    {"haproxy", "haproxy.service", "system.slice", "16"},
    {"openvpn", "openvpn-server@server.service", "system-openvpn\\x2dserver.slice", "3"},
    {"mariadbd", "mariadb.service", "system.slice", "3"},
};

/* One entry in the export format (systemd's JOURNAL_EXPORT_FORMATS). line: as put_line wrote it,
 * ended by 0. */
static bool
put_entry(struct gen *g, char *line, uint64_t real, uint64_t mono)
{
	char *text = strstr(line, ": "), *pid;
	const struct unit *u = units;

	if (!text)
		return false;
	*text = 0;
	pid = strchr(line, '[');
	if (pid) {
		*pid++ = 0;
		text[-1] = 0;
	}
	while (u < units + COUNT(units) && strncmp(u->program, line, strlen(u->program)) != 0)
		u++;
	if (u == units + COUNT(units))
		return false;
	g->at += sprintf(g->at,
	    "__REALTIME_TIMESTAMP=%llu\n__MONOTONIC_TIMESTAMP=%llu\n_BOOT_ID="
	    "4c1d1c0d8a3f4e0bb6f4d7c8a9b0c1d2\n"
	    "_TRANSPORT=syslog\n_HOSTNAME=mx1\n_MACHINE_ID="
	    "0f1e2d3c4b5a69788796a5b4c3d2e1f0\nPRIORITY=6\n_UID=0\n_GID=0\n"
	    "SYSLOG_FACILITY=%s\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%s\n_PID=%s\n_COMM=%s\n_SYSTEMD_"
	    "UNIT=%s\n"
	    "_SYSTEMD_SLICE=%s\n_SOURCE_REALTIME_TIMESTAMP=%llu\nMESSAGE=%s\n\n",
	    (unsigned long long)real, (unsigned long long)mono, u->facility, line, pid ? pid : "1",
	    pid ? pid : "1", line, u->unit, u->slice, (unsigned long long)real - 40, text + 2);
	return true;
}

static void
write_journal(struct gen *g, uint64_t entries, unsigned share, time_t span, time_t end)
{
	uint64_t real = (uint64_t)(end - span) * 1000000,
		 step = (uint64_t)span * 1000000 / (entries + 1);

	g->bare = true;
	for (uint64_t done = 0; done < entries;) {
		static char line[LINE];
		char *begin = g->at;

		put_line(g, pick(g, share));
		*g->at = 0;
		strcpy(line, begin);
		g->at = begin;
		done += put_entry(g, line, real + done * step, 1000000 + done * step);
		if (g->at - g->room > ROOM)
			flush(g);
	}
	flush(g);
}

static void
write_garbage(struct gen *g, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += ROOM) {
		for (size_t i = 0; i < ROOM; i += 8) {
			uint64_t r = next(g);

			memcpy(g->room + i, &r, 8);
		}
		g->at = g->room + (bytes - done < ROOM ? bytes - done : ROOM);
		g->at[-1] = '\n';
		flush(g);
	}
}

static const struct kind {
	const char *name;
	int part[LANES];
} kinds[] = {
    {"sshd", {[SSHD] = 1}},
    {"auth", {[SSHD] = 2, [AUTH] = 1}},
    {"mail", {[MAIL] = 1}},
    {"web", {[WEB] = 1}},
    {"journal", {[SSHD] = 4, [AUTH] = 2, [MAIL] = 6, [REST] = 1}},
};

int
main(int argc, char **argv)
{
	static struct gen g;
	const int *part = mix;
	uint64_t size = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	unsigned share = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	time_t span = argc > 5 ? atol(argv[5]) : 240, end = argc > 6 ? atol(argv[6]) : time(NULL);

	if (size == 0) {
		fputs("usage: corpus mixed|sshd|auth|mail|web|journal|garbage BYTES SHARE [SEED "
		      "[SPAN]]\n",
		    stderr);
		return 2;
	}
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			part = kinds[i].part;
	g.at = g.room;
	g.rng = (argc > 4 ? strtoull(argv[4], NULL, 10) : 1) * 0x9e3779b97f4a7c15 + 1;
	weigh(&g, part);
	if (strcmp(argv[1], "garbage") == 0)
		write_garbage(&g, size);
	else if (strcmp(argv[1], "journal") == 0)
		write_journal(&g, size, share, span, end);
	else
		write_lines(&g, size, share, span, end);
	return fflush(stdout) != 0;
}
