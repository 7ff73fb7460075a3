/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exe.h"
#include "base/power.h"

struct spawn
spawn_new(const char *name)
{
	struct spawn s = {.name = name};

	for (int i = 0; i < SPAWN_FDS; i++)
		s.fds[i] = -1;
	return s;
}

/* Moves the given descriptors to their numbers; first out of the way of each other. */
static int
place_fds(const struct spawn *s)
{
	int moved[SPAWN_FDS];

	for (int i = 0; i < SPAWN_FDS; i++) {
		moved[i] = s->fds[i] < 0 ? -1 : fcntl(s->fds[i], F_DUPFD, SPAWN_FDS);
		if (s->fds[i] >= 0 && moved[i] < 0)
			return -errno;
	}
	for (int i = 0; i < SPAWN_FDS; i++)
		if (moved[i] >= 0 && dup2(moved[i], i) < 0)
			return -errno;
	for (int i = 3; i < SPAWN_FDS; i++)
		if (moved[i] < 0)
			close(i);
	return close_range(SPAWN_FDS, ~0U, 0) < 0 ? -errno : 0;
}

static void
reset_signals(bool alone)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	if (!alone)
		signal(SIGPIPE, SIG_IGN);
}

static int
stand_alone(void)
{
	umask(077);
	return setsid() < 0 || chdir("/") < 0 ? -errno : 0;
}

static void
run_child(const struct spawn *s, const char *path, pid_t parent)
{
	const char *argv[SPAWN_ARGS + 2] = {path};
	int r = s->power ? power_pass_on(s->power) : power_drop();

	for (int i = 0; s->args && s->args[i]; i++)
		argv[i + 1] = s->args[i];
	reset_signals(s->alone);
	/* A role never outlives its supervisor, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(127);
	if (r == 0 && s->alone)
		r = stand_alone();
	if (r == 0)
		r = place_fds(s);
	if (r == 0)
		execve(path, (char *const *)(uintptr_t)argv,
		    s->env ? (char *const *)(uintptr_t)s->env : environ);
	dprintf(STDERR_FILENO, "guardd: cannot start %s: %s\n", path, strerror(r < 0 ? -r : errno));
	_exit(127);
}

pid_t
spawn_start(const struct spawn *s)
{
	char path[PATH_MAX];
	pid_t parent = getpid(), pid;
	int n = 0;

	while (s->args && s->args[n])
		if (++n > SPAWN_ARGS)
			return -E2BIG;
	if (!s->path)
		exe_find(s->name, path, sizeof(path));
	pid = fork();
	if (pid == 0)
		run_child(s, s->path ? s->path : path, parent);
	return pid < 0 ? -errno : pid;
}
