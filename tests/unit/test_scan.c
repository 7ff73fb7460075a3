/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define TEXT_MAX 4096
#define HITS_MAX (TEXT_MAX * 8)

static uint64_t state = 88172645463325252u;

static uint32_t
rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

struct found {
	uint8_t at[8][TEXT_MAX]; /* how often literal id was told at a place */
	size_t n;
};

static void
on_hit(void *ctx, uint32_t id, size_t at)
{
	struct found *f = ctx;

	assert_true(id < 8);
	assert_true(at < TEXT_MAX);
	f->at[id][at]++;
	f->n++;
}

static bool
naive(const struct scan_literal *l, const char *p)
{
	return l->caseless ? !strncasecmp(p, l->text, l->len) : !memcmp(p, l->text, l->len);
}

/* Every place where a literal stands is told exactly once, no other is. */
static void
check(const struct scan_literal *l, size_t n, const char *text, size_t len)
{
	static struct found f;
	/* At the end of its own allocation, so that a sanitizer sees reads behind it. */
	char *copy = malloc(len ? len : 1);
	struct scan *s;

	memset(&f, 0, sizeof f);
	memcpy(copy, text, len);
	assert_int_equal(scan_new(&s, l, n), 0);
	scan_run(s, copy, len, on_hit, &f);
	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at < len; at++)
			assert_int_equal(
			    f.at[i][at], at + l[i].len <= len && naive(&l[i], text + at));
	scan_free(s);
	free(copy);
}

static struct scan_literal
literal(const char *text, bool caseless, uint32_t id)
{
	return (struct scan_literal){text, strlen(text), caseless, id};
}

static void
finds_each_literal_wherever_it_stands(void **unused)
{
	static const char *const words[] = {"Failed password", "from", "x: ", "NUL",
	    "invalid user ", "authentication failure", "[preauth]"};
	const size_t count = sizeof words / sizeof *words;
	char text[200];

	(void)unused;
	for (size_t w = 0; w < count; w++)
		for (size_t at = 0; at < 40; at++)
			for (size_t behind = 0; behind < 12; behind++) {
				struct scan_literal l = literal(words[w], false, 0);

				memset(text, 'z', sizeof text);
				memcpy(text + at, words[w], l.len);
				check(&l, 1, text, at + l.len + behind);
			}
}

static void
random_texts_give_what_a_naive_search_gives(void **unused)
{
	static const char letters[] = "abAB @`[{\n\xc3\x00";
	char text[TEXT_MAX], words[8][16];

	(void)unused;
	for (int round = 0; round < 1000; round++) {
		struct scan_literal l[8];
		size_t n = 1 + rnd(8), len = rnd(round % 50 ? 200 : TEXT_MAX), least = 3 + rnd(6);
		uint32_t spread = 2 + rnd(11);

		for (size_t i = 0; i < n; i++) {
			l[i] = (struct scan_literal){words[i], least + rnd(16 - least), rnd(2), i};
			for (size_t k = 0; k < 16; k++)
				words[i][k] = l[i].caseless ? "ab @`[{\n\xc3\x00"[rnd(2 + rnd(8))]
							    : letters[rnd(spread)];
		}
		for (size_t i = 0; i < len; i++)
			text[i] = letters[rnd(spread)];
		/* A few planted ones, in the other case where that is the same. */
		for (int p = 0; p < 3 && len > 16; p++) {
			size_t which = rnd(n), at = rnd(len - 16);

			for (size_t k = 0; k < l[which].len; k++)
				text[at + k] = l[which].caseless && words[which][k] == 'a'
						   ? 'A'
						   : words[which][k];
		}
		check(l, n, text, len);
	}
}

static void
three_bytes_are_found_at_the_very_end(void **unused)
{
	struct scan_literal l[2] = {literal("end", false, 0), literal("nd!", true, 1)};

	(void)unused;
	check(l, 2, "end", 3);
	check(l, 2, "the END! the end", 16);
	check(l, 2, "the end!", 8);
	check(l, 2, "en", 2);
	check(l, 2, "", 0);
}

static void
many_literals_are_all_found(void **unused)
{
	enum { N = 2000 };
	static char words[N][12];
	static struct scan_literal l[N];
	static struct found f;
	struct scan *s;

	(void)unused;
	memset(&f, 0, sizeof f);
	for (int i = 0; i < N; i++) {
		snprintf(words[i], sizeof words[i], "w%05d;", i * 37);
		l[i] = literal(words[i], false, 0);
	}
	assert_int_equal(scan_new(&s, l, N), 0);
	for (int i = 0; i < N; i++) {
		f.n = 0;
		scan_run(s, words[i], strlen(words[i]), on_hit, &f);
		assert_int_equal(f.n, 1);
	}
	scan_free(s);
}

static void
what_cannot_be_scanned_is_refused(void **unused)
{
	struct scan_literal l = literal("ab", false, 0);
	struct scan *s = NULL;
	static struct found f;

	(void)unused;
	assert_int_equal(scan_new(&s, &l, 1), -EINVAL);
	assert_int_equal(scan_new(&s, &l, SCAN_LITERALS + 1), -E2BIG);
	assert_int_equal(scan_new(&s, NULL, 0), 0);
	scan_run(s, "anything at all", 15, on_hit, &f);
	assert_int_equal(f.n, 0);
	scan_free(s);
}

static void
newlines_are_counted(void **unused)
{
	static char text[100000];
	size_t expected = 0;

	(void)unused;
	for (size_t i = 0; i < sizeof text; i++) {
		text[i] = i % 3 == 0 || rnd(9) == 0 ? '\n' : (char)rnd(256);
		expected += text[i] == '\n';
	}
	assert_int_equal(scan_newlines(text, sizeof text), expected);
	memset(text, '\n', sizeof text);
	for (size_t n = 0; n < 300; n++)
		assert_int_equal(scan_newlines(text + n % 7, n), n);
	assert_int_equal(scan_newlines(text, sizeof text), sizeof text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_each_literal_wherever_it_stands),
	    cmocka_unit_test(random_texts_give_what_a_naive_search_gives),
	    cmocka_unit_test(three_bytes_are_found_at_the_very_end),
	    cmocka_unit_test(many_literals_are_all_found),
	    cmocka_unit_test(what_cannot_be_scanned_is_refused),
	    cmocka_unit_test(newlines_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
