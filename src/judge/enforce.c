/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/enforce_private.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define RETRY_FIRST 1 /* seconds until refused ones are sent again, doubled up to: */
#define RETRY_MAX   60
#define TELL_MAX    8 /* refusals told one by one until one succeeds */

/* The whole book: what the table of this epoch has not been sent yet. */
static void
resync(struct enforce *e, uint16_t flags)
{
	e->full = true;
	e->synced = false;
	e->flags = flags;
	enforce_start_sweep(e);
}

static void
on_resync(struct enforce *e, uint32_t why)
{
	static const char *const whys[] = {
	    [RESYNC_START] = NULL,
	    [RESYNC_MADE] = "the table in the kernel was made anew",
	    [RESYNC_REPAIRED] = "somebody else changed the table in the kernel",
	};

	const bool met = e->met;

	e->met = true;
	/* At a start everything is being sent already. */
	if (why == RESYNC_START && (e->full || e->synced))
		return;
	if (why < sizeof(whys) / sizeof(*whys) && whys[why] && bans_count(e->bans) > 0)
		log_notice("%s: sending all %u bans", whys[why], bans_count(e->bans));
	if (why == RESYNC_MADE)
		e->forgot = false;
	/* The first word of a keeper is of its own start, when the table was made. */
	if (why != RESYNC_START && met) {
		e->repairs++;
		e->ops->on_repair(e->ctx, why);
	}
	bans_epoch(e->bans, ++e->epoch);
	e->synced = false;
	resync(e, BAN_REPAIR);
}

void
enforce_forgot(struct enforce *e)
{
	e->forgot = true;
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

bool
enforce_is_calm(const struct enforce *e)
{
	return e->phase == PHASE_NONE && e->open == 0;
}

uint64_t
enforce_repairs(const struct enforce *e)
{
	return e->repairs;
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
		if (enforce_is_wanted(e, x, clock_real()))
			e->refused++;
		else
			bans_kernel(e->bans, x, KERNEL_OUT);
	}
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct enforce *e = arg;

	(void)fd;
	(void)what;
	count_refused(e);
	e->ops->on_refused(e->ctx);
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

	bans_kernel(e->bans, x, KERNEL_REFUSED);
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
	bans_kernel(e->bans, x, KERNEL_NEVER);
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
add_drops(struct enforce *e, uint32_t slot, const struct ban *x, const struct msg_banned *b)
{
	if ((b->packets == 0 && b->bytes == 0) || (x->flags & BANS_READ))
		return;
	bans_dropped(e->bans, slot, b->packets, b->bytes);
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
		bans_kernel(e->bans, x, KERNEL_IN);
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
	struct ban *x = m->id == ENFORCE_NO_SLOT ? NULL : ban_of(e, m);

	if (x) {
		if (m->u.banned.status == 0)
			add_drops(e, m->id, x, &m->u.banned);
		if (x->kernel == KERNEL_UNASKED)
			bans_kernel(e->bans, x, KERNEL_OUT);
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
		enforce_go_on(e);
	else if (e->full && e->chan)
		enforce_end_sweep(e);
	e->ops->on_refused(e->ctx);
}

static void
on_close(void *ctx, int error)
{
	struct enforce *e = ctx;

	if (error < 0)
		fatal(
		    "the keeper broke the protocol"); /* our successor gets a channel of its own */
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
	*e = (struct enforce){.base = base, .bans = bans, .rules = rules, .ops = ops, .ctx = ctx};
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
	e->met = false;
	bans_epoch(e->bans, ++e->epoch);
	resync(e, BAN_REPAIR);
	return 0;
}
