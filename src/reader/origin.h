/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses that stand for somebody else: the proxies the configuration names. A hit "from" one of
 * them means that the real address is lost, so it bans nobody and is told. (The addresses of this
 * machine's own bridges are known to the judge, from the keeper.) Comes in from the image; bounded
 * by it.
 */
#pragma once

#include "base/prefixset.h"
#include "wire/image.h"

/* Fills set (initialised here) with settings.proxies. -ENOMEM. */
int origin_init(struct prefixset *set, const struct image *img);
/* The type under which a hit of this kind from a goes to the judge: MSG_OFFENCE, MSG_FORGIVE or
 * MSG_GATEWAY; MSG_NONE when it says nothing (a success through a proxy). */
unsigned origin_type(const struct prefixset *set, enum pattern_kind kind, const struct addr *a);
