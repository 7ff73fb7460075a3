/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/joined.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "judge/exposure.h"
#include "judge/lift.h"

#define NEWCOMERS   4
#define GREET_WAIT  5 /* seconds until one that does not greet is closed */
#define ACCEPT_SOME 16
#define QUEUE_BUSY  (JOINED_QUEUE / 4 * 3) /* the rest is for answers */
#define KERNEL_WAIT 5                      /* seconds for the kernel's answer about a ban */
#define UNBAN_MOST  65536                  /* bans lifted by one word of another host */

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

/* A question that was put to the kernel. */
struct waiting {
	uint32_t slot, id;
	usec_t since; /* monotonic */
	bool lift;
};

struct joined {
	struct court *court;
	struct event *listener, *turn, *late;
	struct newcomer newcomers[NEWCOMERS];
	unsigned next_newcomer;
	struct peer herald, runner;
	int image, stats, figures; /* descriptors that are handed on; -1: none */
	struct tell *tell;
	struct share share;
	struct foreign foreign;
	bool standing;       /* was said */
	struct msg question; /* MSG_NONE: none is open in this packet */
	char host[FOREIGN_HOST_MAX + TEXT_PART];
	struct waiting waiting[JOINED_WAIT];
	uint32_t n_waiting;
	struct told told;
	usec_t greetings, words; /* rate_take: connections; log lines about other hosts' words */
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
	j->n_waiting = 0;
	evtimer_del(j->late);
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

static void
send_proof(struct joined *j)
{
	struct msg m = {.type = MSG_PROOF};
	int fd = exposure_proof_fd(j->court->exposure, &m.u.proof.serial, &m.u.proof.status);
	int copy = m.u.proof.status < 0 || fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy >= 0 ? chan_send_fd(j->herald.chan, &m, copy) < 0
		      : m.u.proof.status < 0 && chan_send(j->herald.chan, &m) < 0)
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
	struct joined *j = arg;

	(void)fd;
	(void)what;
	if (!j->herald.chan || !j->herald.greeted)
		return;
	if (j->share.behind) {
		lost_patience(&j->herald);
		return;
	}
	do {
		if (chan_queued(j->herald.chan) >= QUEUE_BUSY) {
			chan_ask_room(j->herald.chan);
			return;
		}
	} while (say_next(j));
}

/* --- other hosts' bans --- */

static void
give_answer(struct joined *j, uint32_t id, enum taken_status s)
{
	struct msg m = {.type = MSG_TAKEN, .id = id};

	j->foreign.taken[s]++;
	m.u.taken.status = (int32_t)s;
	if (j->herald.chan && chan_send(j->herald.chan, &m) < 0)
		lost_patience(&j->herald);
}

static void
answer_later(struct joined *j, uint32_t id, uint32_t slot, bool lift)
{
	static const struct timeval in = {.tv_sec = KERNEL_WAIT};

	if (j->n_waiting == JOINED_WAIT) {
		give_answer(j, id, TAKEN_DONE);
		return;
	}
	if (j->n_waiting == 0)
		evtimer_add(j->late, &in);
	j->waiting[j->n_waiting++] = (struct waiting){slot, id, clock_mono(), lift};
}

static void
settle(struct joined *j, uint32_t slot, bool lift, enum taken_status s)
{
	for (uint32_t i = 0; i < j->n_waiting; i++) {
		struct waiting w = j->waiting[i];

		if (w.slot != slot || w.lift != lift)
			continue;
		j->waiting[i--] = j->waiting[--j->n_waiting];
		give_answer(j, w.id, s);
	}
}

/* What the kernel says nothing of is in the table all the same, and is sent again. */
static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct joined *j = arg;
	usec_t before = clock_mono() - KERNEL_WAIT * USEC_PER_SEC + USEC_PER_SEC / 2;
	const struct timeval in = {.tv_sec = 1};

	(void)fd;
	(void)what;
	for (uint32_t i = 0; i < j->n_waiting; i++) {
		struct waiting w = j->waiting[i];

		if (w.since > before)
			continue;
		j->waiting[i--] = j->waiting[--j->n_waiting];
		give_answer(j, w.id, TAKEN_DONE);
	}
	if (j->n_waiting > 0)
		evtimer_add(j->late, &in);
}

static void
ask_foreign(struct joined *j)
{
	const struct msg *m = &j->question;
	bool lift = m->type == MSG_DROP;
	usec_t now = court_now(j->court), mono = clock_mono();
	uint32_t slot = BANS_NONE, id = m->id;
	enum taken_status s = (lift ? foreign_drop : foreign_take)(
	    &j->foreign, &m->u.fleet, j->host, now, mono, &slot);
	const struct ban *x = slot == BANS_NONE ? NULL : bans_get(j->court->bans, slot);

	j->question.type = MSG_NONE;
	court_changed(j->court, false);
	if (s == TAKEN_DONE && x &&
	    x->kernel == (lift ? (uint8_t)KERNEL_UNASKED : (uint8_t)KERNEL_ASKED))
		answer_later(j, id, slot, lift);
	else
		give_answer(j, id, s);
}

static void
lift_foreign(void *ctx, uint32_t slot)
{
	struct joined *j = ctx;

	lift_one(j->court, slot, court_now(j->court));
}

static uint32_t
unban_foreign(void *ctx, const struct prefix *p, const char *host)
{
	static const struct rate_limit lines = {USEC_PER_SEC, 20 * USEC_PER_SEC};
	struct joined *j = ctx;
	_cleanup_(lifted_fini) struct lifted l = {.max = UNBAN_MOST};
	char text[ADDR_TEXT_MAX];

	lift_inside(j->court, p, &l, court_now(j->court));
	lift_out(j->court, &l, court_now(j->court));
	if (l.n > 0 && rate_take(&j->words, &lines, clock_mono()))
		log_notice("unbanned %s by hand at %s: %u ban%s ended", prefix_format(p, text),
		    host, l.n, l.n == 1 ? "" : "s");
	return l.n;
}

static const struct foreign_ops foreign_ops = {.lift = lift_foreign, .lift_inside = unban_foreign};

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
	send_proof(j);
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
		ask_foreign(j);
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
		ask_foreign(p->all);
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
	foreign_init(&j->foreign, &c->verdict, &c->image, &foreign_ops, j);
	j->turn = event_new(c->base, -1, 0, on_turn, j);
	j->late = evtimer_new(c->base, on_late, j);
	if (fds->herald >= 0)
		j->listener =
		    event_new(c->base, fds->herald, EV_READ | EV_PERSIST, on_connection, j);
	if (!j->turn || !j->late || tell_new(&j->tell, wake, j) < 0 ||
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
	struct event *events[3];

	if (!j)
		return;
	events[0] = j->listener;
	events[1] = j->turn;
	events[2] = j->late;
	for (unsigned i = 0; i < NEWCOMERS; i++)
		dismiss(&j->newcomers[i], true);
	chan_free(j->herald.chan);
	chan_free(j->runner.chan);
	for (size_t i = 0; i < 3; i++)
		if (events[i])
			event_free(events[i]);
	tell_free(j->tell);
	share_fini(&j->share);
	foreign_fini(&j->foreign);
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
	foreign_follow_image(&j->foreign);
	share_follow_image(&j->court->rules, &j->court->image);
	follow(&j->herald);
	follow(&j->runner);
	return 0;
}

/* --- what happens elsewhere --- */

void
joined_on_proof(struct joined *j)
{
	if (joined_has_herald(j))
		send_proof(j);
}

static enum taken_status
status_of(const struct ban *x)
{
	if (x->kernel == KERNEL_NEVER)
		return TAKEN_NEVER;
	return x->kernel == KERNEL_REFUSED ? TAKEN_FAILED : TAKEN_DONE;
}

void
joined_on_banned(struct joined *j, uint32_t slot, bool first)
{
	const struct ban *x = bans_get(j->court->bans, slot);

	if (!j->court->rules.slots[x->rule].foreign) {
		if (first)
			share_on_banned(&j->share, slot);
		return;
	}
	settle(j, slot, false, status_of(x));
	if (x->kernel == KERNEL_NEVER)
		bans_end(j->court->bans, slot, clock_real());
}

void
joined_on_answer(struct joined *j, const struct msg *m)
{
	if (m->type == MSG_UNBANNED)
		settle(j, m->id, true, TAKEN_DONE);
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

struct tell *
joined_tell(struct joined *j)
{
	return j->tell;
}

struct foreign *
joined_foreign(struct joined *j)
{
	return &j->foreign;
}
