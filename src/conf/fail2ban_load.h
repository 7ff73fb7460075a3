/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fail2ban's files: read whole at first, put together on request in its order. Comes in: a
 * directory. Goes out: what `NAME.conf`, `NAME.d/`, `NAME.local` and all that they include make
 * together; texts of other files that are named. Bounded: F2B_FILES, F2B_FILE_SIZE each, F2B_TOTAL
 * over all.
 */
#pragma once

#include "conf/fail2ban_ini.h"

#define F2B_TOTAL (32u << 20)

struct f2b {
	struct arena *arena;
	struct f2b_report *report;
	const char *dir;    /* without '/' at its end */
	struct list files;  /* of struct f2b_file *, by path */
	struct list merged; /* of what was put together, by name */
	size_t total;       /* bytes read, and made by references */
	uint64_t work;      /* bytes copied for <tags> */
	size_t enabled;     /* jails, with those that cannot be read */
	size_t checked;     /* options that were looked for in all others */
	bool mail;          /* it was said that guardd sends none */
};

struct f2b_file {
	const char *path;
	const char *text; /* NUL-terminated beside n; NULL: it could not be read, which was told */
	size_t n;
	struct ini *ini; /* NULL: no configuration */
};

/* NULL: it was not there when files were read. */
const struct f2b_file *f2b_file(const struct f2b *f, const char *path);
/* Sections of NAME (below the directory, as "jail" or "filter.d/sshd"). NULL: there is no such
 * file. */
struct ini *f2b_merged(struct f2b *f, const char *name);
/* The same of one path (as fail2ban-regex takes it), without .d and .local of its own. */
struct ini *f2b_merged_path(struct f2b *f, const char *path);

/* --- resolved values (fail2ban_value.c) --- */

/* What %(name)s may stand for, first to last: vars, the section, the defaults. */
struct f2b_scope {
	const struct ini *ini;
	const char *section;
	const struct f2b_section *vars; /* NULL: none; names in any case */
};

/* 0, -ENOENT: there is no such option or section; -EINVAL: it cannot be resolved, in the report. */
int f2b_value_get(
    struct f2b *f, const struct f2b_scope *scope, const char *option, struct f2b_value *out);
/* The same with "SECTION/OPTION" and "known/OPTION". */
int f2b_value_get_far(
    struct f2b *f, const struct f2b_scope *scope, const char *option, struct f2b_value *out);

/* A value that <tag> stands for and that is no option beside it. NULL: there is none. */
typedef const struct f2b_value *(*f2b_tag_fn)(void *ctx, const char *tag);
/*
 * Replaces each <tag> in each option by the option of that name, again and again. -EINVAL: one
 * holds itself; in the report.
 */
int f2b_tags(struct f2b *f, struct f2b_section *options, f2b_tag_fn more, void *ctx);

/* --- texts of options (fail2ban_text.c) --- */

/* "1d 12h", "10m", "1h+30min", "10*60", "-1": seconds. -EINVAL: it is none of these. */
int f2b_seconds(const char *text, double *out);
bool f2b_is_true(const char *text);
/* A value may be neither. */
bool f2b_is_false(const char *text);
/* Words between blanks, commas and line ends: of const char *. */
void f2b_words(struct arena *a, const char *text, struct list *words);
/* Lines that are not empty, trimmed: of const char *. */
void f2b_lines(struct arena *a, const char *text, struct list *lines);
/* "a[x=1] b": the single ones, of const char *. */
void f2b_split_list(struct arena *a, const char *text, struct list *items);
