/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static const char *
or_dash(json_t *o, const char *key)
{
	const char *text = out_str(o, key);

	return *text ? text : "-";
}

static char
colour(const char *severity)
{
	return strcmp(severity, "critical") == 0  ? 'r'
	       : strcmp(severity, "warning") == 0 ? 'y'
						  : '-';
}

static void
on_alert(void *ctx, const char *line, json_t *o)
{
	struct out_table *t = ctx;
	char times[32];

	(void)line;
	out_table_row(t, out_str(o, "since"), out_str(o, "severity"), out_str(o, "event"),
	    or_dash(o, "subject"), out_count(out_int(o, "times"), times), out_str(o, "words"));
	if (colour(out_str(o, "severity")) != '-')
		out_table_colour(t, 1, colour(out_str(o, "severity")));
}

static int
list(const struct globals *g)
{
	static const char *const heads[] = {
	    "SINCE", "SEVERITY", "EVENT", "SUBJECT", "TOLD", "WORDS", NULL};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	_cleanup_(out_table_fini) struct out_table t;
	int r;

	out_table_init(&t, 1 << 4, heads);
	ask_word(&request, "alerts");
	r = ask_herald(g, &request, g->json ? ask_print_raw : on_alert, &t);
	if (r == EXIT_DONE && !g->json) {
		if (t.rows > 1)
			out_table_print(&t);
		else
			puts("no alert stands");
	}
	return r;
}

static void
on_channel(void *ctx, const char *line, json_t *o)
{
	char queued[32], delivered[32], failed[32], lost[32];
	struct out_table *t = ctx;

	(void)line;
	out_table_row(t, out_str(o, "channel"), out_str(o, "kind"), out_str(o, "at_least"),
	    out_count(out_int(o, "queued"), queued), out_count(out_int(o, "delivered"), delivered),
	    out_count(out_int(o, "failed"), failed), out_count(out_int(o, "lost"), lost),
	    or_dash(o, "last"), or_dash(o, "next_try"), or_dash(o, "trouble"));
	if (*out_str(o, "trouble"))
		out_table_colour(t, 9, 'r');
}

static int
channels(const struct globals *g)
{
	static const char *const heads[] = {"CHANNEL", "KIND", "AT LEAST", "QUEUED", "DELIVERED",
	    "FAILED TRIES", "LOST", "LAST", "NEXT TRY", "TROUBLE", NULL};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	_cleanup_(out_table_fini) struct out_table t;
	int r;

	out_table_init(&t, 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6, heads);
	ask_word(&request, "channels");
	r = ask_herald(g, &request, g->json ? ask_print_raw : on_channel, &t);
	if (r == EXIT_DONE && !g->json) {
		if (t.rows > 1)
			out_table_print(&t);
		else
			puts("no channel is configured (alerts: channels: in guardd.yaml)");
	}
	return r;
}

static void
on_tested(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	printf("%s: delivered in %lld ms: %s\n", out_str(o, "channel"),
	    (long long)out_int(o, "took_ms"), out_str(o, "answer"));
}

static int
test(const struct globals *g, const char *channel)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	ask_word(&request, "alert-test");
	ask_word(&request, channel);
	return ask_herald(g, &request, g->json ? ask_print_raw : on_tested, NULL);
}

static int
run(const struct globals *g, const struct args *a)
{
	if (a->n == 0)
		return list(g);
	if (strcmp(a->words[0], "channels") == 0 && a->n == 1)
		return channels(g);
	if (strcmp(a->words[0], "test") == 0 && a->n == 2)
		return test(g, a->words[1]);
	fputs("guardctl: usage: guardctl alert [channels|test CHANNEL]\n", stderr);
	return EXIT_USAGE;
}

const struct command cmd_alert = {
    .name = "alert",
    .group = "Service",
    .usage = "[channels|test CHANNEL]",
    .summary = "alerts that stand; channels and what became of their messages; a test of one",
    .help = "Without a word: what stands, since when, and how often it was told.\n"
	    "channels: what waits, was delivered, and why it was not.\n"
	    "test CHANNEL: sends a test message, waits, and says what the other side answered\n"
	    "(root and the control group).\n",
    .run = run,
};
