/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The self check: a made-up line is written to a real log and followed through reader, verdict,
 * keeper and kernel, and out again, once for an IPv4 address and once for an IPv6 one that no
 * network carries. Comes in: a request, and what happens to those two addresses. Goes out: the time
 * of each step. One at a time; a step without an answer ends it after SELFCHECK_PATIENCE.
 */
#pragma once

#include "wire/control.h"

#define SELFCHECK_PATIENCE 5000        /* milliseconds per family */
#define SELFCHECK_ADDR4    "192.0.0.8" /* IPv4 dummy address, RFC 7600 */
#define SELFCHECK_ADDR6    "100::8"    /* discard prefix, RFC 6666 */

struct court;
struct selfcheck;

/* fd: RUNTIME/selfcheck.log, not taken; -1: none. -ENOMEM. */
int selfcheck_new(struct selfcheck **out, struct court *c, int fd);
void selfcheck_free(struct selfcheck *s);
/* Runs one and answers q. */
void selfcheck_start(struct selfcheck *s, struct request *q);

void selfcheck_on_offence(struct selfcheck *s, const struct addr *a);
void selfcheck_on_verdict(struct selfcheck *s, uint32_t slot);
void selfcheck_on_banned(struct selfcheck *s, uint32_t slot, const struct msg_banned *answer);
void selfcheck_on_answer(struct selfcheck *s, const struct msg *m);
