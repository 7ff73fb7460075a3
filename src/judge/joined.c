/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/joined.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "judge/asked.h"
#include "judge/exposure.h"

#define NEWCOMERS   4
#define GREET_WAIT  5 /* seconds until one that does not greet is closed */
#define ACCEPT_SOME 16
#define QUEUE_BUSY  (JOINED_QUEUE / 4 * 3) /* the rest is for answers */

/* One of them that is connected. */
struct peer {
	struct joined *all;
	enum role role;
	uid_t uid;
	struct chan *chan; /* NULL: nobody */
	bool greeted;
};

struct newcomer {
	struct joined *all;
	struct event *event; /* NULL: nobody */
	int fd;
	uid_t uid;
};

struct joined {
	struct court *court;
	struct event *listener, *turn;
	struct newcomer newcomers[NEWCOMERS];
	unsigned next_newcomer;
	struct peer herald, runner;
	int image, stats, figures; /* descriptors that are handed on; -1: none */
	struct tell *tell;
	struct share share;
	struct asked *asked;
	bool standing;       /* was said */
	bool proof_due;      /* there is a newer one than was sent */
	struct msg question; /* MSG_NONE: none is open in this packet */
	char host[FOREIGN_HOST_MAX + TEXT_PART];
	struct told told;
	usec_t greetings; /* rate_take */
};

static void
complain(struct joined *j, const char *what)
{
	if (told_now(&j->told, hash_text(what), clock_real()))
		log_warning("%s: its connection is closed", what);
}

/* --- sending --- */

static void
wake(void *ctx)
{
	struct joined *j = ctx;

	if (j->herald.chan)
		event_active(j->turn, 0, 0);
}

static void
hang_up(struct peer *p)
{
	struct joined *j = p->all;

	chan_free(p->chan);
	p->chan = NULL;
	p->greeted = false;
	if (p != &j->herald)
		return;
	tell_stop(j->tell);
	share_stop(&j->share);
	j->question.type = MSG_NONE;
	asked_forget(j->asked);
}

static void
lost_patience(struct peer *p)
{
	complain(p->all, p->role == ROLE_HERALD
			     ? "the herald does not take what it is told"
			     : "the herald's runner does not take what it is told");
	hang_up(p);
}

static void
hand_on(struct peer *p, enum msg_type type, int fd)
{
	const struct msg m = {.type = (uint16_t)type};
	int copy = fd < 0 || !p->chan ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy >= 0 && chan_send_fd(p->chan, &m, copy) < 0)
		lost_patience(p);
}

/* The last proof, and why there is no newer one. */
static void
send_proof(struct joined *j)
{
	struct msg m = {.type = MSG_PROOF};
	int32_t trouble;
	int fd = exposure_proof_fd(j->court->exposure, &m.u.proof.serial, &trouble);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3), r = 0;

	j->proof_due = false;
	if (copy >= 0)
		r = chan_send_fd(j->herald.chan, &m, copy);
	m.u.proof.status = trouble;
	if (r == 0 && trouble < 0)
		r = chan_send(j->herald.chan, &m);
	if (r < 0)
		lost_patience(&j->herald);
}

/* One record or packet more. False: nothing is to be said now. */
static bool
say_next(struct joined *j)
{
	struct chan *chan = j->herald.chan;
	struct msg m[CHAN_BATCH];
	size_t n;

	if (tell_next(j->tell, m, &n) ||
	    (j->standing && tell_next_moment(j->tell, m, &n, clock_real()))) {
		if (chan_send_packet(chan, m, n) < 0)
			return false;
		tell_said(j->tell);
		return true;
	}
	if (!j->standing) {
		j->standing = true;
		return chan_send(chan, &(struct msg){.type = MSG_STANDING}) == 0;
	}
	switch (share_next(&j->share, m, clock_real())) {
	case SHARE_RECORD:
		return chan_send(chan, m) == 0;
	case SHARE_LATER:
		wake(j);
		return false;
	default:
		return false;
	}
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = {.tv_sec = 1};
	struct joined *j = arg;

	(void)fd;
	(void)what;
	if (!j->herald.chan || !j->herald.greeted)
		return;
	if (j->share.behind) {
		lost_patience(&j->herald);
		return;
	}
	if (j->proof_due && chan_is_read(j->herald.chan))
		send_proof(j);
	else if (j->proof_due)
		evtimer_add(j->turn, &soon);
	while (j->herald.chan && chan_queued(j->herald.chan) < QUEUE_BUSY)
		if (!say_next(j))
			return;
	if (j->herald.chan)
		chan_ask_room(j->herald.chan);
}

static void
send_answer(void *ctx, uint32_t id, enum taken_status status)
{
	struct joined *j = ctx;
	struct msg m = {.type = MSG_TAKEN, .id = id};

	m.u.taken.status = (int32_t)status;
	if (j->herald.chan && chan_send(j->herald.chan, &m) < 0)
		lost_patience(&j->herald);
}

/* --- records --- */

/* False: nothing of the kind is ever sent by a herald. */
static bool
take_text(struct joined *j, const struct msg_text *t)
{
	size_t have = strlen(j->host);

	if (t->what != TEXT_HOST || t->len == 0 || t->len > TEXT_PART || !j->question.type ||
	    memchr(t->text, '\0', t->len))
		return false;
	/* One that is too long is no name: all of it is not needed to see that. */
	if (have < FOREIGN_HOST_MAX) {
		memcpy(j->host + have, t->text, t->len);
		j->host[have + t->len] = '\0';
	}
	return true;
}

/* All of a question is there. */
static void
ask(struct joined *j)
{
	struct msg m = j->question;

	j->question.type = MSG_NONE;
	asked_question(j->asked, &m, j->host);
}

static bool
meet(struct peer *p)
{
	struct joined *j = p->all;

	if (p->greeted)
		return false;
	p->greeted = true;
	hand_on(p, MSG_CONFIG, j->image);
	if (p->role != ROLE_HERALD)
		return true;
	hand_on(p, MSG_STATS, j->stats);
	hand_on(p, MSG_FIGURES, j->figures);
	if (p->chan)
		send_proof(j);
	if (!p->chan)
		return true;
	j->question.type = MSG_NONE;
	j->standing = false;
	tell_begin(j->tell);
	share_begin(&j->share);
	wake(j);
	return true;
}

static bool
take_record(struct peer *p, const struct msg *m)
{
	struct joined *j = p->all;

	if (m->type == MSG_GREET)
		return meet(p);
	if (!p->greeted)
		return false;
	if (m->type == MSG_TEXT)
		return take_text(j, &m->u.text);
	if (j->question.type)
		ask(j);
	j->question = *m;
	j->host[0] = '\0';
	return true;
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct peer *p = ctx;

	(void)fd;
	if (take_record(p, m))
		return;
	complain(p->all, "what calls itself the herald sends nonsense");
	hang_up(p);
}

static void
on_packet(void *ctx)
{
	struct peer *p = ctx;

	if (p->all->question.type && p->role == ROLE_HERALD)
		ask(p->all);
	p->all->court->now = 0;
}

static void
on_room(void *ctx)
{
	struct peer *p = ctx;

	wake(p->all);
}

static void
on_close(void *ctx, int error)
{
	struct peer *p = ctx;

	if (error < 0)
		complain(p->all, "what calls itself the herald breaks the protocol");
	hang_up(p);
}

static const struct chan_ops chan_ops = {
    .on_msg = on_msg, .on_packet = on_packet, .on_room = on_room, .on_close = on_close};

/* --- connections --- */

static void
dismiss(struct newcomer *n, bool shut)
{
	if (!n->event)
		return;
	event_free(n->event);
	n->event = NULL;
	if (shut)
		close(n->fd);
}

static bool
is_welcome(const struct joined *j, uid_t uid)
{
	uint32_t herald = j->court->image.settings->herald_uid;

	return uid == 0 || uid == geteuid() || (herald != IMAGE_NO_UID && uid == herald);
}

/* Its first packet stays for the channel. */
static enum role
look_at_greeting(struct joined *j, int fd)
{
	struct msg m;
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(fd, &h, MSG_PEEK | MSG_DONTWAIT);

	if (n != (ssize_t)sizeof(m) || m.type != MSG_GREET ||
	    (m.u.greet.role != ROLE_HERALD && m.u.greet.role != ROLE_RUNNER))
		return ROLE_NONE;
	if (m.u.greet.version != GREET_VERSION) {
		complain(j, "a herald of another version of guardd wants to be told (restart it)");
		return ROLE_NONE;
	}
	return (enum role)m.u.greet.role;
}

static void
on_greeting(evutil_socket_t fd, short what, void *arg)
{
	static const struct rate_limit some = {100 * USEC_PER_MSEC, USEC_PER_SEC};
	struct newcomer *n = arg;
	struct joined *j = n->all;
	enum role role = what & EV_READ ? look_at_greeting(j, n->fd) : ROLE_NONE;
	struct peer *p = role == ROLE_HERALD ? &j->herald : &j->runner;

	(void)fd;
	if (role == ROLE_NONE || !rate_take(&j->greetings, &some, clock_mono())) {
		dismiss(n, true);
		return;
	}
	dismiss(n, false);
	hang_up(p);
	p->uid = n->uid;
	if (chan_new(
		&p->chan, j->court->base, n->fd, ROLE_JUDGE, role, JOINED_QUEUE, &chan_ops, p) < 0)
		log_err("cannot talk to %s: no memory", role_name(role));
}

int
joined_adopt(struct joined *j, int fd)
{
	static const struct timeval wait = {.tv_sec = GREET_WAIT};
	struct newcomer *n = &j->newcomers[j->next_newcomer];
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 || !is_welcome(j, cred.uid)) {
		close(fd);
		return -EACCES;
	}
	dismiss(n, true);
	n->event = event_new(j->court->base, fd, EV_READ, on_greeting, n);
	if (!n->event || event_add(n->event, &wait) < 0) {
		close(fd);
		return -ENOMEM;
	}
	n->fd = fd;
	n->uid = cred.uid;
	j->next_newcomer = (j->next_newcomer + 1) % NEWCOMERS;
	return 0;
}

static void
on_connection(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	for (int i = 0; i < ACCEPT_SOME; i++) {
		int newcomer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (newcomer < 0)
			return;
		joined_adopt(arg, newcomer);
	}
}

/* --- the whole --- */

int
joined_new(struct joined **out, struct court *c, const struct court_fds *fds)
{
	struct joined *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->court = c;
	j->image = -1;
	j->stats = fds->stats;
	j->figures = fds->figures;
	j->herald = (struct peer){.all = j, .role = ROLE_HERALD};
	j->runner = (struct peer){.all = j, .role = ROLE_RUNNER};
	for (unsigned i = 0; i < NEWCOMERS; i++)
		j->newcomers[i].all = j;
	share_init(&j->share, c->bans, &c->rules, wake, j);
	j->turn = event_new(c->base, -1, 0, on_turn, j);
	if (fds->herald >= 0)
		j->listener =
		    event_new(c->base, fds->herald, EV_READ | EV_PERSIST, on_connection, j);
	if (!j->turn || tell_new(&j->tell, wake, j) < 0 ||
	    asked_new(&j->asked, c, send_answer, j) < 0 ||
	    (fds->herald >= 0 && (!j->listener || event_add(j->listener, NULL) < 0)) ||
	    joined_follow_image(j, fds->image) < 0) {
		joined_free(j);
		return -ENOMEM;
	}
	*out = j;
	return 0;
}

void
joined_free(struct joined *j)
{
	if (!j)
		return;
	for (unsigned i = 0; i < NEWCOMERS; i++)
		dismiss(&j->newcomers[i], true);
	chan_free(j->herald.chan);
	chan_free(j->runner.chan);
	if (j->listener)
		event_free(j->listener);
	if (j->turn)
		event_free(j->turn);
	tell_free(j->tell);
	share_fini(&j->share);
	asked_free(j->asked);
	closep(&j->image);
	free(j);
}

bool
joined_has_herald(const struct joined *j)
{
	return j->herald.chan && j->herald.greeted;
}

static void
follow(struct peer *p)
{
	if (!p->chan || !p->greeted)
		return;
	if (is_welcome(p->all, p->uid))
		hand_on(p, MSG_CONFIG, p->all->image);
	else
		hang_up(p);
}

int
joined_follow_image(struct joined *j, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	closep(&j->image);
	j->image = copy;
	foreign_follow_image(asked_foreign(j->asked));
	share_follow_image(&j->court->rules, &j->court->image);
	follow(&j->herald);
	follow(&j->runner);
	return 0;
}

/* --- what happens elsewhere --- */

void
joined_on_proof(struct joined *j)
{
	j->proof_due = true;
	wake(j);
}

void
joined_on_banned(struct joined *j, uint32_t slot, bool first)
{
	const struct ban *x = bans_get(j->court->bans, slot);

	if (j->court->rules.slots[x->rule].foreign)
		asked_on_banned(j->asked, slot);
	else if (first)
		share_on_banned(&j->share, slot);
}

void
joined_on_answer(struct joined *j, const struct msg *m)
{
	asked_on_answer(j->asked, m);
}

void
joined_on_lift(struct joined *j, uint32_t slot)
{
	share_on_lift(&j->share, slot);
}

void
joined_on_shared(struct joined *j, uint32_t slot)
{
	share_on_banned(&j->share, slot);
}

bool
joined_unban_all(struct joined *j, const struct prefix *p, usec_t now)
{
	struct msg m = {.type = MSG_LIFT};

	m.u.fleet.prefix = *p;
	m.u.fleet.reason = FLEET_HAND;
	m.u.fleet.since = m.u.fleet.until = now;
	strcpy(m.u.fleet.rule, "*");
	on_turn(-1, 0, j); /* what waits about single ones is said before */
	return joined_has_herald(j) && j->court->image.fleet && chan_send(j->herald.chan, &m) == 0;
}

void
joined_on_book(struct joined *j, bool lost)
{
	/* What was said without the book was not all: it greets again, and is told all. */
	if (j->share.lost && !lost && j->herald.chan)
		hang_up(&j->herald);
	j->share.lost = lost;
}

struct tell *
joined_tell(struct joined *j)
{
	return j->tell;
}

struct foreign *
joined_foreign(struct joined *j)
{
	return asked_foreign(j->asked);
}
