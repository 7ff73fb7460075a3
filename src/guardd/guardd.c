/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The supervisor: prepares directories, socket and configuration, starts the roles, speaks to the
 * service manager. It reads no log text, no packet and no SQL, and has no capability once the
 * keeper runs.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/place.h"
#include "base/power.h"
#include "guardd/config.h"
#include "guardd/options.h"
#include "guardd/prove.h"
#include "guardd/roles.h"
#include "wire/spawn.h"
#include "wire/figures.h"
#include "wire/stats.h"

/* Reading the journal is the reader's work; this group suffices for it. */
#define JOURNAL_GROUP "systemd-journal"

struct guardd {
	struct options options;
	struct event_base *base;
	struct config *config;
	struct roles *roles;
	struct prove *prove;
	struct roles_fds fds;
	int lock;
	bool started, reloading;
	uint32_t reload_id; /* 0: asked by a signal */
	int status;
};

static void
finish(struct guardd *g, int status)
{
	g->status = status;
	notify_send("STOPPING=1");
	if (g->started)
		roles_stop(g->roles);
	else
		event_base_loopbreak(g->base);
}

static void
on_all_ready(void *ctx)
{
	(void)ctx;
	notify_send("READY=1\nSTATUS=guarding");
	log_info("ready: all roles are up and sealed; look with guardctl status");
}

static void
on_lost(void *ctx, const char *why)
{
	log_alert("%s: ending", why);
	finish(ctx, 1);
}

static void
on_stopped(void *ctx)
{
	struct guardd *g = ctx;

	event_base_loopbreak(g->base);
}

static void
reload(struct guardd *g, uint32_t id)
{
	int r = g->reloading ? -EBUSY : config_start(g->config);
	int none;

	if (r == 0) {
		g->reloading = true;
		g->reload_id = id;
		return;
	}
	log_err("cannot reload now: %s", strerror(-r));
	none = memfd_create("guardd-errors", MFD_CLOEXEC);
	if (id && none >= 0)
		roles_answer_reload(g->roles, id, r, none);
	else
		closep(&none);
}

static void
on_reload(void *ctx, uint32_t id)
{
	reload(ctx, id);
}

static void
on_exposure(void *ctx, const struct msg *m, int fd)
{
	struct guardd *g = ctx;

	prove_on_msg(g->prove, m, fd);
}

static const struct roles_ops role_ops = {
    .on_all_ready = on_all_ready,
    .on_reload = on_reload,
    .on_lost = on_lost,
    .on_stopped = on_stopped,
    .on_exposure = on_exposure,
};

static void
on_config(void *ctx, const struct config_result *res)
{
	struct guardd *g = ctx;
	int r = res->image >= 0 ? 0 : -EINVAL;

	g->reloading = false;
	config_show_errors(res->errors);
	if (r == 0) {
		r = roles_use_image(g->roles, res->image);
		log_info(g->started ? "configuration loaded again" : "configuration loaded");
		if (r < 0)
			on_lost(g, "the roles could not be started");
		prove_again(g->prove);
		g->started = true;
	} else if (g->started) {
		log_err("the new configuration has errors: going on with the one in force");
	} else {
		log_err("the configuration has errors: not starting");
		finish(g, 1);
	}
	if (g->reload_id)
		roles_answer_reload(g->roles, g->reload_id, r, res->errors);
	else
		close(res->errors);
	g->reload_id = 0;
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct guardd *g = arg;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!config_reap(g->config, pid, status) && !prove_reap(g->prove, pid, status))
			roles_reap(g->roles, pid, status);
}

static void
on_end(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	log_info("stopping; bans stay in the kernel");
	finish(arg, 0);
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	struct guardd *g = arg;

	(void)sig;
	(void)what;
	if (g->started)
		reload(g, 0);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct guardd *g = arg;

	(void)fd;
	(void)what;
	if (g->started && roles_ping(g->roles))
		notify_send("WATCHDOG=1");
}

/* From whatever started us to the service user; directories are made while that is still possible.
 */
static int
settle(const struct options *o)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (uid == 0 && power_lookup(o->user, &uid, &gid) < 0) {
		log_err("user '%s' does not exist: create it (systemd-sysusers, or useradd "
			"--system %s), "
			"or name another with --user",
		    o->user, o->user);
		return -ENOENT;
	}
	r = place_dir(o->runtime, 0755, uid, gid);
	if (r < 0) {
		log_err("%s: %s", o->runtime, strerror(-r));
		return r;
	}
	r = place_dir(o->state, 0750, uid, gid);
	if (r < 0) {
		log_err("%s: %s", o->state, strerror(-r));
		return r;
	}
	r = geteuid() == 0 ? power_become(o->user, uid, gid, JOURNAL_GROUP, ROLES_POWER)
			   : power_check(ROLES_POWER);
	if (r < 0)
		log_err("guardd needs CAP_NET_ADMIN and CAP_DAC_READ_SEARCH for its keeper: start "
			"it as "
			"root, or as its systemd unit does (%s)",
		    strerror(-r));
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

/* A second descriptor for who may only read: another user cannot open the file anew for writing. */
static int
make_shared(const char *name, size_t size, int *fd, int *read_only)
{
	char path[32];

	*fd = memfd_create(name, MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)size) < 0 || fchmod(*fd, 0600) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	*read_only = open(path, O_RDONLY | O_CLOEXEC);
	return *read_only < 0 ? -errno : 0;
}

static int
open_files(struct guardd *g)
{
	const struct options *o = &g->options;
	int r;

	g->lock = told(place_open(o->runtime, "lock", O_RDWR | O_CREAT, 0600), o->runtime, "lock");
	if (g->lock < 0)
		return -EIO;
	if (flock(g->lock, LOCK_EX | LOCK_NB) < 0) {
		log_err("another guardd is running with %s", o->runtime);
		return -EBUSY;
	}
	g->fds.state = open(o->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g->fds.selfcheck = told(
	    place_open(o->runtime, "selfcheck.log", O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0640),
	    o->runtime, "selfcheck.log");
	g->fds.control =
	    told(place_listen(o->runtime, "control", SOCK_STREAM), o->runtime, "control");
	g->fds.herald =
	    told(place_listen(o->runtime, "herald", SOCK_SEQPACKET), o->runtime, "herald");
	if (g->fds.state < 0 || g->fds.selfcheck < 0 || g->fds.control < 0 || g->fds.herald < 0)
		return -EIO;
	r = make_shared("guardd-stats", sizeof(struct stats), &g->fds.stats, &g->fds.stats_read);
	if (r == 0)
		r = make_shared("guardd-figures", sizeof(struct figures), &g->fds.figures,
		    &g->fds.figures_read);
	if (r < 0)
		log_err("shared memory: %s", strerror(-r));
	return r;
}

static int
add_events(struct guardd *g)
{
	static const struct {
		int signal;
		event_callback_fn fn;
	} signals[] = {{SIGCHLD, on_child}, {SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_hup}};
	usec_t watchdog = notify_watchdog() / 2;
	struct timeval tv = {watchdog / USEC_PER_SEC, watchdog % USEC_PER_SEC};
	struct event *e;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		e = evsignal_new(g->base, signals[i].signal, signals[i].fn, g);
		if (!e || event_add(e, NULL) < 0)
			return -ENOMEM;
	}
	if (watchdog > 0) {
		e = event_new(g->base, -1, EV_PERSIST, on_watchdog, g);
		if (!e || event_add(e, &tv) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
run_clean(const struct options *o)
{
	static const char *const args[] = {"--clean", NULL};
	struct spawn s = spawn_new("guardd-keeper");
	int status = 0;
	pid_t pid;

	(void)o;
	if (power_check(ROLES_POWER) < 0) {
		log_err("--clean needs CAP_NET_ADMIN: run it as root");
		return 1;
	}
	s.args = args;
	s.power = ROLES_POWER;
	pid = spawn_start(&s);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
run(struct guardd *g)
{
	int r = settle(&g->options);

	if (r == 0)
		r = open_files(g);
	if (r < 0)
		return 1;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	g->base = event_base_new();
	if (!g->base || add_events(g) < 0 ||
	    config_new(&g->config, &g->options, on_config, g) < 0 ||
	    roles_new(&g->roles, g->base, &g->fds, &role_ops, g) < 0 ||
	    prove_new(&g->prove, g->base, g->options.runtime) < 0)
		fatal("out of memory");
	prove_use(g->prove, g->roles);
	r = config_start(g->config);
	if (r < 0)
		fatal("cannot start guardd-conf: %s", strerror(-r));
	event_base_dispatch(g->base);
	prove_free(g->prove);
	roles_free(g->roles);
	config_free(g->config);
	return g->status;
}

int
main(int argc, char **argv)
{
	struct guardd g = {.lock = -1};
	int r = options_parse(&g.options, argc, argv);

	if (r != 0)
		return r < 0 ? 2 : 0;
	if (g.options.quiet)
		setenv("GUARDD_QUIET", "1", 1);
	log_init("guardd", LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	return g.options.clean ? run_clean(&g.options) : run(&g);
}
