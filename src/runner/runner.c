/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-runner: the first process of the herald's unit. Makes its sockets, starts the herald, and
 * runs what that asks for by the judge's configuration. It reads nothing from the network, and has
 * no capability.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/place.h"
#include "base/power.h"
#include "runner/jobs.h"
#include "runner/options.h"
#include "runner/strays.h"
#include "runner/ward.h"
#include "wire/dial.h"

#define ASK_EVERY    (20 * USEC_PER_SEC) /* whether the herald lives, without a watchdog */
#define JOB_PATIENCE 5                   /* seconds that running jobs get at the end */
#define FILES_MAX    1024
#define QUEUE_MAX    16

struct runner {
	struct runner_options options;
	char socket[4096]; /* of the judge */
	struct event_base *base;
	struct ward *ward;
	struct jobs *jobs;
	struct dial *dial;
	struct ward_files files;
	int lock;
	bool met, ready, ending, stopped;
	struct event *events[4], *patience;
};

static void
tell_status(const struct runner *r)
{
	if (r->ready && !r->ending)
		notify_send(r->met ? "READY=1\nSTATUS=connected to guardd"
				   : "READY=1\nSTATUS=waiting for guardd");
}

/* --- the judge --- */

static void
on_up(void *ctx)
{
	(void)ctx;
}

static void
on_judge(void *ctx, const struct msg *m, int fd)
{
	struct runner *r = ctx;
	int e;

	if (m->type != MSG_CONFIG)
		return closep(&fd);
	e = jobs_use_image(r->jobs, fd);
	if (e < 0)
		log_err("guardd's configuration cannot be used: %s", strerror(-e));
	if (e == 0 && !r->met) {
		r->met = true;
		tell_status(r);
	}
}

static void
on_down(void *ctx, int error)
{
	struct runner *r = ctx;

	if (error == -EPROTO)
		log_err("guardd sends what this version does not know: is one of the two units of "
			"another version and not yet restarted?");
	r->met = false;
	tell_status(r);
}

static const struct dial_ops dial_ops = {.on_up = on_up, .on_msg = on_judge, .on_down = on_down};

/* --- the herald --- */

static void
on_ready(void *ctx)
{
	struct runner *r = ctx;

	if (!r->ready)
		log_info("ready: guardd-herald is up and sealed");
	r->ready = true;
	tell_status(r);
}

static void
on_run(void *ctx, const struct msg *m, int fd)
{
	struct runner *r = ctx;

	if (r->ending) {
		close(fd);
		ward_answer(r->ward, m->id, -ESHUTDOWN, -1);
	} else {
		jobs_run(r->jobs, m, fd);
	}
}

static void
on_gone(void *ctx)
{
	struct runner *r = ctx;

	jobs_abandon(r->jobs);
}

static void
on_stopped(void *ctx)
{
	struct runner *r = ctx;

	event_base_loopbreak(r->base);
}

static const struct ward_ops ward_ops = {
    .on_ready = on_ready, .on_run = on_run, .on_gone = on_gone, .on_stopped = on_stopped};

static void
on_ran(void *ctx, uint32_t id, int status, int output)
{
	struct runner *r = ctx;

	ward_answer(r->ward, id, status, output);
}

/* --- the end --- */

static void
stop_ward(struct runner *r)
{
	if (!r->stopped)
		ward_stop(r->ward);
	r->stopped = true;
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stop_ward(arg);
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct runner *r = arg;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!ward_reap(r->ward, pid, status))
			jobs_reap(r->jobs, pid, status);
	if (jobs_running(r->jobs) > 0)
		return;
	strays_end(ward_pid(r->ward));
	if (r->ending)
		stop_ward(r);
}

/* First what is being delivered, so that the herald knows what came of it; then the herald. */
static void
on_end(evutil_socket_t sig, short what, void *arg)
{
	const struct timeval tv = {.tv_sec = JOB_PATIENCE};
	struct runner *r = arg;

	(void)sig;
	(void)what;
	if (r->ending)
		return;
	log_info("stopping");
	notify_send("STOPPING=1");
	r->ending = true;
	if (jobs_running(r->jobs) == 0)
		stop_ward(r);
	else
		event_add(r->patience, &tv);
}

static void
on_ask(evutil_socket_t fd, short what, void *arg)
{
	struct runner *r = arg;

	(void)fd;
	(void)what;
	if (ward_ping(r->ward))
		notify_send("WATCHDOG=1");
}

/* --- the start --- */

/* From whatever started us to the service user; directories are made while that is still possible.
 */
static int
settle(const struct runner_options *o)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (uid == 0 && power_lookup(o->user, &uid, &gid) < 0) {
		log_err("user '%s' does not exist: create it (systemd-sysusers, or useradd "
			"--system %s), or name another with --user",
		    o->user, o->user);
		return -ENOENT;
	}
	r = place_dir(o->runtime, 0755, uid, gid);
	if (r < 0) {
		log_err("%s: %s", o->runtime, strerror(-r));
		return r;
	}
	r = place_dir(o->state, 0750, uid, gid);
	/* The herald goes on in memory, and says so. */
	if (r < 0 && r != -EROFS) {
		log_err("%s: %s", o->state, strerror(-r));
		return r;
	}
	r = geteuid() == 0 ? power_become(o->user, uid, gid, NULL, 0) : power_drop();
	if (r < 0)
		log_err("cannot become user '%s': %s", o->user, strerror(-r));
	return r;
}

/* fd, or negative errno, which is told. */
static int
told(int fd, const char *dir, const char *name)
{
	if (fd < 0)
		log_err("%s/%s: %s", dir, name, strerror(-fd));
	return fd;
}

static int
open_files(struct runner *r)
{
	const struct runner_options *o = &r->options;

	r->lock = told(place_open(o->runtime, "lock", O_RDWR | O_CREAT, 0600), o->runtime, "lock");
	if (r->lock < 0)
		return r->lock;
	if (flock(r->lock, LOCK_EX | LOCK_NB) < 0) {
		log_err("another guardd-herald is running with %s", o->runtime);
		return -EBUSY;
	}
	r->files.state = open(o->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->files.state < 0) {
		log_err("%s: %s", o->state, strerror(errno));
		return -errno;
	}
	r->files.control =
	    told(place_listen(o->runtime, "control", SOCK_STREAM), o->runtime, "control");
	r->files.metrics =
	    told(place_listen(o->runtime, "metrics", SOCK_STREAM), o->runtime, "metrics");
	snprintf(r->socket, sizeof(r->socket), "%s/herald", o->guardd);
	r->files.socket = r->socket;
	return r->files.control < 0 || r->files.metrics < 0 ? -EIO : 0;
}

/* What it can give up: what it runs must not gain anything either. Landlock and seccomp would hold
 * for the programs of channels, which are not ours. */
static void
seal(void)
{
	const struct rlimit none = {0, 0}, files = {FILES_MAX, FILES_MAX};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		fatal("cannot give up privileges: %s", strerror(errno));
}

static int
add_events(struct runner *r)
{
	static const struct {
		int signal;
		event_callback_fn fn;
	} signals[] = {{SIGCHLD, on_child}, {SIGTERM, on_end}, {SIGINT, on_end}};
	usec_t watchdog = notify_watchdog() / 2, every = watchdog ? watchdog : ASK_EVERY;
	const struct timeval tv = {every / USEC_PER_SEC, every % USEC_PER_SEC};
	const size_t n = sizeof(signals) / sizeof(*signals);

	for (size_t i = 0; i < n; i++) {
		r->events[i] = evsignal_new(r->base, signals[i].signal, signals[i].fn, r);
		if (!r->events[i] || event_add(r->events[i], NULL) < 0)
			return -ENOMEM;
	}
	r->events[n] = event_new(r->base, -1, EV_PERSIST, on_ask, r);
	r->patience = evtimer_new(r->base, on_patience, r);
	return !r->events[n] || !r->patience || event_add(r->events[n], &tv) < 0 ? -ENOMEM : 0;
}

static void
finish(struct runner *r)
{
	dial_free(r->dial);
	jobs_free(r->jobs);
	strays_end(0);
	ward_free(r->ward);
	for (size_t i = 0; i < sizeof(r->events) / sizeof(*r->events); i++)
		event_free(r->events[i]);
	event_free(r->patience);
	event_base_free(r->base);
}

static int
run(struct runner *r)
{
	int e = settle(&r->options);

	if (e == 0)
		e = open_files(r);
	if (e < 0)
		return 1;
	seal();
	r->base = event_base_new();
	if (!r->base || add_events(r) < 0 || jobs_new(&r->jobs, r->base, on_ran, r) < 0 ||
	    ward_new(&r->ward, r->base, &r->files, &ward_ops, r) < 0)
		fatal("out of memory");
	e = dial_new(&r->dial, r->base, r->socket, ROLE_RUNNER, QUEUE_MAX, &dial_ops, r);
	if (e < 0)
		fatal("%s: %s", r->socket, strerror(-e));
	e = ward_start(r->ward);
	if (e < 0)
		fatal("cannot start guardd-herald: %s", strerror(-e));
	event_base_dispatch(r->base);
	finish(r);
	return 0;
}

int
main(int argc, char **argv)
{
	struct runner r = {.lock = -1};
	int e = runner_options_parse(&r.options, argc, argv);

	if (e != 0)
		return e < 0 ? 2 : 0;
	if (r.options.quiet)
		setenv("GUARDD_QUIET", "1", 1);
	log_init("guardd-runner", LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	return run(&r);
}
