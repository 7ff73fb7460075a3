/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "wire/spawn.h"

#define SEALS       (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
#define TIMEOUT_MIN 1
#define READ_ONCE   (64 << 10)

struct job {
	struct jobs *all;
	pid_t pid; /* 0: free */
	uint32_t id, kind;
	bool abandoned, late;
	int pipe;   /* what it writes */
	int output; /* memfd of it */
	size_t n;   /* bytes there */
	struct event *readable, *timeout;
};

struct jobs {
	struct event_base *base;
	jobs_done done;
	void *ctx;
	int image_fd; /* -1: none yet */
	struct image image;
	unsigned running;
	struct job jobs[JOBS_MAX];
};

/* What is run: argv of struct spawn, and how long it may take. */
struct errand {
	struct spawn spawn;
	const char *args[SPAWN_ARGS + 1];
	uint32_t timeout_s;
	char rate[16];
};

static int
courier(const struct jobs *j, const struct msg *m, struct errand *e)
{
	(void)j;
	e->spawn.name = "guardd-courier";
	e->timeout_s = m->u.run.timeout_s;
	return 0;
}

/* The number of a channel that is no program runs nothing, and so does that of another
 * configuration. */
static int
program(const struct jobs *j, const struct msg *m, struct errand *e)
{
	const struct image_channel *c;

	if (j->image_fd < 0 || m->u.run.image != j->image.head->made)
		return -ESTALE;
	if (m->u.run.channel >= image_count(&j->image, IMAGE_CHANNELS))
		return -ENOENT;
	c = &j->image.channels[m->u.run.channel];
	if (c->kind != CHANNEL_PROGRAM || c->argv.n == 0)
		return -ENOENT;
	if (c->argv.n - 1 > SPAWN_ARGS)
		return -E2BIG;
	e->spawn.path = image_list(&j->image, c->argv, 0);
	for (uint32_t i = 1; i < c->argv.n; i++)
		e->args[i - 1] = image_list(&j->image, c->argv, i);
	e->timeout_s = c->timeout_s;
	return e->spawn.path[0] == '/' ? 0 : -ENOENT;
}

static int
probe(const struct jobs *j, const struct msg *m, struct errand *e)
{
	if (j->image_fd < 0 || m->u.run.image != j->image.head->made)
		return -ESTALE;
	if (!j->image.fleet || j->image.fleet->probe_every == 0)
		return -ENOENT;
	snprintf(e->rate, sizeof(e->rate), "%u", (unsigned)j->image.fleet->probe_per_second);
	e->spawn.name = "guardd-prover";
	e->spawn.fds[FD_IMAGE] = j->image_fd;
	e->args[0] = "--probe";
	e->args[1] = "--rate";
	e->args[2] = e->rate;
	e->args[3] = "-"; /* what to ask is on standard input */
	e->timeout_s = m->u.run.timeout_s;
	return 0;
}

static const struct {
	int (*describe)(const struct jobs *j, const struct msg *m, struct errand *e);
	uint32_t timeout_max; /* seconds */
	unsigned at_a_time;   /* a probe keeps to the rate of the configuration: one */
} kinds[] = {
    [RUN_COURIER] = {courier, 300, JOBS_MAX},
    [RUN_PROGRAM] = {program, 3600, JOBS_MAX},
    [RUN_PROBE] = {probe, 6 * 3600, 1},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

/* --- standard input and output --- */

/* A descriptor of its own, at its start and for reading alone. Only a memfd that nobody can change
 * any more is taken. */
static int
open_input(int fd)
{
	char path[40];
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS), r;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size > JOBS_INPUT)
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = open(path, O_RDONLY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

/* Keeps the beginning, and takes the rest so that the writer never waits. False: nothing is there
 * now, or it is the end. */
static bool
read_some(struct job *job)
{
	char buf[READ_ONCE];
	ssize_t n = read(job->pipe, buf, sizeof(buf));
	size_t keep;

	if (n <= 0) {
		if (n == 0)
			event_del(job->readable);
		return false;
	}
	keep = (size_t)n < JOBS_OUTPUT - job->n ? (size_t)n : JOBS_OUTPUT - job->n;
	if (keep > 0 && pwrite(job->output, buf, keep, (off_t)job->n) == (ssize_t)keep)
		job->n += keep;
	return true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_some(arg);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;

	(void)fd;
	(void)what;
	job->late = true;
	kill(-job->pid, SIGKILL);
}

/* --- one job --- */

static void
job_fini(struct job *job)
{
	if (job->readable)
		event_free(job->readable);
	if (job->timeout)
		event_free(job->timeout);
	closep(&job->pipe);
	closep(&job->output);
	*job = (struct job){.all = job->all, .pipe = -1, .output = -1};
}

static int
job_prepare(struct jobs *j, struct job *job, int *writer)
{
	int ends[2];

	job->output = memfd_create("guardd-output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (job->output < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	job->pipe = ends[0];
	*writer = ends[1];
	fcntl(job->pipe, F_SETFL, O_RDONLY | O_NONBLOCK);
	job->readable = event_new(j->base, job->pipe, EV_READ | EV_PERSIST, on_readable, job);
	job->timeout = evtimer_new(j->base, on_timeout, job);
	if (!job->readable || !job->timeout || event_add(job->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static int
job_start(struct jobs *j, struct job *job, const struct msg *m, struct errand *e, int input)
{
	static const char path[] =
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	/* Not the state directory: the herald writes there, and what is in $HOME steers programs.
	 */
	static const char *const env[] = {path, "LANG=C.UTF-8", "HOME=/", NULL};
	_cleanup_(closep) int in = open_input(input), writer = -1;
	uint32_t max = kinds[m->u.run.kind].timeout_max, s = e->timeout_s;
	struct timeval tv = {.tv_sec = s < TIMEOUT_MIN ? TIMEOUT_MIN : s > max ? max : s};
	int r = in < 0 ? in : job_prepare(j, job, &writer);
	pid_t pid;

	if (r < 0)
		return r;
	e->spawn.args = e->args;
	e->spawn.env = env;
	e->spawn.alone = true;
	e->spawn.fds[STDIN_FILENO] = in;
	e->spawn.fds[STDOUT_FILENO] = e->spawn.fds[STDERR_FILENO] = writer;
	pid = spawn_start(&e->spawn);
	if (pid < 0)
		return (int)pid;
	job->pid = pid;
	job->id = m->id;
	job->kind = m->u.run.kind;
	j->running++;
	evtimer_add(job->timeout, &tv);
	return 0;
}

static struct job *
free_job(struct jobs *j)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (j->jobs[i].pid == 0)
			return &j->jobs[i];
	return NULL;
}

static bool
is_full(const struct jobs *j, uint32_t kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < JOBS_MAX; i++)
		n += j->jobs[i].pid > 0 && j->jobs[i].kind == kind;
	return n >= kinds[kind].at_a_time;
}

void
jobs_run(struct jobs *j, const struct msg *m, int input)
{
	struct errand e = {.spawn = spawn_new(NULL)};
	struct job *job = free_job(j);
	uint32_t kind = m->u.run.kind;
	int r = -EINVAL;

	if (!job)
		r = -EBUSY;
	else if (kind < N_KINDS && kinds[kind].describe)
		r = is_full(j, kind) ? -EBUSY : kinds[kind].describe(j, m, &e);
	if (r == 0)
		r = job_start(j, job, m, &e, input);
	close(input);
	if (r < 0) {
		if (job)
			job_fini(job);
		j->done(j->ctx, m->id, r, -1);
	}
}

static int
take_output(struct job *job)
{
	if (job->n == 0)
		return -1;
	fcntl(job->output, F_ADD_SEALS, SEALS | F_SEAL_SEAL);
	return fd_take(&job->output);
}

bool
jobs_reap(struct jobs *j, pid_t pid, int status)
{
	struct job *job = NULL;
	int r;

	for (size_t i = 0; i < JOBS_MAX; i++)
		if (j->jobs[i].pid == pid && pid > 0)
			job = &j->jobs[i];
	if (!job)
		return false;
	/* What it left behind in its group ends with it. */
	kill(-pid, SIGKILL);
	while (read_some(job))
		continue;
	r = WIFEXITED(status) ? WEXITSTATUS(status) : job->late ? -ETIMEDOUT : -EINTR;
	j->running--;
	if (!job->abandoned)
		j->done(j->ctx, job->id, r, take_output(job));
	job_fini(job);
	return true;
}

/* --- all of them --- */

int
jobs_new(struct jobs **out, struct event_base *base, jobs_done done, void *ctx)
{
	struct jobs *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	*j = (struct jobs){.base = base, .done = done, .ctx = ctx, .image_fd = -1};
	for (size_t i = 0; i < JOBS_MAX; i++)
		j->jobs[i] = (struct job){.all = j, .pipe = -1, .output = -1};
	*out = j;
	return 0;
}

void
jobs_free(struct jobs *j)
{
	if (!j)
		return;
	jobs_abandon(j);
	for (size_t i = 0; i < JOBS_MAX; i++)
		job_fini(&j->jobs[i]);
	if (j->image_fd >= 0)
		image_close(&j->image);
	closep(&j->image_fd);
	free(j);
}

int
jobs_use_image(struct jobs *j, int fd)
{
	struct image image;
	int r = image_open(&image, fd);

	if (r < 0) {
		close(fd);
		return r;
	}
	if (j->image_fd >= 0)
		image_close(&j->image);
	closep(&j->image_fd);
	j->image = image;
	j->image_fd = fd;
	return 0;
}

unsigned
jobs_running(const struct jobs *j)
{
	return j->running;
}

void
jobs_abandon(struct jobs *j)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (j->jobs[i].pid == 0)
			continue;
		j->jobs[i].abandoned = true;
		kill(-j->jobs[i].pid, SIGKILL);
	}
}
