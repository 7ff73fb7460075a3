/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-keeper: owns table inet guardd, opens log sources, has the last word on who is never
 * banned. The only role with capabilities. Here is the wiring of the modules beside this file.
 */
#include <errno.h>
#include <libgen.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "keeper/never.h"
#include "keeper/opener.h"
#include "keeper/turn.h"
#include "keeper/watch.h"
#include "sandbox/sandbox.h"
#include "wire/fds.h"

#define QUEUE        16384               /* records to one peer */
#define LOG_AGAIN    (60 * USEC_PER_SEC) /* the same refusal is told this often */
#define RETRY_LAST   (60 * USEC_PER_SEC)
#define REPAIR_SPACE (50 * USEC_PER_MSEC) /* between repairs, when somebody keeps at it */
#define DNAT_SETTLE  (200 * USEC_PER_MSEC)

struct peer {
	struct keeper *k;
	enum role role;
	struct chan *chan;
};

struct keeper {
	struct event_base *base;
	struct peer peers[ROLE_MAX];
	struct image img;
	struct nl *nl;
	struct table table;
	struct banset banset;
	struct dnat dnat;
	struct never never;
	struct turn turn;
	struct opener opener;
	struct watch watch;
	struct event *commit, *retry, *wide, *published;
	int ready;       /* 0: the table is as it should be; else why not */
	uint32_t resync; /* enum resync_why that a new judge is told */
	usec_t backoff, repaired, refused, told;
	int told_error;
};

static void
in(struct event *e, usec_t span)
{
	struct timeval tv = {span / USEC_PER_SEC, span % USEC_PER_SEC};

	event_add(e, &tv);
}

static void
on_refused(void *ctx, int error)
{
	struct keeper *k = ctx;
	usec_t now = clock_mono();

	if (k->told_error != error || now - k->told > LOG_AGAIN) {
		log_err(
		    "nf_tables refuses: %s; not in force, will be tried again", strerror(-error));
		k->told_error = error;
		k->told = now;
	}
	if (now - k->refused > 2 * RETRY_LAST)
		k->backoff = USEC_PER_SEC;
	k->refused = now;
	if (event_pending(k->retry, EV_TIMEOUT, NULL))
		return;
	in(k->retry, k->backoff);
	k->backoff = k->backoff * 2 < RETRY_LAST ? k->backoff * 2 : RETRY_LAST;
}

static void
tell_judge(void *ctx, const struct msg *m)
{
	struct keeper *k = ctx;
	struct chan *c = k->peers[ROLE_JUDGE].chan;
	int r = c ? chan_send(c, m) : 0;

	if (r == -EAGAIN && chan_drain(c, 1000) == 0)
		r = chan_send(c, m);
	if (r < 0 && r != -EPIPE)
		log_err("the judge does not hear %s: %s", msg_name(m->type), strerror(-r));
}

static void
tell_own(struct keeper *k)
{
	struct msg m = {.type = MSG_OWN_BEGIN};

	tell_judge(k, &m);
	for (size_t i = 0; i < k->never.now.n; i++) {
		m = (struct msg){.type = MSG_OWN};
		m.u.own.prefix = k->never.now.own[i].prefix;
		m.u.own.kind = k->never.now.own[i].kind;
		tell_judge(k, &m);
	}
	m = (struct msg){.type = MSG_OWN_END};
	tell_judge(k, &m);
}

static void
tell_resync(struct keeper *k, uint32_t why)
{
	struct msg m = {.type = MSG_RESYNC};

	m.u.resync.why = why;
	if (k->peers[ROLE_JUDGE].chan)
		tell_judge(k, &m);
	else
		k->resync = why;
}

static void
fill(struct batch *b, void *ctx)
{
	struct keeper *k = ctx;
	usec_t now = clock_real();

	for (uint32_t i = 0; i < k->banset.n; i++) {
		const struct banned_prefix *p = &k->banset.items[i];
		struct elem e = table_elem(&p->prefix, p->until, now);

		if (p->shown && p->until > now)
			batch_elem(b, NFT_MSG_NEWSETELEM,
			    table_set_name(&k->table, p->scope, set_kind(&p->prefix)), &e, NO_TAG);
	}
}

/* Makes the table what it should be. repair: elements may have gone: the judge must send all. */
static void
sync_table(struct keeper *k, bool repair)
{
	bool made = false;

	k->ready = table_sync(&k->table, k->nl, repair ? fill : NULL, k, &made);
	if (k->ready < 0)
		return on_refused(k, k->ready);
	log_info("table inet guardd is %s", made ? "made" : repair ? "repaired" : "in place");
	if (made || repair)
		tell_resync(k, made ? RESYNC_MADE : RESYNC_REPAIRED);
}

static void
on_foreign(void *ctx, bool ours, bool rules, const char *who)
{
	struct keeper *k = ctx;
	usec_t now = clock_mono();

	if (rules && !event_pending(k->published, EV_TIMEOUT, NULL))
		in(k->published, DNAT_SETTLE);
	if (!ours)
		return;
	log_warning(
	    "table inet guardd was changed by %s: it is repaired", *who ? who : "another process");
	k->ready = -ESTALE;
	if (now - k->repaired < REPAIR_SPACE)
		return in(k->retry, REPAIR_SPACE);
	k->repaired = now;
	sync_table(k, true);
}

static void
on_never_changed(void *ctx)
{
	struct keeper *k = ctx;

	if (k->ready == 0)
		sync_table(k, false);
	tell_own(k);
}

static void
on_published(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	bool changed = false;
	int r = dnat_read(&k->dnat, k->nl, &changed);

	(void)fd;
	(void)what;
	if (r < 0)
		log_warning("published ports could not be read: %s", strerror(-r));
	else if (changed && k->ready == 0)
		sync_table(k, false);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sync_table(arg, true);
}

static void
on_commit(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	usec_t now = clock_real(), next;

	(void)fd;
	(void)what;
	turn_commit(&k->turn, now);
	next = banset_next(&k->banset);
	if (next != USEC_NEVER)
		in(k->wide, next > now ? next - now : 0);
}

/* Scopes are numbers of services: bans of a service that stays go on under its new number. */
static void
renumber(struct keeper *k, const struct image *next)
{
	uint32_t map[TABLE_SCOPES] = {0};

	for (uint32_t s = 1; s < k->table.scopes; s++) {
		const char *name = image_str(&k->img, k->img.services[s - 1].name);

		map[s] = UINT32_MAX;
		for (uint32_t i = 0; i < image_count(next, IMAGE_SERVICES); i++)
			if (strcmp(image_str(next, next->services[i].name), name) == 0)
				map[s] = i + 1;
	}
	banset_renumber(&k->banset, map, k->table.scopes);
}

static int
use_image(struct keeper *k, int fd)
{
	struct image next, old = k->img;
	int r = image_open(&next, fd);

	if (r < 0)
		return r;
	if (image_count(&next, IMAGE_SERVICES) >= TABLE_SCOPES) {
		image_close(&next);
		return -E2BIG;
	}
	if (old.head)
		renumber(k, &next);
	k->img = next;
	k->never.img = k->opener.img = &k->img;
	table_configure(&k->table, &k->img);
	image_close(&old);
	r = never_read(&k->never);
	return r < 0 ? r : 0;
}

static void
on_config(struct keeper *k, int fd)
{
	int r;

	on_commit(-1, 0, k);
	r = use_image(k, fd);
	close(fd);
	if (r < 0)
		log_err("the new configuration cannot be used: %s", strerror(-r));
	sync_table(k, false);
	tell_own(k);
	tell_resync(k, RESYNC_START);
}

static void
accuse(struct keeper *k, enum role role)
{
	struct msg m = {.type = MSG_BROKEN, .u.peer.role = role};

	chan_send(k->peers[ROLE_GUARDD].chan, &m);
}

static void
on_reader(struct keeper *k, const struct msg *m)
{
	if (opener_request(&k->opener, k->peers[ROLE_READER].chan, m) < 0)
		accuse(k, ROLE_READER);
}

static void new_peer(struct keeper *k, enum role role, int fd);

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct peer *p = ctx;
	struct keeper *k = p->k;
	struct msg pong = {.type = MSG_PONG, .id = m->id};

	switch (m->type) {
	case MSG_PING:
		chan_send(p->chan, &pong);
		break;
	case MSG_PEER:
		new_peer(k, (enum role)m->u.peer.role, fd);
		break;
	case MSG_CONFIG:
		on_config(k, fd);
		break;
	case MSG_STOP:
		on_commit(-1, 0, k);
		for (int i = 0; i < ROLE_MAX; i++)
			if (k->peers[i].chan)
				chan_drain(k->peers[i].chan, 1000);
		event_base_loopbreak(k->base);
		break;
	case MSG_SYNCED:
		break;
	default:
		if (p->role == ROLE_READER)
			return on_reader(k, m);
		turn_add(&k->turn, m, k->ready, clock_real());
		event_active(k->commit, 0, 0);
	}
}

static void
on_close(void *ctx, int error)
{
	struct peer *p = ctx;

	if (p->role == ROLE_GUARDD)
		event_base_loopbreak(p->k->base);
	else if (error < 0)
		accuse(p->k, p->role);
}

static void
new_peer(struct keeper *k, enum role role, int fd)
{
	static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};
	struct peer *p = role < ROLE_MAX ? &k->peers[role] : NULL;
	int r;

	if (!p || (role == ROLE_GUARDD && p->chan)) {
		close(fd);
		return;
	}
	if (p->chan)
		chan_read_rest(p->chan);
	if (role == ROLE_JUDGE)
		on_commit(-1, 0, k); /* answers are for the one who asked */
	chan_free(p->chan);
	p->chan = NULL;
	p->k = k;
	p->role = role;
	r = chan_new(&p->chan, k->base, fd, ROLE_KEEPER, role, QUEUE, &ops, p);
	if (r < 0)
		fatal("channel to %s: %s", role_name(role), strerror(-r));
	if (role == ROLE_JUDGE) {
		tell_own(k);
		if (k->ready == 0)
			tell_resync(k, k->resync);
		k->resync = RESYNC_START;
	}
}

static void
enter_sandbox(const struct image *img)
{
	static const int calls[] = {SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(readlink),
	    SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(access), SCMP_SYS(faccessat),
	    SCMP_SYS(faccessat2), SCMP_SYS(fstatfs), SCMP_SYS(inotify_init1),
	    SCMP_SYS(inotify_add_watch), -1};
	static struct sandbox_path paths[OPENER_PATHS + 3];
	struct sandbox s = {.role = "guardd-keeper",
	    .paths = paths,
	    .calls = calls,
	    .capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_DAC_READ_SEARCH,
	    .files_max = 4096,
	    .no_write_exec = true};
	size_t n = opener_paths(img, paths, OPENER_PATHS);
	char *resolv = realpath(RESOLV_CONF, NULL);
	const char *what = "";
	int r;

	/* Replaced by renaming, it is another file: only its directory can be allowed. */
	paths[n++].path = "/etc";
	if (resolv)
		paths[n].path = dirname(resolv);
	r = sandbox_enter(&s, &what);
	if (r < 0)
		fatal("%s cannot be installed: %s", what, strerror(-r));
	free(resolv);
}

static void
check(int r, const char *what)
{
	if (r < 0)
		fatal("%s: %s", what, strerror(-r));
}

static void
start(struct keeper *k)
{
	bool changed;
	int r;

	k->base = event_base_new();
	if (!k->base || !(k->commit = event_new(k->base, -1, 0, on_commit, k)) ||
	    !(k->wide = event_new(k->base, -1, 0, on_commit, k)) ||
	    !(k->retry = event_new(k->base, -1, 0, on_retry, k)) ||
	    !(k->published = event_new(k->base, -1, 0, on_published, k)))
		fatal("no memory for events");
	k->backoff = USEC_PER_SEC;
	k->opener.inotify = -1;
	check(nl_new(&k->nl, NETLINK_NETFILTER, 0), "netlink");
	k->table.never = k->turn.never = &k->never.now.set;
	k->table.published = &k->dnat;
	k->turn.nl = k->nl;
	k->turn.table = &k->table;
	k->turn.banset = &k->banset;
	k->turn.answer = tell_judge;
	k->turn.refused = on_refused;
	k->never.changed = on_never_changed;
	k->watch.changed = on_foreign;
	k->turn.ctx = k->never.ctx = k->watch.ctx = k;
	r = watch_start(&k->watch, k->base, k->nl->port);
	if (r < 0)
		log_err("changes by others will not be noticed: %s", strerror(-r));
	check(never_start(&k->never, k->base), "rtnetlink");
	check(use_image(k, FD_IMAGE), "configuration image");
	enter_sandbox(&k->img);
	dnat_read(&k->dnat, k->nl, &changed);
	sync_table(k, false);
}

int
main(int argc, char **argv)
{
	static struct keeper k;
	struct msg ready = {.type = MSG_READY};

	log_init("guardd-keeper", LOG_INFO);
	heap_settle();
	if (argc == 2 && strcmp(argv[1], "--clean") == 0) {
		check(table_clean(), "table inet guardd cannot be removed");
		return 0;
	}
	if (argc != 1)
		fatal("usage: guardd-keeper [--clean]; it is started by guardd");
	start(&k);
	new_peer(&k, ROLE_GUARDD, FD_SUPERVISOR);
	chan_send(k.peers[ROLE_GUARDD].chan, &ready);
	event_base_dispatch(k.base);
	return 0;
}
