/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-watcher: sends the kernel's state as a sealed dump when it has changed, when it is asked,
 * and once a minute. Here is the wiring of the modules beside this file.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "sandbox/sandbox.h"
#include "watcher/burst.h"
#include "watcher/byhand.h"
#include "watcher/collect.h"
#include "watcher/watch.h"
#include "wire/chan.h"
#include "wire/fds.h"

#define QUEUE   64
#define WAITING 2 /* dumps not taken yet: no more of own accord */
#define ANYWAY                                                                                     \
	(60 * USEC_PER_SEC) /* for what sends no notice: ipsets, iptables-legacy, sockets          \
			     */
#define AGAIN      USEC_PER_SEC
#define LIVED_WELL (10 * USEC_PER_SEC)
#define EARLY_MAX  10

struct watcher {
	struct event_base *base;
	struct chan *chan;
	struct collector *collector;
	struct watch watch;
	struct burst burst;
	struct dump_header change; /* of the first pending change, and who was the first changer */
	struct event *due, *anyway;
	int told; /* the failure that was told last */
};

static void
in(struct event *e, usec_t span)
{
	struct timeval tv = {span / USEC_PER_SEC, span % USEC_PER_SEC};

	event_add(e, &tv);
}

static void
tell_failure(struct watcher *w, int error)
{
	if (error < 0 && error != w->told)
		log_err("the kernel's state cannot be read: %s", strerror(-error));
	w->told = error;
}

static void
dump(struct watcher *w, uint32_t id, uint32_t changes)
{
	struct dump_header head = {0};
	struct msg m = {.type = MSG_DUMP, .id = id, .u.dump.changes = changes};
	int fd = -1, r;

	if (changes)
		head = w->change;
	r = collector_run(w->collector, changes > 0, &head, &fd);
	m.u.dump.status = r;
	tell_failure(w, r);
	r = fd >= 0 ? chan_send_fd(w->chan, &m, fd) : chan_send(w->chan, &m);
	if (r == -EAGAIN)
		log_err("the supervisor does not take dumps");
	in(w->anyway, ANYWAY);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct watcher *w = arg;
	usec_t began = clock_mono(), due = burst_due(&w->burst);
	uint32_t changes = w->burst.changes;

	(void)fd;
	(void)what;
	if (!changes)
		return;
	if (due > began)
		return in(w->due, due - began);
	if (chan_queued(w->chan) >= WAITING)
		return in(w->due, AGAIN);
	dump(w, 0, changes);
	burst_done(&w->burst, began, clock_mono());
	memset(&w->change, 0, sizeof(w->change));
}

static void
on_changed(void *ctx, uint32_t pid, const char *name)
{
	struct watcher *w = ctx;

	if (!w->burst.changes)
		w->change.changed = clock_real();
	burst_change(&w->burst, clock_mono());
	if (!w->change.changer_pid && pid) {
		w->change.changer_pid = pid;
		strncpy(w->change.changer, name, sizeof(w->change.changer) - 1);
	}
	if (!event_pending(w->due, EV_TIMEOUT, NULL))
		on_due(-1, 0, w);
}

static void
on_anyway(evutil_socket_t fd, short what, void *arg)
{
	struct watcher *w = arg;

	(void)fd;
	(void)what;
	if (chan_queued(w->chan) >= WAITING)
		return in(w->anyway, ANYWAY);
	dump(w, 0, 0);
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct watcher *w = ctx;
	struct msg pong = {.type = MSG_PONG, .id = m->id};

	(void)fd;
	switch (m->type) {
	case MSG_PING:
		chan_send(w->chan, &pong);
		break;
	case MSG_PROVE:
		dump(w, m->id, 0);
		break;
	default: /* MSG_STOP */
		chan_drain(w->chan, 1000);
		event_base_loopbreak(w->base);
	}
}

static void
on_close(void *ctx, int error)
{
	struct watcher *w = ctx;

	(void)error;
	event_base_loopbreak(w->base);
}

#define SERVING                                                                                    \
	SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(getdents64), SCMP_SYS(access),            \
	    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getsockopt),                       \
	    SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(pwrite64)

static const int serving[] = {SERVING, -1};
/* What stands by may also make another one of itself, which opens its sockets and sheds the rest.
 */
static const int standing_by[] = {SERVING, SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(fork),
    SCMP_SYS(set_robust_list), SCMP_SYS(wait4), SCMP_SYS(getppid), SCMP_SYS(socket), SCMP_SYS(bind),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(fstatfs), SCMP_SYS(capget),
    SCMP_SYS(capset), SCMP_SYS(prlimit64), SCMP_SYS(setrlimit), SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self), SCMP_SYS(seccomp), -1};

static void
enter_sandbox(const int *calls)
{
	static const struct sandbox_call narrow[] = {
	    {SCMP_SYS(bpf), 0, BPF_PROG_QUERY}, {-1, 0, 0}};
	static const struct sandbox_path paths[] = {
	    {"/proc", false}, {"/sys/fs/cgroup", false}, {NULL, false}};
	/* The names of iptables-legacy's tables are root's to read. */
	const struct sandbox s = {.role = "guardd-watcher",
	    .paths = paths,
	    .calls = calls,
	    .narrow = narrow,
	    .capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_DAC_READ_SEARCH,
	    .files_max = 256,
	    .no_write_exec = true};
	const char *what = "";
	int r = sandbox_enter(&s, &what);

	if (r < 0)
		fatal("%s cannot be installed: %s", what, strerror(-r));
}

static void
check(int r, const char *what)
{
	if (r < 0)
		fatal("%s: %s", what, strerror(-r));
}

static void
start(struct watcher *w)
{
	static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

	w->base = event_base_new();
	if (!w->base || !(w->due = event_new(w->base, -1, 0, on_due, w)) ||
	    !(w->anyway = event_new(w->base, -1, 0, on_anyway, w)))
		fatal("no memory for events");
	w->watch.changed = on_changed;
	w->watch.ctx = w;
	check(watch_open(&w->watch), "netlink");
	check(watch_start(&w->watch, w->base), "netlink");
	check(collector_new(&w->collector, 0), "the kernel's state");
	check(chan_new(&w->chan, w->base, FD_SUPERVISOR, ROLE_WATCHER, ROLE_GUARDD, QUEUE, &ops, w),
	    "channel to guardd");
	enter_sandbox(serving);
}

static int
serve(void)
{
	static struct watcher w;
	struct msg ready = {.type = MSG_READY};

	start(&w);
	chan_send(w.chan, &ready);
	event_active(w.anyway, EV_TIMEOUT, 0);
	event_base_dispatch(w.base);
	return 0;
}

/*
 * The supervisor has no capability left to give to a second watcher, so that the first one keeps
 * it: this process does nothing but wait for the one that serves, and makes another when that dies.
 */
static int
stand_by(void)
{
	for (int early = 0;;) {
		pid_t self = getpid(), pid = fork();
		usec_t began = clock_mono();
		int status = 0;

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			return getppid() == self ? serve() : 0;
		}
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			fatal("cannot watch: %s", strerror(errno));
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			return 0;
		log_warning("the watching process ended (%s %d): starting it again",
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		early = clock_mono() - began > LIVED_WELL ? 0 : early + 1;
		if (early == EARLY_MAX)
			fatal("it ends again and again");
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
}

int
main(int argc, char **argv)
{
	log_init("guardd-watcher", LOG_INFO);
	heap_settle();
	if (argc > 2 && strcmp(argv[1], "--dump") == 0)
		return byhand_dump(argc - 2, argv + 2);
	if (argc != 1)
		fatal("usage: guardd-watcher [--dump FILE | --dump -- PROGRAM [ARGUMENT...]]");
	enter_sandbox(standing_by);
	return stand_by();
}
