/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine: from bytes of one source to hits. Comes in: blocks of whole lines (files) or single
 * messages (journal, docker), hostile text. Goes out: struct hit through a callback, in line order.
 * Bounded: PCRE2 match limit per pattern, LINE_MAX_BYTES per line, a fixed table of remembered
 * sessions per lane. Nothing is allocated after engine_new and lane_new.
 */
#pragma once

#include "base/cleanup.h"
#include "wire/image.h"
#include "wire/msg.h"

#define LINE_MAX_BYTES 65536
#define PATTERN_PCRE2_OPTIONS                                                                      \
	(PCRE2_DOLLAR_ENDONLY | PCRE2_DUPNAMES | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP)
#define MATCH_LIMIT 100000 /* 0.5 ms at worst; real lines stay under 1,000 */

struct engine; /* compiled patterns and the literal table of one image */
struct lane;   /* the filters that are active on one source instance, with their state */

/* Compiles all patterns (JIT). On failure *error is a text the caller frees. */
int engine_new(struct engine **out, const struct image *img, char **error);
void engine_free(struct engine *e);
/* Of lanes made from now on: a success that no rule of the image asks for is not looked for, and so
 * not in the hits. */
void engine_spare(struct engine *e);
DEFINE_FREEP(struct engine, engine_free)

/* What a lane applies: a filter, as one of its sources says it. */
struct lane_filter {
	uint32_t filter; /* IMAGE_FILTERS */
	uint32_t source; /* IMAGE_SOURCES: header kind and zone; UINT32_MAX: guess by the filter's
			    programs */
};

int lane_new(
    struct lane **out, const struct engine *e, const struct lane_filter *filters, size_t n);
void lane_free(struct lane *l);
DEFINE_FREEP(struct lane, lane_free)

struct hit {
	enum pattern_kind kind;     /* PATTERN_OFFENCE or PATTERN_FORGIVE */
	struct msg_offence offence; /* source is left 0 */
	const char *user;           /* into the line, or NULL; valid during the callback */
	size_t user_len;
	size_t line_start, line_end; /* offsets in the block; line_end is behind the newline */
};

struct lane_counts {
	uint64_t lines, candidates, matched, unexamined, undated, future;
	uint64_t nobody;    /* offences by a name or id that is no address: nobody can be banned */
	uint64_t forgotten; /* sessions of stepwise filters that gave way to newer ones */
};

/* filter_counts: an array of one struct lane_filter_counts per image filter, or NULL. */
struct lane_filter_counts {
	uint64_t candidates, matched, unexamined;
};

struct lane_sink {
	void (*on_hit)(void *ctx, const struct hit *h);
	void *ctx;
	struct lane_counts *counts; /* added to */
	struct lane_filter_counts *filter_counts;
};

/* block: n bytes of whole lines, each ended by a newline. now: arrival, for undated and future
 * lines. */
void lane_block(
    struct lane *l, const char *block, size_t n, usec_t now, const struct lane_sink *sink);

/* One message that had no header: from the journal, or a docker log member.
 * program may be NULL (unknown: filters with programs are skipped unless header is none). */
struct lane_message {
	const char *text;
	size_t len;
	const char *program;
	size_t program_len;
	usec_t time;            /* of the journal entry or docker line; USEC_NEVER: none */
	const uint8_t *filters; /* one byte per lane filter: 0 leaves it out; NULL: all */
	/* Of the journal, with the fields that stepwise filters see before the text. */
	bool journal;
	const char *host, *pid;
	size_t host_len, pid_len;
	usec_t monotonic; /* USEC_NEVER: none */
};
void lane_message(
    struct lane *l, const struct lane_message *m, usec_t now, const struct lane_sink *sink);

/* What is done with one line, step by step: for explaining and for tests, through the same code. */
enum lane_step_kind {
	STEP_HEADER,    /* header is set: what was cut */
	STEP_NO_HEADER, /* a filter that expects a header saw none: it is left out */
	STEP_PROGRAM,   /* the program is none of the filter's: it is left out */
	STEP_LITERAL,   /* of pattern, stands at text, len */
	STEP_PATTERN,   /* tried on text, len */
	STEP_ADDRESS,   /* pattern matched, but text, len is no address (NULL: session not known) */
	STEP_LINE,      /* the line text, len is done */
	/* Of stepwise filters, whose texts are not in the line but in a copy without its date. */
	STEP_DATE, /* answer: enum date_answer; text, len is its place, time what is taken; pattern
		      is the form (IMAGE_DATES) */
	STEP_CONTENT, /* text, len is what patterns see from here on */
	STEP_SESSION, /* of the session text, len; answer: 1 when the line is no offence of itself
		       */
	STEP_COUNTED, /* count is set */
};

struct header;
struct captures;
struct steps_count;

struct lane_step {
	enum lane_step_kind kind;
	uint32_t filter, pattern; /* of the image, where the step has one */
	const char *text;         /* into the line */
	size_t len;
	const struct header *header;
	int answer;                      /* STEP_PATTERN: enum pattern_answer */
	const struct captures *captures; /* STEP_PATTERN that matched */
	bool candidate;                  /* STEP_LINE: a pattern was tried */
	usec_t time;                     /* STEP_DATE */
	const struct steps_count *count; /* STEP_COUNTED */
};

/* NULL: no more steps. Only lines with a literal of some pattern have any. */
void lane_trace(struct lane *l, void (*on_step)(void *ctx, const struct lane_step *s), void *ctx);
/* Dates without a zone are UTC from now on: for examples, which mean the same on every machine. */
void lane_utc(struct lane *l);
/* Sessions that gave way to newer ones in the lane's memory. */
uint64_t lane_forgotten(const struct lane *l);
