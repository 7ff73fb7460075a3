/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "reader/mode.h"

struct replay {
	const struct mode *m;
	struct lane *lane;
	struct lane_counts counts;
	struct strbuf out;
	uint64_t source;
};

static void
on_hit(void *ctx, const struct hit *h)
{
	struct replay *r = ctx;
	struct msg msg = {.type = h->kind == PATTERN_FORGIVE ? MSG_FORGIVE : MSG_OFFENCE};

	msg.u.offence = h->offence;
	msg.u.offence.source = r->source;
	strbuf_add(&r->out, (const char *)&msg, sizeof msg);
	if (mode_full(&r->out))
		mode_write(&r->out);
}

static void
on_block(void *ctx, const char *block, size_t n)
{
	struct replay *r = ctx;
	struct lane_sink sink = {on_hit, r, &r->counts, NULL};

	lane_block(r->lane, block, n, r->m->now, &sink);
}

/* Those that read this file in the daemon; when it is none of theirs, all. */
static size_t
choose_filters(const struct mode *m, const char *path, struct lane_filter *out)
{
	uint32_t all = image_count(m->img, IMAGE_FILTERS);
	size_t n = 0;

	if (m->n_filters) {
		out[0] =
		    (struct lane_filter){m->filters[0], mode_source(m->img, m->filters[0], path)};
		return 1;
	}
	for (uint32_t i = 0; i < all; i++) {
		uint32_t source = mode_source(m->img, i, path);

		if (source != UINT32_MAX)
			out[n++] = (struct lane_filter){i, source};
	}
	if (n)
		return n;
	for (uint32_t i = 0; i < all; i++)
		if (!m->img->filters[i].builtin)
			out[n++] = (struct lane_filter){i, UINT32_MAX};
	return n;
}

static int
replay_file(struct replay *r, const struct mode_file *f, struct lane_filter *filters)
{
	_cleanup_(strbuf_fini) struct strbuf key = {0};
	size_t n = choose_filters(r->m, f->name, filters);
	int error = lane_new(&r->lane, r->m->e, filters, n);

	strbuf_printf(&key, "file:%s", f->name);
	r->source = hash_text(key.text);
	if (error == 0)
		error = mode_read(f->fd, on_block, r, &r->counts);
	lane_free(r->lane);
	r->lane = NULL;
	if (error < 0)
		fprintf(stderr, "guardd-reader: %s: %s\n", f->name, strerror(-error));
	return error < 0 ? MODE_FAILED : MODE_DONE;
}

int
mode_replay(const struct mode *m)
{
	_cleanup_(freep) struct lane_filter *filters =
	    calloc(image_count(m->img, IMAGE_FILTERS) + 1, sizeof *filters);
	struct replay r = {.m = m};
	int status = filters ? MODE_DONE : MODE_FAILED;

	for (size_t i = 0; filters && i < m->n_files; i++)
		if (replay_file(&r, &m->files[i], filters) != MODE_DONE)
			status = MODE_FAILED;
	mode_write(&r.out);
	if (r.counts.unexamined)
		fprintf(stderr, "guardd-reader: %llu lines were not examined\n",
		    (unsigned long long)r.counts.unexamined);
	strbuf_fini(&r.out);
	return status;
}
