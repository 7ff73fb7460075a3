/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/ward.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/backoff.h"
#include "base/log.h"
#include "wire/chan.h"
#include "wire/spawn.h"

#define QUEUE_MAX     64
#define LIVED_WELL    (60 * USEC_PER_SEC)
#define STOP_PATIENCE (5 * USEC_PER_SEC)
#define MISSED_MAX    2

struct ward {
	struct event_base *base;
	struct ward_files files;
	const struct ward_ops *ops;
	void *ctx;
	pid_t pid; /* 0: not running */
	struct chan *chan;
	struct event *again; /* start, or kill when it does not stop */
	bool ready, stopping;
	usec_t started, wait;
	uint32_t question, answered, missed;
};

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct ward *w = ctx;

	switch (m->type) {
	case MSG_READY:
		w->ready = true;
		w->ops->on_ready(w->ctx);
		break;
	case MSG_PONG:
		w->answered = m->id;
		break;
	case MSG_RUN:
		w->ops->on_run(w->ctx, m, fd);
		return;
	default:
		break;
	}
	closep(&fd);
}

static void
on_close(void *ctx, int error)
{
	struct ward *w = ctx;

	if (error == -EPROTO && w->pid > 0) {
		log_err("guardd-herald broke the protocol: ending it");
		kill(w->pid, SIGKILL);
	}
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

static void
arm(struct ward *w, usec_t in)
{
	const struct timeval tv = {in / USEC_PER_SEC, in % USEC_PER_SEC};

	event_add(w->again, &tv);
}

int
ward_start(struct ward *w)
{
	const char *const args[] = {w->files.socket, NULL};
	struct spawn s = spawn_new("guardd-herald");
	int fds[2], r = chan_pair(fds);
	pid_t pid;

	if (r < 0)
		return r;
	s.args = args;
	s.fds[FD_SUPERVISOR] = fds[1];
	s.fds[FD_CONTROL] = w->files.control;
	s.fds[FD_STATE] = w->files.state;
	s.fds[FD_METRICS] = w->files.metrics;
	pid = spawn_start(&s);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return (int)pid;
	}
	w->pid = pid;
	w->ready = false;
	w->started = clock_mono();
	w->missed = 0;
	w->answered = w->question;
	return chan_new(&w->chan, w->base, fds[0], ROLE_RUNNER, ROLE_HERALD, QUEUE_MAX, &ops, w);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct ward *w = arg;
	int r;

	(void)fd;
	(void)what;
	if (w->pid > 0 && w->stopping) {
		log_warning("guardd-herald does not stop: killing it");
		kill(w->pid, SIGKILL);
	} else if (w->pid == 0 && !w->stopping) {
		r = ward_start(w);
		if (r < 0)
			fatal("cannot start guardd-herald: %s", strerror(-r));
	}
}

int
ward_new(struct ward **out, struct event_base *base, const struct ward_files *files,
    const struct ward_ops *o, void *ctx)
{
	struct ward *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct ward){.base = base, .files = *files, .ops = o, .ctx = ctx};
	w->again = evtimer_new(base, on_again, w);
	if (!w->again) {
		free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void
ward_free(struct ward *w)
{
	if (!w)
		return;
	chan_free(w->chan);
	event_free(w->again);
	free(w);
}

static void
tell_end(int status, usec_t again)
{
	char how[64], in[40];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "status %d", WEXITSTATUS(status));
	log_warning("guardd-herald ended (%s): starting it again%s%s", how, again ? " in " : "",
	    again ? clock_format_span(again, in) : "");
}

pid_t
ward_pid(const struct ward *w)
{
	return w->pid;
}

bool
ward_reap(struct ward *w, pid_t pid, int status)
{
	if (pid != w->pid || pid <= 0)
		return false;
	w->pid = 0;
	w->ready = false;
	evtimer_del(w->again);
	chan_free(w->chan);
	w->chan = NULL;
	w->ops->on_gone(w->ctx);
	if (w->stopping) {
		w->ops->on_stopped(w->ctx);
	} else if (status == 0) {
		log_info("guardd-herald starts again, for another configuration");
		w->wait = 0;
		arm(w, 0);
	} else {
		w->wait = backoff_next(w->wait, clock_mono() - w->started, LIVED_WELL);
		tell_end(status, w->wait);
		arm(w, w->wait);
	}
	return true;
}

static void
send_simple(struct ward *w, enum msg_type type, uint32_t id)
{
	const struct msg m = {.type = type, .id = id};

	if (w->chan)
		chan_send(w->chan, &m);
}

bool
ward_ping(struct ward *w)
{
	bool answered = w->pid > 0 && w->ready && w->answered == w->question;

	if (answered) {
		w->missed = 0;
	} else if (w->pid > 0 && ++w->missed > MISSED_MAX) {
		log_err("guardd-herald does not answer: killing it");
		kill(w->pid, SIGKILL);
	}
	send_simple(w, MSG_PING, ++w->question);
	return answered;
}

void
ward_answer(struct ward *w, uint32_t id, int status, int output)
{
	struct msg m = {.type = MSG_RAN, .id = id};

	m.u.ran.status = status;
	if (!w->chan)
		closep(&output);
	else if (output >= 0)
		chan_send_fd(w->chan, &m, output);
	else
		chan_send(w->chan, &m);
}

void
ward_stop(struct ward *w)
{
	w->stopping = true;
	evtimer_del(w->again);
	if (w->pid == 0)
		return w->ops->on_stopped(w->ctx);
	send_simple(w, MSG_STOP, 0);
	arm(w, STOP_PATIENCE);
}
