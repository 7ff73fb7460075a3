/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guardd/prove.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "wire/spawn.h"

#define PROVE_PATIENCE  60 /* seconds */
#define SHADOW_PATIENCE 30

/* A process that turns descriptors into another one. */
struct run {
	pid_t pid;          /* 0: none */
	int out;            /* what it writes */
	struct event *late; /* then it is killed */
	uint32_t serial;
};

struct prove {
	struct roles *roles;
	struct event_base *base;
	const char *runtime;
	struct run prover, shadow;
	int dump;                      /* of the running or last proof; -1: none */
	int proof;                     /* the last one, sealed */
	int proven;                    /* the dump it is of: the next may be in work already */
	int waiting;                   /* the newest dump that came meanwhile */
	bool again;                    /* prove the last dump once more: the image is a new one */
	uint32_t asked, waiting_asked; /* the judge's number for it; 0: not asked */
	uint32_t serial;               /* of the last proof */
};

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	if (run->pid > 0) {
		log_err("an exposure proof takes too long: ending it");
		kill(run->pid, SIGKILL);
	}
}

int
prove_new(struct prove **out, struct event_base *base, const char *runtime)
{
	struct prove *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct prove){.base = base,
	    .runtime = runtime,
	    .dump = -1,
	    .proof = -1,
	    .proven = -1,
	    .waiting = -1,
	    .prover.out = -1,
	    .shadow.out = -1};
	p->prover.late = evtimer_new(base, on_late, &p->prover);
	p->shadow.late = evtimer_new(base, on_late, &p->shadow);
	if (!p->prover.late || !p->shadow.late) {
		prove_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void
prove_free(struct prove *p)
{
	struct run *runs[2];

	if (!p)
		return;
	runs[0] = &p->prover;
	runs[1] = &p->shadow;
	for (size_t i = 0; i < 2; i++) {
		if (runs[i]->late)
			event_free(runs[i]->late);
		closep(&runs[i]->out);
	}
	closep(&p->dump);
	closep(&p->proof);
	closep(&p->proven);
	closep(&p->waiting);
	free(p);
}

void
prove_use(struct prove *p, struct roles *r)
{
	p->roles = r;
}

/* Starts s with a fresh memfd to write into, as descriptor number `as`. */
static int
start(struct run *run, struct spawn *s, int as, int patience)
{
	const struct timeval tv = {.tv_sec = patience};
	pid_t pid;

	closep(&run->out);
	run->out = memfd_create("guardd-proof", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (run->out < 0)
		return -errno;
	s->fds[as] = run->out;
	pid = spawn_start(s);
	if (pid < 0)
		return (int)pid;
	run->pid = pid;
	evtimer_add(run->late, &tv);
	return 0;
}

/* The result of a run, sealed: nobody can change what was checked. Negative errno: none. */
static int
take(struct run *run, int status)
{
	evtimer_del(run->late);
	run->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -EIO;
	if (fcntl(run->out, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
	    0)
		return -errno;
	return fd_take(&run->out);
}

/* --- proofs --- */

static void
tell_proof(struct prove *p, int status, uint32_t id)
{
	struct msg m = {.type = MSG_PROOF, .id = id};
	int fd = status == 0 ? fcntl(p->proof, F_DUPFD_CLOEXEC, 3) : -1;

	m.u.proof.status = status == 0 && fd < 0 ? -errno : status;
	m.u.proof.serial = p->serial;
	roles_send(p->roles, ROLE_JUDGE, &m, fd);
}

static void
start_proof(struct prove *p)
{
	static const char *const args[] = {"--proof", NULL};
	struct spawn s = spawn_new("guardd-prover");
	int r;

	s.args = args;
	s.fds[FD_IMAGE] = roles_image(p->roles);
	s.fds[FD_DUMP] = p->dump;
	p->again = false;
	r = start(&p->prover, &s, FD_PROOF, PROVE_PATIENCE);
	if (r < 0)
		tell_proof(p, r, p->asked);
}

static void
next_proof(struct prove *p)
{
	if (p->prover.pid > 0)
		return;
	if (p->waiting >= 0) {
		closep(&p->dump);
		p->dump = fd_take(&p->waiting);
		p->asked = p->waiting_asked;
		p->waiting_asked = 0;
		start_proof(p);
	} else if (p->again && p->dump >= 0) {
		p->asked = 0;
		start_proof(p);
	}
}

static void
on_dump(struct prove *p, const struct msg *m, int fd)
{
	if (m->u.dump.status < 0 || fd < 0) {
		closep(&fd);
		tell_proof(p, m->u.dump.status < 0 ? m->u.dump.status : -EPROTO, m->id);
		return;
	}
	closep(&p->waiting);
	p->waiting = fd;
	/* Who asked for the dump that gives way is answered by the newer one. */
	if (m->id)
		p->waiting_asked = m->id;
	next_proof(p);
}

static void
proof_ended(struct prove *p, int status)
{
	int fd = take(&p->prover, status);

	if (fd >= 0) {
		closep(&p->proof);
		closep(&p->proven);
		p->proof = fd;
		p->proven = fcntl(p->dump, F_DUPFD_CLOEXEC, 3);
		p->serial++;
	}
	tell_proof(p, fd < 0 ? fd : 0, p->asked);
	next_proof(p);
}

void
prove_again(struct prove *p)
{
	p->again = true;
	next_proof(p);
}

/* --- shadow replay --- */

static void
tell_shadow(struct prove *p, int status, uint32_t serial, int fd)
{
	struct msg m = {.type = MSG_SHADOWED};

	m.u.proof.status = status;
	m.u.proof.serial = serial;
	roles_send(p->roles, ROLE_JUDGE, &m, fd);
}

static void
on_shadow(struct prove *p, uint32_t serial)
{
	struct spawn s = spawn_new("guardd-shadow");
	int r = serial != p->serial || p->proof < 0 || p->proven < 0 ? -ESTALE
		: p->shadow.pid > 0                                  ? -EBUSY
								     : 0;

	s.fds[FD_DUMP] = p->proven;
	s.fds[FD_PROOF] = p->proof;
	p->shadow.serial = serial;
	if (r == 0)
		r = start(&p->shadow, &s, STDOUT_FILENO, SHADOW_PATIENCE);
	if (r < 0)
		tell_shadow(p, r, serial, -1);
}

static void
shadow_ended(struct prove *p, int status)
{
	int fd = take(&p->shadow, status);

	tell_shadow(p, fd < 0 ? fd : 0, p->shadow.serial, fd);
}

/* --- all --- */

void
prove_on_msg(struct prove *p, const struct msg *m, int fd)
{
	switch (m->type) {
	case MSG_DUMP:
		on_dump(p, m, fd);
		return;
	case MSG_PROVE:
		if (!roles_send(p->roles, ROLE_WATCHER, m, -1))
			tell_proof(p, -EAGAIN, m->id);
		break;
	case MSG_SHADOW:
		on_shadow(p, m->u.proof.serial);
		break;
	default:
		break;
	}
	closep(&fd);
}

bool
prove_reap(struct prove *p, pid_t pid, int status)
{
	if (pid <= 0)
		return false;
	if (pid == p->prover.pid)
		proof_ended(p, status);
	else if (pid == p->shadow.pid)
		shadow_ended(p, status);
	else
		return false;
	return true;
}
