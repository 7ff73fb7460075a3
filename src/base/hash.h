/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SipHash-2-4 (Aumasson, Bernstein 2012): with a random key for tables fed by strangers, with the
 * zero key where the value must be the same in the next run (keys of sources, heads of files).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

extern const struct hash_key hash_stable; /* all zero */

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n);
/* The stable hash of a text without its NUL. */
uint64_t hash_text(const char *text);
/* getrandom(2); cannot fail on a running system, aborts if it does. */
struct hash_key hash_key_random(void);
