/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One expression of a rule while it is read. Comes in from prover/ruleset_expr, whose table has a
 * row for each, with its attributes checked; goes to a function of ruleset_load or ruleset_act.
 */
#pragma once

#include <linux/netfilter/nf_tables_compat.h>

#include "prover/ruleset.h"

struct expr {
	struct reader *r;
	const struct table *table;
	const char *name;
	struct got g;
};

/* Fills in *op; NULL, or what is not known, as the op's name. */
typedef const char *make_fn(struct expr *e, struct op *op);

/* A register of len bytes as its offset; false: there is none, or it does not fit. */
bool expr_register(const struct nlattr *a, unsigned len, uint8_t *out);
/* "nft NAME WHAT VALUE" */
const char *expr_odd(const struct expr *e, const char *what, uint32_t value);
/* A value that nobody knows, into op->dreg. */
const char *expr_load_any(struct op *op, enum load_kind kind, uint32_t len);

make_fn expr_payload;
make_fn expr_exthdr;
make_fn expr_meta;
make_fn expr_ct;
make_fn expr_rt;
make_fn expr_fib;
make_fn expr_any;
make_fn expr_immediate;
make_fn expr_lookup;
make_fn expr_dynset;
make_fn expr_reject;
make_fn expr_nat;
make_fn expr_masq;
make_fn expr_redir;
make_fn expr_objref;
make_fn expr_match;
make_fn expr_target;
