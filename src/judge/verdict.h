/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From offences to bans, by the rules. Comes in: offences and successes with the times of their
 * lines. Goes out: entries in the tables of tallies and bans, and on_ban for each new one. A pure
 * function of the lines and their times but for what is discarded as older than the rule's window,
 * so that reading lines again gives the same bans. Bounded by the two tables.
 */
#pragma once

#include "judge/bans.h"
#include "judge/own.h"
#include "judge/rules.h"
#include "judge/tally.h"

struct verdict_former {
	usec_t end;
	uint16_t level;
};

struct verdict_ops {
	/* A ban was made; it is in the table and nowhere else yet. */
	void (*on_ban)(void *ctx, uint32_t slot);
	/* A ban of another host holds longer than it did. May be NULL. */
	void (*on_longer)(void *ctx, uint32_t slot);
	/* The latest ban of this rule and prefix that the table no longer holds. False: none. May
	 * be NULL. */
	bool (*former)(
	    void *ctx, uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out);
	/* All slots are taken: true when one was made free. May be NULL. */
	bool (*make_room)(void *ctx);
};

struct verdict_counts {
	uint64_t offences;      /* received, but for guardd's own self check */
	uint64_t discarded_old; /* older than the rule's window, once per rule */
	uint64_t spared;        /* by an address that is never banned */
	uint64_t hidden;        /* by a gateway's or this machine's address: the real one is lost */
	uint64_t future, undated;
	uint64_t forgiven;      /* tallies cleared by a success */
	uint64_t bans, refused; /* made; not made as there are bans_max already */
};

struct verdict {
	struct rules *rules;
	struct own *own;
	struct tallies *tallies;
	struct bans *bans;
	const struct verdict_ops *ops;
	void *ctx;
	uint32_t bans_max; /* that hold at a time: one that holds never ends for another */
	bool
	    keep_formers; /* without a book: bans stay in the table until their rule forgets them */
	struct verdict_counts counts;
};

/* Tells the tallies how the rules of now count. -ENOMEM. */
int verdict_rules(struct verdict *v);
void verdict_offence(
    struct verdict *v, const struct filter_map *map, const struct msg_offence *o, usec_t now);
/* These will be judged: see tallies_ahead. */
void verdict_ahead(
    const struct verdict *v, const struct filter_map *map, const struct msg *m, size_t n);
void verdict_forgive(
    struct verdict *v, const struct filter_map *map, const struct msg_offence *o, usec_t now);
/* What a is counted as by a rule that is r. False: it is not, as *never says. */
bool verdict_source(const struct own *own, const struct rule *r, const struct addr *a,
    struct prefix *source, struct prefix *never);
/*
 * A ban by hand, from now until until (USEC_NEVER: for good). note may be NULL. A former one by
 * hand of the same prefix that ends earlier is lifted, with the new one in its place; one that
 * lasts as long stays, with the new note: *slot is its. -EPERM: *never forbids it; -ENOSPC,
 * -ENOMEM.
 */
int verdict_manual(struct verdict *v, const struct prefix *p, usec_t now, usec_t until,
    const char *note, struct prefix *never, uint32_t *slot);
/* A ban that another program made, of a source that it names. */
struct verdict_past {
	usec_t since, until; /* USEC_NEVER: for good */
	uint16_t level;      /* which ban of this source: 1, 2, ... */
};
/*
 * Takes one over as a ban of the rule: in force while it is, and a former one after that, which the
 * next ban's length is by. 0; 1: there is one already that lasts as long, *slot is its, or
 * BANS_NONE when it has ended; -EPERM: *never forbids it; -ENOSPC, -ENOMEM.
 */
int verdict_adopt(struct verdict *v, uint16_t rule, const struct addr *a,
    const struct verdict_past *past, usec_t now, struct prefix *never, uint32_t *slot);
/* The ban of the rule and exactly p that holds longest; BANS_NONE: there is none. */
uint32_t verdict_longest(
    const struct verdict *v, uint16_t rule, const struct prefix *p, usec_t now);
/* True when p holds an address that the rule never bans: *never says which. */
bool verdict_spares(
    const struct verdict *v, uint16_t rule, const struct prefix *p, struct prefix *never);
/*
 * A ban of another host, as one of the rule for such: in force from now on, in the place of one
 * that ends earlier. note is owned from now on when it returns 0. -ENOSPC, -ENOMEM.
 */
int verdict_foreign(struct verdict *v, uint16_t rule, const struct prefix *p,
    const struct verdict_past *past, char *note, usec_t now, uint32_t *slot);
/* How long the ban of a level is, from the rule's duration, factor and ceiling. */
usec_t verdict_duration(const struct rule *r, unsigned level);
