/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One thing that is read: a log file, a container's log or a journal directory, once, however many
 * filters name it. Comes in: its bytes, through source_file, source_docker or source_journal. Goes
 * out: hits of the filters that are active on it and its position, to the outbox. Bounded: one
 * block, or JOURNAL_TURN entries, a step, and about INSTANCE_SPAN.
 */
#pragma once

#include <event2/event.h>
#include <sys/queue.h>

#include "base/prefixset.h"
#include "reader/counters.h"
#include "reader/lag.h"
#include "reader/match.h"
#include "reader/outbox.h"
#include "reader/source_docker.h"
#include "reader/source_file.h"
#include "reader/source_journal.h"

struct instance;

/* What all instances share; owned by whoever owns the instances. */
struct instance_env {
	const struct image *img;
	const struct engine *engine;
	struct outbox *outbox;
	struct counters *counters;
	struct prefixset proxies;
	char *buf;      /* FILE_BLOCK */
	char *room;     /* DOCKER_ROOM */
	usec_t now;     /* of this turn */
	usec_t arrived; /* of struct msg_offence, for all that this step reads */
	void (*on_find)(void *ctx, struct instance *i, const struct msg_find *what);
	void (*on_told)(void *ctx, struct instance *i, enum file_told what);
	usec_t (*clock)(void);
	void *ctx;
};

/* A source of the image that names this instance. */
struct instance_use {
	uint32_t source;
	uint32_t round; /* of the scan that saw it last */
	bool present;
	usec_t gone; /* since when it is not present */
};

/* A source whose filter is active here. */
struct instance_active {
	uint32_t source;
	uint32_t lane; /* index of its filter in the lane */
};

struct instance {
	struct instance_env *env;
	uint64_t key;
	uint32_t number;  /* the keeper's */
	uint32_t find_id; /* of the question under way */
	struct msg_find find;
	bool find_waits; /* it could not be sent yet */
	uint8_t kind;    /* enum source_kind */
	char *name;
	struct instance_use *uses;
	size_t n_uses;

	struct lane *lane; /* NULL: nothing is active */
	struct lane_filter *filters;
	uint8_t *routes; /* one byte per lane filter */
	size_t n_filters;
	struct instance_active *active;
	size_t n_active;

	struct source_file file;        /* file and docker */
	struct source_docker *docker;   /* docker */
	struct source_journal *journal; /* journal */
	struct stats_source *slot;
	struct lane_counts counts; /* of the running step */

	struct msg_position begin; /* where it began */
	struct msg_position at;    /* of the running block */
	usec_t entry;              /* time of the last entry: journal, docker; 0: not known */
	bool placed;
	bool lane_used;
	bool warm;  /* lines before the position are to be seen by the lane first */
	bool dirty; /* its position went on without a packet that says so */
	bool polled;
	bool standby; /* the judge knows that it is not read */
	bool hot;     /* has news in the present batch of events */
	bool queued, urgent, fresh;
	struct lag lag;
	int error; /* negative errno of the last step that failed */
	/* reader/turns.h */
	struct turns *turns;
	TAILQ_ENTRY(instance) link, dirty_link;
	bool listed;                        /* among the dirty */
	struct event *journal_event, *idle; /* of a journal */
	bool busy;                          /* a journal had news since its timer was set */
};

/* A step ends so long after its turn began, though there may be more: patterns can be slow on
 * hostile lines, and another source's line must not wait for that. */
#define INSTANCE_SPAN  (4 * USEC_PER_MSEC)
#define JOURNAL_TURN   256 /* entries a step */
#define JOURNAL_BEFORE 256 /* entries before the position, for the lane's memory */

/* name is copied. -ENOMEM. */
int instance_new(
    struct instance **out, struct instance_env *env, uint64_t key, uint8_t kind, const char *name);
void instance_free(struct instance *i);
DEFINE_FREEP(struct instance, instance_free)
/* The journal of a directory, for instances of that kind. -ENOMEM. */
int instance_open_journal(struct instance *i, const char *directory);

/* The use of a source, made when it is new. NULL: no memory. */
struct instance_use *instance_use(struct instance *i, uint32_t source);
void instance_drop_use(struct instance *i, size_t n);

/* Makes these sources' filters the active ones, in this order. 1: that changed something (the
 * lane is new; a journal needs instance_place), 0, or negative errno. n 0: nothing is read any
 * more. */
int instance_activate(struct instance *i, const uint32_t *sources, size_t n);

/* Begins at p, or (NULL) at the end or the start. 1: what followed p was deleted (journal); or
 * negative errno. */
int instance_place(struct instance *i, const struct msg_position *p, bool at_end);
void instance_position(struct instance *i, struct msg_position *out);

enum instance_step {
	INSTANCE_IDLE,
	INSTANCE_MORE,
	INSTANCE_HELD,  /* the outbox is stalled, or the time is over */
	INSTANCE_ASKED, /* the keeper's answer comes first */
};
/* Reads a block. fresh: after a wake-up. enum instance_step or negative errno. */
int instance_step(struct instance *i, bool fresh);
/* After a step, or while it waits: notes and shows how far behind it is. */
enum lag_news instance_lag(struct instance *i, bool behind);
/* How much there is by now. */
void instance_look(struct instance *i);
