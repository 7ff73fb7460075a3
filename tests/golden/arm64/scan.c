/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan_check.h"

static struct check check;

/* The scan's variants against a naive search, as a program of its own: `scan ROUNDS`. */
int
main(int argc, char **argv)
{
	const char *wrong = scan_check(&check, 2463534242u, argc > 1 ? atoi(argv[1]) : 1);

	for (const char *const *v = scan_variants(); *v; v++)
		printf("%s ", *v);
	puts(wrong ? wrong : "ok");
	return wrong != NULL;
}
