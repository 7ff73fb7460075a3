/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the sealed herald has its runner run: the courier, programs of channels, probes. Comes in:
 * bytes for the program's standard input. Goes out: MSG_RUN; then one call of done with the exit
 * status and what it wrote. Bounded: HANDS_MAX at a time, the runner ends what takes too long.
 */
#pragma once

#include <stddef.h>

#include "herald/herald.h"
#include "wire/msg.h"

#define HANDS_MAX        8
#define HANDS_OUTPUT_MAX (1u << 20) /* bytes; the rest is cut */

struct hands;

/* status: as u.ran of struct msg. output: what it wrote to standard output and error, n bytes and a
 * NUL, lent. */
typedef void (*hands_done)(void *ctx, int status, const char *output, size_t n);

/* fd: channel to the runner, taken. -ENOMEM. */
int hands_new(struct hands **out, struct herald *h, int fd);
void hands_free(struct hands *h);
/* Tells the runner that the herald is sealed and serves. */
int hands_ready(struct hands *h);
/* Begins nothing more (-EBUSY); true when nothing runs. Else herald.end is called when the last one
 * has ended. */
bool hands_rest(struct hands *h);
bool hands_are_resting(const struct hands *h);
/* channel: index into IMAGE_CHANNELS for RUN_PROGRAM, else 0. -EBUSY: HANDS_MAX are running;
 * -EPIPE. On an error done is not called. */
int hands_run(struct hands *h, enum run_kind kind, uint32_t channel, unsigned timeout_s,
    const void *input, size_t n, hands_done done, void *ctx);
/* It will not be called any more; the program runs on. */
void hands_forget(struct hands *h, void *ctx);
