/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/exe.h"
#include "wire/fds.h"

static int
place(int fd, int as)
{
	if (fd < 0 || fd == as)
		return 0;
	return dup2(fd, as) < 0 ? -1 : 0;
}

pid_t
tool_start(const struct tool *t)
{
	const char *argv[TOOL_ARGS + 2] = {t->name};
	char path[PATH_MAX];
	pid_t pid;

	exe_find(t->name, path, sizeof(path));
	for (size_t i = 0; i < TOOL_ARGS && t->args[i]; i++)
		argv[i + 1] = t->args[i];
	fflush(stdout);
	pid = fork();
	if (pid != 0)
		return pid < 0 ? -errno : pid;
	if (place(t->in, 0) == 0 && place(t->out, 1) == 0 && place(t->image, FD_IMAGE) == 0 &&
	    (t->image != FD_IMAGE || fcntl(FD_IMAGE, F_SETFD, 0) == 0))
		execv(path, (char *const *)(uintptr_t)argv);
	fprintf(stderr, "guardctl: cannot start %s: %s\n", path, strerror(errno));
	_exit(EXIT_CANNOT);
}

int
tool_wait(const struct tool *t, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_CANNOT;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* Who read our output had enough. */
	if (WTERMSIG(status) == SIGPIPE)
		return EXIT_DONE;
	fprintf(stderr, "guardctl: %s was ended by signal %d\n", t->name, WTERMSIG(status));
	return EXIT_CANNOT;
}

static int
run_conf(const struct globals *g, const char *what, int out, int image)
{
	struct tool t = {.name = "guardd-conf",
	    .args = {"-c", g->main_file, "-s", g->share, "-e", g->etc, "-r", g->runtime, what},
	    .in = -1,
	    .out = out,
	    .image = image};
	pid_t pid = tool_start(&t);

	return pid < 0 ? EXIT_CANNOT : tool_wait(&t, pid);
}

int
tool_conf(const struct globals *g, const char *what, int out)
{
	return run_conf(g, what, out, -1);
}

int
tool_image(const struct globals *g)
{
	_cleanup_(closep) int fd = memfd_create("guardd-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || run_conf(g, "--image", -1, fd) != EXIT_DONE)
		return -1;
	return fd_take(&fd);
}

int
tool_image_import(const struct globals *g, const char *filter, const char *from)
{
	_cleanup_(closep) int fd = memfd_create("guardd-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct tool t = {.name = "guardd-conf",
	    .args = {"-c", g->main_file, "--image", "--import-filter", filter,
		from ? "--from" : NULL, from},
	    .in = -1,
	    .out = -1,
	    .image = fd};
	pid_t pid = fd < 0 ? -errno : tool_start(&t);

	if (pid < 0 || tool_wait(&t, pid) != EXIT_DONE)
		return -1;
	return fd_take(&fd);
}

pid_t
tool_start_piped(struct tool *t, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	t->out = fds[1];
	pid = tool_start(t);
	close(fds[1]);
	t->out = -1;
	if (pid < 0)
		close(fds[0]);
	else
		*out = fds[0];
	return pid;
}

int
tool_replay(struct tool *reader, ask_line_fn fn, void *ctx)
{
	struct tool judge = {.name = "guardd-judge", .args = {"--replay"}, .image = reader->image};
	_cleanup_(closep) int hits = -1, bans = -1;
	pid_t reading = tool_start_piped(reader, &hits), judging;
	int r, s;

	if (reading < 0)
		return EXIT_CANNOT;
	judge.in = hits;
	judging = tool_start_piped(&judge, &bans);
	closep(&hits);
	hits = -1;
	r = judging < 0 ? EXIT_CANNOT : ask_read_lines(bans, fn, ctx);
	s = tool_wait(reader, reading);
	if (s == EXIT_DONE && judging > 0)
		s = tool_wait(&judge, judging);
	return s != EXIT_DONE ? s : r;
}
