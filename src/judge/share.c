/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/share.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_SOME 4096 /* slots looked at in one go */

struct share_event {
	uint32_t slot;
	bool lift;
};

void
share_init(struct share *s, const struct bans *bans, const struct rules *rules,
    void (*wake)(void *ctx), void *ctx)
{
	*s = (struct share){.bans = bans, .rules = rules, .wake = wake, .ctx = ctx};
}

void
share_fini(struct share *s)
{
	free(s->events);
	s->events = NULL;
}

static bool
is_shared(const struct image *img, const char *rule)
{
	const struct image_fleet *f = img->fleet;

	if (!f || f->share_all)
		return f != NULL;
	for (uint32_t i = 0; i < f->share.n; i++)
		if (strcmp(image_list(img, f->share, i), rule) == 0)
			return true;
	return false;
}

void
share_follow_image(struct rules *rules, const struct image *img)
{
	for (uint16_t i = 0; i < rules->n; i++) {
		struct rule *r = &rules->slots[i];

		r->shared = i == RULE_MANUAL
				? img->fleet != NULL
				: r->alive && !r->foreign && !r->builtin &&
				      strlen(r->name) < FLEET_RULE_MAX && is_shared(img, r->name);
	}
}

bool
share_has(const struct share *s, const struct ban *x)
{
	return s->rules->slots[x->rule].shared && x->kernel != KERNEL_NEVER &&
	       (x->rule != RULE_MANUAL || (x->flags & BANS_SHARED)) &&
	       (x->flags & (BANS_TOLD | BANS_DRY | BANS_BUILTIN)) == BANS_TOLD;
}

/* --- events --- */

static bool
make_room(struct share *s)
{
	uint32_t room = s->room ? 2 * s->room : 64;
	struct share_event *events;

	if (s->n < s->room)
		return true;
	if (s->n >= SHARE_WAIT)
		return false;
	events = calloc(room, sizeof(*events));
	if (!events)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		events[i] = s->events[(s->first + i) % s->room];
	free(s->events);
	s->events = events;
	s->room = room;
	s->first = 0;
	return true;
}

/* What the look at all of them comes to later needs no event. */
static void
add(struct share *s, uint32_t slot, bool lift)
{
	if (!s->listens || (!s->all && slot >= s->cursor) || !share_has(s, bans_get(s->bans, slot)))
		return;
	if (!make_room(s)) {
		s->behind = true;
	} else {
		s->events[(s->first + s->n++) % s->room] = (struct share_event){slot, lift};
	}
	s->wake(s->ctx);
}

void
share_on_banned(struct share *s, uint32_t slot)
{
	add(s, slot, false);
}

void
share_on_lift(struct share *s, uint32_t slot)
{
	add(s, slot, true);
}

/* --- records --- */

static enum fleet_reason
reason_of(const struct ban *x)
{
	if (x->rule == RULE_MANUAL)
		return FLEET_HAND;
	return x->flags & BANS_PREFIX ? FLEET_PREFIX : FLEET_POINTS;
}

static void
record(const struct share *s, enum msg_type type, const struct ban *x, struct msg *m)
{
	*m = (struct msg){.type = (uint16_t)type};
	m->u.fleet.prefix = ban_prefix(x);
	m->u.fleet.reason = (uint8_t)reason_of(x);
	m->u.fleet.level = x->level;
	m->u.fleet.number = x->points;
	m->u.fleet.since = x->since;
	m->u.fleet.until = x->until;
	strcpy(m->u.fleet.rule, s->rules->slots[x->rule].name);
}

/* False: its slot holds another one by now, or it holds no more. */
static bool
tell_event(const struct share *s, const struct share_event *e, struct msg *m, usec_t now)
{
	const struct ban *x = bans_get(s->bans, e->slot);

	if (!x || !share_has(s, x) || (e->lift ? !x->ended : !ban_holds(x, now)))
		return false;
	record(s, e->lift ? MSG_LIFT : MSG_GIVE, x, m);
	return true;
}

static enum share_next
next_of_all(struct share *s, struct msg *m, usec_t now)
{
	uint32_t high = bans_high(s->bans), stop = s->cursor + SCAN_SOME;

	while (s->cursor < high && s->cursor < stop) {
		const struct ban *x = bans_get(s->bans, s->cursor++);

		if (x && share_has(s, x) && ban_holds(x, now)) {
			record(s, MSG_GIVE, x, m);
			return SHARE_RECORD;
		}
	}
	if (s->cursor < high)
		return SHARE_LATER;
	s->all = true;
	*m = (struct msg){.type = MSG_GIVEN, .u.given.lost = s->lost};
	return SHARE_RECORD;
}

void
share_begin(struct share *s)
{
	s->listens = true;
	s->behind = s->all = false;
	s->cursor = s->first = s->n = 0;
	s->wake(s->ctx);
}

/* What waited may have been much. */
void
share_stop(struct share *s)
{
	s->listens = false;
	free(s->events);
	s->events = NULL;
	s->first = s->n = s->room = 0;
}

enum share_next
share_next(struct share *s, struct msg *m, usec_t now)
{
	if (!s->all)
		return next_of_all(s, m, now);
	while (s->n > 0) {
		struct share_event e = s->events[s->first];

		s->first = (s->first + 1) % s->room;
		s->n--;
		if (tell_event(s, &e, m, now))
			return SHARE_RECORD;
	}
	return SHARE_NOTHING;
}
