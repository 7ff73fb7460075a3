/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardctl: finds the command's row, parses by its usage line, runs it.
 */
#include <stdio.h>
#include <string.h>

#include "base/exe.h"
#include "ctl/command.h"

static const struct command *const commands[] = {
    &cmd_status,
    &cmd_sources,
    &cmd_list,
    &cmd_ban,
    &cmd_unban,
    &cmd_history,
    &cmd_check,
    &cmd_prove,
    &cmd_listeners,
    &cmd_probe,
    &cmd_exposure,
    &cmd_gaps,
    &cmd_fleet,
    &cmd_explain,
    &cmd_test,
    &cmd_replay,
    &cmd_config,
    &cmd_check_config,
    &cmd_import,
    &cmd_alert,
    &cmd_metrics,
    &cmd_reload,
    &cmd_selfcheck,
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct {
	const char *name, *argument, *help;
} global_options[] = {
    {"json", NULL, "print JSON lines instead of text"},
    {"socket", "FILE", "control socket (RUNTIME/control)"},
    {"config", "FILE", "main configuration (" SYSCONFDIR "/guardd/guardd.yaml)"},
    {"share", "DIR", "shipped filters and rules (" DATADIR ")"},
    {"etc", "DIR", "local filters.d and rules.d (" SYSCONFDIR "/guardd)"},
    {"runtime", "DIR", "runtime directory (/run/guardd)"},
    {"herald", "DIR", "runtime directory of guardd-herald (/run/guardd-herald)"},
    {"version", NULL, "print the version"},
    {"completion", NULL, "print a bash completion"},
    {"help", NULL, "print this"},
};
#define N_GLOBALS (sizeof(global_options) / sizeof(*global_options))

static void
print_help(void)
{
	const char *group = "";

	puts("usage: guardctl [OPTION]... COMMAND [ARGUMENT]...");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(group, commands[i]->group) != 0)
			printf("\n%s:\n", group = commands[i]->group);
		printf("  %-13s %s\n", commands[i]->name, commands[i]->summary);
	}
	puts("\nOptions:");
	for (size_t i = 0; i < N_GLOBALS; i++)
		printf("  --%s %-*s %s\n", global_options[i].name,
		    12 - (int)strlen(global_options[i].name),
		    global_options[i].argument ? global_options[i].argument : "",
		    global_options[i].help);
	puts(
	    "\nExit status: 0 done, 1 refused or an error was found, 2 usage or not allowed, 3 "
	    "guardd\n"
	    "or a file cannot be reached; of check, probe and exposure: 0 as the rules have it, 1\n"
	    "unknown, 2 open or shut out, 3 could not run. 'guardctl COMMAND --help' tells more; "
	    "see guardctl(8).");
}

static void
print_command_help(const struct command *c)
{
	printf(
	    "usage: guardctl %s%s%s\n%s.\n", c->name, *c->usage ? " " : "", c->usage, c->summary);
	if (c->help)
		printf("\n%s", c->help);
}

/* Words for the shell: commands, and behind a command its options. */
static void
print_completion(void)
{
	puts("_guardctl() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words w\n\tCOMPREPLY=()\n"
	     "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n\t\tcase $w in");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		printf("\t\t%s) words=\"--help", commands[i]->name);
		for (const char *p = commands[i]->usage; (p = strstr(p, "[--")) != NULL; p++)
			printf(" %.*s", (int)strcspn(p + 1, " ]"), p + 1);
		puts("\" ;;");
	}
	printf("\t\tesac\n\tdone\n\t[ -n \"$words\" ] || words=\"");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("%s ", commands[i]->name);
	for (size_t i = 0; i < N_GLOBALS; i++)
		printf("--%s ", global_options[i].name);
	puts("\"\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F "
	     "_guardctl "
	     "guardctl");
}

/* Usage lines as data, for the check of the manual against the program. */
static void
print_usages(void)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("%s %s\n", commands[i]->name, commands[i]->usage);
}

/* The number of words taken; 0: no global option, -1: an error that was told. */
static int
take_global(struct globals *g, char **argv, int left)
{
	const struct {
		const char *name, **value;
	} texts[] = {
	    {"--socket", &g->socket},
	    {"--config", &g->main_file},
	    {"--share", &g->share},
	    {"--etc", &g->etc},
	    {"--runtime", &g->runtime},
	    {"--herald", &g->herald},
	};

	if (strcmp(argv[0], "--json") == 0) {
		g->json = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t n = strlen(texts[i].name);

		if (strncmp(argv[0], texts[i].name, n) != 0)
			continue;
		if (argv[0][n] == '=') {
			*texts[i].value = argv[0] + n + 1;
			return 1;
		}
		if (argv[0][n] != '\0')
			continue;
		if (left < 2) {
			fprintf(stderr, "guardctl: %s needs a value\n", argv[0]);
			return -1;
		}
		*texts[i].value = argv[1];
		return 2;
	}
	return 0;
}

/* Global options may stand anywhere; what is left is the command and its own words. */
static int
take_globals(struct globals *g, int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc;) {
		int n;

		if (strcmp(argv[i], "--") == 0) {
			while (i < argc)
				argv[kept++] = argv[i++];
			break;
		}
		n = take_global(g, argv + i, argc - i);
		if (n < 0)
			return -1;
		if (n == 0)
			argv[kept++] = argv[i++];
		i += n;
	}
	return kept;
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int
run_command(const struct globals *g, const char *name, int argc, char **argv)
{
	const struct command *c = find_command(name);
	static struct args a;

	if (!c) {
		fprintf(stderr, "guardctl: unknown command '%s'; see guardctl --help\n", name);
		return EXIT_USAGE;
	}
	if (args_parse(&a, c->name, c->usage, argc, argv) < 0)
		return c->plugin ? EXIT_CANNOT : EXIT_USAGE;
	if (a.help) {
		print_command_help(c);
		return EXIT_DONE;
	}
	return c->run(g, &a);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} asides[] = {{"--help", print_help}, {"-h", print_help}, {"help", print_help},
	    {"--completion", print_completion}, {"--usages", print_usages}};
	char socket[4096], share[4096];
	struct globals g = {.main_file = SYSCONFDIR "/guardd/guardd.yaml",
	    .share = share,
	    .etc = SYSCONFDIR "/guardd",
	    .runtime = "/run/guardd",
	    .herald = "/run/guardd-herald"};
	exe_share(share, sizeof(share));
	argc = take_globals(&g, argc, argv);
	if (argc < 0)
		return EXIT_USAGE;
	if (!g.socket) {
		snprintf(socket, sizeof(socket), "%s/control", g.runtime);
		g.socket = socket;
	}
	if (argc < 2) {
		print_help();
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("guardctl " GUARDD_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < sizeof(asides) / sizeof(*asides); i++)
		if (strcmp(argv[1], asides[i].name) == 0) {
			asides[i].fn();
			return EXIT_DONE;
		}
	return run_command(&g, argv[1], argc - 2, argv + 2);
}
