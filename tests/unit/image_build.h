/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests: builds a configuration image (wire/image.h) from C literals, without YAML. Comes in:
 * structs and texts of a test. Goes out: a sealed memfd, as guardd-conf would make it. Any failure
 * aborts: a test cannot go on without its image. Items are checked by image_open alone, so broken
 * images can be built too.
 */
#pragma once

#include "wire/image.h"

struct image_build;

/* Holds default settings (all tables at 1000, a fixed user key) and zone 0, "" = UTC. */
struct image_build *image_build_new(void);
void image_build_free(struct image_build *b);

/* The text's offset; the text is copied. NULL is "". */
str_t image_build_str(struct image_build *b, const char *text);
/* A span of IMAGE_STRINGS_LIST; texts ends with NULL, and may be NULL itself. */
struct span image_build_list(struct image_build *b, const char *const *texts);
/* Appends a copy of one item (of the section's type) and returns its index. */
uint32_t image_build_add(struct image_build *b, enum image_section s, const void *item);
uint32_t image_build_count(const struct image_build *b, enum image_section s);
/* Item i, to be changed; valid until the next addition. */
void *image_build_at(struct image_build *b, enum image_section s, uint32_t i);
struct image_settings *image_build_settings(struct image_build *b);
/* A zone of n transitions; its index. */
uint32_t image_build_zone(
    struct image_build *b, const char *name, const struct image_transition *t, uint32_t n);
/* "ADDR" or "ADDR/LEN" appended to IMAGE_PREFIXES. */
uint32_t image_build_prefix(struct image_build *b, const char *text);

/* regex holds the placeholders of filter files (<addr>, <user>, ...). */
struct build_pattern {
	enum pattern_kind kind;
	const char *regex;       /* NULL ends the array */
	const char *literals[6]; /* none: the pattern is tried on every line */
	bool caseless;
	unsigned points; /* 0 is 1 */
};

struct build_source {
	enum build_kind { /* as enum source_kind; 0 ends the array */
		BUILD_END,
		BUILD_FILE,
		BUILD_JOURNAL,
		BUILD_DOCKER,
	} kind;
	const char *path;
	uint8_t header; /* enum image_header_kind */
	uint32_t zone;
	uint32_t entry;
};

struct build_example {
	const char *lines[4]; /* none ends the array; the last one gives */
	bool whole;
	const char *gives, *forgives; /* addresses; both NULL: none */
	const char *user;
	unsigned points;
	usec_t time; /* 0: not checked */
};

struct build_filter {
	const char *name;
	const char *programs[6];
	struct build_pattern patterns[16];
	struct build_source sources[6];
	struct build_example examples[16];
	bool all, builtin;
};

/* Appends the filter with all that belongs to it; its index. */
uint32_t image_build_filter(struct image_build *b, const struct build_filter *f);

struct build_rule {
	const char *name;
	uint32_t filters[8], n_filters;
	uint32_t points;         /* 0 is 5 */
	usec_t within, duration; /* 0 is 10 minutes, 1 hour */
	uint32_t factor_milli;   /* 0 is 1000 */
	usec_t duration_max, forget;
	uint32_t prefix_hosts;
	bool forgive, distinct_user, dry_run;
	uint32_t scope; /* as struct image_rule has it */
};

uint32_t image_build_rule(struct image_build *b, const struct build_rule *r);

/* A sealed memfd of what was built so far; the caller closes it. */
int image_build_fd(struct image_build *b);
/* The same, opened; image_close gives it back. Aborts when image_open refuses it. */
void image_build_open(struct image_build *b, struct image *out);
