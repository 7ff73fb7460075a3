/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A filter file: what a line means. Comes in: its tree. Goes out: struct filter, checked, with its
 * patterns made. What is wrong goes to the diag. Bounded by the schema's limits.
 */
#pragma once

#include "conf/pattern.h"

#define FILTERS_MAX 256 /* the reader counts for as many */

struct filter_journal {
	const struct node *node;
	struct list units, identifiers, facilities; /* of struct text */
	struct text directory;
};

struct filter_docker {
	const struct node *node;
	struct list names, labels;
	struct text directory;
};

struct filter_source {
	const struct node *node;
	struct filter_journal journal;
	struct filter_docker docker;
	struct list files;
	struct text zone;
	unsigned header; /* enum source_header */
};

enum source_header {
	SOURCE_HEADER_AUTO, /* syslog when the filter names programs; a container has none */
	SOURCE_HEADER_SYSLOG,
	SOURCE_HEADER_NONE,
};

struct filter_offence {
	const struct node *node;
	struct text match;
	int64_t points;
	bool caseless;
};

struct filter_example {
	const struct node *node;
	struct text line, log, gives, forgives, user, time;
	struct list lines;
	int64_t points; /* 0: not said */
	/* Made by filter_check. */
	struct addr addr; /* family 0: gives none */
	usec_t at;
};

/* Given: the filter is stepwise (conf/steps.h). */
struct filter_steps {
	const struct node *node;
	struct list date; /* of struct text */
	struct text prefix;
	int64_t lines;
};

struct filter {
	const struct node *node;
	struct text name, about;
	struct list sources;                   /* of struct filter_source */
	struct list programs;                  /* of struct text */
	struct list offences;                  /* of struct filter_offence */
	struct list forgive, ignore, remember; /* of struct text */
	struct list examples;                  /* of struct filter_example */
	struct filter_steps steps;
	bool all;
	bool builtin;
	struct list patterns; /* of struct pattern, made by filter_make_patterns */
	struct list dates;    /* of struct date_form, made by filter_check */
};

const struct schema *filter_schema(void);
/* All but the patterns. Names of units are completed in place. */
void filter_check(struct filter *f, struct arena *a, struct diag *d);
void filter_make_patterns(struct filter *f, struct arena *a, struct diag *d);
/* True when the source's lines begin with a syslog header. kind: enum source_kind. */
bool filter_has_header(const struct filter *f, const struct filter_source *s);
/* Number of a syslog facility, or -1. */
int filter_facility(const char *name);
