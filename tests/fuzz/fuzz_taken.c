/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bans of other hosts, as a herald can put them: each question has one answer, what is in force
 * is as many and as wide as the trusts allow, and nobody who is never banned is. The book is in
 * /dev/shm.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/log.h"
#include "image_build.h"
#include "judge/joined.h"

#define BANS_MAX 450

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct court *court;
static int herald = -1;
static char dir[] = "/dev/shm/guardd-fuzz-XXXXXX";

static void
clean_up(void)
{
	static const char *const files[] = {"book.db", "book.db-wal", "book.db-shm"};
	char path[64];

	court_free(court);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
make_foreign(struct image_build *b, const char *name)
{
	uint32_t i = image_build_rule(b, &(struct build_rule){.name = name, .points = 1});

	((struct image_rule *)image_build_at(b, IMAGE_RULES, i))->foreign = 1;
}

static void
make_fleet(struct image_build *b)
{
	static const char *const hosts[] = {"w*", "a", NULL}, *const rules[] = {
								  "s", "manual", NULL};
	const struct image_trust t = {.hosts = image_build_list(b, hosts),
	    .rules = image_build_list(b, rules),
	    .at_most = 3600 * USEC_PER_SEC,
	    .per_minute = 6000,
	    .len4 = 24,
	    .len6 = 48};
	const struct image_fleet f = {.host = image_build_str(b, "here"),
	    .server = image_build_str(b, "192.0.2.1"),
	    .stream = image_build_str(b, "guardd"),
	    .port = 6379,
	    .bans_max = BANS_MAX,
	    .keep = USEC_PER_SEC,
	    .report = USEC_PER_SEC,
	    .share_all = 1,
	    .trusts = {image_build_add(b, IMAGE_TRUSTS, &t), 1}};

	image_build_add(b, IMAGE_FLEETS, &f);
}

static void
make_court(void)
{
	struct image_build *b = image_build_new();
	struct court_fds fds = {.supervisor = -1,
	    .control = -1,
	    .selfcheck = -1,
	    .herald = -1,
	    .stats = -1,
	    .figures = -1,
	    .state = dir};

	signal(SIGPIPE, SIG_IGN);
	log_init("fuzz", LOG_EMERG);
	image_build_rule(b, &(struct build_rule){.name = "s"});
	make_foreign(b, "fleet/s");
	make_foreign(b, "fleet/manual");
	make_fleet(b);
	image_build_settings(b)->never = (struct span){image_build_prefix(b, "128.0.0.0/1"), 2};
	image_build_prefix(b, "8000::/1");
	fds.image = image_build_fd(b);
	if (!mkdtemp(dir) || court_new(&court, &fds, NULL) < 0 || court_open_book(court) < 0)
		abort();
	close(fds.image);
	image_build_free(b);
	atexit(clean_up);
}

/* How many answers there are to be read now. */
static unsigned
take_answers(void)
{
	struct msg m[CHAN_BATCH];
	unsigned answers = 0;

	for (int i = 0; i < 4; i++) {
		ssize_t n;

		event_base_loop(court->base, EVLOOP_NONBLOCK);
		while ((n = recv(herald, m, sizeof(m), MSG_DONTWAIT)) > 0)
			for (size_t k = 0; k < (size_t)n / sizeof(m[0]); k++)
				answers += m[k].type == MSG_TAKEN;
		if (n == 0)
			abort();
	}
	return answers;
}

static void
connect_herald(void)
{
	struct msg m = {.type = MSG_GREET};
	int fds[2];

	m.u.greet.version = GREET_VERSION;
	m.u.greet.role = ROLE_HERALD;
	if (chan_pair(fds) < 0 || joined_adopt(court->joined, fds[0]) < 0 ||
	    send(fds[1], &m, sizeof(m), 0) != sizeof(m))
		abort();
	herald = fds[1];
	take_answers();
	if (!joined_has_herald(court->joined))
		abort();
}

/* Half of all is near to what is taken: times of now, a rule and a host that there are. */
static void
put(const uint8_t *data, struct msg m[static 2])
{
	static const char *const rules[] = {"s", "manual", "*", "no"}, *const hosts[] = {
									   "w1", "a", "b", "w2"};
	const char *host = hosts[data[1] & 3];

	m[0] = (struct msg){.type = data[0] & 1 ? MSG_TAKE : MSG_DROP};
	memcpy(m[0].u.bytes, data + 8, sizeof(m[0].u.bytes));
	m[1] = (struct msg){.type = MSG_TEXT};
	m[1].u.text.what = TEXT_HOST;
	m[1].u.text.len = (uint8_t)strlen(host);
	memcpy(m[1].u.text.text, host, strlen(host));
	if (data[0] & 2) {
		m[0].u.fleet.since = 0;
		m[0].u.fleet.until = clock_real() + data[2] * USEC_PER_SEC * 60;
		strcpy(m[0].u.fleet.rule, rules[data[1] >> 2 & 3]);
	}
	if (data[0] & 4) {
		struct prefix *p = &m[0].u.fleet.prefix;

		p->addr.family = data[0] & 8 ? 4 : 6;
		memset(p->addr.bytes + 4, 0, data[0] & 8 ? 12 : 0);
		*p = prefix_of(&p->addr, p->len);
	}
}

static void
look_at_bans(void)
{
	unsigned held = 0;

	for (uint32_t i = 0; i < bans_high(court->bans); i++) {
		const struct ban *x = bans_get(court->bans, i);
		const struct prefix p = x ? ban_prefix(x) : (struct prefix){.len = 0};

		if (!x || !ban_holds(x, clock_real()))
			continue;
		held++;
		if (!court->rules.slots[x->rule].foreign || !x->note ||
		    p.len < (p.addr.family == 4 ? 24 : 48) ||
		    prefixset_touches(&court->own.never, &p))
			abort();
	}
	if (held > BANS_MAX || foreign_held(joined_foreign(court->joined)) > BANS_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct msg m[CHAN_BATCH];
	unsigned asked = 0, answers;

	if (!court) {
		make_court();
		connect_herald();
	}
	while (n > 0 && asked < CHAN_BATCH / 2) {
		uint8_t one[sizeof(struct msg)] = {0};
		size_t len = n < 32 ? n : 32; /* the rest of a record is its rule */

		memcpy(one, data, len);
		put(one, m + 2 * asked++);
		data += len;
		n -= len;
	}
	if (asked == 0)
		return 0;
	if (send(herald, m, 2 * asked * sizeof(m[0]), 0) < 0)
		abort();
	answers = take_answers();
	if (answers != asked)
		abort();
	look_at_bans();
	return 0;
}
