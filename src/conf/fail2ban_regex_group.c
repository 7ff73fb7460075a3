/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_regex_group.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/fail2ban_date.h"
#include "conf/fail2ban_tags.h"

#define GROUPS_MAX 1000

struct has {
	const char *name;
	unsigned has;
};

static const struct has has[] = {
    {"addr", F2B_HAS_ADDR},
    {"name", F2B_HAS_NAME},
    {"id", F2B_HAS_ID},
    {"session", F2B_HAS_SESSION},
};

static int
find_name(const struct regex_run *t, const char *name)
{
	const struct regex_group *g = t->groups.items;

	for (size_t i = 0; i < t->groups.n; i++) {
		if (g[i].name && strcmp(g[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* The name a group has in a template of dates; NULL: it needs none. */
static const char *
date_name(struct regex_run *t, const char *name, size_t index)
{
	const char *own = name ? f2b_date_group(name) : NULL;

	if (own || name)
		return own ? own : f2b_group_name(t->arena, name, strlen(name), (unsigned)index);
	return arena_printf(t->arena, "g_%zu", index);
}

static void
put_open(struct regex_run *t, const char *name, size_t index)
{
	const char *own;

	if (t->as.date) {
		if (t->as.cut_1 && index == 1)
			strbuf_puts(&t->out, "(");
		if (name || !(t->as.cut_1 && index == 1))
			strbuf_printf(&t->out, "(?<%s>", date_name(t, name, index));
		return;
	}
	if (!name) {
		strbuf_puts(&t->out, "(");
		return;
	}
	own = f2b_group_name(t->arena, name, strlen(name), (unsigned)index);
	for (size_t i = 0; i < sizeof(has) / sizeof(*has); i++) {
		if (strcmp(has[i].name, own) == 0)
			t->result->has |= has[i].has;
	}
	strbuf_printf(&t->out, "(?<%s>", own);
}

int
regex_group_add(struct regex_run *t, size_t at, const char *name)
{
	if (name && find_name(t, name) >= 0)
		return regex_fail(t, at, "the group '%s' a second time", name);
	if (t->groups.n == GROUPS_MAX)
		return regex_fail(t, at, "more than %d groups", GROUPS_MAX);
	*(struct regex_group *)list_add(t->arena, &t->groups, sizeof(struct regex_group)) =
	    (struct regex_group){name, true};
	return 0;
}

int
regex_group_open(struct regex_run *t, size_t at, const char *name)
{
	int r = regex_group_add(t, at, name);

	if (r < 0)
		return r;
	((struct regex_group *)t->groups.items)[t->groups.n - 1].closed = false;
	put_open(t, name, t->groups.n);
	return (int)t->groups.n - 1;
}

void
regex_group_close(struct regex_run *t, int index)
{
	struct regex_group *g = (struct regex_group *)t->groups.items + index;

	g->closed = true;
	strbuf_puts(&t->out, t->as.cut_1 && index == 0 && g->name ? "))" : ")");
}

const char *
regex_group_read_name(struct regex_run *t, char end)
{
	size_t start = t->at;
	const char *stop = memchr(t->text + start, end, t->n - start);
	size_t len = stop ? (size_t)(stop - t->text) - start : 0;
	const char *name = t->text + start;

	if (len == 0 || isdigit((unsigned char)*name)) {
		regex_fail(t, start, "a name of a group that is none");
		return NULL;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' &&
		    (unsigned char)name[i] < 0x80) {
			regex_fail(t, start, "'%.*s' for the name of a group", (int)len, name);
			return NULL;
		}
	}
	t->at += len + 1;
	return arena_dup(t->arena, name, len);
}

static int
refer(struct regex_run *t, size_t at, size_t index)
{
	const struct regex_group *g = t->groups.items;

	if (index >= t->groups.n)
		return regex_fail(t, at, "a reference to group %zu, which is not there", index + 1);
	if (!g[index].closed)
		return regex_fail(t, at, "a reference to group %zu from within it", index + 1);
	if (t->as.date && (index || g->name || !t->as.cut_1))
		strbuf_printf(&t->out, "\\k<%s>", date_name(t, g[index].name, index + 1));
	else
		strbuf_printf(&t->out, "\\g{%zu}", index + 1);
	return 0;
}

int
regex_group_refer(struct regex_run *t, size_t at, const char *name)
{
	int index = find_name(t, name);

	if (index < 0)
		return regex_fail(t, at, "a reference to group '%s', which is not there", name);
	return refer(t, at, (size_t)index);
}

int
regex_group_refer_number(struct regex_run *t)
{
	size_t at = t->at - 1, number = (size_t)(t->text[t->at++] - '0');

	if (t->at < t->n && isdigit((unsigned char)t->text[t->at]))
		number = number * 10 + (size_t)(t->text[t->at++] - '0');
	return refer(t, at, number - 1);
}

/* Numbers may be of groups that come later; those are not looked for. */
int
regex_group_condition(struct regex_run *t)
{
	size_t at = t->at;
	bool number = at < t->n && isdigit((unsigned char)t->text[at]);
	const char *name;
	unsigned long index;
	char *end;

	if (number) {
		index = strtoul(t->text + at, &end, 10);
		if (*end != ')' || index == 0 || index > GROUPS_MAX)
			return regex_fail(t, at, "a condition that is neither a name nor a number");
		t->at = (size_t)(end - t->text) + 1;
	} else {
		name = regex_group_read_name(t, ')');
		if (!name)
			return -EINVAL;
		index = (unsigned long)(find_name(t, name) + 1);
		if (index == 0)
			return regex_fail(
			    t, at, "a condition on group '%s', which is not there", name);
	}
	if (t->as.date)
		return regex_fail(t, at, "a condition in a date pattern");
	strbuf_printf(&t->out, "(?(%lu)", index);
	return 0;
}
