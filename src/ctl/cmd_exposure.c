/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "ctl/check_report.h"
#include "ctl/expose_text.h"
#include "ctl/out_text.h"
#include "ctl/probe_report.h"
#include "ctl/prove_run.h"
#include "ctl/tool.h"
#include "wire/image.h"

struct test {
	struct check_report check;
	struct probe_report probe;
	bool probed;
	int status;
	json_t *failed; /* array: what could not run */
};

/* The worst counts; what could not run is worse than any answer. */
static void
take_status(struct test *t, const char *what, int status)
{
	if (status >= EXIT_CANNOT)
		json_array_append_new(t->failed, json_string(what));
	t->status = status > t->status ? status : t->status;
}

static bool
has_peers(int image)
{
	struct image img;
	bool any;

	if (image_open(&img, image) < 0)
		return false;
	any = img.settings->peers.n > 0;
	image_close(&img);
	return any;
}

static int
check(struct test *t, int image)
{
	struct prove_run p = {.in = -1, .image = image, .fn = check_report_keep, .ctx = &t->check};
	int r;

	prove_run_add(&p, "--check");
	r = prove_run(&p);
	return t->check.head && r < EXIT_CANNOT ? r : EXIT_CANNOT;
}

static void
run_both(struct test *t, const struct globals *g)
{
	const struct globals quiet = {.socket = g->socket,
	    .main_file = g->main_file,
	    .share = g->share,
	    .etc = g->etc,
	    .runtime = g->runtime};
	_cleanup_(closep) int image = tool_image(g);

	if (image < 0) {
		take_status(t, "configuration", EXIT_CANNOT);
		return;
	}
	take_status(t, "check", check(t, image));
	t->probed = has_peers(image);
	if (t->probed)
		take_status(t, "probe", probe_report_ask(&t->probe, &quiet, image, NULL, true));
}

/* --- the result --- */

static json_t *
without(json_t *list, bool (*in_order)(json_t *))
{
	json_t *out = json_array(), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (!in_order(item))
			json_array_append(out, item);
	}
	return out;
}

static bool
is_proven(json_t *cell)
{
	return strcmp(out_str(cell, "state"), "proven") == 0;
}

static json_t *
result_of(const struct test *t)
{
	const char *state = t->check.head ? out_str(t->check.head, "state") : "unknown";
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:O, s:O*, s:o, s:o, s:I}", "type",
	    "exposure-test", "made", (json_int_t)clock_real(), "host", host, "version",
	    GUARDD_VERSION, "status", t->status, "state", state, "failed", t->failed, "check",
	    t->check.head, "cells", without(t->check.cells, is_proven), "probes",
	    without(t->probe.rows, probe_is_ok), "probed",
	    (json_int_t)json_array_size(t->probe.rows));
}

static void
print(const struct test *t)
{
	if (t->check.head)
		check_report_brief(&t->check);
	if (json_array_size(t->probe.rows) > 0)
		probe_report_brief(&t->probe);
	else if (!t->probed && t->check.head)
		puts("no peers are configured: nobody was probed");
}

/* --- the file --- */

static int
write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, text, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		text += w;
		n -= (size_t)w;
	}
	return 0;
}

static int
fill(int fd, const char *text, size_t n)
{
	int r = write_all(fd, text, n);

	if (r < 0)
		return r;
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Whoever reads the file sees the one before or this one, whole. */
static int
replace(const char *path, const char *text, size_t n)
{
	_cleanup_(strbuf_fini) struct strbuf temporary = {0};
	_cleanup_(closep) int fd = -1;
	int r;

	strbuf_printf(&temporary, "%s.XXXXXX", path);
	fd = mkostemp(temporary.text, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fill(fd, text, n);
	if (r == 0 && rename(temporary.text, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary.text);
	return r;
}

/* EXIT_CANNOT when it cannot be written, which is said. */
static int
deliver(const struct globals *g, const char *path, json_t *result)
{
	_cleanup_(freep) char *line = result ? json_dumps(result, JSON_COMPACT) : NULL;
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	int r;

	if (!line) {
		fputs("guardctl: the result cannot be made: out of memory\n", stderr);
		return EXIT_CANNOT;
	}
	strbuf_printf(&text, "%s\n", line);
	if (g->json)
		fputs(text.text, stdout);
	/* What was found is out before anything is said about the file. */
	fflush(stdout);
	r = path ? replace(path, text.text, text.len) : 0;
	if (r == 0)
		return EXIT_DONE;
	fprintf(stderr, "guardctl: cannot write %s: %s\n", path, strerror(-r));
	return EXIT_CANNOT;
}

static int
run(const struct globals *g, const struct args *a)
{
	struct test t = {0};
	json_t *result;

	if (!prove_may()) {
		fputs("guardctl: exposure needs root (CAP_NET_ADMIN) to read the kernel's rules\n",
		    stderr);
		return EXIT_CANNOT;
	}
	t.failed = json_array();
	check_report_init(&t.check);
	probe_report_init(&t.probe);
	run_both(&t, g);
	if (!g->json)
		print(&t);
	result = result_of(&t);
	if (deliver(g, args_option(a, "out"), result) != EXIT_DONE)
		t.status = EXIT_CANNOT;
	json_decref(result);
	json_decref(t.failed);
	probe_report_fini(&t.probe);
	check_report_fini(&t.check);
	return t.status;
}

const struct command cmd_exposure = {
    .name = "exposure",
    .group = "Exposure",
    .usage = "[--out FILE]",
    .summary = "the scheduled test: check, then probe of the peers, with a result file",
    .help = "What guard-exposure.timer runs on every host. FILE is replaced as a whole by one\n"
	    "JSON object. Exit status: the worse of the two; 3 when one of them could not run.\n",
    .plugin = true,
    .run = run,
};
