/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a set's elements are kept: one block of items of the same size, in ascending order of their
 * keys. Comes from prover/sets (reading), goes to prover/sets_ask (questions). While it is read, an
 * item is: a byte of flags, key, end of key, data. Then: key, end (only if any element has another
 * one), data. Bounded by ELEMENT_MAX over all sets.
 */
#pragma once

#include "prover/ir.h"

enum raw_flag {
	RAW_INTERVAL_END = 1, /* sorts first: an interval that begins there wins */
	RAW_INTERVAL = 2,     /* goes up to the next key, unless has its own end */
};

/* An answer of set_sources: for the key without the source's field. */
struct sources {
	uint8_t offset, len;
	uint8_t key[REG_BYTES];
	struct ranges ranges;
};

/* Ports at which the answer for a key can change: bit p is set when p - 1 may have another. */
struct port_starts {
	uint8_t offset;
	bool all;
	uint64_t bits[65536 / 64];
};

struct set_store {
	uint8_t *items;
	uint32_t n, room; /* items while reading; then set.n is the number */
	size_t size, data_size;
	bool has_end;
	uint32_t object_type;
	struct sources *sources;
	uint32_t n_sources;
	uint64_t n_ranges; /* in them */
	struct port_starts **ports;
	uint32_t n_ports;
};

static inline const uint8_t *
store_item(const struct set_store *s, uint32_t i)
{
	return s->items + (size_t)i * s->size;
}
