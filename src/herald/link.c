/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/link.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "herald/alerts.h"
#include "herald/fleet.h"
#include "herald/probes.h"
#include "herald/words.h"
#include "wire/dial.h"

#define QUEUE_MAX (2 * LINK_WINDOW + CHAN_BATCH)

struct link {
	struct herald *herald;
	const struct link_ops *ops;
	struct dial *dial;
	bool up;
	usec_t down_since;
	unsigned open; /* questions without an answer */
	bool refused;  /* link_take said -EAGAIN since then */
	bool pending;  /* an alert whose packet has not ended */
	struct msg_alert alert;
	struct words words;
};

/* --- one alert and its texts --- */

static void
finish_alert(struct link *l)
{
	struct herald *h = l->herald;
	const struct alert_note note = {.kind = l->alert.kind,
	    .severity = l->alert.severity,
	    .subject = l->words.subject,
	    .words = l->words.words,
	    .since = l->alert.since};

	if (!l->pending)
		return;
	l->pending = false;
	words_end(&l->words);
	if (l->alert.phase == ALERT_RAISED)
		alerts_raise(h->alerts, &note);
	else if (l->alert.phase == ALERT_ENDED)
		alerts_end(h->alerts, note.kind, note.subject, note.words);
	else
		alerts_moment(h->alerts, &note);
}

static int
on_alert(struct link *l, const struct msg *m, int fd)
{
	const struct msg_alert *a = &m->u.alert;

	(void)fd;
	if (a->kind == ALERT_NONE || a->kind >= ALERT_KINDS || a->severity >= SEVERITIES ||
	    a->phase >= ALERT_PHASES)
		return -EPROTO;
	l->alert = *a;
	l->pending = true;
	words_begin(&l->words);
	return 0;
}

static int
on_text(struct link *l, const struct msg *m, int fd)
{
	(void)fd;
	return l->pending ? words_add(&l->words, &m->u.text) : -EPROTO;
}

static int
on_standing(struct link *l, const struct msg *m, int fd)
{
	(void)m;
	(void)fd;
	alerts_judge_said_all(l->herald->alerts);
	return 0;
}

/* --- bans --- */

/* What the parts may rely on. */
static bool
fleet_is_fine(const struct msg_fleet *f)
{
	const struct prefix *p = &f->prefix;
	unsigned max = p->addr.family == 4 ? 32 : 128;

	return (p->addr.family == 4 || p->addr.family == 6) && p->len <= max &&
	       memchr(f->rule, 0, sizeof(f->rule));
}

static int
on_ban(struct link *l, const struct msg *m, int fd)
{
	struct fleet *f = l->herald->fleet;

	(void)fd;
	if (!fleet_is_fine(&m->u.fleet))
		return -EPROTO;
	if (f && m->type == MSG_GIVE)
		fleet_on_give(f, &m->u.fleet);
	else if (f)
		fleet_on_lift(f, &m->u.fleet);
	return 0;
}

static int
on_given(struct link *l, const struct msg *m, int fd)
{
	(void)fd;
	if (l->herald->fleet)
		fleet_on_given(l->herald->fleet, m->u.given.lost != 0);
	return 0;
}

static void
tell_room(struct link *l)
{
	if (!l->refused || l->open > LINK_WINDOW / 2)
		return;
	l->refused = false;
	fleet_on_room(l->herald->fleet);
}

static int
on_taken(struct link *l, const struct msg *m, int fd)
{
	(void)fd;
	if (l->open == 0 || !l->herald->fleet || m->u.taken.status < 0 ||
	    m->u.taken.status >= TAKEN_STATUSES)
		return -EPROTO;
	l->open--;
	fleet_on_taken(l->herald->fleet, m->id, m->u.taken.status);
	tell_room(l);
	return 0;
}

int
link_take(
    struct link *l, enum msg_type type, uint32_t id, const struct msg_fleet *what, const char *host)
{
	struct msg m[2] = {{.type = type, .id = id, .u.fleet = *what}, {.type = MSG_TEXT}};
	size_t n = strlen(host);
	int r;

	if (!l->up)
		return -ENOTCONN;
	if (n == 0 || n > TEXT_PART)
		return -EINVAL;
	if (l->open >= LINK_WINDOW) {
		l->refused = true;
		return -EAGAIN;
	}
	m[1].u.text.what = TEXT_HOST;
	m[1].u.text.len = (uint8_t)n;
	memcpy(m[1].u.text.text, host, n);
	r = chan_send_packet(dial_chan(l->dial), m, 2);
	if (r == -EAGAIN)
		l->refused = true;
	if (r == 0)
		l->open++;
	return r;
}

/* --- configuration, counters, proof --- */

static int
on_config(struct link *l, const struct msg *m, int fd)
{
	struct herald *h = l->herald;
	int r = 0;

	(void)m;
	if (!h->image.head)
		r = l->ops->on_first(h, fd);
	else if (!l->ops->is_same(h, fd))
		return h->end(h), 0;
	if (r < 0)
		return r;
	l->up = true;
	l->down_since = 0;
	alerts_judge_gone(h->alerts, 0);
	alerts_judge_begins(h->alerts);
	if (h->fleet)
		fleet_judge_begins(h->fleet);
	return 0;
}

/* A new mapping in the place of the old one; parts look it up each time they read. */
static int
map_shared(const void **at, int fd, size_t size)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size < size)
		return -EPROTO;
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (*at)
		munmap((void *)(uintptr_t)*at, size);
	*at = p;
	return 0;
}

static int
on_stats(struct link *l, const struct msg *m, int fd)
{
	const void *p = l->herald->stats;
	int r = map_shared(&p, fd, sizeof(struct stats));

	(void)m;
	l->herald->stats = p;
	return r;
}

static int
on_figures(struct link *l, const struct msg *m, int fd)
{
	const void *p = l->herald->figures;
	int r = map_shared(&p, fd, sizeof(struct figures));

	(void)m;
	if (r == 0 && ((const struct figures *)p)->version != FIGURES_VERSION)
		r = -EPROTO;
	l->herald->figures = p;
	return r;
}

static int
on_proof(struct link *l, const struct msg *m, int fd)
{
	struct herald *h = l->herald;
	struct proof p;

	if (m->u.proof.status < 0 || fd < 0)
		return 0;
	if (proof_open(&p, fd) < 0)
		return -EPROTO;
	if (h->have_proof)
		proof_close(&h->proof);
	h->proof = p;
	h->have_proof = true;
	if (h->fleet)
		fleet_on_proof(h->fleet);
	return 0;
}

/* --- the connection --- */

static const struct {
	int (*fn)(struct link *l, const struct msg *m, int fd); /* fd stays the caller's */
	bool first;                                             /* needs no configuration */
} table[MSG_TYPE_MAX] = {
    [MSG_CONFIG] = {on_config, true},
    [MSG_STATS] = {on_stats, false},
    [MSG_FIGURES] = {on_figures, false},
    [MSG_PROOF] = {on_proof, false},
    [MSG_ALERT] = {on_alert, false},
    [MSG_TEXT] = {on_text, false},
    [MSG_STANDING] = {on_standing, false},
    [MSG_GIVE] = {on_ban, false},
    [MSG_LIFT] = {on_ban, false},
    [MSG_GIVEN] = {on_given, false},
    [MSG_TAKEN] = {on_taken, false},
};

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	_cleanup_(closep) int owned = fd;
	struct link *l = ctx;
	int r = -EPROTO;

	if (!dial_chan(l->dial) || l->ops->is_ending(l->herald))
		return;
	if (m->type != MSG_TEXT)
		finish_alert(l);
	if (table[m->type].fn && (l->up || table[m->type].first))
		r = table[m->type].fn(l, m, owned);
	if (r < 0)
		dial_hang_up(l->dial);
}

static void
on_packet(void *ctx)
{
	finish_alert(ctx);
}

static void
on_room(void *ctx)
{
	struct link *l = ctx;

	if (l->herald->fleet)
		tell_room(l);
}

static void
on_up(void *ctx)
{
	(void)ctx;
}

static void
on_down(void *ctx, int error)
{
	struct link *l = ctx;
	struct herald *h = l->herald;

	l->ops->on_down(h, error);
	if (!l->up)
		return;
	l->up = l->refused = l->pending = false;
	l->open = 0;
	l->down_since = clock_real();
	alerts_judge_gone(h->alerts, l->down_since);
}

static const struct dial_ops ops = {.on_up = on_up,
    .on_msg = on_msg,
    .on_packet = on_packet,
    .on_room = on_room,
    .on_down = on_down};

int
link_new(struct link **out, struct herald *h, const char *path, const struct link_ops *o)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->herald = h;
	l->ops = o;
	l->down_since = clock_real();
	r = dial_new(&l->dial, h->base, path, ROLE_HERALD, QUEUE_MAX, &ops, l);
	if (r < 0) {
		free(l);
		return r;
	}
	*out = l;
	return 0;
}

void
link_free(struct link *l)
{
	if (!l)
		return;
	dial_free(l->dial);
	free(l);
}

bool
link_is_up(const struct link *l)
{
	return l->up;
}

usec_t
link_down_since(const struct link *l)
{
	return l->down_since;
}
