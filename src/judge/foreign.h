/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bans of other hosts: which are taken. Comes in: what the herald says that a host banned or
 * lifted; nothing of it is believed but the host's name, which the herald has verified. Goes out:
 * bans of the rules "fleet/NAME", ends of them, and one status for each question. Bounded by the
 * trusts of the image: width, length, so many a minute of each host; by fleet.bans_max, at most
 * half of all bans, FOREIGN_NETWORKS of them networks; and by fleet.bans_max an hour in all,
 * whatever hosts there are said to be.
 */
#pragma once

#include "base/hash.h"
#include "judge/rates.h"
#include "judge/verdict.h"

#define FOREIGN_HOST_MAX 64 /* bytes of a host's name with its NUL */
/* Half of the networks that the kernel's table has room for (nft/banset.h). */
#define FOREIGN_NETWORKS 16384

struct foreign_ops {
	/* Ends this one, in the kernel too. */
	void (*lift)(void *ctx, uint32_t slot);
	/* host unbanned p by hand. How many bans ended. */
	uint32_t (*lift_inside)(void *ctx, const struct prefix *p, const char *host);
};

struct foreign {
	struct verdict *verdict;
	const struct image *image; /* the present one */
	const struct foreign_ops *ops;
	void *ctx;
	struct hash_key key;
	struct rates hosts;
	usec_t all, wide; /* buckets: of all hosts together; lifts of networks by hand */
	uint64_t taken[TAKEN_STATUSES]; /* answers given, counted by who gives them */
};

void foreign_init(struct foreign *f, struct verdict *v, const struct image *img,
    const struct foreign_ops *ops, void *ctx);
void foreign_fini(struct foreign *f);
/* The image is another one. */
void foreign_follow_image(struct foreign *f);

/* now: of the real clock; mono: of the monotonic one. *slot: what is in force once the kernel says
 * so, or out of it; BANS_NONE: nothing is to be waited for. */
enum taken_status foreign_take(struct foreign *f, const struct msg_fleet *b, const char *host,
    usec_t now, usec_t mono, uint32_t *slot);
enum taken_status foreign_drop(struct foreign *f, const struct msg_fleet *b, const char *host,
    usec_t now, usec_t mono, uint32_t *slot);
/* How many hold. */
uint32_t foreign_held(const struct foreign *f);
/* False: no trust of the present image would take this ban, of a rule for such, any more. */
bool foreign_is_trusted(const struct foreign *f, const struct ban *x);
