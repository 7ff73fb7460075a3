/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/date_template.h"

#include <errno.h>
#include <string.h>

#include "base/strbuf.h"

#define EPOCH      "(?<epoch>[0-9]{10,11}\\b(?:\\.[0-9]{3,6})?)"
#define LONG_EPOCH "(?<long_epoch>[0-9]{10,11}(?:[0-9]{3}(?:\\.[0-9]{1,6}|[0-9]{3})?)?)"
#define TAI64N     "(?<tai64n>@[0-9a-f]{24})"
/* Not between two letters. */
#define EDGE_BEFORE "(?:(?<!\\w)|(?!\\w))"
#define EDGE_BEHIND "(?:(?!\\w)|(?<!\\w))"
#define LINE_START  "^\\W{0,2}"
#define ZONE_NAME   "[A-Z](?:[A-Z]{2,4})?"
#define ZONE_OFFSET "[+-][01][0-9](?::?[0-9]{2})?"
#define MONTHS3     "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
#define MONTHS                                                                                     \
	"January|February|March|April|May|June|July|August|September|October|November|December"
#define DAYS3 "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
#define DAYS  "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"

/* Parts of several of the usual forms. */
#define WEEKDAY  "(?:%a )?"
#define OF_MONTH "%b %d "
#define CLOCK    "%k:%M:%S" FRACTION
#define FRACTION "(?:\\.%f)?"
#define YEAR     "(?: %ExY)?"

/* What the fields stand for. "Ex" asks for exactly as many digits as there can be. */
static const struct field {
	const char *name, *regex;
	bool letters; /* either case will do, in the whole template */
} fields[] = {
    {"%", "%", false},
    {"Y", "(?<year>[0-9]{4})", false},
    {"ExY", "(?<year>20[0-9]{2})", false},
    {"y", "(?<year2>[0-9]{2})", false},
    {"Exy", "(?<year2>[0-9]{2})", false},
    {"m", "(?<month>0?[1-9]|1[0-2])", false},
    {"Exm", "(?<month>0[1-9]|1[0-2])", false},
    {"b", "(?<month_name>" MONTHS3 ")", true},
    {"B", "(?<month_name>" MONTHS ")", true},
    {"d", "(?<day>[12][0-9]|[0 ]?[1-9]|3[01])", false},
    {"Exd", "(?<day>0[1-9]|[12][0-9]|3[01])", false},
    {"a", "(?:" DAYS3 ")", true},
    {"A", "(?:" DAYS ")", true},
    {"u", "[1-7]", false},
    {"w", "[0-6]", false},
    {"j", "(?<yearday>36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0?[1-9])",
	false},
    {"H", "(?<hour>[01]?[0-9]|2[0-3])", false},
    {"ExH", "(?<hour>[01][0-9]|2[0-3])", false},
    {"k", " ?(?<hour>[0-2]?[0-9])", false},
    {"Exk", " ?(?<hour>[01]?[0-9]|2[0-3])", false},
    {"I", "(?<hour12>1[0-2]|0?[1-9])", false},
    {"l", " ?(?<hour12>1?[0-9])", false},
    {"Exl", " ?(?<hour12>1[0-2]|[0-9])", false},
    {"p", "(?<ampm>[AP]M)", true},
    {"M", "(?<minute>[0-5]?[0-9])", false},
    {"ExM", "(?<minute>[0-5][0-9])", false},
    {"S", "(?<second>[0-5]?[0-9]|6[01])", false},
    {"ExS", "(?<second>[0-5][0-9]|6[01])", false},
    {"f", "(?<fraction>[0-9]{1,6})", false},
    {"z", "(?<zone>Z|UTC|GMT|" ZONE_OFFSET ")", false},
    {"Exz", "(?<zone>(?:" ZONE_NAME ")?" ZONE_OFFSET "|" ZONE_NAME ")", false},
    {"Z", "(?<zone>[A-Z]{3,5}|Z)", false},
    {"ExZ", "(?<zone>" ZONE_NAME ")", false},
    /* As the C locale has them. */
    {"c",
	"(?:" DAYS3 ") (?<month_name>" MONTHS3 ") (?<day>[12][0-9]|[0 ]?[1-9]|3[01]) "
	"(?<hour>[01]?[0-9]|2[0-3]):(?<minute>[0-5]?[0-9]):(?<second>[0-5]?[0-9]|6[01]) "
	"(?<year>[0-9]{4})",
	true},
    {"x", "(?<month>0?[1-9]|1[0-2])/(?<day>[12][0-9]|[0 ]?[1-9]|3[01])/(?<year2>[0-9]{2})", false},
    {"X", "(?<hour>[01]?[0-9]|2[0-3]):(?<minute>[0-5]?[0-9]):(?<second>[0-5]?[0-9]|6[01])", false},
};
#define N_FIELDS (sizeof(fields) / sizeof(*fields))

/*
 * The usual forms, in order: where two would fit, the one that says more, or is more usual, is
 * first. inner: can stand in another template ("{date}").
 */
static const struct usual {
	const char *written;
	bool inner;
} usual[] = {
    /* 2026-11-22T10:00:00.5+01:00, 2026/11/22 10:00:00, 2026.11.22  9:00:00 */
    {"%ExY(?<mark>[./-])%m\\k<mark>%d(?:T| {1,2})%H:%M:%S(?:[,.]%f)?(?:\\s*%z)?", true},
    /* Sun Nov 22 10:00:00.5 2026, Nov 22 10:00:00 */
    {WEEKDAY OF_MONTH CLOCK YEAR, true},
    /* Sun Nov 22 2026 10:00:00 */
    {WEEKDAY OF_MONTH "%ExY " CLOCK, true},
    /* 22/11/2026 10:00:00, 22-11-26 10:00:00 */
    {"%d(?<mark>[/-])%m\\k<mark>(?:%ExY|%Exy) %k:%M:%S", true},
    /* 22/Nov/2026:10:00:00 +0100, 22-Nov-2026 10:00:00.5 */
    {"%d(?<mark>[/-])%b\\k<mark>%ExY[: ]?%H:%M:%S" FRACTION "(?: %z)?", true},
    /* 11/22/2026:10:00:00 */
    {"%m/%d/%ExY:%H:%M:%S", true},
    /* 11-22-2026 10:00:00.5 */
    {"%m-%d-%ExY " CLOCK, true},
    /* 1795341600, audit(1795341600.123:4) */
    {"epoch", false},
    /* 10:00:00 */
    {"{start}%H:%M:%S", true},
    /* <11/22/26@10:00:00> */
    {"^<%m/%d/%Exy@%H:%M:%S>", false},
    /* 261122 10:00:00 */
    {"%Exy%Exm%Exd {1,2}%H:%M:%S", true},
    /* Nov 22, 2026 10:00:00 AM */
    {"%b %d, %ExY %I:%M:%S %p", true},
    /* Nov-22-26 10:00:00 */
    {"^%b-%d-%Exy %k:%M:%S", false},
    /* 20261122T100000.5, 20261122 100000 */
    {"%ExY%Exm%Exd(?:T| {1,2})%ExH%ExM%ExS(?:[,.]%f)?(?:\\s*%z)?", true},
    /* CET Nov 22 10:00:00 */
    {"(?:%Z )?" WEEKDAY OF_MONTH CLOCK YEAR, true},
    /* +01:00 Nov 22 10:00:00 2026 */
    {"(?:%z )?" WEEKDAY OF_MONTH CLOCK YEAR, true},
    /* @4000000069... */
    {"tai64n", false},
};
#define N_USUAL (sizeof(usual) / sizeof(*usual))

/* Words that are one form each. */
static const struct date_form words[] = {
    {"^()", "none", true, true},
    {"((?:^|(?<=^\\[)|(?<=\\baudit\\())" EPOCH ")" EDGE_BEHIND, "epoch", false, false},
    {LINE_START "(" EPOCH ")" EDGE_BEHIND, "^epoch", true, true},
    {"((?:^|(?<=^\\[)|(?<=\\baudit\\())" LONG_EPOCH ")" EDGE_BEHIND, "long-epoch", false, false},
    {LINE_START "(" LONG_EPOCH ")" EDGE_BEHIND, "^long-epoch", true, true},
    {"(" TAI64N ")" EDGE_BEHIND, "tai64n", false, false},
    {LINE_START "(" TAI64N ")" EDGE_BEHIND, "^tai64n", true, true},
};
#define N_WORDS (sizeof(words) / sizeof(*words))

struct maker {
	struct arena *arena;
	struct list *forms;
	struct date_error *error;
};

static int expand(struct maker *m, const char *written);

static int
fail(struct maker *m, const char *what, size_t offset)
{
	*m->error = (struct date_error){what, offset};
	return -EINVAL;
}

static int
add(struct maker *m, const struct date_form *form)
{
	if (m->forms->n == DATE_FORMS_MAX)
		return fail(m, "this comes to more than 64 forms of a date", 0);
	*(struct date_form *)list_add(m->arena, m->forms, sizeof(*form)) = *form;
	return 0;
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static const struct field *
field_at(const char *text)
{
	const struct field *found = NULL;

	for (size_t i = 0; i < N_FIELDS; i++)
		if (begins(text, fields[i].name) &&
		    (!found || strlen(fields[i].name) > strlen(found->name)))
			found = &fields[i];
	return found;
}

/* Past "(" and "(?i)" at the beginning, as far as there are any. */
static const char *
skip_openings(const char *p)
{
	for (;;) {
		const char *flags = p[0] == '(' && p[1] == '?' ? p + 2 : NULL;
		size_t n = flags ? strspn(flags, "imsux") : 0;

		if (n && flags[n] == ')')
			p = flags + n + 1;
		else if (begins(p, "(?:"))
			p += 3;
		else if (p[0] == '(' && p[1] != '?')
			p++;
		else
			return p;
	}
}

/* Whether the template says itself where its match may end. */
static bool
has_end(const char *text, size_t n)
{
	while (n > 1 && text[n - 1] == ')' && text[n - 2] != '\\')
		n--;
	if (n && text[n - 1] == '$')
		return n < 2 || text[n - 2] != '\\';
	return n >= 2 && text[n - 2] == '\\' && (text[n - 1] == 'b' || text[n - 1] == 's');
}

/* At the start alone, not in one of several alternatives. */
static bool
is_anchored(const char *text, size_t n)
{
	const char *start = skip_openings(text);

	if (*start == '^')
		return start == text || start[1] != '|';
	while (n > 1 && text[n - 1] == ')' && text[n - 2] != '\\')
		n--;
	return n >= 2 && text[n - 1] == '$' && text[n - 2] != '\\' && text[n - 2] != '|';
}

static bool
has_plain_group(const char *p)
{
	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '(' && p[1] != '?')
			return true;
	}
	return false;
}

static int
put_fields(
    struct maker *m, struct strbuf *out, const char *written, const char *from, bool *letters)
{
	for (const char *p = from; *p; p++) {
		const struct field *f;

		if (begins(p, "{epoch}")) {
			strbuf_puts(out, EPOCH);
			p += strlen("{epoch}") - 1;
			continue;
		}
		if (begins(p, "{long-epoch}")) {
			strbuf_puts(out, LONG_EPOCH);
			p += strlen("{long-epoch}") - 1;
			continue;
		}
		if (*p != '%') {
			strbuf_add(out, p, 1);
			continue;
		}
		f = field_at(p + 1);
		if (!f)
			return fail(m, "no such field of a date (a percent sign is written %%)",
			    (size_t)(p - written));
		strbuf_puts(out, f->regex);
		*letters |= f->letters;
		p += strlen(f->name);
	}
	return 0;
}

/* What group 1 will hold begins where the text does. */
static bool
cuts_first(const char *body)
{
	return !has_plain_group(body) || (body[0] == '(' && body[1] != '?');
}

/* Group 1 is what is cut out: all but the anchors, where the template does not say. */
static void
put_group(struct strbuf *out, const char *body, size_t n)
{
	bool end = n && body[n - 1] == '$' && (n < 2 || body[n - 2] != '\\');

	if (has_plain_group(body)) {
		strbuf_add(out, body, n);
		return;
	}
	if (*body == '^') {
		strbuf_puts(out, "^");
		body++;
		n--;
	}
	strbuf_puts(out, "(");
	strbuf_add(out, body, n - end);
	strbuf_puts(out, end ? ")$" : ")");
}

/* What the text around the fields asks for. */
struct edges {
	bool start, before, behind;
};

/* Cuts "{start}", "{bare}" and "**" off; what is left stays at *text. */
static struct edges
take_edges(struct arena *a, const char **text)
{
	struct edges e = {.before = true, .behind = true};
	const char *p = *text, *open;
	size_t n;

	if (begins(p, "{bare}")) {
		e.before = e.behind = false;
		p += strlen("{bare}");
	} else if (begins(p, "{start}")) {
		e.start = true;
		p += strlen("{start}");
	}
	open = skip_openings(p);
	if (*open == '^')
		e.before = e.start = false;
	if (begins(open, "**")) {
		e.before = e.start = false;
		p = arena_printf(a, "%.*s%s", (int)(open - p), p, open + 2);
	}
	n = strlen(p);
	if (has_end(p, n))
		e.behind = false;
	while (n && p[n - 1] == ')')
		n--;
	if (n >= 2 && p[n - 1] == '*' && p[n - 2] == '*' && (n < 3 || p[n - 3] != '\\')) {
		e.behind = false;
		p = arena_printf(a, "%.*s%s", (int)(n - 2), p, p + n);
	}
	*text = p;
	return e;
}

static int
add_regex(struct maker *m, const char *written)
{
	_cleanup_(strbuf_fini) struct strbuf body = {0}, out = {0};
	const char *text = written;
	struct edges edges = take_edges(m->arena, &text);
	bool letters = false;
	int r = put_fields(m, &body, written, text, &letters);

	if (r < 0)
		return r;
	if (!body.len)
		return fail(m, "the template is empty", 0);
	if (letters)
		strbuf_puts(&out, "(?i)");
	if (edges.start)
		strbuf_puts(&out, LINE_START);
	else if (edges.before)
		strbuf_puts(&out, EDGE_BEFORE);
	put_group(&out, body.text, body.len);
	if (edges.behind)
		strbuf_puts(&out, EDGE_BEHIND);
	return add(m, &(struct date_form){
			  .regex = arena_dup(m->arena, out.text, out.len),
			  .written = arena_dup(m->arena, written, strlen(written)),
			  .anchored = edges.start || is_anchored(body.text, body.len),
			  .at_start = (edges.start && cuts_first(body.text)) ||
				      (*body.text == '^' && cuts_first(body.text + 1)),
		      });
}

/* The usual form at the line's start alone. */
static int
add_usual_start(struct maker *m, const struct usual *u)
{
	if (*u->written == '^' || begins(u->written, "{start}"))
		return 0;
	return expand(m,
	    arena_printf(m->arena, "%s%s", strchr(u->written, '%') ? "{start}" : "^", u->written));
}

static int
add_usual(struct maker *m, bool start_only)
{
	int r = 0;

	for (size_t i = 0; i < N_USUAL && r == 0; i++)
		r = add_usual_start(m, &usual[i]);
	for (size_t i = 0; i < N_USUAL && r == 0; i++) {
		const char *written = usual[i].written;

		if (!start_only || *written == '^' || begins(written, "{start}"))
			r = expand(m, written);
	}
	return r;
}

/* Each usual form in the place of "{date}". */
static int
add_inner(struct maker *m, const char *written, const char *place)
{
	int r = 0;

	for (size_t i = 0; i < N_USUAL && r == 0; i++) {
		const char *form = usual[i].written;

		if (!usual[i].inner)
			continue;
		form += begins(form, "{start}") ? strlen("{start}") : 0;
		r = expand(m, arena_printf(m->arena, "%.*s%s%s", (int)(place - written), written,
				  form, place + strlen("{date}")));
	}
	return r;
}

static int
expand(struct maker *m, const char *written)
{
	const char *place = strstr(written, "{date}");

	for (size_t i = 0; i < N_WORDS; i++)
		if (!strcmp(written, words[i].written))
			return add(m, &words[i]);
	if (!strcmp(written, "default"))
		return add_usual(m, false);
	if (!strcmp(written, "default-start"))
		return add_usual(m, true);
	if (place && strstr(place + 1, "{date}"))
		return fail(m, "{date} can be here once", 0);
	return place ? add_inner(m, written, place) : add_regex(m, written);
}

int
date_expand(struct list *forms, struct arena *a, const char *written, struct date_error *error)
{
	struct maker m = {a, forms, error};

	if (strlen(written) > DATE_WRITTEN_MAX)
		return fail(&m, "a template this long is not taken", 0);
	return expand(&m, written);
}
