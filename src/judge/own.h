/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whom no rule may ban: the settings' never_ban and this machine's own addresses, gateways,
 * resolvers and bridges. Comes in: the image's prefixes, the keeper's MSG_OWN list. Goes out: "may
 * this be banned", and what a source is counted as. Bounded: OWN_MAX prefixes of the machine. The
 * keeper has the last word; this keeps tallies and prefix bans
 * from being started at all.
 */
#pragma once

#include "base/prefixset.h"
#include "judge/told.h"
#include "wire/image.h"
#include "wire/msg.h"

#define OWN_MAX 4096

struct own_entry {
	struct prefix prefix;
	uint8_t kind; /* enum own_kind */
};

struct own {
	struct own_entry *entries, *coming; /* in use; being received */
	uint32_t n, n_coming;
	struct prefixset never;   /* settings and own together */
	struct prefixset proxies; /* of the settings: offences "from" these ban nobody */
	struct told told;
};

void own_init(struct own *o);
void own_fini(struct own *o);
/* Takes over the settings of an image. -ENOMEM. */
int own_load(struct own *o, const struct image *img);
/* The keeper's list: begin, any number of adds, end (then it holds). -ENOMEM, -ENOSPC. */
void own_begin(struct own *o);
int own_add(struct own *o, const struct prefix *p, uint8_t kind);
int own_end(struct own *o, const struct image *img);

/* True when an offence "from" a means that the real address is lost: a proxy, a bridge, this
 * machine. */
bool own_hides_source(const struct own *o, const struct addr *a);
/* True at most once an hour per address: tell people now. */
bool own_tell(struct own *o, const struct addr *a, usec_t now);
/* What a is counted as: the address, or its /64 where that holds nothing that is never banned. */
struct prefix own_source(const struct own *o, const struct addr *a);
