/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the judge makes of exposure proofs: keeps the last one, tells what opened, changed and
 * closed, repeats what stands. Comes in: MSG_PROOF and MSG_SHADOWED of the supervisor. Goes out:
 * log lines (alert for a gap), MSG_SHADOW for a second opinion before a gap is told, gaps for the
 * book. Bounded by PROOF_MAX and GAPS_MAX; the only timers are those of a standing gap.
 */
#pragma once

#include "base/json_write.h"
#include "judge/gaps.h"
#include "wire/msg.h"

struct court;
struct exposure;

int exposure_new(struct exposure **out, struct court *c);
void exposure_free(struct exposure *e);
/* Takes fd. */
void exposure_on_proof(struct exposure *e, const struct msg *m, int fd);
void exposure_on_shadowed(struct exposure *e, const struct msg *m, int fd);
/* Another image: how often it repeats. */
void exposure_follow_image(struct exposure *e);

/* The book was loaded: what it says stands does until a proof says other. */
void exposure_on_loaded(struct exposure *e);
/* The last proof's descriptor, which stays the exposure's, with its serial. *status: 0, or why
 * there is no newer one (negative errno). -1: none yet. */
int exposure_proof_fd(const struct exposure *e, uint32_t *serial, int32_t *status);
struct gaps *exposure_gaps(struct exposure *e);
/* The last proof, NULL before the first; trouble: why there is no newer one, NULL: there is. */
const struct proof *exposure_proof(const struct exposure *e, const char **trouble);
/* The members of the status object. */
void exposure_status(const struct exposure *e, struct json *j, usec_t now);
/* Asks for a new proof; its number, which a later MSG_PROOF answers (with the same or a higher
 * one). 0: cannot be asked. */
uint32_t exposure_ask(struct exposure *e);
