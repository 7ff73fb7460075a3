/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an inotify watch descriptor tells about: a source to be scanned again (a directory), or an
 * instance with new data. Comes in: descriptors from the keeper, who made the watches. Goes out:
 * the watchers of one descriptor. Bounded: WATCHES_MAX; past it a source is only found by later
 * scans.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCHES_MAX 16384

struct watch {
	int32_t wd;
	uint32_t source; /* of a directory */
	void *instance;  /* NULL: a directory */
};

struct watches {
	struct watch *items; /* ascending by wd */
	size_t n, room;
	int32_t strange[32]; /* descriptors that told something before we were told of them */
	size_t n_strange;
	bool strange_overrun;
};

void watches_init(struct watches *w);
void watches_fini(struct watches *w);
/* 1: added, and an event had come before; 0: added, or known; -ENOMEM, -ENOBUFS. */
int watches_add(struct watches *w, const struct watch *item);
/* The first of the *n watchers of wd; none: it is kept as strange. */
const struct watch *watches_find(struct watches *w, int32_t wd, size_t *n);
/* No scan is under way, so no descriptor is about to be told of: strangers are forgotten. */
void watches_calm(struct watches *w);
/* The descriptor is gone (IN_IGNORED). */
void watches_drop_wd(struct watches *w, int32_t wd);
void watches_drop_instance(struct watches *w, const void *instance);
