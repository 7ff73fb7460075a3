/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/turns.h"

#include <errno.h>

#define SAVE_DELAY   1  /* seconds */
#define JOURNAL_CALM 10 /* seconds without news after which a journal is closed */

TAILQ_HEAD(instances, instance);

struct turns {
	struct event_base *base;
	struct instance_env *env;
	struct event *work, *save;
	struct instances queue, dirty;
	bool running;
	struct turns_ops ops;
};

static void on_work(evutil_socket_t fd, short what, void *arg);
static void on_save(evutil_socket_t fd, short what, void *arg);

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
	TAILQ_INIT(&t->queue);
	TAILQ_INIT(&t->dirty);
	t->work = evtimer_new(base, on_work, t);
	t->save = evtimer_new(base, on_save, t);
	if (!t->work || !t->save || event_priority_set(t->work, TURNS_CATCH_UP) < 0)
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
	if (t->save)
		event_free(t->save);
	free(t);
}

static bool
may_read(const struct turns *t)
{
	return t->running && !outbox_stalled(t->env->outbox);
}

/* A timer of no length: unlike event_active it lets the loop look for news before every block. */
static void
work_soon(struct turns *t)
{
	if (may_read(t) && !TAILQ_EMPTY(&t->queue))
		evtimer_add(t->work, &(struct timeval){0});
}

static void
enqueue(struct turns *t, struct instance *i)
{
	if (i->queued)
		return;
	i->queued = true;
	TAILQ_INSERT_TAIL(&t->queue, i, link);
	work_soon(t);
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
step(struct turns *t, struct instance *i, bool fresh)
{
	int r = instance_step(i, fresh);

	if (i->dirty)
		turns_dirty(t, i);
	if (r == INSTANCE_MORE || r == INSTANCE_HELD)
		enqueue(t, i);
	if (r < 0)
		t->ops.on_failed(t->ops.ctx, i);
	if (i->idle)
		mind_journal(i);
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct turns *t = arg;
	struct instance *i = TAILQ_FIRST(&t->queue);
	bool fresh;

	(void)fd;
	(void)what;
	if (!i || !may_read(t))
		return;
	TAILQ_REMOVE(&t->queue, i, link);
	i->queued = false;
	fresh = i->fresh;
	i->fresh = false;
	t->env->now = t->env->clock();
	step(t, i, fresh);
	work_soon(t);
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
	enqueue(t, i);
}

void
turns_live(struct turns *t, struct instance *i)
{
	if (i->queued || !may_read(t))
		turns_queue(t, i);
	else
		step(t, i, true);
}

void
turns_room(struct turns *t)
{
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
	if (i->queued)
		TAILQ_REMOVE(&t->queue, i, link);
	if (i->listed)
		TAILQ_REMOVE(&t->dirty, i, dirty_link);
	i->queued = i->listed = i->fresh = false;
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
