/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/strbuf.h"
#include "ctl/tool.h"

/* The YAML as one text in one JSON object: its own structure is what the reader of YAML is for. */
static int
print_json(int fd)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	char buf[4096];
	json_t *object;
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, buf, sizeof(buf), at)) > 0; at += n)
		strbuf_add(&text, buf, (size_t)n);
	object = json_pack("{s:s%}", "yaml", text.text ? text.text : "", text.len);
	if (!object) {
		fputs("guardctl: the configuration is no UTF-8\n", stderr);
		return EXIT_FAILED;
	}
	json_dumpf(object, stdout, JSON_COMPACT);
	puts("");
	json_decref(object);
	return EXIT_DONE;
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(closep) int fd = g->json ? memfd_create("config", MFD_CLOEXEC) : -1;
	int r;

	(void)a;
	if (!g->json)
		return tool_conf(g, "--print", -1);
	r = fd < 0 ? EXIT_CANNOT : tool_conf(g, "--print", fd);
	return r == EXIT_DONE ? print_json(fd) : r;
}

const struct command cmd_config = {
    .name = "config",
    .group = "Service",
    .usage = "",
    .summary = "the effective configuration, as YAML that reads back equal",
    .run = run,
};
