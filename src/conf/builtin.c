/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/builtin.h"

#include <string.h>

#define PATH "guardd's own"

static const char selfcheck_filter[] = "filter: guardd-selfcheck\n"
				       "about: guardd's own check of the way of a line\n"
				       "sources:\n"
				       "  - file: ['%s/selfcheck.log']\n"
				       "offences:\n"
				       "  - match: '^guardd-selfcheck <word> from <addr>$'\n";

static const char selfcheck_rule[] = "ban: guardd-selfcheck\n"
				     "filters: [guardd-selfcheck]\n"
				     "points: 1\n"
				     "within: 1m\n"
				     "for: 10s\n";

/* No line ever counts for it. */
static const char manual_rule[] = "ban: manual\n"
				  "points: 1\n"
				  "within: 1m\n";

static void
read_text(struct config *c, const char *text, file_reader read)
{
	struct yaml_file *file = NULL;

	if (yaml_load_text(&file, &c->arena, &c->diag, PATH, text, strlen(text)) == 0)
		read(c, file, NULL);
}

/* For a text in single quotes. */
static const char *
quoted(struct arena *a, const char *text)
{
	char *out = arena_alloc(a, strlen(text) * 2 + 1), *p = out;

	for (; *text; text++) {
		if (*text == '\'')
			*p++ = '\'';
		*p++ = *text;
	}
	return out;
}

void
builtin_filters(struct config *c, file_reader read)
{
	read_text(
	    c, arena_printf(&c->arena, selfcheck_filter, quoted(&c->arena, c->runtime)), read);
}

void
builtin_rules(struct config *c, file_reader read)
{
	struct rule **rules;

	read_text(c, manual_rule, read);
	rules = c->rules.items;
	/* Bans by hand without a time last for good, which no time that can be written means. */
	rules[0]->duration = USEC_NEVER;
	read_text(c, selfcheck_rule, read);
}

bool
builtin_is(const struct yaml_file *file)
{
	return !strcmp(file->path, PATH);
}
