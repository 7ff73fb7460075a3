/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/print.h"

#include <string.h>

#include "base/clock.h"

#define FLOW_BYTES 72 /* a list of short texts up to this goes into one line */

struct printer {
	struct strbuf *out;
	unsigned indent;
	bool dash; /* the next line begins an item of a list */
};

static void print_fields(struct printer *p, const struct schema *schema, const void *data);

/* True for texts that mean themselves without quotes, in this reader and in any other. */
static bool
is_plain(const char *s)
{
	static const char *const words[] = {
	    "yes", "no", "true", "false", "on", "off", "null", "y", "n"};
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@-";

	if (!*s || s[strspn(s, allowed)] || strchr("-.@", *s) || (*s >= '0' && *s <= '9'))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcasecmp(s, words[i]))
			return false;
	}
	return true;
}

/* Length of a character at s that single quotes cannot hold (YAML 1.1, 5.1 and 5.2), 0 for others.
 */
static size_t
odd_character(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	if ((u[0] < 0x20 && u[0] != '\t') || u[0] == 0x7f)
		return 1;
	if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0)
		return 2;
	if (u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
		return 3;
	return u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf ? 3 : 0;
}

static void
put_double(struct strbuf *out, const char *s)
{
	strbuf_puts(out, "\"");
	while (*s) {
		const unsigned char *u = (const unsigned char *)s;
		size_t n = odd_character(s);

		if (n == 1)
			strbuf_printf(out, "\\x%02x", u[0]);
		else if (n == 2)
			strbuf_printf(out, "\\u%04x", (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu));
		else if (n == 3)
			strbuf_printf(out, "\\u%04x",
			    (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu));
		else
			strbuf_printf(out, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
		s += n ? n : 1;
	}
	strbuf_puts(out, "\"");
}

void
print_text(struct strbuf *out, const char *s)
{
	if (is_plain(s)) {
		strbuf_puts(out, s);
		return;
	}
	for (const char *p = s; *p; p++) {
		if (odd_character(p)) {
			put_double(out, s);
			return;
		}
	}
	strbuf_puts(out, "'");
	for (; *s; s++)
		strbuf_printf(out, "%s%c", *s == '\'' ? "'" : "", *s);
	strbuf_puts(out, "'");
}

static void
start_line(struct printer *p)
{
	unsigned indent = p->dash ? p->indent - 2 : p->indent;

	strbuf_printf(p->out, "%*s%s", (int)indent, "", p->dash ? "- " : "");
	p->dash = false;
}

static void
put_milli(struct strbuf *out, int64_t v)
{
	int places = v % 10 ? 3 : v % 100 ? 2 : 1;
	int unit = places == 3 ? 1 : places == 2 ? 10 : 100;

	strbuf_printf(out, "%lld", (long long)v / 1000);
	if (v % 1000)
		strbuf_printf(out, ".%0*lld", places, (long long)(v % 1000) / unit);
}

/* What stands behind the key, for the types that fit into one line. */
static void
put_scalar(struct strbuf *out, const struct field *f, const void *data)
{
	char span[FIELD_SPAN_TEXT];

	switch (f->type) {
	case FIELD_BOOL:
		strbuf_puts(out, *(const bool *)data ? "yes" : "no");
		break;
	case FIELD_INT:
		strbuf_printf(out, "%lld", (long long)*(const int64_t *)data);
		break;
	case FIELD_MILLI:
		put_milli(out, *(const int64_t *)data);
		break;
	case FIELD_SPAN:
		strbuf_puts(out, field_span(*(const usec_t *)data, span));
		break;
	case FIELD_CHOICE:
		strbuf_puts(out, f->words[*(const unsigned *)data]);
		break;
	default:
		print_text(out, ((const struct text *)data)->s);
	}
}

/* True when there is something to print. */
static bool
is_set(const struct field *f, const void *data)
{
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_NAME:
		return ((const struct text *)data)->s != NULL;
	case FIELD_TEXTS:
	case FIELD_LIST:
	case FIELD_DICT:
		return ((const struct list *)data)->n > 0;
	case FIELD_MAP:
		return *(const struct node *const *)data != NULL;
	case FIELD_INT:
		return f->fallback || *(const int64_t *)data != 0;
	case FIELD_BOOL:
		return f->fallback || *(const bool *)data;
	default:
		return true;
	}
}

static bool
is_short(const struct list *l)
{
	size_t bytes = 0;

	for (size_t i = 0; i < l->n; i++) {
		bytes += strlen(list_text(l, i)->s) + 2;
		if (!is_plain(list_text(l, i)->s) && strpbrk(list_text(l, i)->s, "{}[],&'\"\\"))
			return false;
	}
	return bytes <= FLOW_BYTES;
}

static void
print_texts(struct printer *p, const struct list *l)
{
	if (is_short(l)) {
		for (size_t i = 0; i < l->n; i++) {
			strbuf_puts(p->out, i ? ", " : " [");
			print_text(p->out, list_text(l, i)->s);
		}
		strbuf_puts(p->out, "]\n");
		return;
	}
	strbuf_puts(p->out, "\n");
	for (size_t i = 0; i < l->n; i++) {
		strbuf_printf(p->out, "%*s- ", (int)p->indent + 2, "");
		print_text(p->out, list_text(l, i)->s);
		strbuf_puts(p->out, "\n");
	}
}

/* The only key that is set, when that is the one a lone value stands for. */
static const struct field *
only_brief(const struct schema *schema, const void *data)
{
	const struct field *only = NULL;

	for (const struct field *f = schema->fields; f->key; f++) {
		if (!is_set(f, (const char *)data + f->offset))
			continue;
		if (only || !schema->brief || strcmp(f->key, schema->brief))
			return NULL;
		only = f;
	}
	return only && only->type == FIELD_TEXT ? only : NULL;
}

static void
print_items(struct printer *p, const struct schema *schema, const struct list *l)
{
	p->indent += 4;
	for (size_t i = 0; i < l->n; i++) {
		const void *item = (const char *)l->items + i * schema->size;
		const struct field *brief = only_brief(schema, item);

		p->dash = true;
		if (!brief) {
			print_fields(p, schema, item);
			continue;
		}
		start_line(p);
		put_scalar(p->out, brief, (const char *)item + brief->offset);
		strbuf_puts(p->out, "\n");
	}
	p->indent -= 4;
}

static void
print_dict(struct printer *p, const struct schema *schema, const struct list *l)
{
	const struct dict_entry *e = l->items;

	p->indent += 2;
	for (size_t i = 0; i < l->n; i++) {
		start_line(p);
		print_text(p->out, e[i].name.s);
		strbuf_puts(p->out, ":\n");
		print_items(p, schema, &e[i].items);
	}
	p->indent -= 2;
}

static void
print_field(struct printer *p, const struct field *f, const void *data)
{
	start_line(p);
	strbuf_printf(p->out, "%s:", f->key);
	switch (f->type) {
	case FIELD_TEXTS:
		print_texts(p, data);
		return;
	case FIELD_MAP:
		strbuf_puts(p->out, "\n");
		p->indent += 2;
		print_fields(p, f->sub, data);
		p->indent -= 2;
		return;
	case FIELD_LIST:
		strbuf_puts(p->out, "\n");
		print_items(p, f->sub, data);
		return;
	case FIELD_DICT:
		strbuf_puts(p->out, "\n");
		print_dict(p, f->sub, data);
		return;
	default:
		strbuf_puts(p->out, " ");
		put_scalar(p->out, f, data);
		strbuf_puts(p->out, "\n");
	}
}

static void
print_fields(struct printer *p, const struct schema *schema, const void *data)
{
	for (const struct field *f = schema->fields; f->key; f++) {
		const void *at = (const char *)data + f->offset;

		if (is_set(f, at))
			print_field(p, f, at);
	}
}

static void
print_file(struct strbuf *out, const char *directory, const char *name, const struct schema *schema,
    const void *data)
{
	struct printer p = {.out = out};

	strbuf_printf(out, "--- # %s%s.yaml\n", directory, name);
	print_fields(&p, schema, data);
}

void
print_config(struct strbuf *out, const struct config *c)
{
	struct filter *const *filters = c->filters.items;
	struct rule *const *rules = c->rules.items;
	struct expose *const *exposes = c->exposes.items;

	print_file(out, "", "guardd", settings_schema(), &c->settings);
	for (size_t i = 0; i < c->filters.n; i++) {
		if (!filters[i]->builtin)
			print_file(
			    out, "filters.d/", filters[i]->name.s, filter_schema(), filters[i]);
	}
	for (size_t i = 0; i < c->rules.n; i++) {
		if (!rules[i]->builtin)
			print_file(out, "rules.d/", rules[i]->name.s, rule_schema(), rules[i]);
	}
	for (size_t i = 0; i < c->exposes.n; i++)
		print_file(out, "rules.d/", exposes[i]->name.s, expose_schema(), exposes[i]);
}

static void
print_limit(struct strbuf *out, const struct field *f, int64_t v)
{
	char span[FIELD_SPAN_TEXT];

	if (f->type == FIELD_SPAN)
		strbuf_puts(out, field_span(v, span));
	else if (f->type == FIELD_MILLI)
		put_milli(out, v);
	else
		strbuf_printf(out, "%lld", (long long)v);
}

void
print_schema(struct strbuf *out, struct arena *a, const char *path, const struct schema *schema)
{
	for (const struct field *f = schema->fields; f->key; f++) {
		const char *below = f->type == FIELD_LIST   ? "[]"
				    : f->type == FIELD_DICT ? ".NAME[]"
							    : "";

		strbuf_printf(out, "%s.%s\t%s\t%s\t", path, f->key, field_type_name(f->type),
		    f->required    ? "required"
		    : !f->fallback ? "-"
		    : *f->fallback ? f->fallback
				   : "''");
		if (f->type == FIELD_CHOICE)
			strbuf_puts(out, field_words(f, a));
		else if (f->max)
			print_limit(out, f, f->min);
		if (f->max) {
			strbuf_puts(out, "..");
			print_limit(out, f, f->max);
		}
		strbuf_printf(out, "\t%s\n", f->help);
		if (f->sub)
			print_schema(
			    out, a, arena_printf(a, "%s.%s%s", path, f->key, below), f->sub);
	}
}
