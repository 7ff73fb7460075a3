/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many hosts of a fleet, as Redis sees them: one connection each, in XREAD BLOCK on one stream.
 *
 *	fleet_hosts PORT STREAM [NAME=VALUE ...]
 *
 * count, block: of XREAD; wait: ms before a host asks again; poll=1: hosts ask by command, without
 * BLOCK; payload: bytes of a report, instead of bans; signed=1; read: port that hosts read from;
 * user, password; tls: file of the CA, cert and key: of the hosts.
 * Takes commands on standard input, answers each with one line of JSON: see commands[] at the end.
 * Times are taken on CLOCK_MONOTONIC; an entry's begins when its XADD is queued.
 */
#include "fleet_peer.h"

/* --- publishing --- */

static void
publish(struct peer *p)
{
	static char line[66000];
	char prefix[48], minid[32];
	long now = (long)time(NULL);
	const char *words[] = {
	    "XADD", opt.stream, "MINID", "~", minid, "*", "e", line, "g", SIGNATURE};
	int n;

	if (++serial >= ENTRIES)
		errx(1, "more entries than there is room for");
	snprintf(minid, sizeof(minid), "%ld000-0", now - 604800);
	if (serial % 2)
		snprintf(prefix, sizeof(prefix), "203.%u.%u.%u", (serial >> 16) & 255,
		    (serial >> 8) & 255, serial & 255);
	else
		snprintf(
		    prefix, sizeof(prefix), "2001:db8:%x:%x::/64", serial >> 16, serial & 65535);
	n = snprintf(line, sizeof(line), "1 %s web-%04u.example.net %lu ",
	    opt.payload ? "report" : "ban", (unsigned)pick(10000), SERIALS + serial);
	if (opt.payload) {
		memset(line + n, 'j', opt.payload);
		line[(unsigned)n + opt.payload] = '\0';
	} else {
		snprintf(line + n, sizeof(line) - (size_t)n, "%s ssh points:10 %ld %ld 1", prefix,
		    now, now + 3600);
	}
	put_words(p, opt.is_signed ? 10 : 8, words);
	sent[serial] = now_ns();
}

static void
set_goal(uint64_t goal)
{
	seen.goal = goal;
	seen.caught_up = 0;
	for (unsigned i = 0; i < n_hosts; i++) {
		hosts[i].had = false;
		if (hosts[i].state == PEER_SERVING)
			is_caught_up(&hosts[i]);
	}
}

/* Until every host that reads has all entries. False: not within so many seconds. */
static bool
all_caught_up(unsigned seconds)
{
	uint64_t end = now_ns() + seconds * 1000 * MS;

	while (seen.caught_up < n_hosts && now_ns() < end)
		turn(end);
	return seen.caught_up == n_hosts;
}

static void
answer(uint64_t begin, bool all)
{
	double last = seen.last > begin ? (double)(seen.last - begin) / (double)MS : 0;

	printf("{\"all\": %s, \"serving\": %u, ", all ? "true" : "false", seen.serving);
	printf("\"deliveries\": %lu, \"replies\": %lu, ", seen.deliveries, seen.replies);
	printf("\"bytes\": %lu, \"attempts\": %lu, ", seen.bytes, seen.attempts);
	printf("\"refused\": %lu, \"late\": %lu, ", seen.refused, seen.late);
	printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, ", hist_ms(0.5), hist_ms(0.99));
	printf("\"last_ms\": %.3f, \"begin_ns\": %lu}\n", last, begin);
}

static void
more_writers(unsigned n)
{
	uint64_t end = now_ns() + 60000 * MS;

	for (; n_writers < n; n_writers++) {
		struct peer *p = &writers[n_writers];

		p->fd = -1;
		p->writer = true;
		peer_connect(p);
		while (p->state != PEER_SERVING && now_ns() < end)
			turn(now_ns() + MS);
		if (p->state != PEER_SERVING)
			errx(1, "a writer cannot connect");
	}
}

/* --- commands --- */

static void
do_connect(unsigned n, unsigned spread, unsigned limit)
{
	uint64_t begin = now_ns(), end = begin + limit * 1000 * MS;

	forget_times();
	for (unsigned i = 0; i < n; i++) {
		struct peer *p = &hosts[n_hosts + i];

		p->fd = -1;
		p->got = serial;
		memcpy(p->last, tail, sizeof(p->last));
		p->due = begin + pick(spread * MS) + 1;
	}
	n_hosts += n;
	set_goal(serial);
	while (seen.serving < n_hosts && now_ns() < end)
		turn(end);
	answer(begin, seen.serving == n_hosts);
}

/* Hosts that are away, and have read nothing. */
static void
do_away(unsigned n, unsigned unused, unsigned unused2)
{
	(void)unused;
	(void)unused2;
	for (unsigned i = 0; i < n; i++) {
		hosts[n_hosts + i].fd = -1;
		snprintf(hosts[n_hosts + i].last, sizeof(hosts[i].last), "0-0");
	}
	n_hosts += n;
	answer(now_ns(), true);
}

static void
do_bans(unsigned n, unsigned limit, unsigned unused)
{
	uint64_t begin = now_ns();

	(void)unused;
	forget_times();
	set_goal(seen.goal + n);
	for (unsigned i = 0; i < n; i++)
		publish(&writers[0]);
	peer_flush(&writers[0]);
	answer(begin, all_caught_up(limit));
}

/* Entries that nobody reads now. */
static void
do_fill(unsigned n, unsigned unused, unsigned unused2)
{
	uint64_t want = seen.added + n, begin = now_ns();

	(void)unused;
	(void)unused2;
	for (unsigned i = 0; i < n; i++) {
		publish(&writers[0]);
		sent[serial] = 0;
		if (i % 100 == 99 || i == n - 1) {
			peer_flush(&writers[0]);
			while (seen.added + (n - 1 - i) < want)
				turn(now_ns() + MS);
		}
	}
	set_goal(seen.goal + n);
	answer(begin, true);
}

/* So many a second for so long, from any of the writers; then until all have them. */
static void
do_rate(unsigned per_second, unsigned ms, unsigned limit)
{
	uint64_t begin = now_ns(), total = (uint64_t)per_second * ms / 1000;
	bool all;

	forget_times();
	set_goal(seen.goal + total);
	for (uint64_t i = 0; i < total; i++) {
		uint64_t due = begin + i * 1000000000u / per_second;
		struct peer *p = &writers[pick(n_writers)];

		while (now_ns() < due)
			turn(due);
		publish(p);
		peer_flush(p);
		if (now_ns() - due >
		    5 * MS) /* behind: what came in must not wait for what goes out */
			turn(0);
	}
	all = all_caught_up(limit);
	answer(begin + ms * MS, all);
}

static void
do_idle(unsigned ms, unsigned unused, unsigned unused2)
{
	uint64_t begin = now_ns(), end = begin + ms * MS;

	(void)unused;
	(void)unused2;
	forget_times();
	while (now_ns() < end)
		turn(end);
	answer(begin, true);
}

/* All that are away come within the spread, and read what they have not seen. */
static void
do_back(unsigned spread, unsigned limit, unsigned unused)
{
	uint64_t begin = now_ns();

	(void)unused;
	forget_times();
	set_goal(seen.goal);
	for (unsigned i = 0; i < n_hosts; i++)
		hosts[i].due = begin + pick(spread * MS) + 1;
	answer(begin, all_caught_up(limit));
}

/* Says "waiting", then serves until all were lost and are there again. Writers do not matter. */
static void
do_storm(unsigned min, unsigned max, unsigned unused)
{
	uint64_t begin = now_ns(), end = begin + 300000 * MS;

	(void)unused;
	opt.min = min;
	opt.max = max;
	for (unsigned i = 0; i < n_writers; i++)
		peer_close(&writers[i], false);
	n_writers = 0;
	forget_times();
	puts("waiting");
	fflush(stdout);
	while (seen.serving == n_hosts && now_ns() < end)
		turn(end);
	lost_at = begin = now_ns();
	while (seen.serving > 0 && now_ns() < begin + 1000 * MS)
		turn(now_ns() + MS);
	while (seen.serving < n_hosts && now_ns() < end)
		turn(end);
	answer(begin, seen.serving == n_hosts);
	lost_at = 0;
}

/* Each asks once for all that is there, without waiting: with poll=1. */
static void
do_poll(unsigned limit, unsigned spread, unsigned unused)
{
	uint64_t begin = now_ns(), end = begin + spread * MS;

	(void)unused;
	forget_times();
	for (unsigned i = 0; i < n_hosts; i++) {
		uint64_t due = begin + spread * MS * i / n_hosts;

		while (now_ns() < due)
			turn(due < end ? due : end);
		if (hosts[i].state != PEER_SERVING)
			continue;
		if (!hosts[i].had)
			ask(&hosts[i]);
		if (!peer_flush(&hosts[i]))
			peer_close(&hosts[i], true);
	}
	answer(begin, all_caught_up(limit));
}

static void
do_writers(unsigned n, unsigned unused, unsigned unused2)
{
	(void)unused;
	(void)unused2;
	more_writers(n);
	answer(now_ns(), true);
}

static const struct {
	const char *name;
	void (*run)(unsigned a, unsigned b, unsigned c);
} commands[] = {
    {"writers", do_writers}, /* HOW MANY there are to be */
    {"connect", do_connect}, /* HOSTS, SPREAD in ms, LIMIT in s: so many more */
    {"away", do_away},       /* HOSTS: so many more, that do not come yet */
    {"bans", do_bans},       /* N, LIMIT in s: at once, until all hosts have them */
    {"fill", do_fill},       /* N: while nobody reads */
    {"rate", do_rate},       /* A SECOND, MS, LIMIT in s */
    {"idle", do_idle},       /* MS */
    {"back", do_back},       /* SPREAD in ms, LIMIT in s: who is away comes */
    {"poll", do_poll},       /* LIMIT in s, SPREAD in ms */
    {"storm", do_storm},     /* MIN, MAX in ms: the back-off; Redis goes and comes */
};

/* --- start --- */

static void
use_tls(const char *ca, const char *cert, const char *key)
{
	opt.tls = SSL_CTX_new(TLS_client_method());
	if (!opt.tls || !SSL_CTX_load_verify_locations(opt.tls, ca, NULL))
		errx(1, "%s cannot be used", ca);
	SSL_CTX_set_verify(opt.tls, SSL_VERIFY_PEER, NULL);
	if (cert && (!SSL_CTX_use_certificate_chain_file(opt.tls, cert) ||
			!SSL_CTX_use_PrivateKey_file(opt.tls, key, SSL_FILETYPE_PEM)))
		errx(1, "%s, %s cannot be used", cert, key);
}

static void
options(int argc, char **argv)
{
	const char *ca = NULL, *cert = NULL, *key = NULL;

	if (argc < 3)
		errx(2, "usage: fleet_hosts PORT STREAM [NAME=VALUE ...]");
	opt.port = (uint16_t)atoi(argv[1]);
	opt.stream = argv[2];
	for (int i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			errx(2, "%s: NAME=VALUE", argv[i]);
		*value++ = '\0';
		if (!strcmp(argv[i], "count"))
			opt.count = (unsigned)atoi(value);
		else if (!strcmp(argv[i], "block"))
			opt.block = (unsigned)atoi(value);
		else if (!strcmp(argv[i], "read"))
			opt.read_port = (uint16_t)atoi(value);
		else if (!strcmp(argv[i], "wait"))
			opt.wait = (unsigned)atoi(value);
		else if (!strcmp(argv[i], "payload"))
			opt.payload = (unsigned)atoi(value);
		else if (!strcmp(argv[i], "signed"))
			opt.is_signed = atoi(value) != 0;
		else if (!strcmp(argv[i], "poll"))
			opt.poll = atoi(value) != 0;
		else if (!strcmp(argv[i], "user"))
			opt.user = value;
		else if (!strcmp(argv[i], "password"))
			opt.password = value;
		else if (!strcmp(argv[i], "tls"))
			ca = value;
		else if (!strcmp(argv[i], "cert"))
			cert = value;
		else if (!strcmp(argv[i], "key"))
			key = value;
		else
			errx(2, "%s: no such option", argv[i]);
	}
	if (opt.payload > 65536)
		errx(2, "payload: at most 65536");
	if (ca)
		use_tls(ca, cert, key);
}

int
main(int argc, char **argv)
{
	char line[128];

	options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (getrandom(&rng, sizeof(rng), 0) != sizeof(rng) || !rng)
		rng = 1;
	hosts = calloc(100000, sizeof(*hosts));
	writers = calloc(20000, sizeof(*writers));
	sent = calloc(ENTRIES, sizeof(*sent));
	resting.room = 100000;
	resting.who = calloc(resting.room, sizeof(*resting.who));
	resting.due = calloc(resting.room, sizeof(*resting.due));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!hosts || !writers || !sent || !resting.who || !resting.due || epoll_fd < 0)
		err(1, "start");
	more_writers(1);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char name[16] = "";
		unsigned a = 0, b = 0, c = 0, i;

		sscanf(line, "%15s %u %u %u", name, &a, &b, &c);
		for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (!strcmp(commands[i].name, name))
				break;
		if (i == sizeof(commands) / sizeof(commands[0]))
			errx(2, "%s: no such command", name);
		commands[i].run(a, b, c);
		fflush(stdout);
	}
	return 0;
}
