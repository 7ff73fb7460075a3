/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is inside struct sources, for its two files: sources.c (the keeper's answers, events) and
 * sources_pick.c (what is read, and from where on). Nobody else includes it. Comes in and goes out:
 * see reader/sources.h. Bounded by the image and INSTANCES_MAX.
 */
#pragma once

#include "reader/position.h"
#include "reader/sources.h"
#include "reader/turns.h"
#include "reader/watch.h"

/* One source of the image. */
struct feed {
	bool wanted;     /* to be scanned */
	bool asked;      /* a scan is under way */
	bool scanned;    /* at least once */
	uint8_t awaited; /* scans to be answered before what is read may change */
	bool polled;
	bool broken; /* a journal that could not be read, until the next scan */
	int status;
	uint32_t round; /* of the last scan */
};

struct sources {
	struct sources_env env;
	struct instance_env ienv;
	struct turns *turns;
	struct instance *items[INSTANCES_MAX];
	size_t n_items;
	struct feed *feeds; /* as IMAGE_SOURCES */
	uint32_t n_feeds, n_filters;
	bool *alive, *chosen; /* per source */
	bool *reads;          /* per filter: it has something to read */
	uint32_t *list;       /* room for one list of sources */
	struct watches watches;
	struct positions positions;
	struct event *scan, *poll, *grace, *inotify;
	int inotify_fd;
	uint32_t asked; /* scans under way */
	uint32_t round;
	struct instance *hot[64]; /* with news, of one batch of events */
	size_t n_hot;
	char name[4096]; /* of the next file that is opened */
	struct {
		uint32_t instance;
		bool wanted;
		char name[128];
	} container; /* whose log comes next */
	usec_t started;
	bool evaluate;   /* what is read may have to change */
	bool positioned; /* the judge has said all */
	bool running;
	bool began; /* reading began once in this life */
	bool first; /* the judge had nothing saved then */
};

/* Something came or went: what is read is looked over once the scans that are under way or wanted
 * now have been answered, so that all filters of a new file begin at its first line. */
void sources_look(struct sources *s);
void sources_evaluate(struct sources *s);
/* NULL: none. */
struct instance *sources_find_key(const struct sources *s, uint64_t key);
/* The file that was just opened for one source is one of every other whose path fits. */
void sources_share(struct sources *s, const struct msg_opened *o);
/* What the last scan of this source did not see is gone: true when there was such. */
bool sources_vanish(struct sources *s, uint32_t source);
void sources_remove(struct sources *s, size_t n);
void sources_set_poll(struct sources *s);
