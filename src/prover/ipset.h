/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ipsets that iptables rules ask ("-m set"): all types of the kernel, as IPSET_CMD_LIST told
 * them. Comes in from a dump's DUMP_IPSETS records; goes out to prover/xt as the sources for which
 * a packet is in a set. A type, attribute or element that is not known makes its set unknown by
 * name. Bounded by IPSET_MEMBERS_MAX elements over all sets; answers are kept up to
 * IPSET_CACHE_RANGES.
 */
#pragma once

#include "prover/eval.h"

#define IPSET_MEMBERS_MAX  (2u << 20)
#define IPSET_CACHE_RANGES (1u << 20)

struct ipsets;
struct ipset;
struct arena;

/* The arena's; empty when the dump has none. NULL: a message is cut or lacks what every one has
 * (*what says which). */
struct ipsets *ipset_read(struct arena *a, const struct dump *d, const char **what);
/* By the kernel's index (struct xt_set_info), and by name. NULL: none such, or not told. s may be
 * NULL. */
const struct ipset *ipset_by_index(const struct ipsets *s, uint16_t index);
const struct ipset *ipset_by_name(const struct ipsets *s, const char *name);
const char *ipset_name(const struct ipset *s);
/* Why nothing can be said of its contents; NULL: they are known. */
const char *ipset_unknown(const struct ipset *s);
/* From now on its contents, and those of the sets it lists, are unknown: a rule's target SET
 * changes it as packets come by. */
void ipset_mark_dynamic(struct ipsets *s, uint16_t index);

/* One "--match-set". */
struct ipset_question {
	uint8_t dim;         /* how many directions were given */
	uint8_t flags;       /* IPSET_DIM_*_SRC: which of them are src */
	bool return_nomatch; /* --return-nomatch */
};

/* Whether the packet is in the set, without the rule's inversion. */
struct outcome ipset_ask(const struct ipset *s, const struct ipset_question *q,
    const struct env *env, const struct world *w, struct port_class *ports);
