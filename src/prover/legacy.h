/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tables of iptables-legacy, which nft does not show: not followed, only judged by whether they
 * can change an answer. Comes in: a table's entries as the kernel gave them. Goes out: what it may
 * do. Empty tables and rules that only accept, count or log may do nothing.
 */
#pragma once

#include "dump/dump.h"

enum {
	LEGACY_DROPS = 1,
	LEGACY_ACCEPTS = 2, /* sends packets elsewhere, or makes others look different to nft */
};

/* n bytes of entries stand behind *l. Broken ones count as both. */
int legacy_effect(const struct dump_legacy *l, size_t n, uint8_t family);
