/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/fleet_exposure.h"
#include "ctl/out_text.h"

struct fleet_out {
	struct out_table table;
	json_t *summary; /* owned */
};

static const char *
age(json_t *o, char buf[static 64])
{
	char span[40];

	if (out_int(o, "last") == 0)
		return "never";
	snprintf(buf, 64, "%s ago%s", clock_format_span(out_int(o, "age_s") * USEC_PER_SEC, span),
	    json_is_true(json_object_get(o, "silent")) ? ", SILENT" : "");
	return buf;
}

static const char *
or_dash(json_t *o, const char *key)
{
	const char *text = out_str(o, key);

	return *text ? text : "-";
}

static void
add_host(struct out_table *t, json_t *o)
{
	const char *exposure = or_dash(o, "exposure");
	char last[64], given[32], taken[32], name[80];

	snprintf(name, sizeof(name), "%s%s", out_str(o, "host"),
	    json_is_true(json_object_get(o, "own")) ? " (this one)" : "");
	out_table_row(t, name, age(o, last), or_dash(o, "version"),
	    out_count(out_int(o, "given"), given), out_count(out_int(o, "taken"), taken), exposure);
	if (json_is_true(json_object_get(o, "silent")))
		out_table_colour(t, 1, 'y');
	if (strcmp(exposure, "open") == 0 || strcmp(exposure, "shut out") == 0)
		out_table_colour(t, 5, 'r');
	else if (strcmp(exposure, "proven") == 0)
		out_table_colour(t, 5, 'g');
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct fleet_out *out = ctx;

	(void)line;
	if (!json_is_true(json_object_get(o, "summary"))) {
		add_host(&out->table, o);
		return;
	}
	json_decref(out->summary);
	out->summary = json_incref(o);
}

static const struct {
	const char *key, *words;
} refusals[] = {
    {"trust", "not trusted"},
    {"never", "of addresses never banned here"},
    {"rate", "too many a minute"},
    {"wide", "too wide"},
    {"full", "no room"},
    {"rule", "no such rule here"},
    {"nonsense", "nonsense"},
    {"failed", "failed"},
};

static void
print_taken(json_t *taken)
{
	char n[32];

	printf("taken from others: %s", out_count(out_int(taken, "done"), n));
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		int64_t v = out_int(taken, refusals[i].key);

		if (v > 0)
			printf(", %s %s", out_count(v, n), refusals[i].words);
	}
	puts("");
}

static void
print_counts(json_t *s)
{
	static const struct {
		const char *key, *words;
	} shown[] = {
	    {"outbox", "bans wait for the server"},
	    {"lost", "bans were not given: too many waited"},
	    {"forged", "entries were not believed"},
	    {"unknown", "entries of an unknown version were skipped"},
	    {"emptied", "times the server had lost its streams"},
	};
	char n[32];

	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		if (out_int(s, shown[i].key) > 0)
			printf("%s %s\n", out_count(out_int(s, shown[i].key), n), shown[i].words);
	}
}

static void
print_summary(json_t *s)
{
	json_t *trouble;
	size_t i;

	printf("\n%s: %s%s%s\n", out_str(s, "server"),
	    out_style(json_is_true(json_object_get(s, "connected")) ? 'g' : 'r'),
	    json_is_true(json_object_get(s, "connected")) ? "connected" : "NOT CONNECTED",
	    out_style('-'));
	json_array_foreach(json_object_get(s, "troubles"), i, trouble)
	    printf("%s%s%s\n", out_style('r'), json_string_value(trouble), out_style('-'));
	print_taken(json_object_get(s, "taken"));
	print_counts(s);
}

static int
show_hosts(const struct globals *g)
{
	static const char *const heads[] = {
	    "HOST", "LAST WORD", "VERSION", "GIVEN", "TAKEN", "EXPOSURE", NULL};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	struct fleet_out out = {0};
	int r;

	out_table_init(&out.table, 0x18, heads);
	ask_word(&request, "fleet");
	r = ask_herald(g, &request, g->json ? ask_print_raw : on_line, &out);
	if (r == EXIT_DONE && !g->json) {
		if (out.table.rows > 1)
			out_table_print(&out.table);
		else
			puts("no host has said anything yet");
		if (out.summary)
			print_summary(out.summary);
	}
	out_table_fini(&out.table);
	json_decref(out.summary);
	return r;
}

static void
print_key(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	printf("%s %s\n", out_str(o, "host"), out_str(o, "key"));
}

static int
show_key(const struct globals *g)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	ask_word(&request, "fleet-key");
	return ask_herald(g, &request, g->json ? ask_print_raw : print_key, NULL);
}

static int
run(const struct globals *g, const struct args *a)
{
	bool brief = args_flag(a, "brief");

	if (a->n == 0 && !brief)
		return show_hosts(g);
	if (a->n == 1 && !brief && strcmp(a->words[0], "key") == 0)
		return show_key(g);
	if (a->n >= 1 && a->n <= 2 && strcmp(a->words[0], "exposure") == 0)
		return fleet_exposure(g, a->n > 1 ? a->words[1] : NULL, brief);
	fputs("guardctl fleet: nothing, 'key' or 'exposure [HOST] [--brief]' may follow\n", stderr);
	/* As a monitoring plugin, what fleet exposure is. */
	return a->n > 0 && strcmp(a->words[0], "exposure") == 0 ? EXIT_CANNOT : EXIT_USAGE;
}

const struct command cmd_fleet = {
    .name = "fleet",
    .group = "Fleet",
    .usage = "[WHAT] [HOST] [--brief]",
    .summary = "the hosts that share bans with this one, and how their ports look from outside",
    .help =
	"Without WHAT: each host's last word, version, bans given and taken, and the worst state\n"
	"of its exposure, and what this host took of others. 'key' prints this host's line for\n"
	"the others' keys_file. 'exposure' shows what the hosts saw of each other's (or HOST's)\n"
	"protected ports beside what each proves of itself; it exits as guardctl check does.\n",
    .run = run,
};
