/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/stat.h>

#include "ctl/ask.h"
#include "ctl/import_history.h"
#include "ctl/import_out.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"

#define KIND        "fail2ban"
#define DEFAULT_DIR "/etc/" KIND
#define DEFAULT_OUT "guardd-import"

/* The texts of files are taken as they came: what is made fit for a terminal is no YAML any more.
 */
static void
on_line(void *ctx, const char *line, json_t *object)
{
	struct import *im = ctx;
	json_t *whole;

	if (strcmp(out_str(object, "type"), "file") != 0) {
		import_take(im, object);
		return;
	}
	whole = json_loads(line, 0, NULL);
	if (whole)
		import_take(im, whole);
	json_decref(whole);
}

/* guardd-conf reads, translates, and writes nothing; its exit status. */
static int
translate(const char *dir, struct import *im)
{
	struct tool t = {.name = "guardd-conf", .args = {"--import", dir}, .in = -1, .image = -1};
	_cleanup_(closep) int lines = -1;
	pid_t pid = tool_start_piped(&t, &lines);
	int r, status;

	if (pid < 0)
		return EXIT_CANNOT;
	r = ask_read_lines(lines, on_line, im);
	closep(&lines);
	lines = -1;
	status = tool_wait(&t, pid);
	if (status > EXIT_FAILED || (r == EXIT_DONE && !im->summary))
		return EXIT_CANNOT;
	return r != EXIT_DONE ? r : status;
}

static void
print_lines(const struct import *im)
{
	json_t *const lists[] = {im->jails, im->notes};
	json_t *item;
	size_t i;

	json_array_foreach(im->files, i, item)
	{
		json_t *name =
		    json_pack("{s:s, s:s}", "type", "file", "path", out_str(item, "path"));

		if (*out_str(item, "left"))
			json_object_set(name, "left", json_object_get(item, "left"));

		json_dumpf(name, stdout, JSON_COMPACT);
		puts("");
		json_decref(name);
	}
	for (size_t k = 0; k < 2; k++)
		json_array_foreach(lists[k], i, item)
		{
			json_dumpf(item, stdout, JSON_COMPACT);
			puts("");
		}
	json_dumpf(im->summary, stdout, JSON_COMPACT);
	puts("");
}

/* What was written must be what guardd takes: it is asked at once. */
static int
check(const struct globals *g, const char *out)
{
	/* What is wrong comes on standard error; that nothing is wrong is no JSON line. */
	_cleanup_(closep) int nowhere = g->json ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
	_cleanup_(strbuf_fini) struct strbuf main_file = {0};
	struct globals there = *g;

	there.etc = out;
	strbuf_printf(&main_file, "%s/" IMPORT_MAIN, out);
	if (access(main_file.text, F_OK) == 0)
		there.main_file = main_file.text;
	fflush(stdout);
	if (tool_conf(&there, "--check", nowhere) == EXIT_DONE)
		return EXIT_DONE;
	fprintf(stderr, "guardctl: guardd does not take what is in %s\n", out);
	return EXIT_FAILED;
}

static bool
same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Three lines: where the files go, who stops and who starts, and the bans in force. */
static void
print_next(const struct globals *g, const struct import *im, const char *from, const char *out,
    bool history)
{
	_cleanup_(strbuf_fini) struct strbuf left = {0};

	import_left(im, &left);
	if (left.len > 0)
		fputs(left.text, stdout);
	puts("");
	if (same_folder(out, g->etc))
		printf("Next: 1. it is in %s already: guardctl check-config\n", out);
	else
		printf("Next: 1. cp -rn %s/* %s/ && guardctl check-config\n", out, g->etc);
	puts("      2. systemctl disable --now " KIND " && systemctl reload-or-restart guardd");
	if (history)
		puts("      3. the bans in force have been handed over: guardctl list");
	else
		printf("      3. guardctl import " KIND " %s --history, for the bans in force\n",
		    from);
}

static int
write_out(
    const struct globals *g, const struct import *im, const char *from, const char *out, bool force)
{
	_cleanup_(strbuf_fini) struct strbuf report = {0};
	int r;

	import_look(im, out, same_folder(out, g->etc) ? NULL : g->main_file);
	import_text(im, from, &report);
	if (json_array_size(im->files) > 0) {
		r = import_write(im, out, force, &report);
		if (r < 0)
			return r == -EEXIST ? EXIT_FAILED : EXIT_CANNOT;
	}
	if (g->json)
		print_lines(im);
	else
		fputs(report.text, stdout);
	if (json_array_size(im->files) == 0)
		return EXIT_DONE;
	if (!g->json)
		printf("\nWritten into %s, with this report in %s.\n", out, IMPORT_REPORT);
	return check(g, out);
}

/* Whether guardd's own configuration is there: then it has to read what was written. */
static bool
is_in_use(const struct globals *g, const char *out)
{
	struct stat a, b;

	return stat(out, &a) == 0 && stat(g->etc, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int
run(const struct globals *g, const struct args *a)
{
	const char *dir = a->n > 1 ? a->words[1] : DEFAULT_DIR, *out = args_option(a, "out"),
		   *database = args_option(a, "database");
	const bool history = args_flag(a, "history") || database;
	struct import im;
	int r, s = EXIT_DONE;

	if (strcmp(a->words[0], KIND) != 0) {
		fprintf(stderr, "guardctl: nothing is imported from '%s', only from " KIND "\n",
		    a->words[0]);
		return EXIT_USAGE;
	}
	import_init(&im);
	r = translate(dir, &im);
	if (r <= EXIT_FAILED && (out || !history))
		s = write_out(g, &im, dir, out ? out : DEFAULT_OUT, args_flag(a, "force"));
	/* Bans are handed over to rules, which must be in force by then. */
	if (r <= EXIT_FAILED && s == EXIT_DONE && history && out && is_in_use(g, out))
		s = cmd_reload.run(g, a);
	if (r <= EXIT_FAILED && s == EXIT_DONE && history)
		s = import_history(g, &im, database);
	if (r <= EXIT_FAILED && s == EXIT_DONE && !g->json && (out || !history) &&
	    json_array_size(im.files) > 0)
		print_next(g, &im, dir, out ? out : DEFAULT_OUT, history);
	import_fini(&im);
	return s != EXIT_DONE ? s : r;
}

const struct command cmd_import = {
    .name = "import",
    .group = "Service",
    .usage = KIND " [DIR] [--out DIR] [--force] [--history] [--database FILE]",
    .summary = "another program's configuration as guardd's, with a report",
    .help =
	"Reads the configuration in DIR (" DEFAULT_DIR ") and writes one rule for each enabled "
	"jail and\n"
	"the filters they need into --out (" DEFAULT_OUT "), filters.d and rules.d, with a report "
	"of what was\n"
	"taken, what differs, and what has no counterpart. Existing files are replaced with "
	"--force\n"
	"only. With --history the bans in force, and the counts of former ones, are taken from "
	"its\n"
	"database (the one that its configuration names, or --database) and handed to the running\n"
	"guardd; without --out nothing is written then, and where --out is guardd's own folder it "
	"reloads\n"
	"before. Exit status 1: something could not be "
	"taken.\n",
    .run = run,
};
