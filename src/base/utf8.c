/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/utf8.h"

/* Bytes of the character that begins at p; 0: none does, or it is a control character. */
static size_t
character(const unsigned char *p, size_t n)
{
	unsigned c = p[0];
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (len == 0 || c > 0xf4 || len > n || (c < 0x20 && c != '\t') || c == 0x7f)
		return 0;
	for (size_t k = 1; k < len; k++)
		if ((p[k] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
	    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

bool
utf8_is_text(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = character((const unsigned char *)bytes + i, n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

/* A character that could go on behind the end. */
static bool
is_cut(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0xc2 || p[0] > 0xf4 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len <= n)
		return false;
	for (size_t k = 1; k < n; k++)
		if ((p[k] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t
utf8_clean(char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		const unsigned char *p = (const unsigned char *)bytes + i;
		size_t len = character(p, n - i);

		if (len == 0 && is_cut(p, n - i))
			return i;
		if (len == 0)
			bytes[i] = '?';
		i += len ? len : 1;
	}
	return n;
}
