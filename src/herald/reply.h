/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Replies of a Redis server (RESP2), parsed by hiredis' reader into values of our own. Comes in:
 * any bytes. Goes out: one value a reply. Bounded: bytes and values of one reply, REPLY_DEPTH; a
 * header that promises more allocates nothing. Of a reply that was too large, the last id of a
 * stream's entry that was seen in it is told, so that the reader can go on behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_VALUES 65536 /* of one reply */
#define REPLY_LINE   65536 /* bytes of a status, an error, a header */
#define REPLY_DEPTH  7     /* hiredis' own bound */
#define REPLY_ID_MAX 48    /* "MS-SEQ" with its NUL */

enum value_type {
	VALUE_NIL,
	VALUE_TEXT,   /* a bulk string */
	VALUE_STATUS, /* +OK */
	VALUE_ERROR,  /* -ERR ... */
	VALUE_NUMBER,
	VALUE_LIST,
};

struct value {
	uint8_t type; /* enum value_type */
	uint32_t n;   /* bytes of text (any bytes, a NUL behind them), items of a list */
	int64_t number;
	union {
		struct value *items[0]; /* n; none is NULL in a whole reply */
		char text[0];
	};
};

struct reply;

/* bytes: of one reply. -ENOMEM. */
int reply_new(struct reply **out, size_t bytes);
void reply_free(struct reply *r);
/* Adds what came. -EMSGSIZE: too large, -EPROTO: no RESP. Then the connection is of no more use. */
int reply_feed(struct reply *r, const char *bytes, size_t n);
/* 1 and a value (free it with value_free), 0: none is whole yet; errors as above. */
int reply_next(struct reply *r, struct value **out);
/* After -EMSGSIZE: the id of the entry that was being read, "" when there was none. */
const char *reply_last_id(const struct reply *r);
void value_free(struct value *v);
/* Is it a text of exactly these bytes. */
bool value_is(const struct value *v, const char *text);
