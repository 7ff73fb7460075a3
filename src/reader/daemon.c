/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/daemon.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "reader/outbox.h"
#include "reader/seal.h"
#include "reader/sources.h"
#include "reader/turns.h"
#include "wire/chan.h"
#include "wire/fds.h"

#define SUPERVISOR_QUEUE 64
#define LAST_WORDS_MS    2000

struct daemon {
	struct event_base *base;
	struct chan *supervisor, *keeper, *judge;
	struct outbox *outbox;
	struct sources *sources;
	struct counters *counters;
	uint64_t lost; /* hits, as last told */
	int status;
};

static void
end(struct daemon *d, int status)
{
	d->status = status;
	event_base_loopbreak(d->base);
}

static int
send_to_judge(void *ctx, const struct msg *m, size_t n)
{
	struct daemon *d = ctx;

	return d->judge ? chan_send_packet(d->judge, m, n) : -EPIPE;
}

static int
ask_keeper(void *ctx, const struct msg *m)
{
	struct daemon *d = ctx;

	return d->keeper ? chan_send(d->keeper, m) : -EPIPE;
}

static void
on_keeper_msg(void *ctx, const struct msg *m, int fd)
{
	struct daemon *d = ctx;
	int r = sources_on_keeper(d->sources, m, fd);

	if (r < 0) {
		log_err("%s from the keeper: %s", msg_name(m->type), strerror(-r));
		end(d, 1);
	}
}

static void
on_keeper_room(void *ctx)
{
	sources_keeper_room(((struct daemon *)ctx)->sources);
}

/* Without a keeper the supervisor ends us all; what is queued for the judge may still go out. */
static void
on_keeper_close(void *ctx, int error)
{
	struct daemon *d = ctx;

	/* Who feeds hostile text to the others cannot accuse them: it starts anew. */
	if (error)
		fatal("the keeper broke the protocol");
	chan_free(d->keeper);
	d->keeper = NULL;
}

static void
on_judge_msg(void *ctx, const struct msg *m, int fd)
{
	struct daemon *d = ctx;

	if (fd >= 0)
		close(fd);
	if (m->type == MSG_POSITION)
		sources_on_position(d->sources, &m->u.position);
	else if (m->type == MSG_POSITIONS_END)
		sources_on_positions_end(d->sources);
}

static void
on_judge_room(void *ctx)
{
	struct daemon *d = ctx;
	uint64_t lost;

	sources_judge_room(d->sources);
	lost = outbox_lost(d->outbox);
	if (lost > d->lost) {
		log_err("%llu hits were lost: the judge is too slow",
		    (unsigned long long)(lost - d->lost));
		counters_lost(d->counters, lost - d->lost);
	}
	d->lost = lost;
}

static void
forget_judge(struct daemon *d)
{
	chan_free(d->judge);
	d->judge = NULL;
	sources_judge_gone(d->sources);
}

static void
on_judge_close(void *ctx, int error)
{
	if (error)
		fatal("the judge broke the protocol");
	forget_judge(ctx);
}

static const struct chan_ops keeper_ops = {
    .on_msg = on_keeper_msg, .on_room = on_keeper_room, .on_close = on_keeper_close};
static const struct chan_ops judge_ops = {
    .on_msg = on_judge_msg, .on_room = on_judge_room, .on_close = on_judge_close};

static void
on_peer(struct daemon *d, uint32_t role, int fd)
{
	int r = -EPROTO;

	if (role == ROLE_KEEPER && !d->keeper) {
		r = chan_new(&d->keeper, d->base, fd, ROLE_READER, ROLE_KEEPER, DAEMON_KEEPER_QUEUE,
		    &keeper_ops, d);
		if (r == 0)
			sources_start(d->sources);
	} else if (role == ROLE_JUDGE) {
		/* What a former judge still has to say is about positions that do not hold any
		 * more. */
		forget_judge(d);
		r = chan_new(&d->judge, d->base, fd, ROLE_READER, ROLE_JUDGE, DAEMON_JUDGE_QUEUE,
		    &judge_ops, d);
	} else {
		close(fd);
	}
	if (r < 0) {
		log_err("no channel to the %s: %s", role_name(role), strerror(-r));
		end(d, 1);
	}
}

static void
on_stop(struct daemon *d)
{
	sources_save(d->sources);
	if (d->judge && chan_drain(d->judge, LAST_WORDS_MS) < 0)
		log_notice("stopped before the judge took everything");
	end(d, 0);
}

static void
on_supervisor_msg(void *ctx, const struct msg *m, int fd)
{
	struct daemon *d = ctx;

	switch (m->type) {
	case MSG_PING:
		chan_send(d->supervisor, &(struct msg){.type = MSG_PONG, .id = m->id});
		break;
	case MSG_PEER:
		on_peer(d, m->u.peer.role, fd);
		break;
	case MSG_STOP:
		on_stop(d);
		break;
	default:
		break;
	}
}

static void
on_supervisor_close(void *ctx, int error)
{
	end(ctx, error ? 1 : 0);
}

static const struct chan_ops supervisor_ops = {
    .on_msg = on_supervisor_msg, .on_close = on_supervisor_close};

/* Ready is who misses no line from here on, not who merely runs. */
static void
on_reading(void *ctx)
{
	struct daemon *d = ctx;

	chan_send(d->supervisor, &(struct msg){.type = MSG_READY});
}

int
daemon_new(struct daemon **out, struct event_base *base, int supervisor, const struct image *img,
    const struct engine *engine, struct counters *counters)
{
	_cleanup_(daemon_freep) struct daemon *d = calloc(1, sizeof(*d));
	int r;

	if (!d) {
		close(supervisor);
		return -ENOMEM;
	}
	d->base = base;
	d->counters = counters;
	r = chan_new(&d->supervisor, base, supervisor, ROLE_READER, ROLE_GUARDD, SUPERVISOR_QUEUE,
	    &supervisor_ops, d);
	if (r == 0)
		r = outbox_new(&d->outbox, send_to_judge, d);
	if (r == 0)
		r = sources_new(&d->sources, &(struct sources_env){.base = base,
						 .img = img,
						 .engine = engine,
						 .outbox = d->outbox,
						 .counters = counters,
						 .ask = ask_keeper,
						 .on_reading = on_reading,
						 .ctx = d});
	if (r < 0)
		return r;
	*out = d;
	d = NULL;
	return 0;
}

void
daemon_free(struct daemon *d)
{
	if (!d)
		return;
	sources_free(d->sources);
	outbox_free(d->outbox);
	chan_free(d->judge);
	chan_free(d->keeper);
	chan_free(d->supervisor);
	free(d);
}

int
daemon_status(const struct daemon *d)
{
	return d->status;
}

static struct event_base *
make_base(void)
{
	struct event_base *base = event_base_new();

	if (base && event_base_priority_init(base, TURNS_PRIORITIES) < 0) {
		event_base_free(base);
		return NULL;
	}
	return base;
}

static int
serve(const struct image *img, const struct engine *engine)
{
	struct counters *counters;
	struct event_base *base = make_base();
	struct daemon *d = NULL;
	const char *what = NULL;
	int r = counters_new(&counters, FD_STATS, image_count(img, IMAGE_FILTERS));

	if (!base || r < 0)
		fatal("cannot start: %s", strerror(base ? -r : ENOMEM));
	r = seal(img, &what);
	if (r < 0)
		fatal("sandbox: %s: %s", what, strerror(-r));
	r = daemon_new(&d, base, FD_SUPERVISOR, img, engine, counters);
	if (r < 0)
		fatal("cannot start: %s", strerror(-r));
	event_base_dispatch(base);
	r = daemon_status(d);
	daemon_free(d);
	event_base_free(base);
	counters_free(counters);
	return r;
}

int
daemon_run(void)
{
	struct image img;
	struct engine *engine = NULL;
	char *error = NULL;
	int r = image_open(&img, FD_IMAGE);

	if (r < 0)
		fatal("configuration image: %s", strerror(-r));
	r = engine_new(&engine, &img, &error);
	if (r < 0)
		fatal("patterns: %s", error ? error : strerror(-r));
	engine_spare(engine);
	r = serve(&img, engine);
	engine_free(engine);
	image_close(&img);
	return r;
}
