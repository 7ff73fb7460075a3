/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "ctl/expose_text.h"
#include "ctl/out_text.h"
#include "ctl/prove_run.h"
#include "ctl/tool.h"

#define TO_MAX 2 /* one of each family */

struct wants {
	char to[TO_MAX][ADDR_TEXT_MAX];
	size_t n_to;
};

static void
print_set(json_t *o, const char *word, const char *member, const char *more)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};

	expose_list(&text, json_object_get(o, member), out_int(o, more), EXPOSE_LIST_ALL);
	printf("  %-9s %s\n", word, text.text);
}

static void
print_endpoints(json_t *o)
{
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(o, "endpoints"), i, e)
	{
		_cleanup_(strbuf_fini) struct strbuf text = {0};

		expose_place(&text, out_str(e, "address"), out_int(e, "port"));
		if (json_is_true(json_object_get(e, "forwarded")))
			strbuf_printf(&text, ", forwarded by %s", out_str(e, "out"));
		printf("  %-9s %s\n", i ? "" : "leads to", text.text);
	}
}

/* Of one source out of those, from hook to hook. */
static void
print_path(json_t *o)
{
	json_t *step;
	size_t i;

	if (json_array_size(json_object_get(o, "path")) > 0)
		printf("  %-9s of a packet from %s\n", "path", out_str(o, "path_of"));
	json_array_foreach(json_object_get(o, "path"), i, step)
	{
		_cleanup_(strbuf_fini) struct strbuf text = {0};

		expose_step(&text, step);
		printf("  %-9s %s\n", "", text.text);
	}
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	_cleanup_(strbuf_fini) struct strbuf head = {0};
	json_t *why = json_object_get(o, "why");
	bool *any = ctx;

	(void)line;
	expose_port(&head, o);
	strbuf_printf(&head, " %s", expose_family(o));
	if (*out_str(o, "to"))
		strbuf_printf(&head, " to %s", out_str(o, "to"));
	if (*out_str(o, "in"))
		strbuf_printf(&head, " by %s", out_str(o, "in"));
	printf("%s%s%s%s\n", *any ? "\n" : "", out_style('b'), head.text, out_style('-'));
	*any = true;
	print_set(o, "accepted", "accept", "accept_more");
	print_set(o, "dropped", "drop", "drop_more");
	print_set(o, "depends", "depends", "depends_more");
	if (json_array_size(why) > 0)
		print_set(o, "on", "why", "why_more");
	print_endpoints(o);
	print_path(o);
}

/* "389", "tcp/389", "udp/514", "sctp/2905". */
static bool
is_port(const char *text)
{
	static const char *const protocols[] = {"tcp/", "udp/", "sctp/"};
	char *end;
	long port;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		size_t n = strlen(protocols[i]);

		if (strncmp(text, protocols[i], n) == 0) {
			text += n;
			break;
		}
	}
	if (*text < '0' || *text > '9')
		return false;
	port = strtol(text, &end, 10);
	return *end == '\0' && port >= 1 && port <= 65535;
}

/* --to ADDR, or ADDR,ADDR for --packets. Told and false when it is none. */
static bool
take_to(struct wants *w, const char *text, bool both)
{
	while (text) {
		size_t n = strcspn(text, ",");
		struct addr a;

		if (addr_parse_unfolded(&a, text, n) < 0 || w->n_to == (both ? TO_MAX : 1)) {
			fprintf(stderr, "guardctl prove: --to takes an address%s, not '%s'\n",
			    both ? ", or one of each family: ADDR,ADDR" : "", text);
			return false;
		}
		addr_format(&a, w->to[w->n_to++]);
		text = text[n] ? text + n + 1 : NULL;
	}
	return true;
}

static bool
options_are_fine(const struct args *a, struct wants *w, bool packets)
{
	const char *from = args_option(a, "from"), *family = args_option(a, "family");
	struct prefix p;

	if (packets == (a->n > 0) || (packets && (from || family))) {
		fputs("usage: guardctl prove PORT [--from PREFIX] [--to ADDR] [--in IFACE] "
		      "[--family 4|6]\n       guardctl prove --packets FILE [--in IFACE] "
		      "[--to ADDR[,ADDR]]\n",
		    stderr);
		return false;
	}
	if (!packets && !is_port(a->words[0])) {
		fprintf(stderr,
		    "guardctl prove: '%s' is no port: 389, tcp/389, udp/514 or sctp/2905\n",
		    a->words[0]);
		return false;
	}
	if (from && prefix_parse_unfolded(&p, from, strlen(from)) < 0) {
		fprintf(stderr, "guardctl prove: --from takes a prefix, not '%s'\n", from);
		return false;
	}
	if (family && strcmp(family, "4") != 0 && strcmp(family, "6") != 0) {
		fprintf(stderr, "guardctl prove: --family takes 4 or 6, not '%s'\n", family);
		return false;
	}
	return take_to(w, args_option(a, "to"), packets);
}

static int
run_prover(const struct globals *g, const struct args *a, const struct wants *w, int in)
{
	static const char *const passed[][2] = {
	    {"from", "--from"}, {"in", "--in"}, {"family", "--family"}};
	const char *packets = args_option(a, "packets");
	bool any = false;
	struct prove_run p = {.in = in, .image = -1, .ctx = &any};

	if (!packets)
		p.fn = g->json ? ask_print_raw : on_line;
	prove_run_add(&p, packets ? "--packets" : "--prove");
	if (!packets)
		prove_run_add(&p, a->words[0]);
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++) {
		const char *value = args_option(a, passed[i][0]);

		if (!value)
			continue;
		prove_run_add(&p, passed[i][1]);
		prove_run_add(&p, value);
	}
	for (size_t i = 0; i < w->n_to; i++) {
		prove_run_add(&p, "--to");
		prove_run_add(&p, w->to[i]);
	}
	return prove_run(&p) == EXIT_DONE ? EXIT_DONE : EXIT_CANNOT;
}

static int
run(const struct globals *g, const struct args *a)
{
	const char *packets = args_option(a, "packets");
	_cleanup_(closep) int in = -1;
	struct wants w = {0};

	if (!options_are_fine(a, &w, packets != NULL))
		return EXIT_USAGE;
	if (!prove_may()) {
		fputs("guardctl: prove needs root (CAP_NET_ADMIN) to read the kernel's rules\n",
		    stderr);
		return EXIT_CANNOT;
	}
	if (packets && strcmp(packets, "-") != 0) {
		in = open(packets, O_RDONLY | O_CLOEXEC);
		if (in < 0) {
			fprintf(stderr, "guardctl: %s: %s\n", packets, strerror(errno));
			return EXIT_CANNOT;
		}
	}
	return run_prover(g, a, &w, in);
}

const struct command cmd_prove = {
    .name = "prove",
    .group = "Exposure",
    .usage = "[PORT] [--from PREFIX] [--to ADDR] [--in IFACE] [--family N] [--packets FILE]",
    .summary = "which sources can reach a port, and by which rules",
    .help =
	"PORT is 389 (TCP and UDP), tcp/389, udp/514 or sctp/2905. Without --to and --in: every\n"
	"local address and interface. --packets reads lines 'SADDR PROTO/PORT' ('-' is standard\n"
	"input) and prints each with A (accepted), D (dropped) or ? (depends), for packets that\n"
	"come in by --in (that of the default route) to --to (its first address; ADDR,ADDR for "
	"one\n"
	"of each family).\n",
    .run = run,
};
