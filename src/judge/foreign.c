/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/foreign.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define HOUR      (3600 * USEC_PER_SEC)
#define NOTE_MAX  128
#define PASS_SOME 1024
#define MANUAL    "manual"
#define ALL       "*" /* rule of what is unbanned by hand */

void
foreign_init(struct foreign *f, struct verdict *v, const struct image *img,
    const struct foreign_ops *ops, void *ctx)
{
	*f = (struct foreign){
	    .verdict = v, .image = img, .ops = ops, .ctx = ctx, .key = hash_key_random()};
}

void
foreign_fini(struct foreign *f)
{
	rates_fini(&f->hosts);
}

/* The rates may be others. */
void
foreign_follow_image(struct foreign *f)
{
	rates_fini(&f->hosts);
}

/* --- what is said --- */

static bool
is_host(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return n > 0 && n < FOREIGN_HOST_MAX && !name[n];
}

/* One form for each address, so that none is counted beside itself. */
static bool
is_prefix(const struct prefix *p)
{
	struct prefix same;
	struct addr folded;

	if ((p->addr.family != 4 && p->addr.family != 6) || p->len > addr_bits(&p->addr) ||
	    addr_from_bytes(&folded, addr_af(&p->addr), p->addr.bytes) < 0)
		return false;
	same = prefix_of(&folded, p->len);
	return memcmp(&same, p, sizeof(same)) == 0;
}

static bool
is_sane(const struct msg_fleet *b, const char *host)
{
	return is_host(host) && is_prefix(&b->prefix) && b->rule[0] &&
	       strnlen(b->rule, sizeof(b->rule)) < sizeof(b->rule) && b->since >= 0 &&
	       b->until >= b->since;
}

/* --- trust --- */

static bool
any_host(const struct image *img, const struct image_trust *t, const char *host)
{
	for (uint32_t i = 0; i < t->hosts.n; i++)
		if (fnmatch(image_list(img, t->hosts, i), host, 0) == 0)
			return true;
	return false;
}

static bool
any_rule(const struct image *img, const struct image_trust *t, const char *rule)
{
	if (t->rules.n == 0)
		return strcmp(rule, MANUAL) != 0;
	for (uint32_t i = 0; i < t->rules.n; i++)
		if (strcmp(image_list(img, t->rules, i), rule) == 0)
			return true;
	return false;
}

/* The first that has both; NULL: nobody does. */
static const struct image_trust *
find_trust(const struct foreign *f, const char *host, const char *rule)
{
	const struct image_fleet *fleet = f->image->fleet;

	for (uint32_t i = 0; fleet && i < fleet->trusts.n; i++) {
		const struct image_trust *t = &f->image->trusts[fleet->trusts.first + i];

		if (any_rule(f->image, t, rule) && any_host(f->image, t, host))
			return t;
	}
	return NULL;
}

/* This host's own name is nobody else's. */
static const struct image_trust *
trust_of(const struct foreign *f, const char *host, const char *rule)
{
	const struct image_fleet *fleet = f->image->fleet;

	if (!fleet || strcmp(image_str(f->image, fleet->host), host) == 0)
		return NULL;
	return find_trust(f, host, rule);
}

static bool
is_wide(const struct image_trust *t, const struct prefix *p)
{
	return p->len < (p->addr.family == 4 ? t->len4 : t->len6);
}

/* --- how many --- */

static uint32_t
most(const struct foreign *f)
{
	uint32_t half = f->verdict->bans_max / 2, own = f->image->fleet->bans_max;

	return own < half ? own : half;
}

static struct bans_counts
count(const struct foreign *f)
{
	const struct rules *rules = f->verdict->rules;
	struct bans_counts sum = {0};

	for (uint16_t i = 0; i < rules->n; i++) {
		if (rules->slots[i].foreign) {
			struct bans_counts c = bans_of_rule(f->verdict->bans, i);

			sum.held += c.held;
			sum.networks += c.networks;
		}
	}
	return sum;
}

uint32_t
foreign_held(const struct foreign *f)
{
	return count(f).held;
}

static bool
is_full_now(const struct foreign *f, const struct prefix *p)
{
	const struct bans_counts c = count(f);
	bool network = !prefix_is_host(p) && !(p->addr.family == 6 && p->len == 64);

	return c.held >= most(f) || (network && c.networks >= FOREIGN_NETWORKS);
}

/* What ended by now makes room. */
static bool
is_full(const struct foreign *f, const struct prefix *p, usec_t now)
{
	if (!is_full_now(f, p))
		return false;
	bans_pass(f->verdict->bans, now, PASS_SOME);
	return is_full_now(f, p);
}

/* One of this host, by its trust, and one of all of them: names of hosts cost nothing. */
static bool
may_one(struct foreign *f, const struct image_trust *t, const char *host, usec_t mono)
{
	const struct rate_limit of_host = {60 * USEC_PER_SEC / (t->per_minute ? t->per_minute : 1),
				    HOUR},
				of_all = {HOUR / (most(f) ? most(f) : 1), HOUR};
	const struct hash_key key = {f->key.k0, f->key.k1 ^ (uint64_t)(t - f->image->trusts)};

	return rates_take(&f->hosts, hash_bytes(&key, host, strlen(host)), &of_host, mono) &&
	       rate_take(&f->all, &of_all, mono);
}

/* --- taking --- */

static char *
note_of(const struct msg_fleet *b, const char *host)
{
	char note[NOTE_MAX];

	switch (b->reason) {
	case FLEET_POINTS:
		snprintf(note, sizeof(note), "%s: %u point%s", host, b->number,
		    b->number == 1 ? "" : "s");
		break;
	case FLEET_PREFIX:
		snprintf(note, sizeof(note), "%s: %u hosts banned", host, b->number);
		break;
	case FLEET_HAND:
		snprintf(note, sizeof(note), "%s: by hand", host);
		break;
	default:
		snprintf(note, sizeof(note), "%s: taken over there", host);
		break;
	}
	return strdup(note);
}

/* Taken from this host, as its note says. */
static bool
is_by(const struct ban *x, const char *host)
{
	size_t n = strlen(host);

	return x->note && strncmp(x->note, host, n) == 0 && x->note[n] == ':';
}

static uint16_t
rule_for(const struct foreign *f, const char *name)
{
	char full[sizeof(RULE_FOREIGN) + FLEET_RULE_MAX];
	uint16_t slot;

	snprintf(full, sizeof(full), "%s%s", RULE_FOREIGN, name);
	slot = rules_find(f->verdict->rules, full);
	return slot != RULE_NONE && f->verdict->rules->slots[slot].alive ? slot : RULE_NONE;
}

/* A long one that is said again is not made longer by a little each time. */
static bool
is_there(const struct foreign *f, uint16_t rule, const struct prefix *p, usec_t until, usec_t slack,
    usec_t now)
{
	uint32_t slot = verdict_longest(f->verdict, rule, p, now);

	return slot != BANS_NONE && bans_get(f->verdict->bans, slot)->until >= until - slack;
}

static enum taken_status
take(struct foreign *f, const struct msg_fleet *b, const char *host, usec_t now, usec_t mono,
    uint32_t *slot)
{
	const struct image_trust *t;
	struct verdict_past past = {.since = b->since < now ? b->since : now,
	    .until = b->until,
	    .level = b->level ? b->level : 1};
	struct prefix never;
	uint16_t rule;
	usec_t slack = 0;
	char *note;
	int e;

	if (!is_sane(b, host) || strcmp(b->rule, ALL) == 0)
		return TAKEN_NONSENSE;
	if (b->until <= now)
		return TAKEN_OVER;
	t = trust_of(f, host, b->rule);
	if (!t)
		return TAKEN_TRUST;
	rule = rule_for(f, b->rule);
	if (rule == RULE_NONE)
		return TAKEN_RULE;
	if (is_wide(t, &b->prefix))
		return TAKEN_WIDE;
	if (verdict_spares(f->verdict, rule, &b->prefix, &never))
		return TAKEN_NEVER;
	if (past.until - now > t->at_most) {
		past.until = now + t->at_most;
		slack = t->at_most / 4;
	}
	if (is_there(f, rule, &b->prefix, past.until, slack, now))
		return TAKEN_BEFORE;
	if (!may_one(f, t, host, mono))
		return TAKEN_RATE;
	if (is_full(f, &b->prefix, now))
		return TAKEN_FULL;
	note = note_of(b, host);
	e = note ? verdict_foreign(f->verdict, rule, &b->prefix, &past, note, now, slot) : -ENOMEM;
	if (e < 0) {
		free(note);
		*slot = BANS_NONE;
	}
	return e == 0 ? TAKEN_DONE : e == -ENOSPC ? TAKEN_FULL : TAKEN_FAILED;
}

enum taken_status
foreign_take(struct foreign *f, const struct msg_fleet *b, const char *host, usec_t now,
    usec_t mono, uint32_t *slot)
{
	*slot = BANS_NONE;
	return take(f, b, host, now, mono, slot);
}

/* --- lifting --- */

/* The look at all bans that a network needs is rare. */
static enum taken_status
drop_by_hand(struct foreign *f, const struct msg_fleet *b, const char *host, usec_t mono)
{
	static const struct rate_limit networks = {USEC_PER_SEC, 30 * USEC_PER_SEC};
	const struct image_trust *t = trust_of(f, host, MANUAL);

	if (!t)
		return TAKEN_TRUST;
	if (is_wide(t, &b->prefix))
		return TAKEN_WIDE;
	if (!may_one(f, t, host, mono) ||
	    (!prefix_is_host(&b->prefix) && !rate_take(&f->wide, &networks, mono)))
		return TAKEN_RATE;
	return f->ops->lift_inside(f->ctx, &b->prefix, host) > 0 ? TAKEN_DONE : TAKEN_BEFORE;
}

static enum taken_status
drop_one(struct foreign *f, const struct msg_fleet *b, const char *host, usec_t now, uint32_t *slot)
{
	uint16_t rule = rule_for(f, b->rule);
	uint32_t s;

	if (rule == RULE_NONE)
		return TAKEN_RULE;
	for (s = bans_first(f->verdict->bans, &b->prefix); s != BANS_NONE;
	     s = bans_next(f->verdict->bans, &b->prefix, s)) {
		const struct ban *x = bans_get(f->verdict->bans, s);

		if (x->rule == rule && ban_holds(x, now) && is_by(x, host)) {
			*slot = s;
			f->ops->lift(f->ctx, s);
			return TAKEN_DONE;
		}
	}
	return TAKEN_BEFORE;
}

enum taken_status
foreign_drop(struct foreign *f, const struct msg_fleet *b, const char *host, usec_t now,
    usec_t mono, uint32_t *slot)
{
	*slot = BANS_NONE;
	if (!is_host(host) || !is_prefix(&b->prefix) || !b->rule[0] ||
	    strnlen(b->rule, sizeof(b->rule)) == sizeof(b->rule))
		return TAKEN_NONSENSE;
	if (!f->image->fleet)
		return TAKEN_TRUST;
	if (strcmp(b->rule, ALL) == 0)
		return drop_by_hand(f, b, host, mono);
	return drop_one(f, b, host, now, slot);
}

/* --- after a change --- */

bool
foreign_is_trusted(const struct foreign *f, const struct ban *x)
{
	const char *rule = f->verdict->rules->slots[x->rule].name + strlen(RULE_FOREIGN);
	const struct prefix p = ban_prefix(x);
	const struct image_trust *t;
	char host[FOREIGN_HOST_MAX];
	size_t n = x->note ? strcspn(x->note, ":") : 0;

	if (n == 0 || n >= sizeof(host))
		return false;
	memcpy(host, x->note, n);
	host[n] = '\0';
	t = find_trust(f, host, rule);
	return t && !is_wide(t, &p);
}
