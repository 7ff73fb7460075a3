/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "judge/joined.h"
#include "judge/lift.h"
#include "judge/requests.h"

#define PATIENCE  5000 /* milliseconds for the kernel's answer */
#define UNBAN_MAX 1024 /* bans lifted by one request */
#define NOTE_MAX  200  /* bytes */

/* --- ban --- */

static void
answer_ban(struct request *q, uint32_t slot)
{
	const struct court *c = request_context(q);
	const struct ban *x = bans_get(c->bans, slot);
	const struct ban_state s = request_known_state(c, x);
	const char *trouble = enforce_trouble(c->enforce, x);
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct json j;

	json_begin(&j, &line);
	request_ban_members(&j, c, x, &s, clock_real());
	json_end(&j);
	request_write(q, &line);
	if (s.in_force)
		request_done(q, REQUEST_DONE, NULL);
	else
		request_done(q, REQUEST_FAILED, "the ban is in the book, but not in force: %s",
		    trouble ? trouble : "no answer");
}

static void
on_banned(struct request *q, uint32_t slot, const struct msg_banned *answer)
{
	(void)answer;
	if (slot == *(const uint32_t *)request_state(q))
		answer_ban(q, slot);
}

static void
on_ban_late(struct request *q)
{
	answer_ban(q, *(const uint32_t *)request_state(q));
}

struct ban_words {
	usec_t span;
	const char *note;
	bool fleet;
};

/* False: the request was answered with what is wrong. */
static bool
has_fleet(struct request *q)
{
	const struct court *c = request_context(q);

	if (!c->image.fleet)
		request_done(q, REQUEST_FAILED,
		    "no fleet is configured (guardd.yaml, fleet): other hosts cannot be told");
	return c->image.fleet != NULL;
}

/* for SPAN, because TEXT, fleet, in any order. False: it was answered. */
static bool
read_words(struct request *q, char *const *words, unsigned n, struct ban_words *out)
{
	for (unsigned i = 1; i < n; i++) {
		bool is_for = strcmp(words[i], "for") == 0;

		if (strcmp(words[i], "fleet") == 0) {
			out->fleet = true;
			continue;
		}
		if (++i == n || (!is_for && strcmp(words[i - 1], "because") != 0)) {
			request_done(q, REQUEST_USAGE,
			    "usage: ban PREFIX [for SPAN] [because TEXT] [fleet]");
			return false;
		}
		if (!is_for) {
			out->note = words[i];
		} else if (clock_parse_span(words[i], &out->span) < 0 || out->span <= 0) {
			request_done(
			    q, REQUEST_USAGE, "\"%s\" is no time like 30m, 12h, 4w", words[i]);
			return false;
		}
	}
	if (out->note && strlen(out->note) > NOTE_MAX) {
		request_done(q, REQUEST_USAGE, "the reason is longer than %d bytes", NOTE_MAX);
		return false;
	}
	return !out->fleet || has_fleet(q);
}

static void
answer_refused(struct request *q, int error, const struct prefix *p, const struct prefix *never)
{
	char text[ADDR_TEXT_MAX], entry[ADDR_TEXT_MAX];

	prefix_format(p, text);
	if (error == -EPERM)
		prefix_format(never, entry);
	if (error == -ENOSPC)
		request_done(q, REQUEST_FAILED,
		    "%s cannot be banned: as many bans are in force as there may be (bans_max)",
		    text);
	else if (error != -EPERM)
		request_done(q, REQUEST_FAILED, "%s cannot be banned: %s", text, strerror(-error));
	else if (prefix_cmp(p, never) == 0)
		request_done(q, REQUEST_FAILED,
		    "%s is never banned: it is this machine's, or in never_ban", text);
	else
		request_done(q, REQUEST_FAILED,
		    "%s is never banned: %s is this machine's, or in never_ban", text, entry);
}

/* One that was there already, and lasts longer: in the kernel, or on its way there. */
static bool
is_awaited(const struct court *c, uint32_t slot)
{
	const struct ban *x = bans_get(c->bans, slot);

	return enforce_holds(c->enforce, x) || x->kernel == KERNEL_ASKED;
}

/* Once it is in the kernel other hosts are told; one that is there already, now. */
static void
share(struct court *c, uint32_t slot)
{
	struct ban *x = bans_get(c->bans, slot);

	x->flags |= BANS_SHARED;
	bans_change(c->bans, slot);
	joined_on_shared(c->joined, slot);
}

void
request_ban(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_banned = on_banned, .on_late = on_ban_late};
	struct court *c = request_context(q);
	struct ban_words said = {.span = c->rules.slots[RULE_MANUAL].duration};
	usec_t now = clock_real();
	struct prefix p, never = {0};
	uint32_t slot, *state;
	int r;

	if (!request_prefix(q, words[0], &p) || !read_words(q, words, n, &said))
		return;
	state = malloc(sizeof(*state));
	if (said.span == 0 || said.span > USEC_NEVER - now)
		said.span = USEC_NEVER - now;
	r = state ? verdict_manual(&c->verdict, &p, now, now + said.span, said.note, &never, &slot)
		  : -ENOMEM;
	court_changed(c, true);
	if (r == 0 && said.fleet)
		share(c, slot);
	if (r < 0) {
		free(state);
		answer_refused(q, r, &p, &never);
		return;
	}
	*state = slot;
	request_keep(q, &ops, state, free);
	if (!is_awaited(c, slot))
		enforce_ban(c->enforce, slot, now);
	if (!enforce_is_connected(c->enforce) || enforce_holds(c->enforce, bans_get(c->bans, slot)))
		answer_ban(q, slot);
	else
		request_wait(q, PATIENCE);
}

/* --- adopt --- */

/* Seconds of the epoch, or "never". */
static bool
read_time(const char *word, usec_t *out)
{
	char *end;
	long long n = strtoll(word, &end, 10);

	if (strcmp(word, "never") == 0) {
		*out = USEC_NEVER;
		return true;
	}
	if (end == word || *end || n < 0 || n > USEC_NEVER / USEC_PER_SEC / 2)
		return false;
	*out = (usec_t)n * USEC_PER_SEC;
	return true;
}

/* rule NAME level N since TIME until TIME, in this order. False: it was answered. */
static bool
read_past(struct request *q, char *const *words, const struct rules *rules, uint16_t *rule,
    struct verdict_past *past)
{
	static const char *const keys[] = {"rule", "level", "since", "until"};
	char *end;
	long level;

	for (size_t i = 0; i < 4; i++)
		if (strcmp(words[2 * i], keys[i]) != 0) {
			request_done(q, REQUEST_USAGE,
			    "usage: adopt ADDRESS rule NAME level N since TIME until TIME");
			return false;
		}
	level = strtol(words[3], &end, 10);
	if (*end || level < 1 || level > UINT16_MAX || !read_time(words[5], &past->since) ||
	    !read_time(words[7], &past->until) || past->since > past->until) {
		request_done(
		    q, REQUEST_USAGE, "no level or time: %s %s %s", words[3], words[5], words[7]);
		return false;
	}
	past->level = (uint16_t)level;
	*rule = rules_find(rules, words[1]);
	if (*rule == RULE_NONE || *rule == RULE_MANUAL || !rules->slots[*rule].alive ||
	    rules->slots[*rule].builtin || rules->slots[*rule].foreign) {
		request_done(q, REQUEST_FAILED, "there is no rule %.64s", words[1]);
		return false;
	}
	return true;
}

/* A former one, a dry one, or one whose like was there. */
static void
answer_adopted(struct request *q, uint32_t slot)
{
	const struct court *c = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	const struct ban *x = slot == BANS_NONE ? NULL : bans_get(c->bans, slot);
	struct json j;

	json_begin(&j, &line);
	if (x) {
		const struct ban_state s = request_known_state(c, x);

		request_ban_members(&j, c, x, &s, clock_real());
	}
	json_end(&j);
	request_write(q, &line);
	request_done(q, REQUEST_DONE, NULL);
}

void
request_adopt(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_banned = on_banned, .on_late = on_ban_late};
	struct court *c = request_context(q);
	struct verdict_past past;
	struct prefix p, never = {0};
	usec_t now = clock_real();
	uint32_t slot, *state;
	uint16_t rule;
	int r;

	(void)n;
	if (!request_prefix(q, words[0], &p) || !read_past(q, words + 1, &c->rules, &rule, &past))
		return;
	if (!prefix_is_host(&p) || past.since > now) {
		request_done(q, REQUEST_USAGE, "one address that was banned in the past is needed");
		return;
	}
	state = malloc(sizeof(*state));
	r = state ? verdict_adopt(&c->verdict, rule, &p.addr, &past, now, &never, &slot) : -ENOMEM;
	court_changed(c, true);
	if (r < 0) {
		free(state);
		answer_refused(q, r, &p, &never);
		return;
	}
	if (past.until <= now || slot == BANS_NONE || c->rules.slots[rule].dry_run) {
		free(state);
		answer_adopted(q, slot);
		return;
	}
	*state = slot;
	request_keep(q, &ops, state, free);
	if (!enforce_is_connected(c->enforce) || enforce_holds(c->enforce, bans_get(c->bans, slot)))
		answer_ban(q, slot);
	else
		request_wait(q, PATIENCE);
}

/* --- unban --- */

/* In the kernel alone: the book that knew it was lost. */
struct stray {
	struct prefix prefix;
	bool asked_out; /* of one scope: it was there, or inside a wider one */
	bool there;     /* and is no more */
	uint64_t packets, bytes;
};

struct lifting {
	struct lifted bans;
	uint32_t open;
	struct stray strays[2]; /* what was asked for; of an IPv6 host its /64, too */
	unsigned n_strays;
	uint32_t id; /* of the answers about them */
	int error;   /* the keeper's */
	bool inside; /* a wider one holds it that the book does not know either */
	bool fleet;  /* by hand, for all hosts */
	bool untold; /* other hosts were to be told, and cannot be */
};

static void
free_lifting(void *state)
{
	struct lifting *l = state;

	lifted_fini(&l->bans);
	free(l);
}

static void
write_lifted(struct request *q, const struct lifted *l)
{
	const struct court *c = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	for (uint32_t i = 0; i < l->n; i++) {
		const struct ban *x = bans_get(c->bans, l->slots[i]);
		const struct ban_state s = {.in_force = x && x->kernel == KERNEL_UNASKED};
		struct json j;

		if (!x)
			continue;
		json_begin(&j, &out);
		request_ban_members(&j, c, x, &s, clock_real());
		json_end(&j);
	}
	request_write(q, &out);
}

/* How many there were. */
static unsigned
write_strays(struct request *q, const struct lifting *l)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < l->n_strays; i++) {
		const struct stray *s = &l->strays[i];
		char text[ADDR_TEXT_MAX];
		struct json j;

		if (!s->there)
			continue;
		json_begin(&j, &out);
		json_text(&j, "prefix", prefix_format(&s->prefix, text));
		json_text(&j, "why", "in the kernel, not in the book");
		json_int(&j, "packets", (int64_t)s->packets);
		json_int(&j, "bytes", (int64_t)s->bytes);
		json_end(&j);
		log_notice("unbanned %s by hand, which was in the kernel, not in the book", text);
		n++;
	}
	request_write(q, &out);
	return n;
}

static void
answer_unban(struct request *q)
{
	const struct lifting *l = request_state(q);
	unsigned strays = write_strays(q, l);
	char text[ADDR_TEXT_MAX];

	write_lifted(q, &l->bans);
	prefix_format(&l->bans.still, text);
	if (l->open > 0)
		request_done(
		    q, REQUEST_FAILED, "the keeper did not answer about %u of them", l->open);
	else if (l->error < 0)
		request_done(q, REQUEST_FAILED, "it cannot be taken out of the kernel: %s",
		    strerror(-l->error));
	else if (l->inside)
		request_done(q, REQUEST_FAILED,
		    "it is inside a wider one in the kernel that the book does not know: unban "
		    "that (nft list table inet guardd)");
	else if (l->untold)
		request_done(q, REQUEST_FAILED,
		    "%u were lifted here, but other hosts cannot be told: the herald is not "
		    "connected; start it: systemctl start guardd-herald",
		    l->bans.n);
	else if (l->bans.still.addr.family)
		request_done(q, REQUEST_FAILED, "it is still banned with %s: unban that too", text);
	else if (l->bans.n == 0 && strays == 0 && !l->fleet)
		request_done(q, REQUEST_FAILED, "there is no such ban");
	else if (l->bans.n == UNBAN_MAX)
		request_done(q, REQUEST_FAILED, "%u were lifted, and there are more: say it again",
		    l->bans.n);
	else
		request_done(q, REQUEST_DONE, NULL);
}

/* It was there when it was found before, and is not found behind that. */
static void
note_stray(struct lifting *l, struct stray *s, const struct msg *m)
{
	const struct msg_banned *b = &m->u.banned;

	if (b->status < 0 && b->status != -ENOENT)
		l->error = b->status;
	if (m->type == MSG_UNBANNED) {
		s->asked_out = b->status == 0;
		s->packets += b->packets;
		s->bytes += b->bytes;
	} else if (b->status == 0) {
		l->inside = true;
	} else {
		s->there |= s->asked_out;
	}
}

static void
on_stray(struct request *q, const struct msg *m)
{
	struct lifting *l = request_state(q);

	for (unsigned i = 0; i < l->n_strays; i++)
		if (prefix_cmp(&l->strays[i].prefix, &m->u.banned.prefix) == 0)
			note_stray(l, &l->strays[i], m);
	if (l->open > 0 && --l->open == 0)
		answer_unban(q);
}

static void
on_answer(struct request *q, const struct msg *m)
{
	struct lifting *l = request_state(q);

	if (l->n_strays > 0 && m->id == l->id) {
		on_stray(q, m);
		return;
	}
	if (m->type != MSG_UNBANNED)
		return;
	for (uint32_t i = 0; i < l->bans.n; i++)
		if (l->bans.slots[i] == m->id && l->open > 0 && --l->open == 0) {
			answer_unban(q);
			return;
		}
}

static void
log_lifted(const struct court *c, const struct lifted *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const struct ban *x = bans_get(c->bans, l->slots[i]);
		const struct prefix p = ban_prefix(x);
		char text[ADDR_TEXT_MAX];

		log_notice("unbanned %s (%s) by hand", prefix_format(&p, text),
		    c->rules.slots[x->rule].name);
	}
}

/* The book knows nothing of it; the kernel may. */
static void
ask_kernel(struct request *q, struct lifting *l, const struct prefix *p, usec_t now)
{
	struct court *c = request_context(q);

	l->id = ENFORCE_ASKED | request_index(q) << 24 | (++c->clears & 0xffffff);
	l->strays[l->n_strays++].prefix = *p;
	if (p->addr.family == 6 && prefix_is_host(p))
		l->strays[l->n_strays++].prefix = prefix_of(&p->addr, 64);
	for (unsigned i = 0; i < l->n_strays && l->error == 0; i++) {
		int r = enforce_clear(c->enforce, &l->strays[i].prefix, l->id, now);

		if (r < 0)
			l->error = r;
		else
			l->open += (uint32_t)r;
	}
	/* Without a keeper there is the book alone. */
	if (l->error == -ENOTCONN)
		l->error = 0;
}

void
request_unban(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_answer = on_answer, .on_late = answer_unban};
	struct court *c = request_context(q);
	usec_t now = clock_real();
	struct lifting *l;
	struct prefix p;

	if (!request_prefix(q, words[0], &p))
		return;
	if (n == 2 && strcmp(words[1], "fleet") != 0) {
		request_done(q, REQUEST_USAGE, "usage: unban PREFIX [fleet]");
		return;
	}
	if (n == 2 && !has_fleet(q))
		return;
	l = calloc(1, sizeof(*l));
	if (!l) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	request_keep(q, &ops, l, free_lifting);
	l->bans.max = UNBAN_MAX;
	lift_inside(c, &p, &l->bans, now);
	log_lifted(c, &l->bans);
	l->open = lift_out(c, &l->bans, now);
	if (l->bans.n == 0 && !l->bans.still.addr.family)
		ask_kernel(q, l, &p, now);
	l->fleet = n == 2;
	l->untold = l->fleet && !joined_unban_all(c->joined, &p, now);
	if (l->open == 0)
		answer_unban(q);
	else
		request_wait(q, PATIENCE);
}
