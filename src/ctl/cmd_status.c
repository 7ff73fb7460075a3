/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/expose_text.h"
#include "ctl/out_text.h"

static void
show_state(const char *what, const char *state)
{
	bool fine = strcmp(state, "ok") == 0;

	printf("%-10s %s%s%s\n", what, out_style(fine ? 'g' : 'r'), state, out_style('-'));
}

/* "A, B and C" of the counters that are not zero. */
static void
show_counts(const char *what, json_t *o)
{
	static const struct {
		const char *member, *text;
	} rows[] = {
	    {"spared", "from never-ban addresses"},
	    {"hidden", "whose real address is lost behind a proxy or gateway"},
	    {"discarded_old", "too old"},
	    {"future", "dated ahead of now (is a clock or time zone wrong?)"},
	    {"undated", "without a date"},
	    {"forgiven", "tallies cleared by a success"},
	};
	char n[32];

	printf("%-10s %s received\n", what, out_count(out_int(o, "offences"), n));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (out_int(o, rows[i].member) > 0)
			printf("           %s %s\n", out_count(out_int(o, rows[i].member), n),
			    rows[i].text);
}

static void
show_bans(json_t *o)
{
	int64_t bans = out_int(o, "bans"), in_force = out_int(o, "in_force");
	int64_t dry = out_int(o, "dry_run"), refused = out_int(o, "refused_full");
	char a[32], b[32];

	printf("%-10s %s in the book, %s in force in the kernel%s\n", "bans", out_count(bans, a),
	    out_count(in_force, b),
	    bans == in_force ? "" : " (the rest is being sent, or was refused)");
	printf("           %s made since the start, at most %s in force at a time\n",
	    out_count(out_int(o, "bans_made"), a), out_count(out_int(o, "bans_max"), b));
	if (dry > 0)
		printf("           %s more by dry rules, which ban nobody\n", out_count(dry, a));
	if (refused > 0)
		printf("           %s%s REFUSED since the start, as the table was full "
		       "(bans_max)%s\n",
		    out_style('r'), out_count(refused, a), out_style('-'));
}

/* First of all: whether somebody can reach what is protected. */
static void
show_exposure(json_t *o)
{
	static const struct {
		const char *member, *text;
	} counts[] = {{"exposure_open", "open"}, {"exposure_shut_out", "shut out"},
	    {"exposure_depends", "depends"}, {"exposure_latent", "latent"},
	    {"exposure_proven", "proven"}};
	static const char *const texts[] = {"exposure_text", "exposure_trouble"};
	const char *state = out_str(o, "exposure"), *separator = ": ";
	char n[32], age[40];

	if (!*state)
		return;
	printf("%-10s %s%s%s", "exposure", out_style(expose_colour(state)), state, out_style('-'));
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		int64_t v = out_int(o, counts[i].member);

		if (v == 0)
			continue;
		printf("%s%s %s", separator, out_count(v, n), counts[i].text);
		separator = ", ";
	}
	if (json_is_integer(json_object_get(o, "exposure_age_s")))
		printf("; proved %s ago",
		    clock_format_span(out_int(o, "exposure_age_s") * USEC_PER_SEC, age));
	puts("");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (*out_str(o, texts[i]))
			printf("           %s\n", out_str(o, texts[i]));
	if (json_is_true(json_object_get(o, "no_infra")))
		puts("           no group infra is configured: only this host itself counts as "
		     "infrastructure");
}

static void
show_sources(json_t *o)
{
	int64_t behind = out_int(o, "sources_behind"), bytes = out_int(o, "lag_bytes");
	int64_t gone = out_int(o, "sources_lost"), hits = out_int(o, "hits_lost");
	char n[32], b[32], span[40];

	printf("%-10s %s live\n", "sources", out_count(out_int(o, "sources_live"), n));
	if (behind > 0)
		printf("           %s%s behind%s, for up to %s; not yet read: %s\n", out_style('y'),
		    out_count(behind, n), out_style('-'),
		    clock_format_span(out_int(o, "behind_s") * USEC_PER_SEC, span),
		    bytes > 0 ? out_bytes(bytes, b) : "journal entries");
	if (gone > 0)
		printf("           %s time%s something went before it was read\n",
		    out_count(gone, n), gone == 1 ? "" : "s");
	if (hits > 0)
		printf("           %s%s hits LOST, as the judge was too slow for them%s\n",
		    out_style('r'), out_count(hits, n), out_style('-'));
}

/* What the herald says of itself. */
static void
on_herald(void *ctx, const char *line, json_t *o)
{
	static const char *const troubles[] = {"store_trouble", "metrics_trouble"};
	json_t *alerts = json_object_get(o, "alerts"), *fleet = json_object_get(o, "fleet");
	json_t *standing = json_object_get(alerts, "standing");
	const char *state = out_str(fleet, "trouble");
	char a[32], b[32];

	(void)ctx;
	(void)line;
	printf("%-10s %s alerts stand (%s critical)", "herald",
	    out_count(out_int(standing, "info") + out_int(standing, "warning") +
			  out_int(standing, "critical"),
		a),
	    out_count(out_int(standing, "critical"), b));
	printf(", %s wait to be delivered\n", out_count(out_int(alerts, "queued"), a));
	if (json_is_object(fleet))
		printf("           fleet: %s host%s; %s\n", out_count(out_int(fleet, "hosts"), a),
		    out_int(fleet, "hosts") == 1 ? "" : "s",
		    json_is_true(json_object_get(fleet, "connected")) ? "connected"
		    : *state                                          ? state
								      : "not connected yet");
	for (size_t i = 0; i < sizeof(troubles) / sizeof(*troubles); i++)
		if (*out_str(o, troubles[i]))
			printf("           %s%s%s\n", out_style('r'), out_str(o, troubles[i]),
			    out_style('-'));
}

static void
show_herald(const struct globals *g, const char *state)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	if (strcmp(state, "away") == 0)
		printf("%-10s %snot connected%s: alerts, metrics and fleet wait for "
		       "guardd-herald.service\n",
		    "herald", out_style('r'), out_style('-'));
	if (strcmp(state, "connected") != 0)
		return;
	ask_word(&request, "status");
	ask_herald(g, &request, on_herald, NULL);
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	const struct globals *g = ctx;
	char span[40], a[32], b[32], c[32];

	(void)line;
	show_exposure(o);
	printf("guardd %s, up %s\n", out_str(o, "version"),
	    clock_format_span(out_int(o, "uptime_s") * USEC_PER_SEC, span));
	show_state("table", out_str(o, "table"));
	show_state("book", out_str(o, "book"));
	show_bans(o);
	show_sources(o);
	show_counts("offences", o);
	printf("%-10s %s of %s; %s gave way to others\n", "tallies",
	    out_count(out_int(o, "tallies"), a), out_count(out_int(o, "tallies_max"), b),
	    out_count(out_int(o, "evicted"), c));
	printf("%-10s %s filters, %s rules; %s, read %s\n", "config",
	    out_count(out_int(o, "filters"), a), out_count(out_int(o, "rules"), b),
	    out_str(o, "config"), out_str(o, "config_read"));
	show_herald(g, out_str(o, "herald"));
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	(void)a;
	ask_word(&request, "status");
	return ask_daemon(g, &request, g->json ? ask_print_raw : on_line, (void *)(uintptr_t)g);
}

const struct command cmd_status = {
    .name = "status",
    .group = "Bans",
    .usage = "",
    .summary = "whether guardd guards, and how much",
    .run = run,
};
