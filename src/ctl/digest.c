/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/digest.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK      64
#define WORDS_MOST 5

struct digest {
	unsigned words; /* of the sum */
	bool big;       /* the order of bytes in words */
	void (*take_block)(uint32_t state[WORDS_MOST], const uint32_t x[16]);
};

static uint32_t
turn(uint32_t x, unsigned bits)
{
	return x << bits | x >> (32 - bits);
}

/* RFC 1321, 3.4. */
static void
md5_block(uint32_t state[WORDS_MOST], const uint32_t x[16])
{
	static const unsigned char turns[4][4] = {
	    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < 64; i++) {
		const unsigned round = i / 16;
		const uint32_t f[4] = {
		    (b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)};
		const unsigned from[4] = {i, 5 * i + 1, 3 * i + 5, 7 * i};
		const uint32_t sine = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
		const uint32_t sum = a + f[round] + sine + x[from[round] % 16];

		a = d;
		d = c;
		c = b;
		b += turn(sum, turns[round][i % 4]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* RFC 3174, 6.1. */
static void
sha1_block(uint32_t state[WORDS_MOST], const uint32_t x[16])
{
	static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];

	for (unsigned i = 0; i < 80; i++)
		w[i] = i < 16 ? x[i] : turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		const uint32_t f[4] = {
		    (b & c) | (~b & d), b ^ c ^ d, (b & c) | (b & d) | (c & d), b ^ c ^ d};
		const uint32_t sum = turn(a, 5) + f[i / 20] + e + w[i] + k[i / 20];

		e = d;
		d = c;
		c = turn(b, 30);
		b = a;
		a = sum;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

static void
take(const struct digest *s, uint32_t state[WORDS_MOST], const unsigned char *p)
{
	uint32_t x[16] = {0};

	for (unsigned i = 0; i < BLOCK; i++)
		x[i / 4] |= (uint32_t)p[i] << 8 * (s->big ? 3 - i % 4 : i % 4);
	s->take_block(state, x);
}

bool
digest_is(const void *data, size_t n, const char *hex)
{
	static const struct digest digests[] = {{4, false, md5_block}, {5, true, sha1_block}};
	const struct digest *s = &digests[strlen(hex) == 40];
	uint32_t state[WORDS_MOST] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	unsigned char last[2 * BLOCK] = {0};
	char text[8 * WORDS_MOST + 1];
	size_t whole = n / BLOCK * BLOCK, rest = n - whole, end = rest < 56 ? BLOCK : 2 * BLOCK;

	for (size_t at = 0; at < whole; at += BLOCK)
		take(s, state, (const unsigned char *)data + at);
	if (rest)
		memcpy(last, (const unsigned char *)data + whole, rest);
	last[rest] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		last[end - 8 + i] = (unsigned char)((uint64_t)n * 8 >> 8 * (s->big ? 7 - i : i));
	for (size_t at = 0; at < end; at += BLOCK)
		take(s, state, last + at);
	for (unsigned i = 0; i < 4 * s->words; i++)
		snprintf(text + 2 * i, 3, "%02x",
		    state[i / 4] >> 8 * (s->big ? 3 - i % 4 : i % 4) & 0xff);
	return strcmp(text, hex) == 0;
}
