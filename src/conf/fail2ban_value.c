/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban_load.h"

#define REFERENCES_DEEP 10  /* in each other, as the reference has it */
#define TAG_REPEATS     25  /* of one tag in one value, as the reference has it */
#define TAG_ROUNDS      100 /* over all options */
#define VALUES_TOTAL    (96u << 20)
#define WORK_MAX        (UINT64_C(1) << 31) /* bytes copied for tags, over all */

struct resolving {
	struct f2b *f;
	const struct f2b_scope *scope;
	const struct f2b_section *section; /* NULL: only the defaults */
	const char *option;
	const struct f2b_value *at;
	struct strbuf out;
};

static const struct f2b_value *
get_any_case(const struct f2b_section *s, const char *name)
{
	const struct f2b_option *options = s->options.items;

	for (size_t i = 0; i < s->options.n; i++)
		if (strcasecmp(options[i].name, name) == 0)
			return &options[i].value;
	return NULL;
}

static const struct f2b_value *
look_up(const struct f2b_scope *scope, const struct f2b_section *section, const char *name)
{
	const struct f2b_value *v = scope->vars ? get_any_case(scope->vars, name) : NULL;

	if (!v && section)
		v = f2b_get(section, name);
	return v ? v : f2b_get(&scope->ini->defaults, name);
}

static int
fail(struct resolving *r, const char *what, const char *text, size_t n)
{
	f2b_note(r->f->report, F2B_ERROR, r->at, "%s: %s%.*s", r->option, what,
	    (int)(n < 80 ? n : 80), text);
	return -EINVAL;
}

/* All that references make is paid from one purse: files are small, what they refer to each other
 * with is not. */
static bool
afford(struct f2b *f, size_t n)
{
	f->total += n;
	return n <= F2B_VALUE && f->total <= F2B_TOTAL + VALUES_TOTAL;
}

/*
 * %(SECTION/NAME)s: that section's value, or the default; known: what a later file replaced.
 * Neither may have capitals: the reference looks for them in small letters, and finds nothing.
 */
static const struct f2b_value *
look_far(const struct resolving *r, const char *section, const char *name)
{
	const struct ini *ini = r->scope->ini;
	const struct f2b_section *s;

	if (strcmp(section, "default") == 0)
		return f2b_get(&ini->defaults, name);
	if (strcmp(section, "known") == 0) {
		s = ini_section(ini, arena_printf(r->f->arena, "KNOWN/%s", r->scope->section));
	} else {
		s = ini_section(ini, section);
		if (!s)
			return NULL;
	}
	return s && f2b_get(s, name) ? f2b_get(s, name) : f2b_get(&ini->defaults, name);
}

static const struct f2b_value *
referred(const struct resolving *r, const char *name, const char *as_written)
{
	const struct f2b_value *v = look_up(r->scope, r->section, name);
	const char *slash = strchr(name, '/');

	if (v || !slash || strncmp(name, as_written, strlen(name)) != 0)
		return v;
	return look_far(r, arena_dup(r->f->arena, name, (size_t)(slash - name)), slash + 1);
}

static int expand(struct resolving *r, const char *text, unsigned depth);

static int
reference(struct resolving *r, const char *text, size_t n, unsigned depth)
{
	const char *name = ini_lower(r->f->arena, text, n);
	const struct f2b_value *v;

	if (strcmp(name, "__name__") == 0 && r->scope->section) {
		strbuf_puts(&r->out, r->scope->section);
		return 0;
	}
	v = referred(r, name, text);
	if (!v)
		return fail(r, "refers to an unknown option: ", name, strlen(name));
	return expand(r, v->text, depth + 1);
}

/* The interpolation of Python's configparser: "%%" and "%(name)s", nothing else behind '%'. */
static int
expand(struct resolving *r, const char *text, unsigned depth)
{
	if (depth > REFERENCES_DEEP)
		return fail(
		    r, "its references never end, or are more than 10 in each other", "", 0);
	while (*text) {
		size_t n = strcspn(text, "%");
		const char *end;
		int e;

		strbuf_add(&r->out, text, n);
		text += n;
		if (!afford(r->f, r->out.len > F2B_VALUE ? r->out.len : n))
			return fail(r, "the value is too long with all it refers to", "", 0);
		if (!*text)
			break;
		if (text[1] == '%') {
			strbuf_puts(&r->out, "%");
			text += 2;
			continue;
		}
		end = text[1] == '(' ? strchr(text, ')') : NULL;
		if (!end || end == text + 2 || end[1] != 's')
			return fail(
			    r, "'%' must be followed by '%' or '(NAME)s': ", text, strlen(text));
		e = reference(r, text + 2, (size_t)(end - text) - 2, depth);
		if (e < 0)
			return e;
		text = end + 2;
	}
	return 0;
}

int
f2b_value_get(
    struct f2b *f, const struct f2b_scope *scope, const char *option, struct f2b_value *out)
{
	struct resolving r = {.f = f, .scope = scope, .option = option};
	const struct f2b_value *raw;
	int e = 0;

	if (strcmp(scope->section, "DEFAULT") != 0) {
		r.section = ini_section(scope->ini, scope->section);
		if (!r.section)
			return -ENOENT;
	}
	raw = look_up(scope, r.section, option);
	if (!raw)
		return -ENOENT;
	*out = *raw;
	if (!strchr(raw->text, '%'))
		return 0;
	r.at = raw;
	e = expand(&r, raw->text, 1);
	if (e == 0)
		out->text = arena_dup(f->arena, r.out.len ? r.out.text : "", r.out.len);
	strbuf_fini(&r.out);
	return e;
}

/* "SECTION/OPTION" as it stands in a tag; the section's name is of letters, digits, '_' and '-'. */
static const char *
far_option(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && text[n] == '/' && text[n + 1] && !strpbrk(text + n + 1, " \t\n>")
		   ? text + n + 1
		   : NULL;
}

int
f2b_value_get_far(
    struct f2b *f, const struct f2b_scope *scope, const char *option, struct f2b_value *out)
{
	const char *far = far_option(option);
	const char *name = ini_lower(f->arena, far ? far : option, strlen(far ? far : option));
	struct f2b_scope other = {.ini = scope->ini};

	if (far) {
		const char *section = arena_dup(f->arena, option, (size_t)(far - option) - 1);
		const bool known = strcasecmp(section, "known") == 0;
		const char *names[] = {known ? arena_printf(f->arena, "KNOWN/%s", scope->section)
				       : strcasecmp(section, "default") == 0 ? "DEFAULT"
									     : section,
		    known ? scope->section : NULL};

		for (size_t i = 0; i < 2 && names[i]; i++) {
			int r;

			other.section = names[i];
			r = f2b_value_get(f, &other, name, out);
			if (r != -ENOENT)
				return r;
		}
	}
	return f2b_value_get(f, scope, ini_lower(f->arena, option, strlen(option)), out);
}

/* --- <tags> --- */

struct tag_count {
	const char *tag;
	unsigned n;
};

struct tagging {
	struct f2b *f;
	struct f2b_section *options;
	f2b_tag_fn more;
	void *ctx;
	struct list *counts; /* of each option: of struct tag_count */
	struct strbuf a, b;
};

/* The next "<TAG>" at or behind text: one without blanks and brackets. NULL: none. */
static const char *
next_tag(const char *text, size_t *n)
{
	for (const char *p = text; (p = strchr(p, '<')) != NULL; p++) {
		*n = strcspn(p + 1, " <>");
		if (*n > 0 && p[1 + *n] == '>')
			return p;
	}
	return NULL;
}

static bool
counted(struct tagging *t, struct list *counts, const char *tag)
{
	struct tag_count *c = counts->items;

	for (size_t i = 0; i < counts->n; i++)
		if (strcmp(c[i].tag, tag) == 0)
			return ++c[i].n <= TAG_REPEATS;
	c = list_add(t->f->arena, counts, sizeof(*c));
	*c = (struct tag_count){tag, 1};
	return true;
}

/* All of one tag in text, from t->a into t->b and back. */
static void
replace_all(struct tagging *t, const char *tag, const char *with)
{
	size_t n = strlen(tag) + 2;
	const char *text = t->a.text, *p;
	struct strbuf swap;

	strbuf_reset(&t->b);
	for (const char *from = text; (p = strchr(from, '<')) != NULL; from = p + 1) {
		if (strncmp(p + 1, tag, n - 2) != 0 || p[n - 1] != '>')
			continue;
		strbuf_add(&t->b, text, (size_t)(p - text));
		if (t->b.len <= F2B_VALUE)
			strbuf_puts(&t->b, with);
		text = p + n;
		p = text - 1;
	}
	strbuf_puts(&t->b, text);
	swap = t->a;
	t->a = t->b;
	t->b = swap;
}

static const struct f2b_value *
tag_value(struct tagging *t, const char *tag)
{
	const struct f2b_value *v = f2b_get(t->options, tag);

	return !v && t->more ? t->more(t->ctx, tag) : v;
}

/* True when there is "NAME?family=inet6" beside NAME: which of them is meant is known later. */
static bool
is_conditional(const struct f2b_section *s, const char *name)
{
	const struct f2b_option *options = s->options.items;
	size_t n = strlen(name);

	for (size_t i = 0; i < s->options.n; i++)
		if (strncmp(options[i].name, name, n) == 0 && options[i].name[n] == '?')
			return true;
	return false;
}

/* One option, as far as tags are known now. -EINVAL: it never ends. */
static int
fill_in(struct tagging *t, size_t index)
{
	const struct f2b_option *o = (struct f2b_option *)t->options->options.items + index;
	size_t n, from = 0;
	const char *p;

	strbuf_reset(&t->a);
	strbuf_puts(&t->a, o->value.text);
	while ((p = next_tag(t->a.text + from, &n)) != NULL) {
		size_t at = (size_t)(p - t->a.text);
		const char *tag = arena_dup(t->f->arena, p + 1, n);
		const bool self = strcmp(tag, o->name) == 0;
		const struct f2b_value *v = self ? NULL : tag_value(t, tag);

		if ((!v && !self) || is_conditional(t->options, tag)) {
			from = at + n + 2;
			continue;
		}
		if (self || !counted(t, &t->counts[index], tag)) {
			f2b_note(t->f->report, F2B_ERROR, &o->value, "%s: <%s> holds itself",
			    o->name, tag);
			return -EINVAL;
		}
		replace_all(t, tag, v->text);
		t->f->work += t->a.len;
		if (t->a.len > F2B_VALUE || t->f->work > WORK_MAX) {
			f2b_note(t->f->report, F2B_ERROR, &o->value,
			    "%s: too long with all its <tags>", o->name);
			return -EINVAL;
		}
		from = at;
	}
	return 0;
}

/* One round over all. 1: something changed and still has tags. */
static int
round_of_tags(struct tagging *t)
{
	int again = 0;

	for (size_t i = 0; i < t->options->options.n; i++) {
		struct f2b_option *o = (struct f2b_option *)t->options->options.items + i;
		size_t n;
		int r;

		if (!strchr(o->value.text, '<') || is_conditional(t->options, o->name))
			continue;
		r = fill_in(t, i);
		if (r < 0)
			return r;
		if (strcmp(t->a.text, o->value.text) == 0)
			continue;
		if (!afford(t->f, t->a.len)) {
			f2b_note(t->f->report, F2B_ERROR, &o->value,
			    "%s: all values are too long together", o->name);
			return -EINVAL;
		}
		o->value.text = arena_dup(t->f->arena, t->a.text, t->a.len);
		if (next_tag(o->value.text, &n))
			again = 1;
	}
	return again;
}

int
f2b_tags(struct f2b *f, struct f2b_section *options, f2b_tag_fn more, void *ctx)
{
	struct tagging t = {.f = f, .options = options, .more = more, .ctx = ctx};
	int r = 1;

	t.counts = arena_array(f->arena, options->options.n + 1, sizeof(*t.counts));
	for (unsigned i = 0; r == 1 && i < TAG_ROUNDS; i++)
		r = round_of_tags(&t);
	strbuf_fini(&t.a);
	strbuf_fini(&t.b);
	return r < 0 ? r : 0;
}
