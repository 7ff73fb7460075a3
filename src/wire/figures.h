/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What guardd counts beside the reader's sources and filters (wire/stats.h), in one shared memfd
 * that the supervisor makes once and hands on: it writes the part of the roles, the judge the rest,
 * the herald only reads. The counters of the judge begin anew with it. Reads may be torn between
 * members, never within one. Nobody decides anything by it.
 */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "wire/msg.h"

#define FIGURES_VERSION       1
#define FIGURES_RULES         512 /* rules shown; the others are in the totals alone */
#define FIGURES_LATENCY       20 /* upper bounds 2^6 .. 2^25 microseconds (64 us .. 33 s), then more */
#define FIGURES_LATENCY_FIRST 6

struct figures_role { /* written by the supervisor */
	uint32_t restarts;
	int32_t pid; /* 0: not running */
	usec_t started;
};

struct figures_rule {
	char name[FLEET_RULE_MAX]; /* "": free */
	uint64_t offences;         /* counted by it */
	uint64_t bans;             /* made, dry ones too */
	uint64_t spared;           /* offences by addresses that are never banned */
	uint64_t packets,
	    bytes; /* dropped, as far as read back: of bans that ended, or were asked for */
	uint32_t held, dry; /* bans that hold now */
	uint32_t tallies;   /* sources counted now */
	uint32_t pad;
};

struct figures {
	uint64_t version; /* FIGURES_VERSION */
	struct figures_role roles[ROLE_MAX];
	/* the judge */
	usec_t started, config_made; /* real time */
	uint64_t offences, discarded_old, spared, hidden, future, undated, forgiven, bans_made,
	    refused_full;
	uint64_t tallies, tallies_max, evicted;
	uint64_t bans, bans_dry, bans_max, in_kernel; /* that hold; of these the kernel has */
	uint64_t refused_kernel;                      /* refused by the kernel, now */
	uint64_t repairs;                      /* the table was changed by others, or made anew */
	uint64_t book_ok, table_ok;            /* 1 or 0 */
	uint64_t book_commits;                 /* transactions so far */
	uint64_t foreign;                      /* bans of other hosts that hold */
	uint64_t taken[TAKEN_STATUSES];        /* answers to the herald */
	uint64_t latency_n, latency_us;        /* from a line's reading to the kernel's answer */
	uint64_t latency[FIGURES_LATENCY + 1]; /* not cumulative */
	uint32_t n_rules, pad;
	struct figures_rule rules[FIGURES_RULES];
};
