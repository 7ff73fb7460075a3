/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/fleet_exposure.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/expose_text.h"
#include "ctl/out_text.h"

/* Words of the herald, best first. */
static const struct word {
	const char *name;
	int exit;
	char colour;
} words[] = {
    {"agree", EXIT_DONE, 'g'},
    {"quiet", EXIT_DONE, 'g'},
    {"not asked", EXIT_DONE, 'g'},
    {"unseen", EXIT_DEPENDS, 'y'},
    {"unknown", EXIT_DEPENDS, 'y'},
    {"differs", EXIT_DEPENDS, 'y'},
    {"unconfirmed", EXIT_GAP, 'r'},
    {"shut out", EXIT_GAP, 'r'},
    {"gap", EXIT_GAP, 'r'},
    {"disagree", EXIT_GAP, 'r'},
};
#define N_WORDS (sizeof(words) / sizeof(*words))

static const size_t word_unknown = 4; /* where it stands */

struct matrix {
	bool print;
	json_t *head, *rows; /* rows: array of cells, and of hosts without any */
};

static size_t
word_of(json_t *row)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (strcmp(words[i].name, out_str(row, "state")) == 0)
			return i;
	return word_unknown; /* of a newer herald */
}

static int
exit_of(json_t *row)
{
	int proof = *out_str(row, "proof") ? expose_exit(out_str(row, "proof")) : EXIT_DONE;
	int word = words[word_of(row)].exit;

	return proof > word ? proof : word;
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct matrix *m = ctx;
	const char *type = out_str(o, "type");

	if (m->print)
		fputs(line, stdout);
	if (strcmp(type, "cell") == 0 || strcmp(type, "host") == 0)
		json_array_append(m->rows, o);
	else if (!m->head)
		m->head = json_incref(o);
}

/* --- order --- */

static int
by_text(json_t *a, json_t *b, const char *key)
{
	return strcmp(out_str(a, key), out_str(b, key));
}

static int
worse_first(const void *x, const void *y)
{
	json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;
	int r = exit_of(b) - exit_of(a);

	if (r == 0)
		r = (int)word_of(b) - (int)word_of(a);
	if (r == 0)
		r = by_text(a, b, "host");
	if (r == 0)
		r = by_text(a, b, "rule");
	if (r == 0)
		r = by_text(a, b, "proto");
	if (r == 0)
		r = (int)(out_int(a, "port") - out_int(b, "port"));
	return r ? r : (int)(out_int(a, "family") - out_int(b, "family"));
}

/* The rows in order, lent; NULL: none, or no memory. */
static json_t **
in_order(const struct matrix *m, size_t *n)
{
	json_t **all;

	*n = json_array_size(m->rows);
	all = calloc(*n ? *n : 1, sizeof(json_t *));
	for (size_t i = 0; all && i < *n; i++)
		all[i] = json_array_get(m->rows, i);
	if (all)
		qsort(all, *n, sizeof(json_t *), worse_first);
	return all;
}

/* --- what was seen --- */

static void
put_age(struct strbuf *out, int64_t seconds)
{
	char span[40];

	strbuf_printf(out, "%s", clock_format_span(seconds * USEC_PER_SEC, span));
}

/* What the vantages saw that may (inside) or may not get in: the worst of them, and of how many. */
static void
put_side(struct strbuf *out, json_t *row, const char *expected)
{
	static const struct {
		const char *verdict, *one;
	} texts[] = {
	    {"gap", "reached by"}, {"shut out", "shut out"}, {"ok", NULL}, {"unknown", NULL}};
	bool closed = strcmp(expected, "closed") == 0;
	const char *first = NULL, *verdict = NULL;
	size_t n = 0, of = 0, i;
	json_t *v;

	/* The worst are first. */
	json_array_foreach(json_object_get(row, "vantages"), i, v)
	{
		if (strcmp(out_str(v, "expected"), expected) != 0)
			continue;
		of++;
		if (!verdict) {
			verdict = out_str(v, "verdict");
			first = out_str(v, "vantage");
		}
		n += strcmp(out_str(v, "verdict"), verdict) == 0;
	}
	if (!of) {
		strbuf_puts(out, "-");
		return;
	}
	for (i = 0; i < 2; i++)
		if (strcmp(texts[i].verdict, verdict) == 0) {
			strbuf_printf(out, "%s %s", texts[i].one, first);
			if (n > 1)
				strbuf_printf(out, " and %zu more", n - 1);
			return;
		}
	if (strcmp(verdict, "ok") == 0)
		strbuf_printf(out, "%s %zu", closed ? "closed to" : "open to", n);
	else
		strbuf_printf(out, "no answer to %zu", n);
}

static int64_t
oldest(json_t *row)
{
	int64_t age = -1;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(row, "vantages"), i, v)
	{
		if (out_int(v, "age_s") > age)
			age = out_int(v, "age_s");
	}
	return age;
}

static void
print_table(json_t **rows, size_t n)
{
	static const char *const heads[] = {
	    "HOST", "RULE", "PORT", "FAMILY", "PROOF", "OUTSIDE", "INSIDE", "AGE", "STATE", NULL};
	_cleanup_(out_table_fini) struct out_table t;

	out_table_init(&t, 0, heads);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(strbuf_fini) struct strbuf port = {0}, outside = {0}, inside = {0},
						     age = {0};
		const struct word *w = &words[word_of(rows[i])];
		const char *proof = out_str(rows[i], "proof");

		if (strcmp(out_str(rows[i], "type"), "cell") == 0)
			expose_port(&port, rows[i]);
		else
			strbuf_puts(&port, "-");
		put_side(&outside, rows[i], "closed");
		put_side(&inside, rows[i], "open");
		if (oldest(rows[i]) >= 0)
			put_age(&age, oldest(rows[i]));
		out_table_row(&t, out_str(rows[i], "host"),
		    *out_str(rows[i], "rule") ? out_str(rows[i], "rule") : "-", port.text,
		    *expose_family(rows[i]) ? expose_family(rows[i]) : "-", *proof ? proof : "none",
		    outside.text, inside.text, age.len ? age.text : "-", w->name);
		if (*proof)
			out_table_colour(&t, 4, expose_colour(proof));
		out_table_colour(&t, 8, w->colour);
	}
	if (n > 0)
		out_table_print(&t);
}

/* Each answer of one host's ports. */
static void
print_answers(json_t **rows, size_t n)
{
	static const char *const heads[] = {"RULE", "PORT", "PROOF", "SEEN BY", "FROM", "ADDRESS",
	    "ANSWER", "EXPECTED", "VERDICT", "AGE", "STATE", NULL};
	_cleanup_(out_table_fini) struct out_table t;
	json_t *v;
	size_t k;

	out_table_init(&t, 0, heads);
	for (size_t i = 0; i < n; i++) {
		const char *proof = out_str(rows[i], "proof");

		json_array_foreach(json_object_get(rows[i], "vantages"), k, v)
		{
			_cleanup_(strbuf_fini) struct strbuf port = {0}, age = {0};

			expose_port(&port, rows[i]);
			put_age(&age, out_int(v, "age_s"));
			out_table_row(&t, out_str(rows[i], "rule"), port.text,
			    *proof ? proof : "none", out_str(v, "vantage"), out_str(v, "from"),
			    out_str(v, "address"), out_str(v, "answer"), out_str(v, "expected"),
			    out_str(v, "verdict"), age.text, out_str(v, "state"));
			out_table_colour(&t, 10, words[word_of(v)].colour);
		}
	}
	if (t.rows > 1) {
		puts("");
		out_table_print(&t);
	}
}

/* --- sentences --- */

static void
print_brief(const struct matrix *m, json_t **rows, size_t n, int worst)
{
	static const char *const says[] = {[EXIT_DONE] = "as the rules have it, by proof and probe",
	    [EXIT_DEPENDS] = "not all is known",
	    [EXIT_GAP] = "not as the rules have it"};
	const char *trouble = out_str(m->head, "trouble");
	long long hosts = (long long)out_int(m->head, "hosts");
	size_t counts[N_WORDS] = {0};

	for (size_t i = 0; i < n; i++) {
		const char *text = out_str(rows[i], "text");

		counts[word_of(rows[i])]++;
		if (*text)
			printf("%s%s%s %s: %s\n", out_style(words[word_of(rows[i])].colour),
			    words[word_of(rows[i])].name, out_style('-'), out_str(rows[i], "host"),
			    text);
	}
	if (*trouble)
		printf("this host could not ask: %s\n", trouble);
	printf("%s: %lld host%s, %zu port%s", says[worst], hosts, hosts == 1 ? "" : "s", n,
	    n == 1 ? "" : "s");
	for (size_t i = N_WORDS; i-- > 0;)
		if (counts[i])
			printf(", %zu %s", counts[i], words[i].name);
	puts("");
}

int
fleet_exposure(const struct globals *g, const char *host, bool brief)
{
	struct matrix m = {.print = g->json, .rows = json_array()};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	_cleanup_(freep) json_t **rows = NULL;
	int worst = EXIT_DONE;
	size_t n = 0;

	ask_word(&request, "fleet-exposure");
	if (host)
		ask_word(&request, host);
	if (ask_herald(g, &request, on_line, &m) != EXIT_DONE || !(rows = in_order(&m, &n))) {
		worst = EXIT_CANNOT;
	} else {
		worst = n > 0 ? exit_of(rows[0]) : EXIT_DEPENDS;
		if (!g->json && !brief)
			print_table(rows, n);
		if (!g->json && !brief && host)
			print_answers(rows, n);
		if (!g->json && !brief && n > 0)
			puts("");
		if (!g->json && n == 0)
			puts("no host has reported yet");
		else if (!g->json)
			print_brief(&m, rows, n, worst);
	}
	json_decref(m.head);
	json_decref(m.rows);
	return worst;
}
