/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/instance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader/origin.h"

/* So much text at a time, so that a stalled outbox has to keep the hits of one piece only, and time
 * is looked at. */
#define PIECE (16 * 1024)

static size_t on_lines(void *ctx, const char *block, size_t n, uint64_t at);
static void on_find(void *ctx, uint64_t ino, uint64_t head_hash, uint32_t head_len);
static void on_told(void *ctx, enum file_told what);
static void on_next(void *ctx, uint64_t ino, int64_t after);
static bool on_entry(void *ctx, const struct journal_entry *e, bool before);

static const struct file_ops file_ops = {on_lines, on_find, on_told, on_next};

int
instance_new(
    struct instance **out, struct instance_env *env, uint64_t key, uint8_t kind, const char *name)
{
	_cleanup_(instance_freep) struct instance *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->env = env;
	i->key = key;
	i->kind = kind;
	i->name = strdup(name);
	source_file_init(
	    &i->file, kind == SOURCE_DOCKER ? DOCKER_LINE_MAX : LINE_MAX_BYTES, &file_ops, i);
	if (!i->name || (kind == SOURCE_DOCKER && source_docker_new(&i->docker) < 0))
		return -ENOMEM;
	i->slot = counters_slot(env->counters, key, kind, name);
	*out = i;
	i = NULL;
	return 0;
}

static void
clear_active(struct instance *i)
{
	lane_free(i->lane);
	free(i->filters);
	free(i->routes);
	free(i->active);
	i->lane = NULL;
	i->filters = NULL;
	i->routes = NULL;
	i->active = NULL;
	i->n_filters = i->n_active = 0;
}

void
instance_free(struct instance *i)
{
	if (!i)
		return;
	clear_active(i);
	source_file_fini(&i->file);
	source_docker_free(i->docker);
	source_journal_free(i->journal);
	if (i->slot)
		counters_release(i->slot);
	free(i->uses);
	free(i->name);
	free(i);
}

int
instance_open_journal(struct instance *i, const char *directory)
{
	return source_journal_new(&i->journal, directory, i->env->img, on_entry, i);
}

struct instance_use *
instance_use(struct instance *i, uint32_t source)
{
	struct instance_use *grown;

	for (size_t n = 0; n < i->n_uses; n++)
		if (i->uses[n].source == source)
			return &i->uses[n];
	grown = realloc(i->uses, (i->n_uses + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	i->uses = grown;
	i->uses[i->n_uses] = (struct instance_use){.source = source};
	return &i->uses[i->n_uses++];
}

void
instance_drop_use(struct instance *i, size_t n)
{
	i->uses[n] = i->uses[--i->n_uses];
}

static bool
same_active(const struct instance *i, const uint32_t *sources, size_t n)
{
	if (i->n_active != n)
		return false;
	for (size_t k = 0; k < n; k++)
		if (i->active[k].source != sources[k])
			return false;
	return true;
}

/* The lane index of the source's filter; a filter that several sources name stands in the lane
 * once. */
static uint32_t
lane_index(struct instance *i, uint32_t source)
{
	uint32_t filter = i->env->img->sources[source].filter, k = 0;

	while (k < i->n_filters && i->filters[k].filter != filter)
		k++;
	if (k == i->n_filters)
		i->filters[i->n_filters++] = (struct lane_filter){filter, source};
	return k;
}

int
instance_activate(struct instance *i, const uint32_t *sources, size_t n)
{
	int r;

	if (same_active(i, sources, n))
		return 0;
	clear_active(i);
	if (n == 0)
		return 1;
	i->filters = calloc(n, sizeof(*i->filters));
	i->routes = calloc(n, 1);
	i->active = calloc(n, sizeof(*i->active));
	if (!i->filters || !i->routes || !i->active)
		return -ENOMEM;
	for (size_t k = 0; k < n; k++)
		i->active[k] = (struct instance_active){sources[k], lane_index(i, sources[k])};
	i->n_active = n;
	if (i->journal) {
		r = source_journal_want(i->journal, sources, n);
		if (r < 0)
			return r;
	}
	r = lane_new(&i->lane, i->env->engine, i->filters, i->n_filters);
	i->warm = true;
	i->lane_used = false;
	return r < 0 ? r : 1;
}

/* The lane forgets what it remembered of lines that will be read again. */
static int
renew_lane(struct instance *i)
{
	if (!i->lane_used)
		return 0;
	i->lane_used = false;
	lane_free(i->lane);
	i->lane = NULL;
	i->warm = true;
	return lane_new(&i->lane, i->env->engine, i->filters, i->n_filters);
}

int
instance_place(struct instance *i, const struct msg_position *p, bool at_end)
{
	int r = renew_lane(i);

	if (r < 0)
		return r;
	if (i->docker)
		source_docker_reset(i->docker);
	if (i->journal)
		r = source_journal_open(i->journal, p, i->env->now, JOURNAL_BEFORE);
	else if (p)
		source_file_place(&i->file, p);
	else if (at_end)
		source_file_place_end(&i->file, i->env->buf);
	else
		source_file_place_start(&i->file);
	if (r < 0)
		return r;
	i->placed = true;
	i->dirty = false;
	i->slot->lost += r > 0;
	lag_reset(&i->lag);
	instance_position(i, &i->begin);
	return r;
}

void
instance_position(struct instance *i, struct msg_position *out)
{
	memset(out, 0, sizeof(*out));
	out->key = i->key;
	out->kind = i->kind;
	if (i->journal)
		source_journal_position(i->journal, out);
	else
		source_file_position(&i->file, out);
}

static void
add_hit(struct instance *i, const struct hit *h, const struct msg_position *behind)
{
	struct msg m = {.u.offence = h->offence};

	m.type = (uint16_t)origin_type(&i->env->proxies, h->kind, &h->offence.addr);
	if (m.type == MSG_NONE)
		return;
	m.u.offence.source = i->key;
	m.u.offence.arrived = i->env->arrived;
	outbox_add(i->env->outbox, &m, behind);
}

/* A hit in a block of lines of a file; i->at.file.offset is where the block begins. */
static void
on_line_hit(void *ctx, const struct hit *h)
{
	struct instance *i = ctx;
	struct msg_position behind = i->at;

	behind.file.offset += h->line_end;
	add_hit(i, h, &behind);
}

/* A hit in one message; i->at is the position behind it. */
static void
on_message_hit(void *ctx, const struct hit *h)
{
	struct instance *i = ctx;

	if (i->journal)
		instance_position(i, &i->at);
	add_hit(i, h, &i->at);
}

static struct lane_sink
sink_of(struct instance *i, void (*fn)(void *ctx, const struct hit *h))
{
	return (struct lane_sink){.on_hit = fn,
	    .ctx = i,
	    .counts = &i->counts,
	    .filter_counts = counters_filters(i->env->counters)};
}

/* The step has taken its time. */
static bool
is_late(const struct instance *i)
{
	usec_t now = i->env->clock();

	return now > i->env->now + INSTANCE_SPAN || now < i->env->now;
}

static size_t
piece_of(const char *block, size_t n)
{
	const char *end;

	if (n <= PIECE)
		return n;
	end = memrchr(block, '\n', PIECE);
	if (!end)
		end = memchr(block + PIECE, '\n', n - PIECE);
	return end ? (size_t)(end + 1 - block) : n;
}

static size_t
plain_lines(struct instance *i, const char *block, size_t n, uint64_t at)
{
	struct lane_sink sink = sink_of(i, on_line_hit);
	size_t done = 0;

	while (done < n && !outbox_stalled(i->env->outbox)) {
		size_t piece = piece_of(block + done, n - done);

		i->at.file.offset = at + done;
		lane_block(i->lane, block + done, piece, i->env->now, &sink);
		done += piece;
		if (done < n && is_late(i))
			break;
	}
	return done;
}

static void
docker_line(struct instance *i, const char *line, size_t n, const struct lane_sink *sink)
{
	struct docker_message d;
	int r = source_docker_line(i->docker, line, n, i->env->room, &d);

	if (r > 0 && d.time != USEC_NEVER)
		i->entry = d.time;
	if (r > 0)
		lane_message(i->lane,
		    &(struct lane_message){.text = d.text, .len = d.len, .time = d.time},
		    i->env->now, sink);
	if (r < 0) {
		sink->counts->lines++;
		sink->counts->unexamined++;
	}
}

static size_t
docker_lines(struct instance *i, const char *block, size_t n, uint64_t at)
{
	struct lane_sink sink = sink_of(i, on_message_hit);
	size_t done = 0, looked = 0;

	while (done < n && !outbox_stalled(i->env->outbox)) {
		const char *line = block + done, *end = memchr(line, '\n', n - done);
		size_t len = end ? (size_t)(end - line) : n - done;

		done += len + (end != NULL);
		i->at.file.offset = at + done;
		docker_line(i, line, len, &sink);
		if (done - looked < PIECE)
			continue;
		looked = done;
		if (is_late(i))
			break;
	}
	return done;
}

static size_t
on_lines(void *ctx, const char *block, size_t n, uint64_t at)
{
	struct instance *i = ctx;

	instance_position(i, &i->at);
	return i->docker ? docker_lines(i, block, n, at) : plain_lines(i, block, n, at);
}

/* Lines before the position: for the lane's memory and half-joined messages alone. */
static void
on_lines_before(void *ctx, const char *block, size_t n)
{
	struct instance *i = ctx;
	struct lane_counts unused = {0};
	struct lane_sink sink = {.counts = &unused};

	if (!i->docker) {
		lane_block(i->lane, block, n, i->env->now, &sink);
		return;
	}
	for (size_t done = 0; done < n;) {
		const char *line = block + done, *end = memchr(line, '\n', n - done);
		size_t len = end ? (size_t)(end - line) : n - done;

		docker_line(i, line, len, &sink);
		done += len + 1;
	}
}

static void
ask(struct instance *i, struct msg_find *what)
{
	what->instance = i->number;
	what->source = i->n_uses ? i->uses[0].source : 0;
	i->env->on_find(i->env->ctx, i, what);
}

static void
on_find(void *ctx, uint64_t ino, uint64_t head_hash, uint32_t head_len)
{
	ask(ctx, &(struct msg_find){.ino = ino, .head_hash = head_hash, .head_len = head_len});
}

static void
on_next(void *ctx, uint64_t ino, int64_t after)
{
	ask(ctx, &(struct msg_find){.ino = ino, .after = after});
}

/* Read for guardd's own filters alone. */
static bool
is_own(const struct instance *i)
{
	for (size_t k = 0; k < i->n_filters; k++)
		if (!i->env->img->filters[i->filters[k].filter].builtin)
			return false;
	return i->n_filters > 0;
}

static void
on_told(void *ctx, enum file_told what)
{
	struct instance *i = ctx;

	if (what == FILE_TOLD_LONG) {
		i->counts.lines++;
		i->counts.unexamined++;
	}
	/* The log of self checks begins anew with each start: nobody misses what a former one held.
	 */
	if (what != FILE_TOLD_LONG && is_own(i))
		return;
	i->slot->lost += what == FILE_TOLD_LOST;
	i->env->on_told(i->env->ctx, i, what);
}

/* active is in the order of source_journal_want. */
static void
route(struct instance *i, const struct journal_entry *e)
{
	memset(i->routes, 0, i->n_filters);
	for (size_t k = 0; k < i->n_active; k++)
		i->routes[i->active[k].lane] |= e->routes[k];
}

static bool
on_entry(void *ctx, const struct journal_entry *e, bool before)
{
	struct instance *i = ctx;
	struct lane_counts unused = {0};
	struct lane_sink sink = sink_of(i, on_message_hit);
	struct lane_message m = {.text = e->text,
	    .len = e->len,
	    .program = e->program[0] ? e->program : NULL,
	    .program_len = strlen(e->program),
	    .time = e->time,
	    .journal = true,
	    .host = e->host,
	    .host_len = strlen(e->host),
	    .pid = e->pid,
	    .pid_len = strlen(e->pid),
	    .monotonic = e->monotonic,
	    .filters = i->routes};

	if (before)
		sink = (struct lane_sink){.counts = &unused};
	route(i, e);
	if (!before && e->time != USEC_NEVER)
		i->entry = e->time;
	if (e->cut) {
		sink.counts->lines++;
		sink.counts->unexamined++;
		return true;
	}
	lane_message(i->lane, &m, i->env->now, &sink);
	return before || !(outbox_stalled(i->env->outbox) || is_late(i));
}

static int
step_file(struct instance *i, bool fresh)
{
	int r;

	if (i->warm && i->file.finding == FILE_FOUND) {
		i->warm = false;
		source_file_before(&i->file, i->env->buf, on_lines_before);
	}
	r = source_file_step(&i->file, i->env->buf, fresh);
	switch (r) {
	case FILE_MORE:
		return INSTANCE_MORE;
	case FILE_HELD:
		return INSTANCE_HELD;
	case FILE_ASKED:
		return INSTANCE_ASKED;
	default:
		return r < 0 ? r : INSTANCE_IDLE;
	}
}

static int
step_journal(struct instance *i)
{
	int r = source_journal_step(i->journal, JOURNAL_TURN, i->env->now);

	switch (r) {
	case JOURNAL_MORE:
		return INSTANCE_MORE;
	case JOURNAL_HELD:
		return INSTANCE_HELD;
	default:
		return r < 0 ? r : INSTANCE_IDLE;
	}
}

/* What the step read goes out with the position behind all of it; without hits the position may
 * wait. */
static void
finish(struct instance *i, const struct msg_position *from)
{
	struct msg_position to;

	instance_position(i, &to);
	if (outbox_close(i->env->outbox, &to))
		i->dirty = false;
	else if (memcmp(from, &to, sizeof(to)) != 0)
		i->dirty = true;
	counters_add(i->slot, &i->counts, i->env->now);
	for (size_t k = 0; k < i->n_filters; k++)
		counters_publish(i->env->counters, i->filters[k].filter);
}

int
instance_step(struct instance *i, bool fresh)
{
	struct msg_position from;
	int r;

	if (!i->placed || !i->lane)
		return INSTANCE_IDLE;
	instance_position(i, &from);
	memset(&i->counts, 0, sizeof(i->counts));
	i->lane_used = true;
	r = i->journal ? step_journal(i) : step_file(i, fresh);
	if (!i->journal && i->file.offset > from.file.offset && i->file.finding == FILE_FOUND)
		i->slot->bytes += i->file.offset - from.file.offset;
	finish(i, &from);
	i->error = r < 0 ? r : 0;
	return r;
}

void
instance_look(struct instance *i)
{
	if (!i->journal)
		source_file_look(&i->file);
}

enum lag_news
instance_lag(struct instance *i, bool behind)
{
	uint64_t left = i->journal ? 0 : source_file_lag(&i->file);
	enum lag_news news = lag_note(&i->lag, behind, left, i->slot->bytes, i->env->now);

	i->slot->lag_bytes = left;
	i->slot->behind = i->lag.since;
	i->slot->entry = i->entry;
	return news;
}
