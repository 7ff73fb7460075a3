/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guardd/roles.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/power.h"
#include "wire/chan.h"
#include "wire/figures.h"
#include "wire/spawn.h"

#define QUEUE_MAX      1024
#define LIVED_WELL     USEC_PER_SEC /* a role that lived so long is started again at once */
#define STOP_PATIENCE  5            /* seconds until a role that does not stop is killed */
#define START_PATIENCE (60 * USEC_PER_SEC)
#define MISSED_MAX     2

struct role_state {
	struct roles *all;
	enum role role;
	pid_t pid; /* 0: not running */
	struct chan *chan;
	bool ready, stopping;
	usec_t started, backoff;
	struct event *again; /* start, or kill when it does not stop */
	uint32_t answered, missed;
};

struct roles {
	struct event_base *base;
	struct roles_fds fds;
	const struct roles_ops *ops;
	void *ctx;
	int image;
	struct figures *figures; /* shared */
	bool ending, dropped;
	uint32_t question;
	struct role_state states[ROLE_MAX];
};

static const enum role start_order[] = {ROLE_KEEPER, ROLE_WATCHER, ROLE_JUDGE, ROLE_READER};
static const enum role stop_order[] = {ROLE_READER, ROLE_JUDGE, ROLE_WATCHER, ROLE_KEEPER};
/* After this one nobody else can get a capability. */
#define LAST_WITH_POWER ROLE_WATCHER
#define N_ROLES         (sizeof(start_order) / sizeof(*start_order))

static int start_role(struct role_state *s);

/* What it needs cannot be given twice: its end is the end of all, and the service manager starts
 * anew. */
static bool
needs_power(enum role r)
{
	return r == ROLE_KEEPER || r == ROLE_WATCHER;
}

static void
send_simple(struct role_state *s, enum msg_type type, uint32_t id)
{
	struct msg m = {.type = (uint16_t)type, .id = id};

	if (s->chan)
		chan_send(s->chan, &m);
}

static bool
all_ready(const struct roles *r)
{
	for (size_t i = 0; i < N_ROLES; i++)
		if (!r->states[start_order[i]].ready)
			return false;
	return true;
}

static void
end_broken(struct roles *r, uint32_t role, enum role teller)
{
	if (role >= ROLE_MAX || r->states[role].pid == 0)
		return;
	log_err("%s broke the protocol with %s: ending it", role_name(role), role_name(teller));
	kill(r->states[role].pid, SIGKILL);
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct role_state *s = ctx;
	struct roles *r = s->all;

	switch (m->type) {
	case MSG_READY:
		if (!s->ready) {
			s->ready = true;
			if (all_ready(r))
				r->ops->on_all_ready(r->ctx);
		}
		break;
	case MSG_PONG:
		s->answered = m->id;
		break;
	case MSG_BROKEN:
		end_broken(r, m->u.peer.role, s->role);
		break;
	case MSG_RELOAD:
		r->ops->on_reload(r->ctx, m->id);
		break;
	case MSG_DUMP:
	case MSG_PROVE:
	case MSG_SHADOW:
		r->ops->on_exposure(r->ctx, m, fd);
		return;
	default:
		break;
	}
	closep(&fd);
}

static void
on_close(void *ctx, int error)
{
	struct role_state *s = ctx;

	if (error == -EPROTO && s->pid > 0) {
		log_err("%s broke the protocol: ending it", role_name(s->role));
		kill(s->pid, SIGKILL);
	}
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

/* Joins two running roles by a new channel. */
static int
join(struct role_state *a, struct role_state *b)
{
	int fds[2], r = chan_pair(fds);
	struct msg m = {.type = MSG_PEER};

	if (r < 0)
		return r;
	/* A line that is written now must not stand behind thousands that are caught up with. */
	if (a->role == ROLE_READER && b->role == ROLE_JUDGE)
		chan_short(fds[0]);
	if (b->role == ROLE_READER && a->role == ROLE_JUDGE)
		chan_short(fds[1]);
	m.u.peer.role = b->role;
	r = chan_send_fd(a->chan, &m, fds[0]);
	m.u.peer.role = a->role;
	if (r == 0)
		return chan_send_fd(b->chan, &m, fds[1]);
	close(fds[1]);
	return r;
}

static struct spawn
describe(const struct role_state *s, int channel)
{
	const struct roles_fds *fds = &s->all->fds;
	struct spawn sp = spawn_new(role_name(s->role));

	sp.fds[FD_SUPERVISOR] = channel;
	sp.fds[FD_IMAGE] = s->all->image;
	sp.power = needs_power(s->role) ? ROLES_POWER : 0;
	if (s->role == ROLE_READER)
		sp.fds[FD_STATS] = fds->stats;
	if (s->role == ROLE_JUDGE) {
		sp.fds[FD_STATS] = fds->stats_read;
		sp.fds[FD_HERALD] = fds->herald;
		sp.fds[FD_CONTROL] = fds->control;
		sp.fds[FD_STATE] = fds->state;
		sp.fds[FD_SELFCHECK] = fds->selfcheck;
		sp.fds[FD_FIGURES] = fds->figures;
		sp.fds[FD_FIGURES_READ] = fds->figures_read;
	}
	return sp;
}

static void
show(struct roles *r, enum role role, pid_t pid)
{
	struct figures_role *to = &r->figures->roles[role];

	to->pid = (int32_t)pid;
	if (pid > 0)
		to->started = clock_real();
}

static int
map_figures(struct roles *r)
{
	void *p =
	    mmap(NULL, sizeof(*r->figures), PROT_READ | PROT_WRITE, MAP_SHARED, r->fds.figures, 0);

	if (p == MAP_FAILED)
		return -errno;
	r->figures = p;
	show(r, ROLE_GUARDD, getpid());
	return 0;
}

static int
start_role(struct role_state *s)
{
	struct roles *r = s->all;
	int fds[2], e = chan_pair(fds);
	struct spawn sp;
	pid_t pid;

	if (e < 0)
		return e;
	sp = describe(s, fds[1]);
	pid = spawn_start(&sp);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return (int)pid;
	}
	chan_free(s->chan);
	s->chan = NULL;
	s->pid = pid;
	show(r, s->role, pid);
	s->ready = s->stopping = false;
	s->started = clock_mono();
	s->missed = 0;
	s->answered = r->question;
	e = chan_new(&s->chan, r->base, fds[0], ROLE_GUARDD, s->role, QUEUE_MAX, &ops, s);
	for (size_t i = 0; e == 0 && i < N_ROLES; i++) {
		struct role_state *o = &r->states[start_order[i]];

		/* The watcher speaks to the supervisor alone. */
		if (o != s && o->pid > 0 && o->chan && s->role != ROLE_WATCHER &&
		    o->role != ROLE_WATCHER)
			e = join(s, o);
	}
	return e;
}

static void
start_or_fail(struct role_state *s)
{
	int e = start_role(s);

	if (e < 0) {
		log_err("cannot start %s: %s", role_name(s->role), strerror(-e));
		s->all->ops->on_lost(s->all->ctx, "a role could not be started");
	}
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct role_state *s = arg;

	(void)fd;
	(void)what;
	if (s->pid > 0 && s->stopping) {
		log_warning("%s does not stop: killing it", role_name(s->role));
		kill(s->pid, SIGKILL);
	} else if (s->pid == 0 && !s->all->ending) {
		s->all->figures->roles[s->role].restarts++;
		start_or_fail(s);
	}
}

static void
arm(struct role_state *s, usec_t in)
{
	struct timeval tv = {.tv_sec = in / USEC_PER_SEC, .tv_usec = in % USEC_PER_SEC};

	evtimer_add(s->again, &tv);
}

int
roles_new(struct roles **out, struct event_base *base, const struct roles_fds *fds,
    const struct roles_ops *o, void *ctx)
{
	struct roles *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	*r = (struct roles){.base = base, .fds = *fds, .ops = o, .ctx = ctx, .image = -1};
	e = map_figures(r);
	for (size_t i = 0; e == 0 && i < N_ROLES; i++) {
		struct role_state *s = &r->states[start_order[i]];

		s->all = r;
		s->role = start_order[i];
		s->again = evtimer_new(base, on_again, s);
		e = s->again ? 0 : -ENOMEM;
	}
	if (e < 0) {
		roles_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void
roles_free(struct roles *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < N_ROLES; i++) {
		struct role_state *s = &r->states[start_order[i]];

		chan_free(s->chan);
		if (s->again)
			event_free(s->again);
	}
	closep(&r->image);
	if (r->figures)
		munmap(r->figures, sizeof(*r->figures));
	free(r);
}

static void
stop_role(struct role_state *s)
{
	s->stopping = true;
	send_simple(s, MSG_STOP, 0);
	arm(s, STOP_PATIENCE * USEC_PER_SEC);
}

static int
start_all(struct roles *r)
{
	for (size_t i = 0; i < N_ROLES; i++) {
		int e = start_role(&r->states[start_order[i]]);

		if (e < 0)
			return e;
		if (start_order[i] == LAST_WITH_POWER && !r->dropped) {
			e = power_drop();
			if (e < 0)
				return e;
			r->dropped = true;
		}
	}
	return 0;
}

int
roles_use_image(struct roles *r, int image)
{
	bool first = r->image < 0;
	struct role_state *reader = &r->states[ROLE_READER];
	static const enum role told[] = {ROLE_KEEPER, ROLE_JUDGE};

	closep(&r->image);
	r->image = image;
	if (first)
		return start_all(r);
	for (size_t i = 0; i < 2; i++) {
		struct role_state *s = &r->states[told[i]];
		struct msg m = {.type = MSG_CONFIG};
		int fd = dup(image);

		if (fd < 0)
			return -errno;
		if (s->chan)
			chan_send_fd(s->chan, &m, fd);
		else
			close(fd);
	}
	if (reader->pid > 0)
		stop_role(reader);
	return 0;
}

bool
roles_send(struct roles *r, enum role role, const struct msg *m, int fd)
{
	struct chan *c = r->states[role].chan;

	if (!c) {
		closep(&fd);
		return false;
	}
	return (fd < 0 ? chan_send(c, m) : chan_send_fd(c, m, fd)) == 0;
}

int
roles_image(const struct roles *r)
{
	return r->image;
}

void
roles_answer_reload(struct roles *r, uint32_t id, int status, int errors)
{
	struct role_state *judge = &r->states[ROLE_JUDGE];
	struct msg m = {.type = MSG_RELOADED, .id = id};

	m.u.result.status = status;
	if (judge->chan)
		chan_send_fd(judge->chan, &m, errors);
	else
		close(errors);
}

static void
stop_next(struct roles *r)
{
	for (size_t i = 0; i < N_ROLES; i++) {
		struct role_state *s = &r->states[stop_order[i]];

		if (s->pid > 0) {
			if (!s->stopping)
				stop_role(s);
			return;
		}
	}
	r->ops->on_stopped(r->ctx);
}

void
roles_stop(struct roles *r)
{
	r->ending = true;
	stop_next(r);
}

static void
tell_end(const struct role_state *s, int status, usec_t again)
{
	char how[64], in[40];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "status %d", WEXITSTATUS(status));
	if (needs_power(s->role))
		log_alert("%s ended (%s): guardd ends too, bans stay in the kernel",
		    role_name(s->role), how);
	else
		log_warning("%s ended (%s): starting it again%s%s", role_name(s->role), how,
		    again ? " in " : "", again ? clock_format_span(again, in) : "");
}

bool
roles_reap(struct roles *r, pid_t pid, int status)
{
	struct role_state *s = NULL;

	for (size_t i = 0; i < N_ROLES; i++)
		if (r->states[start_order[i]].pid == pid && pid > 0)
			s = &r->states[start_order[i]];
	if (!s)
		return false;
	s->pid = 0;
	show(r, s->role, 0);
	s->ready = false;
	evtimer_del(s->again);
	chan_free(s->chan);
	s->chan = NULL;
	if (r->ending) {
		stop_next(r);
	} else if (s->stopping && status == 0) {
		start_or_fail(s); /* the reader, for a new image */
	} else {
		s->backoff = backoff_next(s->backoff, clock_mono() - s->started, LIVED_WELL);
		tell_end(s, status, s->backoff);
		if (needs_power(s->role))
			r->ops->on_lost(r->ctx,
			    s->role == ROLE_KEEPER ? "the keeper ended" : "the watcher ended");
		else
			arm(s, s->backoff);
	}
	return true;
}

bool
roles_ping(struct roles *r)
{
	bool all = true;

	for (size_t i = 0; i < N_ROLES; i++) {
		struct role_state *s = &r->states[start_order[i]];

		if (s->pid > 0 && s->ready && s->answered == r->question) {
			s->missed = 0;
			continue;
		}
		all = false;
		/* One that is still starting has longer: a large book is read, many sources are
		 * opened. */
		if (s->pid > 0 && !s->ready && clock_mono() - s->started < START_PATIENCE)
			continue;
		if (s->pid > 0 && ++s->missed > MISSED_MAX) {
			log_err("%s does not answer: killing it", role_name(s->role));
			kill(s->pid, SIGKILL);
		}
	}
	r->question++;
	for (size_t i = 0; i < N_ROLES; i++)
		send_simple(&r->states[start_order[i]], MSG_PING, r->question);
	return all;
}
