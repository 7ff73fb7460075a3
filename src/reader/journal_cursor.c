/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "reader/source_journal.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "i=1f", then a semicolon or the end. */
static bool
hex_number(const char **p, char name, uint64_t *out)
{
	const char *start = *p + 2;
	int digits = 0;

	if ((*p)[0] != name || (*p)[1] != '=')
		return false;
	*out = 0;
	for (; hex_digit(start[digits]) >= 0; digits++)
		*out = *out << 4 | (uint64_t)hex_digit(start[digits]);
	*p = start + digits + (start[digits] == ';');
	return digits > 0 && digits <= 16 && (start[digits] == ';' || start[digits] == 0);
}

static bool
hex_id(const char **p, char name, uint8_t id[16])
{
	const char *start = *p + 2;

	if ((*p)[0] != name || (*p)[1] != '=')
		return false;
	for (int i = 0; i < 16; i++) {
		int high = hex_digit(start[2 * i]);
		int low = high < 0 ? -1 : hex_digit(start[2 * i + 1]);

		if (low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	*p = start + 33;
	return start[32] == ';';
}

int
journal_cursor_parse(struct msg_position *out, const char *text)
{
	struct msg_position p = *out;

	if (!hex_id(&text, 's', p.journal.seqnum_id) ||
	    !hex_number(&text, 'i', &p.journal.seqnum) || !hex_id(&text, 'b', p.journal.boot_id) ||
	    !hex_number(&text, 'm', &p.journal.mono) || !hex_number(&text, 't', &p.journal.real) ||
	    !hex_number(&text, 'x', &p.journal.xor_hash) || *text)
		return -EINVAL;
	*out = p;
	return 0;
}

static void
put_id(char out[static 33], const uint8_t id[16])
{
	for (int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

void
journal_cursor_format(const struct msg_position *p, char text[static JOURNAL_CURSOR_MAX])
{
	char s[33], b[33];

	put_id(s, p->journal.seqnum_id);
	put_id(b, p->journal.boot_id);
	snprintf(text, JOURNAL_CURSOR_MAX,
	    "s=%s;i=%" PRIx64 ";b=%s;m=%" PRIx64 ";t=%" PRIx64 ";x=%" PRIx64, s, p->journal.seqnum,
	    b, p->journal.mono, p->journal.real, p->journal.xor_hash);
}
