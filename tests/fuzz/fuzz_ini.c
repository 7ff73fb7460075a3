/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as a file of fail2ban's: every option of every section is resolved, its <tags> put in,
 * and read as a time, a call with options and a list of calls.
 */
#include <stdint.h>

#include "conf/fail2ban_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
resolve(struct f2b *f, const struct ini *ini, const struct f2b_section *s)
{
	struct f2b_scope scope = {.ini = ini, .section = s->name};
	struct f2b_section values = {.name = s->name};

	for (size_t i = 0; i < s->options.n; i++) {
		const char *option = ((struct f2b_option *)s->options.items)[i].name, *name, *why;
		struct list options = {0}, items = {0};
		struct f2b_value v;
		double seconds;

		if (f2b_value_get(f, &scope, option, &v) < 0)
			continue;
		f2b_set(f->arena, &values, option, &v);
		f2b_seconds(v.text, &seconds);
		f2b_split_options(f->arena, &v, &name, &options, &why);
		f2b_split_list(f->arena, v.text, &items);
	}
	f2b_tags(f, &values, NULL, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct f2b_report report = {.arena = &a};
	struct f2b f = {.arena = &a, .report = &report, .dir = "/nowhere"};
	struct ini *ini = ini_parse(&a, &report, "jail.conf", (const char *)data, size);

	for (size_t i = 0; i < ini->sections.n; i++)
		resolve(&f, ini, ((struct f2b_section **)ini->sections.items)[i]);
	arena_fini(&a);
	return 0;
}
