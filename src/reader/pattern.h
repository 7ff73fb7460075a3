/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One compiled pattern and its run over one line. Comes in: a regex of the image, checked by
 * guardd-conf; a line, hostile. Goes out: matched or not, and the named parts. Bounded:
 * MATCH_LIMIT, a JIT stack of fixed size, both shared through struct pattern_room; nothing is
 * allocated by a match.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum capture {
	CAPTURE_ADDR,
	CAPTURE_USER,
	CAPTURE_TIME,
	CAPTURE_SESSION,
	CAPTURE_PORT,
	CAPTURES,
};

const char *capture_name(enum capture c);

/* text is into the line, NULL for a part that is not set. */
struct captures {
	const char *text[CAPTURES];
	size_t len[CAPTURES];
};

struct pattern;
struct pattern_room;

/* groups: room for the capture groups of all patterns that will run in it. -ENOMEM. */
int pattern_room_new(struct pattern_room **out, uint32_t groups);
void pattern_room_free(struct pattern_room *r);
DEFINE_FREEP(struct pattern_room, pattern_room_free)

/* Compiles with the JIT where there is one. On -EINVAL *error is a text, which the caller frees. */
int pattern_new(struct pattern **out, const char *regex, bool caseless, char **error);
void pattern_free(struct pattern *p);
DEFINE_FREEP(struct pattern, pattern_free)

/* -EINVAL with *error made of why, what PCRE2 says of code (0: nothing), and the place. -ENOMEM. */
int pattern_refuse(char **error, const char *why, int code, size_t at);

/* Groups of the pattern, the whole match included. */
uint32_t pattern_groups(const struct pattern *p);

enum pattern_answer {
	PATTERN_NOT,
	PATTERN_MATCHED,
	PATTERN_UNEXAMINED, /* the limit was hit, or the stack was too small */
};

/* captures is set when it matched. */
enum pattern_answer pattern_match(const struct pattern *p, struct pattern_room *room,
    const char *text, size_t n, struct captures *captures);
