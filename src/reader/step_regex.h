/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One compiled pattern of a stepwise filter, and its run over a text. Comes in: a regex of the
 * image, checked by guardd-conf; text as whole UTF-8, each line ended by a newline. Goes out:
 * matched or not, where, and the named parts. Bounded: work that is counted, 4 ms for the worst
 * line of LINE_MAX_BYTES; a JIT stack of fixed size. What a match allocates stays with the room, 2
 * MiB at most.
 */
#pragma once

#include "reader/pattern.h"

/* The same as guardd-conf's (conf/steps.h). */
#define STEP_PCRE2_OPTIONS                                                                         \
	(PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C)
#define STEP_TUPLE_MAX 512 /* bytes of a value that several groups make */
#define STEP_SKIPS_MAX 8

enum step_part {
	PART_ADDR,
	PART_NAME,
	PART_ID,
	PART_USER,
	PART_SESSION,
	PART_CIDR,
	PART_PORT,
	PART_NOTED,
	PART_ENDS,
	PART_CLEARED,
	PART_CONTENT,
	STEP_PARTS,
};

/* A part of the text; known: the pattern has such a group, even if it took part in no match. */
struct step_value {
	const char *text; /* NULL: not set */
	size_t len;
	bool known;
};

struct step_match {
	struct step_value parts[STEP_PARTS];
	size_t start, end;                       /* of the match in the text */
	struct step_value skips[STEP_SKIPS_MAX]; /* lines that it passed over */
	size_t n_skips;
	char room[STEP_PARTS][STEP_TUPLE_MAX]; /* of values that several groups make */
};

struct step_regex;
struct step_room; /* shared by all patterns of an engine */

/* -ENOMEM. */
int step_room_new(struct step_room **out);
void step_room_free(struct step_room *r);
DEFINE_FREEP(struct step_room, step_room_free)
/* The next line begins: what patterns may cost is counted anew. */
void step_room_line(struct step_room *r);

struct step_options {
	bool caseless, lines;
};

/* On -EINVAL *error is a text, which the caller frees. */
int step_regex_new(
    struct step_regex **out, const char *regex, struct step_options options, char **error);
void step_regex_free(struct step_regex *p);
DEFINE_FREEP(struct step_regex, step_regex_free)
bool step_regex_has(const struct step_regex *p, enum step_part part);

/* m is set when it matched. */
enum pattern_answer step_regex_match(const struct step_regex *p, struct step_room *room,
    const char *text, size_t n, struct step_match *m);
