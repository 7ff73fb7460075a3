/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An entry of the fleet's streams: field "e" is one line, field "g" the signature of it where hosts
 * sign. Comes in: fields that a server says another host wrote, any bytes. Goes out: a value that
 *is right in form, or the reason why it is not. Bounded: ENTRY_LINE_MAX.
 *
 *	1 ban HOST SERIAL PREFIX RULE REASON SINCE UNTIL LEVEL
 *	1 lift HOST SERIAL PREFIX RULE
 *	1 report HOST SERIAL JSON
 *	1 probe HOST SERIAL TARGET JSON
 */
#pragma once

#include "base/strbuf.h"
#include "herald/fleet.h"
#include "herald/reply.h"

#define ENTRY_VERSION  "1"
#define ENTRY_LINE_MAX (FLEET_REPORT_MAX + 512)
/* "guardd-fleet-1 STREAM\n", then the line: what is signed, for this stream alone. */
#define ENTRY_SIGNED "guardd-fleet-1 "

enum entry_kind {
	ENTRY_BAN,
	ENTRY_LIFT,
	ENTRY_REPORT,
	ENTRY_PROBE,
	ENTRY_KINDS,
};

enum entry_form {
	ENTRY_GOOD,
	ENTRY_UNKNOWN, /* of a version or kind that is not known here */
	ENTRY_WRONG,
};

struct entry_id { /* of a stream: the server's milliseconds, and a number */
	uint64_t ms, seq;
};

struct entry {
	enum entry_kind kind;
	char host[FLEET_HOST_MAX];
	uint64_t serial;
	struct msg_fleet ban;        /* ban; of a lift prefix and rule */
	char target[FLEET_HOST_MAX]; /* probe */
	const char *json;            /* report, probe: lent, not checked, a NUL behind it */
	size_t json_len;
};

/* value: the list of fields. line and signature (n 0: none) are lent. False: not of this form. */
struct entry_text {
	const char *line, *signature;
	size_t line_len, signature_len;
};
bool entry_fields(const struct value *fields, struct entry_text *out);
/* line: n bytes and a NUL. On ENTRY_UNKNOWN and ENTRY_WRONG host is set as far as it was read. */
enum entry_form entry_parse(struct entry *e, const char *line, size_t n);
/* Appends the line, without its end. */
void entry_write(const struct entry *e, struct strbuf *out);

bool entry_is_host(const char *name, size_t n);
/* -EINVAL. n bytes, no NUL needed. */
int entry_parse_id(struct entry_id *id, const char *text, size_t n);
const char *entry_format_id(const struct entry_id *id, char out[static REPLY_ID_MAX]);
int entry_cmp_id(const struct entry_id *a, const struct entry_id *b);
/* The id in front of it: XREAD gives what is behind an id. */
struct entry_id entry_before(const struct entry_id *id);
