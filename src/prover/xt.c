/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/xt_match.h"

#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <string.h>

static const struct xt_kind *const tables[] = {
    xt_kinds_ct, xt_kinds_addr, xt_kinds_iface, xt_kinds_port, xt_kinds_set, xt_kinds_header};

static const struct xt_kind *
find(const char *name, uint32_t rev, uint8_t family)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct xt_kind *k = tables[i]; k->name; k++)
			if (k->rev == rev && !strcmp(k->name, name) &&
			    (k->family == NFPROTO_UNSPEC || k->family == family))
				return k;
	return NULL;
}

const struct xt_match *
xt_match_read(
    struct arena *a, const char *name, uint32_t rev, const void *info, size_t n, uint8_t family)
{
	struct xt_match *m = arena_alloc(a, sizeof(*m));
	const struct xt_kind *k = find(name, rev, family);
	/* The bytes may stand anywhere in a message; the structs want 8. */
	void *copy = arena_alloc(a, n);

	m->why = arena_printf(a, "xt %s", name);
	if (n)
		memcpy(copy, info, n);
	if (k && n != XT_ALIGN((size_t)k->size))
		m->why = arena_printf(a, "xt %s of %zu bytes", name, n);
	else if (k && (!k->read || k->read(m, copy, a)))
		m->kind = k;
	return m;
}

bool
xt_match_needs_header(const struct xt_match *m)
{
	return m->kind && m->needs_header;
}

struct outcome
xt_match_ask(const struct xt_match *m, const struct env *env, const struct world *w,
    struct port_class *ports)
{
	struct outcome o = m->kind ? m->kind->ask(m, env, w, ports) : xt_maybe(m->why);

	/* Reports name the extension; a more exact word of it came from below. */
	if (!o.why && o.kind == OUT_MAYBE)
		o.why = m->why;
	return o;
}
