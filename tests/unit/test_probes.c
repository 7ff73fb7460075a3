/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fleet's probes as a whole, between a fleet, a runner and alerts that are made up here.
 */
#include "herald/probes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "herald/alerts.h"
#include "herald/hands.h"
#include "herald/probes_private.h"
#include "herald/store.h"
#include "image_build.h"

/* --- what is around them --- */

#define MADE_HOSTS 6

static struct {
	struct fleet_host hosts[MADE_HOSTS];
	char reports[MADE_HOSTS][4096];
	int n;
	char said_target[FLEET_HOST_MAX], said[FLEET_REPORT_MAX];
	char input[4096];
	int runs, run_error;
	hands_done done;
	void *ctx;
	char subject[ALERT_SUBJECT_MAX], words[ALERT_WORDS_MAX];
	int raised, ended; /* what stands is ended, what does not is no matter */
	enum alert_severity severity;
} made;

const char *
fleet_own_name(const struct fleet *f)
{
	(void)f;
	return "own";
}

bool
fleet_find_host(const struct fleet *f, const char *name, struct fleet_host *out)
{
	(void)f;
	for (int i = 0; i < made.n; i++)
		if (strcmp(made.hosts[i].name, name) == 0) {
			*out = made.hosts[i];
			return true;
		}
	return false;
}

bool
fleet_next_host(const struct fleet *f, const char *name, struct fleet_host *out)
{
	(void)f;
	(void)name;
	(void)out;
	return false;
}

void
fleet_say_probe(struct fleet *f, const char *target, const char *json)
{
	(void)f;
	snprintf(made.said_target, sizeof(made.said_target), "%s", target);
	snprintf(made.said, sizeof(made.said), "%s", json);
}

void
fleet_look(struct fleet *f)
{
	(void)f;
}

int
hands_run(struct hands *h, enum run_kind kind, uint32_t channel, unsigned timeout_s,
    const void *input, size_t n, hands_done done, void *ctx)
{
	(void)h;
	assert_int_equal(RUN_PROBE, kind);
	assert_int_equal(0, channel);
	assert_in_range(timeout_s, 60, 900);
	if (made.run_error)
		return made.run_error;
	snprintf(made.input, sizeof(made.input), "%.*s", (int)n, (const char *)input);
	made.runs++;
	made.done = done;
	made.ctx = ctx;
	return 0;
}

void
hands_forget(struct hands *h, void *ctx)
{
	(void)h;
	if (made.ctx == ctx)
		made.done = NULL;
}

void
alerts_raise(struct alerts *a, const struct alert_note *n)
{
	(void)a;
	assert_int_equal(ALERT_DISAGREE, n->kind);
	made.raised++;
	made.severity = n->severity;
	snprintf(made.subject, sizeof(made.subject), "%s", n->subject);
	snprintf(made.words, sizeof(made.words), "%s", n->words);
}

void
alerts_end(struct alerts *a, enum alert_kind kind, const char *subject, const char *words)
{
	(void)a;
	assert_int_equal(ALERT_DISAGREE, kind);
	assert_non_null(words);
	if (strcmp(subject, made.subject) == 0) {
		made.ended++;
		made.subject[0] = '\0';
	}
}

/* --- a host in a fleet --- */

struct scene {
	struct image_build *build;
	struct herald herald;
	struct proof_header head;
	struct proof_cell cells[4];
	char text[1024];
	struct probes *probes;
};

static void
prove(struct scene *s, enum proof_state v4, enum proof_state v6)
{
	static const char inventory[] =
	    "{\"addresses\":[{\"address\":\"192.0.2.1\",\"interface\":\"eth0\",\"family\":4},"
	    "{\"address\":\"2001:db8::1\",\"interface\":\"eth0\",\"family\":6}]}";
	const enum proof_state states[] = {v4, v6};

	s->head = (struct proof_header){.n = 2, .made = clock_real(), .inventory = 10};
	memcpy(s->text, "\0ldap\0", 6);
	strcpy(s->text + 10, inventory);
	for (int i = 0; i < 2; i++)
		s->cells[i] = (struct proof_cell){.kind = PROOF_PORT,
		    .state = (uint8_t)states[i],
		    .family = (uint8_t)(4 + 2 * i),
		    .proto = IPPROTO_TCP,
		    .port = 389,
		    .port_high = 389,
		    .rule = 1};
	s->herald.proof = (struct proof){&s->head, s->cells, s->text};
	s->herald.have_proof = true;
}

static void
report(const char *name, const char *addresses, const char *v4, const char *v6, usec_t age)
{
	struct fleet_host *h = NULL;

	for (int i = 0; i < made.n; i++)
		if (strcmp(made.hosts[i].name, name) == 0)
			h = &made.hosts[i];
	if (!h)
		h = &made.hosts[made.n++];
	*h = (struct fleet_host){.last = clock_real() - age, .reported = clock_real() - age};
	strcpy(h->name, name);
	h->report = made.reports[h - made.hosts];
	h->report_len = (size_t)snprintf(made.reports[h - made.hosts], sizeof(made.reports[0]),
	    "{\"exposure\":\"proven\",\"proof_age_s\":1,\"cells\":["
	    "{\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,\"family\":4,\"state\":\"%s\"},"
	    "{\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,\"family\":6,\"state\":\"%s\"}],"
	    "\"addresses\":[%s]}",
	    v4, v6, addresses);
}

/* All news is compared, however soon after what was before. */
static void
work(struct probes *p)
{
	while (p->marked.first) {
		p->marked.first->worked = -2 * USEC_PER_SEC;
		probes_work(p);
	}
}

static void
on_report(struct scene *s, const char *name)
{
	probes_on_report(s->probes, name);
	work(s->probes);
}

static void
begin(struct scene *s)
{
	struct image_port port = {.proto = IPPROTO_TCP, .low = 389, .high = 389};
	struct image_expose x = {0};
	struct image_fleet f = {.port = 6379,
	    .bans_max = 1,
	    .keep = USEC_PER_SEC,
	    .report = 300 * USEC_PER_SEC,
	    .probe_every = 10 * USEC_PER_SEC,
	    .probe_per_second = 5};

	memset(&made, 0, sizeof(made));
	*s = (struct scene){.build = image_build_new()};
	f.host = image_build_str(s->build, "own");
	f.server = image_build_str(s->build, "redis.example.net");
	f.stream = image_build_str(s->build, "guardd");
	f.probe_within.first = image_build_prefix(s->build, "192.0.2.0/24");
	image_build_prefix(s->build, "2001:db8::/32");
	f.probe_within.n = 2;
	image_build_add(s->build, IMAGE_FLEETS, &f);
	x.name = image_build_str(s->build, "ldap");
	x.file = image_build_str(s->build, "ldap.yaml");
	x.ports = (struct span){image_build_add(s->build, IMAGE_PORTS, &port), 1};
	image_build_add(s->build, IMAGE_EXPOSES, &x);
	image_build_open(s->build, &s->herald.image);
	s->herald.base = event_base_new();
	/* No such folder: in memory. */
	assert_int_equal(0, store_new(&s->herald.store, s->herald.base, "/nowhere/at/all"));
	prove(s, PROOF_PROVEN, PROOF_PROVEN);
	report("own", "", "proven", "proven", 0);
	report("out", "{\"address\":\"192.0.2.9\"}", "proven", "proven", 0);
	assert_int_equal(0, probes_new(&s->probes, &s->herald));
	/* For long. */
	s->probes->started = USEC_PER_SEC;
	on_report(s, "out");
}

static void
end(struct scene *s)
{
	probes_free(s->probes);
	store_free(s->herald.store);
	event_base_free(s->herald.base);
	image_close(&s->herald.image);
	image_build_free(s->build);
}

static const char *
entry(const char *target, const char *address, const char *answer, const char *expected,
    const char *verdict)
{
	static char text[1024];

	snprintf(text, sizeof(text),
	    "{\"target\":\"%s\",\"at\":5,\"rows\":[{\"to\":\"%s\",\"tcp\":[389],"
	    "\"from\":\"192.0.2.9\",\"answer\":\"%s\",\"expected\":\"%s\",\"verdict\":\"%s\"}]}",
	    target, address, answer, expected, verdict);
	return text;
}

static void
only_say(struct scene *s, const char *vantage, const char *text)
{
	probes_on_entry(s->probes, vantage, text, strlen(text));
}

static void
say(struct scene *s, const char *vantage, const char *text)
{
	only_say(s, vantage, text);
	work(s->probes);
}

static uint32_t
rows_of(const struct scene *s)
{
	struct probes_counts c;

	probes_count(s->probes, &c);
	return c.cells;
}

/* An outsider reaches what the proof says nobody does: told when it was seen twice, as the worst;
 * its end, too. */
static void
an_outsider_gets_in_where_the_proof_says_not(void **state)
{
	struct scene s;
	struct probes_counts c;
	const char *addresses[] = {"192.0.2.1", "2001:db8::1"};

	(void)state;
	begin(&s);
	for (int i = 0; i < 2; i++) {
		made.raised = made.ended = 0;
		say(&s, "out", entry("own", addresses[i], "open", "closed", "gap"));
		assert_int_equal(0, made.raised);
		say(&s, "out", entry("own", addresses[i], "open", "closed", "gap"));
		assert_int_equal(1, made.raised);
		assert_int_equal(SEVERITY_CRITICAL, made.severity);
		assert_string_equal(
		    i ? "own ldap tcp/389 IPv6" : "own ldap tcp/389 IPv4", made.subject);
		assert_non_null(strstr(made.words, "out (192.0.2.9) reached port 389 of own at "));
		assert_non_null(strstr(made.words, "; the proof of own says proven"));
		/* No way there for once is no end. */
		say(&s, "out", entry("own", addresses[i], "host-down", "closed", "unknown"));
		assert_int_equal(0, made.ended);
		probes_count(s.probes, &c);
		assert_int_equal(1, c.disagree);
		say(&s, "out", entry("own", addresses[i], "silent", "closed", "ok"));
		assert_int_equal(1, made.ended);
		probes_count(s.probes, &c);
		assert_int_equal(0, c.disagree);
		/* Once seen is not seen twice. */
		made.raised = 0;
		say(&s, "out", entry("own", addresses[i], "open", "closed", "gap"));
		assert_int_equal(0, made.raised);
		say(&s, "out", entry("own", addresses[i], "silent", "closed", "ok"));
	}
	end(&s);
}

static void
an_allowed_host_is_shut_out(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 3; i++)
		say(&s, "out", entry("own", "192.0.2.1", "silent", "open", "shut out"));
	assert_int_equal(2, made.raised);
	assert_int_equal(SEVERITY_WARNING, made.severity);
	assert_non_null(strstr(made.words, "did not get to port 389 of own at 192.0.2.1 (silent)"));
	/* What the proof says too is no disagreement. */
	prove(&s, PROOF_SHUT_OUT, PROOF_PROVEN);
	on_report(&s, "own");
	assert_int_equal(1, made.ended);
	end(&s);
}

/* What was seen before a change is no word on what is proven after it. */
static void
a_proof_that_changes(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	prove(&s, PROOF_OPEN, PROOF_PROVEN);
	on_report(&s, "own");
	for (int i = 0; i < 3; i++)
		say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	prove(&s, PROOF_PROVEN, PROOF_PROVEN);
	on_report(&s, "own");
	assert_int_equal(0, made.raised);
	say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	assert_int_equal(0, made.raised);
	say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	assert_int_equal(1, made.raised);
	/* A guardd that is gone says nothing any more. */
	s.head.made -= 24 * 3600 * USEC_PER_SEC;
	on_report(&s, "own");
	assert_int_equal(1, made.ended);
	end(&s);
}

/* Who is not in the fleet is neither believed nor told of, what is no row is not kept, and what two
 * others see of each other is shown, and is theirs to tell. */
static void
hostile_entries(void **state)
{
	struct scene s;
	struct strbuf deep = {0};

	(void)state;
	begin(&s);
	report("web", "{\"address\":\"192.0.2.2\"}", "proven", "proven", 0);
	on_report(&s, "web");
	for (int i = 0; i < 3; i++) {
		say(&s, "stranger", entry("own", "192.0.2.1", "open", "closed", "gap"));
		say(&s, "out", entry("stranger", "192.0.2.3", "open", "closed", "gap"));
		say(&s, "out", entry("own", "192.0.2.77", "open", "closed", "gap"));
		say(&s, "out", entry("out", "192.0.2.9", "open", "closed", "gap"));
		say(&s, "out", entry("own", "192.0.2.1", "silent", "closed", "gap"));
		say(&s, "out", "{\"target\":\"own\",\"rows\":[{}]}");
	}
	for (int i = 0; i < 60000; i++)
		strbuf_puts(&deep, "{\"a\":");
	probes_on_entry(s.probes, "out", deep.text, 60000);
	strbuf_fini(&deep);
	assert_int_equal(0, rows_of(&s));
	assert_int_equal(3, s.probes->table.n);
	for (int i = 0; i < 3; i++)
		say(&s, "out", entry("web", "192.0.2.2", "open", "closed", "gap"));
	assert_int_equal(1, rows_of(&s));
	assert_int_equal(0, made.raised);
	/* One that said something long ago. */
	report("out", "{\"address\":\"192.0.2.9\"}", "proven", "proven", 3600 * USEC_PER_SEC);
	say(&s, "out", entry("own", "192.0.2.1", "silent", "closed", "ok"));
	assert_int_equal(1, rows_of(&s));
	end(&s);
}

static void
answer(const char *target, const char *address, const char *what, const char *verdict)
{
	char line[1024];
	int n = snprintf(line, sizeof(line),
	    "{\"type\":\"probe\",\"target\":\"%s\",\"address\":\"%s\",\"family\":4,\"proto\":"
	    "\"tcp\","
	    "\"port\":389,\"rule\":\"ldap\",\"from\":\"192.0.2.1\",\"answer\":\"%s\",\"by\":\"\","
	    "\"expected\":\"closed\",\"verdict\":\"%s\"}\n",
	    target, address, what, verdict);
	hands_done done = made.done;

	made.done = NULL;
	done(made.ctx, 0, line, (size_t)n);
	work(made.ctx);
}

/* All hosts are due from now on. */
static void
all_are_due(struct scene *s)
{
	for (uint32_t i = 0; i < s->probes->table.n; i++)
		if (s->probes->table.hosts[i]->due)
			s->probes->table.hosts[i]->due = 1;
	probes_go_on(s->probes, clock_real());
}

static void
sweep_now(struct scene *s)
{
	s->probes->swept = 0;
	event_active(s->probes->tick, EV_TIMEOUT, 0);
	event_base_loop(s->herald.base, EVLOOP_NONBLOCK);
	work(s->probes);
}

/* A herald that was started again reads what was said before: it neither tells what is long over,
 * nor the end of what it has heard nothing of yet. */
static void
a_life_that_begins(void **state)
{
	struct scene s;
	struct probes_counts c;

	(void)state;
	begin(&s);
	report("gone", "{\"address\":\"192.0.2.7\"}", "proven", "proven", 0);
	on_report(&s, "gone");
	for (int i = 0; i < 2; i++) {
		say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
		all_are_due(&s);
		answer("gone", "192.0.2.7", "open", "gap");
	}
	assert_int_equal(2, made.raised);
	/* Another process, to which all alerts of the former one are known. */
	probes_free(s.probes);
	assert_int_equal(0, probes_new(&s.probes, &s.herald));
	probes_count(s.probes, &c);
	assert_int_equal(2, c.disagree);
	on_report(&s, "out");
	made.raised = 0;
	report("out", "{\"address\":\"192.0.2.9\"}", "proven", "proven", 5 * USEC_PER_SEC);
	strcpy(made.subject, "own ldap tcp/389 IPv4");
	for (int i = 0; i < 3; i++)
		say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	assert_int_equal(1, rows_of(&s));
	on_report(&s, "own");
	assert_int_equal(0, made.raised + made.ended);
	say(&s, "out", entry("own", "2001:db8::1", "silent", "closed", "ok"));
	on_report(&s, "own");
	assert_int_equal(0, made.raised + made.ended);
	/* What it said itself in its former life tells it when it asked last; what it said in this
	 * one it knows. */
	report("web", "{\"address\":\"192.0.2.2\"}", "proven", "proven", 0);
	on_report(&s, "web");
	report("own", "", "proven", "proven", 5 * USEC_PER_SEC);
	say(&s, "own", entry("web", "192.0.2.2", "open", "closed", "gap"));
	assert_int_equal(2, rows_of(&s));
	probes_count(s.probes, &c);
	assert_int_equal(1, c.gaps);
	/* From now on. */
	report("out", "{\"address\":\"192.0.2.9\"}", "proven", "proven", -USEC_PER_SEC / 1000);
	say(&s, "out", entry("own", "192.0.2.1", "silent", "closed", "ok"));
	assert_int_equal(1, made.ended);
	/* A host that is not in the fleet any more, after a while. */
	strcpy(made.subject, "gone ldap tcp/389 IPv4");
	for (int i = 0; i < made.n; i++)
		if (strcmp(made.hosts[i].name, "gone") == 0)
			strcpy(made.hosts[i].name, "other");
	sweep_now(&s);
	assert_int_equal(1, made.ended);
	s.probes->started = USEC_PER_SEC;
	sweep_now(&s);
	assert_int_equal(2, made.ended);
	probes_count(s.probes, &c);
	assert_int_equal(0, c.disagree);
	probes_free(s.probes);
	assert_int_equal(0, probes_new(&s.probes, &s.herald));
	probes_count(s.probes, &c);
	assert_int_equal(0, c.disagree);
	end(&s);
}

/* Only addresses that the configuration lets ask, and none that is this host's own; the answers go
 * to the fleet, and what disagrees is told here, too. */
static void
this_host_asks(void **state)
{
	static const char addresses[] =
	    "{\"address\":\"192.0.2.2\"},{\"address\":\"203.0.113.1\"},{\"address\":\"192.0.2.1\"},"
	    "{\"address\":\"2001:db8::2\"},{\"address\":\"2001:db9::2\"},{\"address\":\"2001:db8::"
	    "1\"}";
	struct scene s;
	struct probes_counts c;
	struct probe_host *web;
	usec_t later = clock_real() + 3600 * USEC_PER_SEC;

	(void)state;
	begin(&s);
	report("web", addresses, "proven", "proven", 0);
	on_report(&s, "web");
	report("elsewhere", "{\"address\":\"198.51.100.1\"}", "proven", "proven", 0);
	on_report(&s, "elsewhere");
	report("out", "{\"address\":\"192.0.2.9\"}", "proven", "proven", 24 * 3600 * USEC_PER_SEC);
	assert_int_equal(0, made.runs);
	all_are_due(&s);
	assert_int_equal(1, made.runs);
	assert_string_equal("web=192.0.2.2,2001:db8::2\n", made.input);
	/* One run at a time, and each host once in its period. */
	all_are_due(&s);
	assert_int_equal(1, made.runs);
	assert_string_equal("", made.said);
	web = table_find(&s.probes->table, "web");
	web->due = later;
	answer("web", "192.0.2.2", "open", "gap");
	/* Not as the proof says: once more, soon. */
	assert_in_range(web->due, 1, clock_real() + probes_period(s.probes));
	assert_string_equal("web", made.said_target);
	assert_non_null(strstr(made.said,
	    "\"rows\":[{\"to\":\"192.0.2.2\",\"from\":\"192.0.2.1\",\"answer\":\"open\","
	    "\"expected\":\"closed\",\"verdict\":\"gap\",\"tcp\":[389]}]"));
	assert_int_equal(0, made.raised);
	probes_count(s.probes, &c);
	assert_int_equal(1, c.gaps);
	assert_int_equal(1, c.questions);
	/* Whatever is read back of what it said itself is no second time. */
	say(&s, "own", entry("web", "192.0.2.2", "open", "closed", "gap"));
	assert_int_equal(0, made.raised);
	if (!made.done)
		all_are_due(&s);
	web->due = later;
	answer("web", "192.0.2.2", "open", "gap");
	assert_int_equal(later, web->due);
	assert_int_equal(1, made.raised);
	assert_string_equal("web ldap tcp/389 IPv4", made.subject);
	assert_non_null(strstr(made.words, "own (192.0.2.1) reached port 389 of web at 192.0.2.2"));
	/* The host leaves the fleet. */
	made.n = 1;
	sweep_now(&s);
	assert_int_equal(1, made.ended);
	assert_int_equal(1, s.probes->table.n);
	end(&s);
}

static void
nobody_is_asked_without_a_proof_and_a_runner_that_is_busy_is_asked_later(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.probes->own_made = 0;
	s.herald.have_proof = false;
	report("web", "{\"address\":\"192.0.2.2\"}", "proven", "proven", 0);
	on_report(&s, "web");
	all_are_due(&s);
	assert_int_equal(0, made.runs);
	prove(&s, PROOF_PROVEN, PROOF_PROVEN);
	on_report(&s, "own");
	made.run_error = -EBUSY;
	all_are_due(&s);
	assert_in_range(table_find(&s.probes->table, "web")->due, clock_real(),
	    clock_real() + 6 * USEC_PER_SEC);
	made.run_error = 0;
	all_are_due(&s);
	assert_int_equal(1, made.runs);
	made.done(made.ctx, -ETIMEDOUT, "", 0);
	assert_string_equal("guardd-prover: Connection timed out", s.probes->trouble);
	assert_int_equal(0, rows_of(&s));
	end(&s);
}

/* A fleet says no more than about one entry a second, however large it is. */
static void
the_period_grows_with_the_fleet(void **state)
{
	struct scene s;
	char name[16];

	(void)state;
	begin(&s);
	assert_int_equal(10 * USEC_PER_SEC, probes_period(s.probes));
	for (int i = 0; i < 998; i++) {
		snprintf(name, sizeof(name), "web%d", i);
		assert_non_null(table_host(&s.probes->table, name));
	}
	assert_int_equal(1000, s.probes->table.n);
	assert_int_equal(16000 * USEC_PER_SEC, probes_period(s.probes));
	assert_true(probes_entry_age(s.probes) > 48000 * USEC_PER_SEC);
	assert_int_equal(0, probes_period(NULL));
	end(&s);
}

/* However much is said, a host is compared once in a while; nothing of it is lost. */
static void
what_is_said_at_once_is_compared_at_once(void **state)
{
	struct scene s;
	struct probe_host *own;

	(void)state;
	begin(&s);
	own = s.probes->own;
	assert_false(own->marked);
	only_say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	assert_ptr_equal(own, s.probes->marked.first);
	own->worked = clock_mono() + 3600 * USEC_PER_SEC;
	probes_work(s.probes);
	only_say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	probes_on_report(s.probes, "out");
	probes_work(s.probes);
	assert_true(own->marked);
	assert_int_equal(0, made.raised);
	work(s.probes);
	assert_int_equal(1, made.raised);
	assert_false(own->marked);
	assert_in_range(own->worked, 1, clock_mono());
	/* Who leaves is not waited for, wherever among the others. */
	report("web", "", "proven", "proven", 0);
	report("www", "", "proven", "proven", 0);
	for (int i = 0; i < 3; i++) {
		const char *const names[] = {"own", "web", "www"};

		for (int k = 0; k < 3; k++)
			probes_mark(s.probes, table_host(&s.probes->table, names[k]));
		probes_unmark(s.probes, table_host(&s.probes->table, names[i]));
		assert_string_equal(names[i == 0], s.probes->marked.first->name);
		assert_string_equal(names[i == 2 ? 1 : 2], s.probes->marked.last->name);
		work(s.probes);
		assert_null(s.probes->marked.first);
	}
	/* The loop comes to it by itself. */
	own->worked = -2 * USEC_PER_SEC;
	s.probes->marked.rest_until = 0;
	only_say(&s, "out", entry("own", "192.0.2.1", "silent", "closed", "ok"));
	assert_int_equal(0, made.ended);
	event_base_loop(s.herald.base, EVLOOP_ONCE);
	assert_int_equal(1, made.ended);
	end(&s);
}

/* What was said and not compared yet is not held against another proof either. */
static void
a_proof_that_changes_before_it_is_compared(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	prove(&s, PROOF_OPEN, PROOF_PROVEN);
	on_report(&s, "own");
	for (int i = 0; i < 3; i++)
		only_say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	prove(&s, PROOF_PROVEN, PROOF_PROVEN);
	on_report(&s, "own");
	assert_int_equal(0, made.raised);
	only_say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	/* The same states again are no other proof. */
	prove(&s, PROOF_PROVEN, PROOF_PROVEN);
	on_report(&s, "own");
	assert_int_equal(0, made.raised);
	say(&s, "out", entry("own", "192.0.2.1", "open", "closed", "gap"));
	assert_int_equal(1, made.raised);
	end(&s);
}

static const char *
entry_of_ports(const char *target, const char *address, const char *ports)
{
	static char text[1024];

	snprintf(text, sizeof(text),
	    "{\"target\":\"%s\",\"at\":5,\"rows\":[{\"to\":\"%s\",%s,\"from\":\"192.0.2.9\","
	    "\"answer\":\"open\",\"expected\":\"closed\",\"verdict\":\"gap\"}]}",
	    target, address, ports);
	return text;
}

/* Of ports that neither the host nor this host's own rules name nothing is kept. */
static void
ports_that_nobody_names(void **state)
{
	struct scene s;
	const struct probe_pair *pair;

	(void)state;
	begin(&s);
	report("web", "{\"address\":\"192.0.2.2\"}", "proven", "proven", 0);
	made.hosts[made.n - 1].report_len =
	    (size_t)snprintf(made.reports[made.n - 1], sizeof(made.reports[0]),
		"{\"exposure\":\"proven\",\"proof_age_s\":1,\"cells\":[{\"rule\":\"x11\",\"proto\":"
		"\"tcp\",\"port\":6000,\"port_high\":6010,\"family\":4,\"state\":\"proven\"}],"
		"\"addresses\":[{\"address\":\"192.0.2.2\"}]}");
	on_report(&s, "web");
	say(&s, "out",
	    entry_of_ports(
		"web", "192.0.2.2", "\"tcp\":[6011,389,5999,6010,388,6000],\"udp\":[389,6000]"));
	pair = table_pair(table_find(&s.probes->table, "web"), table_find(&s.probes->table, "out"));
	assert_non_null(pair);
	assert_int_equal(3, pair->n);
	assert_int_equal(389, pair->rows[0].port);
	assert_int_equal(6000, pair->rows[1].port);
	assert_int_equal(6010, pair->rows[2].port);
	assert_int_equal(3, rows_of(&s));
	say(&s, "out", entry_of_ports("web", "192.0.2.2", "\"udp\":[389,6000]"));
	assert_int_equal(0, rows_of(&s));
	/* What a host without a proof has is not known. */
	report("dark", "{\"address\":\"192.0.2.3\"}", "proven", "proven", 0);
	on_report(&s, "dark");
	made.hosts[made.n - 1].report = "{\"exposure\":\"unknown\"}";
	made.hosts[made.n - 1].report_len = strlen(made.hosts[made.n - 1].report);
	say(&s, "out", entry_of_ports("dark", "192.0.2.3", "\"udp\":[389,6000]"));
	assert_int_equal(2, rows_of(&s));
	end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_outsider_gets_in_where_the_proof_says_not),
	    cmocka_unit_test(an_allowed_host_is_shut_out),
	    cmocka_unit_test(a_proof_that_changes),
	    cmocka_unit_test(a_proof_that_changes_before_it_is_compared),
	    cmocka_unit_test(what_is_said_at_once_is_compared_at_once),
	    cmocka_unit_test(ports_that_nobody_names),
	    cmocka_unit_test(hostile_entries),
	    cmocka_unit_test(a_life_that_begins),
	    cmocka_unit_test(the_period_grows_with_the_fleet),
	    cmocka_unit_test(this_host_asks),
	    cmocka_unit_test(
		nobody_is_asked_without_a_proof_and_a_runner_that_is_busy_is_asked_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
