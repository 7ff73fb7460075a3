/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/words.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

void
words_begin(struct words *w)
{
	w->subject_len = w->words_len = 0;
	w->subject[0] = w->words[0] = '\0';
}

static size_t
append(char *to, size_t at, size_t room, const struct msg_text *part)
{
	size_t n = part->len < room - 1 - at ? part->len : room - 1 - at;

	memcpy(to + at, part->text, n);
	return at + n;
}

int
words_add(struct words *w, const struct msg_text *part)
{
	if (part->len == 0 || part->len > TEXT_PART)
		return -EPROTO;
	if (part->what == TEXT_SUBJECT)
		w->subject_len = append(w->subject, w->subject_len, sizeof(w->subject), part);
	else if (part->what == TEXT_WORDS)
		w->words_len = append(w->words, w->words_len, sizeof(w->words), part);
	else
		return -EPROTO;
	return 0;
}

void
words_end(struct words *w)
{
	w->subject[utf8_clean(w->subject, w->subject_len)] = '\0';
	w->words[utf8_clean(w->words, w->words_len)] = '\0';
}
