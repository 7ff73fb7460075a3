/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The keys of expressions that load or change one thing of many (meta, ct, rt, fib): their names,
 * and how many bytes the kernel writes (net/netfilter/nft_meta.c and so on). Values only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum key_set {
	KEY_SET_NEVER,   /* nothing changes it, or what that does is not modelled */
	KEY_SET_NOTHING, /* changing it has no influence */
	KEY_SET_KNOWN,
};
struct key {
	uint32_t number;
	const char *name;
	uint8_t len;
	uint8_t set; /* enum key_set */
};
struct key_table {
	const struct key *v;
	size_t n;
};

extern const struct key_table meta_keys, ct_keys, rt_keys, fib_keys;

/* NULL: not known. */
const struct key *key_find(const struct key_table *t, uint32_t number);
