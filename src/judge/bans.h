/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The bans that matter now: in force, or over for less than their rule's window, since a line may
 * be that late. Comes in: verdicts, bans by hand, the keeper's answers, the book at start. Goes
 * out: to the kernel (enforce), to the book (rows are slots), to people. Bounded by max; what holds
 * never gives way, what is over does. Over ones leave through bans_over, asked on the way: no
 * timers.
 */
#pragma once

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define BANS_NONE UINT32_MAX
#define BANS_KEEP                                                                                  \
	60 /* seconds a ban stays at least after its end: until the keeper has answered            \
	    */

struct bans;

/* flags of struct ban */
#define BANS_DRY     1u  /* decided and told, never sent to the kernel */
#define BANS_PREFIX  2u  /* made for the hosts banned in it: points counts them */
#define BANS_BUILTIN 4u  /* of the self check: not for the book */
#define BANS_TOLD    8u  /* its line was logged */
#define BANS_GONE    16u /* over; the slot is free once the book has it in its history */
#define BANS_READ    32u /* packets and bytes hold what its last element had dropped, too */
/* A ban by hand that is for the fleet, too. */
#define BANS_SHARED 128u
#define BANS_LATE   64u /* the table's own: counted as over */

enum ban_kernel {
	KERNEL_OUT,     /* not there, as far as is known */
	KERNEL_ASKED,   /* sent, not answered */
	KERNEL_IN,      /* the kernel has it */
	KERNEL_REFUSED, /* error says why; sent again later */
	KERNEL_NEVER,   /* the keeper refuses: a never-ban address */
	KERNEL_LEAVING, /* is to be taken out */
	KERNEL_UNASKED, /* was asked to be taken out, not answered */
};

/* Of one rule. */
struct bans_counts {
	uint32_t held, dry;      /* that hold: those of bans_held, dry ones */
	uint32_t networks;       /* of held: neither a host nor a /64 of IPv6 */
	uint64_t packets, bytes; /* of bans_dropped */
};

struct ban {
	struct addr addr; /* of the offender; its first len bits are what is banned */
	uint8_t len;
	uint16_t rule;
	uint32_t count; /* offences since */
	/* The table's own; here, as who looks for a prefix reads it of each ban on the way. */
	uint32_t next;
	uint32_t changed;
	usec_t since, until;
	usec_t ended;            /* lifted before its time; 0: not */
	uint64_t packets, bytes; /* dropped by former elements of it */
	char *note;              /* of a ban by hand, owned; NULL: none */
	uint32_t points;
	uint32_t keep;  /* seconds it stays here after its end */
	uint16_t level; /* which ban of this source: 1, 2, ... */
	uint8_t flags;
	uint8_t kernel;          /* enum ban_kernel; changed by bans_kernel alone */
	int16_t error;           /* KERNEL_REFUSED: negative errno */
	uint8_t epoch;           /* of the table it was sent to */
	uint8_t group_len;       /* it counts as a host of this prefix length; 0: of none */
	uint32_t sibling, place; /* the table's own */
};
_Static_assert(sizeof(struct ban) <= 104, "with its places in three indexes at most 128 bytes");

/* max: bans. -ENOMEM. */
int bans_new(struct bans **out, uint32_t max);
void bans_free(struct bans *b);
DEFINE_FREEP(struct bans, bans_free)
int bans_limit(struct bans *b, uint32_t max);

/* Makes the indexes large enough for n at once: before many are added. */
void bans_expect(struct bans *b, uint32_t n);
/* Copies values (owns the note from now on when it returns 0) and gives its slot. -ENOSPC, -ENOMEM.
 */
int bans_add(struct bans *b, const struct ban *values, uint32_t *slot);
/* The same for a row of the book: its own slot where that is free; else another, marked changed. */
int bans_restore(struct bans *b, uint32_t slot, const struct ban *values);
/* NULL for a slot without one. Gone ones are seen. */
struct ban *bans_get(const struct bans *b, uint32_t slot);
/* All slots are below. */
uint32_t bans_high(const struct bans *b);
uint32_t bans_count(const struct bans *b);
/* Those of them with BANS_PREFIX. */
uint32_t bans_prefixes(const struct bans *b);
uint32_t bans_max(const struct bans *b);

/* The keep of a ban whose lines may be so late. */
uint32_t bans_keep(usec_t late);
/* What it bans. */
struct prefix ban_prefix(const struct ban *x);
/* Its end: planned, or when it was lifted. */
usec_t ban_end(const struct ban *x);
/* True while it holds at t; a gone one never does. */
bool ban_holds(const struct ban *x, usec_t t);

/* The bans of these prefixes, at most BANS_AHEAD, will be looked for: see tallies_ahead. */
#define BANS_AHEAD 512
void bans_ahead(const struct bans *b, const struct prefix *prefixes, size_t n);
/* The slots that ban exactly p, gone ones too: the first, and the one behind slot; BANS_NONE at the
 * end. */
uint32_t bans_first(const struct bans *b, const struct prefix *p);
uint32_t bans_next(const struct bans *b, const struct prefix *p, uint32_t slot);
/* How many hosts of p (of length group_len) this rule bans at t; counts up to most. */
uint32_t bans_hosts(
    const struct bans *b, uint16_t rule, const struct prefix *p, usec_t t, uint32_t most);

/* Changes what it bans to a narrower prefix (the host alone). */
void bans_narrow(struct bans *b, uint32_t slot, uint8_t len);
/* It holds until later; what its element drops until then counts on. False: it cannot, as it is at
 * its end. */
bool bans_extend(struct bans *b, uint32_t slot, usec_t until);
/* Lifts it at t. It stays for lines from before. */
void bans_end(struct bans *b, uint32_t slot, usec_t t);
/* Takes one that is not for the book out at once. */
void bans_remove(struct bans *b, uint32_t slot);
/* Counts up to most of those that ended as over. */
void bans_pass(struct bans *b, usec_t now, uint32_t most);
/* The same, and marks up to most as gone that are out of reach of late lines; returns how many. */
uint32_t bans_over(struct bans *b, usec_t now, uint32_t most);
/* Marks one as gone that is over, or dry: the first that no line could reach. BANS_NONE: none is.
 */
uint32_t bans_give_way(struct bans *b);

/* How many hold, but for dry ones, and those of bans_take_ending. By the end, the soonest first on
 * the whole, index 0..bans_held-1: for sending the longest first. */
uint32_t bans_held(const struct bans *b);
uint32_t bans_held_at(const struct bans *b, uint32_t index);
/* How many are kept beside them, dry ones that hold too. */
uint32_t bans_late(const struct bans *b);
/* The first end of those that hold, dry ones too; USEC_NEVER: none ends. */
usec_t bans_next_end(const struct bans *b);
/* The slot of the first of bans_held that ends until by, and counts it as over from now on.
 * BANS_NONE: there is none. */
uint32_t bans_take_ending(struct bans *b, usec_t by);

/* --- what the kernel has of them, and how many there are --- */
/* x is in the table. A ban that is KERNEL_IN counts as long as its epoch is that of bans_epoch. */
void bans_kernel(struct bans *b, struct ban *x, enum ban_kernel state);
/* The kernel's table is another one from now on. */
void bans_epoch(struct bans *b, uint8_t epoch);
/* Of bans_held those that are in the kernel's present table. */
uint32_t bans_in_kernel(const struct bans *b);
struct bans_counts bans_of_rule(const struct bans *b, uint16_t rule);
/* An element of this ban had dropped so much when it was read. */
void bans_dropped(struct bans *b, uint32_t slot, uint64_t packets, uint64_t bytes);

/* --- for the book: slots that changed since the last bans_saved --- */
void bans_change(struct bans *b, uint32_t slot);
uint32_t bans_changed_first(const struct bans *b);
uint32_t bans_changed_next(const struct bans *b, uint32_t slot);
/* All changes are in the book; slots of gone ones are free. */
void bans_saved(struct bans *b);
void bans_change_all(struct bans *b);
