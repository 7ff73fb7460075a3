/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the control socket answers: one row per request with its right and its words
 * (docs/protocol.md). Comes in: a request's words. Goes out: JSON lines about the court's tables,
 * and changes to them.
 */
#pragma once

#include "wire/control.h"
#include "judge/court.h"

/* Ends with name NULL. */
extern const struct command requests[];

/* list [address|prefix] [rule NAME] [limit N] (judge/req_list.c) */
void request_list(struct request *q, char *const *words, unsigned n);
/* history PREFIX (judge/req_history.c) */
void request_history(struct request *q, char *const *words, unsigned n);
/* ban PREFIX [for SPAN] [because TEXT] [fleet], unban PREFIX [fleet], adopt ADDRESS rule NAME level
 * N since TIME until TIME (judge/req_ban.c) */
void request_ban(struct request *q, char *const *words, unsigned n);
void request_adopt(struct request *q, char *const *words, unsigned n);
void request_unban(struct request *q, char *const *words, unsigned n);

/* exposure [RULE], gaps [all] (judge/req_exposure.c) */
void request_exposure(struct request *q, char *const *words, unsigned n);
void request_gaps(struct request *q, char *const *words, unsigned n);

/* The members of a ban's object, into an object that is open. now: real time. */
struct ban_state {
	bool in_force;
	uint64_t packets, bytes; /* of the element in the kernel */
};
void request_ban_members(struct json *j, const struct court *c, const struct ban *x,
    const struct ban_state *s, usec_t now);
/* An address or prefix in text. False: the request was answered with what is wrong. */
bool request_prefix(struct request *q, const char *word, struct prefix *p);
/* The state of a ban as far as the judge knows it without asking the kernel. */
struct ban_state request_known_state(const struct court *c, const struct ban *x);

/* --- bans whose state is asked of the kernel, some at a time (judge/req_page.c) --- */

#define PAGE_MAX      64
#define PAGE_PATIENCE 2000 /* milliseconds until a page is shown without the kernel's counters */

struct page_entry {
	uint32_t slot;
	bool answered, there;
	uint64_t packets, bytes; /* of the element in the kernel */
};

struct page {
	uint32_t serial, open; /* open: questions without an answer */
	unsigned n;
	struct page_entry entries[PAGE_MAX];
};

/* Empties it; what is answered late is not taken for the next one's. */
void page_begin(struct page *p);
/* Asks for one more, of at most PAGE_MAX; not for one that the kernel does not have, nor without a
 * keeper. */
void page_add(struct request *q, struct page *p, uint32_t slot);
/* True when m was the last answer that was missing. */
bool page_answer(const struct request *q, struct page *p, const struct msg *m);
