/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/literal_score.h"

#include <string.h>

#include "conf/literal_sample.h"

#define BITS_ENOUGH 72 /* rarer than that makes no difference */

/* Wording of benign lines says little more than its first letters do; a long one more than a part
 * of it. */
#define COMMON_LEAST  5
#define COMMON_BITS   6
#define WHOLE_BITS(n) (COMMON_BITS + (int)(n) / 8)

#define SHORT 8

static int
byte_bits(uint16_t at)
{
	unsigned char c = (unsigned char)at;

	if (c == ' ')
		return 3;
	if (c >= '0' && c <= '9')
		return 4;
	if (c >= 'a' && c <= 'z')
		return (strchr("etaoinsr", c)     ? 4
			   : strchr("jqxzkvw", c) ? 7
						  : 5) -
		       ((at & TEXT_FOLD) != 0);
	if (c >= 'A' && c <= 'Z')
		return 6;
	if (c < 0x80 && strchr(".:/-=[]\",()_", c))
		return 4;
	return 7;
}

/* A short one costs the scan more than its rarity says: it has few windows to choose from. */
static int
shortness(size_t n)
{
	return n < SHORT ? (int)(SHORT - n) : 0;
}

static int
piece_bits(const uint16_t *p, size_t n)
{
	int bits = -shortness(n);

	for (size_t i = 0; i < n && bits < BITS_ENOUGH;) {
		size_t common = literal_sample_length(p + i, n - i);

		if (common == n)
			return WHOLE_BITS(n);
		bits += common >= COMMON_LEAST ? COMMON_BITS : byte_bits(p[i]);
		i += common >= COMMON_LEAST ? common : 1;
	}
	return bits < 1 ? 1 : bits < BITS_ENOUGH ? bits : BITS_ENOUGH;
}

static bool
is_break(uint16_t at)
{
	return (at & 0xff) == 0 || (at & 0xff) == '\n';
}

struct piece {
	const uint16_t *at;
	size_t n;
	int bits;
};

static void
offer(struct piece *best, const uint16_t *p, size_t n)
{
	int bits;

	if (n < LITERAL_MIN)
		return;
	if (n > LITERAL_MAX)
		n = LITERAL_MAX;
	bits = piece_bits(p, n);
	/* Of equally rare pieces the shorter one, unless it is too short to be looked for quickly.
	 */
	if (!best->n || bits > best->bits)
		*best = (struct piece){p, n, bits};
}

/* Pieces lie between bytes that no line holds; those of one case alone are tried beside the whole.
 */
static struct piece
best_piece(const struct pattern_text *t)
{
	struct piece best = {0};
	size_t start = 0, exact = 0;

	if (t->n < LITERAL_MIN)
		return best;
	for (size_t i = 0; i <= t->n; i++) {
		bool end = i == t->n || is_break(t->at[i]);

		if (end || (t->at[i] & TEXT_FOLD)) {
			offer(&best, t->at + exact, i - exact);
			exact = i + 1;
		}
		if (end) {
			offer(&best, t->at + start, i - start);
			start = i + 1;
		}
	}
	return best;
}

int
literal_bits(const struct pattern_text *texts, size_t n)
{
	int least = BITS_ENOUGH;

	for (size_t i = 0; i < n; i++) {
		struct piece p = best_piece(&texts[i]);

		if (!p.n)
			return 0;
		least = p.bits < least ? p.bits : least;
	}
	for (; n > 1; n /= 2)
		least--;
	return least > 1 ? least : 1;
}

void
literal_cut(struct arena *a, const struct pattern_text *t, struct literal *out)
{
	struct piece p = best_piece(t);
	char *text = arena_alloc(a, p.n + 1);

	for (size_t i = 0; i < p.n; i++) {
		text[i] = (char)p.at[i];
		out->caseless |= (p.at[i] & TEXT_FOLD) != 0;
	}
	/* A text without case is as well looked for in lower case: letters of one case alone, too.
	 */
	for (size_t i = 0; i < p.n && out->caseless; i++) {
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] + 32);
	}
	out->text = text;
	out->len = p.n;
}
