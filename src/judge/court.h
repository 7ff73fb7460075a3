/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The judge as a whole: its tables and the events that move them. Comes in: the supervisor's and
 * the reader's messages, the keeper's through enforce, requests through control. Goes out: bans to
 * the keeper at the end of each turn, one transaction to the book milliseconds behind a ban,
 * later while they come in a stream, within some seconds in any case. Bounded by its parts. No
 * timer runs while nothing changes.
 */
#pragma once

#include "judge/ban_log.h"
#include "judge/book.h"
#include "wire/control.h"
#include "judge/enforce.h"
#include "judge/own.h"
#include "judge/positions.h"
#include "judge/rules.h"
#include "judge/verdict.h"
#include "wire/stats.h"

#define COURT_SPARE                                                                                \
	32768 /* slots beside bans_max: half for over ones, half for one turn's bans               \
	       */

struct selfcheck;
struct drops;
struct figures_writer;
struct exposure;
struct joined;

struct court {
	struct event_base *base;
	struct image image;
	int status; /* of the process, once the loop has ended */

	struct rules rules;
	struct filter_map map; /* of the image that the reader has */
	struct own own;
	struct positions positions;
	struct tallies *tallies;
	struct bans *bans;
	struct verdict verdict;

	struct book *book;
	struct enforce *enforce;
	struct control *control;
	struct control_rights rights;
	uint64_t writers_name; /* hash of the group that the writers' number is of */
	bool rights_known;
	struct selfcheck *selfcheck;
	struct drops *drops;
	struct exposure *exposure;
	struct joined *joined; /* the herald, and what it is told */
	struct figures_writer *figures;
	usec_t arrived;            /* of the present offence, see struct msg_offence */
	struct told future;        /* sources whose lines are ahead of now */
	const struct stats *stats; /* the reader's counters; NULL: none */

	struct chan *supervisor, *reader;
	struct event *turn, *commit, *retry;
	struct event *full; /* since bans_max was reached */
	struct ban_log ban_log;
	usec_t now;     /* of the present packet; 0: to be read */
	usec_t started; /* real time */
	bool turn_pending;
	bool banned;       /* in this turn */
	bool commit_soon;  /* the timer is that of a ban */
	bool at_once;      /* the book is to be written in this turn */
	usec_t book_rests; /* until then, on the monotonic clock, while bans come in a stream */
	bool book_trouble; /* told; only the retry timer tries again */
	unsigned book_wait;
	uint64_t refused; /* bans, as of the last turn */
	usec_t refused_last;
	bool told_refused; /* by the kernel: it stands */
	uint32_t reloads;  /* questions to the supervisor so far */
	uint32_t clears;   /* prefixes asked out of the kernel that the book did not know */
};

struct court_fds {
	int supervisor, image, control, selfcheck; /* -1: none */
	int herald, stats, figures; /* -1: none; the last two are handed on, read only */
	const char *state;          /* path of the state directory */
};

/* Opens the image and makes all parts; nothing of the book is read yet. Logs what fails. Negative
 * errno. */
int court_new(struct court **out, const struct court_fds *fds, const struct stats *stats);
void court_free(struct court *c);
DEFINE_FREEP(struct court, court_free)
/* Opens and loads the book, inside the sandbox; without it guarding goes on. -EBUSY alone is
 * returned. */
int court_open_book(struct court *c);
/* Tells the supervisor that it serves, and serves until told to stop. The exit status. */
int court_run(struct court *c);

/* Something changed: the turn's end will see to it. at_once: it is in the book behind this turn. */
void court_changed(struct court *c, bool at_once);

/* --- the turn (judge/court_turn.c), for court.c --- */

extern const struct verdict_ops court_verdict_ops; /* ctx: the court */
/* The loop and its events. -ENOMEM. */
int court_turn_init(struct court *c);
/* Real time, the same for a whole packet. */
usec_t court_now(struct court *c);
/* Writes the book now. False: it is told, and tried again later. */
bool court_commit(struct court *c);
