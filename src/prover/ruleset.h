/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files that read the ruleset share: attributes checked against a schema, names, and the
 * state of one reading. Comes in: netlink messages of a dump. Goes out: prover/ir.h. An attribute
 * that is not in the schema, or of another size, is never skipped. Bounded by RULESET_MAX of
 * memory.
 */
#pragma once

/* Before the kernel's headers, which then leave out what <netinet/in.h> has. */
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/arena.h"
#include "dump/dump.h"
#include "prover/ir.h"

#define RULESET_MAX ((size_t)160 << 20) /* of the arena */
#define ELEMENT_MAX ((size_t)160 << 20) /* of sets' elements, outside of it */

/*
 * A schema is a text: the character at N says what attribute N is.
 *   c h w q  unsigned of 8, 16, 32, 64 bits (network order)     r  a register
 *   s        text, with or without its NUL                      b  bytes
 *   n        a nest                                             p  padding, or of no influence
 *   -        not expected
 * An upper case letter: must be there.
 */
#define GOT_MAX 24

enum got_state {
	GOT_ALL,
	GOT_UNKNOWN, /* attribute number is not in the schema, is twice, or of another size */
	GOT_MISSING, /* attribute number is not there */
	GOT_BROKEN,  /* lengths do not fit */
};
struct got {
	const struct nlattr *a[GOT_MAX];
	enum got_state state;
	uint16_t number;
};

/* True when everything is known. */
bool got_read(struct got *g, const void *bytes, size_t n, const char *schema);
bool got_nest(struct got *g, const struct nlattr *nest, const char *schema);
/* What is wrong, as "nft NAME attribute 7"; the arena's. */
const char *got_trouble(const struct got *g, struct arena *a, const char *name);
/* Of attributes that are there; 0 or "" when not. */
uint32_t got_number(const struct nlattr *a); /* of 8, 16 or 32 bits */
uint64_t got_number64(const struct nlattr *a);
size_t got_text_len(const struct nlattr *a);
const char *got_text(const struct nlattr *a, struct arena *arena);
bool got_is(const struct nlattr *a, const char *text);
/* The bytes of a NFTA_DATA_VALUE inside a, at most max, into out: how many; 0: it is none. */
uint8_t got_value(const struct nlattr *a, void *out, size_t max);

/* Things by their owner and name. */
struct names {
	struct name *v;
	uint32_t n, room; /* a power of two */
};
void names_add(struct names *n, struct arena *a, const void *owner, const char *name, void *value);
void *names_find(const struct names *n, const void *owner, const struct nlattr *name);

struct reader {
	struct ruleset *out;
	struct arena *a;
	const struct dump *dump;
	size_t arena_before, element_bytes;
	struct names tables, chains, sets;
	struct list all_chains;    /* struct chain * */
	const char *comment;       /* of the rule being read */
	const struct chain *chain; /* the same's */
	const char *what;          /* why an error was returned */
};

/* Zeroed memory of the arena, or NULL (r->what says so) past RULESET_MAX. */
void *reader_room(struct reader *r, size_t n, size_t size);
/* Fails with -EINVAL and r->what, as "NAME: attribute 7". */
int reader_refuse(struct reader *r, const struct got *g, const char *name);
/* Calls fn for each message of the kind's records, which must be of the type; schema's attributes
 * are in *g, whatever g->state says. */
typedef int reader_fn(struct reader *r, uint8_t family, struct got *g);
int reader_each(
    struct reader *r, enum dump_kind kind, uint8_t type, const char *schema, reader_fn *fn);
/* Whether a message is all there. */
bool reader_message_ok(const struct nlmsghdr *nlh, int left);
uint32_t reader_count(const struct reader *r, enum dump_kind kind);
void reader_add_table(struct reader *r, struct table *t);
struct table *reader_table(const struct reader *r, uint8_t family, const struct nlattr *name);

/* A verdict's nest. NULL, or what is not known about it. */
const char *verdict_read(
    struct reader *r, const struct table *t, const struct nlattr *nest, struct verdict *v);
/* One expression into *op; what it does not know is OP_UNKNOWN. */
void expr_read(struct reader *r, const struct table *t, const struct nlattr *expr, struct op *op);
/* True for expressions that elements may carry without influence; else *name is its name. */
bool expr_is_harmless(struct reader *r, const struct nlattr *expr, const char **name);

/* Sets, then their elements. */
int sets_read(struct reader *r);
int elements_read(struct reader *r);
void sets_fini(struct ruleset *r);
/* NFT_OBJECT_* of an object map, else 0. */
uint32_t set_object_type(const struct set *s);
void set_make_unknown(struct set *s, const char *why);

/* Fills in order of base chains; deep of all. */
int order_read(struct reader *r);
int loops_find(struct reader *r);
