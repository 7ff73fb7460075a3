/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of the evaluation share: registers bit by bit, the sources on their way with their
 * environment (struct state), one rule being tried (struct run), and the evaluator. prover/path
 * feeds states to eval_chain and takes back what was accepted. Bounded by struct eval_limits.
 */
#pragma once

#include "prover/eval.h"
#include "prover/xt.h"

#include <stdlib.h>
#include <string.h>

/* A byte of a register. Each bit is known (value), unknown, or the same bit of one byte of the
 * source address, XORed with value. value is 0 where unknown is 1. */
struct byte {
	uint8_t value, unknown, source;
	uint8_t from; /* which byte of the source, when source is not 0; else enum byte_from */
};

enum byte_from {
	FROM_NOTHING,
	FROM_PORT_HIGH = 0x40, /* byte of the asked port: what looks at it narrows the class */
	FROM_PORT_LOW,
	FROM_PORT, /* made of it */
};

struct regs {
	struct byte b[REG_BYTES];
	const char *why[REG_BYTES / 4]; /* of the unknown bits */
};

static inline bool
byte_known(struct byte b)
{
	return !(b.unknown | b.source);
}

/* A set that much is added to, piece by piece: levels of growing size, so that a small piece is not
 * joined with a big set each time. */
#define PILE_LEVELS 5
struct pile {
	struct srcset level[PILE_LEVELS];
};
void pile_add(struct pile *p, const struct srcset *s);
/* All of it in one set, which stays the pile's. */
struct srcset *pile_whole(struct pile *p);
struct srcset pile_take(struct pile *p);
void pile_fini(struct pile *p);

struct state {
	struct pile sources;
	struct env env;
};
struct states {
	struct state *v;
	uint32_t n, room;
};
void states_fini(struct states *s);
/* The i-th's sources. */
static inline struct srcset *
states_set(struct states *s, uint32_t i)
{
	return pile_whole(&s->v[i].sources);
}

struct note {
	const char *why;
	struct pile where;
};

struct place { /* an endpoint on the way to the answer */
	struct endpoint at;
	struct pile accept, drop;
};

#define NOTES_MAX 64

struct map_parts;
struct hook_plan;

struct evaluator {
	const struct ruleset *ruleset;
	const struct world *world;
	struct eval_limits limits;
	struct arena arena;
	struct map_parts *maps; /* by source alone; kept between queries */
	struct hook_plan *plan;
	/* Of the query: */
	const struct query *q;
	uint64_t steps;
	struct port_class ports;
	struct pile drop, both; /* both: accepted or dropped, nobody knows */
	struct note notes[NOTES_MAX];
	uint32_t n_notes;
	struct place *places;
	uint32_t n_places, places_room;
	bool routed;     /* drops belong to an endpoint */
	bool in_dnat;    /* the chains now run can map destinations */
	bool forwarding; /* the hooks now run are those of forwarded packets */
};

/* The way out of a chain. */
struct exits {
	struct states *accepted; /* of the base chain */
	struct states *returned;
	uint32_t depth;
};

/* A rule being tried by one state. */
struct run {
	struct evaluator *e;
	const struct rule *rule;
	const struct exits *x;
	struct states *next; /* who goes on to the next rule */
	const char *unknown; /* what was not exact so far in this rule */
	struct srcset go;    /* who still is in it */
	struct env env;
	struct regs regs;
};

/* eval_state.c */
bool env_equal(const struct env *a, const struct env *b);
/* Takes set. */
void states_add(struct evaluator *e, struct states *s, const struct env *env, struct srcset *set);
void eval_note(struct evaluator *e, const char *why, const struct srcset *where);
void eval_drop(struct evaluator *e, const struct env *env, const struct srcset *set);
void eval_accept(struct evaluator *e, const struct env *env, const struct srcset *set);
/* Accepted or dropped, by something unknown. */
void eval_both(struct evaluator *e, const struct srcset *set, const char *why);
void eval_trail(struct evaluator *e, const struct rule *rule, const struct chain *chain,
    const char *unknown, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Ports below b and from b on have different answers. */
void ports_cut(struct evaluator *e, uint32_t b);
void ports_pin(struct evaluator *e);

/* eval_chain.c */
void eval_chain(
    struct evaluator *e, const struct chain *c, struct states *in, const struct exits *x);

/* eval_run.c: op i and what follows. */
void run_ops(struct run *r, uint32_t i);
/* A part of the sources goes on at op i by itself; takes set. */
void run_fork(struct run *r, uint32_t i, struct srcset *set, const struct env *env,
    const struct regs *regs, const char *why);
void run_leave(struct run *r, struct srcset *set);
void run_maybe(struct run *r, const char *why);
/* Ends what is not in it; frees the outcome. inverted: of a SPLIT. */
void run_condition(struct run *r, struct outcome *o, bool inverted);
/* False: the rule is over. */
bool run_verdict(struct run *r, const struct verdict *v);
bool run_drop(struct run *r, const char *text);
bool run_accept(struct run *r, const char *text);
bool run_both(struct run *r, const char *why);
/* May do anything, and may go on. */
bool run_unknown(struct run *r, const char *why);
bool run_queue(struct run *r, const char *why);

/* eval_regs.c */
extern const struct regs regs_unknown;
void regs_put(struct regs *r, uint8_t at, const void *bytes, uint8_t len);
void regs_put_unknown(struct regs *r, uint8_t at, uint8_t len, const char *why);
/* 4 bytes as the kernel keeps numbers, unknown bits and all. */
void regs_put_word(struct regs *r, uint8_t at, uint32_t value, uint32_t unknown, const char *why);
uint32_t regs_word(const struct regs *r, uint8_t at, uint32_t *unknown);
/* False: not all are known. */
bool regs_get(const struct regs *r, uint8_t at, uint8_t len, uint8_t *out);
const char *regs_why(const struct regs *r, uint8_t at, uint8_t len);
void regs_bitwise(struct regs *r, const struct op *op);
void regs_shift(struct regs *r, const struct op *op);
void regs_byteorder(struct regs *r, const struct op *op);

/* eval_cmp.c. dry: only whether it is NO; a SPLIT then has no ranges. */
struct outcome cmp_op(struct evaluator *e, const struct regs *r, const struct op *op, bool dry);
struct outcome range_op(struct evaluator *e, const struct regs *r, const struct op *op, bool dry);
/* Sources whose address & mask is value; false when they are more than 65,536 ranges. */
bool masked_sources(uint8_t family, u128 mask, u128 value, struct ranges *out);
struct outcome outcome_of(enum outcome_kind kind, const char *why);

/* eval_load.c, eval_meta.c, eval_fib.c */
enum load_result {
	LOADED,
	LOADED_OR_NOT, /* may have ended the rule; the register is unknown or what it would be */
	LOAD_BROKE,
	LOAD_SPLITS, /* a function of the source: fib_split */
};
enum load_result eval_load(
    struct evaluator *e, const struct env *env, struct regs *r, const struct op *op);
enum load_result load_meta(
    struct evaluator *e, const struct env *env, struct regs *r, const struct op *op);
enum load_result load_ct(
    struct evaluator *e, const struct env *env, struct regs *r, const struct op *op);
enum load_result load_fib(
    struct evaluator *e, const struct env *env, struct regs *r, const struct op *op);
/* It reads which header follows IPv6's: the transport's, or one that the sender put in between. */
#define NEXT_HEADERS 3
extern const uint8_t load_next_headers[NEXT_HEADERS];
bool load_sees_next_header(const struct env *env, const struct op *op);
void regs_put_source(struct regs *r, uint8_t at, const struct env *env, const char *why);
void regs_put_addr(struct regs *r, uint8_t at, const struct addr *a);
void fib_split(struct run *r, const struct op *op, uint32_t i);

/* eval_lookup.c */
enum lookup_quick { LOOKUP_NO, LOOKUP_GOES_ON, LOOKUP_STOP };
/* For the scan: a constant key that is not there; LOOKUP_STOP: has an effect. */
enum lookup_quick lookup_dry(struct evaluator *e, struct regs *r, const struct op *op);
/* False: the rule is over, or goes on in parts. */
bool lookup_run(struct run *r, const struct op *op, uint32_t i);
void maps_free(struct map_parts *m);

/* eval_nat.c, eval_effect.c: all return false when the rule is over. */
bool nat_run(struct run *r, const struct op *op);
bool nat_xt_run(struct run *r, const struct xt_action *a);
bool meta_set_run(struct run *r, const struct op *op);
bool ct_set_run(struct run *r, const struct op *op);
bool payload_set_run(struct run *r, const struct op *op);
bool notrack_run(struct run *r);
bool xt_target_run(struct run *r, const struct op *op);

/* path_plan.c, path.c */
int plan_new(struct evaluator *e);
void path_run(struct evaluator *e);
