/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of the import: a small tree of fail2ban's files in a folder of its own. Comes in: texts
 * of files. Goes out: the loaded tree and its report. Any failure ends the test.
 */
#pragma once

#include "conf/fail2ban_jail.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct tree {
	char dir[64];
	struct arena arena;
	struct f2b_report report;
	struct f2b *f;
};

static inline void
tree_open(struct tree *t)
{
	static const char *const dirs[] = {"jail.d", "filter.d", "action.d"};
	char path[128];

	*t = (struct tree){0};
	t->report.arena = &t->arena;
	strcpy(t->dir, "/tmp/guardd-import-test-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", t->dir, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static inline void
tree_close(struct tree *t)
{
	char command[128];

	arena_fini(&t->arena);
	snprintf(command, sizeof(command), "rm -r %s", t->dir);
	assert_int_equal(system(command), 0);
}

static inline void
put_bytes(const struct tree *t, const char *name, const char *text, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

static inline void
put(const struct tree *t, const char *name, const char *text)
{
	put_bytes(t, name, text, strlen(text));
}

static inline void
tree_load(struct tree *t)
{
	assert_int_equal(f2b_load(&t->f, &t->arena, &t->report, t->dir), 0);
}

/* True when the report has that kind of note, at that line of that file, with that text in it. */
static inline bool
has_note(
    const struct tree *t, enum f2b_kind kind, const char *file, uint32_t line, const char *text)
{
	const struct f2b_note *notes = t->report.notes.items;

	for (size_t i = 0; i < t->report.notes.n; i++)
		if (notes[i].kind == kind && notes[i].line == line && notes[i].file &&
		    strstr(notes[i].file, file) && strstr(notes[i].text, text))
			return true;
	for (size_t i = 0; i < t->report.notes.n; i++)
		print_error("%d %s:%u: %s\n", (int)notes[i].kind,
		    notes[i].file ? notes[i].file : "-", notes[i].line, notes[i].text);
	return false;
}

static inline const struct f2b_jail *
find_jail(const struct list *jails, const char *name)
{
	const struct f2b_jail *j = jails->items;

	for (size_t i = 0; i < jails->n; i++)
		if (strcmp(j[i].name, name) == 0)
			return &j[i];
	return NULL;
}
