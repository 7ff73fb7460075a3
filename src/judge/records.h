/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Records of struct msg from a pipe or file, for the judge's modes without peers. Comes in: bytes,
 * cut anywhere. Goes out: whole records, one by one, to be judged with the same care as a reader's.
 * Bounded: 128 records are held.
 */
#pragma once

#include "wire/msg.h"

/* Hands over each record until the end. -EPROTO: it ends inside one; or what fn returned below 0.
 */
int records_read(int in, int (*fn)(void *ctx, const struct msg *m), void *ctx);
