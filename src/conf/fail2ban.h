/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fail2ban's configuration as values: what its modules here (fail2ban_*) hand each other. Comes in:
 * a directory like /etc/fail2ban, read whole before the sandbox. Goes out: sections whose options
 * are resolved as fail2ban resolves them, each value with the file and line it came from, and a
 * report. Bounded: F2B_FILES files of F2B_FILE_SIZE, F2B_VALUE bytes of a resolved value,
 * F2B_DEPTH includes or references in each other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strbuf.h"

#define F2B_FILES     4096
#define F2B_FILE_SIZE (1u << 20)
#define F2B_VALUE     (1u << 20)
#define F2B_DEPTH     20

/* file NULL: it came from no file (a command line, a default). line counts from 1. */
struct f2b_value {
	const char *text; /* lines of a continued value are joined with '\n' */
	const char *file;
	uint32_t line;
};

struct f2b_option {
	const char *name; /* lower case, as the reference has them */
	struct f2b_value value;
};

struct f2b_section {
	const char *name;
	struct list options; /* of struct f2b_option, in the order they were first set */
};

/* NULL: there is none. */
const struct f2b_value *f2b_get(const struct f2b_section *s, const char *name);
/* Sets or adds. */
void f2b_set(
    struct arena *a, struct f2b_section *s, const char *name, const struct f2b_value *value);

/* --- report (fail2ban_report.c) --- */

enum f2b_kind {
	F2B_TAKEN,   /* it means the same here */
	F2B_DIFFERS, /* taken, and something of its meaning differs */
	F2B_LOST,    /* it has no counterpart */
	F2B_ERROR,   /* wrong in the reference, too, or cannot be translated */
};

struct f2b_note {
	enum f2b_kind kind;
	const char *jail; /* "": of no jail */
	const char *file; /* NULL: from no file */
	uint32_t line;
	const char *text;
};

struct f2b_report {
	struct arena *arena;
	struct list notes; /* of struct f2b_note; the same one is kept once */
	size_t count[F2B_ERROR + 1];
	const char *jail; /* whose notes come now; NULL: of no jail */
};

/* at NULL: no place. */
void f2b_note(struct f2b_report *r, enum f2b_kind kind, const struct f2b_value *at, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* --- the files (fail2ban_load.c, fail2ban_ini.c) --- */

struct f2b;

/*
 * Reads all that dir holds, and what it includes from elsewhere. Needs files; all else does not.
 * What cannot be read is in the report. -ENOENT: there is no such directory.
 */
int f2b_load(struct f2b **out, struct arena *a, struct f2b_report *report, const char *dir);

/*
 * A filter's [Definition] as the reference hands it to its server: [Init], the options (those of
 * `filter = NAME[options]`) and the sections that are referred to are all put in; what is left of
 * <tags> belongs to the language of failregex. backend: of the jail, "" when it has none. jail: a
 * jail's resolved options, which are seen by %(name)s, and of which failregex and the like replace
 * the filter's; NULL: none. Options of out: failregex, ignoreregex, prefregex, datepattern,
 * maxlines, journalmatch, usedns, those that are there. -ENOENT: no such filter, -EINVAL: it cannot
 * be resolved; both are in the report.
 */
int f2b_filter_read(struct f2b *f, const char *name, const struct f2b_option *options, size_t n,
    const char *backend, const struct f2b_section *jail, struct f2b_section *out);

/*
 * Takes "NAME[a=b, c="d"]" apart: *name and options, in the arena. -EINVAL, with *why, when it is
 * not of that form.
 */
int f2b_split_options(struct arena *a, const struct f2b_value *text, const char **name,
    struct list *options /* of struct f2b_option */, const char **why);

/* --- filters (fail2ban_filter.c) --- */

/* What a translated filter is called, and where its lines come from. */
struct f2b_filter_as {
	const char *name;    /* of guardd's filter */
	const char *about;   /* one line of text, not quoted */
	const char *sources; /* YAML of the key sources, whole lines ("sources:\n  - ...\n") */
	bool journal;        /* they are journal messages, no lines of files */
};

/*
 * The YAML of a filter of that definition. 0; 1: some of its patterns could not be translated and
 * are left out (in the report); -EINVAL: nothing of it could, and there is no text.
 */
int f2b_filter_yaml(struct arena *a, const struct f2b_section *definition,
    const struct f2b_filter_as *as, struct strbuf *out, struct f2b_report *report);
