/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A stepwise filter over one line: the date is found and cut out, the prefix leaves the content,
 * patterns are tried on it (or on the last lines, joined), sessions gather what their lines say.
 * Comes in: a candidate line of a lane, or a message. Goes out: what the lane's sink takes.
 * Bounded: LINE_MAX_BYTES a line, STEPS_LINES_BYTES of lines that wait, reader/session.h; the
 * second match limit that is hit ends a line. Nothing is allocated after steps_new.
 */
#pragma once

#include "reader/dates.h"
#include "reader/match.h"
#include "reader/plan.h"
#include "reader/step_regex.h"

#define STEPS_LINES_BYTES (256 * 1024)

/* Of an engine: the patterns of its stepwise filters, and the dates. */
struct steps_code;

int steps_code_new(struct steps_code **out, const struct image *img, char **error);
void steps_code_free(struct steps_code *c);
DEFINE_FREEP(struct steps_code, steps_code_free)

/* Of a lane: what its stepwise filters know of earlier lines. */
struct steps;

/* *out is NULL when none of the plan's filters is stepwise. -ENOMEM. */
int steps_new(struct steps **out, const struct steps_code *code, const struct image *img,
    const struct plan *plan);
void steps_free(struct steps *s);
DEFINE_FREEP(struct steps, steps_free)
uint64_t steps_forgotten(const struct steps *s);

/* The running line or message of the lane. */
void steps_apply(struct lane *l, const struct plan_filter *f);

/* What a line counts as (STEP_COUNTED). */
struct steps_count {
	const char *id; /* the address, or what is counted instead */
	size_t id_len;
	const struct addr *addr; /* NULL: nobody can be banned for it */
	const char *user;        /* or NULL */
	size_t user_len;
	usec_t time; /* as the line has it, even ahead of now */
	bool dated;
};
