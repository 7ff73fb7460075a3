/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-judge: without arguments the judge of a running guardd (descriptors of wire/fds.h), with
 * --replay or --explain a calculator over offences on standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/place.h"
#include "judge/court.h"
#include "judge/explain.h"
#include "judge/figures.h"
#include "judge/groups.h"
#include "judge/replay.h"
#include "sandbox/sandbox.h"
#include "wire/fds.h"

/*
 * SQLite's files and libevent's look at the control socket; for calls that some architectures lack,
 * what their libc uses instead.
 */
static const int judge_calls[] = {SCMP_SYS(openat), SCMP_SYS(pwrite64), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(accept4),
    SCMP_SYS(getsockopt), SCMP_SYS(ioctl), -1};

static const struct stats *
map_stats(void)
{
	struct stat st;
	void *p;

	if (fstat(FD_STATS, &st) < 0 || (size_t)st.st_size < sizeof(struct stats))
		return NULL;
	p = mmap(NULL, sizeof(struct stats), PROT_READ, MAP_SHARED, FD_STATS, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* NULL: a supervisor without them. */
static struct figures *
map_figures(void)
{
	struct stat st;
	void *p;

	if (fstat(FD_FIGURES, &st) < 0 || (size_t)st.st_size < sizeof(struct figures))
		return NULL;
	p = mmap(NULL, sizeof(struct figures), PROT_READ | PROT_WRITE, MAP_SHARED, FD_FIGURES, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* -1: a supervisor without it. */
static int
given(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

static void
enter_sandbox(const int *calls, const struct sandbox_path *paths)
{
	const struct sandbox s = {.role = "judge",
	    .paths = paths,
	    .calls = calls,
	    .files_max = 256,
	    .no_write_exec = true};
	const char *what;
	int r = sandbox_enter(&s, &what);

	if (r < 0)
		fatal("the sandbox cannot be entered (%s): %s", what, strerror(-r));
}

/* The supervisor alone says when it ends; a full disk and a gone client are errors, no signals. */
static void
ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
}

static int
serve(void)
{
	_cleanup_(court_freep) struct court *c = NULL;
	char state[4096];
	struct court_fds fds = {.supervisor = FD_SUPERVISOR,
	    .image = FD_IMAGE,
	    .control = FD_CONTROL,
	    .selfcheck = FD_SELFCHECK,
	    .herald = given(FD_HERALD),
	    .stats = given(FD_STATS),
	    .figures = given(FD_FIGURES_READ),
	    .state = state};
	const struct sandbox_path paths[] = {
	    {state, true}, {GROUPS_FILE, false}, {"/dev/urandom", false}, {NULL, false}};
	struct figures *figures;
	int r = place_path(FD_STATE, state, sizeof(state));

	if (r < 0)
		fatal("no state directory: %s", strerror(-r));
	ignore_signals();
	umask(077);
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	enter_sandbox(judge_calls, paths);
	if (court_new(&c, &fds, map_stats()) < 0)
		return 1;
	close(FD_IMAGE);
	figures = map_figures();
	if (figures)
		figures_show(c->figures, figures);
	if (court_open_book(c) < 0)
		return 1;
	return court_run(c);
}

int
main(int argc, char **argv)
{
	static const struct sandbox_path none[] = {{NULL, false}};
	static const struct {
		const char *name;
		int (*run)(int image, int in, int out);
	} modes[] = {{"--replay", replay_run}, {"--explain", explain_run}};

	log_init("guardd-judge", LOG_INFO);
	heap_settle();
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		enter_sandbox(replay_calls, none);
		return modes[i].run(FD_IMAGE, STDIN_FILENO, STDOUT_FILENO);
	}
	if (argc != 1)
		fatal(
		    "usage: guardd-judge, started by guardd, or guardd-judge --replay | --explain");
	return serve();
}
