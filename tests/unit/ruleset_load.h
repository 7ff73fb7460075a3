/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A ruleset by nft, in a network namespace of the test's own, read back from the watcher's dump.
 * For tests that link the watcher and the prover.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "netns_dump.h"
#include "prover/ir.h"

/* The ruleset of this process's namespace, read back from a real dump. */
struct loaded {
	struct dump dump;
	struct arena arena;
	struct ruleset rules;
};

static inline void
loaded_make(struct loaded *w, const char *nft)
{
	FILE *f = popen("nft -f -", "w");
	const char *what = "";
	int fd;

	*w = (struct loaded){0};
	assert_non_null(f);
	fputs("flush ruleset\n", f);
	/* nft wants a semicolon where a line does not end behind a brace. */
	for (const char *p = nft; *p; p++)
		fputc(*p == ' ' && p > nft && p[-1] == '}' && p[1] == '}' ? ';' : *p, f);
	assert_int_equal(pclose(f), 0);
	fd = netns_dump();
	assert_true(fd >= 0);
	assert_int_equal(dump_open(&w->dump, fd), 0);
	close(fd);
	w->rules.arena = &w->arena;
	if (ruleset_read(&w->rules, &w->dump, &what) < 0)
		fail_msg("%s", what);
}

static inline void
loaded_fini(struct loaded *w)
{
	ruleset_fini(&w->rules);
	arena_fini(&w->arena);
	dump_close(&w->dump);
}

static inline struct chain *
loaded_chain(struct loaded *w, const char *table, const char *name)
{
	for (uint32_t i = 0; i < w->rules.n_tables; i++)
		for (uint32_t k = 0; k < w->rules.tables[i].n; k++)
			if (!strcmp(w->rules.tables[i].name, table) &&
			    !strcmp(w->rules.tables[i].chains[k]->name, name))
				return w->rules.tables[i].chains[k];
	fail_msg("no chain %s %s", table, name);
	return NULL;
}

static inline struct set *
loaded_set(struct loaded *w, const char *name)
{
	for (uint32_t i = 0; i < w->rules.n_sets; i++)
		if (!strcmp(w->rules.sets[i].name, name))
			return &w->rules.sets[i];
	fail_msg("no set %s", name);
	return NULL;
}

/* Group setup: *state is not NULL where the tests have to be skipped. */
static inline int
loaded_enter(void **state)
{
	static bool skipped = true;

	if (netns_enter() < 0)
		*state = &skipped;
	return 0;
}
