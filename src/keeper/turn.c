/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define KEPT    1024 /* requests whose memory is kept for the next turn */
#define LOOKUPS 2048 /* questions at once: their answers wait in the socket */
/* The kernel counts in jiffies of its own clock: a ban sent again is not longer for that. */
#define SLACK (250 * USEC_PER_MSEC)

struct turn_op {
	struct msg_ban ban; /* prefix is the host alone where the prefix is refused */
	struct msg answer;
	bool settled;          /* the answer is final: nothing goes to the kernel */
	bool found;            /* by the lookup, with what follows */
	struct elem_state was; /* remaining is a time here: until */
};

struct turn_action {
	struct banned_prefix what;
	bool add, dropped;
	uint32_t op; /* NO_TAG: no request's */
};

static void
settle(struct turn_op *o, int status)
{
	o->settled = true;
	o->answer.u.banned.status = status;
}

static bool
is_interval(const struct prefix *p)
{
	return set_kind(p) >= SET_PREFIX4;
}

static bool
is_sane(const struct turn *t, const struct msg_ban *b)
{
	struct prefix again = prefix_of(&b->prefix.addr, b->prefix.len);

	return addr_bits(&b->prefix.addr) > 0 && prefix_cmp(&again, &b->prefix) == 0 &&
	       b->scope < t->table->scopes && (!b->host.family || prefix_has(&b->prefix, &b->host));
}

/* A never-ban address is never hit, neither alone nor as one of a prefix. */
static void
spare(const struct turn *t, struct turn_op *o)
{
	struct msg_banned *answer = &o->answer.u.banned;

	if (!prefixset_touches(t->never, &o->ban.prefix))
		return;
	if (o->ban.host.family && !prefixset_has(t->never, &o->ban.host)) {
		o->ban.prefix = answer->prefix = prefix_host(&o->ban.host);
		answer->status = BANNED_HOST_ONLY;
		o->ban.flags |= BAN_EXTEND; /* it may be banned already, for longer */
		return;
	}
	settle(o, BANNED_NEVER);
	for (size_t i = 0; i < t->never->n; i++)
		if (prefix_overlaps(&t->never->items[i], &o->ban.prefix))
			answer->prefix = t->never->items[i];
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
	for (h = hash_bytes(&hash_stable, &key, sizeof(key));; h++) {
		uint16_t *s = &t->slots[h % (2 * TURN_MAX)];
		const struct msg_ban *taken = *s ? &t->ops[*s - 1].ban : b;

		if (taken->scope == b->scope && prefix_cmp(&taken->prefix, &b->prefix) == 0)
			return s;
	}
}

void
turn_add(struct turn *t, const struct msg *m, int ready, usec_t now)
{
	static const uint16_t answers[] = {
	    [MSG_BAN] = MSG_BANNED, [MSG_UNBAN] = MSG_UNBANNED, [MSG_LOOKUP] = MSG_FOUND_BAN};
	struct turn_op o = {.ban = m->u.ban, .answer = {.id = m->id}};

	o.answer.type = answers[m->type];
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
	if (t->n == TURN_MAX || (!o.settled && *slot(t, &o.ban)))
		turn_commit(t, now);
	t->ops = batch_grow(t->ops, t->n, 1, &t->room, sizeof(o));
	t->ops[t->n++] = o;
	if (!o.settled)
		*slot(t, &o.ban) = (uint16_t)t->n;
}

static void
on_found(void *ctx, uint32_t tag, int error, const struct elem_state *s)
{
	struct turn *t = ctx;
	struct turn_op *o = &t->ops[tag];

	if (!s && error != -ENOENT)
		settle(o, error);
	if (!s)
		return;
	o->found = true;
	o->was = *s;
	if (s->remaining != USEC_NEVER)
		o->was.remaining += t->now;
}

/* What requests must know of the kernel; of a prefix, the wider one that stands for it. */
static void
look_up(struct turn *t, uint32_t from, uint32_t to)
{
	int r;

	batch_begin(&t->batch);
	for (uint32_t i = from; i < to; i++) {
		const struct turn_op *o = &t->ops[i];
		const struct prefix *p = &o->ban.prefix;
		const struct banned_prefix *shown =
		    is_interval(p) ? banset_cover(t->banset, o->ban.scope, p) : NULL;
		struct elem e = table_elem(shown ? &shown->prefix : p, USEC_NEVER, 0);

		if (!o->settled &&
		    (shown || o->answer.type != MSG_BANNED || o->ban.flags & BAN_EXTEND))
			batch_elem(&t->batch, NFT_MSG_GETSETELEM,
			    table_set_name(t->table, o->ban.scope, set_kind(p)), &e, i);
	}
	r = batch_lookup(&t->batch, t->nl, on_found, t);
	for (uint32_t i = from; i < to && r < 0; i++)
		if (!t->ops[i].settled)
			settle(&t->ops[i], r);
}

static void
emit(void *ctx, bool add, const struct banned_prefix *p)
{
	struct turn *t = ctx;

	t->actions = batch_grow(t->actions, t->n_actions, 1, &t->actions_room, sizeof(*t->actions));
	t->actions[t->n_actions++] = (struct turn_action){.what = *p, .add = add, .op = t->op};
}

/* e: what the banset knows of a prefix; NULL for hosts, of which the kernel alone knows. */
static void
plan_ban(struct turn *t, struct turn_op *o, const struct banned_prefix *e)
{
	struct msg_banned *answer = &o->answer.u.banned;
	struct banned_prefix p = {
	    .prefix = o->ban.prefix, .scope = o->ban.scope, .until = o->ban.until};
	bool replaced = o->found && (!e || e->shown);
	uint32_t before = t->n_actions;

	/* Not the banset's and yet there: a host, or a prefix of an earlier life of the keeper.
	 * Before Linux 6.12 adding again does not change the timeout, so that it is deleted and
	 * added. */
	if (o->found && !banset_cover(t->banset, p.scope, &p.prefix)) {
		if (o->was.remaining >= p.until - SLACK)
			p.until = o->was.remaining;
		if (o->was.remaining < p.until || is_interval(&p.prefix))
			emit(t, false, &p);
	}
	if (is_interval(&p.prefix)) {
		int r = banset_ban(t->banset, &p, t->now, emit, t);

		if (r < 0)
			return settle(o, r);
		p.until = banset_find(t->banset, p.scope, &p.prefix)->until;
	} else if (!o->found || t->n_actions > before) {
		emit(t, true, &p);
	}
	answer->until = p.until;
	if (replaced && t->n_actions > before) {
		answer->packets = o->was.packets;
		answer->bytes = o->was.bytes;
	}
}

static void
plan(struct turn *t, struct turn_op *o)
{
	struct banned_prefix p = {.prefix = o->ban.prefix, .scope = o->ban.scope};
	struct banned_prefix *e =
	    is_interval(&p.prefix) ? banset_find(t->banset, p.scope, &p.prefix) : NULL;
	struct msg_banned *answer = &o->answer.u.banned;

	if (o->answer.type == MSG_BANNED)
		return plan_ban(t, o, e);
	answer->until = e ? e->until : o->was.remaining;
	answer->packets = !e || e->shown ? o->was.packets : 0;
	answer->bytes = !e || e->shown ? o->was.bytes : 0;
	if (!o->found)
		answer->status = -ENOENT;
	if (o->answer.type == MSG_UNBANNED && e)
		banset_unban(t->banset, e, t->now, emit, t);
	else if (o->answer.type == MSG_UNBANNED && o->found)
		emit(t, false, &p);
}

/* Deletions of hosts, then prefixes in their order, then additions of hosts, set by set. */
static uint32_t
pass_of(const struct turn_action *a)
{
	enum set_kind kind = set_kind(&a->what.prefix);

	return kind >= SET_PREFIX4 ? 1 : a->add ? 2 + a->what.scope * SET_KINDS + kind : 0;
}

static void
build(struct turn *t, uint32_t from, uint32_t to)
{
	bool used[2 + TABLE_SCOPES * SET_KINDS] = {0};

	batch_begin(&t->batch);
	for (uint32_t i = from; i < to; i++)
		used[pass_of(&t->actions[i])] = true;
	for (uint32_t pass = 0; pass < sizeof(used); pass++)
		for (uint32_t i = from; used[pass] && i < to; i++) {
			const struct turn_action *a = &t->actions[i];
			struct elem e = table_elem(&a->what.prefix, a->what.until, t->now);

			if (a->dropped || pass_of(a) != pass)
				continue;
			batch_elem(&t->batch, a->add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
			    table_set_name(t->table, a->what.scope, set_kind(&a->what.prefix)), &e,
			    i);
		}
}

/* Takes one request's actions, or (NO_TAG) all, out of the transaction. */
static void
refuse(struct turn *t, uint32_t from, uint32_t to, uint32_t op, int error)
{
	for (uint32_t i = from; i < to; i++) {
		struct turn_action *a = &t->actions[i];

		if (op != NO_TAG && a->op != op)
			continue;
		a->dropped = true;
		if (a->op != NO_TAG)
			settle(&t->ops[a->op], error);
	}
	t->refused(t->ctx, error);
}

/* One transaction, again without what is refused. -ENOBUFS, -EMSGSIZE: send less at once. */
static int
transact(struct turn *t, uint32_t from, uint32_t to, uint32_t chunk)
{
	t->batch.single = false;
	for (;;) {
		bool single = t->batch.single;
		int r;

		build(t, from, to);
		r = batch_commit(&t->batch, t->nl);
		if (r == 0 || ((r == -ENOBUFS || r == -EMSGSIZE) && chunk > 1))
			return r;
		if (t->batch.single && !single)
			continue;
		if (t->batch.n_errors == 0 || t->batch.errors[0].tag == NO_TAG) {
			refuse(t, from, to, NO_TAG, r);
			return 0;
		}
		for (uint32_t i = 0; i < t->batch.n_errors; i++) {
			const struct batch_error *e = &t->batch.errors[i];
			struct turn_action *a = e->tag == NO_TAG ? NULL : &t->actions[e->tag];

			if (!a || a->dropped)
				continue;
			/* What is to be deleted may have ended by itself meanwhile. */
			if (a->op != NO_TAG && (a->add || e->error != -ENOENT))
				refuse(t, from, to, a->op, e->error);
			a->dropped = true;
		}
	}
}

static void
send_actions(struct turn *t)
{
	uint32_t chunk = TURN_MAX;

	for (uint32_t from = 0, to; from < t->n_actions;) {
		to = t->n_actions - from > chunk ? from + chunk : t->n_actions;
		while (to < t->n_actions && t->actions[to].op == t->actions[to - 1].op)
			to++;
		if (transact(t, from, to, chunk) == 0)
			from = to;
		else
			chunk = (to - from < chunk ? to - from : chunk) / 2;
		chunk += chunk == 0;
	}
}

void
turn_commit(struct turn *t, usec_t now)
{
	t->now = now;
	t->n_actions = 0;
	for (uint32_t i = t->n; i-- > 0;) /* the last first, for slots are probed in a row */
		if (!t->ops[i].settled)
			*slot(t, &t->ops[i].ban) = 0;
	for (uint32_t i = 0; i < t->n; i += LOOKUPS)
		look_up(t, i, i + LOOKUPS < t->n ? i + LOOKUPS : t->n);
	t->op = NO_TAG;
	if (banset_next(t->banset) <= now)
		banset_expire(t->banset, now, emit, t);
	for (t->op = 0; t->op < t->n; t->op++)
		if (!t->ops[t->op].settled)
			plan(t, &t->ops[t->op]);
	send_actions(t);
	for (uint32_t i = 0; i < t->n; i++)
		t->answer(t->ctx, &t->ops[i].answer);
	t->n = 0;
	if (t->room > KEPT || t->actions_room > KEPT) {
		batch_fini(&t->batch);
		free(t->ops);
		free(t->actions);
		t->ops = NULL;
		t->actions = NULL;
		t->room = t->actions_room = 0;
	}
}
