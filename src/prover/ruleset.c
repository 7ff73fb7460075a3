/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/ruleset.h"

#include <errno.h>
#include <string.h>

#include "prover/xt.h"

#define TABLE_FLAGS 7u /* dormant, owner, persist */
#define CHAIN_FLAGS 7u /* base, hardware offload, binding */

/* By the numbers of linux/netfilter/nf_tables.h, NFTA_TABLE_*, NFTA_CHAIN_* and so on. */
#define GENERATION_SCHEMA "-Wws"
#define TABLE_SCHEMA      "-Swwqpbw"
#define CHAIN_SCHEMA      "-SqSnwwsnpwwb"
#define RULE_SCHEMA       "-SSqnnqbpwww"
#define HOOK_SCHEMA       "-WWsn"
#define NFTA_DEVICE_MANY  2 /* NFTA_DEVICE_PREFIX, of newer headers */

#define UDATA_COMMENT 0 /* of a rule, as nft and iptables-nft write it: type, length, text */

static int
read_generation(struct reader *r, uint8_t family, struct got *g)
{
	(void)family;
	r->out->generation = got_number(g->a[NFTA_GEN_ID]);
	return 0;
}

static int
read_table(struct reader *r, uint8_t family, struct got *g)
{
	struct table *t = &r->out->tables[r->out->n_tables++];

	t->family = family;
	t->name = got_text(g->a[NFTA_TABLE_NAME], r->a);
	t->flags = got_number(g->a[NFTA_TABLE_FLAGS]);
	t->own = family == NFPROTO_INET && !strcmp(t->name, "guardd");
	if (g->state != GOT_ALL)
		t->doubt = got_trouble(g, r->a, "table");
	else if (t->flags & ~TABLE_FLAGS)
		t->doubt = arena_printf(r->a, "nft table flags 0x%x", t->flags);
	reader_add_table(r, t);
	return 0;
}

static void
doubt(struct chain *c, const char *why)
{
	if (!c->doubt)
		c->doubt = why;
}

/* The devices in a NFTA_HOOK_DEVS list, or the one of NFTA_HOOK_DEV. */
static void
read_devices(struct reader *r, struct chain *c, const struct got *hook)
{
	const struct nlattr *list = hook->a[NFTA_HOOK_DEVS], *one = hook->a[NFTA_HOOK_DEV], *dev;
	struct list names = {0};

	if (list) {
		mnl_attr_for_each_nested(dev, list)
		{
			const char **name = list_add(r->a, &names, sizeof(*name));

			*name = got_text(dev, r->a);
			if (mnl_attr_get_type(dev) == NFTA_DEVICE_MANY)
				*name = arena_printf(r->a, "%s*", *name);
			else if (mnl_attr_get_type(dev) != NFTA_DEVICE_NAME)
				doubt(c, "nft hook device");
		}
	} else if (one) {
		*(const char **)list_add(r->a, &names, sizeof(char *)) = got_text(one, r->a);
	}
	if (names.n || list) {
		list_add(r->a, &names, sizeof(char *));
		c->devs = names.items;
	}
}

static void
read_hook(struct reader *r, struct chain *c, const struct got *g)
{
	uint32_t flags = got_number(g->a[NFTA_CHAIN_FLAGS]);
	struct got hook;

	c->is_base = true;
	c->policy =
	    g->a[NFTA_CHAIN_POLICY] ? (int32_t)got_number(g->a[NFTA_CHAIN_POLICY]) : NF_ACCEPT;
	c->type = got_text(g->a[NFTA_CHAIN_TYPE], r->a);
	if (!got_nest(&hook, g->a[NFTA_CHAIN_HOOK], HOOK_SCHEMA))
		doubt(c, got_trouble(&hook, r->a, "hook"));
	c->hook = got_number(hook.a[NFTA_HOOK_HOOKNUM]);
	c->priority = (int32_t)got_number(hook.a[NFTA_HOOK_PRIORITY]);
	read_devices(r, c, &hook);
	if (c->policy != NF_ACCEPT && c->policy != NF_DROP)
		doubt(c, arena_printf(r->a, "nft chain policy %d", c->policy));
	if (strcmp(c->type, "filter") && strcmp(c->type, "nat") && strcmp(c->type, "route"))
		doubt(c, arena_printf(r->a, "nft chain type %s", c->type));
	if (flags & NFT_CHAIN_HW_OFFLOAD)
		doubt(c, "hardware offload");
}

static int
read_chain(struct reader *r, uint8_t family, struct got *g)
{
	struct table *t = reader_table(r, family, g->a[NFTA_CHAIN_TABLE]);
	struct chain *c;

	if (!t) {
		r->what = "a chain of a table that is not there";
		return -EINVAL;
	}
	c = arena_alloc(r->a, sizeof(*c));
	c->table = t;
	c->name = got_text(g->a[NFTA_CHAIN_NAME], r->a);
	c->handle = got_number64(g->a[NFTA_CHAIN_HANDLE]);
	c->order = -1;
	c->doubt = t->doubt;
	if (g->state != GOT_ALL)
		doubt(c, got_trouble(g, r->a, "chain"));
	if (got_number(g->a[NFTA_CHAIN_FLAGS]) & ~CHAIN_FLAGS)
		doubt(c, "nft chain flags");
	if (g->a[NFTA_CHAIN_HOOK])
		read_hook(r, c, g);
	names_add(&r->chains, r->a, t, c->name, c);
	*(struct chain **)list_add(r->a, &r->all_chains, sizeof(c)) = c;
	t->n++;
	return 0;
}

/* The chains of each table, in the dump's order. */
static void
share_chains(struct reader *r)
{
	struct chain **all = r->all_chains.items;

	for (uint32_t i = 0; i < r->out->n_tables; i++) {
		struct table *t = &r->out->tables[i];

		t->chains = arena_array(r->a, t->n, sizeof(*t->chains));
		t->n = 0;
	}
	for (size_t i = 0; i < r->all_chains.n; i++)
		all[i]->table->chains[all[i]->table->n++] = all[i];
}

static struct chain *
chain_of(struct reader *r, uint8_t family, const struct got *g)
{
	const struct table *t = reader_table(r, family, g->a[NFTA_RULE_TABLE]);
	struct chain *c = t ? names_find(&r->chains, t, g->a[NFTA_RULE_CHAIN]) : NULL;

	if (!c)
		r->what = "a rule of a chain that is not there";
	return c;
}

static int
count_rule(struct reader *r, uint8_t family, struct got *g)
{
	struct chain *c = chain_of(r, family, g);

	if (!c)
		return -EINVAL;
	c->n++;
	return 0;
}

static int
make_rooms(struct reader *r)
{
	struct chain **all = r->all_chains.items;

	for (size_t i = 0; i < r->all_chains.n; i++) {
		struct chain *c = all[i];

		c->rules = reader_room(r, c->n + !!c->doubt, sizeof(*c->rules));
		if (!c->rules)
			return -E2BIG;
		c->n = 0;
		if (c->doubt) {
			struct rule *first = &c->rules[c->n++];

			*first = (struct rule){.chain = c, .n = 1};
			first->ops = arena_alloc(r->a, sizeof(*first->ops));
			first->ops[0] = (struct op){.kind = OP_UNKNOWN, .name = c->doubt};
		}
	}
	return 0;
}

static const char *
read_comment(struct reader *r, const struct nlattr *userdata)
{
	const uint8_t *p = userdata ? mnl_attr_get_payload(userdata) : NULL;
	size_t n = userdata ? mnl_attr_get_payload_len(userdata) : 0;

	while (n >= 2 && p[1] <= n - 2) {
		if (p[0] == UDATA_COMMENT)
			return arena_dup(
			    r->a, (const char *)p + 2, strnlen((const char *)p + 2, p[1]));
		n -= p[1] + 2u;
		p += p[1] + 2u;
	}
	return NULL;
}

/* Nothing behind it: then it does not matter whether it lets the rule go on. */
static void
ease_tail(struct rule *rule)
{
	for (uint32_t i = rule->n; i > 0; i--) {
		struct op *op = &rule->ops[i - 1];

		if (op->kind != OP_NOTHING && op->kind != OP_MAY)
			return;
		op->kind = OP_NOTHING;
	}
}

/* Only looks, before it drops. */
static bool
only_drops(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->n; i++) {
		const struct op *op = &rule->ops[i];

		switch ((enum op_kind)op->kind) {
		case OP_NOTHING:
		case OP_LOAD:
		case OP_IMMEDIATE:
		case OP_CMP:
		case OP_RANGE:
		case OP_BITWISE:
		case OP_SHIFT:
		case OP_BYTEORDER:
		case OP_XT_MATCH:
		case OP_MAY:
			break;
		case OP_LOOKUP:
			if (op->u.lookup.set->is_vmap)
				return false;
			break;
		case OP_REJECT:
			return true;
		case OP_VERDICT:
			return op->u.verdict.code == NF_DROP;
		case OP_XT_TARGET:
			return xt_target_action(op->u.xt_target)->effect == XT_REJECT;
		default:
			return false;
		}
	}
	return false;
}

/* What a packet has surely not if its sender did not add it. */
static bool
needs_header(const struct rule *rule, uint32_t i)
{
	const struct op *op = &rule->ops[i], *next = i + 1 < rule->n ? op + 1 : NULL;

	if (op->kind == OP_XT_MATCH)
		return xt_match_needs_header(op->u.xt_match);
	if (op->kind != OP_LOAD || op->u.load.kind != LOAD_HEADER)
		return false;
	if (!(op->u.load.flags & NFT_EXTHDR_F_PRESENT))
		return true;
	return next && next->kind == OP_CMP && next->sreg == op->dreg && next->len == 1 &&
	       next->u.cmp.op == NFT_CMP_EQ && next->u.cmp.data[0] == 1;
}

/* A rule that drops packets for a header that their senders add of their own will takes nothing
 * from anyone: the same sender's plain packet passes it. So it is empty. */
static void
ease_header(struct rule *rule)
{
	bool needs = false;

	for (uint32_t i = 0; i < rule->n && !needs; i++)
		needs = needs_header(rule, i);
	if (needs && only_drops(rule))
		rule->n = 0;
}

static int
read_rule(struct reader *r, uint8_t family, struct got *g)
{
	struct chain *c = chain_of(r, family, g);
	const struct nlattr *list = g->a[NFTA_RULE_EXPRESSIONS], *expr;
	struct rule *rule = &c->rules[c->n++];
	uint32_t n = g->state != GOT_ALL;

	if (list)
		mnl_attr_for_each_nested(expr, list) n++;
	rule->chain = c;
	rule->handle = got_number64(g->a[NFTA_RULE_HANDLE]);
	rule->number = c->n - !!c->doubt;
	rule->ops = reader_room(r, n, sizeof(*rule->ops));
	if (!rule->ops)
		return -E2BIG;
	if (g->state != GOT_ALL)
		rule->ops[rule->n++] =
		    (struct op){.kind = OP_UNKNOWN, .name = got_trouble(g, r->a, "rule")};
	r->comment = NULL;
	r->chain = c;
	if (list)
		mnl_attr_for_each_nested(expr, list)
		    expr_read(r, c->table, expr, &rule->ops[rule->n++]);
	rule->comment = read_comment(r, g->a[NFTA_RULE_USERDATA]);
	if (!rule->comment)
		rule->comment = r->comment;
	ease_tail(rule);
	ease_header(rule);
	r->out->n_rules++;
	return 0;
}

/* What could not be collected is not taken for empty. */
static int
check_parts(struct reader *r)
{
	static const struct {
		enum dump_kind kind;
		const char *what;
	} parts[] = {
	    {DUMP_NFT_TABLES, "nft tables could not be read"},
	    {DUMP_NFT_CHAINS, "nft chains could not be read"},
	    {DUMP_NFT_RULES, "nft rules could not be read"},
	    {DUMP_NFT_SETS, "nft sets could not be read"},
	    {DUMP_NFT_ELEMENTS, "nft set elements could not be read"},
	};

	for (const struct dump_record *d = NULL; (d = dump_next(r->dump, d, DUMP_FAILED));) {
		const struct dump_failed *f = dump_data(d);

		for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
			if (f->kind == (uint32_t)parts[i].kind) {
				r->what = parts[i].what;
				return f->error < 0 && f->error > -4096 ? f->error : -EIO;
			}
	}
	if (!dump_next(r->dump, NULL, DUMP_NFT_GENERATION) &&
	    !dump_next(r->dump, NULL, DUMP_NFT_TABLES)) {
		r->what = "no nft records";
		return -EINVAL;
	}
	return 0;
}

static int
read_tables(struct reader *r)
{
	r->out->tables = reader_room(r, reader_count(r, DUMP_NFT_TABLES), sizeof(*r->out->tables));
	if (!r->out->tables)
		return -E2BIG;
	return reader_each(r, DUMP_NFT_TABLES, NFT_MSG_NEWTABLE, TABLE_SCHEMA, read_table);
}

static int
read_chains(struct reader *r)
{
	int e = reader_each(r, DUMP_NFT_CHAINS, NFT_MSG_NEWCHAIN, CHAIN_SCHEMA, read_chain);

	if (e == 0)
		share_chains(r);
	return e;
}

static int
read_rules(struct reader *r)
{
	int e = reader_each(r, DUMP_NFT_RULES, NFT_MSG_NEWRULE, RULE_SCHEMA, count_rule);

	if (e == 0)
		e = make_rooms(r);
	if (e == 0)
		e = reader_each(r, DUMP_NFT_RULES, NFT_MSG_NEWRULE, RULE_SCHEMA, read_rule);
	return e;
}

static int
read_generations(struct reader *r)
{
	return reader_each(
	    r, DUMP_NFT_GENERATION, NFT_MSG_NEWGEN, GENERATION_SCHEMA, read_generation);
}

int
ruleset_read(struct ruleset *out, const struct dump *d, const char **what)
{
	/* Rules need the sets, elements the chains, and both are needed to find loops. */
	static int (*const steps[])(struct reader *) = {check_parts, read_generations, read_tables,
	    read_chains, sets_read, read_rules, elements_read, order_read, loops_find};
	struct reader r = {.out = out, .a = out->arena, .dump = d};
	int e = 0;

	*out = (struct ruleset){.arena = out->arena};
	r.arena_before = r.a->total;
	for (size_t i = 0; e == 0 && i < sizeof(steps) / sizeof(*steps); i++)
		e = steps[i](&r);
	if (e < 0)
		*what = r.what ? r.what : "nft records";
	return e;
}

void
ruleset_fini(struct ruleset *r)
{
	sets_fini(r);
	*r = (struct ruleset){.arena = r->arena};
}
