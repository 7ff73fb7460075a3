/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/md5.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 64

/* One block of 64 bytes (RFC 1321, 3.4). */
static void
take_block(uint32_t state[4], const unsigned char *p)
{
	static const unsigned char turns[4][4] = {
	    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
	uint32_t x[16], a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < 16; i++)
		x[i] = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 |
		       (uint32_t)p[4 * i + 2] << 16 | (uint32_t)p[4 * i + 3] << 24;
	for (unsigned i = 0; i < 64; i++) {
		const unsigned round = i / 16, turn = turns[round][i % 4];
		const uint32_t f[4] = {
		    (b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)};
		const unsigned from[4] = {i, 5 * i + 1, 3 * i + 5, 7 * i};
		const uint32_t sine = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
		const uint32_t sum = a + f[round] + sine + x[from[round] % 16];

		a = d;
		d = c;
		c = b;
		b += sum << turn | sum >> (32 - turn);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void
md5_text(const void *data, size_t n, char out[static MD5_TEXT])
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	unsigned char last[2 * BLOCK] = {0};
	size_t whole = n / BLOCK * BLOCK, rest = n - whole, end = rest < 56 ? BLOCK : 2 * BLOCK;

	for (size_t at = 0; at < whole; at += BLOCK)
		take_block(state, (const unsigned char *)data + at);
	if (rest)
		memcpy(last, (const unsigned char *)data + whole, rest);
	last[rest] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		last[end - 8 + i] = (unsigned char)((uint64_t)n * 8 >> 8 * i);
	for (size_t at = 0; at < end; at += BLOCK)
		take_block(state, last + at);
	for (unsigned i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", state[i / 4] >> 8 * (i % 4) & 0xff);
}
