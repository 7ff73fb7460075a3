/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The whole judge in one process, between a supervisor, a keeper and a reader that are played here
 * over real channels: what comes in as packets must come out as bans, rows of the book and answers.
 */
#include "judge/court.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/log.h"
#include "judge/selfcheck.h"
#include "judge_world.h"
#include "wire/chan.h"

enum { F_SSH, F_SELF };

#define SEEN_MAX 8192

struct stage {
	struct image_build *build;
	struct court *court;
	struct chan *supervisor, *keeper, *reader;
	int selfcheck;
	bool ready, synced, positions_end;
	struct msg seen[SEEN_MAX]; /* what the keeper got */
	uint32_t n_seen;
	struct msg_position positions[8];
	uint32_t n_positions;
	int refuse;         /* the keeper's status for bans: 0, negative errno, BANNED_NEVER,
			       BANNED_HOST_ONLY */
	bool silent;        /* the keeper does not answer */
	bool lost;          /* the kernel has nothing of it */
	uint32_t reload_id; /* 0: none was asked */
	uint32_t closed;
};

static char dir[64];
static struct image_build *(*script)(void);
static struct stats stats; /* as the reader writes it */

static struct prefix
host_of(const struct msg_ban *b)
{
	return b->host.family ? prefix_host(&b->host) : b->prefix;
}

static bool
in_kernel(const struct stage *s, const struct prefix *p)
{
	bool there = false;

	for (uint32_t i = 0; i < s->n_seen; i++) {
		if (prefix_cmp(&s->seen[i].u.ban.prefix, p) != 0)
			continue;
		if (s->seen[i].type == MSG_BAN)
			there = true;
		else if (s->seen[i].type == MSG_UNBAN)
			there = false;
	}
	return there && !s->lost;
}

static void
keeper_msg(void *ctx, const struct msg *m, int fd)
{
	struct stage *s = ctx;
	struct msg a = {.id = m->id};
	bool there = in_kernel(s, &m->u.ban.prefix);

	(void)fd;
	if (m->type == MSG_SYNCED) {
		s->synced = true;
		return;
	}
	assert_true(s->n_seen < SEEN_MAX);
	s->seen[s->n_seen++] = *m;
	if (s->silent)
		return;
	a.type = m->type == MSG_BAN     ? MSG_BANNED
		 : m->type == MSG_UNBAN ? MSG_UNBANNED
					: MSG_FOUND_BAN;
	a.u.banned.prefix = m->u.ban.prefix;
	a.u.banned.scope = m->u.ban.scope;
	a.u.banned.until = m->u.ban.until;
	if (m->type == MSG_BAN) {
		a.u.banned.status = s->refuse;
		if (s->refuse == BANNED_HOST_ONLY)
			a.u.banned.prefix = host_of(&m->u.ban);
	} else {
		a.u.banned.status = there ? 0 : -ENOENT;
		a.u.banned.packets = there ? 11 : 0;
		a.u.banned.bytes = there ? 700 : 0;
	}
	chan_send(s->keeper, &a);
}

static void
reader_msg(void *ctx, const struct msg *m, int fd)
{
	struct stage *s = ctx;

	(void)fd;
	if (m->type == MSG_POSITIONS_END)
		s->positions_end = true;
	else if (s->n_positions < 8)
		s->positions[s->n_positions++] = m->u.position;
}

static void
supervisor_msg(void *ctx, const struct msg *m, int fd)
{
	struct stage *s = ctx;

	(void)fd;
	if (m->type == MSG_READY)
		s->ready = true;
	else if (m->type == MSG_RELOAD)
		s->reload_id = m->id;
}

static void
on_close(void *ctx, int error)
{
	struct stage *s = ctx;

	(void)error;
	s->closed++;
}

static const struct chan_ops keeper_ops = {.on_msg = keeper_msg, .on_close = on_close};
static const struct chan_ops reader_ops = {.on_msg = reader_msg, .on_close = on_close};
static const struct chan_ops supervisor_ops = {.on_msg = supervisor_msg, .on_close = on_close};

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

static void
join(struct stage *s, enum role role)
{
	struct msg m = {.type = MSG_PEER};
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	m.u.peer.role = role;
	assert_int_equal(chan_send_fd(s->supervisor, &m, fds[0]), 0);
	if (role == ROLE_KEEPER)
		assert_int_equal(chan_new(&s->keeper, s->court->base, fds[1], ROLE_KEEPER,
				     ROLE_JUDGE, 4096, &keeper_ops, s),
		    0);
	else
		assert_int_equal(chan_new(&s->reader, s->court->base, fds[1], ROLE_READER,
				     ROLE_JUDGE, 4096, &reader_ops, s),
		    0);
}

static struct image_build *
standard(void)
{
	struct image_build *b = image_build_new();
	uint32_t self;

	image_build_filter(b, &(struct build_filter){.name = "sshd"});
	image_build_filter(b, &(struct build_filter){.name = "self",
				  .builtin = true,
				  .sources = {{BUILD_FILE, "/run/guardd/selfcheck.log", 0, 0, 0}}});
	image_build_rule(b,
	    &(struct build_rule){
		.name = "ssh", .filters = {F_SSH}, .n_filters = 1, .points = 3, .duration = HOUR});
	self = image_build_rule(b, &(struct build_rule){.name = "self",
				       .filters = {F_SELF},
				       .n_filters = 1,
				       .points = 1,
				       .duration = 10 * SEC});
	((struct image_rule *)image_build_at(b, IMAGE_RULES, self))->builtin = 1;
	image_build_settings(b)->never = (struct span){image_build_prefix(b, "198.51.100.0/24"), 1};
	image_build_settings(b)->tallies_max = image_build_settings(b)->bans_max = 100000;
	image_build_settings(b)->history = 90 * DAY;
	return b;
}

/* A judge over the directory's book, with or without its peers. */
static struct stage *
raise_curtain(bool peers)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct court_fds fds = {
	    .control = -1, .herald = -1, .stats = -1, .figures = -1, .state = dir};
	int ends[2];

	alarm(30);
	s->build = script ? script() : standard();
	s->selfcheck = memfd_create("selfcheck", MFD_CLOEXEC);
	assert_int_equal(chan_pair(ends), 0);
	fds.supervisor = ends[0];
	fds.image = image_build_fd(s->build);
	fds.selfcheck = s->selfcheck;
	assert_int_equal(court_new(&s->court, &fds, &stats), 0);
	close(fds.image);
	assert_int_equal(chan_new(&s->supervisor, s->court->base, ends[1], ROLE_GUARDD, ROLE_JUDGE,
			     128, &supervisor_ops, s),
	    0);
	assert_int_equal(court_open_book(s->court), 0);
	if (peers) {
		join(s, ROLE_KEEPER);
		join(s, ROLE_READER);
		UNTIL(s, s->synced && s->positions_end);
	}
	return s;
}

static void
drop_curtain(struct stage *s)
{
	chan_free(s->keeper);
	chan_free(s->reader);
	chan_free(s->supervisor);
	court_free(s->court);
	image_build_free(s->build);
	close(s->selfcheck);
	free(s);
	alarm(0);
}

static int
make_dir(void **unused)
{
	(void)unused;
	script = NULL;
	memset(&stats, 0, sizeof(stats));
	strcpy(dir, "/tmp/guardd-test-court-XXXXXX");
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

/* One packet: n offences of a source, now, and a position behind them. */
static void
packet(struct stage *s, uint32_t filter, const char *source, unsigned n, uint64_t offset)
{
	struct msg m[CHAN_BATCH] = {0};

	for (unsigned i = 0; i < n; i++) {
		m[i].type = MSG_OFFENCE;
		m[i].u.offence = offence(filter, source, clock_real());
	}
	m[n].type = MSG_POSITION;
	m[n].u.position = (struct msg_position){.key = 5, .kind = SOURCE_FILE};
	m[n].u.position.file.offset = offset;
	assert_int_equal(chan_send_packet(s->reader, m, n + 1), 0);
}

static uint32_t
count_seen(const struct stage *s, enum msg_type type, const char *text)
{
	struct prefix p = prefix(text);
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_seen; i++)
		n += s->seen[i].type == type && prefix_cmp(&s->seen[i].u.ban.prefix, &p) == 0;
	return n;
}

static int
start_asking(struct stage *s, const char *request)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(control_adopt(s->court->control, fds[0]), 0);
	assert_int_equal(send(fds[1], request, strlen(request), 0), strlen(request));
	return fds[1];
}

static const char *
take_answer(struct stage *s, int fd)
{
	static char answer[1 << 20];
	size_t have = 0;
	ssize_t n;

	for (;;) {
		event_base_loop(s->court->base, EVLOOP_NONBLOCK);
		n = recv(fd, answer + have, sizeof(answer) - 1 - have, MSG_DONTWAIT);
		if (n == 0)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	answer[have] = '\0';
	close(fd);
	return answer;
}

static const char *
ask(struct stage *s, const char *request)
{
	return take_answer(s, start_asking(s, request));
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in: %s", part, text);
}

#define OK_END "{\"done\":true,\"status\":0}\n"

static void
offences_become_bans_in_force_in_both_families(void **unused)
{
	struct stage *s = raise_curtain(true);
	const char *answer;

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 5, 100);
	packet(s, F_SSH, "2001:db8::7", 3, 200);
	UNTIL(s, s->n_seen >= 2);
	assert_int_equal(count_seen(s, MSG_BAN, "203.0.113.7"), 1);
	assert_int_equal(count_seen(s, MSG_BAN, "2001:db8::/64"), 1);
	assert_true(
	    addr_equal(&s->seen[1].u.ban.host, &(struct addr){6, {0x20, 1, 0x0d, 0xb8, [15] = 7}}));
	turns(s);
	answer = ask(s, "list\n");
	assert_has(answer, "\"prefix\":\"203.0.113.7\",\"rule\":\"ssh\",\"scope\":\"host\"");
	assert_has(answer, "\"prefix\":\"2001:db8::/64\"");
	assert_has(
	    answer, "\"count\":2,\"level\":1,\"in_force\":true,\"packets\":11,\"bytes\":700");
	assert_has(answer, "\"why\":\"3 points in 10m, 1st time\"");
	assert_has(answer, OK_END);
	answer = ask(s, "list 2001:db8::7 rule ssh limit 5\n");
	assert_null(strstr(answer, "203.0.113.7"));
	assert_has(answer, "2001:db8::/64");
	assert_has(ask(s, "status\n"), "\"bans\":2,\"in_force\":2");
	assert_has(ask(s, "history 203.0.113.0/24\n"), "\"prefix\":\"203.0.113.7\"");
	assert_has(ask(s, "rules\n"), "\"rule\":\"ssh\"");
	assert_null(strstr(ask(s, "rules\n"), "self"));
	drop_curtain(s);
}

static void
a_ban_and_its_position_are_in_the_book_together(void **unused)
{
	struct stage *s = raise_curtain(true), *t;

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 3, 4711);
	UNTIL(s, s->n_seen > 0);
	assert_false(book_is_behind(s->court->book));
	/* Ended without a word: what is in the book is what the next one knows. */
	book_free(s->court->book);
	s->court->book = NULL;
	t = raise_curtain(true);
	assert_int_equal(t->n_positions, 1);
	assert_int_equal(t->positions[0].file.offset, 4711);
	assert_int_equal(count_seen(t, MSG_BAN, "203.0.113.7"), 1);
	assert_true(t->seen[0].u.ban.flags & BAN_REPAIR);
	assert_false(t->seen[0].u.ban.flags & BAN_EXTEND);
	assert_int_equal(t->seen[0].u.ban.until, s->seen[0].u.ban.until);
	drop_curtain(t);
	chan_free(s->keeper);
	s->keeper = NULL;
	control_free(s->court->control);
	s->court->control = NULL;
	chan_free(s->reader);
	chan_free(s->supervisor);
	image_build_free(s->build);
	close(s->selfcheck);
	court_free(s->court);
	free(s);
}

/* The keeper comes first; the book does not wait for what no ban would wait for. */
static void
behind_a_ban_the_book_follows_within_milliseconds(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct timeval due, now;

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 1, 100);
	turns(s);
	packet(s, F_SSH, "203.0.113.7", 1, 200);
	turns(s);
	assert_true(book_is_behind(s->court->book));
	s->court->book_rests = 0; /* however long the commits before took */
	packet(s, F_SSH, "203.0.113.7", 3, 300);
	UNTIL(s, s->n_seen > 0);
	evutil_gettimeofday(&now, NULL);
	if (evtimer_pending(s->court->commit, &due)) {
		evutil_timersub(&due, &now, &due);
		assert_true(due.tv_sec < 0 || (due.tv_sec == 0 && due.tv_usec < 100000));
	}
	UNTIL(s, !book_is_behind(s->court->book));
	assert_false(evtimer_pending(s->court->commit, NULL));
	drop_curtain(s);
}

static void
without_a_ban_the_book_follows_within_a_second(void **unused)
{
	struct stage *s = raise_curtain(true);

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 1, 100); /* where the source begins is stored at once */
	turns(s);
	assert_false(book_is_behind(s->court->book));
	packet(s, F_SSH, "203.0.113.7", 1, 200);
	turns(s);
	assert_true(book_is_behind(s->court->book));
	assert_true(evtimer_pending(s->court->commit, NULL));
	UNTIL(s, !book_is_behind(s->court->book));
	assert_false(evtimer_pending(s->court->commit, NULL));
	drop_curtain(s);
}

static void
a_new_reader_goes_on_where_the_old_one_was(void **unused)
{
	struct stage *s = raise_curtain(true);

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 1, 100);
	packet(s, F_SSH, "203.0.113.7", 1, 200);
	chan_flush(s->reader); /* in the channel, not read yet, when the reader dies */
	chan_free(s->reader);
	s->positions_end = false;
	join(s, ROLE_READER);
	UNTIL(s, s->positions_end);
	assert_int_equal(s->n_positions, 1);
	assert_int_equal(s->positions[0].file.offset, 200);
	packet(s, F_SSH, "203.0.113.7", 1, 300);
	UNTIL(s, s->n_seen == 1);
	drop_curtain(s);
}

static void
refused_bans_are_not_in_force_and_sent_again(void **unused)
{
	struct stage *s = raise_curtain(true);
	const char *answer;

	(void)unused;
	s->refuse = -ENOSPC;
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	packet(s, F_SSH, "2001:db8::7", 3, 100);
	UNTIL(s, enforce_refused(s->court->enforce) == 2);
	answer = ask(s, "list\n");
	assert_has(answer, "\"in_force\":false");
	assert_has(answer, "No space left on device");
	assert_null(strstr(answer, "\"in_force\":true"));
	assert_has(ask(s, "status\n"), "\"bans\":2,\"in_force\":0");
	assert_has(ask(s, "status\n"), "the kernel refuses 2 bans");
	s->refuse = 0;
	UNTIL(s, enforce_refused(s->court->enforce) == 0 && s->n_seen >= 4);
	turns(s);
	assert_has(ask(s, "status\n"), "\"bans\":2,\"in_force\":2");
	drop_curtain(s);
}

static void
a_never_ban_answer_is_shown_and_a_host_only_one_narrows(void **unused)
{
	struct stage *s = raise_curtain(true);

	(void)unused;
	s->refuse = BANNED_NEVER;
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	UNTIL(s, s->n_seen == 1);
	turns(s);
	assert_has(ask(s, "list\n"), "never banned");
	assert_int_equal(enforce_refused(s->court->enforce), 0);
	s->refuse = BANNED_HOST_ONLY;
	packet(s, F_SSH, "2001:db8::7", 3, 200);
	UNTIL(s, s->n_seen == 2);
	turns(s);
	s->refuse = 0;
	assert_has(ask(s, "list 2001:db8::/32\n"), "\"prefix\":\"2001:db8::7\"");
	drop_curtain(s);
}

static void
a_table_made_anew_gets_the_whole_book_again(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_RESYNC};
	char source[64];

	(void)unused;
	for (int i = 0; i < 3000; i++) {
		snprintf(source, sizeof(source), i % 2 ? "2001:db8:%x::1" : "10.0.%d.%d",
		    i % 2 ? i : i >> 8, i & 255);
		packet(s, F_SSH, source, 3, (uint64_t)i);
		if (i % 100 == 0)
			turns(s);
	}
	UNTIL(s, s->n_seen == 3000);
	turns(s);
	assert_has(ask(s, "status\n"), "\"bans\":3000,\"in_force\":3000");
	s->n_seen = 0;
	s->synced = false;
	m.u.resync.why = RESYNC_MADE;
	assert_int_equal(chan_send(s->keeper, &m), 0);
	UNTIL(s, enforce_is_synced(s->court->enforce) == false);
	assert_has(ask(s, "version\n"), OK_END);
	UNTIL(s, s->synced);
	turns(s);
	assert_int_equal(s->n_seen, 3000);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(s->seen[i].u.ban.flags, BAN_REPAIR);
	assert_has(ask(s, "status\n"), "\"bans\":3000,\"in_force\":3000");
	drop_curtain(s);
}

static void
new_bans_do_not_wait_behind_the_whole_book(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_RESYNC};
	struct prefix p = prefix("203.0.113.7");
	char source[64];
	uint32_t at = 0;

	(void)unused;
	for (int i = 0; i < 5000; i++) {
		snprintf(source, sizeof(source), "10.%d.%d.9", i >> 8, i & 255);
		packet(s, F_SSH, source, 3, (uint64_t)i);
		if (i % 100 == 0)
			turns(s);
	}
	UNTIL(s, s->n_seen == 5000);
	turns(s);
	s->n_seen = 0;
	s->synced = false;
	m.u.resync.why = RESYNC_MADE;
	assert_int_equal(chan_send(s->keeper, &m), 0);
	packet(s, F_SSH, "203.0.113.7", 3, 9999);
	UNTIL(s, s->synced);
	while (at < s->n_seen && prefix_cmp(&s->seen[at].u.ban.prefix, &p) != 0)
		at++;
	assert_true(at <= 2 * ENFORCE_WINDOW);
	assert_int_equal(s->n_seen, 5001);
	drop_curtain(s);
}

/* What the judge logs from here on, up to end_log. */
static int
begin_log(void)
{
	int old = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);

	dup2(log, STDERR_FILENO);
	close(log);
	log_init("test", LOG_WARNING);
	return old;
}

static const char *
end_log(int old)
{
	static char text[65536];
	ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	dup2(old, STDERR_FILENO);
	close(old);
	log_init("test", LOG_EMERG);
	return text;
}

static unsigned
count_text(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void
a_full_table_refuses_and_says_so_once(void **unused)
{
	struct image_build *b = standard();
	struct msg m = {.type = MSG_CONFIG};
	struct stage *s = raise_curtain(true);
	char source[64];
	int old;

	(void)unused;
	image_build_settings(b)->bans_max = 50;
	assert_int_equal(chan_send_fd(s->supervisor, &m, image_build_fd(b)), 0);
	turns(s);
	old = begin_log();
	ask(s, "ban 2001:db8::1\n");
	for (int i = 0; i < 200; i++) {
		snprintf(source, sizeof(source), i % 2 ? "2001:db8:1:%d::1" : "10.0.0.%d", i);
		packet(s, F_SSH, source, 3, (uint64_t)i);
		if (i % 20 == 0)
			turns(s);
	}
	UNTIL(s, s->court->verdict.counts.refused == 151);
	turns(s);
	assert_int_equal(count_text(end_log(old), "(bans_max)"), 1);
	assert_int_equal(s->n_seen, 50);
	assert_has(ask(s, "status\n"), "\"bans\":50,\"in_force\":50");
	assert_has(ask(s, "status\n"), "\"refused_full\":151");
	assert_has(ask(s, "list 10.0.0.0\n"), "\"in_force\":true");
	assert_int_equal(count_seen(s, MSG_UNBAN, "10.0.0.0"), 0);
	assert_has(ask(s, "ban 203.0.113.9\n"), "may be (bans_max)");
	/* Where there is room again, a new one is made. */
	ask(s, "unban 10.0.0.0\n");
	packet(s, F_SSH, "203.0.113.9", 3, 900);
	UNTIL(s, count_seen(s, MSG_BAN, "203.0.113.9") == 1);
	image_build_free(b);
	drop_curtain(s);
}

static void
by_hand_nothing_is_shortened(void **unused)
{
	static const char *const sources[] = {"203.0.113.7", "2001:db8::7"};
	struct stage *s = raise_curtain(true);
	char request[128];

	(void)unused;
	for (int i = 0; i < 2; i++) {
		usec_t until;

		snprintf(request, sizeof(request), "ban %s for 2h\n", sources[i]);
		assert_has(ask(s, request), "\"in_force\":true");
		until = s->seen[s->n_seen - 1].u.ban.until;
		snprintf(request, sizeof(request), "ban %s for 10m because more\n", sources[i]);
		assert_has(ask(s, request), "\"remaining_s\":71");
		assert_has(ask(s, request), "by hand: more");
		assert_int_equal(s->seen[s->n_seen - 1].u.ban.until, until);
		snprintf(request, sizeof(request), "ban %s for 3h\n", sources[i]);
		assert_has(ask(s, request), "\"in_force\":true");
		assert_true(s->seen[s->n_seen - 1].u.ban.flags & BAN_EXTEND);
		assert_true(s->seen[s->n_seen - 1].u.ban.until > until + 59 * MIN);
	}
	/* A rule's ban is another one of the same element, which lasts as long as the longest. */
	packet(s, F_SSH, "203.0.113.99", 3, 100);
	UNTIL(s, count_seen(s, MSG_BAN, "203.0.113.99") == 1);
	ask(s, "ban 203.0.113.99 for 10m\n");
	assert_true(s->seen[s->n_seen - 1].u.ban.until > clock_real() + 59 * MIN);
	drop_curtain(s);
}

static void
the_history_shows_what_was_dropped_so_far(void **unused)
{
	struct stage *s = raise_curtain(true);
	const char *answer;
	char source[64];

	(void)unused;
	for (int i = 0; i < 150; i++) { /* more than a page */
		snprintf(source, sizeof(source), "203.0.113.%d", i);
		packet(s, F_SSH, source, 3, (uint64_t)i);
	}
	packet(s, F_SSH, "2001:db8::7", 3, 200);
	UNTIL(s, s->n_seen == 151);
	turns(s);
	answer = ask(s, "history 203.0.113.0/24\n");
	assert_int_equal(count_text(answer, "\"packets\":11,\"bytes\":700"), 150);
	assert_has(answer, OK_END);
	assert_has(ask(s, "history 2001:db8::7\n"), "\"packets\":11,\"bytes\":700");
	assert_has(ask(s, "history 192.0.2.1\n"), OK_END);
	drop_curtain(s);
}

static void
what_an_ending_ban_dropped_is_in_the_book(void **unused)
{
	struct stage *s = raise_curtain(true);
	const char *answer;

	(void)unused;
	ask(s, "ban 203.0.113.1\n");
	turns(s);
	assert_int_equal(bans_next_end(s->court->bans), USEC_NEVER); /* no end, no timer */
	ask(s, "ban 203.0.113.7 for 3s\n");
	ask(s, "ban 2001:db8::7 for 3s\n");
	ask(s, "ban 203.0.113.8 for 1h\n");
	UNTIL(s,
	    count_seen(s, MSG_LOOKUP, "203.0.113.7") + count_seen(s, MSG_LOOKUP, "2001:db8::7") ==
		2);
	turns(s);
	assert_int_equal(count_seen(s, MSG_LOOKUP, "203.0.113.8"), 0);
	assert_int_equal(count_seen(s, MSG_LOOKUP, "203.0.113.1"), 0);
	/* Not twice, while the element is still there and when it is gone. */
	answer = ask(s, "list 203.0.113.7\n");
	assert_has(answer, "\"packets\":11,\"bytes\":700");
	UNTIL(s, !book_is_behind(s->court->book));
	answer = ask(s, "history 203.0.113.7\n");
	assert_has(answer, "\"packets\":11,\"bytes\":700");
	drop_curtain(s);
	s = raise_curtain(true);
	assert_has(ask(s, "history 2001:db8::7\n"), "\"packets\":11,\"bytes\":700");
	drop_curtain(s);
}

static void
the_self_checks_log_is_no_source(void **unused)
{
	struct stage *s;

	(void)unused;
	stats.sources[0] = (struct stats_source){
	    .key = hash_text("file:/run/guardd/selfcheck.log"), .state = STATS_LIVE};
	stats.sources[1] = (struct stats_source){.key = 77, .state = STATS_LIVE, .name = "a\n/log"};
	s = raise_curtain(true);
	packet(s, F_SELF, "192.0.0.8", 1, 100);
	packet(s, F_SSH, "203.0.113.7", 1, 200);
	turns(s);
	assert_has(ask(s, "status\n"), "\"sources_live\":1");
	assert_has(ask(s, "status\n"), "\"offences\":1,");
	drop_curtain(s);
}

static void
lines_from_the_future_are_told_once_per_source(void **unused)
{
	struct stage *s;
	struct msg m = {.type = MSG_OFFENCE};
	const char *text;
	int old;

	(void)unused;
	stats.sources[1] = (struct stats_source){.key = 77, .state = STATS_LIVE, .name = "/a/log"};
	s = raise_curtain(true);
	old = begin_log();
	m.u.offence = offence(F_SSH, "203.0.113.7", clock_real());
	m.u.offence.flags = OFFENCE_FUTURE;
	for (uint64_t i = 0; i < 10; i++) {
		m.u.offence.source = i % 2 ? 77 : 78;
		assert_int_equal(chan_send_packet(s->reader, &m, 1), 0);
	}
	m.u.offence.flags = 0;
	m.u.offence.source = 79;
	assert_int_equal(chan_send_packet(s->reader, &m, 1), 0);
	UNTIL(s, s->court->verdict.counts.offences == 11);
	text = end_log(old);
	assert_int_equal(count_text(text, "ahead of now"), 2);
	assert_int_equal(count_text(text, "source /a/log is dated"), 1);
	assert_has(ask(s, "status\n"), "\"future\":10");
	drop_curtain(s);
}

/* Two rules of one service; the second is no more in the second script. */
static struct image_build *
with_service(bool both)
{
	struct image_build *b = image_build_new();
	struct image_service service = {.name = image_build_str(b, "mail")};

	image_build_filter(b, &(struct build_filter){.name = "sshd"});
	image_build_filter(b, &(struct build_filter){.name = "mail"});
	service.ports.first = image_build_add(
	    b, IMAGE_PORTS, &(struct image_port){.proto = 6, .low = 25, .high = 25});
	service.ports.n = 1;
	image_build_add(b, IMAGE_SERVICES, &service);
	for (uint32_t i = 0; i < (both ? 2u : 1u); i++)
		image_build_rule(b, &(struct build_rule){.name = i ? "second" : "first",
					.filters = {i},
					.n_filters = 1,
					.points = 3,
					.duration = HOUR,
					.scope = 1});
	image_build_settings(b)->history = 90 * DAY;
	return b;
}

static struct image_build *
two_rules(void)
{
	return with_service(true);
}

static struct image_build *
one_rule(void)
{
	return with_service(false);
}

static void
bans_of_a_rule_that_went_meanwhile_leave_its_service(void **unused)
{
	struct stage *s;
	uint32_t scopes = 0;

	(void)unused;
	script = two_rules;
	s = raise_curtain(true);
	packet(s, 1, "203.0.113.7", 3, 100);
	packet(s, 0, "203.0.113.8", 3, 200);
	packet(s, 1, "203.0.113.8", 3, 300);
	UNTIL(s, s->n_seen == 3);
	turns(s);
	assert_int_equal(s->seen[0].u.ban.scope, 1);
	drop_curtain(s);
	script = one_rule;
	s = raise_curtain(false);
	event_base_loopexit(s->court->base, &(struct timeval){.tv_usec = 1000});
	assert_int_equal(court_run(s->court), 0);
	join(s, ROLE_KEEPER);
	UNTIL(s, s->synced);
	turns(s);
	for (uint32_t i = 0; i < s->n_seen; i++)
		if (s->seen[i].type == MSG_UNBAN && s->seen[i].u.ban.prefix.addr.bytes[3] == 7)
			scopes |= 1u << s->seen[i].u.ban.scope;
	assert_int_equal(scopes, 3);
	/* The other rule's own ban of the same address stays in the service's set. */
	for (uint32_t i = 0; i < s->n_seen; i++)
		assert_false(s->seen[i].type == MSG_UNBAN &&
			     s->seen[i].u.ban.prefix.addr.bytes[3] == 8 &&
			     s->seen[i].u.ban.scope == 1);
	drop_curtain(s);
}

static void
bans_by_hand_are_answered_when_the_kernel_has_them(void **unused)
{
	struct stage *s = raise_curtain(true);
	const char *answer;
	int fd;

	(void)unused;
	answer = ask(s, "ban 203.0.113.0/24 for 2h because \"sends \\\"rubbish\\\"\"\n");
	assert_has(answer, "\"prefix\":\"203.0.113.0/24\",\"rule\":\"manual\"");
	assert_has(answer, "\"why\":\"by hand: sends \\\"rubbish\\\"\"");
	assert_has(answer, "\"in_force\":true");
	assert_has(answer, OK_END);
	assert_has(ask(s, "ban 2001:db8::1\n"), "\"until\":null");
	assert_int_equal(count_seen(s, MSG_BAN, "2001:db8::1"), 1);
	assert_has(ask(s, "ban 198.51.100.7\n"), "is never banned: 198.51.100.0/24");
	assert_has(ask(s, "ban 198.51.101.0/23\n"), "\"status\":3");
	assert_has(ask(s, "ban 198.51.0.0/16\n"), "\"status\":1");
	assert_has(ask(s, "ban x\n"), "\"status\":3");
	assert_has(ask(s, "ban 203.0.113.1 for ever\n"), "\"status\":3");
	assert_has(ask(s, "ban 203.0.113.1 for\n"), "\"status\":3");
	assert_int_equal(s->n_seen, 2);
	s->refuse = -ENOMEM;
	answer = ask(s, "ban 203.0.112.1\n");
	assert_has(answer, "\"in_force\":false");
	assert_has(
	    answer, "\"status\":1,\"error\":\"the ban is in the book, but not in force: Cannot");
	s->silent = true;
	fd = start_asking(s, "ban 203.0.112.2\n");
	turns(s);
	close(fd);
	turns(s);
	drop_curtain(s);
}

static void
bans_of_another_program_are_adopted_and_nonsense_is_not(void **unused)
{
	static const struct {
		const char *request, *answer;
	} refused[] = {
	    {"203.0.113.9 rule ssh level 1 since 0 until 9223372036854775807", "no level or time"},
	    {"203.0.113.9 rule ssh level 1 since 0 until 99999999999999999999", "no level or time"},
	    {"203.0.113.9 rule ssh level 1 since -9223372036854775808 until never",
		"no level or time"},
	    {"203.0.113.9 rule ssh level 1 since 0x10 until never", "no level or time"},
	    {"203.0.113.9 rule ssh level 1 since 9 until 8", "no level or time"},
	    {"203.0.113.9 rule ssh level 0 since 9 until 10", "no level or time"},
	    {"203.0.113.9 rule ssh level 65536 since 9 until 10", "no level or time"},
	    {"203.0.113.9 rule ssh level 1 since 4000000000 until never", "in the past"},
	    {"203.0.113.0/24 rule ssh level 1 since 0 until never", "one address"},
	    {"203.0.113.9 rule self level 1 since 0 until never", "there is no rule self"},
	    {"203.0.113.9 rule manual level 1 since 0 until never", "there is no rule manual"},
	    {"203.0.113.9 rule none level 1 since 0 until never", "there is no rule none"},
	    {"203.0.113.9 rule ssh level 1 until never since 0", "usage"},
	    {"198.51.100.7 rule ssh level 1 since 0 until never", "is never banned"},
	    {"203.0.113.9 rule ssh level 1 since 0", "\"status\":3"},
	};
	struct stage *s = raise_curtain(true);
	char request[200];
	const char *answer;

	(void)unused;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		snprintf(request, sizeof(request), "adopt %s\n", refused[i].request);
		assert_has(ask(s, request), refused[i].answer);
	}
	assert_int_equal(s->n_seen, 0);
	for (int i = 0; i < 2; i++) {
		answer = ask(s, "adopt 203.0.113.9 rule ssh level 4 since 1 until never\n");
		assert_has(answer, "\"rule\":\"ssh\"");
		assert_has(answer, "\"level\":4,\"in_force\":true");
		assert_has(answer, OK_END);
		answer = ask(s, "adopt 2001:db8::7 rule ssh level 2 since 1 until 4000000000\n");
		assert_has(answer, "\"prefix\":\"2001:db8::/64\"");
		assert_has(answer, "\"in_force\":true");
		assert_has(ask(s, "adopt 203.0.113.10 rule ssh level 1 since 1 until 2\n"), OK_END);
		assert_int_equal(s->n_seen, 2);
	}
	drop_curtain(s);
}

static void
unban_lifts_all_causes_and_names_what_stays(void **unused)
{
	struct stage *s = raise_curtain(true);
	const char *answer;

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	packet(s, F_SSH, "2001:db8::7", 3, 100);
	UNTIL(s, s->n_seen == 2);
	ask(s, "ban 203.0.113.7 for 9h\n");
	assert_true(s->seen[2].u.ban.flags & BAN_EXTEND);
	answer = ask(s, "unban 203.0.113.7\n");
	assert_has(answer, "\"rule\":\"ssh\"");
	assert_has(answer, "\"rule\":\"manual\"");
	assert_has(answer, "\"packets\":11");
	assert_has(answer, OK_END);
	assert_true(count_seen(s, MSG_UNBAN, "203.0.113.7") >= 1);
	assert_false(in_kernel(s, &(struct prefix){addr("203.0.113.7"), 32}));
	assert_has(ask(s, "unban 2001:db8::99\n"), "\"prefix\":\"2001:db8::/64\"");
	assert_has(ask(s, "unban 203.0.113.7\n"), "there is no such ban");
	assert_string_equal(ask(s, "list\n"), OK_END);
	ask(s, "ban 203.0.113.0/24\n");
	ask(s, "ban 203.0.113.7\n");
	assert_has(ask(s, "unban 203.0.113.7\n"), "still banned with 203.0.113.0/24");
	assert_has(ask(s, "history 203.0.113.7\n"), "\"prefix\":\"203.0.113.0/24\"");
	/* Lifted means counted from nothing. */
	packet(s, F_SSH, "2001:db8::7", 2, 300);
	turns(s);
	assert_int_equal(count_seen(s, MSG_BAN, "2001:db8::/64"), 1);
	drop_curtain(s);
}

/* The book was lost: what the kernel has is known to nobody. */
static void
unban_takes_out_what_the_kernel_has_and_the_book_has_not(void **unused)
{
	static const struct {
		const char *source, *prefix;
	} both[] = {{"203.0.113.7", "203.0.113.7"}, {"2001:db8::7", "2001:db8::/64"}};
	struct stage *s = raise_curtain(true);
	char request[64], member[64];
	const char *answer;

	(void)unused;
	for (int i = 0; i < 2; i++) {
		s->seen[s->n_seen].type = MSG_BAN;
		s->seen[s->n_seen++].u.ban.prefix = prefix(both[i].prefix);
		snprintf(request, sizeof(request), "unban %s\n", both[i].source);
		snprintf(member, sizeof(member), "{\"prefix\":\"%s\",\"why\":\"in the kernel, not",
		    both[i].prefix);
		answer = ask(s, request);
		assert_has(answer, member);
		assert_has(answer, "\"packets\":11");
		assert_has(answer, OK_END);
		assert_int_equal(count_seen(s, MSG_UNBAN, both[i].prefix), 1);
		assert_has(ask(s, request), "there is no such ban");
	}
	s->silent = true;
	snprintf(request, sizeof(request), "unban %s\n", both[0].source);
	answer = take_answer(s, start_asking(s, request));
	assert_has(answer, "the keeper did not answer");
	drop_curtain(s);
}

static void
one_of_two_causes_keeps_the_element(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_CONFIG};
	struct image_build *b;

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	packet(s, F_SSH, "203.0.113.8", 3, 100);
	UNTIL(s, s->n_seen == 2);
	ask(s, "ban 203.0.113.7 for 9h\n");
	assert_true(s->seen[2].u.ban.until > s->seen[0].u.ban.until);
	/* The rule goes, and its bans with it; the one by hand stays. */
	b = image_build_new();
	assert_int_equal(chan_send_fd(s->supervisor, &m, image_build_fd(b)), 0);
	UNTIL(s, count_seen(s, MSG_UNBAN, "203.0.113.8") == 1);
	turns(s);
	assert_int_equal(count_seen(s, MSG_UNBAN, "203.0.113.7"), 0);
	assert_has(ask(s, "list\n"), "\"rule\":\"manual\"");
	assert_null(strstr(ask(s, "list\n"), "\"rule\":\"ssh\""));
	image_build_free(b);
	drop_curtain(s);
}

static void
a_new_image_keeps_rules_by_their_names(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_CONFIG};
	struct image_build *b = image_build_new();

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	packet(s, F_SSH, "203.0.113.8", 2, 100);
	UNTIL(s, s->n_seen == 1);
	turns(s);
	/* Other numbers for the same names. */
	image_build_filter(b, &(struct build_filter){.name = "first"});
	image_build_filter(b, &(struct build_filter){.name = "sshd"});
	image_build_rule(
	    b, &(struct build_rule){.name = "new", .filters = {0}, .n_filters = 1, .points = 1});
	image_build_rule(
	    b, &(struct build_rule){.name = "ssh", .filters = {1}, .n_filters = 1, .points = 3});
	assert_int_equal(chan_send_fd(s->supervisor, &m, image_build_fd(b)), 0);
	turns(s);
	packet(s, F_SSH, "203.0.113.9", 1, 200); /* the old reader still means sshd by 0 */
	turns(s);
	assert_int_equal(s->n_seen, 1);
	s->positions_end = false;
	chan_free(s->reader);
	join(s, ROLE_READER);
	UNTIL(s, s->positions_end);
	packet(s, 1, "203.0.113.8", 1, 300);
	UNTIL(s, s->n_seen == 2);
	assert_int_equal(count_seen(s, MSG_BAN, "203.0.113.8"), 1);
	assert_int_equal(count_seen(s, MSG_UNBAN, "203.0.113.7"), 0);
	packet(s, 0, "203.0.113.9", 1, 300);
	UNTIL(s, s->n_seen == 3);
	turns(s);
	assert_has(ask(s, "list\n"), "\"rule\":\"new\"");
	image_build_free(b);
	drop_curtain(s);
}

static void
a_broken_image_changes_nothing(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_CONFIG};

	(void)unused;
	assert_int_equal(chan_send_fd(s->supervisor, &m, memfd_create("empty", MFD_CLOEXEC)), 0);
	turns(s);
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	UNTIL(s, s->n_seen == 1);
	drop_curtain(s);
}

static void
a_reload_gives_the_supervisors_errors_line_by_line(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_RELOADED};
	int fd = start_asking(s, "reload\n"), errors = memfd_create("errors", MFD_CLOEXEC);

	(void)unused;
	UNTIL(s, s->reload_id != 0);
	m.id = s->reload_id;
	m.u.result.status = 1;
	dprintf(errors, "a.yaml:3:1: unknown key\n  \"x\": 1\n");
	assert_int_equal(chan_send_fd(s->supervisor, &m, errors), 0);
	assert_string_equal(take_answer(s, fd),
	    "{\"text\":\"a.yaml:3:1: unknown key\"}\n"
	    "{\"text\":\"  \\\"x\\\": 1\"}\n"
	    "{\"done\":true,\"status\":1,\"error\":\"the configuration was "
	    "not taken over, what was in force stays\"}\n");
	fd = start_asking(s, "reload\n");
	UNTIL(s, s->reload_id == m.id + 1);
	m.id++;
	m.u.result.status = 0;
	assert_int_equal(chan_send_fd(s->supervisor, &m, memfd_create("none", MFD_CLOEXEC)), 0);
	assert_string_equal(take_answer(s, fd), OK_END);
	drop_curtain(s);
}

/* The played reader reads the log of the self check, once for each family. */
static void
read_selfcheck_log(struct stage *s, off_t *at)
{
	char text[256], address[64];
	struct msg m = {.type = MSG_OFFENCE};
	ssize_t n = pread(s->selfcheck, text, sizeof(text) - 1, *at);

	if (n <= 0)
		return;
	text[n] = '\0';
	*at += n;
	assert_int_equal(sscanf(text, "guardd-selfcheck %*16[0-9a-f] from %63s", address), 1);
	m.u.offence = offence(F_SELF, address, clock_real());
	assert_int_equal(chan_send_packet(s->reader, &m, 1), 0);
}

static void
a_self_check_follows_its_line_in_and_out(void **unused)
{
	struct stage *s = raise_curtain(true);
	int fd = start_asking(s, "selfcheck\n");
	const char *answer, *at;
	off_t log = 0;
	unsigned lines = 0;

	(void)unused;
	for (int i = 0; i < 200; i++) {
		read_selfcheck_log(s, &log);
		event_base_loop(s->court->base, EVLOOP_NONBLOCK);
	}
	answer = take_answer(s, fd);
	assert_has(answer, OK_END);
	for (at = answer; (at = strstr(at, "{\"step\":")); at++)
		lines++;
	assert_int_equal(lines, 13);
	assert_has(answer, "\"address\":\"192.0.0.8\"");
	assert_has(answer, "\"address\":\"100::8\"");
	assert_int_equal(count_seen(s, MSG_BAN, "192.0.0.8"), 1);
	assert_int_equal(count_seen(s, MSG_UNBAN, "192.0.0.8"), 1);
	assert_int_equal(count_seen(s, MSG_UNBAN, "100::/64"), 1);
	assert_string_equal(ask(s, "list\n"), OK_END);
	assert_string_equal(ask(s, "history 192.0.0.8\n"), OK_END);
	drop_curtain(s);
}

static void
a_self_check_says_which_step_did_not_work(void **unused)
{
	struct stage *s = raise_curtain(true);
	off_t log = 0;
	int fd;

	(void)unused;
	s->lost = true;
	fd = start_asking(s, "selfcheck\n");
	for (int i = 0; i < 100; i++) {
		read_selfcheck_log(s, &log);
		event_base_loop(s->court->base, EVLOOP_NONBLOCK);
	}
	assert_has(take_answer(s, fd), "the kernel's set does not have the ban");
	s->lost = false;
	s->refuse = -EPERM;
	fd = start_asking(s, "selfcheck\n");
	for (int i = 0; i < 100; i++) {
		read_selfcheck_log(s, &log);
		event_base_loop(s->court->base, EVLOOP_NONBLOCK);
	}
	assert_has(take_answer(s, fd), "Operation not permitted");
	assert_string_equal(ask(s, "list\n"), OK_END);
	drop_curtain(s);
}

static void
lines_from_this_machine_ban_nobody(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_OWN_BEGIN};

	(void)unused;
	chan_send(s->keeper, &m);
	m.type = MSG_OWN;
	m.u.own.prefix = prefix("172.17.0.1");
	m.u.own.kind = OWN_BRIDGE;
	chan_send(s->keeper, &m);
	m.type = MSG_OWN_END;
	chan_send(s->keeper, &m);
	turns(s);
	packet(s, F_SSH, "172.17.0.1", 20, 100);
	m = (struct msg){.type = MSG_GATEWAY};
	m.u.offence = offence(F_SSH, "203.0.113.7", clock_real());
	for (int i = 0; i < 10; i++)
		assert_int_equal(chan_send_packet(s->reader, &m, 1), 0);
	turns(s);
	assert_int_equal(s->n_seen, 0);
	assert_has(ask(s, "status\n"), "\"hidden\":30");
	assert_has(ask(s, "ban 172.17.0.1\n"), "never banned");
	drop_curtain(s);
}

static void
without_a_book_bans_still_reach_the_kernel(void **unused)
{
	struct rlimit old, small;
	struct stage *s, *t;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){8192, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	s = raise_curtain(true);
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	packet(s, F_SSH, "2001:db8::7", 3, 200);
	UNTIL(s, s->n_seen == 2);
	turns(s);
	assert_true(s->court->book_trouble);
	assert_null(strstr(ask(s, "status\n"), "\"book\":\"ok\""));
	assert_has(ask(s, "list\n"), "\"in_force\":true");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	UNTIL(s, !s->court->book_trouble);
	assert_has(ask(s, "status\n"), "\"book\":\"ok\"");
	drop_curtain(s);
	t = raise_curtain(true);
	assert_int_equal(t->n_seen, 2);
	assert_int_equal(t->positions[0].file.offset, 200);
	drop_curtain(t);
}

static void
a_lost_book_makes_bans_careful(void **unused)
{
	char path[128];
	struct stage *s;
	int fd;

	(void)unused;
	snprintf(path, sizeof(path), "%s/" BOOK_FILE, dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "rubbish of some length that is no header", 40), 40);
	close(fd);
	s = raise_curtain(true);
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	UNTIL(s, s->n_seen == 1);
	assert_true(s->seen[0].u.ban.flags & BAN_EXTEND);
	drop_curtain(s);
}

static void
it_stops_with_everything_written(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg stop = {.type = MSG_STOP};

	(void)unused;
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	packet(s, F_SSH, "203.0.113.8", 1, 200);
	chan_flush(s->reader);
	chan_send(s->supervisor, &stop);
	assert_int_equal(court_run(s->court), 0);
	assert_false(book_is_behind(s->court->book));
	drop_curtain(s);
	s = raise_curtain(true);
	assert_int_equal(s->positions[0].file.offset, 200);
	assert_int_equal(tallies_count(s->court->tallies), 1);
	drop_curtain(s);
}

static void
it_is_ready_answers_and_ends_with_its_supervisor(void **unused)
{
	struct stage *s = raise_curtain(false);

	(void)unused;
	chan_free(s->supervisor);
	s->supervisor = NULL;
	assert_int_equal(court_run(s->court), 0);
	drop_curtain(s);
}

static void
rubbish_offences_are_dropped(void **unused)
{
	struct stage *s = raise_curtain(true);
	struct msg m = {.type = MSG_OFFENCE};
	uint64_t seed = 7;

	(void)unused;
	for (int i = 0; i < 3000; i++) {
		for (size_t k = 0; k < sizeof(m.u.bytes); k++)
			m.u.bytes[k] = (uint8_t)random_below(&seed, i % 2 ? 256 : 8);
		m.type = i % 3 ? MSG_OFFENCE : i % 2 ? MSG_FORGIVE : MSG_POSITION;
		if (m.type == MSG_POSITION && i > 100)
			m.u.position.key = 1;
		assert_int_equal(chan_send_packet(s->reader, &m, 1), 0);
		if (i % 50 == 0)
			turns(s);
	}
	packet(s, F_SSH, "203.0.113.7", 3, 100);
	UNTIL(s, count_seen(s, MSG_BAN, "203.0.113.7") == 1);
	drop_curtain(s);
}

int
main(void)
{
#define COURT_TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
	    COURT_TEST(offences_become_bans_in_force_in_both_families),
	    COURT_TEST(a_ban_and_its_position_are_in_the_book_together),
	    COURT_TEST(behind_a_ban_the_book_follows_within_milliseconds),
	    COURT_TEST(without_a_ban_the_book_follows_within_a_second),
	    COURT_TEST(a_new_reader_goes_on_where_the_old_one_was),
	    COURT_TEST(refused_bans_are_not_in_force_and_sent_again),
	    COURT_TEST(a_never_ban_answer_is_shown_and_a_host_only_one_narrows),
	    COURT_TEST(a_table_made_anew_gets_the_whole_book_again),
	    COURT_TEST(new_bans_do_not_wait_behind_the_whole_book),
	    COURT_TEST(a_full_table_refuses_and_says_so_once),
	    COURT_TEST(by_hand_nothing_is_shortened),
	    COURT_TEST(the_history_shows_what_was_dropped_so_far),
	    COURT_TEST(what_an_ending_ban_dropped_is_in_the_book),
	    COURT_TEST(the_self_checks_log_is_no_source),
	    COURT_TEST(lines_from_the_future_are_told_once_per_source),
	    COURT_TEST(bans_of_a_rule_that_went_meanwhile_leave_its_service),
	    COURT_TEST(bans_by_hand_are_answered_when_the_kernel_has_them),
	    COURT_TEST(bans_of_another_program_are_adopted_and_nonsense_is_not),
	    COURT_TEST(unban_lifts_all_causes_and_names_what_stays),
	    COURT_TEST(unban_takes_out_what_the_kernel_has_and_the_book_has_not),
	    COURT_TEST(one_of_two_causes_keeps_the_element),
	    COURT_TEST(a_new_image_keeps_rules_by_their_names),
	    COURT_TEST(a_broken_image_changes_nothing),
	    COURT_TEST(a_reload_gives_the_supervisors_errors_line_by_line),
	    COURT_TEST(a_self_check_follows_its_line_in_and_out),
	    COURT_TEST(a_self_check_says_which_step_did_not_work),
	    COURT_TEST(lines_from_this_machine_ban_nobody),
	    COURT_TEST(without_a_book_bans_still_reach_the_kernel),
	    COURT_TEST(a_lost_book_makes_bans_careful),
	    COURT_TEST(it_stops_with_everything_written),
	    COURT_TEST(it_is_ready_answers_and_ends_with_its_supervisor),
	    COURT_TEST(rubbish_offences_are_dropped),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the judge */
	log_init("test", LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
