/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What came of a delivery, in words for people. Comes in: bytes of a server, curl's own words. Goes
 * out: one clean line without the order's secrets, wherever a server may have repeated them.
 * Bounded: ANSWER_WORDS bytes, whatever is heard.
 */
#pragma once

#include "base/strbuf.h"
#include "wire/order.h"

#define ANSWER_WORDS 600
#define ANSWER_SAID  16384 /* bytes of the server's: more than is shown, to find secrets in */
#define ANSWER_LATER 3600  /* seconds, at most, that a server may ask for */

struct answer {
	enum courier_status status;
	struct strbuf words;
	unsigned retry_after; /* seconds; 0: it did not say */
	char said[ANSWER_SAID + 1];
	size_t n_said;
	bool enough; /* the server said more than is wanted */
};

void answer_fini(struct answer *a);
/* Keeps what there is room for. False: no more, please. */
bool answer_hear(struct answer *a, const char *bytes, size_t n);
/* Sets words; "%s" of what was heard belongs to the caller. */
void answer_set(struct answer *a, enum courier_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One line: control bytes and what is no UTF-8 gone, each secret of o replaced by "***". */
void answer_clean(struct answer *a, const struct order *o);
