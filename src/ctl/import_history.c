/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/import_history.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/import_lines.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"

struct history {
	const struct globals *g;
	const struct import *im;
	json_t *bans;  /* array of those in the database */
	json_t *logs;  /* array: how far each file was read */
	json_t *rules; /* object: the rules that guardd has */
	json_t *taken; /* object: "PREFIX RULE" of bans that hold */
	char *broken;  /* what is wrong with the database; owned, NULL: nothing */
	int64_t strangers, senseless;
	int64_t held, former, by_hand, unknown, refused, late;
};

static void
on_row(void *ctx, const char *line, json_t *object)
{
	struct history *h = ctx;
	const char *type = out_str(object, "type");

	(void)line;
	if (strcmp(type, "ban") == 0) {
		json_array_append(h->bans, object);
	} else if (strcmp(type, "log") == 0) {
		json_array_append(h->logs, object);
	} else if (strcmp(type, "error") == 0) {
		free(h->broken);
		h->broken = strdup(out_str(object, "text"));
	} else if (strcmp(type, "end") == 0) {
		h->strangers = out_int(object, "strangers");
		h->senseless = out_int(object, "senseless");
	}
}

static int
read_database(struct history *h, const char *path)
{
	struct tool t = {
	    .name = "guardd-conf", .args = {"--import-history", path}, .in = -1, .image = -1};
	_cleanup_(closep) int lines = -1;
	pid_t pid = tool_start_piped(&t, &lines);
	int r, status;

	if (pid < 0)
		return EXIT_CANNOT;
	r = ask_read_lines(lines, on_row, h);
	closep(&lines);
	lines = -1;
	status = tool_wait(&t, pid);
	if (h->broken)
		fprintf(stderr, "guardctl: %s: %s\n", path, h->broken);
	return status > EXIT_FAILED ? EXIT_CANNOT : r != EXIT_DONE ? r : status;
}

static void
on_rule(void *ctx, const char *line, json_t *object)
{
	struct history *h = ctx;

	(void)line;
	json_object_set_new(h->rules, out_str(object, "rule"), json_true());
}

/* The rule of a jail: "" when its bans are taken as ones by hand, NULL when it is not enabled. */
static const char *
rule_of(const struct history *h, const char *jail)
{
	json_t *item;
	size_t i;

	json_array_foreach(h->im->jails, i, item)
	{
		const char *rule = out_str(item, "rule");

		if (strcmp(out_str(item, "jail"), jail) == 0)
			return json_object_get(h->rules, rule) ? rule : "";
	}
	return NULL;
}

static void
ignore(void *ctx, const char *line, json_t *object)
{
	(void)ctx;
	(void)line;
	(void)object;
}

static void
word_number(struct strbuf *request, int64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	ask_word(request, text);
}

static json_t *
taken_key(json_t *ban)
{
	return json_sprintf("%s %s", out_str(ban, "prefix"), out_str(ban, "rule"));
}

static void
on_adopted(void *ctx, const char *line, json_t *ban)
{
	struct history *h = ctx;
	json_t *key = taken_key(ban);

	(void)line;
	if (json_is_true(json_object_get(ban, "in_force")))
		json_object_set_new(h->taken, json_string_value(key), json_true());
	json_decref(key);
}

/* As a ban of its rule, with its level. */
static int
adopt(struct history *h, json_t *ban, const char *rule)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	ask_word(&request, "adopt");
	ask_word(&request, out_str(ban, "address"));
	ask_word(&request, "rule");
	ask_word(&request, rule);
	ask_word(&request, "level");
	word_number(&request, out_int(ban, "count"));
	ask_word(&request, "since");
	word_number(&request, out_int(ban, "since"));
	ask_word(&request, "until");
	if (out_int(ban, "until") < 0)
		ask_word(&request, "never");
	else
		word_number(&request, out_int(ban, "until"));
	return ask_daemon(h->g, &request, on_adopted, h);
}

/* For what is left of it. */
static int
ban_by_hand(const struct history *h, json_t *ban, time_t now)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	char because[160];

	snprintf(because, sizeof(because), "imported: %.140s", out_str(ban, "jail"));
	ask_word(&request, "ban");
	ask_word(&request, out_str(ban, "address"));
	if (out_int(ban, "until") >= 0) {
		ask_word(&request, "for");
		word_number(&request, out_int(ban, "until") - now);
	}
	ask_word(&request, "because");
	ask_word(&request, because);
	return ask_daemon(h->g, &request, ignore, NULL);
}

/* False: guardd is not there any more. */
static bool
hand_over(struct history *h, json_t *ban)
{
	const time_t now = time(NULL);
	const char *rule = rule_of(h, out_str(ban, "jail"));
	const bool holds = out_int(ban, "until") < 0 || out_int(ban, "until") > now;
	int r;

	if (!rule || (!*rule && !holds)) {
		h->unknown++;
		return true;
	}
	r = *rule ? adopt(h, ban, rule) : ban_by_hand(h, ban, now);
	if (r == EXIT_CANNOT)
		return false;
	if (r != EXIT_DONE)
		h->refused++;
	else if (!*rule)
		h->by_hand++;
	else if (holds)
		h->held++;
	else
		h->former++;
	return true;
}

/* --- lines that were not read --- */

/* "2026-11-22T05:46:11Z"; -1: none, as of a ban for good. */
static int64_t
read_time(const char *text)
{
	struct tm tm = {0};

	return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : -1;
}

/*
 * A ban that the rules make of those lines. Left are one that would be over by now, and one of a
 * source that the rule has banned: lines of it are no new cause.
 */
static void
on_late_ban(void *ctx, const char *line, json_t *o)
{
	struct history *h = ctx;
	const char *prefix = out_str(o, "prefix");
	char address[64];
	const int64_t until = read_time(out_str(o, "until"));
	json_t *ban, *key = taken_key(o);
	const bool known = json_object_get(h->taken, json_string_value(key)) != NULL;

	(void)line;
	json_decref(key);
	if (known || json_is_true(json_object_get(o, "dry_run")) ||
	    (until >= 0 && until <= time(NULL)))
		return;
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(prefix, "/"), prefix);
	ban = json_pack("{s:s, s:I, s:I, s:I}", "address", address, "since",
	    (json_int_t)read_time(out_str(o, "time")), "until", (json_int_t)until, "count",
	    (json_int_t)out_int(o, "level"));
	if (ban && adopt(h, ban, out_str(o, "rule")) == EXIT_DONE)
		h->late++;
	json_decref(ban);
}

static const char *
filter_of(const struct history *h, const char *jail)
{
	json_t *item;
	size_t i;

	json_array_foreach(h->im->jails, i, item)
	{
		if (strcmp(out_str(item, "jail"), jail) == 0)
			return out_str(item, "filter");
	}
	return "";
}

static int
read_late_lines(struct history *h)
{
	_cleanup_(closep) int image = json_array_size(h->logs) ? tool_image(h->g) : -1;
	int status = EXIT_DONE;
	json_t *item;
	size_t i;

	if (json_array_size(h->logs) && image < 0)
		return EXIT_FAILED;
	json_array_foreach(h->logs, i, item)
	{
		const char *jail = out_str(item, "jail"), *rule = rule_of(h, jail), *filter;
		int r = EXIT_DONE;

		if (!rule || !*rule)
			continue;
		filter = filter_of(h, jail);
		/* The journal's path is none, and its offset a time. */
		if (*out_str(item, "path") == '/')
			r = import_lines(image, filter, out_str(item, "path"),
			    out_str(item, "head"), out_int(item, "offset"), on_late_ban, h);
		else
			r = import_journal(image, filter, out_int(item, "offset"), on_late_ban, h);
		if (r != EXIT_DONE)
			status = r;
	}
	return status;
}

static void
report(const struct history *h, const char *path)
{
	if (h->g->json) {
		printf("{\"type\":\"history\",\"in_force\":%lld,\"former\":%lld,\"by_hand\":%lld,"
		       "\"unknown\":%lld,\"refused\":%lld,\"strangers\":%lld,\"late\":%lld}\n",
		    (long long)h->held, (long long)h->former, (long long)h->by_hand,
		    (long long)h->unknown, (long long)h->refused, (long long)h->strangers,
		    (long long)h->late);
		return;
	}
	printf("\nFrom %s: %lld bans in force and %lld former ones are guardd's now.\n", path,
	    (long long)h->held, (long long)h->former);
	if (h->late)
		printf("%lld more come from lines that had not been read.\n", (long long)h->late);
	if (h->by_hand)
		printf(
		    "%lld in force of jails that guardd has no rule of are bans by hand, from the "
		    "whole host.\n",
		    (long long)h->by_hand);
	if (h->unknown)
		printf(
		    "%lld of jails that are not enabled, or former ones without a rule, are left "
		    "out.\n",
		    (long long)h->unknown);
	if (h->strangers + h->senseless)
		printf("%lld entries have no address and are left out.\n",
		    (long long)(h->strangers + h->senseless));
	if (h->refused)
		printf("%lld were refused.\n", (long long)h->refused);
}

static int
take(struct history *h, const char *path)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	int status = read_database(h, path), r;
	json_t *ban;
	size_t i;

	if (status > EXIT_FAILED)
		return status;
	ask_word(&request, "rules");
	r = ask_daemon(h->g, &request, on_rule, h);
	if (r != EXIT_DONE)
		return r;
	json_array_foreach(h->bans, i, ban)
	{
		if (!hand_over(h, ban))
			return EXIT_CANNOT;
	}
	r = read_late_lines(h);
	report(h, path);
	return r != EXIT_DONE ? r : h->refused ? EXIT_FAILED : status;
}

int
import_history(const struct globals *g, const struct import *im, const char *database)
{
	struct history h = {.g = g,
	    .im = im,
	    .bans = json_array(),
	    .logs = json_array(),
	    .rules = json_object(),
	    .taken = json_object()};
	int r = take(&h, database ? database : out_str(im->summary, "database"));

	json_decref(h.bans);
	json_decref(h.logs);
	json_decref(h.rules);
	json_decref(h.taken);
	free(h.broken);
	return r;
}
