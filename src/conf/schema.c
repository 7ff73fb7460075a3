/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 32

typedef void (*read_fn)(
    const struct schema_reader *r, const struct field *f, const struct node *node, void *out);

static void
fail_type(
    const struct schema_reader *r, const struct field *f, const struct node *node, const char *want)
{
	static const char *const kinds[] = {[NODE_LIST] = "a list", [NODE_MAP] = "a mapping"};

	if (node_is_null(node))
		diag_error(
		    r->diag, node_place(node), "'%s' has no value; it takes %s", f->key, want);
	else if (node->kind == NODE_SCALAR)
		diag_error(r->diag, node_place(node), "'%s' takes %s, not '%.60s'", f->key, want,
		    node->text);
	else
		diag_error(r->diag, node_place(node), "'%s' takes %s, not %s", f->key, want,
		    kinds[node->kind]);
}

static bool
in_range(const struct field *f, int64_t v)
{
	return v >= f->min && (!f->max || v <= f->max);
}

/* True when the node is a text; else told. */
static bool
want_scalar(
    const struct schema_reader *r, const struct field *f, const struct node *node, const char *want)
{
	if (node->kind == NODE_SCALAR && !node_is_null(node))
		return true;
	fail_type(r, f, node, want);
	return false;
}

static void
read_text(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	struct text *t = out;

	if (!want_scalar(r, f, node, "a text"))
		return;
	if (strpbrk(node->text, "\n\r")) {
		diag_error(r->diag, node_place(node), "'%s' takes a single line", f->key);
	} else if (f->type == FIELD_TEXT && (int64_t)node->len < f->min) {
		diag_error(r->diag, node_place(node), "'%s' is empty", f->key);
	} else if (f->type == FIELD_TEXT && f->max && (int64_t)node->len > f->max) {
		diag_error(r->diag, node_place(node), "'%s' is too long: %lld bytes at most",
		    f->key, (long long)f->max);
	} else {
		t->s = node->text;
		t->node = node->file ? node : NULL;
	}
}

static void
read_name(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (!want_scalar(r, f, node, "a name"))
		return;
	if (!node->len || node->len > NAME_MAX_BYTES || node->text[0] == '-' ||
	    strspn(node->text, allowed) != node->len) {
		diag_error(r->diag, node_place(node),
		    "'%.60s' is no name: a-z, 0-9 and '-', at most %d bytes", node->text,
		    NAME_MAX_BYTES);
		return;
	}
	read_text(r, f, node, out);
}

static void
read_bool(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	static const char *const words[][2] = {{"yes", "no"}, {"true", "false"}, {"on", "off"}};

	for (size_t i = 0; i < 3 && node->kind == NODE_SCALAR && node->style == NODE_PLAIN; i++) {
		for (int no = 0; no < 2; no++) {
			if (!strcasecmp(node->text, words[i][no])) {
				*(bool *)out = !no;
				return;
			}
		}
	}
	fail_type(r, f, node, "yes or no");
}

/* A plain scalar of digits, with up to `places` behind a point; the value in 10^-places. */
static int
parse_number(const struct node *node, int places, int64_t *out)
{
	int64_t v = 0;
	int left = -1, digits = 0;

	if (node->kind != NODE_SCALAR || node->style != NODE_PLAIN)
		return -EINVAL;
	for (const char *p = node->text; *p; p++) {
		if (*p == '.' && left < 0 && places && digits) {
			left = places;
			continue;
		}
		if (*p < '0' || *p > '9' || left == 0 || v > INT64_MAX / 100000)
			return -EINVAL;
		v = v * 10 + (*p - '0');
		digits++;
		left -= left > 0;
	}
	for (left = left < 0 ? places : left; left > 0; left--)
		v *= 10;
	*out = v;
	return digits ? 0 : -EINVAL;
}

static void
read_int(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	int64_t v;

	if (parse_number(node, 0, &v) < 0)
		fail_type(r, f, node, "a whole number");
	else if (!in_range(f, v))
		diag_error(r->diag, node_place(node), "'%s' must be between %lld and %lld", f->key,
		    (long long)f->min, (long long)f->max);
	else
		*(int64_t *)out = v;
}

static void
read_milli(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	int64_t v;

	if (parse_number(node, 3, &v) < 0)
		fail_type(r, f, node, "a number such as 2 or 1.5");
	else if (!in_range(f, v))
		diag_error(r->diag, node_place(node), "'%s' must be between %g and %g", f->key,
		    (double)f->min / 1000, (double)f->max / 1000);
	else
		*(int64_t *)out = v;
}

const char *
field_span(usec_t v, char buf[static FIELD_SPAN_TEXT])
{
	static const struct {
		usec_t seconds;
		char unit;
	} units[] = {{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	usec_t seconds = v / USEC_PER_SEC;
	size_t i = seconds ? 0 : 4;

	while (seconds % units[i].seconds)
		i++;
	snprintf(
	    buf, FIELD_SPAN_TEXT, "%lld%c", (long long)(seconds / units[i].seconds), units[i].unit);
	return buf;
}

static void
read_span(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	char min[FIELD_SPAN_TEXT], max[FIELD_SPAN_TEXT];
	usec_t v;
	int e;

	if (!want_scalar(r, f, node, "a time such as 10m or 1h30m"))
		return;
	e = clock_parse_span(node->text, &v);
	if (e == -EINVAL)
		fail_type(r, f, node, "a time such as 10m or 1h30m (s m h d w)");
	else if (e < 0 || !in_range(f, v))
		diag_error(r->diag, node_place(node), "'%s' must be between %s and %s", f->key,
		    field_span(f->min, min), field_span(f->max, max));
	else
		*(usec_t *)out = v;
}

const char *
field_words(const struct field *f, struct arena *a)
{
	const char *text = f->words[0];

	for (size_t i = 1; f->words[i]; i++)
		text =
		    arena_printf(a, "%s%s%s", text, f->words[i + 1] ? ", " : " or ", f->words[i]);
	return text;
}

static void
read_choice(
    const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	struct guess g = {.word = node->text};

	if (!want_scalar(r, f, node, field_words(f, r->arena)))
		return;
	for (unsigned i = 0; f->words[i]; i++) {
		if (!strcmp(node->text, f->words[i])) {
			*(unsigned *)out = i;
			return;
		}
		guess_try(&g, f->words[i]);
	}
	diag_error(r->diag, node_place(node), "'%s' takes %s, not '%.60s'%s", f->key,
	    field_words(f, r->arena), node->text, guess_text(&g, r->arena));
}

/* The items of a list node, or a lone one; told and 0 when their number is out of bounds. */
static size_t
count_items(const struct schema_reader *r, const struct field *f, const struct node *node)
{
	size_t n = node->kind == NODE_LIST ? node->n : 1;

	if (node_is_null(node)) {
		fail_type(r, f, node, "a list");
		return 0;
	}
	if (in_range(f, (int64_t)n))
		return n;
	if (n)
		diag_error(r->diag, node_place(node), "'%s' has %zu entries: %lld at most", f->key,
		    n, (long long)f->max);
	else
		diag_error(r->diag, node_place(node), "'%s' is empty", f->key);
	return 0;
}

static const struct node *
nth_item(const struct node *node, size_t i)
{
	return node->kind == NODE_LIST ? node->items[i] : node;
}

static void
read_texts(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	struct list *l = out;
	struct field item = *f;
	size_t n;

	if (node->kind == NODE_MAP) {
		fail_type(r, f, node, "a text or a list of texts");
		return;
	}
	n = count_items(r, f, node);
	l->items = arena_array(r->arena, n, sizeof(struct text));
	item.max = 0;
	for (size_t i = 0; i < n; i++) {
		struct text *t = (struct text *)l->items + l->n;

		read_text(r, &item, nth_item(node, i), t);
		if (t->s && !*t->s)
			diag_error(r->diag, node_place(nth_item(node, i)), "an entry is empty");
		l->n += t->s && *t->s;
	}
}

static void
read_map(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	if (node->kind != NODE_MAP && (!f->sub->brief || node_is_null(node)))
		fail_type(r, f, node, "a mapping");
	else
		schema_read(r, f->sub, node, out);
}

static void
read_list(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	struct list *l = out;
	size_t n;

	if (node->kind != NODE_LIST) {
		fail_type(r, f, node, "a list");
		return;
	}
	n = count_items(r, f, node);
	l->items = arena_array(r->arena, n, f->sub->size);
	for (size_t i = 0; i < n; i++) {
		void *item = (char *)l->items + l->n++ * f->sub->size;

		read_map(r, f, nth_item(node, i), item);
		if (!*(const struct node **)item)
			l->n--;
	}
}

static void
read_dict(const struct schema_reader *r, const struct field *f, const struct node *node, void *out)
{
	struct field name = {.key = "name", .type = FIELD_NAME};
	struct field items = {.type = FIELD_LIST, .min = 1, .max = 4096, .sub = f->sub};
	struct list *l = out;

	if (node->kind != NODE_MAP) {
		fail_type(r, f, node, "a mapping of names");
		return;
	}
	if (!in_range(f, (int64_t)node->n)) {
		diag_error(r->diag, node_place(node), "'%s' has more than %lld entries", f->key,
		    (long long)f->max);
		return;
	}
	l->items = arena_array(r->arena, node->n, sizeof(struct dict_entry));
	for (size_t i = 0; i < node->n; i++) {
		struct dict_entry *e = (struct dict_entry *)l->items + l->n;

		read_name(r, &name, node->keys[i], &e->name);
		if (!e->name.s)
			continue;
		items.key = e->name.s;
		e->node = node->items[i];
		read_list(r, &items, node->items[i], &e->items);
		l->n++;
	}
}

static const struct {
	const char *name;
	read_fn read;
} types[] = {
    [FIELD_TEXT] = {"text", read_text},
    [FIELD_NAME] = {"name", read_name},
    [FIELD_BOOL] = {"yes/no", read_bool},
    [FIELD_INT] = {"number", read_int},
    [FIELD_SPAN] = {"time", read_span},
    [FIELD_MILLI] = {"decimal", read_milli},
    [FIELD_CHOICE] = {"choice", read_choice},
    [FIELD_TEXTS] = {"list of texts", read_texts},
    [FIELD_MAP] = {"mapping", read_map},
    [FIELD_LIST] = {"list of mappings", read_list},
    [FIELD_DICT] = {"mapping of lists", read_dict},
};

const char *
field_type_name(enum field_type type)
{
	return types[type].name;
}

static void
fail_key(const struct schema_reader *r, const struct schema *schema, const struct node *key)
{
	struct guess g = {.word = key->text};

	for (const struct field *f = schema->fields; f->key; f++)
		guess_try(&g, f->key);
	diag_error(r->diag, node_place(key), "unknown key '%.60s' in %s%s", key->text, schema->name,
	    guess_text(&g, r->arena));
}

static bool
has_field(const struct schema *schema, const char *key)
{
	for (const struct field *f = schema->fields; f->key; f++) {
		if (!strcmp(f->key, key))
			return true;
	}
	return false;
}

static const struct node *
value_of(const struct schema *schema, const struct field *f, const struct node *node)
{
	if (node->kind == NODE_MAP)
		return node_get(node, f->key);
	return schema->brief && !strcmp(schema->brief, f->key) ? node : NULL;
}

static void
read_field(const struct schema_reader *r, const struct schema *schema, const struct field *f,
    const struct node *node, void *out)
{
	const struct node *value = value_of(schema, f, node);
	struct node fallback = {.kind = NODE_SCALAR, .style = NODE_PLAIN, .text = f->fallback};

	if (value) {
		types[f->type].read(r, f, value, (char *)out + f->offset);
	} else if (f->fallback) {
		fallback.len = strlen(f->fallback);
		/* An empty default is a text that is there; written, it would be in quotes. */
		fallback.style = fallback.len ? NODE_PLAIN : NODE_DOUBLE;
		types[f->type].read(r, f, &fallback, (char *)out + f->offset);
	} else if (f->required && !r->partial) {
		diag_error(
		    r->diag, node_place(node), "%s needs the key '%s'", schema->name, f->key);
	}
}

void
schema_read(
    const struct schema_reader *r, const struct schema *schema, const struct node *node, void *out)
{
	for (size_t i = 0; node->kind == NODE_MAP && i < node->n; i++) {
		if (!has_field(schema, node->keys[i]->text))
			fail_key(r, schema, node->keys[i]);
	}
	*(const struct node **)out = node;
	for (const struct field *f = schema->fields; f->key; f++)
		read_field(r, schema, f, node, out);
}
