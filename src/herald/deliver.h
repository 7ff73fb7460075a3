/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One try to bring a bundle of alerts to a channel. Comes in: the bundle, the channel of the image,
 * files of secrets (read at each try). Goes out: fields to the journal; an order to guardd-courier,
 * JSON to a program, both by the runner; what came of it, once. Bounded: the channel's timeout,
 * ORDER_MAX.
 */
#pragma once

#include "herald/alert_queue.h"
#include "herald/hands.h"

struct deliver_env {
	const struct image *image;
	struct hands *hands;
	const char *host;
};

typedef void (*deliver_done)(void *ctx, const struct alert_result *r);

struct deliver_job;

/* done is called once, perhaps before this returns, unless an error is returned: -EBUSY, no hand is
 * free; -ENOMEM. *job: NULL when it was called; else what deliver_forget takes until it is. */
int deliver_start(const struct deliver_env *env, uint32_t channel, const struct alert_bundle *b,
    deliver_done done, void *ctx, struct deliver_job **job);
/* done will not be called; what runs, runs on. */
void deliver_forget(const struct deliver_env *env, struct deliver_job *job);

/* Seconds that one try may take. */
unsigned deliver_timeout(const struct image_channel *c);

/* --- by kind --- */

/* Structured fields, one message an event. Negative errno; -ENOENT: no journal runs here. */
int deliver_journal(const struct alert_bundle *b);
/* The order for mail or webhook. Negative errno, and why. */
int deliver_order(const struct deliver_env *env, const struct image_channel *c,
    const struct alert_bundle *b, struct strbuf *out, char *why, size_t room);
/* What a courier or program ended with; words is lent, cut from output, which is changed. */
void deliver_courier_result(int status, char *output, struct alert_result *r);
void deliver_program_result(
    int status, char *output, char *words, size_t room, struct alert_result *r);
