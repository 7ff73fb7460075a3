/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HITS_MAX      (CHAN_BATCH - 1)
#define BACKLOG_FIRST 1024 /* records; there from the start, and mostly enough */

struct outbox {
	outbox_send_fn send;
	void *ctx;
	struct msg packet[CHAN_BATCH];
	size_t n;                   /* hits in packet */
	size_t line;                /* where the hits of the last line begin */
	struct msg_position before; /* behind the line before the last one */
	struct msg_position behind; /* behind the last line */
	struct msg *backlog;        /* packets, each ended by its MSG_POSITION */
	size_t head, tail, room;
	uint64_t lost;
};

int
outbox_new(struct outbox **out, outbox_send_fn send, void *ctx)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->backlog = malloc(BACKLOG_FIRST * sizeof(struct msg));
	if (!o->backlog) {
		free(o);
		return -ENOMEM;
	}
	o->room = BACKLOG_FIRST;
	o->send = send;
	o->ctx = ctx;
	*out = o;
	return 0;
}

void
outbox_free(struct outbox *o)
{
	if (!o)
		return;
	free(o->backlog);
	free(o);
}

static int
backlog_grow(struct outbox *o, size_t n)
{
	size_t room = o->room;
	struct msg *grown;

	if (o->head > 0) {
		memmove(o->backlog, o->backlog + o->head, (o->tail - o->head) * sizeof(struct msg));
		o->tail -= o->head;
		o->head = 0;
	}
	if (o->tail + n <= o->room)
		return 0;
	while (room < o->tail + n)
		room *= 2;
	if (room > OUTBOX_BACKLOG_MAX)
		return -ENOBUFS;
	grown = realloc(o->backlog, room * sizeof(struct msg));
	if (!grown)
		return -ENOMEM;
	o->backlog = grown;
	o->room = room;
	return 0;
}

static void
backlog_add(struct outbox *o, const struct msg *m, size_t n)
{
	if (o->tail + n > o->room && backlog_grow(o, n) < 0) {
		o->lost += n;
		return;
	}
	memcpy(o->backlog + o->tail, m, n * sizeof(*m));
	o->tail += n;
}

static void
backlog_clear(struct outbox *o)
{
	struct msg *small;

	o->head = o->tail = 0;
	if (o->room == BACKLOG_FIRST)
		return;
	small = realloc(o->backlog, BACKLOG_FIRST * sizeof(struct msg));
	if (small) {
		o->backlog = small;
		o->room = BACKLOG_FIRST;
	}
}

static void
emit(struct outbox *o, const struct msg *m, size_t n)
{
	if (!outbox_stalled(o) && o->send(o->ctx, m, n) == 0)
		return;
	backlog_add(o, m, n);
}

/* The first n hits of the packet, ended by p. */
static void
emit_packet(struct outbox *o, size_t n, const struct msg_position *p)
{
	struct msg kept = o->packet[n];

	o->packet[n] = (struct msg){.type = MSG_POSITION, .u.position = *p};
	emit(o, o->packet, n + 1);
	o->packet[n] = kept;
}

/* The packet is full in the middle of a line: all lines before that one leave. */
static void
split(struct outbox *o)
{
	emit_packet(o, o->line, &o->before);
	memmove(o->packet, o->packet + o->line, (o->n - o->line) * sizeof(struct msg));
	o->n -= o->line;
	o->line = 0;
}

void
outbox_add(struct outbox *o, const struct msg *hit, const struct msg_position *behind)
{
	bool same = o->n > 0 && memcmp(&o->behind, behind, sizeof(*behind)) == 0;

	if (o->n == HITS_MAX) {
		if (!same)
			outbox_close(o, &o->behind);
		else if (o->line > 0)
			split(o);
	}
	if (o->n == HITS_MAX) {
		o->lost++;
		return;
	}
	if (!same) {
		o->before = o->behind;
		o->behind = *behind;
		o->line = o->n;
	}
	o->packet[o->n++] = *hit;
}

bool
outbox_close(struct outbox *o, const struct msg_position *upto)
{
	struct msg_position end = *upto;

	if (o->n == 0)
		return false;
	emit_packet(o, o->n, &end);
	o->n = o->line = 0;
	return true;
}

void
outbox_position(struct outbox *o, const struct msg_position *p)
{
	struct msg m = {.type = MSG_POSITION, .u.position = *p};

	emit(o, &m, 1);
}

bool
outbox_stalled(const struct outbox *o)
{
	return o->tail > o->head;
}

bool
outbox_resume(struct outbox *o)
{
	while (o->head < o->tail) {
		size_t n = 1;

		while (o->backlog[o->head + n - 1].type != MSG_POSITION)
			n++;
		if (o->send(o->ctx, o->backlog + o->head, n) < 0)
			return false;
		o->head += n;
	}
	backlog_clear(o);
	return true;
}

void
outbox_reset(struct outbox *o)
{
	o->n = o->line = 0;
	backlog_clear(o);
}

uint64_t
outbox_lost(const struct outbox *o)
{
	return o->lost;
}
