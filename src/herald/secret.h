/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files that the herald is told to read: secrets, which nobody but it may read, and public ones,
 * which nobody but their owner may change. Comes in: a path of the configuration. Goes out: the
 * content, or one sentence that says what is wrong with the file. Bounded: max bytes.
 */
#pragma once

#include "base/strbuf.h"

enum secret_kind {
	SECRET,        /* read by owner and the herald's group alone */
	SECRET_PUBLIC, /* written by its owner alone */
};

/* out gets the whole content, NUL-terminated; without a NUL inside. Negative errno, and why it is
 * (room bytes). The owner has to be root or the herald itself. */
int secret_read(enum secret_kind kind, const char *path, size_t max, struct strbuf *out, char *why,
    size_t room);
/* The same, cut behind the first line, whose end is dropped; -ENODATA: it is empty. */
int secret_read_line(const char *path, size_t max, struct strbuf *out, char *why, size_t room);
/* Overwrites what was read, and frees it. */
void secret_wipe(struct strbuf *b);
