/* links: conf reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Stepwise filters from their YAML to hits: dates, prefix, order, sessions, several lines, both
 * families.
 */
#include "conf_world.h"

#include "conf/print.h"
#include "reader/match.h"
#include "reader/mode.h"
#include "reader/steps.h"

#pragma GCC diagnostic ignored "-Wunused-parameter" /* what cmocka hands to each test */

#define ADDR "(?<addr>[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*|[0-9.]+)"

/* One filter "f" of the tail of its YAML, its engine and a lane. */
struct bed {
	struct world world;
	struct image img;
	struct engine *engine;
	struct lane *lane;
	uint32_t filter;
	usec_t now;
	/* of the last text */
	struct lane_counts counts;
	size_t hits, counted;
	struct msg_offence offence; /* the last */
	char user[64], id[128], cut[64], content[256];
	bool has_user;
};

static void
on_hit(void *ctx, const struct hit *h)
{
	struct bed *b = ctx;

	b->hits++;
	b->offence = h->offence;
	b->has_user = h->user != NULL;
	snprintf(b->user, sizeof(b->user), "%.*s", (int)h->user_len, h->user ? h->user : "");
}

static void
on_step(void *ctx, const struct lane_step *s)
{
	struct bed *b = ctx;

	if (s->kind == STEP_COUNTED) {
		b->counted++;
		snprintf(b->id, sizeof(b->id), "%.*s", (int)s->count->id_len, s->count->id);
	} else if (s->kind == STEP_DATE) {
		snprintf(b->cut, sizeof(b->cut), "%.*s", (int)s->len, s->text);
	} else if (s->kind == STEP_PATTERN) {
		snprintf(b->content, sizeof(b->content), "%.*s", (int)s->len, s->text);
	}
}

static void
bed_open(struct bed *b, const char *tail)
{
	struct lane_filter as;
	char text[4096];
	char *error = NULL;

	memset(b, 0, sizeof(*b));
	b->now = NOW;
	world_open(&b->world);
	put(&b->world, "etc/guardd.yaml", "zone: Europe/Berlin\n");
	snprintf(text, sizeof(text), "filter: f\nsources: [{file: /var/log/x}]\n%s", tail);
	put(&b->world, "etc/filters.d/f.yaml", text);
	load_fine(&b->world);
	image_of(&b->world, &b->img);
	while (strcmp(image_str(&b->img, b->img.filters[b->filter].name), "f"))
		b->filter++;
	if (engine_new(&b->engine, &b->img, &error) < 0)
		fail_msg("engine_new: %s", error);
	as = (struct lane_filter){b->filter, UINT32_MAX};
	assert_int_equal(lane_new(&b->lane, b->engine, &as, 1), 0);
	lane_trace(b->lane, on_step, b);
}

static void
bed_close(struct bed *b)
{
	lane_free(b->lane);
	engine_free(b->engine);
	image_close(&b->img);
	world_close(&b->world);
}

static struct lane_sink
begin(struct bed *b)
{
	b->hits = b->counted = 0;
	b->id[0] = b->user[0] = b->cut[0] = b->content[0] = 0;
	memset(&b->counts, 0, sizeof(b->counts));
	return (struct lane_sink){on_hit, b, &b->counts, NULL};
}

/* In an allocation of exactly its size, so that a sanitizer sees reads behind it. */
static void
feed_bytes(struct bed *b, const char *text, size_t n)
{
	struct lane_sink sink = begin(b);
	char *copy = malloc(n + 1);

	memcpy(copy, text, n);
	copy[n] = '\n';
	lane_block(b->lane, copy, n + 1, b->now, &sink);
	free(copy);
}

static void
feed(struct bed *b, const char *text)
{
	feed_bytes(b, text, strlen(text));
}

static void
expect_none(struct bed *b, const char *line)
{
	feed(b, line);
	if (b->hits)
		fail_msg("'%s' counts", line);
}

static void
expect(struct bed *b, const char *line, const char *addr)
{
	char text[ADDR_TEXT_MAX];

	feed(b, line);
	if (b->hits != 1)
		fail_msg("'%s' gives %zu hits", line, b->hits);
	assert_string_equal(addr_format(&b->offence.addr, text), addr);
}

static void
expect_user(struct bed *b, const char *line, const char *addr, const char *user)
{
	expect(b, line, addr);
	assert_true(b->has_user);
	assert_string_equal(b->user, user);
}

static const char *
time_text(usec_t t)
{
	static char text[40];

	return clock_format(t, t % USEC_PER_SEC != 0, text);
}

/* time NULL: none; cut: what is taken out. */
static void
expect_date(const char *template, const char *line, const char *cut, const char *time)
{
	struct bed b;
	char tail[1024], whole[256];

	snprintf(tail, sizeof(tail), "steps: {date: ['%s']}\noffences: ['failed from %s']\n",
	    template, ADDR);
	bed_open(&b, tail);
	snprintf(whole, sizeof(whole), "%s failed from 2001:db8::1", line);
	expect(&b, whole, "2001:db8::1");
	if (strcmp(b.cut, cut))
		fail_msg("%s, %s: cuts '%s'", template, line, b.cut);
	if (strcmp(b.offence.flags & OFFENCE_UNDATED ? "" : time_text(b.offence.time),
		time ? time : ""))
		fail_msg("%s, %s: time %s", template, line, time_text(b.offence.time));
	bed_close(&b);
}

static void
usual_dates(void **state)
{
	static const struct {
		const char *line, *cut, *time;
	} rows[] = {
	    {"Nov 18 10:00:00 host", "Nov 18 10:00:00", "2026-11-18T09:00:00Z"},
	    {"Wed Nov 18 10:00:00.123 2026 x", "Wed Nov 18 10:00:00.123 2026",
		"2026-11-18T09:00:00Z"},
	    {"[Wed Nov 18 10:00:00 2026]", "Wed Nov 18 10:00:00 2026", "2026-11-18T09:00:00Z"},
	    {"Nov 18 2026 10:00:00", "Nov 18 2026 10:00:00", "2026-11-18T09:00:00Z"},
	    {"2026-11-18T10:00:00.5+0300 x", "2026-11-18T10:00:00.5+0300", "2026-11-18T07:00:00Z"},
	    {"2026-11-18 10:00:00Z x", "2026-11-18 10:00:00Z", "2026-11-18T10:00:00Z"},
	    {"2026.11.18  9:00:00 x", "2026.11.18  9:00:00", "2026-11-18T08:00:00Z"},
	    {"18/Nov/2026:10:00:00 +0100", "18/Nov/2026:10:00:00 +0100", "2026-11-18T09:00:00Z"},
	    {"18-11-26 10:00:00", "18-11-26 10:00:00", "2026-11-18T09:00:00Z"},
	    {"17/10/2026 10:00:00", "17/10/2026 10:00:00", "2026-10-17T08:00:00Z"},
	    {"11-18-2026 10:00:00", "11-18-2026 10:00:00", "2026-11-18T09:00:00Z"},
	    {"11/18/2026:10:00:00", "11/18/2026:10:00:00", "2026-11-18T09:00:00Z"},
	    {"261118 10:00:00", "261118 10:00:00", "2026-11-18T09:00:00Z"},
	    {"20261118T100000", "20261118T100000", "2026-11-18T09:00:00Z"},
	    {"Nov 17, 2026 10:00:00 PM", "Nov 17, 2026 10:00:00 PM", "2026-11-17T21:00:00Z"},
	    {"<11/18/26@10:00:00>", "<11/18/26@10:00:00>", "2026-11-18T09:00:00Z"},
	    {"1794999999.5 x", "1794999999", "2026-11-18T11:06:39Z"},
	    {"audit(1794999999.500:1):", "1794999999.500", "2026-11-18T11:06:39.500000Z"},
	    {"@400000006afcb43f00000000", "@400000006afcb43f00000000", "2026-11-17T20:08:31Z"},
	    /* Of a time alone: today, or yesterday where that is still to come. */
	    {"12:00:00 x", "12:00:00", "2026-11-18T11:00:00Z"},
	    {"12:30:00 x", "12:30:00", "2026-11-17T11:30:00Z"},
	    /* Without a year: never more than a day ahead. */
	    {"Dec 24 10:00:00 x", "Dec 24 10:00:00", "2025-12-24T09:00:00Z"},
	    {"Jul  2 10:00:00 x", "Jul  2 10:00:00", "2026-07-02T08:00:00Z"},
	    /* No such day; no date. */
	    {"2026-02-30 10:00:00 x", "2026-02-30 10:00:00", NULL},
	    {"nothing at all", "", NULL},
	    /* The one at the line's start, though another stands before it in the list. */
	    {"Nov 18 10:00:00 at 2026-01-01 00:00:00", "Nov 18 10:00:00", "2026-11-18T09:00:00Z"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_date("default", rows[i].line, rows[i].cut, rows[i].time);
}

static void
templates(void **state)
{
	static const struct {
		const char *template, *line, *cut, *time;
	} rows[] = {
	    {"%Y%m%d_%H%M%S", "x 20261118_100000 y", "20261118_100000", "2026-11-18T09:00:00Z"},
	    {"^%d.%m.%Y %H:%M", "18.11.2026 10:00 x", "18.11.2026 10:00", "2026-11-18T09:00:00Z"},
	    {"^%d.%m.%Y %H:%M", "x 18.11.2026 10:00", "", NULL},
	    {"^\\S+ (%Y-%m-%d %H:%M:%S)", "x 2026-11-18 10:00:00", "2026-11-18 10:00:00",
		"2026-11-18T09:00:00Z"},
	    {"{start}%H:%M:%S", "[12:00:00]", "12:00:00", "2026-11-18T11:00:00Z"},
	    {"{start}%H:%M:%S", "a [12:00:00]", "", NULL},
	    {"{start}%H:%M:%S", "[[[12:00:00]", "", NULL},
	    /* Within a word it is none, unless the template says so. */
	    {"%Y-%m-%d", "x2026-11-18", "", NULL},
	    {"**%Y-%m-%d", "x2026-11-18", "2026-11-18", "2026-11-17T23:00:00Z"},
	    {"%Y-%m-%d", "2026-11-18x", "", NULL},
	    {"%Y-%m-%d**", "2026-11-18x", "2026-11-18", "2026-11-17T23:00:00Z"},
	    {"{bare}%Y-%m-%d", "x2026-11-18x", "2026-11-18", "2026-11-17T23:00:00Z"},
	    {"^<ts {date}>", "<ts 2026-11-18 10:00:00>", "<ts 2026-11-18 10:00:00>",
		"2026-11-18T09:00:00Z"},
	    {"^<ts ({date})>", "<ts Nov 18 10:00:00>", "Nov 18 10:00:00", "2026-11-18T09:00:00Z"},
	    {"\\bat {epoch}\\b", "x at 1794999999 y", "at 1794999999", "2026-11-18T11:06:39Z"},
	    {"long-epoch", "1794999999123 x", "1794999999123", "2026-11-18T11:06:39.123000Z"},
	    {"long-epoch", "1794999999123456 x", "1794999999123456", "2026-11-18T11:06:39.123456Z"},
	    {"^epoch", "[1794999999] x", "1794999999", "2026-11-18T11:06:39Z"},
	    {"none", "2026-11-18 10:00:00", "", NULL},
	    {"%d %B %Y %I:%M %p", "18 NOVEMBER 2026 12:30 am", "18 NOVEMBER 2026 12:30 am",
		"2026-11-17T23:30:00Z"},
	    {"%Y:%j:%H:%M", "2026:322:10:00", "2026:322:10:00", "2026-11-18T09:00:00Z"},
	    {"%Y-%m-%d %H:%M:%S %ExZ", "2026-11-17 10:00:00 EST", "2026-11-17 10:00:00 EST",
		"2026-11-17T15:00:00Z"},
	    {"%Y-%m-%d %H:%M:%S %Exz", "2026-11-17 10:00:00 CET-02:30",
		"2026-11-17 10:00:00 CET-02:30", "2026-11-17T11:30:00Z"},
	    {"%Y-%m-%d 100%%", "2026-11-18 100%", "2026-11-18 100%", "2026-11-17T23:00:00Z"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_date(rows[i].template, rows[i].line, rows[i].cut, rows[i].time);
}

/* A line without a date has that of the line before it, for a minute. */
static void
last_date(void **state)
{
	struct bed b;

	bed_open(&b, "steps: {lines: 1}\noffences: ['failed from " ADDR "$']\n");
	expect(&b, "Nov 18 12:06:00 failed from 192.0.2.1", "192.0.2.1");
	assert_string_equal(time_text(b.offence.time), "2026-11-18T11:06:00Z");
	expect(&b, "failed from 192.0.2.2", "192.0.2.2");
	assert_string_equal(time_text(b.offence.time), "2026-11-18T11:06:00Z");
	assert_int_equal(b.offence.flags, 0);
	b.now += 60 * USEC_PER_SEC;
	expect(&b, "failed from 192.0.2.3", "192.0.2.3");
	assert_int_equal(b.offence.time, b.now);
	assert_int_equal(b.offence.flags, OFFENCE_UNDATED);
	assert_int_equal(b.counts.undated, 1);
	/* Ahead of now: it is said, and counts now. */
	expect(&b, "Nov 18 12:30:00 failed from 192.0.2.4", "192.0.2.4");
	assert_int_equal(b.offence.time, b.now);
	assert_int_equal(b.offence.flags, OFFENCE_FUTURE);
	bed_close(&b);
}

static void
prefix_and_ignore(void **state)
{
	struct bed b;

	bed_open(&b, "steps: {prefix: '^ \\S+ prog\\[(?<port>\\d+)\\]: (?<content>.+)$'}\n"
		     "offences: ['^bad (?<user>\\S+) from " ADDR "$', '^worse from " ADDR "']\n"
		     "ignore: ['^bad root']\n");
	expect_user(&b, "Nov 18 10:00:00 h prog[1]: bad joe from 192.0.2.1", "192.0.2.1", "joe");
	assert_string_equal(b.content, "bad joe from 192.0.2.1");
	expect(&b, "Nov 18 10:00:00 h prog[1]: worse from 2001:DB8::1\r", "2001:db8::1");
	expect_none(&b, "Nov 18 10:00:00 h prog[1]: bad root from 192.0.2.1");
	expect_none(&b, "Nov 18 10:00:00 h other[1]: bad joe from 192.0.2.1");
	/* The date is cut out of what the pattern wants as one. */
	bed_close(&b);
	bed_open(&b, "steps: {date: ['%Y-%m-%d**']}\noffences: ['^login failed for " ADDR "']\n");
	expect(&b, "login 2026-11-18failed for 192.0.2.1", "192.0.2.1");
	expect_none(&b, "login 2026-11-18 failed for 192.0.2.1");
	bed_close(&b);
}

/* Few ignore patterns are tried on the whole line, before the prefix leaves part of it. */
static void
ignore_first(void **state)
{
	struct bed b;

	bed_open(&b,
	    "steps: {prefix: '^ h (?<content>.+)$'}\n"
	    "offences: ['^bad " ADDR "$', '^b1 " ADDR "', '^b2 " ADDR "', '^b3 " ADDR "']\n"
	    "ignore: ['^ h bad 192']\n");
	expect_none(&b, "Nov 18 10:00:00 h bad 192.0.2.1");
	expect(&b, "Nov 18 10:00:00 h bad 2001:db8::1", "2001:db8::1");
	bed_close(&b);
}

static void
names(void **state)
{
	struct bed b;

	bed_open(&b, "steps: {lines: 1}\noffences:\n"
		     "  - '^ host (?<name>\\S+) u (?<user>\\S*) (?<alt_user_2>\\S+) "
		     "(?<alt_user_1>\\S+)$'\n"
		     "  - '^ id (?<id>\\S+)(?: at " ADDR "(?:/(?<cidr>\\d+))?)?$'\n"
		     "  - '^ tuple (?<id>\\S+) (?<tuple_id>\\S+) (?<tuple_id_1>\\S+)$'\n");
	expect_user(&b, "Nov 18 10:00:00 host 192.0.2.1 u  b a", "192.0.2.1", "a");
	expect_user(&b, "Nov 18 10:00:00 host 2001:db8::1 u x b a", "2001:db8::1", "x");
	/* Nobody looks names up. */
	expect_none(&b, "Nov 18 10:00:00 host bad.example.com u x b a");
	assert_int_equal(b.counts.nobody, 1);
	assert_string_equal(b.id, "bad.example.com");
	expect(&b, "Nov 18 10:00:00 id [2001:db8::2]", "2001:db8::2");
	expect(&b, "Nov 18 10:00:00 id ::ffff:192.0.2.7", "192.0.2.7");
	expect_none(&b, "Nov 18 10:00:00 id joe");
	assert_int_equal(b.counts.nobody, 1);
	assert_int_equal(b.counted, 1);
	expect(&b, "Nov 18 10:00:00 id joe at 192.0.2.9", "192.0.2.9");
	assert_string_equal(b.id, "joe");
	expect(&b, "Nov 18 10:00:00 id 192.0.2.9 at 192.0.2.9/24", "192.0.2.9");
	assert_string_equal(b.id, "192.0.2.0/24");
	expect_none(&b, "Nov 18 10:00:00 tuple a b c");
	assert_string_equal(b.id, "a\tb\tc");
	bed_close(&b);
}

#define SSH                                                                                        \
	"steps: {prefix: '^ (?<session>s\\[\\d+\\]): (?<content>.+)$'}\noffences:\n"               \
	"  - '^Failed password for (?<user>\\S+) from " ADDR "$'\n"                                \
	"  - '^(?<noted>Connection) from " ADDR "'\n"                                              \
	"  - '^(?<noted>Failed publickey) for (?<user>\\S+) from " ADDR "$'\n"                     \
	"  - '^(?<cleared>Accepted) for (?<user>\\S+) from " ADDR "$'\n"                           \
	"  - '^Too many failures for (?<user>\\S+)$'\n"                                            \
	"  - '^(?<noted><?)(?<ends>Closed)(?: by " ADDR ")?$'\n"
#define AT "Nov 18 12:00:00 s"

static void
sessions(void **state)
{
	static const char *const addrs[] = {"192.0.2.1", "2001:db8::1"};
	struct bed b;
	char line[128];

	for (int i = 0; i < 2; i++) {
		bed_open(&b, SSH);
		/* The address is known of an earlier line, which is no offence. */
		snprintf(line, sizeof(line), AT "[1]: Connection from %s", addrs[i]);
		expect_none(&b, line);
		expect_user(&b, AT "[1]: Too many failures for joe", addrs[i], "joe");
		/* Another session does not know it: it is pending, until an address comes. */
		expect_none(&b, AT "[2]: Too many failures for joe");
		snprintf(line, sizeof(line), AT "[2]: Connection from %s", addrs[i]);
		expect(&b, line, addrs[i]);
		/* It counts once. */
		expect_none(&b, line);
		/* The end of a session, and nothing is known any more. */
		expect(&b, AT "[1]: Closed", addrs[i]);
		expect_none(&b, AT "[1]: Too many failures for joe");
		/* Of a session that nobody knows. */
		expect_none(&b, AT "[9]: Closed");
		bed_close(&b);
	}
}

static void
session_users(void **state)
{
	struct bed b;

	bed_open(&b, SSH);
	expect_none(&b, AT "[1]: Failed publickey for joe from 192.0.2.1");
	expect_none(&b, AT "[1]: Failed publickey for joe from 192.0.2.1");
	expect_none(&b, AT "[1]: Accepted for joe from 192.0.2.1");
	/* A second user: all it does counts. */
	expect_user(&b, AT "[1]: Failed publickey for root from 192.0.2.1", "192.0.2.1", "root");
	expect_user(&b, AT "[1]: Accepted for root from 192.0.2.1", "192.0.2.1", "root");
	/* What was pending is taken back by a success of the same user. */
	expect_none(&b, AT "[2]: Too many failures for joe");
	expect_none(&b, AT "[2]: Accepted for joe from 192.0.2.2");
	expect_none(&b, AT "[2]: Connection from 192.0.2.2");
	bed_close(&b);
}

static void
session_bounds(void **state)
{
	struct bed b;
	char line[128];

	bed_open(&b, SSH);
	expect_none(&b, AT "[1]: Connection from 192.0.2.1");
	b.now += 299 * USEC_PER_SEC;
	expect(&b, AT "[1]: Too many failures for joe", "192.0.2.1");
	b.now += 1 * USEC_PER_SEC;
	expect_none(&b, AT "[1]: Too many failures for joe");
	assert_int_equal(lane_forgotten(b.lane), 0);
	for (int i = 0; i < 600; i++) {
		snprintf(line, sizeof(line), AT "[%d]: Connection from 192.0.2.1", 1000 + i);
		expect_none(&b, line);
	}
	/* 512 are kept, and one is from above. */
	assert_int_equal(lane_forgotten(b.lane), 600 + 1 - 512);
	expect_none(&b, AT "[1000]: Too many failures for joe");
	expect(&b, AT "[1599]: Too many failures for joe", "192.0.2.1");
	bed_close(&b);
}

static void
several_lines(void **state)
{
	struct bed b;

	bed_open(&b, "steps: {lines: 3}\noffences:\n"
		     "  - '^ c(?<n>\\d+) open from " ADDR "\\n(?<skiplines0>(?:(?:.*\\n)*?))"
		     "^ c\\k<n> failed$'\n"
		     "ignore: ['^ c7 open']\n");
	expect_none(&b, "Nov 18 12:00:00 c1 open from 192.0.2.1");
	expect_none(&b, "Nov 18 12:00:01 c2 open from 2001:db8::2");
	expect(&b, "Nov 18 12:00:02 c1 failed", "192.0.2.1");
	assert_string_equal(time_text(b.offence.time), "2026-11-18T11:00:02Z");
	/* The one between waits on; those that matched are gone. */
	expect_none(&b, "Nov 18 12:00:03 c1 failed");
	expect(&b, "Nov 18 12:00:04 c2 failed", "2001:db8::2");
	/* Three lines, no more. */
	expect_none(&b, "Nov 18 12:00:05 c3 open from 192.0.2.3");
	expect_none(&b, "Nov 18 12:00:06 x");
	expect_none(&b, "Nov 18 12:00:07 y");
	expect_none(&b, "Nov 18 12:00:08 c3 failed");
	/* What is ignored is taken, too. */
	expect_none(&b, "Nov 18 12:00:09 c7 open from 192.0.2.7");
	expect_none(&b, "Nov 18 12:00:10 c7 failed");
	assert_string_equal(b.content, " c7 open from 192.0.2.7\n c7 failed");
	expect_none(&b, "Nov 18 12:00:11 z");
	assert_null(strstr(b.content, "c7"));
	bed_close(&b);
}

/* Lines without end cost no more than their room. */
static void
long_lines(void **state)
{
	struct bed b;
	char *line = malloc(LINE_MAX_BYTES);

	bed_open(&b, "steps: {lines: 200}\noffences: ['^ a " ADDR "\\n(?:.*\\n)*? b$']\n");
	memset(line, '\xff', LINE_MAX_BYTES);
	for (int i = 0; i < 20; i++)
		feed_bytes(&b, line, LINE_MAX_BYTES);
	expect_none(&b, "Nov 18 12:00:00 a 192.0.2.1");
	expect(&b, "Nov 18 12:00:00 b", "192.0.2.1");
	bed_close(&b);
	free(line);
}

static void
no_utf8(void **state)
{
	struct bed b;

	bed_open(&b, "steps: {lines: 1}\noffences: ['^ bad (?<user>.+) from " ADDR "$']\n");
	expect_user(&b, "Nov 18 12:00:00 bad j\xff\xc3\xb6\xe2\x82 from 192.0.2.1", "192.0.2.1",
	    "j\xef\xbf\xbd\xc3\xb6\xef\xbf\xbd");
	/* A character that takes several bytes is one. */
	bed_close(&b);
	bed_open(&b, "steps: {lines: 1}\noffences: ['^ bad .{3} from " ADDR "$']\n");
	expect(&b, "Nov 18 12:00:00 bad j\xc3\xb6\xff from 192.0.2.1", "192.0.2.1");
	bed_close(&b);
}

/* Work is bounded, and a line that takes more is counted; honest long lines do not. */
static void
limits(void **state)
{
	struct bed b;
	char *line = malloc(LINE_MAX_BYTES + 1);

	bed_open(&b, "steps: {lines: 1}\noffences:\n"
		     "  - '^ failed (?:a|a)*b from " ADDR "$'\n"
		     "  - 'failed(?: .*?)*,(?: .*?)* from " ADDR " end$'\n"
		     "  - '^ failed .*? by .*? from " ADDR "'\n");
	memset(line, 'a', LINE_MAX_BYTES);
	memcpy(line, "Nov 18 12:00:00 failed ", 23);
	line[60] = 0;
	feed(&b, line);
	assert_int_equal(b.counts.unexamined, 1);
	for (int i = 23; i < LINE_MAX_BYTES; i++)
		line[i] = i % 2 ? ' ' : ',';
	line[LINE_MAX_BYTES] = 0;
	feed(&b, line);
	assert_int_equal(b.counts.unexamined, 1);
	memset(line + 23, 'x', 8000);
	strcpy(line + 8023, " by me from 192.0.2.1");
	expect(&b, line, "192.0.2.1");
	assert_int_equal(b.counts.unexamined, 0);
	bed_close(&b);
	free(line);
}

static void
journal(void **state)
{
	struct lane_message m = {.text = "bad joe\nfrom 2001:db8::1",
	    .len = 24,
	    .program = "prog",
	    .program_len = 4,
	    .time = NOW - 5 * USEC_PER_SEC,
	    .journal = true,
	    .host = "h",
	    .host_len = 1,
	    .pid = "12",
	    .pid_len = 2,
	    .monotonic = USEC_NEVER};
	struct lane_sink sink;
	struct bed b;

	bed_open(&b, "steps: {prefix: '^h prog\\[12\\]: (?<content>.*)$'}\n"
		     "offences: ['^bad (?<user>\\w+)\\\\nfrom " ADDR "']\n");
	sink = begin(&b);
	lane_message(b.lane, &m, b.now, &sink);
	assert_int_equal(b.hits, 1);
	assert_string_equal(b.user, "joe");
	assert_int_equal(b.offence.time, m.time);
	m.program = "kernel";
	m.program_len = 6;
	m.monotonic = 12 * USEC_PER_SEC + 34;
	sink = begin(&b);
	lane_message(b.lane, &m, b.now, &sink);
	assert_int_equal(b.hits, 0);
	assert_string_equal(b.content, "h kernel[12]: [   12.000034] bad joe\\nfrom 2001:db8::1");
	bed_close(&b);
}

/* guardd-reader --test --lines: one answer a line. */
static void
line_by_line(void **state)
{
	static const char text[] = "Nov 18 12:00:00 bad joe from 192.0.2.1\n"
				   "Nov 18 12:00:00 fine\n"
				   "Nov 18 12:00:00 worse bad.example.com";
	static const char *const expected[] = {
	    "\"n\":1,\"match\":true,\"id\":\"192.0.2.1\",\"addr\":\"192.0.2.1\",\"user\":\"joe\","
	    "\"time\":\"2026-11-18T11:00:00Z\",\"epoch\":1794999600,\"dated\":true,",
	    "\"n\":2,\"match\":false}",
	    "\"n\":3,\"match\":true,\"id\":\"bad.example.com\",\"addr\":null,\"user\":null,",
	};
	char said[4096] = "", *at = said;
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	int before = dup(STDOUT_FILENO), r;
	struct mode_file file = {"-", in};
	struct bed b;
	struct mode m;

	bed_open(&b, "steps: {lines: 1}\noffences: ['^ bad (?<user>\\w+) from " ADDR "$', "
		     "'^ worse (?<name>.+)$']\n");
	m = (struct mode){.img = &b.img,
	    .e = b.engine,
	    .filters = &b.filter,
	    .n_filters = 1,
	    .files = &file,
	    .n_files = 1,
	    .now = NOW,
	    .lines = true};
	assert_int_equal(write(in, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	r = mode_lines(&m);
	dup2(before, STDOUT_FILENO);
	assert_int_equal(r, MODE_DONE);
	assert_true(pread(out, said, sizeof(said) - 1, 0) > 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		at = strstr(at, expected[i]);
		if (!at)
			fail_msg("%s is not in %s", expected[i], said);
	}
	close(in);
	close(out);
	close(before);
	bed_close(&b);
}

/* guardctl config: what is printed reads back equal. */
static void
printed(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf first = {0}, second = {0};
	struct world w;

	for (int i = 0; i < 2; i++) {
		const char *from = first.text ? strstr(first.text, "--- # filters.d/f.yaml") : NULL;

		world_open(&w);
		if (from) {
			_cleanup_(freep) char *text = strdup(from);
			char *end = strstr(text + 4, "\n---");

			if (end)
				end[1] = 0;
			put(&w, "etc/filters.d/f.yaml", text);
		} else {
			put(&w, "etc/filters.d/f.yaml",
			    "filter: f\nsources: [{file: /x}]\n"
			    "steps: {date: ['%Y \"x\"', default], prefix: '^(?<session>\\S+) '}\n"
			    "offences: ['''a: b # (?<id>[[:alpha:]])']\nignore: ['x']\n");
		}
		load_fine(&w);
		print_config(i ? &second : &first, &w.config);
		world_close(&w);
	}
	assert_non_null(strstr(first.text, "steps:\n"));
	assert_string_equal(first.text, second.text);
}

static void
refused(void **state)
{
	static const struct {
		const char *tail, *why;
	} rows[] = {
	    {"steps: {lines: 1}\noffences: ['x']\n", "whom does it count against"},
	    {"steps: {lines: 1}\noffences: ['(?<addr>x']\n", "missing closing parenthesis"},
	    {"steps: {lines: 201}\noffences: ['(?<addr>x)']\n", "200"},
	    {"steps: {date: ['%Q']}\noffences: ['(?<addr>x)']\n", "no such field"},
	    {"steps: {date: ['(%Y']}\noffences: ['(?<addr>x)']\n", "date template"},
	    {"steps: {lines: 1}\nprogram: x\noffences: ['(?<addr>x)']\n", "has no program"},
	    {"steps: {lines: 1}\nforgive: x\noffences: ['(?<addr>x)']\n", "has no forgive"},
	    {"steps: {lines: 1}\noffences: ['(*UCP)(?<addr>x)']\n", "options of its own"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world w;
		char text[512];
		bool said = false;

		world_open(&w);
		snprintf(text, sizeof(text), "filter: f\nsources: [{file: /x}]\n%s", rows[i].tail);
		put(&w, "etc/filters.d/f.yaml", text);
		load(&w);
		for (size_t k = 0; k < w.config.diag.n_shown; k++)
			said |= strstr(w.config.diag.shown[k].message, rows[i].why) != NULL;
		if (!w.config.diag.errors || !said)
			fail_msg("taken: %s", rows[i].tail);
		world_close(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(usual_dates),
	    cmocka_unit_test(templates),
	    cmocka_unit_test(last_date),
	    cmocka_unit_test(prefix_and_ignore),
	    cmocka_unit_test(ignore_first),
	    cmocka_unit_test(names),
	    cmocka_unit_test(sessions),
	    cmocka_unit_test(session_users),
	    cmocka_unit_test(session_bounds),
	    cmocka_unit_test(several_lines),
	    cmocka_unit_test(long_lines),
	    cmocka_unit_test(no_utf8),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(journal),
	    cmocka_unit_test(line_by_line),
	    cmocka_unit_test(printed),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
