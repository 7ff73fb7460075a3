/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/court.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "judge/drops.h"
#include "judge/court_tell.h"
#include "judge/exposure.h"
#include "judge/figures.h"
#include "judge/foreign.h"
#include "judge/groups.h"
#include "judge/joined.h"
#include "judge/requests.h"
#include "judge/selfcheck.h"

#define READER_QUEUE     (POSITIONS_MAX + CHAN_BATCH) /* all positions and their end fit */
#define SUPERVISOR_QUEUE 128
#define LAST_WORDS       2000 /* milliseconds */

/* --- the keeper's answers --- */

static void
on_banned(void *ctx, uint32_t slot, const struct msg_banned *answer)
{
	struct court *c = ctx;
	struct ban *x = bans_get(c->bans, slot);
	bool first = x->kernel == KERNEL_IN && !(x->flags & (BANS_TOLD | BANS_BUILTIN));

	if (first) {
		x->flags |= BANS_TOLD;
		ban_log_add(&c->ban_log, x);
		if (x->flags & BANS_PREFIX)
			court_tell_prefix(c, x);
	}
	joined_on_banned(c->joined, slot, first);
	figures_on_banned(c->figures, slot, x->kernel == KERNEL_IN);
	selfcheck_on_banned(c->selfcheck, slot, answer);
	control_on_banned(c->control, slot, answer);
	court_changed(c, false);
}

static void
on_answer(void *ctx, const struct msg *m)
{
	struct court *c = ctx;

	selfcheck_on_answer(c->selfcheck, m);
	drops_on_answer(c->drops, m);
	joined_on_answer(c->joined, m);
	control_on_answer(c->control, m);
	court_changed(c, false);
}

static void
on_own(void *ctx, const struct msg *m)
{
	struct court *c = ctx;
	int r = 0;

	switch (m->type) {
	case MSG_OWN_BEGIN:
		own_begin(&c->own);
		break;
	case MSG_OWN:
		r = own_add(&c->own, &m->u.own.prefix, m->u.own.kind);
		break;
	case MSG_OWN_END:
		r = own_end(&c->own, &c->image);
		break;
	default:
		break;
	}
	court_changed(c, false);
	if (r < 0)
		log_err("this machine's own addresses: %s", strerror(-r));
}

static void
on_repair(void *ctx, uint32_t why)
{
	court_tell_repair(ctx, why);
	court_changed(ctx, false);
}

static void
on_refused(void *ctx)
{
	court_tell_refused(ctx);
	court_changed(ctx, false);
}

static const struct enforce_ops enforce_ops = {.on_banned = on_banned,
    .on_answer = on_answer,
    .on_own = on_own,
    .on_repair = on_repair,
    .on_refused = on_refused};

/* --- the reader --- */

static void
tell_hidden(struct court *c, const struct msg_offence *o)
{
	char text[ADDR_TEXT_MAX];

	c->verdict.counts.hidden++;
	if (own_tell(&c->own, &o->addr, court_now(c)))
		log_warning("offences \"from\" %s (filter %s) ban nobody: it is this machine's, a "
			    "gateway's or a proxy's, so the real address is lost",
		    addr_format(&o->addr, text),
		    o->filter < image_count(&c->image, IMAGE_FILTERS)
			? image_str(&c->image, c->image.filters[o->filter].name)
			: "unknown");
}

/* A wrong clock or time zone is the usual cause, and only people can mend that. */
static void
tell_future(struct court *c, const struct msg_offence *o)
{
	const char *name = "unknown";
	int n = (int)strlen(name);

	if (!(o->flags & OFFENCE_FUTURE) || !told_now(&c->future, o->source, court_now(c)))
		return;
	for (uint32_t i = 0; c->stats && i < STATS_SOURCES; i++) {
		const struct stats_source *s = &c->stats->sources[i];

		if (s->key == o->source && s->key) {
			name = s->name;
			n = (int)strnlen(name, sizeof(s->name));
		}
	}
	log_warning(
	    "a line of source %.*s is dated ahead of now, and counted as now: are clock and "
	    "time zone right?",
	    n, name);
}

/* What is not an address in its one form would be counted apart from itself. */
static bool
clean_offence(const struct msg_offence *from, struct msg_offence *o)
{
	*o = *from;
	return (o->addr.family == 4 || o->addr.family == 6) &&
	       addr_from_bytes(&o->addr, addr_af(&from->addr), from->addr.bytes) == 0;
}

static void
judge_on_offence(struct court *c, const struct msg *m)
{
	struct msg_offence o;

	if (!clean_offence(&m->u.offence, &o))
		return;
	tell_future(c, &o);
	if (m->type == MSG_FORGIVE) {
		verdict_forgive(&c->verdict, &c->map, &o, court_now(c));
	} else if (m->type == MSG_GATEWAY || own_hides_source(&c->own, &o.addr)) {
		tell_hidden(c, &o);
	} else {
		selfcheck_on_offence(c->selfcheck, &o.addr);
		c->arrived = o.arrived;
		verdict_offence(&c->verdict, &c->map, &o, court_now(c));
		c->arrived = 0;
	}
}

static void
reader_msg(void *ctx, const struct msg *m, int fd)
{
	struct court *c = ctx;
	int r;

	(void)fd;
	if (m->type != MSG_POSITION) {
		judge_on_offence(c, m);
		return;
	}
	r = positions_set(&c->positions, &m->u.position, court_now(c));
	if (r < 0)
		log_err("the reader sent a position that is none");
	/* Where a source begins is stored at once: without it, all that comes before the first
	 * commit would be skipped after a sudden end. */
	if (r > 0)
		court_changed(c, true);
}

static void
reader_ahead(void *ctx, const struct msg *m, size_t n)
{
	struct court *c = ctx;

	verdict_ahead(&c->verdict, &c->map, m, n);
}

/* A packet is judged and stored as a whole; the bans of all that were read in one go leave together
 * at the end of the turn. */
static void
reader_packet(void *ctx)
{
	struct court *c = ctx;

	c->now = 0;
	court_changed(c, false);
}

static void
court_accuse(struct court *c, enum role role)
{
	struct msg m = {.type = MSG_BROKEN};

	m.u.peer.role = role;
	if (c->supervisor)
		chan_send(c->supervisor, &m);
}

static void
reader_close(void *ctx, int error)
{
	struct court *c = ctx;

	/* Its successor gets a channel of its own. */
	if (error < 0)
		court_accuse(c, ROLE_READER);
	chan_free(c->reader);
	c->reader = NULL;
}

static const struct chan_ops reader_ops = {.on_ahead = reader_ahead,
    .on_msg = reader_msg,
    .on_packet = reader_packet,
    .on_close = reader_close};

static int
send_positions(struct court *c)
{
	struct msg m = {.type = MSG_POSITION};
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->positions.n; i++) {
		m.u.position = c->positions.items[i].at;
		r = chan_send(c->reader, &m);
	}
	m = (struct msg){.type = MSG_POSITIONS_END};
	return r < 0 ? r : chan_send(c->reader, &m);
}

/* The new reader goes on behind what the old one had said, and has the present image. */
static int
meet_reader(struct court *c, int fd)
{
	struct filter_map map;
	int r;

	if (c->reader)
		chan_read_rest(c->reader);
	chan_free(c->reader);
	c->reader = NULL;
	r = filter_map_init(&map, &c->rules, &c->image);
	if (r < 0) {
		close(fd);
		return r;
	}
	filter_map_fini(&c->map);
	c->map = map;
	r = chan_new(
	    &c->reader, c->base, fd, ROLE_JUDGE, ROLE_READER, READER_QUEUE, &reader_ops, c);
	return r < 0 ? r : send_positions(c);
}

/* --- configuration --- */

/* A file that was replaced since the start cannot be read in the sandbox: then what was found
 * stays. */
static gid_t
find_again(const char *name, bool same, gid_t former)
{
	gid_t found = *name ? group_find(name) : CONTROL_NO_GROUP;

	return found == CONTROL_NO_GROUP && same ? former : found;
}

static void
use_rights(struct court *c)
{
	const char *writers = image_str(&c->image, c->image.settings->control_group);
	uint64_t name = hash_text(writers);
	bool same = c->rights_known && name == c->writers_name;

	c->rights.self = geteuid();
	c->rights.readers = find_again(READERS_GROUP, c->rights_known, c->rights.readers);
	c->rights.writers = find_again(writers, same, c->rights.writers);
	c->rights_known = true;
	c->writers_name = name;
	if (*writers && c->rights.writers == CONTROL_NO_GROUP)
		log_warning(
		    "group %s cannot be found (if it is new, restart guardd): only root may "
		    "write to the control socket",
		    writers);
	control_set_rights(c->control, &c->rights);
}

static int
use_image(struct court *c)
{
	const struct image_settings *s = c->image.settings;
	int r = rules_load(&c->rules, &c->image);

	if (r == 0)
		r = own_load(&c->own, &c->image);
	if (r == 0)
		r = verdict_rules(&c->verdict);
	if (r == 0)
		r = tallies_limit(c->tallies, s->tallies_max);
	c->verdict.bans_max = s->bans_max;
	return r < 0 ? r : bans_limit(c->bans, s->bans_max + COURT_SPARE);
}

/* Its rule went, or who made it is not trusted any more. */
static bool
is_baseless(const struct court *c, const struct ban *x)
{
	const struct rule *r = &c->rules.slots[x->rule];

	return !r->alive || (r->foreign && !foreign_is_trusted(joined_foreign(c->joined), x));
}

/* Bans of rules that went are lifted, dry ones of rules that went live end; those of rules that
 * moved are to be sent anew. */
static void
follow_rules(struct court *c, usec_t now)
{
	uint32_t lifted = 0;

	for (uint32_t i = 0; i < bans_high(c->bans); i++) {
		struct ban *x = bans_get(c->bans, i);
		const struct rule *r;

		if (!x || (x->flags & BANS_GONE))
			continue;
		r = &c->rules.slots[x->rule];
		if (ban_end(x) > now && is_baseless(c, x)) {
			bans_end(c->bans, i, now);
			enforce_unban(c->enforce, i, now);
			lifted++;
		} else if ((x->flags & BANS_DRY) && r->alive && !r->dry_run && ban_end(x) > now) {
			/* It only told of a ban: now that the rule is in earnest, count anew. */
			bans_end(c->bans, i, now);
		} else if (r->moved && x->kernel != KERNEL_NEVER) {
			bans_kernel(c->bans, x, KERNEL_OUT);
		}
	}
	if (lifted > 0)
		log_notice("%u bans of rules or trusts that are no more were lifted", lifted);
	enforce_sweep(c->enforce);
	court_changed(c, false);
}

/* c->map stays in the numbers of the old image until its reader is replaced. */
static void
judge_on_config(struct court *c, int fd)
{
	struct image img, old = c->image;
	_cleanup_(closep) int owned = fd;
	int r = image_open(&img, fd);

	if (r < 0) {
		log_err("the new configuration cannot be read: %s", strerror(-r));
		return;
	}
	c->image = img;
	r = use_image(c);
	if (r < 0)
		log_err("the new configuration cannot be taken over: %s", strerror(-r));
	image_close(&old);
	use_rights(c);
	r = joined_follow_image(c->joined, owned);
	if (r < 0)
		log_err("the herald cannot be told the new configuration: %s", strerror(-r));
	exposure_follow_image(c->exposure);
	follow_rules(c, clock_real());
}

/* --- the supervisor --- */

static void
answer(struct court *c, enum msg_type type, uint32_t id)
{
	chan_send(c->supervisor, &(struct msg){.type = (uint16_t)type, .id = id});
}

/* What was received is judged, sent, stored. */
static void
stop(struct court *c)
{
	if (c->reader)
		chan_read_rest(c->reader);
	enforce_drain(c->enforce, LAST_WORDS);
	bans_over(c->bans, clock_real(), UINT32_MAX);
	if (book_is_open(c->book) && book_is_behind(c->book))
		court_commit(c);
	event_base_loopbreak(c->base);
}

static void
on_peer(struct court *c, uint32_t role, int fd)
{
	int r = -EINVAL;

	if (role == ROLE_KEEPER)
		r = enforce_connect(c->enforce, fd);
	else if (role == ROLE_READER)
		r = meet_reader(c, fd);
	else
		close(fd);
	if (r < 0)
		log_err("cannot talk to %s: %s", role_name(role), strerror(-r));
}

static void
supervisor_msg(void *ctx, const struct msg *m, int fd)
{
	struct court *c = ctx;

	switch (m->type) {
	case MSG_PING:
		answer(c, MSG_PONG, m->id);
		break;
	case MSG_PEER:
		on_peer(c, m->u.peer.role, fd);
		break;
	case MSG_CONFIG:
		judge_on_config(c, fd);
		break;
	case MSG_RELOADED:
		control_on_reloaded(c->control, m->id, m->u.result.status, fd);
		close(fd);
		break;
	case MSG_PROOF:
		exposure_on_proof(c->exposure, m, fd);
		control_on_answer(c->control, m);
		break;
	case MSG_SHADOWED:
		exposure_on_shadowed(c->exposure, m, fd);
		break;
	case MSG_STOP:
		stop(c);
		break;
	default:
		break;
	}
}

static void
supervisor_close(void *ctx, int error)
{
	struct court *c = ctx;

	if (error < 0)
		log_err("the supervisor broke the protocol");
	c->status = error < 0;
	stop(c);
}

static const struct chan_ops supervisor_ops = {
    .on_msg = supervisor_msg, .on_close = supervisor_close};

/* --- the whole --- */

static int
make_tables(struct court *c)
{
	const struct image_settings *s = c->image.settings;
	int r = rules_init(&c->rules);

	own_init(&c->own);
	positions_init(&c->positions);
	if (r == 0)
		r = tallies_new(&c->tallies, s->tallies_max);
	if (r == 0)
		r = bans_new(&c->bans, s->bans_max + COURT_SPARE);
	if (r < 0)
		return r;
	c->verdict = (struct verdict){.rules = &c->rules,
	    .own = &c->own,
	    .tallies = c->tallies,
	    .bans = c->bans,
	    .ops = &court_verdict_ops,
	    .ctx = c};
	r = use_image(c);
	return r < 0 ? r : filter_map_init(&c->map, &c->rules, &c->image);
}

static int
make_parts(struct court *c, const struct court_fds *fds)
{
	struct book_parts parts = {&c->rules, &c->positions, c->tallies, c->bans, NULL};
	int r = figures_new(&c->figures);

	if (r == 0)
		r = exposure_new(&c->exposure, c);
	if (r == 0) {
		parts.gaps = exposure_gaps(c->exposure);
		r = book_new(&c->book, fds->state, &parts);
	}
	if (r == 0)
		r = enforce_new(&c->enforce, c->base, c->bans, &c->rules, &enforce_ops, c);
	if (r == 0)
		r = drops_new(&c->drops, c->base, c->bans, c->enforce, c->turn);
	if (r == 0)
		r = control_new(&c->control, c->base, fds->control, requests, c);
	if (r == 0)
		r = joined_new(&c->joined, c, fds);
	if (r == 0)
		r = selfcheck_new(&c->selfcheck, c, fds->selfcheck);
	if (r == 0 && fds->supervisor >= 0)
		r = chan_new(&c->supervisor, c->base, fds->supervisor, ROLE_JUDGE, ROLE_GUARDD,
		    SUPERVISOR_QUEUE, &supervisor_ops, c);
	return r;
}

int
court_new(struct court **out, const struct court_fds *fds, const struct stats *stats)
{
	_cleanup_(court_freep) struct court *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = image_open(&c->image, fds->image);
	if (r < 0) {
		log_err("the configuration image cannot be read: %s", strerror(-r));
		return r;
	}
	c->stats = stats;
	c->started = clock_real();
	r = make_tables(c);
	if (r == 0)
		r = court_turn_init(c);
	if (r == 0)
		r = make_parts(c, fds);
	if (r < 0) {
		log_err("cannot start: %s", strerror(-r));
		return r;
	}
	use_rights(c);
	*out = c;
	c = NULL;
	return 0;
}

void
court_free(struct court *c)
{
	struct event *events[4];

	if (!c)
		return;
	joined_free(c->joined);
	events[0] = c->turn;
	events[1] = c->commit;
	events[2] = c->retry;
	events[3] = c->full;
	ban_log_fini(&c->ban_log);
	control_free(c->control);
	selfcheck_free(c->selfcheck);
	drops_free(c->drops);
	enforce_free(c->enforce);
	figures_free(c->figures);
	book_free(c->book);
	exposure_free(c->exposure);
	chan_free(c->reader);
	chan_free(c->supervisor);
	for (size_t i = 0; i < 4; i++)
		if (events[i])
			event_free(events[i]);
	if (c->base)
		event_base_free(c->base);
	filter_map_fini(&c->map);
	own_fini(&c->own);
	positions_fini(&c->positions);
	rules_fini(&c->rules);
	tallies_free(c->tallies);
	bans_free(c->bans);
	if (c->image.head)
		image_close(&c->image);
	free(c);
}

int
court_run(struct court *c)
{
	if (c->supervisor)
		answer(c, MSG_READY, 0);
	follow_rules(c, clock_real());
	event_base_dispatch(c->base);
	return c->status;
}
