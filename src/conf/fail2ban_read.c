/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban_jail.h"

/* What a jail may set instead of its filter. */
const char *const f2b_filter_options[] = {"usedns", "prefregex", "ignoreregex", "failregex",
    "maxlines", "datepattern", "journalmatch", NULL};

struct combining {
	struct f2b *f;
	struct f2b_scope scope;  /* of [Definition] with what is handed to it */
	struct f2b_section vars; /* options of the jail, and over them those of the filter */
	struct list *cache, own; /* of struct f2b_option: tags that were asked for */
	bool failed;
};

static void
merge(struct arena *a, struct f2b_section *to, const struct f2b_section *from)
{
	const struct f2b_option *o = from->options.items;

	for (size_t i = 0; i < from->options.n; i++)
		f2b_set(a, to, o[i].name, &o[i].value);
}

/* <tag> that is no option: %(tag)s, or "SECTION/OPTION". text NULL in the cache: there is none. */
static const struct f2b_value *
more_tags(void *ctx, const char *tag)
{
	struct combining *c = ctx;
	struct f2b_option *known = c->cache->items, *o;
	struct f2b_value v = {0};
	int r;

	for (size_t i = 0; i < c->cache->n; i++)
		if (strcmp(known[i].name, tag) == 0)
			return known[i].value.text ? &known[i].value : NULL;
	r = f2b_value_get_far(c->f, &c->scope, tag, &v);
	c->failed |= r == -EINVAL;
	if (r < 0)
		v.text = NULL;
	o = list_add(c->f->arena, c->cache, sizeof(*o));
	*o = (struct f2b_option){tag, v};
	return v.text ? &o->value : NULL;
}

/* The options of the language, as [Definition] has them. */
static int
definition_options(struct combining *c, struct f2b_section *out)
{
	for (size_t i = 0; f2b_filter_options[i]; i++) {
		struct f2b_value v;
		int r;

		if (f2b_get(&c->vars, f2b_filter_options[i]))
			continue;
		r = f2b_value_get(c->f, &c->scope, f2b_filter_options[i], &v);
		if (r == -EINVAL)
			return r;
		if (r == 0)
			f2b_set(c->f->arena, out, f2b_filter_options[i], &v);
	}
	return 0;
}

/* [Init]: what options of the call do not set. */
static int
init_options(struct combining *c, struct f2b_section *init)
{
	const struct f2b_section *s = ini_section(c->scope.ini, "Init");
	struct f2b_scope scope = {.ini = c->scope.ini, .section = "Init"};

	for (size_t i = 0; s && i < s->options.n; i++) {
		const char *name = ((struct f2b_option *)s->options.items)[i].name;
		struct f2b_value v;

		if (f2b_value_get(c->f, &scope, name, &v) < 0)
			return -EINVAL;
		if (strncmp(name, "known/", 6) != 0)
			f2b_set(c->f->arena, init, arena_printf(c->f->arena, "known/%s", name), &v);
		if (!f2b_get(init, name))
			f2b_set(c->f->arena, init, name, &v);
	}
	return 0;
}

/* All else of [Definition], for %(known/NAME)s of a jail. */
static int
own_options(struct combining *c, struct f2b_section *out)
{
	const struct f2b_section *s = ini_section(c->scope.ini, "Definition");
	struct f2b_scope scope = {.ini = c->scope.ini, .section = "Definition"};

	for (size_t i = 0; s && i < s->options.n; i++) {
		const char *name = ((struct f2b_option *)s->options.items)[i].name;
		struct f2b_value v;

		if (f2b_get(out, name))
			continue;
		if (f2b_value_get(c->f, &scope, name, &v) < 0)
			return -EINVAL;
		f2b_set(c->f->arena, out, name, &v);
	}
	return 0;
}

/* Which of the two forms of lines the filter is for, unless it says so itself. */
static void
add_logtype(struct combining *c, const char *backend, struct f2b_section *init)
{
	const struct f2b_section *s = ini_section(c->scope.ini, "Definition");
	const struct f2b_value *given = f2b_get(init, "logtype");
	const struct f2b_value v = {
	    strncmp(backend, "systemd", 7) == 0 ? "journal" : "file", NULL, 0};

	if ((!given || !*given->text) && !(s && f2b_get(s, "logtype")))
		f2b_set(c->f->arena, init, "logtype", &v);
}

int
f2b_combine(struct f2b *f, const struct f2b_call *call, bool all, struct f2b_section *out)
{
	struct combining c = {.f = f};
	struct f2b_section own = {0}, *init = call->init ? call->init : &own;
	const bool first = init->options.n == 0;
	int r;

	c.cache = call->cache ? call->cache : &c.own;
	c.scope = (struct f2b_scope){.ini = call->ini, .section = "Definition", .vars = &c.vars};
	for (size_t i = 0; first && i < call->n; i++)
		f2b_set(f->arena, init, call->options[i].name, &call->options[i].value);
	if (call->backend)
		add_logtype(&c, call->backend, init);
	if (call->jail)
		merge(f->arena, &c.vars, call->jail);
	merge(f->arena, &c.vars, init);
	*out = (struct f2b_section){.name = "Definition"};
	r = definition_options(&c, out);
	if (r == 0)
		r = init_options(&c, init);
	if (r == 0 && all)
		r = own_options(&c, out);
	if (r < 0)
		return r;
	merge(f->arena, out, init);
	r = f2b_tags(f, out, more_tags, &c);
	return c.failed ? -EINVAL : r;
}

struct ini *
f2b_filter_ini(struct f2b *f, const char *name)
{
	const char *end = strrchr(name, '.');

	if (strchr(name, '/') && end && (strcmp(end, ".conf") == 0 || strcmp(end, ".local") == 0))
		return f2b_merged_path(f, name);
	return f2b_merged(f, arena_printf(f->arena, "filter.d/%s", name));
}

int
f2b_filter_take(struct f2b *f, const struct f2b_call *call, struct f2b_section *out)
{
	struct f2b_section combined;
	int r = f2b_combine(f, call, false, &combined);

	*out = (struct f2b_section){.name = "Definition"};
	if (r < 0)
		return r;
	for (size_t i = 0; f2b_filter_options[i]; i++) {
		const char *option = f2b_filter_options[i];
		const struct f2b_value *v = call->jail ? f2b_get(call->jail, option) : NULL;

		if (!v)
			v = f2b_get(&combined, option);
		if (v)
			f2b_set(f->arena, out, option, v);
	}
	return 0;
}

int
f2b_filter_read(struct f2b *f, const char *name, const struct f2b_option *options, size_t n,
    const char *backend, const struct f2b_section *jail, struct f2b_section *out)
{
	struct f2b_call call = {
	    f2b_filter_ini(f, name), options, n, backend ? backend : "", jail, NULL, NULL};

	*out = (struct f2b_section){.name = "Definition"};
	if (!call.ini) {
		f2b_note(f->report, F2B_ERROR, NULL, "there is no filter %s", name);
		return -ENOENT;
	}
	if (!ini_section(call.ini, "Definition")) {
		f2b_note(f->report, F2B_ERROR, NULL, "filter %s has no [Definition]", name);
		return -EINVAL;
	}
	return f2b_filter_take(f, &call, out);
}
