/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * JSON text written into a strbuf, member by member.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/*
 * JSON objects, one after the other: json_begin, members, json_end (which adds the newline for the
 * outermost). Commas and escapes are taken care of; bytes that are no UTF-8 become U+FFFD.
 */
struct json {
	struct strbuf *out;
	unsigned depth;
	bool comma;
};

void json_begin(struct json *j, struct strbuf *out);
void json_end(struct json *j);
void json_text(struct json *j, const char *key, const char *text); /* NULL text: null */
void json_bytes(struct json *j, const char *key, const char *bytes, size_t n);
void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_object_begin(struct json *j, const char *key); /* key NULL inside a list */
void json_object_end(struct json *j);
void json_list_begin(struct json *j, const char *key);
void json_list_end(struct json *j);
