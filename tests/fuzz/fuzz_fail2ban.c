/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as the options of one of fail2ban's filters, a line each: failregex, ignoreregex,
 * prefregex, datepattern, maxlines. What is translated must be a filter that guardd takes.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "conf/fail2ban.h"

#define NOW  (INT64_C(1795000000) * USEC_PER_SEC)
#define NAME "fuzzed"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
resolve_none(const char *host, struct arena *a, struct list *addrs)
{
	(void)host;
	(void)a;
	(void)addrs;
	return EAI_NONAME;
}

static void
must_be_taken(const char *yaml)
{
	static struct config c;

	config_init(
	    &c, &(struct config_paths){"/nonexistent", "/nonexistent", "/nonexistent", "/run/x"});
	config_load_own(&c, resolve_none, NOW);
	config_add_filter(&c, NAME, yaml);
	if (config_check(&c) < 0) {
		diag_print(&c.diag, stderr);
		fputs(yaml, stderr);
		abort();
	}
	config_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const names[] = {
	    "failregex", "ignoreregex", "prefregex", "datepattern", "maxlines"};
	_cleanup_(arena_fini) struct arena a = {0};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct f2b_report report = {.arena = &a};
	struct f2b_section definition = {.name = "Definition"};
	const struct f2b_filter_as as = {
	    NAME, "fuzzed", "sources:\n  - file: [/dev/null]\n", false};
	char *text = arena_dup(&a, (const char *)data, n), *save = NULL;
	size_t i = 0;

	if (strlen(text) != n)
		return 0;
	for (char *s = strtok_r(text, "\n", &save); s && i < 5; s = strtok_r(NULL, "\n", &save))
		f2b_set(&a, &definition, names[i++], &(struct f2b_value){s, "x", 1});
	if (f2b_filter_yaml(&a, &definition, &as, &out, &report) >= 0)
		must_be_taken(out.text);
	return 0;
}
