/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests: texts at random that a pattern is likely to match, by a walk over its tree. Comes in:
 * a tree of conf/regex.h. Goes out: bytes added to a strbuf. Whether they match is for PCRE2 to
 * say: lookarounds are tried in several ways, one of which fits often enough. Bounded: a repeat
 * takes TEXT_REPEAT copies more than it must.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/regex.h"

#define TEXT_REPEAT 6
#define TEXT_LOOKS  4
#define TEXT_LONG   4000

struct text_maker {
	uint64_t random; /* not 0 */
	struct strbuf out;
	char addr[64]; /* the last one written, for references to it */
	struct {
		size_t at;
		struct strbuf seen; /* what was to stand ahead */
	} looks[TEXT_LOOKS];
	size_t n_looks;
};

static inline uint32_t
text_random(struct text_maker *m, uint32_t n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (uint32_t)(m->random >> 24) % n;
}

static inline void
text_maker_fini(struct text_maker *m)
{
	strbuf_fini(&m->out);
	for (size_t i = 0; i < TEXT_LOOKS; i++)
		strbuf_fini(&m->looks[i].seen);
}

static inline bool
text_allows(const struct regex *r, unsigned char c)
{
	return c != '\n' && regex_set_has(r->set, c);
}

static inline void
text_byte(struct text_maker *m, const struct regex *r)
{
	static const char likely[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789 .:-_/@[]()\"'";
	unsigned start = text_random(m, 256);

	for (int tries = 0; tries < 12; tries++) {
		char c = likely[text_random(m, sizeof(likely) - 1)];

		if (text_allows(r, (unsigned char)c)) {
			strbuf_add(&m->out, &c, 1);
			return;
		}
	}
	for (unsigned i = 0; i < 256; i++) {
		char c = (char)(start + i);

		if (text_allows(r, (unsigned char)c)) {
			strbuf_add(&m->out, &c, 1);
			return;
		}
	}
}

static inline void text_make(struct text_maker *m, const struct regex *r);

static inline void
text_items(struct text_maker *m, const struct regex *r)
{
	for (size_t i = 0; i < r->n && m->out.len < TEXT_LONG; i++)
		text_make(m, r->items[i]);
}

static inline void
text_repeat(struct text_maker *m, const struct regex *r)
{
	uint32_t spread = r->max - r->min, extra = text_random(m, TEXT_REPEAT + 1);

	extra = text_random(m, 3) ? extra : text_random(m, 2);
	for (uint32_t i = r->min + (extra < spread ? extra : spread);
	     i > 0 && m->out.len < TEXT_LONG; i--)
		text_make(m, r->items[0]);
}

static inline void
text_addr(struct text_maker *m)
{
	char *a = m->addr;

	if (text_random(m, 3))
		snprintf(a, sizeof(m->addr), "%u.%u.%u.%u", text_random(m, 256),
		    text_random(m, 256), text_random(m, 256), text_random(m, 256));
	else
		snprintf(a, sizeof(m->addr), "2001:db8:%x::%x", text_random(m, 65536),
		    text_random(m, 65536));
	strbuf_puts(&m->out, a);
}

static inline void
text_time(struct text_maker *m)
{
	static const char *const times[] = {"2026-11-21 10:11:12", "21/Nov/2026:21:42:07 +0000",
	    "2026-11-21T14:04:00.667Z", "Sat Nov 21 21:46:21.240674 2026", "2026/11/21 21:42:07",
	    "Nov 21 21:42:07", "2026-11-21 10:11:12.123 CET"};

	strbuf_puts(&m->out, times[text_random(m, sizeof(times) / sizeof(*times))]);
}

static inline void
text_group(struct text_maker *m, const struct regex *r)
{
	size_t start = m->out.len;

	if (r->name && !strcmp(r->name, "addr") && text_random(m, 16)) {
		text_addr(m);
	} else if (r->name && !strcmp(r->name, "time") && text_random(m, 8)) {
		text_time(m);
	} else {
		text_items(m, r);
		if (r->name && !strcmp(r->name, "addr"))
			snprintf(m->addr, sizeof(m->addr), "%.*s", (int)(m->out.len - start),
			    m->out.text ? m->out.text + start : "");
	}
}

/* What is to stand behind takes the place of what does. */
static inline void
text_look_behind(struct text_maker *m, const struct regex *r)
{
	size_t start = m->out.len, n;

	text_items(m, r);
	n = m->out.len - start;
	if (n && n <= start && text_random(m, 4))
		memmove(m->out.text + start - n, m->out.text + start, n);
	m->out.len = start;
}

/* What is to stand ahead is made now, and worked into the text when all of it is there. */
static inline void
text_look(struct text_maker *m, const struct regex *r)
{
	struct strbuf *seen;
	size_t start = m->out.len;

	if (r->look == LOOK_BEHIND)
		text_look_behind(m, r);
	if (r->look != LOOK_AHEAD || m->n_looks == TEXT_LOOKS)
		return;
	text_items(m, r);
	m->looks[m->n_looks].at = start;
	seen = &m->looks[m->n_looks++].seen;
	strbuf_reset(seen);
	strbuf_add(seen, m->out.text ? m->out.text + start : "", m->out.len - start);
	m->out.len = start;
}

static inline void
text_make(struct text_maker *m, const struct regex *r)
{
	switch (r->kind) {
	case REGEX_SET:
		text_byte(m, r);
		break;
	case REGEX_ALT:
		text_make(m, r->items[text_random(m, (uint32_t)r->n)]);
		break;
	case REGEX_REPEAT:
		text_repeat(m, r);
		break;
	case REGEX_SEQ:
		text_items(m, r);
		break;
	case REGEX_GROUP:
		text_group(m, r);
		break;
	case REGEX_LOOK:
		text_look(m, r);
		break;
	case REGEX_ANY:
		strbuf_puts(&m->out, m->addr);
		break;
	default:
		break;
	}
}

/* The text goes on with what was to stand ahead, wholly or in part, or holds it in place. */
static inline void
text_fit_looks(struct text_maker *m)
{
	for (size_t i = 0; i < m->n_looks; i++) {
		const struct strbuf *seen = &m->looks[i].seen;
		size_t at = m->looks[i].at, from;

		switch (seen->len ? text_random(m, 4) : 0) {
		case 1:
			if (m->out.len - at >= seen->len)
				memcpy(m->out.text + at, seen->text, seen->len);
			break;
		case 2:
		case 3:
			from = text_random(m, 2) ? 0 : text_random(m, (uint32_t)seen->len);
			strbuf_add(&m->out, seen->text + from, seen->len - from);
			break;
		default:
			break;
		}
	}
}

/* A text into m->out. */
static inline void
text_of(struct text_maker *m, const struct regex *tree)
{
	strbuf_reset(&m->out);
	strbuf_puts(&m->out, "");
	m->n_looks = 0;
	text_make(m, tree);
	text_fit_looks(m);
}
