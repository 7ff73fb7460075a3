/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The least that reading a journal can cost: libsystemd's loop over all entries, with the fields
 * that guardd's reader needs of each: asked for by name (get), or picked out of all that the entry
 * has (each). Comes in: a journal's files, by name. Goes out: how many entries have a message, and
 * the fields' bytes.
 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#define FIELDS 5

static const char *const fields[FIELDS] = {"MESSAGE", "SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT",
    "SYSLOG_FACILITY", "_SOURCE_REALTIME_TIMESTAMP"};
static size_t entries, bytes;

static void
take(size_t field, size_t len)
{
	entries += field == 0;
	bytes += len;
}

static void
get(sd_journal *j)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const void *data;
		size_t len;

		if (sd_journal_get_data(j, fields[i], &data, &len) >= 0)
			take(i, len);
	}
}

static void
each(sd_journal *j)
{
	size_t n[FIELDS], len;
	const void *data;

	for (size_t i = 0; i < FIELDS; i++)
		n[i] = strlen(fields[i]);
	SD_JOURNAL_FOREACH_DATA(j, data, len)
	{
		for (size_t i = 0; i < FIELDS; i++)
			if (len > n[i] && memcmp(data, fields[i], n[i]) == 0 &&
			    ((const char *)data)[n[i]] == '=')
				take(i, len);
	}
}

int
main(int argc, char **argv)
{
	sd_journal *j;

	if (argc < 3 || sd_journal_open_files(&j, (const char **)(argv + 2), 0) < 0) {
		fputs("usage: journal_read get|each FILE...\n", stderr);
		return 2;
	}
	while (sd_journal_next(j) > 0)
		if (strcmp(argv[1], "get") == 0)
			get(j);
		else
			each(j);
	printf("%zu %zu\n", entries, bytes);
	sd_journal_close(j);
	return 0;
}
