/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A judge between a keeper and a herald that are played here: what the herald is told, and what it
 * can make the judge do.
 */
#include "judge/joined.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/log.h"
#include "fleet_build.h"

#define SEEN_MAX 8192

struct stage {
	struct image_build *build;
	struct court *court;
	struct chan *supervisor, *keeper, *herald;
	bool synced;
	int refuse;                /* the keeper's status for bans */
	bool silent;               /* the keeper does not answer */
	struct msg seen[SEEN_MAX]; /* what the herald got */
	uint32_t n_seen, fds;
	bool closed;
};

static char dir[64];
static const char *const *shared;
static uint32_t most = 1000;

static const struct build_trust trusts[] = {
    {{"web*"}, {"ssh"}, HOUR, 1000, 0, 0},
    {{"admin"}, {"manual"}, HOUR, 1000, 16, 40},
    {{NULL}, {NULL}, 0, 0, 0, 0},
};

static void
keeper_msg(void *ctx, const struct msg *m, int fd)
{
	struct stage *s = ctx;
	struct msg a = {.id = m->id};

	(void)fd;
	if (m->type == MSG_SYNCED)
		s->synced = true;
	if (m->type == MSG_SYNCED || s->silent)
		return;
	a.type = m->type == MSG_BAN     ? MSG_BANNED
		 : m->type == MSG_UNBAN ? MSG_UNBANNED
					: MSG_FOUND_BAN;
	a.u.banned.prefix = m->u.ban.prefix;
	a.u.banned.scope = m->u.ban.scope;
	a.u.banned.until = m->u.ban.until;
	a.u.banned.status = m->type == MSG_BAN ? s->refuse : 0;
	chan_send(s->keeper, &a);
}

static void
herald_msg(void *ctx, const struct msg *m, int fd)
{
	struct stage *s = ctx;

	assert_true(s->n_seen < SEEN_MAX);
	s->seen[s->n_seen++] = *m;
	if (fd >= 0) {
		s->fds++;
		close(fd);
	}
}

static void
ignore(void *ctx, const struct msg *m, int fd)
{
	(void)ctx;
	(void)m;
	closep(&fd);
}

static void
on_close(void *ctx, int error)
{
	(void)ctx;
	(void)error;
}

static void
herald_close(void *ctx, int error)
{
	struct stage *s = ctx;

	(void)error;
	s->closed = true;
}

static const struct chan_ops keeper_ops = {.on_msg = keeper_msg, .on_close = on_close};
static const struct chan_ops herald_ops = {.on_msg = herald_msg, .on_close = herald_close};
static const struct chan_ops supervisor_ops = {.on_msg = ignore, .on_close = on_close};

/* Turns of the one loop until it is so; a test that hangs is ended by its alarm. */
#define UNTIL(s, condition)                                                                        \
	while (!(condition))                                                                       \
	event_base_loop((s)->court->base, EVLOOP_ONCE)

static void
turns(struct stage *s)
{
	for (int i = 0; i < 30; i++)
		event_base_loop(s->court->base, EVLOOP_NONBLOCK);
}

static struct image_build *
script(void)
{
	struct image_build *b = image_build_new();
	uint32_t i;

	i = image_build_rule(b, &(struct build_rule){.name = "manual"});
	((struct image_rule *)image_build_at(b, IMAGE_RULES, i))->builtin = 1;
	image_build_rule(b, &(struct build_rule){.name = "ssh", .prefix_hosts = 2});
	fleet_rule(b, "fleet/manual", false);
	fleet_rule(b, "fleet/ssh", false);
	fleet_build(b, 500, shared, trusts);
	image_build_settings(b)->never = (struct span){image_build_prefix(b, "198.51.100.0/24"), 1};
	image_build_settings(b)->bans_max = most;
	image_build_settings(b)->history = 90 * DAY;
	return b;
}

static struct stage *
raise_curtain(void)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct court_fds fds = {
	    .control = -1, .herald = -1, .selfcheck = -1, .figures = -1, .state = dir};
	struct msg m = {.type = MSG_PEER};
	int ends[2];

	alarm(60);
	s->build = script();
	assert_int_equal(chan_pair(ends), 0);
	fds.supervisor = ends[0];
	fds.image = image_build_fd(s->build);
	fds.stats = memfd_create("stats", MFD_CLOEXEC);
	assert_int_equal(court_new(&s->court, &fds, NULL), 0);
	close(fds.image);
	assert_int_equal(chan_new(&s->supervisor, s->court->base, ends[1], ROLE_GUARDD, ROLE_JUDGE,
			     128, &supervisor_ops, s),
	    0);
	assert_int_equal(court_open_book(s->court), 0);
	assert_int_equal(chan_pair(ends), 0);
	m.u.peer.role = ROLE_KEEPER;
	assert_int_equal(chan_send_fd(s->supervisor, &m, ends[0]), 0);
	assert_int_equal(chan_new(&s->keeper, s->court->base, ends[1], ROLE_KEEPER, ROLE_JUDGE,
			     8192, &keeper_ops, s),
	    0);
	UNTIL(s, s->synced);
	close(fds.stats);
	return s;
}

static void
drop_curtain(struct stage *s)
{
	chan_free(s->keeper);
	chan_free(s->supervisor);
	chan_free(s->herald);
	court_free(s->court);
	image_build_free(s->build);
	free(s);
	alarm(0);
}

static uint32_t
count(const struct stage *s, enum msg_type type)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_seen; i++)
		n += s->seen[i].type == type;
	return n;
}

/* The last record of the type. */
static const struct msg *
last(const struct stage *s, enum msg_type type)
{
	for (uint32_t i = s->n_seen; i-- > 0;)
		if (s->seen[i].type == type)
			return &s->seen[i];
	fail_msg("no %s", msg_name(type));
	return NULL;
}

static void
send_greeting(struct stage *s, uint32_t role, uint32_t version)
{
	struct msg m = {.type = MSG_GREET};
	int ends[2];

	assert_int_equal(chan_pair(ends), 0);
	assert_int_equal(joined_adopt(s->court->joined, ends[0]), 0);
	chan_free(s->herald);
	s->closed = false;
	s->n_seen = s->fds = 0;
	assert_int_equal(
	    chan_new(&s->herald, s->court->base, ends[1],
		role == ROLE_RUNNER ? ROLE_RUNNER : ROLE_HERALD, ROLE_JUDGE, 8192, &herald_ops, s),
	    0);
	m.u.greet.version = version;
	m.u.greet.role = role;
	assert_int_equal(chan_send(s->herald, &m), 0);
}

static void
greet(struct stage *s)
{
	send_greeting(s, ROLE_HERALD, GREET_VERSION);
	UNTIL(s, count(s, MSG_GIVEN) == 1);
}

static void
ask(struct stage *s, enum msg_type type, uint32_t id, const char *text, const char *rule,
    const char *host)
{
	usec_t now = clock_real();
	struct msg m[2] = {{.type = (uint16_t)type, .id = id}, {.type = MSG_TEXT}};

	m[0].u.fleet = foreign_ban(text, rule, now, now + 10 * MIN);
	m[1].u.text.what = TEXT_HOST;
	m[1].u.text.len = (uint8_t)strlen(host);
	memcpy(m[1].u.text.text, host, strlen(host));
	assert_int_equal(chan_send_packet(s->herald, m, 2), 0);
}

static enum taken_status
answer(struct stage *s, enum msg_type type, const char *text, const char *rule, const char *host)
{
	static uint32_t id;
	uint32_t before = count(s, MSG_TAKEN);

	ask(s, type, ++id, text, rule, host);
	UNTIL(s, count(s, MSG_TAKEN) > before);
	assert_int_equal(last(s, MSG_TAKEN)->id, id);
	return (enum taken_status)last(s, MSG_TAKEN)->u.taken.status;
}

static uint32_t
ban_by_hand(struct stage *s, const char *text)
{
	const struct prefix p = prefix(text);
	usec_t now = clock_real();
	struct prefix never;
	uint32_t slot;

	assert_int_equal(
	    verdict_manual(&s->court->verdict, &p, now, now + HOUR, NULL, &never, &slot), 0);
	bans_get(s->court->bans, slot)->flags |= BANS_SHARED;
	enforce_ban(s->court->enforce, slot, now);
	court_changed(s->court, true);
	return slot;
}

static const struct ban *
held(struct stage *s, const char *text)
{
	const struct prefix p = prefix(text);
	uint32_t slot = bans_first(s->court->bans, &p);

	while (slot != BANS_NONE && !ban_holds(bans_get(s->court->bans, slot), clock_real()))
		slot = bans_next(s->court->bans, &p, slot);
	return slot == BANS_NONE ? NULL : bans_get(s->court->bans, slot);
}

static void
test_a_herald_hears_all_and_then_what_changes(void **unused)
{
	static const enum msg_type order[] = {
	    MSG_CONFIG, MSG_STATS, MSG_STANDING, MSG_GIVE, MSG_GIVEN, MSG_GIVE};
	struct stage *s = raise_curtain();

	(void)unused;
	ban_by_hand(s, "2001:db8:1::1");
	turns(s);
	greet(s);
	ban_by_hand(s, "203.0.113.1");
	UNTIL(s, s->n_seen == 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(s->seen[i].type, order[i]);
	assert_int_equal(s->fds, 2);
	drop_curtain(s);
}

static void
test_a_ban_is_taken_when_the_kernel_says_so(void **unused)
{
	struct stage *s = raise_curtain();

	(void)unused;
	greet(s);
	assert_int_equal(answer(s, MSG_TAKE, "203.0.113.9", "ssh", "web1"), TAKEN_DONE);
	assert_int_equal(held(s, "203.0.113.9")->kernel, KERNEL_IN);
	s->silent = true;
	ask(s, MSG_TAKE, 77, "2001:db8:9::/64", "ssh", "web1");
	turns(s);
	assert_int_equal(last(s, MSG_TAKEN)->u.taken.status, TAKEN_DONE);
	assert_int_not_equal(last(s, MSG_TAKEN)->id, 77);
	assert_int_equal(held(s, "2001:db8:9::/64")->kernel, KERNEL_ASKED);
	drop_curtain(s);
}

static void
test_what_the_kernel_refuses_is_said_to_be_that(void **unused)
{
	struct stage *s = raise_curtain();

	(void)unused;
	greet(s);
	s->refuse = -ENOSPC;
	assert_int_equal(answer(s, MSG_TAKE, "203.0.113.9", "ssh", "web1"), TAKEN_FAILED);
	assert_non_null(held(s, "203.0.113.9"));
	/* The keeper knows of more that is never banned: such a ban is none. */
	s->refuse = BANNED_NEVER;
	assert_int_equal(answer(s, MSG_TAKE, "2001:db8:9::/64", "ssh", "web1"), TAKEN_NEVER);
	assert_null(held(s, "2001:db8:9::/64"));
	assert_int_equal(joined_foreign(s->court->joined)->taken[TAKEN_NEVER], 1);
	drop_curtain(s);
}

static void
test_the_kernels_refusal_stands_until_it_takes_bans_again(void **unused)
{
	struct stage *s = raise_curtain();

	(void)unused;
	greet(s);
	s->refuse = -ENOSPC;
	ban_by_hand(s, "203.0.113.1");
	UNTIL(s, count(s, MSG_ALERT) == 1);
	assert_int_equal(last(s, MSG_ALERT)->u.alert.kind, ALERT_REFUSED);
	assert_int_equal(last(s, MSG_ALERT)->u.alert.phase, ALERT_RAISED);
	ban_by_hand(s, "203.0.113.2");
	turns(s);
	assert_int_equal(count(s, MSG_ALERT), 1);
	s->refuse = 0; /* tried again after a second */
	UNTIL(s, count(s, MSG_ALERT) == 2);
	assert_int_equal(last(s, MSG_ALERT)->u.alert.phase, ALERT_ENDED);
	drop_curtain(s);
}

static void
test_the_table_is_told_of_when_others_changed_it(void **unused)
{
	struct stage *s = raise_curtain();
	struct msg m = {.type = MSG_RESYNC};

	(void)unused;
	greet(s);
	m.u.resync.why = RESYNC_START;
	chan_send(s->keeper, &m);
	turns(s);
	assert_int_equal(count(s, MSG_ALERT), 0);
	for (uint32_t why = RESYNC_MADE; why <= RESYNC_REPAIRED; why++) {
		m.u.resync.why = why;
		chan_send(s->keeper, &m);
		UNTIL(s, count(s, MSG_ALERT) == why);
		assert_int_equal(last(s, MSG_ALERT)->u.alert.kind, ALERT_TABLE);
		assert_int_equal(last(s, MSG_ALERT)->u.alert.phase, ALERT_MOMENT);
	}
	drop_curtain(s);
}

static void
test_all_bans_that_there_may_be_stand_as_an_alert(void **unused)
{
	struct stage *s;
	char text[32];

	(void)unused;
	most = 10;
	s = raise_curtain();
	greet(s);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "203.0.113.%d", i);
		ban_by_hand(s, text);
	}
	turns(s);
	assert_int_equal(count(s, MSG_ALERT), 0);
	s->court->verdict.counts.refused++;
	court_changed(s->court, false);
	UNTIL(s, count(s, MSG_ALERT) == 1);
	assert_int_equal(last(s, MSG_ALERT)->u.alert.kind, ALERT_FULL);
	assert_int_equal(answer(s, MSG_TAKE, "2001:db8:9::/64", "ssh", "web1"), TAKEN_FULL);
	drop_curtain(s);
	most = 1000;
}

static void
test_bans_of_others_count_for_nothing_here(void **unused)
{
	struct stage *s = raise_curtain();

	(void)unused;
	greet(s);
	/* Two hosts of a network ban it by the rule ssh; not when others say so. */
	answer(s, MSG_TAKE, "203.0.113.1", "ssh", "web1");
	answer(s, MSG_TAKE, "203.0.113.2", "ssh", "web1");
	answer(s, MSG_TAKE, "203.0.113.3", "ssh", "web1");
	turns(s);
	assert_null(held(s, "203.0.113.0/24"));
	assert_int_equal(held(s, "203.0.113.1")->group_len, 0);
	assert_int_equal(count(s, MSG_GIVE), 0);
	assert_int_equal(bans_prefixes(s->court->bans), 0);
	drop_curtain(s);
}

static void
test_lifted_by_hand_elsewhere(void **unused)
{
	struct stage *s = raise_curtain();

	(void)unused;
	greet(s);
	ban_by_hand(s, "203.0.113.1");
	answer(s, MSG_TAKE, "203.0.113.2", "ssh", "web1");
	answer(s, MSG_TAKE, "2001:db8:1:2::/64", "ssh", "web1");
	ban_by_hand(s, "2001:db8:1:2::1");
	turns(s);
	assert_int_equal(answer(s, MSG_DROP, "203.0.113.0/24", "*", "admin"), TAKEN_DONE);
	assert_null(held(s, "203.0.113.1"));
	assert_null(held(s, "203.0.113.2"));
	/* One address, and the /64 that is banned for it. */
	assert_int_equal(answer(s, MSG_DROP, "2001:db8:1:2::1", "*", "admin"), TAKEN_DONE);
	assert_null(held(s, "2001:db8:1:2::1"));
	assert_null(held(s, "2001:db8:1:2::/64"));
	assert_int_equal(answer(s, MSG_DROP, "203.0.113.1", "*", "admin"), TAKEN_BEFORE);
	turns(s);
	assert_int_equal(count(s, MSG_LIFT), 2); /* of its own bans, the others know of that */
	drop_curtain(s);
}

static void
test_greetings_of_others_are_closed(void **unused)
{
	struct stage *s = raise_curtain();

	(void)unused;
	for (uint32_t role = 0; role < ROLE_MAX; role++) {
		if (role == ROLE_HERALD || role == ROLE_RUNNER)
			continue;
		send_greeting(s, role, GREET_VERSION);
		UNTIL(s, s->closed);
		assert_int_equal(s->n_seen, 0);
	}
	send_greeting(s, ROLE_HERALD, GREET_VERSION + 1);
	UNTIL(s, s->closed);
	send_greeting(s, ROLE_RUNNER, GREET_VERSION);
	UNTIL(s, s->n_seen == 1);
	turns(s);
	assert_int_equal(s->n_seen, 1);
	assert_int_equal(s->seen[0].type, MSG_CONFIG);
	assert_false(joined_has_herald(s->court->joined));
	drop_curtain(s);
}

static void
test_a_question_without_its_end_dies_with_its_connection(void **unused)
{
	struct stage *s = raise_curtain();
	struct msg m[2] = {{.type = MSG_TAKE, .id = 5}, {.type = MSG_GREET}};

	(void)unused;
	greet(s);
	m[0].u.fleet = foreign_ban("203.0.113.9", "ssh", T0, clock_real() + HOUR);
	chan_send_packet(s->herald, m, 2); /* a second greeting is none */
	UNTIL(s, s->closed);
	greet(s);
	assert_int_equal(answer(s, MSG_TAKE, "203.0.113.8", "ssh", "web1"), TAKEN_DONE);
	assert_int_equal(count(s, MSG_TAKEN), 1);
	assert_null(held(s, "203.0.113.9"));
	drop_curtain(s);
}

static void
test_several_questions_in_a_packet_are_answered_each(void **unused)
{
	struct stage *s = raise_curtain();
	struct msg m[6] = {{0}};

	(void)unused;
	greet(s);
	for (uint32_t i = 0; i < 3; i++) {
		char text[32];

		snprintf(text, sizeof(text), "203.0.113.%u", i);
		m[2 * i] = (struct msg){.type = MSG_TAKE, .id = 100 + i};
		m[2 * i].u.fleet = foreign_ban(text, "ssh", T0, clock_real() + HOUR);
		m[2 * i + 1].type = MSG_TEXT;
		m[2 * i + 1].u.text.what = TEXT_HOST;
		m[2 * i + 1].u.text.len = 4;
		memcpy(m[2 * i + 1].u.text.text, i == 1 ? "nope" : "web1", 4);
	}
	chan_send_packet(s->herald, m, 6);
	UNTIL(s, count(s, MSG_TAKEN) == 3);
	assert_non_null(held(s, "203.0.113.0"));
	assert_null(held(s, "203.0.113.1"));
	assert_non_null(held(s, "203.0.113.2"));
	drop_curtain(s);
}

/* More than fit the queue: nothing is lost, and answers come all the same. */
static void
test_thousands_are_given_as_they_are_taken(void **unused)
{
	struct stage *s;
	char text[32];
	uint32_t n = 5000;

	(void)unused;
	most = 10000;
	s = raise_curtain();
	for (uint32_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), i % 2 ? "2001:db8:%x::1" : "10.0.%u.1", i / 2);
		if (i % 2 == 0)
			snprintf(text, sizeof(text), "10.1.%u.%u", i / 2 / 250, i / 2 % 250);
		ban_by_hand(s, text);
		if (i % 500 == 0)
			turns(s);
	}
	turns(s);
	greet(s);
	assert_int_equal(count(s, MSG_GIVE), n);
	assert_int_equal(answer(s, MSG_TAKE, "203.0.113.9", "ssh", "web1"), TAKEN_DONE);
	drop_curtain(s);
	most = 1000;
}

static void
test_one_that_does_not_read_is_closed_and_costs_nothing(void **unused)
{
	struct stage *s = raise_curtain();
	struct msg m = {.type = MSG_GREET};
	int ends[2], small = 4096;
	char text[32];

	(void)unused;
	assert_int_equal(chan_pair(ends), 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	assert_int_equal(joined_adopt(s->court->joined, ends[0]), 0);
	m.u.greet.version = GREET_VERSION;
	m.u.greet.role = ROLE_HERALD;
	assert_int_equal(send(ends[1], &m, sizeof(m), 0), sizeof(m));
	UNTIL(s, joined_has_herald(s->court->joined));
	for (uint32_t i = 0; joined_has_herald(s->court->joined); i++) {
		struct msg q[2] = {{.type = MSG_TAKE, .id = i}, {.type = MSG_TEXT}};

		snprintf(text, sizeof(text), "10.1.%u.%u", i / 250 % 250, i % 250);
		q[0].u.fleet = foreign_ban(text, "ssh", T0, T0);
		q[1].u.text.what = TEXT_HOST;
		q[1].u.text.len = 4;
		memcpy(q[1].u.text.text, "web1", 4);
		send(ends[1], q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL);
		turns(s);
		assert_true(i < 10 * JOINED_QUEUE);
	}
	close(ends[1]);
	greet(s);
	drop_curtain(s);
}

static int
make_dir(void **unused)
{
	(void)unused;
	strcpy(dir, "/tmp/guardd-test-joined-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **unused)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	(void)unused;
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(dir);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_a_herald_hears_all_and_then_what_changes),
	    ON_STAGE(test_a_ban_is_taken_when_the_kernel_says_so),
	    ON_STAGE(test_what_the_kernel_refuses_is_said_to_be_that),
	    ON_STAGE(test_the_kernels_refusal_stands_until_it_takes_bans_again),
	    ON_STAGE(test_the_table_is_told_of_when_others_changed_it),
	    ON_STAGE(test_all_bans_that_there_may_be_stand_as_an_alert),
	    ON_STAGE(test_bans_of_others_count_for_nothing_here),
	    ON_STAGE(test_lifted_by_hand_elsewhere),
	    ON_STAGE(test_greetings_of_others_are_closed),
	    ON_STAGE(test_a_question_without_its_end_dies_with_its_connection),
	    ON_STAGE(test_several_questions_in_a_packet_are_answered_each),
	    ON_STAGE(test_thousands_are_given_as_they_are_taken),
	    ON_STAGE(test_one_that_does_not_read_is_closed_and_costs_nothing),
	};

	log_init("test", LOG_CRIT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
