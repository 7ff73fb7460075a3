/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rows of the alert queue in the store, each a question in SQL: what waits for which channel,
 * what was delivered in the last hour, the counters of channels. Comes in: events. Goes out:
 * events. A row is flying while it is delivered, part of a batch once a summary took it up. Bounded
 * by herald/alert_queue.
 */
#pragma once

#include "herald/alert_event.h"
#include "herald/store.h"

struct alert_rows {
	struct store *store;
	int64_t n; /* rows; -1: to be counted */
};

struct alert_rows_channel {
	const char *name, *trouble;
	uint64_t delivered, failed, lost, lost_now;
	usec_t last, failing;
};

/* What was flying is not any more; nothing is held back; rows of other channels are deleted. */
int alert_rows_open(
    struct alert_rows *r, struct store *store, const char *const *channels, uint32_t n, usec_t now);
void alert_rows_channels(const struct alert_rows *r,
    void (*fn)(void *ctx, const struct alert_rows_channel *c), void *ctx);
void alert_rows_save_channel(struct alert_rows *r, const struct alert_rows_channel *c);

void alert_rows_add(struct alert_rows *r, const char *channel, const struct alert_event *e,
    uint8_t weight, usec_t now);
void alert_rows_delete(struct alert_rows *r, int64_t row);
/* The row of an episode that waits, neither flying nor in a batch. 0: none. */
int64_t alert_rows_waiting(
    const struct alert_rows *r, const char *channel, const char *episode, struct alert_event *out);
/* Deletes the oldest of the least weight, if that is not above weight; whose it was. */
bool alert_rows_drop_least(struct alert_rows *r, uint8_t weight, char *channel, size_t room);
/* Deletes what was queued at or before a time. The number. */
uint32_t alert_rows_give_up(struct alert_rows *r, const char *channel, usec_t before);

bool alert_rows_have_room(struct alert_rows *r, uint32_t max);
uint32_t alert_rows_length(const struct alert_rows *r);
uint32_t alert_rows_of_channel(const struct alert_rows *r, const char *channel);
/* How many may go now; *next: when the first of the others may, unless that is sooner already. */
uint32_t alert_rows_due(const struct alert_rows *r, const char *channel, usec_t now, usec_t *next);
/* The first that may go now. 0: none. */
int64_t alert_rows_next(
    const struct alert_rows *r, const char *channel, usec_t now, struct alert_event *out);
void alert_rows_fly(struct alert_rows *r, int64_t row);
void alert_rows_land(struct alert_rows *r, int64_t row, usec_t next);

/* The number of the batch that is not delivered yet. 0: none. */
int64_t alert_rows_open_batch(const struct alert_rows *r, const char *channel);
/* Takes up to max rows that may go now, the worst first. 0: there are none. */
int64_t alert_rows_make_batch(struct alert_rows *r, const char *channel, usec_t now, unsigned max);
/* The first room of its events; counts all of them in b. */
unsigned alert_rows_batch(const struct alert_rows *r, int64_t batch, struct alert_event *out,
    unsigned room, struct alert_bundle *b);
void alert_rows_delete_batch(struct alert_rows *r, int64_t batch);
/* Its rows go one by one from now on. */
void alert_rows_break_batch(struct alert_rows *r, int64_t batch);

void alert_rows_note_sent(struct alert_rows *r, const char *channel, usec_t now);
/* How many since a time, and when the first of them was. */
uint32_t alert_rows_sent(
    const struct alert_rows *r, const char *channel, usec_t since, usec_t *oldest);
