/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_jail.h"
#include "conf/fail2ban_rule.h"

#include <errno.h>
#include <string.h>

#define VERSION_SEEN "1.0.2" /* what %(fail2ban_version)s is */

/* Options that a jail has beside its filter's, as the reference reads them. */
const char *const f2b_jail_options[] = {"enabled", "backend", "maxretry", "maxmatches", "findtime",
    "bantime", "bantime.increment", "bantime.factor", "bantime.formula", "bantime.multipliers",
    "bantime.maxtime", "bantime.rndtime", "bantime.overalljails", "ignorecommand", "ignoreself",
    "ignoreip", "ignorecache", "filter", "logtimezone", "logencoding", "logpath", "action", NULL};

const struct f2b_value *
f2b_jail_get(const struct f2b_jail *j, const char *option)
{
	const struct f2b_value *v = f2b_get(&j->options, option);

	return v && *v->text ? v : NULL;
}

const char *
f2b_action_get(const struct f2b_action *a, const char *option)
{
	const struct f2b_option *o = a->options.items;

	for (size_t i = 0; i < a->options.n; i++)
		if (strcmp(o[i].name, option) == 0)
			return o[i].value.text;
	return NULL;
}

/* Where a jail begins, for what has no line of its own. */
static struct f2b_value
place_of(const struct f2b_section *s)
{
	const struct f2b_option *o = s->options.items;

	return s->options.n ? o[0].value : (struct f2b_value){0};
}

static int
get(struct f2b *f, const struct ini *ini, const char *jail, const char *option,
    struct f2b_section *out)
{
	struct f2b_scope scope = {.ini = ini, .section = jail};
	struct f2b_value v;
	int r = f2b_value_get(f, &scope, option, &v);

	if (r == 0)
		f2b_set(f->arena, out, option, &v);
	return r == -EINVAL ? r : 0;
}

static int
get_all(struct f2b *f, const struct ini *ini, const char *jail, const char *const *options,
    struct f2b_section *out)
{
	for (size_t i = 0; options[i]; i++)
		if (get(f, ini, jail, options[i], out) < 0)
			return -EINVAL;
	return 0;
}

/* What a jail says of its filter's options: %(known/NAME)s. */
static int
add_known(struct f2b *f, struct f2b_section *section, const struct f2b_call *call)
{
	struct f2b_section combined;
	const struct f2b_option *o;
	int r = f2b_combine(f, call, true, &combined);

	o = combined.options.items;
	for (size_t i = 0; r == 0 && i < combined.options.n; i++)
		if (strncmp(o[i].name, "known/", 6) != 0)
			f2b_set(f->arena, section, arena_printf(f->arena, "known/%s", o[i].name),
			    &o[i].value);
	return r;
}

/* The name and options of its filter, and what the jail may say of them. */
static int
read_filter(struct f2b *f, struct f2b_jail *j, struct f2b_section *section, struct f2b_call *call)
{
	const struct f2b_value *v = f2b_get(&j->options, "filter"),
			       *backend = f2b_get(&j->options, "backend");
	struct list options = {0};
	const char *why;

	j->filter = "";
	if (!v || !*v->text)
		return 0;
	j->filter_at = *v;
	if (f2b_split_options(f->arena, v, &j->filter, &options, &why) < 0) {
		f2b_note(f->report, F2B_ERROR, v, "filter = %.80s: %s", v->text, why);
		return -EINVAL;
	}
	call->ini = f2b_filter_ini(f, j->filter);
	if (!call->ini || !ini_section(call->ini, "Definition")) {
		f2b_note(f->report, F2B_ERROR, v,
		    call->ini ? "filter = %.80s: filter.d/%s.conf has no [Definition]: it is a "
				"part of other filters"
			      : "filter = %.80s: there is no filter.d/%s.conf",
		    v->text, j->filter);
		return -ENOENT;
	}
	call->options = options.items;
	call->n = options.n;
	call->backend = backend ? backend->text : "auto";
	call->jail = &j->options;
	return add_known(f, section, call);
}

/* A jail without a filter has what stands in the jail itself. */
static void
own_filter(struct f2b *f, struct f2b_jail *j)
{
	const struct f2b_value *v = f2b_jail_get(j, "failregex");

	for (size_t i = 0; v && f2b_filter_options[i]; i++) {
		const struct f2b_value *option = f2b_get(&j->options, f2b_filter_options[i]);

		if (option)
			f2b_set(f->arena, &j->definition, f2b_filter_options[i], option);
	}
	if (v) {
		j->filter_at = *v;
		j->filter_at.text = arena_printf(f->arena, "failregex of jail %s", j->name);
	}
}

static int
read_actions(struct f2b *f, struct f2b_jail *j)
{
	const struct f2b_value *v = f2b_get(&j->options, "action");
	struct list items = {0};

	f2b_split_list(f->arena, v ? v->text : "", &items);
	for (size_t i = 0; i < items.n; i++) {
		struct f2b_value one = *v;
		struct f2b_action *a = list_add(f->arena, &j->actions, sizeof(*a));
		const char *why;

		one.text = ((const char **)items.items)[i];
		a->at = one;
		if (f2b_split_options(f->arena, &one, &a->name, &a->options, &why) < 0) {
			f2b_note(f->report, F2B_ERROR, v, "action = %.80s: %s", one.text, why);
			return -EINVAL;
		}
	}
	return 0;
}

static int
read_jail(struct f2b *f, struct ini *ini, struct f2b_section *section, struct f2b_jail *j)
{
	static const char *const first[] = {"backend", "filter", NULL};
	const struct f2b_value *backend;
	struct list cache = {0};
	struct f2b_section init = {0};
	struct f2b_call call = {.cache = &cache, .init = &init};

	if (get_all(f, ini, j->name, first, &j->options) < 0 ||
	    read_filter(f, j, section, &call) < 0 ||
	    get_all(f, ini, j->name, f2b_jail_options, &j->options) < 0 ||
	    get_all(f, ini, j->name, f2b_filter_options, &j->options) < 0)
		return -EINVAL;
	f2b_check_values(f, j);
	backend = f2b_jail_get(j, "backend");
	j->systemd = backend && strncmp(backend->text, "systemd", 7) == 0;
	if (!*j->filter)
		own_filter(f, j);
	else if (f2b_filter_take(f, &call, &j->definition) < 0)
		return -EINVAL;
	return read_actions(f, j);
}

static void
set_default(struct f2b *f, struct ini *ini, const char *name, const char *text)
{
	const struct f2b_value v = {text, NULL, 0};

	f2b_set(f->arena, &ini->defaults, name, &v);
}

static void
take_section(struct f2b *f, struct ini *ini, struct f2b_section *s, struct list *jails)
{
	struct f2b_jail j = {.name = s->name};
	struct f2b_value at = place_of(s);
	const struct f2b_value *enabled;

	f->report->jail = s->name;
	if (get(f, ini, s->name, "enabled", &j.options) < 0) {
		f2b_note(f->report, F2B_ERROR, &at, "jail %s is left out", s->name);
		return;
	}
	enabled = f2b_get(&j.options, "enabled");
	if (!enabled || !f2b_is_true(enabled->text)) {
		if (enabled && !f2b_is_false(enabled->text))
			f2b_note(f->report, F2B_ERROR, enabled,
			    "enabled = %.30s: neither yes nor no, which is no there: the jail is "
			    "not enabled",
			    enabled->text);
		return;
	}
	f->enabled++;
	f2b_check_options(f, s->name);
	if (read_jail(f, ini, s, &j) < 0)
		f2b_note(f->report, F2B_ERROR, &at, "jail %s is left out", s->name);
	else
		*(struct f2b_jail *)list_add(f->arena, jails, sizeof(j)) = j;
}

void
f2b_jails(struct f2b *f, struct list *jails)
{
	struct ini *ini = f2b_merged(f, "jail");
	size_t n;

	if (!ini) {
		f2b_note(f->report, F2B_ERROR, &(struct f2b_value){.file = f->dir},
		    "there is no jail.conf, jail.local or jail.d");
		return;
	}
	set_default(f, ini, "fail2ban_version", VERSION_SEEN);
	set_default(f, ini, "fail2ban_confpath", f->dir);
	n = ini->sections.n;
	for (size_t i = 0; i < n; i++) {
		struct f2b_section *s = ((struct f2b_section **)ini->sections.items)[i];

		if (strcmp(s->name, "INCLUDES") != 0 && strncmp(s->name, "KNOWN/", 6) != 0)
			take_section(f, ini, s, jails);
	}
	f->report->jail = NULL;
	if (f->enabled > 0)
		f2b_check_options(f, NULL);
}
