/* links: prover */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as the nft records of a dump: an input is a kind (a byte), a length (two bytes) and
 * that much of it, again and again. What is read must be asked without harm. Where random bytes get
 * nowhere, a ruleset of the kernel's own shape comes first, to be broken by the input.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dump/dump.h"
#include "prover/ir.h"
#include "ruleset_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
ask_set(const struct set *s)
{
	uint8_t key[REG_BYTES] = {0};
	uint16_t lo = 0, hi = UINT16_MAX;
	struct element e;
	uint32_t index;

	for (uint32_t i = 0; i < s->n && i < 50; i++) {
		struct ranges r;

		set_element(s, i, &e);
		memcpy(key, e.lo, sizeof(key));
		/* The element itself is always found, one of them first. */
		if (!set_find(s, key, &index) && memcmp(e.lo, e.hi, s->key_len) <= 0 &&
		    s->n_fields == 1 && s->n == 1)
			abort();
		r = set_sources(s, key, 0, s->key_len < 16 ? s->key_len : 16);
		for (uint32_t k = 1; k < r.n; k++)
			if (r.v[k - 1].hi >= r.v[k].lo)
				abort();
		ranges_fini(&r);
		r = set_sources(s, key, 4, 4);
		ranges_fini(&r);
	}
	set_port_class(s, 0, 443, &lo, &hi);
	if (lo > 443 || hi < 443)
		abort();
}

static void
walk(const struct ruleset *r)
{
	for (uint32_t i = 0; i < r->n_tables; i++)
		for (uint32_t k = 0; k < r->tables[i].n; k++) {
			const struct chain *c = r->tables[i].chains[k];

			for (uint32_t x = 0; x < c->n; x++)
				for (uint32_t y = 0; y < c->rules[x].n; y++) {
					const struct op *op = &c->rules[x].ops[y];

					if (!op->name || op->kind > OP_UNKNOWN ||
					    op->sreg + (op->kind == OP_CMP ? op->len : 0) >
						REG_BYTES ||
					    op->dreg + (op->kind == OP_LOAD ? op->len : 0) >
						REG_BYTES)
						abort();
				}
		}
	for (uint32_t i = 0; i < r->n_sets; i++)
		ask_set(&r->sets[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static _Alignas(8) uint8_t bytes[1 << 16];
	struct arena arena = {0};
	struct ruleset r = {.arena = &arena};
	const char *what = "";
	struct dump d;

	if (n < 1)
		return 0;
	if (dump_from_bytes(
		&d, bytes, ruleset_build(bytes, sizeof(bytes), data[0] & 1, data + 1, n - 1)) < 0)
		return 0;
	if (ruleset_read(&r, &d, &what) == 0)
		walk(&r);
	else if (!*what)
		abort();
	ruleset_fini(&r);
	arena_fini(&arena);
	return 0;
}
