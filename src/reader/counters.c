/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define OTHERS (STATS_SOURCES - 1)

struct counters {
	struct stats *shared;
	struct lane_filter_counts *filters;
	uint32_t n_filters;
};

static int
map_shared(struct counters *c, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	struct stat st;
	void *p;

	if (fd >= 0) {
		if (fstat(fd, &st) < 0)
			return -errno;
		if (st.st_size < (off_t)sizeof(struct stats) &&
		    ftruncate(fd, sizeof(struct stats)) < 0)
			return -errno;
	}
	p = mmap(NULL, sizeof(struct stats), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	c->shared = p;
	if (c->shared->version != STATS_VERSION)
		memset(c->shared, 0, sizeof(*c->shared));
	c->shared->version = STATS_VERSION;
	return 0;
}

/* What an earlier reader left is counted on; nobody reads it any more until it is. */
static void
adopt(struct counters *c)
{
	for (uint32_t i = 0; i < OTHERS; i++)
		if (c->shared->sources[i].key)
			counters_release(&c->shared->sources[i]);
	for (uint32_t i = 0; i < c->n_filters && i < STATS_FILTERS; i++) {
		const struct stats_filter *f = &c->shared->filters[i];

		c->filters[i] =
		    (struct lane_filter_counts){f->candidates, f->matched, f->unexamined};
	}
}

int
counters_new(struct counters **out, int fd, uint32_t filters)
{
	_cleanup_(counters_freep) struct counters *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->n_filters = filters;
	c->filters = calloc(filters + 1, sizeof(*c->filters));
	if (!c->filters)
		return -ENOMEM;
	r = map_shared(c, fd);
	if (r < 0)
		return r;
	adopt(c);
	*out = c;
	c = NULL;
	return 0;
}

void
counters_free(struct counters *c)
{
	if (!c)
		return;
	if (c->shared)
		munmap(c->shared, sizeof(*c->shared));
	free(c->filters);
	free(c);
}

static struct stats_source *
find(struct counters *c, uint64_t key)
{
	for (uint32_t i = 0; i < OTHERS; i++)
		if (c->shared->sources[i].key == key)
			return &c->shared->sources[i];
	return NULL;
}

static struct stats_source *
find_absent(struct counters *c)
{
	for (uint32_t i = 0; i < OTHERS; i++)
		if (c->shared->sources[i].state == STATS_ABSENT)
			return &c->shared->sources[i];
	return NULL;
}

static void
set_name(struct stats_source *s, const char *name)
{
	size_t n = strlen(name), max = sizeof(s->name) - 1;

	memset(s->name, 0, sizeof(s->name));
	memcpy(s->name, n > max ? name + n - max : name, n > max ? max : n);
}

struct stats_source *
counters_slot(struct counters *c, uint64_t key, uint32_t kind, const char *name)
{
	struct stats_source *s = find(c, key);

	if (s) {
		if (name)
			set_name(s, name);
		return s;
	}
	s = find(c, 0);
	if (!s)
		s = find_absent(c);
	if (!s) {
		set_name(&c->shared->sources[OTHERS], "(others)");
		return &c->shared->sources[OTHERS];
	}
	memset(s, 0, sizeof(*s));
	set_name(s, name ? name : "");
	s->kind = kind;
	s->state = STATS_ABSENT;
	s->key = key;
	return s;
}

void
counters_release(struct stats_source *slot)
{
	slot->state = STATS_ABSENT;
	slot->lag_bytes = 0;
	slot->behind = 0;
}

void
counters_forget(struct counters *c, uint64_t key)
{
	struct stats_source *s = find(c, key);

	if (s)
		memset(s, 0, sizeof(*s));
}

void
counters_add(struct stats_source *slot, const struct lane_counts *n, usec_t now)
{
	slot->lines += n->lines;
	slot->candidates += n->candidates;
	slot->matched += n->matched;
	slot->unexamined += n->unexamined;
	slot->undated += n->undated;
	slot->future += n->future;
	slot->nobody += n->nobody;
	slot->forgotten += n->forgotten;
	if (n->lines)
		slot->last_line = now;
}

struct lane_filter_counts *
counters_filters(struct counters *c)
{
	return c->filters;
}

void
counters_publish(struct counters *c, uint32_t filter)
{
	const struct lane_filter_counts *f = &c->filters[filter];

	if (filter >= STATS_FILTERS)
		return;
	c->shared->filters[filter] =
	    (struct stats_filter){f->candidates, f->matched, f->unexamined};
}

void
counters_lost(struct counters *c, uint64_t hits)
{
	c->shared->hits_lost += hits;
}
