/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/probe_report.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "ctl/expose_text.h"
#include "ctl/out_text.h"
#include "ctl/prove_run.h"
#include "wire/image.h"

struct asking {
	struct probe_report *report;
	bool print;
};

void
probe_report_init(struct probe_report *r)
{
	*r = (struct probe_report){.rows = json_array()};
}

void
probe_report_fini(struct probe_report *r)
{
	json_decref(r->rows);
}

bool
probe_is_ok(json_t *row)
{
	return strcmp(out_str(row, "verdict"), "ok") == 0;
}

/* --- targets --- */

static bool
span_has(const struct image *img, struct span s, const char *name)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (strcmp(image_str(img, img->prefixes[s.first + i].name), name) == 0)
			return true;
	return false;
}

/* A group, or a host of one: its addresses are those of the configuration, not the resolver's. */
static bool
is_configured(const struct image *img, const char *name)
{
	for (uint32_t i = 0; i < image_count(img, IMAGE_GROUPS); i++)
		if (strcmp(image_str(img, img->groups[i].name), name) == 0 ||
		    span_has(img, img->groups[i].prefixes, name))
			return true;
	return false;
}

static void
put_address(struct strbuf *out, const struct sockaddr *sa)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (addr_from_sockaddr(&a, sa) < 0)
		return;
	strbuf_printf(
	    out, "%s%s", out->text[out->len - 1] == '=' ? "" : ",", addr_format(&a, text));
	if (sa->sa_family == AF_INET6 && ((const struct sockaddr_in6 *)sa)->sin6_scope_id)
		strbuf_printf(out, "%%%u", ((const struct sockaddr_in6 *)sa)->sin6_scope_id);
}

/* NAME=ADDRESS,... Told and false when the resolver has none. */
static bool
resolve(struct strbuf *out, const char *name)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int r = getaddrinfo(name, NULL, &hints, &list);

	if (r != 0) {
		fprintf(stderr, "guardctl: %s: no group, no host of one, and no address: %s\n",
		    name, gai_strerror(r));
		return false;
	}
	strbuf_printf(out, "%s=", name);
	for (const struct addrinfo *i = list; i; i = i->ai_next)
		put_address(out, i->ai_addr);
	freeaddrinfo(list);
	return true;
}

/* The word for the prover; "" after what is wrong was told. */
static struct strbuf
target(const struct image *img, const char *word)
{
	struct strbuf out = {0};
	struct addr a;
	bool plain = addr_parse(&a, word, strlen(word)) == 0 && !strchr(word, '%');

	if (plain || is_configured(img, word))
		strbuf_puts(&out, word);
	else if (!resolve(&out, word))
		strbuf_reset(&out);
	return out;
}

/* --- the run --- */

static void
on_line(void *ctx, const char *line, json_t *o)
{
	const struct asking *a = ctx;

	json_array_append(a->report->rows, o);
	if (a->print)
		fputs(line, stdout);
}

static int
run_with(struct probe_report *r, const struct globals *g, int image, struct strbuf *words, size_t n,
    bool peers)
{
	struct asking asking = {.report = r, .print = g->json};
	struct prove_run p = {
	    .alone = true, .in = -1, .image = image, .fn = on_line, .ctx = &asking};
	int s;

	prove_run_add(&p, "--probe");
	if (peers)
		prove_run_add(&p, "--peers");
	for (size_t i = 0; i < n; i++)
		prove_run_add(&p, words[i].text);
	s = prove_run(&p);
	/* Without an answer, whatever ended had another reason, whose status means another thing.
	 */
	return s > EXIT_CANNOT || json_array_size(r->rows) == 0 ? EXIT_CANNOT : s;
}

int
probe_report_ask(
    struct probe_report *r, const struct globals *g, int image, const struct args *a, bool peers)
{
	struct strbuf words[ARGS_MAX] = {0};
	size_t n = a ? a->n : 0;
	int status = EXIT_DONE;
	struct image img;

	if (image_open(&img, image) < 0)
		return EXIT_CANNOT;
	for (size_t i = 0; i < n; i++) {
		words[i] = target(&img, a->words[i]);
		if (!words[i].len)
			status = EXIT_CANNOT;
	}
	image_close(&img);
	if (status == EXIT_DONE)
		status = run_with(r, g, image, words, n, peers);
	for (size_t i = 0; i < n; i++)
		strbuf_fini(&words[i]);
	return status;
}

/* --- words --- */

static char
colour(json_t *row)
{
	const char *verdict = out_str(row, "verdict");

	return probe_is_ok(row) ? 'g' : strcmp(verdict, "unknown") == 0 ? 'y' : 'r';
}

void
probe_report_table(const struct probe_report *r)
{
	static const char *const heads[] = {
	    "TARGET", "ADDRESS", "PORT", "RULE", "ANSWER", "BY", "EXPECTED", "VERDICT", NULL};
	_cleanup_(out_table_fini) struct out_table t;
	json_t *row;
	size_t i;

	out_table_init(&t, 0, heads);
	json_array_foreach(r->rows, i, row)
	{
		_cleanup_(strbuf_fini) struct strbuf port = {0};
		const char *name = out_str(row, "target");

		expose_port(&port, row);
		out_table_row(&t, *name ? name : "-", out_str(row, "address"), port.text,
		    out_str(row, "rule"), out_str(row, "answer"),
		    *out_str(row, "by") ? out_str(row, "by") : "-", out_str(row, "expected"),
		    out_str(row, "verdict"));
		out_table_colour(&t, 7, colour(row));
	}
	out_table_print(&t);
}

static void
print_sentence(json_t *row)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0}, place = {0};
	const char *verdict = out_str(row, "verdict"), *by = out_str(row, "by");
	bool gap = strcmp(verdict, "gap") == 0;

	expose_place(&place, out_str(row, "address"), out_int(row, "port"));
	if (*out_str(row, "target"))
		strbuf_printf(&text, "%s ", out_str(row, "target"));
	strbuf_printf(&text, "%s %s: ", out_str(row, "proto"), place.text);
	if (gap)
		strbuf_printf(&text, "reached from %s, which rule %s does not allow",
		    out_str(row, "from"), out_str(row, "rule"));
	else
		strbuf_printf(&text, "%s does not get there (%s%s%s), but rule %s allows it",
		    out_str(row, "from"), out_str(row, "answer"), *by ? " by " : "", by,
		    out_str(row, "rule"));
	printf("%s%s%s %s\n", out_style('r'), verdict, out_style('-'), text.text);
}

void
probe_report_brief(const struct probe_report *r)
{
	size_t asked = json_array_size(r->rows), ok = 0, unknown = 0, i;
	json_t *row;

	json_array_foreach(r->rows, i, row)
	{
		ok += probe_is_ok(row);
		if (colour(row) == 'r')
			print_sentence(row);
		unknown += colour(row) == 'y';
	}
	printf("%zu ports asked: %zu as the rules have it, %zu not, %zu unknown\n", asked, ok,
	    asked - ok - unknown, unknown);
}
