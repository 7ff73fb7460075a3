/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ban book: what must survive this process, in one SQLite file of the state directory. Comes
 * in: what changed in positions, tallies and bans, one transaction a turn. Goes out: the same at
 * the next start, former bans, history. Bounded: history by its age, the rest by the tables; an
 * unusable disk by the memory of those tables, where everything stays marked as changed until it is
 * caught up.
 */
#pragma once

#include "judge/bans.h"
#include "judge/gaps.h"
#include "judge/positions.h"
#include "judge/rules.h"
#include "judge/tally.h"
#include "judge/verdict.h"

#define BOOK_FILE "book.db"

struct book;

struct book_parts {
	struct rules *rules;
	struct positions *positions;
	struct tallies *tallies;
	struct bans *bans;
	struct gaps *gaps; /* NULL: none are kept */
};

/* What became of opening, for the log. */
struct book_opened {
	bool set_aside;  /* the former file could not be used; why says it, aside is its name now */
	bool lost;       /* what a former process knew is not here: not yet, or never */
	uint32_t unread; /* rows that made no sense and were left out */
	char why[256], aside[128];
};

/* dir: path of the state directory, copied. Nothing is opened yet. -ENOMEM. */
int book_new(struct book **out, const char *dir, const struct book_parts *parts);
/* Closes the file. */
void book_free(struct book *b);
DEFINE_FREEP(struct book, book_free)

/*
 * Opens (or makes) the file, checks it whole, brings its schema up to date, and at the first time
 * loads it. A damaged or newer one is set aside. 0; -EBUSY: another process uses it; other negative
 * errno: not usable now, to be tried again.
 */
int book_open(struct book *b, usec_t now, struct book_opened *told);
bool book_is_open(const struct book *b);
/* True when something is not in the book yet. */
bool book_is_behind(const struct book *b);
/*
 * Writes all that changed, in one transaction; deletes history from before keep_from once a day. On
 * an error nothing is written and everything stays marked. -ENOSPC, -EIO, ...; -EBADMSG: the file
 * is damaged and was closed: book_open sets it aside and everything is written again.
 */
int book_commit(struct book *b, usec_t now, usec_t keep_from);
/* SQLite's words for the last error. */
const char *book_error(const struct book *b);

/* The latest former ban in the history; see struct verdict_ops. */
bool book_former(
    struct book *b, uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out);

struct book_entry {
	struct prefix prefix;
	const char *rule, *note; /* valid during the call; note may be NULL */
	usec_t since, until, ended;
	uint64_t packets, bytes;
	uint32_t points, count;
	uint16_t level;
	uint8_t flags; /* BANS_DRY, BANS_PREFIX */
};
typedef void (*book_entry_fn)(void *ctx, const struct book_entry *e);
/*
 * The history of p: of all prefixes inside (newest first, at most limit, with an id below *before,
 * which is set to the last id; 0 when there are no more), or of the one exact prefix. 0 or negative
 * errno.
 */
int book_history_inside(struct book *b, const struct prefix *p, int64_t *before, unsigned limit,
    book_entry_fn fn, void *ctx);
int book_history_of(
    struct book *b, const struct prefix *p, unsigned limit, book_entry_fn fn, void *ctx);
/* Exposure findings, newest first, at most limit: standing ones, with all those that ended, too. fn
 * gets one at a time, its texts valid during the call. */
int book_gaps(struct book *b, bool all, unsigned limit, void (*fn)(void *ctx, const struct gap *g),
    void *ctx);
