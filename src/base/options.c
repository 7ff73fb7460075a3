/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"

#define ROWS_MAX 32

static void
print_row(char name, const char *longname, const char *argument, const char *help)
{
	printf("  -%c, --%-8s %-5s %s\n", name, longname, argument ? argument : "", help);
}

static void
print_help(const struct option_row *rows, const struct option_page *page)
{
	printf("usage: %s [OPTION]...\n%s\n\n", page->program, page->about);
	for (; rows->longname; rows++)
		print_row(rows->name, rows->longname, rows->argument, rows->help);
	print_row('V', "version", NULL, "print the version");
	print_row('h', "help", NULL, "print this");
	printf("\nSee %s.\n", page->see);
}

/* Other processes do not share our working directory's meaning for long. */
static const char *
absolute(const char *path)
{
	_cleanup_(freep) char *cwd = NULL;
	char *out;

	if (path[0] == '/')
		return path;
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&out, "%s/%s", cwd, path) < 0)
		return path;
	return out;
}

static void
apply(void *into, const struct option_row *row)
{
	char *member = (char *)into + row->offset;

	if (row->kind == OPTION_FLAG)
		*(bool *)member = true;
	else
		*(const char **)member = row->kind == OPTION_PATH ? absolute(optarg) : optarg;
}

static size_t
add(struct option *longs, char *shorts, size_t at, char name, const char *longname, bool argument)
{
	*longs = (struct option){longname, argument ? required_argument : no_argument, NULL, name};
	shorts[at++] = name;
	if (argument)
		shorts[at++] = ':';
	shorts[at] = '\0';
	return at;
}

static int
usage_error(const struct option_page *page, const char *word)
{
	if (word)
		fprintf(stderr, "%s: unexpected argument '%s'; ", page->program, word);
	else
		fprintf(stderr, "%s: ", page->program);
	fprintf(stderr, "see %s --help\n", page->program);
	return -EINVAL;
}

int
options_read(void *into, const struct option_row *rows, const struct option_page *page, int argc,
    char **argv)
{
	struct option longs[ROWS_MAX + 3] = {0};
	char shorts[2 * (ROWS_MAX + 2) + 1];
	size_t at = 0, n = 0;
	int c;

	for (; rows[n].longname && n < ROWS_MAX; n++)
		at = add(&longs[n], shorts, at, rows[n].name, rows[n].longname, rows[n].argument);
	at = add(&longs[n], shorts, at, 'V', "version", false);
	add(&longs[n + 1], shorts, at, 'h', "help", false);
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?')
			return usage_error(page, NULL);
		if (c == 'h')
			print_help(rows, page);
		else if (c == 'V')
			printf("%s " GUARDD_VERSION "\n", page->program);
		if (c == 'h' || c == 'V')
			return 1;
		for (size_t i = 0; i < n; i++)
			if (rows[i].name == c)
				apply(into, &rows[i]);
	}
	return optind < argc ? usage_error(page, argv[optind]) : 0;
}
