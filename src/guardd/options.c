/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guardd/options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/exe.h"

static const struct {
	char name;
	const char *longname, *argument, *help;
} table[] = {
    {'c', "config", "FILE", "main configuration (" SYSCONFDIR "/guardd/guardd.yaml)"},
    {'s', "share", "DIR", "shipped filters and rules (" DATADIR ")"},
    {'e', "etc", "DIR", "local filters.d and rules.d (" SYSCONFDIR "/guardd)"},
    {'r', "runtime", "DIR", "control socket (/run/guardd)"},
    {'S', "state", "DIR", "the book of bans (/var/lib/guardd)"},
    {'u', "user", "NAME", "user to become when started by root (guardd)"},
    {'q', "quiet", NULL, "only warnings and worse"},
    {'C', "clean", NULL, "remove table inet guardd from the kernel, and exit"},
    {'V', "version", NULL, "print the version"},
    {'h', "help", NULL, "print this"},
};
#define N_OPTIONS (sizeof(table) / sizeof(*table))

static void
print_help(void)
{
	puts("usage: guardd [OPTION]...\n"
	     "Guards this machine in the foreground: bans what the rules say, through nftables.\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		printf("  -%c, --%-8s %-5s %s\n", table[i].name, table[i].longname,
		    table[i].argument ? table[i].argument : "", table[i].help);
	puts("\nSee guardd(8), guardctl(8), guardd.yaml(5).");
}

/* The roles and guardd-conf do not share our working directory's meaning for long. */
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
apply(struct options *o, int c)
{
	switch (c) {
	case 'c':
		o->main_file = absolute(optarg);
		break;
	case 's':
		o->share = absolute(optarg);
		break;
	case 'e':
		o->etc = absolute(optarg);
		break;
	case 'r':
		o->runtime = absolute(optarg);
		break;
	case 'S':
		o->state = absolute(optarg);
		break;
	case 'u':
		o->user = optarg;
		break;
	case 'q':
		o->quiet = true;
		break;
	default:
		o->clean = true;
	}
}

int
options_parse(struct options *o, int argc, char **argv)
{
	struct option longs[N_OPTIONS + 1] = {0};
	char shorts[2 * N_OPTIONS + 1];
	static char share[4096];
	size_t n = 0;
	int c;

	exe_share(share, sizeof(share));
	*o = (struct options){.main_file = SYSCONFDIR "/guardd/guardd.yaml",
	    .share = share,
	    .etc = SYSCONFDIR "/guardd",
	    .runtime = "/run/guardd",
	    .state = "/var/lib/guardd",
	    .user = "guardd"};
	for (size_t i = 0; i < N_OPTIONS; i++) {
		longs[i] = (struct option){table[i].longname,
		    table[i].argument ? required_argument : no_argument, NULL, table[i].name};
		shorts[n++] = table[i].name;
		if (table[i].argument)
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?') {
			fputs("guardd: see guardd --help\n", stderr);
			return -EINVAL;
		}
		if (c == 'h' || c == 'V') {
			c == 'h' ? print_help() : (void)puts("guardd " GUARDD_VERSION);
			return 1;
		}
		apply(o, c);
	}
	if (optind < argc) {
		fprintf(
		    stderr, "guardd: unexpected argument '%s'; see guardd --help\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
