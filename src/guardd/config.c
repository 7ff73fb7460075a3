/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guardd/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "wire/spawn.h"

struct config {
	const struct options *options;
	config_done_fn done;
	void *ctx;
	pid_t pid;     /* of the running stage; 0: none */
	bool examples; /* the second stage */
	int image, errors;
};

int
config_new(struct config **out, const struct options *o, config_done_fn done, void *ctx)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct config){.options = o, .done = done, .ctx = ctx, .image = -1, .errors = -1};
	*out = c;
	return 0;
}

void
config_free(struct config *c)
{
	if (!c)
		return;
	closep(&c->image);
	closep(&c->errors);
	free(c);
}

static int
start_stage(struct config *c)
{
	const struct options *o = c->options;
	const char *const conf_args[] = {
	    "-c", o->main_file, "-s", o->share, "-e", o->etc, "-r", o->runtime, "--image", NULL};
	static const char *const example_args[] = {"--examples", NULL};
	struct spawn s = spawn_new(c->examples ? "guardd-reader" : "guardd-conf");
	pid_t pid;

	s.args = c->examples ? example_args : conf_args;
	s.fds[FD_IMAGE] = c->image;
	s.fds[STDERR_FILENO] = c->errors;
	pid = spawn_start(&s);
	if (pid < 0)
		return (int)pid;
	c->pid = pid;
	return 0;
}

int
config_start(struct config *c)
{
	int r;

	if (c->pid > 0)
		return -EBUSY;
	closep(&c->image);
	closep(&c->errors);
	c->image = memfd_create("guardd-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	c->errors = memfd_create("guardd-errors", MFD_CLOEXEC);
	if (c->image < 0 || c->errors < 0)
		return -errno;
	c->examples = false;
	r = start_stage(c);
	return r;
}

static void
finish(struct config *c, bool good)
{
	struct config_result r = {.image = -1, .errors = fd_take(&c->errors)};

	if (good)
		r.image = fd_take(&c->image);
	closep(&c->image);
	c->image = -1;
	c->done(c->ctx, &r);
}

/* A stage that died instead of saying what is wrong must not leave an empty report. */
static void
note_end(struct config *c, int status)
{
	const char *who = c->examples ? "guardd-reader --examples" : "guardd-conf";

	if (WIFSIGNALED(status))
		dprintf(c->errors, "guardd: %s was ended by signal %d\n", who, WTERMSIG(status));
	else if (lseek(c->errors, 0, SEEK_END) == 0)
		dprintf(c->errors, "guardd: %s ended with status %d\n", who, WEXITSTATUS(status));
}

bool
config_reap(struct config *c, pid_t pid, int status)
{
	if (pid != c->pid || c->pid == 0)
		return false;
	c->pid = 0;
	if (status != 0) {
		note_end(c, status);
		finish(c, false);
	} else if (c->examples) {
		finish(c, true);
	} else {
		int r;

		c->examples = true;
		r = start_stage(c);
		if (r < 0) {
			dprintf(c->errors, "guardd: cannot start guardd-reader: %s\n",
			    strerrorname_np(-r));
			finish(c, false);
		}
	}
	return true;
}

void
config_show_errors(int fd)
{
	char buf[4096];
	ssize_t n;
	off_t at = 0;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		at += n;
		if (write(STDERR_FILENO, buf, (size_t)n) < 0)
			return;
	}
}
