/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "judge/requests.h"

#define ABOUT_TO_END (2 * USEC_PER_SEC)

struct listing {
	struct prefix only; /* family 0: all */
	uint16_t rule;      /* RULE_NONE: all */
	uint64_t left;      /* lines still wanted */
	uint32_t cursor;    /* next slot */
	struct page page;
};

static void next_page(struct request *q);

static bool
is_wanted(const struct listing *l, const struct ban *x, usec_t now)
{
	struct prefix p;

	if (!x || !ban_holds(x, now) || (x->flags & BANS_BUILTIN) ||
	    (l->rule != RULE_NONE && x->rule != l->rule))
		return false;
	if (l->only.addr.family == 0)
		return true;
	p = ban_prefix(x);
	return prefix_overlaps(&l->only, &p);
}

/* What the kernel lost without telling is sent again. */
static void
mend(struct court *c, const struct page_entry *e, struct ban *x, usec_t now)
{
	const struct prefix p = ban_prefix(x);
	char text[ADDR_TEXT_MAX];

	if (!e->answered || e->there || !enforce_holds(c->enforce, x) ||
	    ban_end(x) < now + ABOUT_TO_END)
		return;
	log_warning("%s was not in the kernel's set: sending it again", prefix_format(&p, text));
	bans_kernel(c->bans, x, KERNEL_OUT);
	enforce_ban(c->enforce, e->slot, now);
}

static void
write_page(struct request *q)
{
	struct court *c = request_context(q);
	struct listing *l = request_state(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	usec_t now = clock_real();

	for (unsigned i = 0; i < l->page.n; i++) {
		const struct page_entry *e = &l->page.entries[i];
		struct ban *x = bans_get(c->bans, e->slot);
		struct ban_state s = {.packets = e->packets, .bytes = e->bytes};
		struct json j;

		if (!is_wanted(l, x, now))
			continue;
		mend(c, e, x, now);
		s.in_force = enforce_holds(c->enforce, x) && (!e->answered || e->there);
		json_begin(&j, &out);
		request_ban_members(&j, c, x, &s, now);
		json_end(&j);
	}
	page_begin(&l->page);
	request_write(q, &out);
}

static void
go_on(struct request *q)
{
	struct listing *l = request_state(q);

	if (l->page.n > 0 && l->page.open == 0)
		write_page(q);
	if (l->page.n == 0 && request_has_room(q))
		next_page(q);
}

/* Collects a page and asks for its counters; without a keeper there are none. */
static void
next_page(struct request *q)
{
	struct court *c = request_context(q);
	struct listing *l = request_state(q);
	usec_t now = clock_real();

	for (;;) {
		for (; l->page.n < PAGE_MAX && l->left > 0 && l->cursor < bans_high(c->bans);
		     l->cursor++) {
			if (!is_wanted(l, bans_get(c->bans, l->cursor), now))
				continue;
			page_add(q, &l->page, l->cursor);
			l->left--;
		}
		if (l->page.n == 0) {
			request_done(q, REQUEST_DONE, NULL);
			return;
		}
		if (l->page.open > 0) {
			request_wait(q, PAGE_PATIENCE);
			return;
		}
		write_page(q);
		if (!request_has_room(q))
			return;
	}
}

static void
on_answer(struct request *q, const struct msg *m)
{
	struct listing *l = request_state(q);

	if (page_answer(q, &l->page, m))
		go_on(q);
}

static void
on_late(struct request *q)
{
	struct listing *l = request_state(q);

	l->page.open = 0;
	go_on(q);
}

/* The words behind list, in any order. False: it was answered. */
static bool
read_words(struct request *q, struct listing *l, char *const *words, unsigned n)
{
	const struct court *c = request_context(q);

	for (unsigned i = 0; i < n; i++) {
		if (i + 1 < n && strcmp(words[i], "rule") == 0) {
			l->rule = rules_find(&c->rules, words[++i]);
			if (l->rule == RULE_NONE) {
				request_done(q, REQUEST_FAILED, "there is no rule %s", words[i]);
				return false;
			}
		} else if (i + 1 < n && strcmp(words[i], "limit") == 0) {
			char *end;

			l->left = strtoull(words[++i], &end, 10);
			if (*end || end == words[i] || *words[i] == '-') {
				request_done(q, REQUEST_USAGE, "\"%s\" is no number", words[i]);
				return false;
			}
		} else if (!request_prefix(q, words[i], &l->only)) {
			return false;
		}
	}
	return true;
}

void
request_list(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {
	    .on_room = go_on, .on_answer = on_answer, .on_late = on_late};
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	l->rule = RULE_NONE;
	l->left = UINT64_MAX;
	if (!read_words(q, l, words, n)) {
		free(l);
		return;
	}
	request_keep(q, &ops, l, free);
	next_page(q);
}
