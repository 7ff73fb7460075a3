/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/asked.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "judge/lift.h"

#define UNBAN_MOST 65536 /* bans lifted by one word of another host */

/* A question that was put to the kernel. */
struct waiting {
	uint32_t slot, id;
	usec_t since; /* monotonic */
	bool lift;
};

struct asked {
	struct court *court;
	struct foreign foreign;
	asked_answer answer;
	void *ctx;
	struct event *late;
	struct waiting waiting[ASKED_WAITING];
	uint32_t n;
	usec_t lines; /* rate_take: in the log, of what other hosts unban */
};

static void
give(struct asked *a, uint32_t id, enum taken_status s)
{
	a->foreign.taken[s]++;
	a->answer(a->ctx, id, s);
}

static void
wait_for_kernel(struct asked *a, uint32_t id, uint32_t slot, bool lift)
{
	static const struct timeval in = {.tv_sec = ASKED_PATIENCE};

	if (a->n == ASKED_WAITING) {
		give(a, id, TAKEN_DONE);
		return;
	}
	if (a->n == 0)
		evtimer_add(a->late, &in);
	a->waiting[a->n++] = (struct waiting){slot, id, clock_mono(), lift};
}

/* An answer may end it all: asked_forget. */
static void
settle(struct asked *a, uint32_t slot, bool lift, enum taken_status s)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct waiting w = a->waiting[i];

		if (w.slot != slot || w.lift != lift)
			continue;
		a->waiting[i--] = a->waiting[--a->n];
		give(a, w.id, s);
	}
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval in = {.tv_sec = 1};
	struct asked *a = arg;
	usec_t before = clock_mono() - ASKED_PATIENCE * USEC_PER_SEC + USEC_PER_SEC / 2;

	(void)fd;
	(void)what;
	for (uint32_t i = 0; i < a->n; i++) {
		struct waiting w = a->waiting[i];

		if (w.since > before)
			continue;
		a->waiting[i--] = a->waiting[--a->n];
		give(a, w.id, TAKEN_DONE);
	}
	if (a->n > 0)
		evtimer_add(a->late, &in);
}

void
asked_question(struct asked *a, const struct msg *m, const char *host)
{
	bool lift = m->type == MSG_DROP;
	usec_t now = court_now(a->court), mono = clock_mono();
	uint32_t slot;
	enum taken_status s =
	    (lift ? foreign_drop : foreign_take)(&a->foreign, &m->u.fleet, host, now, mono, &slot);
	const struct ban *x = slot == BANS_NONE ? NULL : bans_get(a->court->bans, slot);

	/* In the book before it is answered: nobody says it again. */
	if (s == TAKEN_DONE)
		court_changed(a->court, true);
	if (s == TAKEN_DONE && x && x->kernel == (lift ? KERNEL_UNASKED : KERNEL_ASKED))
		wait_for_kernel(a, m->id, slot, lift);
	else
		give(a, m->id, s);
}

void
asked_forget(struct asked *a)
{
	a->n = 0;
	evtimer_del(a->late);
}

static enum taken_status
status_of(const struct ban *x)
{
	if (x->kernel == KERNEL_NEVER)
		return TAKEN_NEVER;
	return x->kernel == KERNEL_REFUSED ? TAKEN_FAILED : TAKEN_DONE;
}

void
asked_on_banned(struct asked *a, uint32_t slot)
{
	const struct ban *x = bans_get(a->court->bans, slot);

	settle(a, slot, false, status_of(x));
	if (x->kernel == KERNEL_NEVER)
		bans_end(a->court->bans, slot, clock_real());
}

void
asked_on_answer(struct asked *a, const struct msg *m)
{
	if (m->type == MSG_UNBANNED)
		settle(a, m->id, true, TAKEN_DONE);
}

/* --- what other hosts lift --- */

static bool
may_log(struct asked *a)
{
	static const struct rate_limit lines = {USEC_PER_SEC, 20 * USEC_PER_SEC};

	return rate_take(&a->lines, &lines, clock_mono());
}

static void
lift(void *ctx, uint32_t slot)
{
	struct asked *a = ctx;
	const struct ban *x = bans_get(a->court->bans, slot);
	const struct prefix p = ban_prefix(x);
	char text[ADDR_TEXT_MAX];

	lift_one(a->court, slot, court_now(a->court));
	if (may_log(a))
		log_info("unbanned %s (%s), as %.*s did", prefix_format(&p, text),
		    a->court->rules.slots[x->rule].name, (int)strcspn(x->note, ":"), x->note);
}

static uint32_t
unban(void *ctx, const struct prefix *p, const char *host)
{
	struct asked *a = ctx;
	usec_t now = court_now(a->court);
	_cleanup_(lifted_fini) struct lifted l = {.max = UNBAN_MOST};
	char text[ADDR_TEXT_MAX];

	lift_inside(a->court, p, &l, now);
	lift_out(a->court, &l, now);
	if (l.n > 0 && may_log(a))
		log_notice("unbanned %s by hand at %s: %u ban%s ended", prefix_format(p, text),
		    host, l.n, l.n == 1 ? "" : "s");
	return l.n;
}

static const struct foreign_ops foreign_ops = {.lift = lift, .lift_inside = unban};

/* --- the whole --- */

int
asked_new(struct asked **out, struct court *c, asked_answer answer, void *ctx)
{
	struct asked *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	*a = (struct asked){.court = c, .answer = answer, .ctx = ctx};
	foreign_init(&a->foreign, &c->verdict, &c->image, &foreign_ops, a);
	a->late = evtimer_new(c->base, on_late, a);
	if (!a->late) {
		asked_free(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}

void
asked_free(struct asked *a)
{
	if (!a)
		return;
	if (a->late)
		event_free(a->late);
	foreign_fini(&a->foreign);
	free(a);
}

struct foreign *
asked_foreign(struct asked *a)
{
	return &a->foreign;
}
