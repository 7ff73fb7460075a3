/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A small strict JSON reader (RFC 8259) for the lines and the configuration of containers. Comes
 * in: hostile text. Goes out: every scalar with the names that lead to it, through a callback.
 * Nothing is allocated: unescaped text goes into the caller's room. Bounded: JSON_DEPTH_MAX levels,
 * and the length of the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JSON_DEPTH_MAX 32

enum json_kind {
	JSON_STRING,
	JSON_NUMBER, /* text as written */
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json_name {
	const char *text; /* NULL: an element of a list */
	size_t len;
};

/* One scalar. All pointers are valid during the callback only. */
struct json_leaf {
	const struct json_name *path; /* depth names, the outermost first */
	unsigned depth;
	enum json_kind kind;
	const char *text; /* no NUL; may hold NUL bytes */
	size_t len;
};

typedef void (*json_leaf_fn)(void *ctx, const struct json_leaf *leaf);

/* Reads one value that fills all n bytes but blanks. room: n bytes. Leaves met before an error have
 * been told. -EINVAL: no JSON; -E2BIG: too deep. */
int json_read(const char *text, size_t n, char *room, json_leaf_fn fn, void *ctx);

/* Unescapes the inside of a JSON string into out (n bytes suffice). A surrogate without its other
 * half becomes U+FFFD, bytes from 0x80 pass as they are. Length, or -EINVAL. */
ssize_t json_unescape(const char *text, size_t n, char *out);

/* True when the leaf's path is exactly these names. */
bool json_at(const struct json_leaf *leaf, const char *const *names, unsigned n);
