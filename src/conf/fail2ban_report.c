/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "conf/fail2ban.h"

#define NOTES_MAX 5000 /* past it they are only counted */

const struct f2b_value *
f2b_get(const struct f2b_section *s, const char *name)
{
	const struct f2b_option *options = s->options.items;

	for (size_t i = 0; i < s->options.n; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i].value;
	return NULL;
}

void
f2b_set(struct arena *a, struct f2b_section *s, const char *name, const struct f2b_value *value)
{
	struct f2b_option *options = s->options.items, *o = NULL;

	for (size_t i = 0; i < s->options.n && !o; i++)
		if (strcmp(options[i].name, name) == 0)
			o = &options[i];
	if (!o)
		o = list_add(a, &s->options, sizeof(*o));
	*o = (struct f2b_option){name, *value};
}

static bool
is_same(const struct f2b_note *a, const struct f2b_note *b)
{
	return a->kind == b->kind && a->line == b->line && !a->file == !b->file &&
	       (!a->file || strcmp(a->file, b->file) == 0) && strcmp(a->text, b->text) == 0 &&
	       (a->file || strcmp(a->jail, b->jail) == 0);
}

/* One that came of several jails, since its line is in [DEFAULT] or a filter's file, is of none. */
void
f2b_note(struct f2b_report *r, enum f2b_kind kind, const struct f2b_value *at, const char *fmt, ...)
{
	struct f2b_note *notes = r->notes.items;
	struct f2b_note n = {.kind = kind,
	    .jail = r->jail ? r->jail : "",
	    .file = at ? at->file : NULL,
	    .line = at && at->file ? at->line : 0};
	struct strbuf text = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	n.text = text.text ? text.text : "";
	for (size_t i = 0; i < r->notes.n; i++)
		if (is_same(&notes[i], &n)) {
			if (strcmp(notes[i].jail, n.jail) != 0)
				notes[i].jail = "";
			strbuf_fini(&text);
			return;
		}
	r->count[kind]++;
	if (r->notes.n < NOTES_MAX) {
		n.text = arena_dup(r->arena, n.text, strlen(n.text));
		*(struct f2b_note *)list_add(r->arena, &r->notes, sizeof(n)) = n;
	}
	strbuf_fini(&text);
}
