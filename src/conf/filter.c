/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/filter.h"

#include <stdio.h>
#include <string.h>

#include "conf/example.h"
#include "conf/steps.h"

static const struct {
	const char *name;
	int number;
} facilities[] = {
    {"kern", 0},
    {"user", 1},
    {"mail", 2},
    {"daemon", 3},
    {"auth", 4},
    {"syslog", 5},
    {"lpr", 6},
    {"news", 7},
    {"uucp", 8},
    {"cron", 9},
    {"authpriv", 10},
    {"ftp", 11},
    {"local0", 16},
    {"local1", 17},
    {"local2", 18},
    {"local3", 19},
    {"local4", 20},
    {"local5", 21},
    {"local6", 22},
    {"local7", 23},
};
#define N_FACILITIES (sizeof(facilities) / sizeof(*facilities))

int
filter_facility(const char *name)
{
	for (size_t i = 0; i < N_FACILITIES; i++) {
		if (!strcmp(facilities[i].name, name))
			return facilities[i].number;
	}
	return -1;
}

/* The keeper opens these as they are: nothing relative, nothing that leads back up. */
static void
check_path(struct diag *d, const struct text *t)
{
	const char *up;

	if (!t->s || !t->node)
		return;
	up = strstr(t->s, "/..");
	if (t->s[0] != '/')
		diag_error(d, node_place(t->node), "a path must begin with /");
	else if (up && (up[3] == '/' || !up[3]))
		diag_error(d, node_place(t->node), "a path cannot hold '..'");
	else if (strlen(t->s) > 1024)
		diag_error(d, node_place(t->node), "a path this long is not taken");
}

static void
check_unit(struct text *t, struct arena *a, struct diag *d)
{
	if (strpbrk(t->s, "*?["))
		diag_error(d, node_place(t->node),
		    "a unit's name is taken as it is: no * and ?; use identifier for a group of "
		    "units");
	else if (strpbrk(t->s, "/ \t"))
		diag_error(d, node_place(t->node), "'%.60s' is no unit's name", t->s);
	else if (!strchr(t->s, '.'))
		t->s = arena_printf(a, "%s.service", t->s);
}

static void
check_facility(const struct text *t, struct arena *a, struct diag *d)
{
	struct guess g = {.word = t->s};

	if (filter_facility(t->s) >= 0)
		return;
	for (size_t i = 0; i < N_FACILITIES; i++)
		guess_try(&g, facilities[i].name);
	diag_error(d, node_place(t->node), "unknown facility '%.60s'%s", t->s, guess_text(&g, a));
}

static void
check_journal(struct filter_journal *j, struct arena *a, struct diag *d)
{
	for (size_t i = 0; i < j->units.n; i++)
		check_unit((struct text *)j->units.items + i, a, d);
	for (size_t i = 0; i < j->facilities.n; i++)
		check_facility(list_text(&j->facilities, i), a, d);
	check_path(d, &j->directory);
	if (!j->units.n && !j->identifiers.n && !j->facilities.n && !j->directory.s)
		diag_error(
		    d, node_place(j->node), "whose messages? Name a unit, identifier or facility");
}

static void
check_docker(const struct filter_docker *c, struct diag *d)
{
	for (size_t i = 0; i < c->labels.n; i++) {
		const struct text *label = list_text(&c->labels, i);

		if (label->s[0] == '=')
			diag_error(d, node_place(label->node), "a label is KEY or KEY=VALUE");
	}
	check_path(d, &c->directory);
	if (!c->names.n && !c->labels.n)
		diag_error(d, node_place(c->node), "which containers? Give a name or label");
}

static void
check_source(struct filter_source *s, struct arena *a, struct diag *d)
{
	/* What did not read counts, too: its own error is told already. */
	int kinds = (node_get(s->node, "journal") != NULL) + (node_get(s->node, "file") != NULL) +
		    (node_get(s->node, "docker") != NULL);

	if (kinds != 1)
		diag_error(d, node_place(s->node), "a source is one of journal, file and docker");
	if (s->journal.node)
		check_journal(&s->journal, a, d);
	if (s->docker.node)
		check_docker(&s->docker, d);
	for (size_t i = 0; i < s->files.n; i++)
		check_path(d, list_text(&s->files, i));
}

/* The same text twice in a list is a slip of the pen. */
static void
check_unique(struct diag *d, const struct list *l, const char *what)
{
	for (size_t i = 1; i < l->n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(list_text(l, i)->s, list_text(l, j)->s))
				continue;
			diag_error(
			    d, node_place(list_text(l, i)->node), "this %s is here twice", what);
			break;
		}
	}
}

bool
filter_has_header(const struct filter *f, const struct filter_source *s)
{
	if (s->header != SOURCE_HEADER_AUTO)
		return s->header == SOURCE_HEADER_SYSLOG;
	return f->programs.n && !s->docker.node;
}

void
filter_check(struct filter *f, struct arena *a, struct diag *d)
{
	struct filter_source *sources = f->sources.items;
	struct filter_example *examples = f->examples.items;

	for (size_t i = 0; i < f->sources.n; i++) {
		check_source(&sources[i], a, d);
		check_unique(d, &sources[i].files, "path");
	}
	check_unique(d, &f->programs, "program");
	steps_check(f, a, d);
	for (size_t i = 0; i < f->examples.n; i++)
		example_check(&examples[i], d);
}

static struct pattern *
add_pattern(struct filter *f, struct arena *a, enum pattern_kind kind, struct text written)
{
	struct pattern *p = list_add(a, &f->patterns, sizeof(*p));

	p->kind = kind;
	p->written = written;
	return p;
}

static void
add_texts(struct filter *f, struct arena *a, enum pattern_kind kind, const struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		add_pattern(f, a, kind, *list_text(l, i));
}

/* The same offence twice would count twice. */
static void
check_patterns_unique(const struct filter *f, struct diag *d)
{
	const struct pattern *p = f->patterns.items;

	for (size_t i = 1; i < f->patterns.n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (p[i].kind != p[j].kind || strcmp(p[i].written.s, p[j].written.s))
				continue;
			diag_error(d, node_place(p[i].written.node),
			    "the same pattern as in line %u", p[j].written.node->line);
			break;
		}
	}
}

void
filter_make_patterns(struct filter *f, struct arena *a, struct diag *d)
{
	const struct filter_offence *offences = f->offences.items;
	bool named = f->steps.prefix.s && steps_names_source(f->steps.prefix.s);
	struct pattern *patterns;

	if (f->steps.node && f->steps.prefix.s)
		add_pattern(f, a, PATTERN_PREFIX, f->steps.prefix);
	for (size_t i = 0; i < f->offences.n; i++) {
		struct pattern *p;

		if (!offences[i].match.s)
			continue;
		p = add_pattern(f, a, PATTERN_OFFENCE, offences[i].match);
		p->caseless = offences[i].caseless;
		p->points = (uint16_t)offences[i].points;
	}
	add_texts(f, a, PATTERN_FORGIVE, &f->forgive);
	add_texts(f, a, PATTERN_IGNORE, &f->ignore);
	add_texts(f, a, PATTERN_REMEMBER, &f->remember);
	check_patterns_unique(f, d);
	patterns = f->patterns.items;
	for (size_t i = 0; i < f->patterns.n; i++)
		if (f->steps.node)
			steps_make_pattern(f, &patterns[i], a, d, named);
		else
			pattern_make(&patterns[i], a, d, f->remember.n > 0);
}
