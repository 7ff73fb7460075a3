/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOTS   (2 * TURN_MAX)
#define KEPT    1024 /* requests whose memory is kept for the next turn */
#define LOOKUPS 2048 /* questions at once: their answers wait in the socket */
/* The kernel counts in jiffies of its own clock: a ban sent again is not longer for that. */
#define SLACK (250 * USEC_PER_MSEC)

struct op {
	struct msg_ban ban; /* prefix is the host alone where the prefix is refused */
	struct msg answer;
	bool settled; /* answer is final: nothing goes to the kernel */
	bool found;   /* the lookup's result: */
	usec_t until;
	uint64_t packets, bytes;
};

struct action {
	struct banned_prefix what;
	bool add, dropped;
	uint32_t op; /* NO_TAG: no request's */
};

struct turn {
	struct nl *nl;
	struct table *table;
	struct banset *banset;
	const struct prefixset *never;
	const struct turn_ops *ops;
	void *ctx;
	struct op *list;
	uint32_t n, list_room, chunk;
	struct action *actions;
	uint32_t n_actions, room, op;
	uint16_t slots[SLOTS]; /* by scope and prefix: 1 + index of the request */
	struct batch batch;
	usec_t now;
};

int
turn_new(struct turn **out, struct nl *n, struct table *t, struct banset *b,
    const struct prefixset *never, const struct turn_ops *ops, void *ctx)
{
	struct turn *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	*u = (struct turn){.nl = n,
	    .table = t,
	    .banset = b,
	    .never = never,
	    .ops = ops,
	    .ctx = ctx,
	    .chunk = TURN_MAX};
	*out = u;
	return 0;
}

static void
release(struct turn *t)
{
	batch_fini(&t->batch);
	free(t->list);
	free(t->actions);
	t->list = NULL;
	t->actions = NULL;
	t->list_room = t->room = 0;
}

void
turn_free(struct turn *t)
{
	if (!t)
		return;
	release(t);
	free(t);
}

/* Room for one more; requests are bounded, so that failing here is the end. */
static void *
grow(void *items, uint32_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return items;
	*room = *room ? *room * 2 : 64;
	items = reallocarray(items, *room, size);
	if (!items)
		abort();
	return items;
}

static void
settle(struct op *o, int status)
{
	o->settled = true;
	o->answer.u.banned.status = status;
}

static bool
is_interval(const struct op *o)
{
	enum set_kind k = set_kind(&o->ban.prefix);

	return k == SET_PREFIX4 || k == SET_PREFIX6;
}

/* A never-ban address is never hit, neither alone nor as one of a prefix. */
static void
spare(const struct turn *t, struct op *o)
{
	struct msg_banned *answer = &o->answer.u.banned;

	if (!prefixset_touches(t->never, &o->ban.prefix))
		return;
	if (o->ban.host.family && !prefixset_has(t->never, &o->ban.host)) {
		o->ban.prefix = answer->prefix = prefix_host(&o->ban.host);
		answer->status = BANNED_HOST_ONLY;
		return;
	}
	for (size_t i = 0; i < t->never->n; i++)
		if (prefix_overlaps(&t->never->items[i], &o->ban.prefix)) {
			answer->prefix = t->never->items[i];
			break;
		}
	settle(o, BANNED_NEVER);
}

static bool
is_sane(const struct turn *t, const struct msg_ban *b)
{
	struct prefix canonical;

	if ((b->prefix.addr.family != 4 && b->prefix.addr.family != 6) ||
	    b->scope >= t->table->scopes || b->prefix.len > addr_bits(&b->prefix.addr))
		return false;
	canonical = prefix_of(&b->prefix.addr, b->prefix.len);
	return prefix_cmp(&canonical, &b->prefix) == 0 &&
	       (!b->host.family || prefix_has(&b->prefix, &b->host));
}

/* The slot of a scope and prefix: empty, or taken by the same. */
static uint16_t *
slot(struct turn *t, const struct msg_ban *b)
{
	struct banned_prefix key;
	uint64_t h;

	memset(&key, 0, sizeof(key));
	key.prefix = b->prefix;
	key.scope = b->scope;
	h = hash_bytes(&hash_stable, &key, sizeof(key));
	for (;; h++) {
		uint16_t *s = &t->slots[h % SLOTS];
		const struct msg_ban *taken = &t->list[*s - 1].ban;

		if (*s == 0 ||
		    (taken->scope == b->scope && prefix_cmp(&taken->prefix, &b->prefix) == 0))
			return s;
	}
}

void
turn_add(struct turn *t, const struct msg *m, int ready, usec_t now)
{
	struct op o = {.ban = m->u.ban, .answer = {.id = m->id}};
	uint16_t *s = NULL;

	o.answer.type = m->type == MSG_BAN     ? MSG_BANNED
			: m->type == MSG_UNBAN ? MSG_UNBANNED
					       : MSG_FOUND_BAN;
	o.answer.u.banned.prefix = o.ban.prefix;
	o.answer.u.banned.scope = o.ban.scope;
	o.answer.u.banned.until = o.ban.until;
	if (!is_sane(t, &o.ban))
		settle(&o, -EINVAL);
	else if (m->type == MSG_BAN)
		spare(t, &o);
	if (!o.settled && ready < 0)
		settle(&o, ready);
	if (!o.settled && m->type == MSG_BAN && o.ban.until <= now)
		settle(&o, o.answer.u.banned.status);
	/* One request per element and turn: the second must see what the first left. */
	if (t->n == TURN_MAX || (!o.settled && *(s = slot(t, &o.ban)) != 0)) {
		turn_commit(t, now);
		s = o.settled ? NULL : slot(t, &o.ban);
	}
	t->list = grow(t->list, t->n, &t->list_room, sizeof(o));
	t->list[t->n++] = o;
	if (s)
		*s = (uint16_t)t->n;
}

static void
on_found(void *ctx, uint32_t tag, int error, const struct elem_state *s)
{
	struct turn *t = ctx;
	struct op *o = &t->list[tag];

	if (!s) {
		if (error != -ENOENT)
			settle(o, error);
		return;
	}
	o->found = true;
	o->until = s->remaining == USEC_NEVER ? USEC_NEVER : t->now + s->remaining;
	o->packets = s->packets;
	o->bytes = s->bytes;
}

/* What a request must know of the kernel; of a prefix, the wider one that stands for it. */
static void
look_up(struct turn *t, uint32_t from, uint32_t to)
{
	int r;

	batch_begin(&t->batch);
	for (uint32_t i = from; i < to; i++) {
		const struct op *o = &t->list[i];
		const struct banned_prefix *shown = NULL;
		struct elem e;

		if (is_interval(o))
			shown = banset_cover(t->banset, o->ban.scope, &o->ban.prefix);
		if (o->settled ||
		    (!shown && o->answer.type == MSG_BANNED && !(o->ban.flags & BAN_EXTEND)))
			continue;
		e = table_elem(shown ? &shown->prefix : &o->ban.prefix);
		batch_elem(&t->batch, NFT_MSG_GETSETELEM,
		    table_set_name(t->table, o->ban.scope, set_kind(&o->ban.prefix)), &e, i);
	}
	r = batch_lookup(&t->batch, t->nl, on_found, t);
	for (uint32_t i = from; i < to && r < 0; i++)
		if (!t->list[i].settled)
			settle(&t->list[i], r);
}

static void
emit(void *ctx, bool add, const struct banned_prefix *p)
{
	struct turn *t = ctx;

	t->actions = grow(t->actions, t->n_actions, &t->room, sizeof(*t->actions));
	t->actions[t->n_actions++] = (struct action){.what = *p, .add = add, .op = t->op};
}

static void
report(struct op *o, usec_t until)
{
	o->answer.u.banned.until = until;
	o->answer.u.banned.packets = o->packets;
	o->answer.u.banned.bytes = o->bytes;
}

static void
plan_host(struct turn *t, struct op *o)
{
	struct banned_prefix p = {
	    .prefix = o->ban.prefix, .scope = o->ban.scope, .until = o->ban.until};

	if (o->answer.type == MSG_BANNED) {
		if (o->found && o->until >= o->ban.until - SLACK) {
			o->answer.u.banned.until = o->until;
			return;
		}
		/* Before 6.12 adding again does not change the timeout: delete and add at once. */
		if (o->found)
			emit(t, false, &p);
		report(o, o->ban.until);
		emit(t, true, &p);
		return;
	}
	report(o, o->found ? o->until : 0);
	if (!o->found)
		settle(o, -ENOENT);
	else if (o->answer.type == MSG_UNBANNED)
		emit(t, false, &p);
}

static void
plan_prefix(struct turn *t, struct op *o)
{
	struct banned_prefix p = {
	    .prefix = o->ban.prefix, .scope = o->ban.scope, .until = o->ban.until};
	struct banned_prefix *e = banset_find(t->banset, p.scope, &p.prefix);
	bool own = e && e->shown;
	uint32_t before = t->n_actions;
	int r = 0;

	if (e && !own)
		o->packets = o->bytes = 0;
	if (o->answer.type == MSG_BANNED) {
		/* Left by an earlier life of the keeper. */
		if (!banset_cover(t->banset, p.scope, &p.prefix) && o->found) {
			p.until = o->until > p.until ? o->until : p.until;
			emit(t, false, &p);
		}
		r = banset_ban(t->banset, &p, t->now, emit, t);
		if (r < 0)
			return settle(o, r);
		if (own && before == t->n_actions)
			o->packets = o->bytes = 0;
		return report(o, banset_find(t->banset, p.scope, &p.prefix)->until);
	}
	report(o, e ? e->until : o->until);
	if (!o->found)
		settle(o, -ENOENT);
	if (o->answer.type != MSG_UNBANNED)
		return;
	if (e)
		banset_unban(t->banset, e, t->now, emit, t);
	else if (o->found)
		emit(t, false, &p);
}

/* The elements of actions from..to: deletions of hosts, then prefixes in their order, then hosts
 * set by set. */
static void
build(struct turn *t, uint32_t from, uint32_t to)
{
	bool used[TABLE_SCOPES * SET_KINDS] = {0};

	batch_begin(&t->batch);
	for (int pass = 0; pass < 2 + (int)t->table->scopes * SET_KINDS; pass++) {
		if (pass >= 2 && !used[pass - 2])
			continue;
		for (uint32_t i = from; i < to; i++) {
			const struct action *a = &t->actions[i];
			enum set_kind kind = set_kind(&a->what.prefix);
			int own = kind >= SET_PREFIX4 ? 1
				  : a->add ? 2 + (int)a->what.scope * SET_KINDS + (int)kind
					   : 0;
			struct elem e;

			if (a->dropped)
				continue;
			if (own >= 2)
				used[own - 2] = true;
			if (own != pass)
				continue;
			e = table_elem(&a->what.prefix);
			if (a->what.until != USEC_NEVER)
				e.timeout = a->what.until > t->now ? a->what.until - t->now : 1;
			batch_elem(&t->batch, a->add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
			    table_set_name(t->table, a->what.scope, kind), &e, i);
		}
	}
}

/* Takes an action's request, or all of from..to, out of the transaction. */
static void
refuse(struct turn *t, uint32_t from, uint32_t to, uint32_t op, int error)
{
	for (uint32_t i = from; i < to; i++) {
		struct action *a = &t->actions[i];

		if (op != NO_TAG && a->op != op)
			continue;
		a->dropped = true;
		if (a->op != NO_TAG)
			settle(&t->list[a->op], error);
	}
	t->ops->refused(t->ctx, error);
}

/* One transaction, again without what the kernel refuses. -ENOBUFS, -EMSGSIZE: too large. */
static int
transact(struct turn *t, uint32_t from, uint32_t to)
{
	t->batch.single = false;
	for (;;) {
		bool single = t->batch.single;
		int r;

		build(t, from, to);
		r = batch_commit(&t->batch, t->nl);
		if (r == 0 || ((r == -ENOBUFS || r == -EMSGSIZE) && t->chunk > 1))
			return r;
		if (t->batch.single && !single)
			continue;
		if (t->batch.n_errors == 0 || t->batch.errors[0].tag == NO_TAG) {
			refuse(t, from, to, NO_TAG, r);
			return 0;
		}
		for (uint32_t i = 0; i < t->batch.n_errors; i++) {
			struct batch_error *e = &t->batch.errors[i];
			struct action *a = e->tag == NO_TAG ? NULL : &t->actions[e->tag];

			if (!a || a->dropped)
				continue;
			if (a->op != NO_TAG && (a->add || e->error != -ENOENT))
				refuse(t, from, to, a->op, e->error);
			a->dropped = true; /* a deleted one may have ended by itself meanwhile */
		}
	}
}

void
turn_commit(struct turn *t, usec_t now)
{
	t->now = now;
	t->n_actions = 0;
	for (uint32_t i = t->n; i-- > 0;) /* the last first, for slots are probed in a row */
		if (!t->list[i].settled)
			*slot(t, &t->list[i].ban) = 0;
	for (uint32_t i = 0; i < t->n; i += LOOKUPS)
		look_up(t, i, i + LOOKUPS < t->n ? i + LOOKUPS : t->n);
	t->op = NO_TAG;
	if (banset_next(t->banset) <= now)
		banset_expire(t->banset, now, emit, t);
	for (t->op = 0; t->op < t->n; t->op++) {
		struct op *o = &t->list[t->op];

		if (!o->settled)
			is_interval(o) ? plan_prefix(t, o) : plan_host(t, o);
	}
	for (uint32_t from = 0; from < t->n_actions;) {
		uint32_t to = t->n_actions - from > t->chunk ? from + t->chunk : t->n_actions;

		while (to < t->n_actions && t->actions[to].op == t->actions[to - 1].op)
			to++;
		if (transact(t, from, to) == 0)
			from = to;
		else
			t->chunk = (t->chunk < to - from ? t->chunk : to - from) / 2;
	}
	t->chunk = TURN_MAX;
	for (uint32_t i = 0; i < t->n; i++)
		t->ops->answer(t->ctx, &t->list[i].answer);
	t->n = 0;
	if (t->list_room > KEPT || t->room > KEPT)
		release(t);
}
