/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counters of the reader, in one shared memfd that the supervisor makes once: the reader writes,
 * the judge only reads (and shows). They outlive a restart of the reader. The judge takes nothing
 * from here as true but numbers, and text that it escapes. Reads may be torn between members, never
 * within one.
 */
#pragma once

#include <stdint.h>

#include "base/clock.h"

#define STATS_SOURCES 256 /* instances shown; past it, the last slot is "(others)" */

enum stats_state {
	STATS_FREE,
	STATS_ABSENT,  /* not there (yet) */
	STATS_STANDBY, /* alive, but another source of the filter is read */
	STATS_LIVE,
	STATS_POLLED, /* live, on a file system without inotify */
	STATS_FAILED, /* could not be opened or read: error is set */
};

struct stats_source {
	uint64_t key;         /* struct msg_position.key; 0: slot is free */
	uint32_t state, kind; /* enum stats_state, enum source_kind */
	int32_t error;        /* errno of STATS_FAILED */
	uint32_t pad;
	uint64_t bytes, lines;
	uint64_t candidates; /* lines handed to a regex */
	uint64_t matched;    /* lines that gave an offence or a success */
	uint64_t unexamined; /* match limit hit, or a line over 64 KiB */
	uint64_t undated, future;
	uint64_t nobody;    /* offences by a name or id that is no address: nobody can be banned */
	uint64_t forgotten; /* connections of stepwise filters that gave way to newer ones */
	uint64_t lag_bytes; /* not yet read; 0 for a journal */
	uint64_t lost;      /* times that something went before it was read */
	usec_t behind;      /* since when it has not been read to its end; 0: it is */
	usec_t entry;       /* time that the last line read says (journal, docker); 0: not known */
	usec_t last_line;   /* arrival of the last line */
	char name[128];     /* path, container or "journal"; cut from the left when longer */
};

struct stats_filter {
	uint64_t candidates, matched, unexamined;
};

#define STATS_FILTERS 256

struct stats {
	uint64_t version;   /* STATS_VERSION */
	uint64_t hits_lost; /* the judge was too slow for them */
	struct stats_source sources[STATS_SOURCES];
	struct stats_filter filters[STATS_FILTERS];
};

#define STATS_VERSION 3
