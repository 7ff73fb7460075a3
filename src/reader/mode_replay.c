/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/mode.h"
#include "reader/source_journal.h"

struct replay {
	const struct mode *m;
	struct lane *lane;
	struct lane_counts counts;
	struct strbuf out;
	uint64_t source;
	/* Of a journal. */
	struct source_journal *journal;
	uint32_t read_as; /* the filter's source that it is */
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

/* --- a journal --- */

static bool
on_entry(void *ctx, const struct journal_entry *e, bool before)
{
	struct replay *r = ctx;
	struct lane_sink sink = {on_hit, r, &r->counts, NULL};
	const struct lane_message message = {.text = e->text,
	    .len = e->len,
	    .program = e->program[0] ? e->program : NULL,
	    .program_len = strlen(e->program),
	    .time = e->time,
	    .journal = true,
	    .host = e->host,
	    .host_len = strlen(e->host),
	    .pid = e->pid,
	    .pid_len = strlen(e->pid),
	    .monotonic = e->monotonic};

	(void)before;
	if (e->cut)
		r->counts.unexamined++;
	else
		lane_message(r->lane, &message, r->m->now, &sink);
	return true;
}

void
mode_replay_free(struct replay *r)
{
	if (!r)
		return;
	source_journal_free(r->journal);
	strbuf_fini(&r->out);
	free(r);
}

int
mode_replay_open(struct mode *m, usec_t since)
{
	const struct span all = m->img->filters[m->filters[0]].sources;
	struct msg_position from = {0};
	struct replay *r = m->replay = calloc(1, sizeof *r);
	int e;

	if (!r)
		return -ENOMEM;
	r->m = m;
	for (r->read_as = all.first; r->read_as < all.first + all.n; r->read_as++)
		if (m->img->sources[r->read_as].kind == SOURCE_JOURNAL)
			break;
	if (r->read_as == all.first + all.n)
		return 0;
	from.journal.real = (uint64_t)since;
	e = source_journal_new(
	    &r->journal, image_str(m->img, m->img->sources[r->read_as].path), m->img, on_entry, r);
	if (e == 0)
		e = source_journal_want(r->journal, &r->read_as, 1);
	return e < 0 ? e : source_journal_open(r->journal, &from, m->now, 0);
}

/* In one step: between two it would open files anew, for which it is too late. */
int
mode_replay_journal(const struct mode *m)
{
	struct replay *r = m->replay;
	const struct lane_filter filter = {m->filters[0], r->read_as};
	int e;

	if (!r->journal)
		return MODE_DONE;
	e = lane_new(&r->lane, m->e, &filter, 1);
	r->source = hash_text("journal:");
	if (e == 0)
		e = source_journal_step(r->journal, UINT_MAX, m->now);
	lane_free(r->lane);
	mode_write(&r->out);
	if (e < 0)
		fprintf(stderr, "guardd-reader: journal: %s\n", strerror(-e));
	return e < 0 ? MODE_FAILED : MODE_DONE;
}
