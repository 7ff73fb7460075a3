/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/check_report.h"

#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/expose_text.h"
#include "ctl/out_text.h"

/* Without --explain. */
#define FINDINGS_SHOWN 4 /* of one cell */
#define PREFIXES_SHOWN 8 /* of one finding */

void
check_report_init(struct check_report *r)
{
	*r = (struct check_report){.cells = json_array()};
}

void
check_report_fini(struct check_report *r)
{
	json_decref(r->head);
	json_decref(r->cells);
}

void
check_report_keep(void *ctx, const char *line, json_t *o)
{
	struct check_report *r = ctx;
	const char *type = out_str(o, "type");

	(void)line;
	if (strcmp(type, "cell") == 0)
		json_array_append(r->cells, o);
	else if (strcmp(type, "check") == 0 && !r->head)
		r->head = json_incref(o);
}

int
check_report_exit(const struct check_report *r)
{
	int worst = EXIT_DONE;
	json_t *cell;
	size_t i;

	json_array_foreach(r->cells, i, cell)
	{
		int e = expose_exit(out_str(cell, "state"));

		worst = e > worst ? e : worst;
	}
	return worst;
}

/* --- the table --- */

static bool
is_port(json_t *cell)
{
	return strcmp(out_str(cell, "kind"), "port") == 0;
}

static bool
same_row(json_t *a, json_t *b)
{
	return is_port(b) && out_int(a, "port") == out_int(b, "port") &&
	       out_int(a, "port_high") == out_int(b, "port_high") &&
	       strcmp(out_str(a, "proto"), out_str(b, "proto")) == 0 &&
	       strcmp(out_str(a, "rule"), out_str(b, "rule")) == 0;
}

/* The cell of the same rule and port in a family, from the i-th on; NULL: none. */
static json_t *
find_family(const struct check_report *r, json_t *like, size_t i, int family)
{
	for (; i < json_array_size(r->cells); i++) {
		json_t *cell = json_array_get(r->cells, i);

		if (same_row(like, cell) && out_int(cell, "family") == family)
			return cell;
	}
	return NULL;
}

static bool
is_first_of_row(const struct check_report *r, size_t at)
{
	json_t *cell = json_array_get(r->cells, at);

	for (size_t i = 0; i < at; i++)
		if (same_row(cell, json_array_get(r->cells, i)))
			return false;
	return true;
}

static const char *
listening(json_t *v4, json_t *v6)
{
	bool four = json_is_true(json_object_get(v4, "listening"));
	bool six = json_is_true(json_object_get(v6, "listening"));

	return four && six ? "yes" : four ? "IPv4" : six ? "IPv6" : "no";
}

static void
print_table(const struct check_report *r)
{
	static const char *const heads[] = {"RULE", "PORT", "IPV4", "IPV6", "LISTENING", NULL};
	_cleanup_(out_table_fini) struct out_table t;

	out_table_init(&t, 0, heads);
	for (size_t i = 0; i < json_array_size(r->cells); i++) {
		json_t *cell = json_array_get(r->cells, i), *v4, *v6;
		_cleanup_(strbuf_fini) struct strbuf port = {0};

		if (!is_port(cell) || !is_first_of_row(r, i))
			continue;
		v4 = find_family(r, cell, i, 4);
		v6 = find_family(r, cell, i, 6);
		expose_port(&port, cell);
		out_table_row(&t, out_str(cell, "rule"), port.text, v4 ? out_str(v4, "state") : "-",
		    v6 ? out_str(v6, "state") : "-", listening(v4, v6));
		if (v4)
			out_table_colour(&t, 2, expose_colour(out_str(v4, "state")));
		if (v6)
			out_table_colour(&t, 3, expose_colour(out_str(v6, "state")));
	}
	if (t.rows > 1)
		out_table_print(&t);
}

/* --- findings --- */

/* "ldap tcp/389 IPv6", as far as the cell has it. */
static void
put_subject(struct strbuf *out, json_t *cell)
{
	const char *family = expose_family(cell);

	strbuf_puts(out, *out_str(cell, "rule") ? out_str(cell, "rule") : "host");
	if (out_int(cell, "port") > 0) {
		strbuf_puts(out, " ");
		expose_port(out, cell);
	}
	if (*out_str(cell, "host"))
		strbuf_printf(out, " %s", out_str(cell, "host"));
	if (*family)
		strbuf_printf(out, " %s", family);
	if (!is_port(cell))
		strbuf_printf(out, " (%s)", out_str(cell, "kind"));
}

static void
print_row(const char *what, const struct strbuf *text)
{
	if (text->len)
		printf("      %-9s %s\n", what, text->text);
}

static void
put_way_in(struct strbuf *out, json_t *f)
{
	if (*out_str(f, "to")) {
		strbuf_puts(out, "to ");
		expose_place(out, out_str(f, "to"), out_int(f, "port"));
	}
	if (*out_str(f, "in"))
		strbuf_printf(out, "%sby %s", out->len ? " " : "", out_str(f, "in"));
	if (out_int(f, "ways") > 1)
		strbuf_printf(out, " (and %lld more)", (long long)out_int(f, "ways") - 1);
}

/* Where it ends, when that is another place than the one that was asked for. */
static void
put_end(struct strbuf *out, json_t *f)
{
	_cleanup_(strbuf_fini) struct strbuf asked = {0};
	bool forwarded = json_is_true(json_object_get(f, "forwarded"));

	expose_place(&asked, out_str(f, "to"), out_int(f, "port"));
	if (!forwarded && strcmp(asked.text, out_str(f, "endpoint")) == 0)
		return;
	strbuf_puts(out, out_str(f, "endpoint"));
	if (forwarded)
		strbuf_puts(out, out->len ? ", forwarded" : "forwarded");
}

static void
put_refused(struct strbuf *out, json_t *f, bool explain)
{
	const char *name = out_str(f, "refused_name");

	if (json_array_size(json_object_get(f, "refused")) == 0)
		return;
	if (*name)
		strbuf_printf(out, "%s: ", name);
	expose_list(out, json_object_get(f, "refused"), out_int(f, "refused_more"),
	    explain ? EXPOSE_LIST_ALL : PREFIXES_SHOWN);
}

static void
put_witness(struct strbuf *out, json_t *w)
{
	json_t *accepted = json_object_get(w, "accepted");

	if (!*out_str(w, "from"))
		return;
	strbuf_printf(out, "%s from %s to ", out_str(w, "proto"), out_str(w, "from"));
	expose_place(out, out_str(w, "to"), out_int(w, "port"));
	if (*out_str(w, "in"))
		strbuf_printf(out, " by %s", out_str(w, "in"));
	strbuf_puts(out, json_is_true(accepted)    ? " is accepted"
			 : json_is_false(accepted) ? " is dropped"
						   : " is accepted, or not");
}

static void
print_path(json_t *path)
{
	const char *what = "path";
	json_t *step;
	size_t i;

	json_array_foreach(path, i, step)
	{
		_cleanup_(strbuf_fini) struct strbuf text = {0};

		expose_step(&text, step);
		print_row(what, &text);
		what = "";
	}
}

/* What the rows of a finding are, in the order of what an administrator asks. */
static void
print_details(json_t *f, bool explain)
{
	struct strbuf rows[7] = {0};
	static const char *const names[] = {
	    "sources", "way in", "leads to", "refused", "listener", "depends", "witness"};

	if (json_array_size(json_object_get(f, "outside")) > 0)
		expose_list(&rows[0], json_object_get(f, "outside"), out_int(f, "outside_more"),
		    explain ? EXPOSE_LIST_ALL : PREFIXES_SHOWN);
	put_way_in(&rows[1], f);
	put_end(&rows[2], f);
	put_refused(&rows[3], f, explain);
	expose_listener(&rows[4], json_object_get(f, "listener"));
	if (json_array_size(json_object_get(f, "why")) > 0)
		expose_list(&rows[5], json_object_get(f, "why"), 0, EXPOSE_LIST_ALL);
	put_witness(&rows[6], json_object_get(f, "witness"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_row(names[i], &rows[i]);
		strbuf_fini(&rows[i]);
	}
}

static void
print_finding(json_t *cell, json_t *f, bool explain)
{
	const char *text = out_str(f, "text");

	if (*text && strcmp(text, out_str(cell, "text")) != 0)
		printf("    - %s\n", text);
	print_details(f, explain);
	if (explain)
		print_path(json_object_get(f, "path"));
}

/* What the cell as a whole rests on, where no finding says it. */
static void
print_cell_rows(json_t *cell)
{
	_cleanup_(strbuf_fini) struct strbuf listener = {0}, why = {0}, forgeable = {0};

	expose_listener(&listener, json_object_get(cell, "listener"));
	if (json_array_size(json_object_get(cell, "findings")) == 0 &&
	    json_array_size(json_object_get(cell, "why")) > 0)
		expose_list(&why, json_object_get(cell, "why"), 0, EXPOSE_LIST_ALL);
	if (json_array_size(json_object_get(cell, "forgeable")) > 0) {
		strbuf_puts(&forgeable, "the source of a datagram that comes in by ");
		expose_list(&forgeable, json_object_get(cell, "forgeable"), 0, EXPOSE_LIST_ALL);
		strbuf_puts(&forgeable, " can be forged");
	}
	print_row("listener", &listener);
	print_row("depends", &why);
	print_row("forgeable", &forgeable);
}

/* The one line of every cell. */
static void
print_cell_head(json_t *cell)
{
	_cleanup_(strbuf_fini) struct strbuf subject = {0};
	const char *state = out_str(cell, "state");

	put_subject(&subject, cell);
	printf("%s %s%s%s: %s\n", subject.text, out_style(expose_colour(state)), state,
	    out_style('-'), out_str(cell, "text"));
}

static void
print_cell(json_t *cell, bool explain)
{
	json_t *findings = json_object_get(cell, "findings"), *f;
	bool brief = expose_exit(out_str(cell, "state")) == EXIT_DONE && !explain;
	size_t i;

	print_cell_head(cell);
	if (brief)
		return;
	json_array_foreach(findings, i, f)
	{
		if (i == FINDINGS_SHOWN && !explain) {
			printf("    - %zu more; guardctl check %s --explain shows all\n",
			    json_array_size(findings) - i, out_str(cell, "rule"));
			break;
		}
		print_finding(cell, f, explain);
	}
	if (i >= json_array_size(findings) && out_int(cell, "findings_more") > 0)
		printf("    - %lld more, which are left out\n",
		    (long long)out_int(cell, "findings_more"));
	print_cell_rows(cell);
}

/* Proven, and there is nothing to know beside. */
static bool
is_quiet(json_t *cell)
{
	return strcmp(out_str(cell, "state"), "proven") == 0 && is_port(cell) &&
	       !*out_str(cell, "text");
}

static void
print_findings(const struct check_report *r, bool explain)
{
	json_t *cell;
	size_t i;

	json_array_foreach(r->cells, i, cell)
	{
		if (is_quiet(cell))
			continue;
		puts("");
		print_cell(cell, explain);
	}
}

/* --- the whole --- */

static void
put_summary(struct strbuf *out, json_t *head)
{
	static const struct {
		const char *member, *word;
	} counts[] = {{"open", "open"}, {"shut_out", "shut out"}, {"depends", "depends"},
	    {"latent", "latent"}, {"proven", "proven"}, {"other", "other"}};
	char n[32];

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		int64_t v = out_int(head, counts[i].member);

		if (v > 0)
			strbuf_printf(
			    out, "%s%s %s", out->len ? ", " : "", out_count(v, n), counts[i].word);
	}
	if (!out->len)
		strbuf_puts(out, "no rule names a port");
	strbuf_printf(out, " (%s nft rules, ", out_count(out_int(head, "rules"), n));
	strbuf_printf(out, "%s set elements)", out_count(out_int(head, "elements"), n));
}

/* What limits the whole of it. */
static void
put_notes(struct strbuf *out, json_t *head)
{
	json_t *mechanisms = json_object_get(head, "mechanisms");
	json_t *notes = json_object_get(head, "notes");

	if (json_array_size(mechanisms) > 0) {
		strbuf_puts(out, "not shown by nft, so that a proof depends on it: ");
		expose_list(out, mechanisms, out_int(head, "mechanisms_more"), EXPOSE_LIST_ALL);
		strbuf_puts(out, "\n");
	}
	if (json_array_size(notes) > 0) {
		strbuf_puts(out, "to be known: ");
		expose_list(out, notes, out_int(head, "notes_more"), EXPOSE_LIST_ALL);
		strbuf_puts(out, "\n");
	}
	if (json_is_true(json_object_get(head, "containers_hidden")))
		strbuf_puts(out, "containers: not all processes can be seen, so that ports in "
				 "containers count as listened to\n");
	if (json_is_true(json_object_get(head, "listeners_hidden")))
		strbuf_puts(out, "listeners: not all could be read, so that every port counts as "
				 "listened to\n");
	if (json_is_true(json_object_get(head, "no_infra")))
		strbuf_puts(out, "no group infra is configured: only this host itself counts as "
				 "infrastructure; name the hosts under 'groups' in guardd.yaml\n");
}

static void
print_summary(const struct check_report *r)
{
	_cleanup_(strbuf_fini) struct strbuf summary = {0}, notes = {0};
	const char *state = out_str(r->head, "state");

	put_summary(&summary, r->head);
	put_notes(&notes, r->head);
	printf("%s%s%s: %s\n%s", out_style(expose_colour(state)), state, out_style('-'),
	    summary.text, notes.len ? notes.text : "");
	if (out_int(r->head, "open") + out_int(r->head, "shut_out") > 0)
		puts("'guardctl check --suggest' prints nft rules against it");
}

void
check_report_print(const struct check_report *r, bool explain)
{
	print_table(r);
	print_findings(r, explain);
	puts("");
	print_summary(r);
}

void
check_report_brief(const struct check_report *r)
{
	json_t *cell;
	size_t i;

	json_array_foreach(r->cells, i, cell)
	{
		if (expose_exit(out_str(cell, "state")) != EXIT_DONE)
			print_cell_head(cell);
	}
	print_summary(r);
}

/* --- the script --- */

/* As nft reads it from a file: without the name of the program. */
static const char *
script_line(json_t *item)
{
	const char *line = json_string_value(item);

	if (!line)
		return NULL;
	return strncmp(line, "nft ", 4) == 0 ? line + 4 : line;
}

/* Several findings may be closed by the same line. */
static void
print_lines(json_t *finding, json_t *done)
{
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(finding, "suggest"), i, line)
	{
		const char *text = script_line(line);

		if (!text || json_object_get(done, text))
			continue;
		json_object_set_new(done, text, json_true());
		puts(text);
	}
}

static void
print_comment(const struct strbuf *text)
{
	for (const char *p = text->text; p && *p;) {
		int n = (int)strcspn(p, "\n");

		printf("# %.*s\n", n, p);
		p += n + (p[n] == '\n');
	}
}

static void
script_cell(json_t *cell, json_t *done)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	json_t *f;
	size_t i;

	puts("#");
	put_subject(&text, cell);
	strbuf_printf(&text, " %s: %s", out_str(cell, "state"), out_str(cell, "text"));
	print_comment(&text);
	json_array_foreach(json_object_get(cell, "findings"), i, f) print_lines(f, done);
}

void
check_report_script(const struct check_report *r)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0}, notes = {0};
	json_t *done = json_object(), *cell;
	size_t i;

	put_summary(&text, r->head);
	printf("# %s: %s\n", out_str(r->head, "state"), text.text);
	put_notes(&notes, r->head);
	print_comment(&notes);
	json_array_foreach(r->cells, i, cell)
	{
		if (strcmp(out_str(cell, "state"), "proven") != 0)
			script_cell(cell, done);
	}
	if (json_object_size(done) == 0)
		puts("# nothing that nft rules could close");
	json_decref(done);
}
