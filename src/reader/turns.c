/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/turns.h"

#include <errno.h>

#define SAVE_DELAY   1  /* seconds */
#define JOURNAL_CALM 10 /* seconds without news after which a journal is closed */
#define LOOK_AGAIN   2  /* seconds between two looks at how far behind those in line are */
#define WORK_LATEST  50 /* milliseconds after which those that catch up wait for nothing else */

TAILQ_HEAD(instances, instance);

struct turns {
	struct event_base *base;
	struct instance_env *env;
	struct event *work, *work_late, *save, *look;
	struct instances live; /* with fresh lines, while the outbox is stalled */
	struct instances queue, dirty;
	bool running;
	struct turns_ops ops;
};

static void on_work(evutil_socket_t fd, short what, void *arg);
static void on_save(evutil_socket_t fd, short what, void *arg);
static void on_look(evutil_socket_t fd, short what, void *arg);

int
turns_new(struct turns **out, struct event_base *base, struct instance_env *env,
    const struct turns_ops *ops)
{
	_cleanup_(turns_freep) struct turns *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->base = base;
	t->env = env;
	t->ops = *ops;
	TAILQ_INIT(&t->live);
	TAILQ_INIT(&t->queue);
	TAILQ_INIT(&t->dirty);
	t->work = evtimer_new(base, on_work, t);
	t->work_late = evtimer_new(base, on_work, t);
	t->save = evtimer_new(base, on_save, t);
	t->look = evtimer_new(base, on_look, t);
	if (!t->work || !t->work_late || !t->save || !t->look ||
	    event_priority_set(t->work, TURNS_CATCH_UP) < 0)
		return -ENOMEM;
	*out = t;
	t = NULL;
	return 0;
}

void
turns_free(struct turns *t)
{
	if (!t)
		return;
	if (t->work)
		event_free(t->work);
	if (t->work_late)
		event_free(t->work_late);
	if (t->save)
		event_free(t->save);
	if (t->look)
		event_free(t->look);
	free(t);
}

static bool
may_read(const struct turns *t)
{
	return t->running && !outbox_stalled(t->env->outbox);
}

/* Those with fresh lines come first, however many catch up. */
static struct instance *
next_in_line(const struct turns *t)
{
	struct instance *i = TAILQ_FIRST(&t->live);

	return i ? i : TAILQ_FIRST(&t->queue);
}

/* A timer of no length: unlike event_active it lets the loop look for news before every block. The
 * other one is for news without end, behind which the first would never come. */
static void
work_soon(struct turns *t)
{
	if (!may_read(t) || !next_in_line(t))
		return;
	evtimer_add(t->work, &(struct timeval){0});
	if (!evtimer_pending(t->work_late, NULL))
		evtimer_add(t->work_late, &(struct timeval){.tv_usec = WORK_LATEST * 1000});
}

static void
enqueue(struct turns *t, struct instance *i, bool live)
{
	if (i->queued)
		return;
	i->queued = true;
	i->urgent = live;
	if (live)
		TAILQ_INSERT_TAIL(&t->live, i, link);
	else
		TAILQ_INSERT_TAIL(&t->queue, i, link);
	if (!evtimer_pending(t->look, NULL))
		evtimer_add(t->look, &(struct timeval){.tv_sec = LOOK_AGAIN});
	work_soon(t);
}

static void
dequeue(struct turns *t, struct instance *i)
{
	if (!i->queued)
		return;
	if (i->urgent)
		TAILQ_REMOVE(&t->live, i, link);
	else
		TAILQ_REMOVE(&t->queue, i, link);
	i->queued = i->urgent = false;
	if (next_in_line(t))
		return;
	evtimer_del(t->look);
	evtimer_del(t->work_late);
}

void
turns_dirty(struct turns *t, struct instance *i)
{
	i->dirty = true;
	if (!i->listed) {
		i->listed = true;
		TAILQ_INSERT_TAIL(&t->dirty, i, dirty_link);
	}
	if (!evtimer_pending(t->save, NULL))
		evtimer_add(t->save, &(struct timeval){.tv_sec = SAVE_DELAY});
}

/* While a journal is open its files are mapped: a timer closes it once it is calm. */
static void
mind_journal(struct instance *i)
{
	if (!source_journal_is_open(i->journal) || evtimer_pending(i->idle, NULL))
		return;
	i->busy = false;
	evtimer_add(i->idle, &(struct timeval){.tv_sec = JOURNAL_CALM});
}

static void
mind_lag(struct turns *t, struct instance *i, bool behind)
{
	enum lag_news news = instance_lag(i, behind);

	if (news != LAG_NOTHING)
		t->ops.on_lag(t->ops.ctx, i, news);
}

static void
step(struct turns *t, struct instance *i, bool fresh, bool live)
{
	int r;

	t->env->arrived = live ? clock_mono() : 0;
	r = instance_step(i, fresh);
	if (i->dirty)
		turns_dirty(t, i);
	/* What the judge has no room for keeps its place before those that catch up. */
	if (r == INSTANCE_MORE || r == INSTANCE_HELD)
		enqueue(t, i, live && r == INSTANCE_HELD && outbox_stalled(t->env->outbox));
	if (r < 0)
		t->ops.on_failed(t->ops.ctx, i);
	else if (r != INSTANCE_ASKED)
		mind_lag(t, i, r != INSTANCE_IDLE);
	if (i->idle)
		mind_journal(i);
}

static void
step_next(struct turns *t, struct instance *i)
{
	bool fresh = i->fresh, live = i->urgent;

	dequeue(t, i);
	i->fresh = false;
	step(t, i, fresh, live);
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct turns *t = arg;
	struct instance *i = next_in_line(t);

	(void)fd;
	(void)what;
	if (!i || !may_read(t))
		return;
	t->env->now = t->env->clock();
	evtimer_del(t->work_late);
	step_next(t, i);
	work_soon(t);
}

static void
look_at(struct turns *t, struct instances *list)
{
	struct instance *i;

	TAILQ_FOREACH(i, list, link)
	{
		instance_look(i);
		mind_lag(t, i, true);
	}
}

/* Files grow while they wait, and a judge that takes nothing lets nobody read. */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct turns *t = arg;

	(void)fd;
	(void)what;
	t->env->now = t->env->clock();
	look_at(t, &t->live);
	look_at(t, &t->queue);
	if (next_in_line(t))
		evtimer_add(t->look, &(struct timeval){.tv_sec = LOOK_AGAIN});
}

void
turns_run(struct turns *t, bool on)
{
	t->running = on;
	work_soon(t);
}

void
turns_queue(struct turns *t, struct instance *i)
{
	i->fresh = true;
	enqueue(t, i, false);
}

void
turns_live(struct turns *t, struct instance *i)
{
	if (!i->queued && may_read(t)) {
		step(t, i, true, true);
		return;
	}
	i->fresh = true;
	enqueue(t, i, true);
}

void
turns_room(struct turns *t)
{
	struct instance *i;

	t->env->now = t->env->clock();
	while (may_read(t) && (i = TAILQ_FIRST(&t->live)))
		step_next(t, i);
	work_soon(t);
}

void
turns_save(struct turns *t)
{
	struct instance *i;
	struct msg_position p;

	while ((i = TAILQ_FIRST(&t->dirty))) {
		TAILQ_REMOVE(&t->dirty, i, dirty_link);
		i->listed = false;
		if (!i->dirty || !i->placed || !t->running)
			continue;
		instance_position(i, &p);
		outbox_position(t->env->outbox, &p);
		i->dirty = false;
	}
	evtimer_del(t->save);
}

static void
on_save(evutil_socket_t fd, short what, void *arg)
{
	struct turns *t = arg;

	(void)fd;
	(void)what;
	if (outbox_stalled(t->env->outbox)) {
		evtimer_add(t->save, &(struct timeval){.tv_sec = SAVE_DELAY});
		return;
	}
	turns_save(t);
}

static void
unfollow(struct instance *i)
{
	if (i->journal_event)
		event_free(i->journal_event);
	if (i->idle)
		event_free(i->idle);
	i->journal_event = i->idle = NULL;
}

void
turns_drop(struct turns *t, struct instance *i)
{
	dequeue(t, i);
	if (i->listed)
		TAILQ_REMOVE(&t->dirty, i, dirty_link);
	i->listed = i->fresh = false;
	lag_reset(&i->lag);
	unfollow(i);
}

static void
on_journal(evutil_socket_t fd, short what, void *arg)
{
	struct instance *i = arg;
	struct turns *t = i->turns;
	int r;

	(void)fd;
	(void)what;
	t->env->now = t->env->clock();
	if (!i->placed) {
		if (source_journal_news(i->journal))
			t->ops.on_news(t->ops.ctx, i);
		return;
	}
	r = source_journal_process(i->journal, t->env->now);
	i->busy = true;
	if (r < 0) {
		i->error = r;
		t->ops.on_failed(t->ops.ctx, i);
		return;
	}
	turns_live(t, i);
	mind_journal(i);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct instance *i = arg;

	(void)fd;
	(void)what;
	if (!i->busy && !i->queued) {
		source_journal_close(i->journal);
		return;
	}
	i->busy = false;
	evtimer_add(i->idle, &(struct timeval){.tv_sec = JOURNAL_CALM});
}

void
turns_follow(struct turns *t, struct instance *i)
{
	i->turns = t;
	unfollow(i);
	i->journal_event =
	    event_new(t->base, source_journal_fd(i->journal), EV_READ | EV_PERSIST, on_journal, i);
	i->idle = evtimer_new(t->base, on_idle, i);
	if (i->journal_event)
		event_add(i->journal_event, NULL);
}
