/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/enforce.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define RETRY_FIRST 1  /* seconds until refused ones are sent again, doubled up to: */
#define RETRY_MAX   60
#define TELL_MAX    8  /* refusals told one by one until one succeeds */
#define NO_SLOT	    (ENFORCE_ASKED - 1) /* id of messages whose answer nobody needs */
#define JUST_ENDED  (2 * USEC_PER_SEC)	/* an element so old may still be in the kernel */

enum phase {
	PHASE_NONE,
	PHASE_LONGEST, /* along the heap from its end: what holds longest, first */
	PHASE_REST,    /* slot by slot: what moved in the heap meanwhile */
};

struct enforce {
	struct event_base *base;
	struct bans *bans;
	const struct rules *rules;
	const struct enforce_ops *ops;
	void *ctx;
	struct chan *chan;
	struct event *retry;
	enum phase phase;
	uint32_t cursor;
	bool again;	/* something was missed: sweep once more */
	bool full;	/* the sweep sends the whole book and says so at its end */
	bool retrying;	/* the sweep takes the refused ones too */
	bool known, synced;
	uint8_t epoch;	/* of the kernel's table; bans of a former one are not in it */
	uint16_t flags; /* BAN_REPAIR, BAN_EXTEND of the sweep */
	uint32_t open;	/* questions without an answer */
	uint32_t refused, told;
	unsigned wait;
};

static void sweep_more(struct enforce *e);

/* --- what the kernel should have --- */

static uint32_t
scope_of(const struct enforce *e, const struct ban *x)
{
	return e->rules->slots[x->rule].scope;
}

static bool
is_wanted(const struct enforce *e, const struct ban *x, usec_t now)
{
	return !(x->flags & (BANS_DRY | BANS_GONE)) && ban_end(x) > now &&
	       scope_of(e, x) != SCOPE_NOWHERE;
}

bool
enforce_holds(const struct enforce *e, const struct ban *x)
{
	return x->kernel == KERNEL_IN && x->epoch == e->epoch && e->chan;
}

/* What the other bans of the same element mean for this one's. */
struct others {
	usec_t until; /* the latest end of all that are wanted, this one included; 0: none */
	bool there;   /* the element may be in the kernel */
	bool wanted;  /* another one wants it */
};

static struct others
look_at_others(const struct enforce *e, uint32_t slot, usec_t now)
{
	const struct ban *own = bans_get(e->bans, slot);
	const struct prefix p = ban_prefix(own);
	struct others o = {.until = is_wanted(e, own, now) ? own->until : 0};

	for (uint32_t s = bans_first(e->bans, &p); s != BANS_NONE; s = bans_next(e->bans, &p, s)) {
		const struct ban *x = bans_get(e->bans, s);

		if (s == slot || scope_of(e, x) != scope_of(e, own) || (x->flags & BANS_DRY))
			continue;
		if (is_wanted(e, x, now)) {
			o.wanted = o.there = true;
			if (x->until > o.until)
				o.until = x->until;
		} else if (ban_end(x) > now - JUST_ENDED) {
			o.there = true;
		}
	}
	return o;
}

/* --- sending --- */

static int
send_about(struct enforce *e, enum msg_type type, const struct ban *x, uint32_t id, uint32_t scope,
    uint16_t flags, usec_t until)
{
	struct msg m = {.type = (uint16_t)type, .id = id};
	int r;

	m.u.ban.prefix = ban_prefix(x);
	if (x->len < addr_bits(&x->addr))
		m.u.ban.host = x->addr;
	m.u.ban.scope = scope;
	m.u.ban.flags = flags;
	m.u.ban.until = until;
	r = e->chan ? chan_send(e->chan, &m) : -ENOTCONN;
	if (r == 0)
		e->open++;
	return r;
}

static int
send_ban(struct enforce *e, uint32_t slot, uint16_t flags, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);
	struct others o = look_at_others(e, slot, now);
	int r;

	if (!e->known || (o.there && !(flags & BAN_REPAIR)))
		flags |= BAN_EXTEND;
	r = send_about(e, MSG_BAN, x, slot, scope_of(e, x), flags, o.until);
	if (r < 0)
		return r;
	if (x->kernel == KERNEL_REFUSED)
		e->refused--;
	x->kernel = KERNEL_ASKED;
	x->epoch = e->epoch;
	return 0;
}

void
enforce_ban(struct enforce *e, uint32_t slot, usec_t now)
{
	if (!e->chan || !is_wanted(e, bans_get(e->bans, slot), now))
		return;
	if (send_ban(e, slot, 0, now) < 0)
		enforce_sweep(e);
}

static void
leave(struct enforce *e, struct ban *x, enum ban_kernel state)
{
	if (x->kernel == KERNEL_REFUSED)
		e->refused--;
	x->kernel = (uint8_t)state;
}

static int
send_unban(struct enforce *e, uint32_t slot, struct ban *x)
{
	int r = send_about(e, MSG_UNBAN, x, slot, scope_of(e, x), 0, 0);

	if (r == 0) {
		x->kernel = KERNEL_UNASKED;
		x->epoch = e->epoch;
	}
	return r;
}

bool
enforce_unban(struct enforce *e, uint32_t slot, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);

	if ((x->flags & BANS_DRY) || scope_of(e, x) == SCOPE_NOWHERE ||
	    (x->kernel != KERNEL_IN && x->kernel != KERNEL_ASKED) ||
	    look_at_others(e, slot, now).wanted) {
		leave(e, x, KERNEL_OUT);
		return false;
	}
	leave(e, x, KERNEL_LEAVING);
	if (send_unban(e, slot, x) < 0)
		enforce_sweep(e);
	return true;
}

int
enforce_look_up(struct enforce *e, uint32_t slot, uint32_t id)
{
	const struct ban *x = bans_get(e->bans, slot);

	if (!e->chan)
		return -ENOTCONN;
	return send_about(e, MSG_LOOKUP, x, id, scope_of(e, x), 0, 0);
}

void
enforce_flush(struct enforce *e)
{
	if (e->chan)
		chan_flush(e->chan);
}

int
enforce_drain(struct enforce *e, int timeout_ms)
{
	return e->chan ? chan_drain(e->chan, timeout_ms) : 0;
}

/* --- the sweep --- */

static bool
is_leaving(const struct enforce *e, const struct ban *x)
{
	return scope_of(e, x) != SCOPE_NOWHERE &&
	       (x->kernel == KERNEL_LEAVING ||
		   (x->kernel == KERNEL_UNASKED && x->epoch != e->epoch));
}

/* True when something was to be sent and there was no room. */
static bool
sweep_one(struct enforce *e, uint32_t slot, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);
	const struct rule *r;

	if (!x || (x->flags & (BANS_DRY | BANS_GONE)))
		return false;
	if (is_leaving(e, x))
		return send_unban(e, slot, x) < 0;
	if (!is_wanted(e, x, now) || (x->epoch == e->epoch && x->kernel != KERNEL_OUT &&
					 !(x->kernel == KERNEL_REFUSED && e->retrying)))
		return false;
	r = &e->rules->slots[x->rule];
	if (r->moved && r->old_scope != SCOPE_NOWHERE &&
	    send_about(e, MSG_UNBAN, x, NO_SLOT, r->old_scope, 0, 0) < 0)
		return true;
	return send_ban(e, slot, e->flags, now) < 0;
}

static void
sweep_end(struct enforce *e)
{
	struct msg m = {.type = MSG_SYNCED};

	e->phase = PHASE_NONE;
	e->retrying = false;
	if (e->full && chan_send(e->chan, &m) == 0) {
		e->full = false;
		e->synced = true;
		e->flags = 0;
	}
	for (uint16_t i = 0; i < e->rules->n; i++)
		e->rules->slots[i].moved = false;
	if (e->again)
		enforce_sweep(e);
}

static void
sweep_more(struct enforce *e)
{
	usec_t now = clock_real();

	while (e->phase != PHASE_NONE && e->chan && e->open < ENFORCE_WINDOW) {
		uint32_t slot;

		if (e->phase == PHASE_LONGEST) {
			if (e->cursor > bans_placed(e->bans))
				e->cursor = bans_placed(e->bans);
			if (e->cursor == 0) {
				e->phase = PHASE_REST;
				continue;
			}
			slot = bans_at_place(e->bans, --e->cursor);
		} else {
			if (e->cursor >= bans_high(e->bans)) {
				sweep_end(e);
				return;
			}
			slot = e->cursor++;
		}
		/* Without room it goes on when there is some; what was passed over is seen again. */
		if (sweep_one(e, slot, now)) {
			e->again = true;
			return;
		}
	}
}

static void
sweep_start(struct enforce *e)
{
	e->phase = PHASE_LONGEST;
	e->cursor = bans_placed(e->bans);
	e->again = false;
	sweep_more(e);
}

void
enforce_sweep(struct enforce *e)
{
	if (e->phase != PHASE_NONE)
		e->again = true;
	else if (e->chan)
		sweep_start(e);
}

/* The whole book: what the table of this epoch has not been sent yet. */
static void
resync(struct enforce *e, uint16_t flags)
{
	e->full = true;
	e->synced = false;
	e->flags = flags;
	sweep_start(e);
}

static void
on_resync(struct enforce *e, uint32_t why)
{
	static const char *const whys[] = {
	    [RESYNC_START] = NULL,
	    [RESYNC_MADE] = "the table in the kernel was made anew",
	    [RESYNC_REPAIRED] = "somebody else changed the table in the kernel",
	};

	/* At a start everything is being sent already. */
	if (why == RESYNC_START && (e->full || e->synced))
		return;
	if (why < sizeof(whys) / sizeof(*whys) && whys[why] && bans_count(e->bans) > 0)
		log_notice("%s: sending all %u bans", whys[why], bans_count(e->bans));
	e->epoch++;
	e->synced = false;
	resync(e, BAN_REPAIR);
}

void
enforce_known(struct enforce *e, bool known)
{
	e->known = known;
}

bool
enforce_is_connected(const struct enforce *e)
{
	return e->chan != NULL;
}

bool
enforce_is_synced(const struct enforce *e)
{
	return e->chan && e->synced;
}

uint32_t
enforce_refused(const struct enforce *e)
{
	return e->refused;
}

const char *
enforce_trouble(const struct enforce *e, const struct ban *x)
{
	if ((x->flags & BANS_DRY) || enforce_holds(e, x))
		return NULL;
	if (!e->chan)
		return "the keeper does not answer";
	if (x->kernel == KERNEL_NEVER)
		return "an address that is never banned";
	return x->kernel == KERNEL_REFUSED ? strerror(-x->error) : "not sent to the kernel yet";
}

/* --- answers --- */

static void
retry_later(struct enforce *e)
{
	const struct timeval in = {.tv_sec = e->wait ? e->wait : RETRY_FIRST};

	if (evtimer_pending(e->retry, NULL))
		return;
	e->wait = (unsigned)in.tv_sec * 2 < RETRY_MAX ? (unsigned)in.tv_sec * 2 : RETRY_MAX;
	evtimer_add(e->retry, &in);
}

/* Those that were refused until their end do not count any more. */
static void
count_refused(struct enforce *e)
{
	e->refused = 0;
	for (uint32_t i = 0; i < bans_high(e->bans); i++) {
		struct ban *x = bans_get(e->bans, i);

		if (!x || x->kernel != KERNEL_REFUSED)
			continue;
		if (is_wanted(e, x, clock_real()))
			e->refused++;
		else
			x->kernel = KERNEL_OUT;
	}
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct enforce *e = arg;

	(void)fd;
	(void)what;
	count_refused(e);
	if (e->refused == 0)
		return;
	if (e->phase != PHASE_NONE) {
		retry_later(e);
		return;
	}
	e->retrying = true;
	enforce_sweep(e);
}

static void
refused(struct enforce *e, struct ban *x, int error)
{
	const struct prefix p = ban_prefix(x);
	char text[ADDR_TEXT_MAX];

	x->kernel = KERNEL_REFUSED;
	x->error = (int16_t)error;
	e->refused++;
	if (e->told < TELL_MAX)
		log_err("cannot ban %s (%s): %s; trying again", prefix_format(&p, text),
		    e->rules->slots[x->rule].name, strerror(-error));
	else if (e->told == TELL_MAX)
		log_err("more bans are refused, which are not told one by one");
	e->told++;
	retry_later(e);
}

static void
never(const struct enforce *e, struct ban *x, const struct prefix *which)
{
	const struct prefix p = ban_prefix(x);
	char text[ADDR_TEXT_MAX], entry[ADDR_TEXT_MAX];

	if (x->kernel != KERNEL_NEVER)
		log_warning("not banned: %s (%s), as %s is never banned", prefix_format(&p, text),
		    e->rules->slots[x->rule].name, prefix_format(which, entry));
	x->kernel = KERNEL_NEVER;
}

/* The ban a message is about; NULL when the slot holds another one by now. */
static struct ban *
ban_of(const struct enforce *e, const struct msg *m)
{
	struct ban *x = bans_get(e->bans, m->id);
	struct prefix p;

	if (!x || m->u.banned.status == BANNED_NEVER)
		return x;
	p = m->u.banned.status == BANNED_HOST_ONLY ? prefix_host(&x->addr) : ban_prefix(x);
	return prefix_cmp(&p, &m->u.banned.prefix) == 0 ? x : NULL;
}

static void
add_drops(struct enforce *e, uint32_t slot, struct ban *x, const struct msg_banned *b)
{
	if (b->packets == 0 && b->bytes == 0)
		return;
	x->packets += b->packets;
	x->bytes += b->bytes;
	bans_change(e->bans, slot);
}

static void
enforce_on_banned(struct enforce *e, const struct msg *m)
{
	struct ban *x = ban_of(e, m);
	int status = m->u.banned.status;

	/* An unban that went out meanwhile has the last word. */
	if (!x || x->kernel != KERNEL_ASKED)
		return;
	if (status == 0 || status == BANNED_HOST_ONLY) {
		x->kernel = KERNEL_IN;
		x->error = 0;
		e->wait = e->told = 0;
		add_drops(e, m->id, x, &m->u.banned);
		if (status == BANNED_HOST_ONLY)
			bans_narrow(e->bans, m->id, (uint8_t)addr_bits(&x->addr));
	} else if (status == BANNED_NEVER) {
		never(e, x, &m->u.banned.prefix);
	} else {
		refused(e, x, status < 0 ? status : -EPROTO);
	}
	e->ops->on_banned(e->ctx, m->id, &m->u.banned);
}

static void
enforce_on_unbanned(struct enforce *e, const struct msg *m)
{
	struct ban *x = m->id == NO_SLOT ? NULL : ban_of(e, m);

	if (x) {
		if (m->u.banned.status == 0)
			add_drops(e, m->id, x, &m->u.banned);
		if (x->kernel == KERNEL_UNASKED)
			x->kernel = KERNEL_OUT;
	}
	e->ops->on_answer(e->ctx, m);
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct enforce *e = ctx;

	(void)fd;
	switch (m->type) {
	case MSG_BANNED:
	case MSG_UNBANNED:
	case MSG_FOUND_BAN:
		if (e->open > 0)
			e->open--;
		break;
	default:
		break;
	}
	if (m->type == MSG_BANNED)
		enforce_on_banned(e, m);
	else if (m->type == MSG_UNBANNED)
		enforce_on_unbanned(e, m);
	else if (m->type == MSG_FOUND_BAN)
		e->ops->on_answer(e->ctx, m);
	else if (m->type == MSG_RESYNC)
		on_resync(e, m->u.resync.why);
	else
		e->ops->on_own(e->ctx, m);
}

static void
go_on(void *ctx)
{
	struct enforce *e = ctx;

	if (e->phase != PHASE_NONE)
		sweep_more(e);
	else if (e->full && e->chan)
		sweep_end(e);
}

static void
on_close(void *ctx, int error)
{
	struct enforce *e = ctx;

	if (error < 0)
		log_err("the keeper broke the protocol");
	chan_free(e->chan);
	e->chan = NULL;
	e->phase = PHASE_NONE;
	e->synced = false;
}

static const struct chan_ops chan_ops = {
    .on_msg = on_msg, .on_packet = go_on, .on_room = go_on, .on_close = on_close};

int
enforce_new(struct enforce **out, struct event_base *base, struct bans *bans,
    const struct rules *rules, const struct enforce_ops *ops, void *ctx)
{
	struct enforce *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct enforce){
	    .base = base, .bans = bans, .rules = rules, .ops = ops, .ctx = ctx, .known = true};
	e->retry = evtimer_new(base, on_retry, e);
	if (!e->retry) {
		free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void
enforce_free(struct enforce *e)
{
	if (!e)
		return;
	chan_free(e->chan);
	event_free(e->retry);
	free(e);
}

int
enforce_connect(struct enforce *e, int fd)
{
	int r;

	if (e->chan)
		chan_read_rest(e->chan);
	chan_free(e->chan);
	e->chan = NULL;
	r = chan_new(&e->chan, e->base, fd, ROLE_JUDGE, ROLE_KEEPER, ENFORCE_QUEUE, &chan_ops, e);
	if (r < 0)
		return r;
	e->open = 0;
	e->epoch++;
	resync(e, BAN_REPAIR);
	return 0;
}
