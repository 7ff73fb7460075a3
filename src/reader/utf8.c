/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of ASCII at the beginning, eight at a time. */
static size_t
ascii_run(const char *text, size_t n)
{
	size_t i = 0;

	for (uint64_t w; i + sizeof w <= n; i += sizeof w) {
		memcpy(&w, text + i, sizeof w);
		if (w & 0x8080808080808080u)
			break;
	}
	while (i < n && (unsigned char)text[i] < 0x80)
		i++;
	return i;
}

/* Bytes of the character at p, or (with *fine false) of the longest beginning of one (Unicode 15,
 * table 3-7). */
static size_t
character(const unsigned char *p, size_t n, int *fine)
{
	unsigned low = 0x80, high = 0xbf;
	size_t more, i = 1;

	*fine = 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		more = 1;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		more = 2;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		more = 3;
	else
		return 1;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (; i <= more; i++, low = 0x80, high = 0xbf)
		if (i >= n || p[i] < low || p[i] > high)
			return i;
	*fine = 1;
	return i;
}

size_t
utf8_copy(char *out, const char *text, size_t n)
{
	size_t at = 0, len = 0;

	while (at < n) {
		size_t run = ascii_run(text + at, n - at);
		int fine;

		memcpy(out + len, text + at, run);
		len += run;
		at += run;
		if (at == n)
			break;
		run = character((const unsigned char *)text + at, n - at, &fine);
		memcpy(out + len, fine ? text + at : "\xef\xbf\xbd", fine ? run : 3);
		len += fine ? run : 3;
		at += run;
	}
	return len;
}
