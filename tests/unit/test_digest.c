/* links: ctl */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sums of first lines: the vectors of RFC 1321 and RFC 3174, and lengths around the ends of blocks.
 */
#include "ctl/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
sums_of_the_standards(void **unused)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
	    {"", "d41d8cd98f00b204e9800998ecf8427e"},
	    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
	    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		"57edf4a22be3c955ac49da2e2107b67a"},
	    {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	    {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_true(digest_is(cases[i].text, strlen(cases[i].text), cases[i].hex));
}

static void
others_are_not(void **unused)
{
	(void)unused;
	assert_false(digest_is("abd", 3, "900150983cd24fb0d6963f7d28e17f72"));
	assert_false(digest_is("abd", 3, "a9993e364706816aba3e25717850c26c9cd0d89d"));
	assert_false(digest_is("abc", 3, "900150983cd24fb0d6963f7d28e17f7"));
	assert_false(digest_is("abc", 3, ""));
}

static void
ends_of_blocks(void **unused)
{
	static const struct {
		size_t n;
		const char *md5, *sha1;
	} cases[] = {
	    {55, "04364420e25c512fd958a70738aa8f72", "cef734ba81a024479e09eb5a75b6ddae62e6abf1"},
	    {56, "668a72d5ba17f08e62dabcafad6db14b", "901305367c259952f4e7af8323f480d59f81335b"},
	    {63, "7dc2ca208106a2f703567bdff99d8981", "0ddc4e0cccd9a12850deb5abb0853a4425559fec"},
	    {64, "c1bb4f81d892b2d57947682aeb252456", "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"},
	    {119, "ab347a5f68c8a443cfcddc633f12c24f", "4300320394f7ee239bcdce7d3b8bcee173a0cd5c"},
	    {120, "fb98667f98096de92620b64f46e1c5b5", "ceb2821639c4b6dcb10bce0e522ca2e608ce056d"},
	};
	char text[120];

	(void)unused;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(digest_is(text, cases[i].n, cases[i].md5));
		assert_true(digest_is(text, cases[i].n, cases[i].sha1));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_of_the_standards),
	    cmocka_unit_test(others_are_not),
	    cmocka_unit_test(ends_of_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
