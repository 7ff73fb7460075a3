/* SPDX-License-Identifier: GPL-2.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban.h"
#include "conf/fail2ban_date.h"
#include "conf/fail2ban_regex.h"
#include "conf/fail2ban_tags.h"
#include "conf/steps.h"
#include "wire/image.h"

#define SHOWN_MAX     200 /* bytes of a pattern in a message */
#define OFFENCES_MAX  256 /* of a filter of guardd's */
#define IGNORES_MAX   64
#define MULTI_OPTIONS (PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX)
/* A failure must say whose it is; a session says it later. */
#define HAS_ID (F2B_HAS_ADDR | F2B_HAS_NAME | F2B_HAS_ID | F2B_HAS_SESSION)

/* One filter on its way. */
struct filter_run {
	struct arena *arena;
	const struct f2b_section *definition;
	struct strbuf *out;
	struct f2b_report *report;
	unsigned long lines;
	bool names;          /* <HOST> takes names of hosts */
	unsigned prefix;     /* what the prefix has: F2B_HAS_... */
	size_t n_written;    /* patterns under the running key */
	struct list written; /* of const char *: their texts */
	size_t n_offences;   /* written */
	bool names_told;
	int result; /* 1: something was left out */
};

struct pattern_as {
	const char *key; /* the option */
	uint32_t options;
	bool offence;
	size_t most;
};

static void
left_out(struct filter_run *r, const struct f2b_value *at, const char *key, const char *pattern,
    const char *why, size_t offset)
{
	size_t n = strnlen(pattern, SHOWN_MAX);

	/* Not within a character. */
	while (pattern[n] && n > 0 && ((unsigned char)pattern[n] & 0xc0) == 0x80)
		n--;
	f2b_note(r->report, F2B_ERROR, at, "%s: %s, at character %zu of '%.*s%s': left out", key,
	    why, offset + 1, (int)n, pattern, pattern[n] ? "..." : "");
	r->result = 1;
}

/* PCRE2 has the last word; what it says of lookbehinds is said in the words of those who write
 * them. */
static bool
compiles(struct filter_run *r, const struct f2b_value *at, const struct pattern_as *as,
    const char *pattern, const char *text)
{
	pcre2_code *code;
	PCRE2_UCHAR why[200];
	PCRE2_SIZE offset;
	int error;

	code = pcre2_compile((PCRE2_SPTR)text, strlen(text), as->options, &error, &offset, NULL);
	pcre2_code_free(code);
	if (code)
		return true;
	pcre2_get_error_message(error, why, sizeof(why));
	if (error == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH)
		strcpy((char *)why, "a lookbehind (?<= or (?<! of variable width");
	left_out(r, at, as->key, pattern, (const char *)why, offset);
	return false;
}

/* A pattern in guardd's language, and what it has; NULL after telling. */
static const char *
translate(struct filter_run *r, const struct f2b_value *at, const struct pattern_as *as,
    const char *pattern, unsigned *has)
{
	static const struct f2b_regex_as plain = {0};
	const char *expanded = f2b_tags_expand(r->arena, pattern, r->names), *text;
	struct f2b_regex regex;

	if (!expanded[strspn(expanded, " \t\r\n\v\f")]) {
		left_out(r, at, as->key, pattern, "an empty pattern", 0);
		return NULL;
	}
	if (f2b_regex(r->arena, expanded, &plain, &regex) < 0) {
		left_out(r, at, as->key, expanded, regex.why, regex.at);
		return NULL;
	}
	if (regex.late_flags)
		f2b_note(r->report, F2B_DIFFERS, at,
		    "%s: flags in the middle of '%s' hold for the whole", as->key, pattern);
	text =
	    *regex.flags ? arena_printf(r->arena, "(?%s)%s", regex.flags, regex.text) : regex.text;
	*has = regex.has;
	if (strlen(text) > STEPS_WRITTEN_MAX) {
		left_out(r, at, as->key, pattern, "a pattern longer than guardd has room for", 0);
		return NULL;
	}
	return compiles(r, at, as, pattern, text) ? text : NULL;
}

/* --- YAML --- */

/* text has no line ends and nothing else that single quotes do not keep. */
static void
put_quoted(struct strbuf *out, const char *text)
{
	strbuf_puts(out, "'");
	for (size_t n; *text; text += n) {
		n = strcspn(text, "'");
		strbuf_add(out, text, n);
		if (text[n] == '\'') {
			strbuf_puts(out, "''");
			n++;
		}
	}
	strbuf_puts(out, "'");
}

static void
put_about(struct filter_run *r, const char *text)
{
	char *about = arena_dup(r->arena, text, strlen(text));

	for (char *p = about; *p; p++)
		*p = (unsigned char)*p < ' ' ? ' ' : *p;
	strbuf_puts(r->out, "about: ");
	put_quoted(r->out, about);
	strbuf_puts(r->out, "\n");
}

static void
put_dates(struct filter_run *r, const struct list *dates)
{
	const char *const *d = dates->items;

	strbuf_puts(r->out, "  date: [");
	for (size_t i = 0; i < dates->n; i++) {
		strbuf_puts(r->out, i ? ", " : "");
		put_quoted(r->out, d[i]);
	}
	strbuf_puts(r->out, "]\n");
}

/* --- the parts --- */

static int
read_lines(struct filter_run *r)
{
	const struct f2b_value *v = f2b_get(r->definition, "maxlines");
	char *end;

	r->lines = 1;
	if (!v || !*v->text)
		return 0;
	r->lines = strtoul(v->text, &end, 10);
	if (end == v->text || end[strspn(end, " \t\n")] || r->lines == 0 || *v->text == '-') {
		f2b_note(r->report, F2B_ERROR, v, "maxlines = '%s' is no number of lines", v->text);
		return -EINVAL;
	}
	if (r->lines > IMAGE_LINES_MAX) {
		f2b_note(r->report, F2B_DIFFERS, v, "maxlines = %lu: %d are kept", r->lines,
		    IMAGE_LINES_MAX);
		r->lines = IMAGE_LINES_MAX;
	}
	return 0;
}

static void
read_names(struct filter_run *r)
{
	const struct f2b_value *v = f2b_get(r->definition, "usedns");

	r->names = !v || strcasecmp(v->text, "no") != 0;
}

static void
write_dates(struct filter_run *r, const struct f2b_filter_as *as)
{
	const struct f2b_value *v = f2b_get(r->definition, "datepattern");
	struct list dates = {0};

	/* Messages have their own time, and texts of theirs no other. */
	if (as->journal)
		*(const char **)list_add(r->arena, &dates, sizeof(char *)) = "none";
	else if (v && *v->text)
		r->result |= f2b_dates(r->arena, v, &dates, r->report);
	if (dates.n == 0)
		*(const char **)list_add(r->arena, &dates, sizeof(char *)) = "default";
	put_dates(r, &dates);
}

static int
write_prefix(struct filter_run *r)
{
	static const struct pattern_as as = {"prefregex", STEPS_COMPILE_OPTIONS, false, 1};
	const struct f2b_value *v = f2b_get(r->definition, "prefregex");
	const char *text;

	if (!v || !*v->text)
		return 0;
	text = translate(r, v, &as, v->text, &r->prefix);
	if (!text)
		return -EINVAL;
	strbuf_puts(r->out, "  prefix: ");
	put_quoted(r->out, text);
	strbuf_puts(r->out, "\n");
	return 0;
}

/* Lines with a name in the place of the address are seen, but there is nobody to count. */
static void
tell_names(struct filter_run *r, const struct f2b_value *at, unsigned has)
{
	if (r->names_told || !(has & F2B_HAS_NAME) ||
	    has & (F2B_HAS_ADDR | F2B_HAS_ID | F2B_HAS_SESSION))
		return;
	r->names_told = true;
	f2b_note(r->report, F2B_DIFFERS, at,
	    "a pattern takes names of hosts only, which are not looked up: it counts against "
	    "nobody");
}

/* The same pattern twice is an error in guardd's filters, and finds nothing more. */
static bool
is_written(struct filter_run *r, const char *text)
{
	const char *const *written = r->written.items;

	for (size_t i = 0; i < r->written.n; i++)
		if (strcmp(written[i], text) == 0)
			return true;
	*(const char **)list_add(r->arena, &r->written, sizeof(text)) = text;
	return false;
}

static void
write_pattern(struct filter_run *r, const struct f2b_value *at, const struct pattern_as *as,
    const char *pattern)
{
	unsigned has;
	const char *text = translate(r, at, as, pattern, &has);

	if (!text || is_written(r, text))
		return;
	if (++r->n_written > as->most) {
		left_out(r, at, as->key, pattern, "more patterns than a filter has room for", 0);
		return;
	}
	if (as->offence && !((has | r->prefix) & HAS_ID)) {
		left_out(r, at, as->key, pattern, "it says not whose failure it is", 0);
		return;
	}
	tell_names(r, at, has | r->prefix);
	strbuf_puts(r->out, as->offence ? "  - match: " : "  - ");
	put_quoted(r->out, text);
	strbuf_puts(r->out, "\n");
	r->n_offences += as->offence;
}

/* Each line is a pattern; empty ones are none. */
static void
write_patterns(struct filter_run *r, const char *heading, const struct pattern_as *as)
{
	const struct f2b_value *v = f2b_get(r->definition, as->key);
	size_t before, start = r->out->len;

	if (!v)
		return;
	strbuf_puts(r->out, heading);
	before = r->out->len;
	r->n_written = 0;
	r->written = (struct list){0};
	for (const char *s = v->text; *s;) {
		size_t n = strcspn(s, "\n");

		if (n)
			write_pattern(r, v, as, arena_dup(r->arena, s, n));
		s += n + (s[n] == '\n');
	}
	if (r->out->len == before)
		r->out->text[r->out->len = start] = '\0';
}

int
f2b_filter_yaml(struct arena *a, const struct f2b_section *definition,
    const struct f2b_filter_as *as, struct strbuf *out, struct f2b_report *report)
{
	struct filter_run r = {.arena = a, .definition = definition, .out = out, .report = report};
	struct pattern_as ignore = {"ignoreregex", STEPS_COMPILE_OPTIONS, false, IGNORES_MAX};
	struct pattern_as fail = {"failregex", STEPS_COMPILE_OPTIONS, true, OFFENCES_MAX};
	size_t start = out->len;

	read_names(&r);
	strbuf_printf(out, "filter: %s\n", as->name);
	put_about(&r, as->about);
	strbuf_puts(out, as->sources);
	strbuf_puts(out, "steps:\n");
	write_dates(&r, as);
	if (read_lines(&r) < 0 || write_prefix(&r) < 0)
		goto nothing;
	if (r.lines > 1) {
		strbuf_printf(out, "  lines: %lu\n", r.lines);
		fail.options |= MULTI_OPTIONS;
	}
	write_patterns(&r, "ignore:\n", &ignore);
	write_patterns(&r, "offences:\n", &fail);
	if (r.n_offences > 0)
		return r.result;
	f2b_note(report, F2B_ERROR, f2b_get(definition, "failregex"), "no failregex is left");
nothing:
	out->text[out->len = start] = '\0';
	return -EINVAL;
}
