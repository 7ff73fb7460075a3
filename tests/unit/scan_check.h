/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether every variant of the scan that this CPU has finds what a naive search finds, on random
 * sets of literals and random texts. Comes in: a seed and a number of rounds. Goes out: NULL, or
 * what went wrong. The text stands between two pages that cannot be read, once against each, so
 * that a read outside it ends the program. Without cmocka, so that it can run on other machines.
 * Include it in one .c file.
 */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "reader/scan.h"
#include "reader/scan_sample.h"

#define CHECK_LITERALS 2000
#define CHECK_LITERAL  40
#define CHECK_TEXT     8192 /* whole pages */
#define CHECK_PAGE     65536

struct check {
	uint64_t state;
	char words[CHECK_LITERALS][CHECK_LITERAL];
	struct scan_literal literals[CHECK_LITERALS];
	size_t n;
	char text[CHECK_TEXT];
	size_t len;
	char *room; /* CHECK_TEXT bytes that can be read, and nothing around them */
	/* One bit a literal and place. */
	uint64_t expected[CHECK_LITERALS][CHECK_TEXT / 64], found[CHECK_LITERALS][CHECK_TEXT / 64];
	size_t n_expected, n_found;
	size_t line; /* where that of the last hit begins */
	bool lines;  /* no literal has a newline */
	const char *wrong, *variant;
};

static uint32_t
check_random(struct check *c, uint32_t n)
{
	c->state ^= c->state << 13;
	c->state ^= c->state >> 7;
	c->state ^= c->state << 17;
	return (c->state >> 20) % n;
}

static char
check_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool
check_stands(const struct scan_literal *l, const char *p)
{
	for (size_t i = 0; i < l->len; i++)
		if ((l->caseless ? check_lower(p[i]) : p[i]) != l->text[i])
			return false;
	return true;
}

static void
check_expect(struct check *c)
{
	memset(c->expected, 0, c->n * sizeof c->expected[0]);
	c->n_expected = 0;
	for (size_t i = 0; i < c->n; i++)
		for (size_t at = 0; at + c->literals[i].len <= c->len; at++)
			if (check_stands(&c->literals[i], c->text + at)) {
				c->expected[i][at / 64] |= 1ull << at % 64;
				c->n_expected++;
			}
}

static void
check_hit(void *ctx, uint32_t id, size_t at)
{
	struct check *c = ctx;
	const char *before;

	if (id >= c->n || at >= c->len || !(c->expected[id][at / 64] >> at % 64 & 1)) {
		c->wrong = "a hit where the literal does not stand";
		return;
	}
	if (c->found[id][at / 64] >> at % 64 & 1)
		c->wrong = "a hit was told twice";
	c->found[id][at / 64] |= 1ull << at % 64;
	c->n_found++;
	if (!c->lines)
		return;
	if (at < c->line)
		c->wrong = "a hit of an earlier line came later";
	before = memrchr(c->text, '\n', at);
	c->line = before ? (size_t)(before - c->text) : 0;
}

static void
check_run(struct check *c, const char *variant, char *at)
{
	struct scan *s;

	c->variant = variant;
	memset(c->found, 0, c->n * sizeof c->found[0]);
	c->n_found = c->line = 0;
	memcpy(at, c->text, c->len);
	if (scan_force(variant) < 0 || scan_new(&s, c->literals, c->n) < 0) {
		c->wrong = "scan_new failed";
		return;
	}
	scan_run(s, at, c->len, check_hit, c);
	scan_free(s);
	if (!c->wrong && c->n_found != c->n_expected)
		c->wrong = "a hit was missed";
}

static void
check_variants(struct check *c)
{
	check_expect(c);
	for (const char *const *v = scan_variants(); *v && !c->wrong; v++) {
		check_run(c, *v, c->room);
		if (!c->wrong)
			check_run(c, *v, c->room + CHECK_TEXT - c->len);
	}
	if (!c->wrong)
		check_run(c, NULL, c->room + CHECK_TEXT - c->len);
}

/* Few letters, so that words are alike; many; any bytes. */
static void
check_literals(struct check *c)
{
	static const char few[] = "ab A`@[{\n", many[] = "etaoinshrdlu /=\"<[]:.,-_0123456789EFLP";
	static const size_t up_to[] = {4, 4, 20, 100, 400, CHECK_LITERALS};
	uint32_t kind = check_random(c, 3), longest = 4 + check_random(c, CHECK_LITERAL - 3);

	c->lines = true;
	c->n = 1 + check_random(c, up_to[check_random(c, 6)]);
	for (size_t i = 0; i < c->n; i++) {
		struct scan_literal *l = &c->literals[i];

		*l = (struct scan_literal){c->words[i],
		    SCAN_LEAST + check_random(c, longest - SCAN_LEAST), check_random(c, 3) == 0, i};
		for (size_t k = 0; k < l->len; k++) {
			char b = kind == 0   ? few[check_random(c, sizeof few - 1)]
				 : kind == 1 ? many[check_random(c, sizeof many - 1)]
					     : (char)check_random(c, 256);

			c->words[i][k] = l->caseless ? check_lower(b) : b;
			c->lines &= b != '\n';
		}
	}
}

/* A literal or a part of one, in another case now and then. */
static size_t
check_add_literal(struct check *c, char *to, size_t room)
{
	const struct scan_literal *l = &c->literals[check_random(c, c->n)];
	size_t from = check_random(c, 8) ? 0 : check_random(c, l->len), n = l->len - from;
	bool upper = check_random(c, 3) == 0;

	if (check_random(c, 8) == 0)
		n = check_random(c, n + 1);
	if (n > room)
		n = room;
	for (size_t i = 0; i < n; i++) {
		char b = l->text[from + i];

		to[i] = upper && b >= 'a' && b <= 'z' && check_random(c, 2) ? b - 32 : b;
	}
	return n;
}

static size_t
check_add_line(struct check *c, char *to, size_t room)
{
	static size_t lines;
	const char *line;
	size_t n, cut;

	while (scan_sample[lines])
		lines++;
	line = scan_sample[check_random(c, lines)];
	cut = check_random(c, strlen(line) + 1);
	n = strlen(line + cut);
	n = n < room ? n : room;
	memcpy(to, line + cut, n);
	return n;
}

static size_t
check_add_bytes(struct check *c, char *to, size_t room)
{
	size_t n = check_random(c, 70);

	n = n < room ? n : room;
	for (size_t i = 0; i < n; i++)
		to[i] = check_random(c, 256);
	return n;
}

/* Pieces of random length, so that all come to stand across each edge of the blocks. */
static void
check_text(struct check *c)
{
	size_t (*const add[])(struct check *, char *, size_t) = {
	    check_add_literal, check_add_line, check_add_bytes};
	uint32_t kinds = 1 + check_random(c, 3);
	size_t most = check_random(c, 4) ? 300 : CHECK_TEXT;

	c->len = check_random(c, most + 1);
	for (size_t at = 0; at < c->len;) {
		at += add[check_random(c, kinds)](c, c->text + at, c->len - at);
		if (at < c->len && check_random(c, 6) == 0)
			c->text[at++] = "\n \r\0"[check_random(c, 4)];
	}
}

/* NULL, or what went wrong, which stays valid until the next call. */
static const char *
scan_check(struct check *c, uint64_t seed, unsigned rounds)
{
	static char wrong[200];
	char *around =
	    mmap(NULL, 2 * CHECK_PAGE + CHECK_TEXT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	c->state = seed;
	c->wrong = NULL;
	c->room = around + CHECK_PAGE;
	if (around == MAP_FAILED || mprotect(c->room, CHECK_TEXT, PROT_READ | PROT_WRITE) < 0)
		return "no memory";
	for (unsigned i = 0; i < rounds && !c->wrong; i++) {
		check_literals(c);
		check_text(c);
		check_variants(c);
		if (c->wrong)
			snprintf(wrong, sizeof wrong, "%s: round %u, %zu literals, %zu bytes: %s",
			    c->variant ? c->variant : "best", i, c->n, c->len, c->wrong);
	}
	scan_force(NULL);
	munmap(around, 2 * CHECK_PAGE + CHECK_TEXT);
	return c->wrong ? wrong : NULL;
}
