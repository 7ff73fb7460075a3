/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fleet as the rest of the herald sees it: what the judge says, what others ask for, requests.
 */
#include <string.h>

#include "herald/fleet_private.h"
#include "wire/control.h"

#define LOOK_AGAIN (2 * USEC_PER_SEC)     /* what was read so lately is as good as new */
#define LOOK_WAIT  (1500 * USEC_PER_MSEC) /* so long a request waits for it */
#define LOOK_STEP  20                     /* milliseconds */

/* --- the judge --- */

static bool
is_shared(const struct fleet *f, const char *rule)
{
	const struct image *img = &f->herald->image;

	/* A ban by hand comes only where a person said so. */
	if (f->config->share_all || strcmp(rule, "manual") == 0 || strcmp(rule, "*") == 0)
		return true;
	for (uint32_t i = 0; i < f->config->share.n; i++) {
		if (strcmp(image_list(img, f->config->share, i), rule) == 0)
			return true;
	}
	return false;
}

void
fleet_judge_begins(struct fleet *f)
{
	given_begin(f->given);
	take_ask_again(f->take);
}

void
fleet_on_give(struct fleet *f, const struct msg_fleet *b)
{
	if (!is_shared(f, b->rule))
		return;
	given_ban(f->given, b, clock_real());
	tell_wake(f->tell);
}

void
fleet_on_given(struct fleet *f, bool lost)
{
	given_end(f->given, lost, clock_real());
	/* The judge has lost those of others, too. */
	if (lost) {
		fleet_forget_serials(f);
		take_from_start(f->take);
	}
	tell_wake(f->tell);
	take_wake(f->take);
}

void
fleet_on_lift(struct fleet *f, const struct msg_fleet *b)
{
	given_lift(f->given, b, clock_real());
	tell_wake(f->tell);
}

void
fleet_on_taken(struct fleet *f, uint32_t id, enum taken_status status)
{
	take_answer(f->take, id, status);
}

void
fleet_on_room(struct fleet *f)
{
	take_room(f->take);
}

void
fleet_on_proof(struct fleet *f)
{
	tell_report(f->tell);
}

/* --- the other parts --- */

static void
show_host(const struct fleet *f, const struct host *x, struct fleet_host *out)
{
	/* What is lent is not the fleet's state. */
	struct fleet *lender = (struct fleet *)(uintptr_t)f;
	struct strbuf *report = &lender->reports[lender->next_report ^= 1];

	*out = (struct fleet_host){.last = x->last,
	    .reported = x->reported,
	    .given = x->given,
	    .taken = x->taken,
	    .seen = x->seen};
	memcpy(out->name, x->name, sizeof(out->name));
	memcpy(out->version, x->version, sizeof(out->version));
	memcpy(out->exposure, x->exposure, sizeof(out->exposure));
	if (hosts_read_report(f->hosts, x, report)) {
		out->report = report->text;
		out->report_len = report->len;
	}
}

bool
fleet_next_host(const struct fleet *f, const char *name, struct fleet_host *out)
{
	const struct host *x = hosts_next(f->hosts, name);

	if (x)
		show_host(f, x, out);
	return x != NULL;
}

bool
fleet_find_host(const struct fleet *f, const char *name, struct fleet_host *out)
{
	const struct host *x = hosts_find(f->hosts, name);

	if (x)
		show_host(f, x, out);
	return x != NULL;
}

const char *
fleet_own_name(const struct fleet *f)
{
	return f->name;
}

void
fleet_look(struct fleet *f)
{
	tell_look(f->tell, LOOK_AGAIN);
}

void
fleet_say_probe(struct fleet *f, const char *target, const char *json)
{
	tell_probe(f->tell, target, json);
}

void
fleet_count(const struct fleet *f, struct fleet_counts *out)
{
	*out = f->counts;
	out->connected = take_is_up(f->take) && !f->wrong[WRONG_TELLING].words[0];
	out->hosts = hosts_count(f->hosts);
	out->outbox = given_waiting(f->given);
	out->lost = given_lost(f->given);
	out->last =
	    tell_heard(f->tell) > take_heard(f->take) ? tell_heard(f->tell) : take_heard(f->take);
	out->trouble = NULL;
	for (unsigned i = 0; i < WRONGS && !out->trouble; i++) {
		if (f->wrong[i].words[0])
			out->trouble = f->wrong[i].words;
	}
}

/* --- requests --- */

static const char *const statuses[TAKEN_STATUSES] = {
    [TAKEN_DONE] = "done",
    [TAKEN_BEFORE] = "before",
    [TAKEN_NEVER] = "never",
    [TAKEN_TRUST] = "trust",
    [TAKEN_RATE] = "rate",
    [TAKEN_FULL] = "full",
    [TAKEN_RULE] = "rule",
    [TAKEN_WIDE] = "wide",
    [TAKEN_OVER] = "over",
    [TAKEN_NONSENSE] = "nonsense",
    [TAKEN_FAILED] = "failed",
};

static bool
is_first(const struct fleet *f, unsigned what)
{
	for (unsigned i = 0; i < what; i++) {
		if (strcmp(f->wrong[i].words, f->wrong[what].words) == 0)
			return false;
	}
	return true;
}

static void
write_summary(const struct fleet *f, struct strbuf *out)
{
	struct fleet_counts c;
	struct json j;

	fleet_count(f, &c);
	json_begin(&j, out);
	json_bool(&j, "summary", true);
	json_text(&j, "host", f->name);
	json_text(&j, "server", f->server);
	json_bool(&j, "connected", c.connected);
	json_text(&j, "trouble", c.trouble);
	json_list_begin(&j, "troubles");
	for (unsigned i = 0; i < WRONGS; i++) {
		if (f->wrong[i].words[0] && is_first(f, i))
			json_text(&j, NULL, f->wrong[i].words);
	}
	json_list_end(&j);
	json_int(&j, "last", c.last);
	json_int(&j, "hosts", c.hosts);
	json_int(&j, "outbox", c.outbox);
	json_int(&j, "given", (int64_t)c.given);
	json_int(&j, "lost", (int64_t)c.lost);
	json_int(&j, "read", (int64_t)c.read);
	json_int(&j, "forged", (int64_t)c.forged);
	json_int(&j, "unknown", (int64_t)c.unknown);
	json_int(&j, "repeated", (int64_t)c.repeated);
	json_int(&j, "emptied", (int64_t)c.emptied);
	json_bool(&j, "signs", f->signer != NULL);
	json_bool(&j, "verifies", f->keyring != NULL);
	json_object_begin(&j, "taken");
	for (unsigned i = 0; i < TAKEN_STATUSES; i++)
		json_int(&j, statuses[i], (int64_t)c.taken[i]);
	json_object_end(&j);
	json_end(&j);
}

static void
write_host(const struct fleet *f, const struct host *x, usec_t now, struct strbuf *out)
{
	struct json j;

	json_begin(&j, out);
	json_text(&j, "host", x->name);
	json_bool(&j, "own", strcmp(x->name, f->name) == 0);
	json_int(&j, "last", x->last);
	json_int(&j, "age_s", now > x->last ? (now - x->last) / USEC_PER_SEC : 0);
	json_int(&j, "reported", x->reported);
	json_text(&j, "version", x->version[0] ? x->version : NULL);
	json_int(&j, "given", (int64_t)x->given);
	json_int(&j, "taken", (int64_t)x->taken);
	json_int(&j, "seen", (int64_t)x->seen);
	json_text(&j, "exposure", x->exposure[0] ? x->exposure : NULL);
	json_bool(&j, "silent", now - x->last > 3 * fleet_period(f));
	json_end(&j);
}

struct listing {
	char name[FLEET_HOST_MAX]; /* the last that was written */
	bool began;
	usec_t by; /* monotonic: the look is not waited for any longer */
};

static void
write_hosts(struct request *q)
{
	const struct herald *h = request_context(q);
	struct listing *l = request_state(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	usec_t now = clock_real();
	const struct host *x = NULL;

	if (!l->began)
		write_summary(h->fleet, &out);
	l->began = true;
	while (request_has_room(q) && (x = hosts_next(h->fleet->hosts, l->name)) != NULL) {
		memcpy(l->name, x->name, sizeof(l->name));
		write_host(h->fleet, x, now, &out);
		request_write(q, &out);
	}
	request_write(q, &out);
	if (request_has_room(q) && !x)
		request_done(q, REQUEST_DONE, NULL);
}

static void
on_room(struct request *q)
{
	const struct listing *l = request_state(q);

	if (l->began)
		write_hosts(q);
}

/* What the others say is fetched when somebody looks; a server that is away is not waited for. */
static void
wait_for_look(struct request *q)
{
	const struct herald *h = request_context(q);
	const struct listing *l = request_state(q);

	if (tell_is_looking(h->fleet->tell) && !h->fleet->wrong[WRONG_TELLING].words[0] &&
	    clock_mono() < l->by)
		request_wait(q, LOOK_STEP);
	else
		write_hosts(q);
}

static const struct request_ops listing_ops = {.on_room = on_room, .on_late = wait_for_look};

void
fleet_request_hosts(struct request *q, char *const *words, unsigned n)
{
	const struct herald *h = request_context(q);
	struct listing *l = calloc(1, sizeof(*l));

	(void)words;
	(void)n;
	if (!l) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	l->by = clock_mono() + LOOK_WAIT;
	request_keep(q, &listing_ops, l, free);
	fleet_look(h->fleet);
	wait_for_look(q);
}

void
fleet_request_key(struct request *q, char *const *words, unsigned n)
{
	const struct herald *h = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct json j;

	(void)words;
	(void)n;
	if (!h->fleet->signer) {
		request_done(q, REQUEST_FAILED,
		    h->fleet->wrong[WRONG_FILES].words[0]
			? "%s"
			: "no 'sign_file' is configured: openssl genpkey -algorithm ed25519 makes "
			  "a key",
		    h->fleet->wrong[WRONG_FILES].words);
		return;
	}
	json_begin(&j, &out);
	json_text(&j, "host", h->fleet->name);
	json_text(&j, "key", signer_public(h->fleet->signer));
	json_end(&j);
	request_write(q, &out);
	request_done(q, REQUEST_DONE, NULL);
}
