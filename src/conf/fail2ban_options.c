/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "conf/fail2ban_rule.h"

#define NEAR       2    /* letters that a misspelt option is off by */
#define NAME_NEAR  32   /* bytes of names that are compared so */
#define CHECKS_MAX 2000 /* options that are looked for in all others */

/* Options of the stock files that guardd has nothing like. */
static const struct {
	const char *name;
	enum f2b_kind kind;
	const char *text; /* NULL: of mail */
} without[] = {
    {"destemail", F2B_DIFFERS, NULL},
    {"sender", F2B_DIFFERS, NULL},
    {"sendername", F2B_DIFFERS, NULL},
    {"mta", F2B_DIFFERS, NULL},
    {"chain", F2B_DIFFERS, "guardd has one chain, before packets are routed"},
    {"maxmatches", F2B_DIFFERS, "how many lines are kept with a ban, guardd decides itself"},
    {"fail2ban_agent", F2B_LOST, "guardd reports to no service"},
};

static bool
is_in(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, taken out or changed. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_NEAR + 1], n = strlen(b);

	if (strlen(a) > NAME_NEAR || n > NAME_NEAR)
		return NAME_NEAR;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 1; *a; a++, i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t k = 1; k <= n; k++) {
			size_t up = row[k];

			row[k] = least(least(up, row[k - 1]) + 1, corner + (*a != b[k - 1]));
			corner = up;
		}
	}
	return row[n];
}

/* NULL: none is like it. */
static const char *
nearest(const char *name)
{
	const char *const *const lists[] = {f2b_jail_options, f2b_filter_options};
	const char *found = NULL;
	size_t best = NEAR + 1;

	for (size_t i = 0; i < 2; i++)
		for (const char *const *p = lists[i]; *p; p++)
			if (distance(name, *p) < best) {
				best = distance(name, *p);
				found = *p;
			}
	return found;
}

static bool
refers(const struct f2b_section *s, const char *reference)
{
	const struct f2b_option *o = s->options.items;

	for (size_t i = 0; i < s->options.n; i++)
		for (const char *p = o[i].value.text; (p = strcasestr(p, reference)) != NULL; p++)
			if (p > o[i].value.text && (p[-1] == '(' || p[-1] == '/'))
				return true;
	return false;
}

/* True when %(NAME)s stands in any value. */
static bool
is_referred(struct f2b *f, const struct ini *ini, const char *name)
{
	struct f2b_section *const *sections = ini->sections.items;
	const char *reference = arena_printf(f->arena, "%s)s", name);

	if (f->checked++ >= CHECKS_MAX || refers(&ini->defaults, reference))
		return true;
	for (size_t i = 0; i < ini->sections.n; i++)
		if (refers(sections[i], reference))
			return true;
	return false;
}

/* The stock files have their defaults and variables for all. */
static bool
is_stock(const struct f2b *f, const struct f2b_value *v)
{
	const char *slash = v->file ? strrchr(v->file, '/') : NULL;

	return !slash || strncmp(slash, "/paths", 6) == 0 ||
	       (strcmp(slash, "/jail.conf") == 0 &&
		   strncmp(v->file, f->dir, (size_t)(slash - v->file)) == 0);
}

/* True when there is nothing more to say of it. */
static bool
tell_without(struct f2b *f, const struct f2b_option *o)
{
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++) {
		if (strcmp(without[i].name, o->name) != 0)
			continue;
		if (is_stock(f, &o->value))
			return true;
		if (without[i].text)
			f2b_note(f->report, without[i].kind, &o->value, "%s = %.60s: %s", o->name,
			    o->value.text, without[i].text);
		else if (!f->mail)
			f2b_note(f->report, without[i].kind, &o->value,
			    "%s = %.60s, and what else is said of mail: guardd sends none", o->name,
			    o->value.text);
		f->mail |= !without[i].text;
		return true;
	}
	return false;
}

void
f2b_check_options(struct f2b *f, const char *jail)
{
	const struct ini *ini = f2b_merged(f, "jail");
	const struct f2b_section *s = jail ? ini_section(ini, jail) : &ini->defaults;
	const struct f2b_option *o = s ? s->options.items : NULL;

	for (size_t i = 0; s && i < s->options.n; i++) {
		const char *near;

		if (tell_without(f, &o[i]) || is_in(f2b_jail_options, o[i].name) ||
		    is_in(f2b_filter_options, o[i].name) || strncmp(o[i].name, "known/", 6) == 0 ||
		    !o[i].value.file || (!jail && is_stock(f, &o[i].value)) ||
		    is_referred(f, ini, o[i].name))
			continue;
		near = nearest(o[i].name);
		f2b_note(f->report, F2B_ERROR, &o[i].value,
		    "%.60s: there is no such option, and nothing refers to it: it does nothing "
		    "there either%s%s%s",
		    o[i].name, near ? " (is it " : "", near ? near : "", near ? "?)" : "");
	}
}

void
f2b_check_values(struct f2b *f, const struct f2b_jail *j)
{
	static const char *const yes_or_no[] = {
	    "bantime.increment", "bantime.overalljails", "ignoreself", NULL};
	static const char *const backends[] = {
	    "auto", "polling", "pyinotify", "gamin", "systemd", NULL};
	static const char *const names[] = {"yes", "warn", "no", "raw", NULL};
	const struct f2b_value *v;

	for (size_t i = 0; yes_or_no[i]; i++) {
		v = f2b_jail_get(j, yes_or_no[i]);
		if (v && !f2b_is_true(v->text) && !f2b_is_false(v->text))
			f2b_note(f->report, F2B_ERROR, v,
			    "%s = %.30s: neither yes nor no, which is no there", yes_or_no[i],
			    v->text);
	}
	v = f2b_jail_get(j, "backend");
	if (v && !is_in(backends, arena_dup(f->arena, v->text, strcspn(v->text, "["))))
		f2b_note(f->report, F2B_ERROR, v,
		    "backend = %.30s: there is none of that name, and the jail is refused there; "
		    "taken is its logpath",
		    v->text);
	v = f2b_jail_get(j, "usedns");
	if (v && !is_in(names, ini_lower(f->arena, v->text, strlen(v->text))))
		f2b_note(f->report, F2B_ERROR, v,
		    "usedns = %.30s: yes, warn, no or raw; it is no there", v->text);
}
