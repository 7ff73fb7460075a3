/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The texts that follow a record in parts (MSG_TEXT). Comes in: parts, of one packet. Goes out:
 * UTF-8 for certain, NUL-terminated. Bounded: what does not fit is cut.
 */
#pragma once

#include "wire/alert.h"
#include "wire/msg.h"

struct words {
	char subject[ALERT_SUBJECT_MAX], words[ALERT_WORDS_MAX];
	size_t subject_len, words_len;
};

void words_begin(struct words *w);
/* -EPROTO: no such text, or a length that no part has. */
int words_add(struct words *w, const struct msg_text *part);
void words_end(struct words *w);
