/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/directory.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "conf/builtin.h"

struct entry {
	const char *name; /* without .yaml */
	const char *path;
};

static struct place
whole_file(const char *path)
{
	return (struct place){path, 0, 0, NULL, 0};
}

/* The length of a file name without ".yaml", 0 for other files. */
static size_t
base_length(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 && !strcmp(name + n - 5, ".yaml") ? n - 5 : 0;
}

static void
add_entry(struct config *c, struct list *l, const char *directory, const char *file)
{
	size_t n = base_length(file), length = strlen(file);
	const char *path = arena_printf(&c->arena, "%s/%s", directory, file);
	struct entry *e = l->items;

	if (!n) {
		/* Left out in silence it would be missed only when it is needed. */
		if (file[0] != '.' && length > 4 && !strcmp(file + length - 4, ".yml"))
			diag_error(&c->diag, whole_file(path),
			    "only files ending in .yaml are read: rename it");
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (strlen(e[i].name) == n && !memcmp(e[i].name, file, n)) {
			e[i].path = path;
			return;
		}
	}
	e = list_add(&c->arena, l, sizeof(*e));
	*e = (struct entry){arena_dup(&c->arena, file, n), path};
}

static void
scan(struct config *c, struct list *l, const char *directory)
{
	size_t first = l->n;
	struct dirent *e;
	DIR *d = opendir(directory);

	if (!d) {
		if (errno != ENOENT)
			diag_error(&c->diag, whole_file(directory), "%s", strerror(errno));
		return;
	}
	while ((e = readdir(d)) && l->n - first <= CONFIG_FILES_MAX)
		add_entry(c, l, directory, e->d_name);
	closedir(d);
	if (l->n - first > CONFIG_FILES_MAX)
		diag_error(&c->diag, whole_file(directory), "more than %d files", CONFIG_FILES_MAX);
}

static int
compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return strcmp(a->name, b->name);
}

static void
fail_kind(struct config *c, const struct node *root, const struct file_kind *kinds)
{
	struct guess g = {.word = root->n ? root->keys[0]->text : ""};
	const char *keys = "";

	for (const struct file_kind *k = kinds; k->key; k++) {
		guess_try(&g, k->key);
		keys = arena_printf(&c->arena, "%s%s'%s'", keys, k == kinds ? "" : " or ", k->key);
	}
	diag_error(&c->diag, node_place(root->n ? root->keys[0] : root),
	    "unknown kind of file: it needs the key %s%s", keys, guess_text(&g, &c->arena));
}

static void
read_file(struct config *c, const struct entry *e, const struct file_kind *kinds)
{
	struct yaml_file *file = NULL;

	if (yaml_load(&file, &c->arena, &c->diag, e->path) < 0)
		return;
	if (!file->root) {
		diag_error(&c->diag, whole_file(e->path), "the file is empty");
		return;
	}
	if (file->root->kind != NODE_MAP) {
		diag_error(
		    &c->diag, node_place(file->root), "this file must be a mapping: KEY: VALUE");
		return;
	}
	for (const struct file_kind *k = kinds; k->key; k++) {
		if (node_get(file->root, k->key)) {
			k->read(c, file, e->name);
			return;
		}
	}
	fail_kind(c, file->root, kinds);
}

void
directory_read(struct config *c, const char *what, const struct file_kind *kinds)
{
	struct list files = {0};
	struct entry *e;

	scan(c, &files, arena_printf(&c->arena, "%s/%s", c->share, what));
	scan(c, &files, arena_printf(&c->arena, "%s/%s.d", c->etc, what));
	e = files.items;
	if (files.n)
		qsort(e, files.n, sizeof(*e), compare);
	for (size_t i = 0; i < files.n; i++)
		read_file(c, &e[i], kinds);
}

/* Where a filter or rule of this name stands already, other than at `at`; NULL: nowhere. */
static const struct node *
find_named(const struct config *c, const char *what, const struct text *name)
{
	struct filter *const *filters = c->filters.items;
	struct rule *const *rules = c->rules.items;
	struct expose *const *exposes = c->exposes.items;

	for (size_t i = 0; *what == 'f' && i < c->filters.n; i++) {
		if (&filters[i]->name != name && !strcmp(filters[i]->name.s, name->s))
			return filters[i]->node;
	}
	for (size_t i = 0; *what == 'r' && i < c->rules.n; i++) {
		if (!strcmp(rules[i]->name.s, name->s))
			return rules[i]->node;
	}
	for (size_t i = 0; *what == 'r' && i < c->exposes.n; i++) {
		if (!strcmp(exposes[i]->name.s, name->s))
			return exposes[i]->node;
	}
	return NULL;
}

bool
directory_check_name(struct config *c, const char *what, const struct text *name, const char *file)
{
	const struct node *other;

	if (!name->s || !file)
		return true;
	if (strcmp(name->s, file))
		diag_error(&c->diag, node_place(name->node), "%s '%s' in a file named %s.yaml",
		    what, name->s, file);
	other = find_named(c, what, name);
	if (!other)
		return true;
	if (builtin_is(other->file))
		diag_error(
		    &c->diag, node_place(name->node), "the %s '%s' is guardd's own", what, name->s);
	else
		diag_error(&c->diag, node_place(name->node), "the %s '%s' is already in %s", what,
		    name->s, other->file->path);
	return false;
}
