/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "image_build.h"
#include "reader/pattern.h"

#define HITS_MAX 4096
#define NOW      (1793613600 * USEC_PER_SEC) /* 2026-11-02 10:00:00 UTC */
#define SYSLOG   "Nov  2 09:59:00 host sshd[12]: "

struct got {
	struct hit hits[HITS_MAX];
	char user[HITS_MAX][64];
	size_t n;
	struct lane_counts counts;
	struct lane_filter_counts filters[16];
};

/* An image, its engine and one lane of all its filters. */
struct bed {
	struct image_build *build;
	struct image img;
	struct engine *engine;
	struct lane *lane;
	struct got got;
};

static void
on_hit(void *ctx, const struct hit *h)
{
	struct got *g = ctx;

	assert_true(g->n < HITS_MAX);
	g->hits[g->n] = *h;
	snprintf(
	    g->user[g->n++], sizeof *g->user, "%.*s", (int)h->user_len, h->user ? h->user : "-");
}

static struct bed *
bed_new(const struct build_filter *const *filters)
{
	struct bed *b = calloc(1, sizeof *b);
	struct lane_filter as[16];
	char *error = NULL;
	size_t n = 0;

	assert_non_null(b);
	b->build = image_build_new();
	for (; filters[n]; n++)
		as[n] = (struct lane_filter){image_build_filter(b->build, filters[n]), UINT32_MAX};
	image_build_open(b->build, &b->img);
	if (engine_new(&b->engine, &b->img, &error) < 0)
		fail_msg("engine_new: %s", error);
	assert_int_equal(lane_new(&b->lane, b->engine, as, n), 0);
	return b;
}

static void
bed_free(struct bed *b)
{
	lane_free(b->lane);
	engine_free(b->engine);
	image_close(&b->img);
	image_build_free(b->build);
	free(b);
}

/* In an allocation of exactly its size, so that a sanitizer sees reads behind it. */
static void
feed(struct bed *b, const char *text, size_t n)
{
	struct lane_sink sink = {on_hit, &b->got, &b->got.counts, b->got.filters};
	char *copy = malloc(n ? n : 1);

	memcpy(copy, text, n);
	lane_block(b->lane, copy, n, NOW, &sink);
	free(copy);
}

static void
feed_text(struct bed *b, const char *text)
{
	memset(&b->got, 0, sizeof b->got);
	feed(b, text, strlen(text));
}

static void
tell(struct bed *b, const char *text, const char *program, usec_t time)
{
	struct lane_message m = {.text = text,
	    .len = strlen(text),
	    .program = program,
	    .program_len = program ? strlen(program) : 0,
	    .time = time};
	struct lane_sink sink = {on_hit, &b->got, &b->got.counts, b->got.filters};

	memset(&b->got, 0, sizeof b->got);
	lane_message(b->lane, &m, NOW, &sink);
}

static void
expect_one(const struct bed *b, enum pattern_kind kind, const char *address)
{
	char text[ADDR_TEXT_MAX];

	assert_int_equal(b->got.n, 1);
	assert_int_equal(b->got.hits[0].kind, kind);
	assert_string_equal(addr_format(&b->got.hits[0].offence.addr, text), address);
}

static const struct build_filter sshd = {
    .name = "sshd",
    .programs = {"sshd", "sshd-session"},
    .patterns =
	{
	    {.kind = PATTERN_OFFENCE,
		"^Failed (?:password|none) for (?:invalid user )?<user> from <addr> port \\d+(?: "
		"ssh2)?$",
		{"Failed password for ", "Failed none for "},
		.points = 2},
	    {.kind = PATTERN_FORGIVE,
		"^Accepted \\S+ for <user> from <addr> port \\d+",
		{"Accepted "}},
	    {.kind = PATTERN_OFFENCE, "^Accepted nonsense from <addr>$", {"Accepted nonsense"}},
	    {.kind = PATTERN_IGNORE,
		"^Failed password for backup from <addr>",
		{"Failed password for backup"}},
	    {.kind = PATTERN_OFFENCE,
		"^invalid user from <addr> or <addr>$|^illegal user from <addr>$",
		{" user from "},
		.caseless = true},
	},
};

static const struct build_filter access_log = {
    .name = "access",
    .patterns =
	{
	    {.kind = PATTERN_OFFENCE,
		"^<addr> - (?:<user>|-) \\[<time>\\] \"[A-Z]+ /evil",
		{"/evil"}},
	},
};

static const struct build_filter session = {
    .name = "session",
    .patterns =
	{
	    {.kind = PATTERN_REMEMBER, "^conn=<session> ACCEPT from <addr>$", {" ACCEPT from "}},
	    {.kind = PATTERN_OFFENCE, "^conn=<session> BIND err=49 as <user>$", {" BIND err=49"}},
	},
};

static const struct build_filter slow = {
    .name = "slow",
    .patterns =
	{
	    {.kind = PATTERN_IGNORE, "^trap ignored (?:a+)+b", {"trap ignored"}},
	    {.kind = PATTERN_OFFENCE, "^trap (?:ignored )?(?:a|aa|a+)+ by <addr>$", {"trap "}},
	    {.kind = PATTERN_OFFENCE, " from <addr>$", {" from "}},
	},
};

static const struct build_filter *const all_filters[] = {&sshd, &access_log, &session, &slow, NULL};

static void
an_offence_carries_what_the_line_says(void **unused)
{
	static const char line[] =
	    SYSLOG "Failed password for root from 203.0.113.7 port 22 ssh2\n";
	struct bed *b = bed_new((const struct build_filter *const[]){&sshd, NULL});
	const struct msg_offence *o = &b->got.hits[0].offence;

	(void)unused;
	feed_text(b, line);
	expect_one(b, PATTERN_OFFENCE, "203.0.113.7");
	assert_int_equal(o->points, 2);
	assert_int_equal(o->filter, 0);
	assert_int_equal(o->pattern, 0);
	assert_int_equal(o->flags, OFFENCE_HAS_USER);
	assert_int_equal(o->source, 0);
	assert_int_equal(o->time, NOW - 60 * USEC_PER_SEC);
	assert_true(o->user_hash == hash_bytes(&b->img.settings->user_key, "root", 4));
	assert_string_equal(b->got.user[0], "root");
	assert_int_equal(b->got.hits[0].line_start, 0);
	assert_int_equal(b->got.hits[0].line_end, sizeof line - 1);
	assert_int_equal(b->got.counts.lines, 1);
	assert_int_equal(b->got.counts.candidates, 1);
	assert_int_equal(b->got.counts.matched, 1);
	assert_int_equal(b->got.filters[0].candidates, 1);
	assert_int_equal(b->got.filters[0].matched, 1);

	feed_text(b, SYSLOG "Failed none for invalid user x y from ::ffff:192.0.2.1 port 1\r\n");
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	assert_string_equal(b->got.user[0], "x y");
	feed_text(b, SYSLOG "Failed password for  from 2001:db8::7 port 1\n");
	expect_one(b, PATTERN_OFFENCE, "2001:db8::7");
	bed_free(b);
}

static void
the_first_that_matches_settles_a_filter(void **unused)
{
	struct bed *b = bed_new((const struct build_filter *const[]){&sshd, NULL});

	(void)unused;
	feed_text(b, SYSLOG "Accepted publickey for anna from 192.0.2.1 port 1 ssh2\n");
	expect_one(b, PATTERN_FORGIVE, "192.0.2.1");
	feed_text(b, SYSLOG "Failed password for backup from 192.0.2.1 port 1 ssh2\n");
	assert_int_equal(b->got.n, 0);
	assert_int_equal(b->got.counts.candidates, 1);
	assert_int_equal(b->got.counts.matched, 0);
	feed_text(b, SYSLOG "Failed password for root from 999.0.2.1 port 1 ssh2\n");
	assert_int_equal(b->got.n, 0);
	bed_free(b);
}

static void
of_two_parts_of_one_name_the_set_one_counts(void **unused)
{
	struct bed *b = bed_new((const struct build_filter *const[]){&sshd, NULL});

	(void)unused;
	feed_text(b, SYSLOG "ILLEGAL User from 2001:db8::9\n");
	expect_one(b, PATTERN_OFFENCE, "2001:db8::9");
	feed_text(b, SYSLOG "invalid user FROM 192.0.2.3 or 192.0.2.4\n");
	expect_one(b, PATTERN_OFFENCE, "192.0.2.3");
	bed_free(b);
}

static void
only_lines_of_the_program_count(void **unused)
{
	struct bed *b = bed_new((const struct build_filter *const[]){&sshd, NULL});

	(void)unused;
	feed_text(
	    b, "Nov  2 09:59:00 host login[1]: Failed password for x from 192.0.2.1 port 1\n");
	assert_int_equal(b->got.n, 0);
	assert_int_equal(b->got.counts.candidates, 0);
	feed_text(b, "Failed password for x from 192.0.2.1 port 1\n");
	assert_int_equal(b->got.n, 0);
	tell(b, "Failed password for x from 192.0.2.1 port 1", "login", USEC_NEVER);
	assert_int_equal(b->got.n, 0);
	tell(b, "Failed password for x from 192.0.2.1 port 1", NULL, USEC_NEVER);
	assert_int_equal(b->got.n, 0);
	tell(b, "Failed password for x from 192.0.2.1 port 1", "sshd-session", NOW - 5);
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	assert_int_equal(b->got.hits[0].offence.time, NOW - 5);
	bed_free(b);
}

static void
a_message_can_leave_filters_out(void **unused)
{
	struct bed *b = bed_new(all_filters);
	const char text[] = "trap from 192.0.2.1";
	struct lane_message m = {.text = text, .len = sizeof text - 1, .time = USEC_NEVER};
	struct lane_sink sink = {on_hit, &b->got, &b->got.counts, NULL};

	(void)unused;
	m.filters = (const uint8_t[]){1, 1, 1, 0};
	lane_message(b->lane, &m, NOW, &sink);
	assert_int_equal(b->got.n, 0);
	m.filters = (const uint8_t[]){0, 0, 0, 1};
	lane_message(b->lane, &m, NOW, &sink);
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	bed_free(b);
}

static void
a_repeated_message_counts_as_often(void **unused)
{
	struct bed *b = bed_new((const struct build_filter *const[]){&sshd, NULL});

	(void)unused;
	feed_text(b, SYSLOG
	    "message repeated 5 times: [ Failed password for x from 192.0.2.1 port 1 ssh2]\n");
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	assert_int_equal(b->got.hits[0].offence.points, 10);
	feed_text(b, SYSLOG
	    "message repeated 60000 times: [ Failed password for x from 192.0.2.1 port 1 ssh2]\n");
	assert_int_equal(b->got.hits[0].offence.points, UINT16_MAX);
	bed_free(b);
}

static void
time_comes_from_the_line_and_is_never_ahead(void **unused)
{
	struct bed *b = bed_new(all_filters);
	const struct msg_offence *o = &b->got.hits[0].offence;

	(void)unused;
	feed_text(b, "192.0.2.1 - - [02/Nov/2026:10:30:00 +0100] \"GET /evil HTTP/1.1\" 404 1\n");
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	assert_int_equal(o->time, NOW - 1800 * USEC_PER_SEC);
	assert_int_equal(o->flags & (OFFENCE_FUTURE | OFFENCE_UNDATED), 0);

	feed_text(b, "192.0.2.1 - - [02/Nov/2026:11:30:00 +0000] \"GET /evil HTTP/1.1\" 404 1\n");
	assert_int_equal(o->time, NOW);
	assert_int_equal(o->flags & (OFFENCE_FUTURE | OFFENCE_UNDATED), OFFENCE_FUTURE);
	assert_int_equal(b->got.counts.future, 1);

	feed_text(b, "192.0.2.1 - - [02/Nov/2026:10:00:01 +0000] \"GET /evil HTTP/1.1\" 404 1\n");
	assert_int_equal(o->time, NOW + USEC_PER_SEC);
	assert_int_equal(o->flags & OFFENCE_FUTURE, 0);

	feed_text(b, "192.0.2.1 - - [30/Feb/2026:10:00:01 +0000] \"GET /evil HTTP/1.1\" 404 1\n");
	assert_int_equal(o->time, NOW);
	assert_int_equal(o->flags & (OFFENCE_FUTURE | OFFENCE_UNDATED), OFFENCE_UNDATED);
	assert_int_equal(b->got.counts.undated, 1);
	bed_free(b);
}

static void
sessions_are_remembered_per_filter(void **unused)
{
	struct bed *b = bed_new(all_filters);

	(void)unused;
	feed_text(b, "conn=7 BIND err=49 as anna\n");
	assert_int_equal(b->got.n, 0);
	feed_text(b, "conn=7 ACCEPT from 192.0.2.1\nconn=8 ACCEPT from 2001:db8::8\n");
	feed_text(b, "conn=7 BIND err=49 as anna\n");
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	feed_text(b, "conn=8 BIND err=49 as anna\n");
	expect_one(b, PATTERN_OFFENCE, "2001:db8::8");
	for (int i = 0; i < 1100; i++) {
		char line[64];

		snprintf(line, sizeof line, "conn=x%d ACCEPT from 192.0.2.9\n", i);
		feed_text(b, line);
	}
	assert_int_equal(lane_forgotten(b->lane), 1102 - 1024);
	feed_text(b, "conn=7 BIND err=49 as anna\n");
	assert_int_equal(b->got.n, 0);
	bed_free(b);
}

static void
a_limit_hit_is_counted_and_the_next_pattern_tried(void **unused)
{
	struct bed *b = bed_new(all_filters);
	char line[300] = "trap ";

	(void)unused;
	memset(line + 5, 'a', 100);
	strcpy(line + 105, " by x from 192.0.2.1\n");
	feed_text(b, line);
	assert_int_equal(b->got.counts.unexamined, 1);
	assert_int_equal(b->got.filters[3].unexamined, 1);
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	/* What might have been a line to ignore is no offence. */
	memcpy(line, "trap ignored ", 13);
	feed_text(b, line);
	assert_int_equal(b->got.counts.unexamined, 1);
	assert_int_equal(b->got.n, 0);
	bed_free(b);
}

static void
long_lines_are_skipped_and_counted(void **unused)
{
	static const char hit[] = "trap from 192.0.2.1\n";
	static const size_t lengths[] = {
	    LINE_MAX_BYTES - 1, LINE_MAX_BYTES, LINE_MAX_BYTES + 1, 3 * LINE_MAX_BYTES};
	struct bed *b = bed_new(all_filters);

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		size_t n = lengths[i], tail = sizeof hit - 1, too_long = n > LINE_MAX_BYTES;
		char *text = malloc(n + 1 + 2 * tail);

		memcpy(text, hit, tail);
		memset(text + tail, 'x', n);
		memcpy(text + tail + n - 15, " from 192.0.2.1", 15);
		text[tail + n] = '\n';
		memcpy(text + tail + n + 1, hit, tail);
		memset(&b->got, 0, sizeof b->got);
		feed(b, text, n + 1 + 2 * tail);
		assert_int_equal(b->got.counts.lines, 3);
		assert_int_equal(b->got.counts.unexamined, too_long);
		assert_int_equal(b->got.n, too_long ? 2 : 3);
		assert_int_equal(b->got.hits[b->got.n - 1].line_start, tail + n + 1);
		free(text);
	}
	bed_free(b);
}

static void
nul_and_any_bytes_are_harmless(void **unused)
{
	static const char text[] =
	    "\0\xff\xfe\n" SYSLOG "Failed password for \0\xc3 from 192.0.2.1 port 1\n\n\n\0";
	struct bed *b = bed_new(all_filters);

	(void)unused;
	feed(b, text, sizeof text - 1);
	assert_int_equal(b->got.counts.lines, 5);
	assert_int_equal(b->got.n, 1);
	assert_int_equal(b->got.hits[0].user_len, 2);
	feed(b, "", 0);
	tell(b, "", "sshd", USEC_NEVER);
	assert_int_equal(b->got.n, 0);
	bed_free(b);
}

static void
bad_patterns_and_filters_are_refused(void **unused)
{
	static const struct build_filter bad = {
	    .name = "bad", .patterns = {{.kind = PATTERN_OFFENCE, "^(<addr>", {"none"}}}};
	struct image_build *build = image_build_new();
	struct lane_filter as = {7, UINT32_MAX};
	struct engine *e = NULL;
	struct lane *l = NULL;
	char *error = NULL;
	struct bed *b;
	struct image img;

	(void)unused;
	image_build_filter(build, &bad);
	image_build_open(build, &img);
	assert_true(engine_new(&e, &img, &error) < 0);
	assert_non_null(error);
	assert_non_null(strstr(error, "parenthesis"));
	free(error);
	image_close(&img);
	image_build_free(build);

	b = bed_new(all_filters);
	assert_true(lane_new(&l, b->engine, &as, 1) < 0);
	as = (struct lane_filter){0, 99};
	assert_true(lane_new(&l, b->engine, &as, 1) < 0);
	bed_free(b);
}

static void
on_step(void *ctx, const struct lane_step *s)
{
	((unsigned *)ctx)[s->kind]++;
}

static void
every_step_can_be_followed(void **unused)
{
	struct bed *b = bed_new((const struct build_filter *const[]){&sshd, NULL});
	unsigned steps[STEP_LINE + 1] = {0};

	(void)unused;
	lane_trace(b->lane, on_step, steps);
	feed_text(b, SYSLOG "Failed password for root from 203.0.113.999 port 22 ssh2\n"
			    "Failed password for root\n"
			    "Nov  2 09:59:00 host su: Failed password for root\n"
			    "benign\n");
	assert_int_equal(steps[STEP_HEADER], 2);
	assert_int_equal(steps[STEP_NO_HEADER], 1);
	assert_int_equal(steps[STEP_PROGRAM], 1);
	assert_int_equal(steps[STEP_LITERAL], 3);
	assert_int_equal(steps[STEP_PATTERN], 1);
	assert_int_equal(steps[STEP_ADDRESS], 1);
	assert_int_equal(steps[STEP_LINE], 3);
	bed_free(b);
}

static uint64_t state = 88172645463325252u;

static uint32_t
rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

static const char *const pieces[] = {"\n", "\n", "\n", SYSLOG, SYSLOG,
    "\n" SYSLOG "Failed password for ", "\n" SYSLOG "Accepted ", "\n192.0.2.1",
    "root from 2001:db8::5 port 22\n", "x from 192.0.2.1 port 22 ssh2\n",
    "\nconn=7 ACCEPT from 192.0.2.8\n", "\nconn=7 BIND err=49 as x\n", "Failed password for ",
    "Failed ", "invalid user ", "root", " from ", "from", " from ", "192.0.2.1", "203.0.113.77",
    "2001:db8::5", "::ffff:192.0.2.3", " port 22 ssh2", " port 1", "Accepted ",
    "Accepted publickey for anna from 192.0.2.4 port 1", "Failed password for backup",
    " - - [02/Nov/2026:09:00:00 +0000] \"GET /evil", "/evil", "conn=7", " ACCEPT from ",
    " BIND err=49 as x", "trap ", "\ntrap aaaaaaaaaaaaaaaaaaaaaaaaaa", " by ", "ignored ", "\r",
    "\xff", "<13>", " user from ", " USER FROM ", "illegal",
    "2026-11-02T09:00:00Z host sshd-session[1]: ", "host su[1]: ", "message repeated 3 times: [ ",
    "]", "Nov 21 10:15:01 mail CRON[21873]: pam_unix(cron:session): x"};

static size_t
random_block(char *out, size_t room)
{
	size_t n = 0;

	for (int i = 0; i < 200; i++) {
		const char *p = pieces[rnd(sizeof pieces / sizeof *pieces)];

		if (n + strlen(p) + 2 > room)
			break;
		memcpy(out + n, p, strlen(p));
		n += strlen(p);
	}
	out[n++] = '\n';
	return n;
}

/* The same filter, whose patterns are tried on every line. */
static struct build_filter
without_literals(const struct build_filter *f)
{
	struct build_filter copy = *f;

	for (size_t i = 0; i < 16; i++)
		memset(copy.patterns[i].literals, 0, sizeof copy.patterns[i].literals);
	return copy;
}

static void
compare(const struct got *a, const struct got *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->counts.lines, b->counts.lines);
	assert_int_equal(a->counts.matched, b->counts.matched);
	assert_true(a->counts.candidates <= b->counts.candidates);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->hits[i].kind, b->hits[i].kind);
		assert_int_equal(a->hits[i].line_start, b->hits[i].line_start);
		assert_int_equal(a->hits[i].line_end, b->hits[i].line_end);
		assert_memory_equal(
		    &a->hits[i].offence, &b->hits[i].offence, sizeof a->hits[i].offence);
		assert_string_equal(a->user[i], b->user[i]);
	}
}

static void
the_scan_finds_exactly_what_regexes_alone_find(void **unused)
{
	static char text[16384];
	struct build_filter plain[4];
	const struct build_filter *plain_all[5] = {NULL};
	struct bed *with = bed_new(all_filters), *without;
	size_t hits = 0;

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		plain[i] = without_literals(all_filters[i]);
		plain_all[i] = &plain[i];
	}
	without = bed_new(plain_all);
	for (int round = 0; round < 1500; round++) {
		size_t n = random_block(text, sizeof text);

		memset(&with->got, 0, sizeof with->got);
		memset(&without->got, 0, sizeof without->got);
		feed(with, text, n);
		feed(without, text, n);
		compare(&with->got, &without->got);
		hits += with->got.n;
	}
	assert_true(hits > 1000);
	bed_free(with);
	bed_free(without);
}

static void
lanes_of_the_same_filters_do_not_disturb_each_other(void **unused)
{
	struct bed *b = bed_new((const struct build_filter *const[]){&session, NULL});
	struct lane_filter as = {0, UINT32_MAX};
	struct lane *other, *first = b->lane;

	(void)unused;
	assert_int_equal(lane_new(&other, b->engine, &as, 1), 0);
	feed_text(b, "conn=7 ACCEPT from 192.0.2.1\n");
	b->lane = other;
	feed_text(b, "conn=7 BIND err=49 as anna\n");
	assert_int_equal(b->got.n, 0);
	lane_free(other);
	b->lane = first;
	feed_text(b, "conn=7 BIND err=49 as anna\n");
	expect_one(b, PATTERN_OFFENCE, "192.0.2.1");
	bed_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_offence_carries_what_the_line_says),
	    cmocka_unit_test(the_first_that_matches_settles_a_filter),
	    cmocka_unit_test(of_two_parts_of_one_name_the_set_one_counts),
	    cmocka_unit_test(only_lines_of_the_program_count),
	    cmocka_unit_test(a_message_can_leave_filters_out),
	    cmocka_unit_test(a_repeated_message_counts_as_often),
	    cmocka_unit_test(time_comes_from_the_line_and_is_never_ahead),
	    cmocka_unit_test(sessions_are_remembered_per_filter),
	    cmocka_unit_test(a_limit_hit_is_counted_and_the_next_pattern_tried),
	    cmocka_unit_test(long_lines_are_skipped_and_counted),
	    cmocka_unit_test(nul_and_any_bytes_are_harmless),
	    cmocka_unit_test(bad_patterns_and_filters_are_refused),
	    cmocka_unit_test(every_step_can_be_followed),
	    cmocka_unit_test(the_scan_finds_exactly_what_regexes_alone_find),
	    cmocka_unit_test(lanes_of_the_same_filters_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
