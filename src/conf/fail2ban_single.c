/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_single.h"

#include <errno.h>
#include <string.h>

#include "conf/fail2ban_jail.h"

int
f2b_single_load(struct f2b_single *s, const char *dir, const char *call)
{
	*s = (struct f2b_single){.dir = dir, .call = call};
	s->report.arena = &s->arena;
	return f2b_load(&s->files, &s->arena, &s->report, dir);
}

void
f2b_single_fini(struct f2b_single *s)
{
	arena_fini(&s->arena);
	*s = (struct f2b_single){0};
}

const char *
f2b_single_yaml(struct f2b_single *s)
{
	struct f2b_value call = {s->call, NULL, 0};
	struct f2b_filter_as as = {.name = F2B_SINGLE_NAME,
	    .about = arena_printf(&s->arena, "fail2ban: %.100s", s->call),
	    .sources = "sources:\n  - {file: [/dev/null], header: none}\n"};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct f2b_section definition;
	struct list options = {0};
	const char *name, *why;

	if (f2b_split_options(&s->arena, &call, &name, &options, &why) < 0) {
		f2b_note(&s->report, F2B_ERROR, NULL, "'%s' is no NAME[options]: %s", s->call, why);
		return NULL;
	}
	if (f2b_filter_read(s->files, name, options.items, options.n, "", NULL, &definition) < 0 ||
	    f2b_filter_yaml(&s->arena, &definition, &as, &out, &s->report) < 0)
		return NULL;
	return arena_dup(&s->arena, out.text, out.len);
}

void
f2b_single_tell(const struct f2b_single *s, FILE *out)
{
	static const char *const words[] = {
	    [F2B_DIFFERS] = "differs", [F2B_LOST] = "lost", [F2B_ERROR] = "error"};
	const struct f2b_note *n = s->report.notes.items;

	for (size_t i = 0; i < s->report.notes.n; i++) {
		if (n[i].kind == F2B_TAKEN)
			continue;
		if (n[i].file)
			fprintf(out, "%s:%u: ", n[i].file, n[i].line);
		fprintf(out, "%s: %s\n", words[n[i].kind], n[i].text);
	}
}
