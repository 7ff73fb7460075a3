/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <endian.h>

#define UNKNOWN_4                                                                                  \
	{0, 0xff, 0, 0}, {0, 0xff, 0, 0}, {0, 0xff, 0, 0},                                         \
	{                                                                                          \
		0, 0xff, 0, 0                                                                      \
	}
#define UNKNOWN_16 UNKNOWN_4, UNKNOWN_4, UNKNOWN_4, UNKNOWN_4

const struct regs regs_unknown = {.b = {UNKNOWN_16, UNKNOWN_16, UNKNOWN_16, UNKNOWN_16}};

/* The kernel fills up the last 4 bytes with zeros. */
static void
pad(struct regs *r, uint8_t at, uint8_t len)
{
	for (unsigned i = at + len; i % 4 && i < REG_BYTES; i++)
		r->b[i] = (struct byte){0};
}

void
regs_put(struct regs *r, uint8_t at, const void *bytes, uint8_t len)
{
	const uint8_t *p = bytes;

	for (unsigned i = 0; i < len && at + i < REG_BYTES; i++)
		r->b[at + i] = (struct byte){.value = p[i]};
	pad(r, at, len);
}

void
regs_put_unknown(struct regs *r, uint8_t at, uint8_t len, const char *why)
{
	for (unsigned i = at; i < (unsigned)at + len && i < REG_BYTES; i++) {
		r->b[i] = (struct byte){.unknown = 0xff};
		r->why[i / 4] = why;
	}
	pad(r, at, len);
}

void
regs_put_word(struct regs *r, uint8_t at, uint32_t value, uint32_t unknown, const char *why)
{
	uint8_t v[4], u[4];

	value &= ~unknown;
	memcpy(v, &value, 4);
	memcpy(u, &unknown, 4);
	for (unsigned i = 0; i < 4 && at + i < REG_BYTES; i++)
		r->b[at + i] = (struct byte){.value = v[i], .unknown = u[i]};
	if (at < REG_BYTES)
		r->why[at / 4] = why;
}

uint32_t
regs_word(const struct regs *r, uint8_t at, uint32_t *unknown)
{
	uint8_t v[4] = {0}, u[4] = {0xff, 0xff, 0xff, 0xff};
	uint32_t value;

	for (unsigned i = 0; i < 4 && at + i < REG_BYTES; i++) {
		u[i] = r->b[at + i].unknown | r->b[at + i].source;
		v[i] = r->b[at + i].value & (uint8_t)~u[i];
	}
	memcpy(&value, v, 4);
	memcpy(unknown, u, 4);
	return value;
}

bool
regs_get(const struct regs *r, uint8_t at, uint8_t len, uint8_t *out)
{
	if ((unsigned)at + len > REG_BYTES)
		return false;
	for (unsigned i = 0; i < len; i++) {
		if (!byte_known(r->b[at + i]))
			return false;
		out[i] = r->b[at + i].value;
	}
	return true;
}

const char *
regs_why(const struct regs *r, uint8_t at, uint8_t len)
{
	for (unsigned i = at; i < (unsigned)at + len && i < REG_BYTES; i++)
		if (r->b[i].unknown && r->why[i / 4])
			return r->why[i / 4];
	return "a value that is not known";
}

static struct byte
byte_masked(struct byte b, uint8_t mask, uint8_t flip)
{
	b.unknown &= mask;
	b.value = (uint8_t)(((b.value & mask) ^ flip) & ~b.unknown);
	if (b.source && !(b.source & mask))
		b.from = FROM_NOTHING;
	b.source &= mask;
	if (b.from >= FROM_PORT_HIGH && !b.source && (mask != 0xff || flip))
		b.from = mask ? FROM_PORT : FROM_NOTHING;
	return b;
}

void
regs_bitwise(struct regs *r, const struct op *op)
{
	unsigned n = op->len;

	if (op->dreg + n > REG_BYTES || op->sreg + n > REG_BYTES || n > REG_BYTES / 2) {
		regs_put_unknown(r, op->dreg, op->len, op->name);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		r->b[op->dreg + i] =
		    byte_masked(r->b[op->sreg + i], op->u.bitwise.mask[i], op->u.bitwise.xor [i]);
		r->why[(op->dreg + i) / 4] = r->why[(op->sreg + i) / 4];
	}
	pad(r, op->dreg, op->len);
}

static bool
has_port(const struct regs *r, unsigned at, unsigned len)
{
	for (unsigned i = at; i < at + len && i < REG_BYTES; i++)
		if (!r->b[i].source && r->b[i].from >= FROM_PORT_HIGH)
			return true;
	return false;
}

/* As the kernel does it: 32-bit words in host order, the first the most significant. */
void
regs_shift(struct regs *r, const struct op *op)
{
	unsigned n = (op->len + 3u) / 4, by = op->u.shift.by & 31;
	uint32_t value[REG_BYTES / 4], unknown[REG_BYTES / 4], carry = 0, carry_unknown = 0;
	bool port = has_port(r, op->sreg, op->len);
	const char *why = regs_why(r, op->sreg, op->len);

	if (op->dreg + n * 4 > REG_BYTES || op->sreg + n * 4 > REG_BYTES)
		return;
	for (unsigned i = 0; i < n; i++)
		value[i] = regs_word(r, (uint8_t)(op->sreg + i * 4), &unknown[i]);
	for (unsigned k = 0; k < n && by; k++) {
		unsigned i = op->u.shift.right ? k : n - 1 - k;
		uint32_t v = value[i], u = unknown[i];

		if (op->u.shift.right) {
			value[i] = v >> by | carry;
			unknown[i] = u >> by | carry_unknown;
			carry = v << (32 - by);
			carry_unknown = u << (32 - by);
		} else {
			value[i] = v << by | carry;
			unknown[i] = u << by | carry_unknown;
			carry = v >> (32 - by);
			carry_unknown = u >> (32 - by);
		}
	}
	for (unsigned i = 0; i < n; i++)
		regs_put_word(r, (uint8_t)(op->dreg + i * 4), value[i], unknown[i], why);
	for (unsigned i = 0; port && i < n * 4; i++)
		r->b[op->dreg + i].from = FROM_PORT;
}

/* The kernel turns whole units and leaves what is left of the register as it was. */
void
regs_byteorder(struct regs *r, const struct op *op)
{
	unsigned size = op->u.byteorder.size, len = size ? op->len - op->len % size : 0;
	struct byte from[REG_BYTES];
	const char *why = regs_why(r, op->sreg, op->len);

	if (!size || op->dreg + len > REG_BYTES || op->sreg + len > REG_BYTES) {
		regs_put_unknown(r, op->dreg, op->len, op->name);
		return;
	}
	memcpy(from, r->b + op->sreg, len * sizeof(*from));
	for (unsigned i = 0; i < len; i++) {
		unsigned at = BYTE_ORDER == LITTLE_ENDIAN ? i - i % size + size - 1 - i % size : i;
		struct byte b = from[at];

		if (!b.source && b.from >= FROM_PORT_HIGH && at != i)
			b.from = FROM_PORT;
		r->b[op->dreg + i] = b;
		r->why[(op->dreg + i) / 4] = why;
	}
}
