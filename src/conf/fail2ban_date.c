/* SPDX-License-Identifier: GPL-2.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/fail2ban_date.h"

#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <string.h>
#include <strings.h>

#include "conf/date_template.h"
#include "conf/fail2ban_regex.h"
#include "conf/steps.h"

struct date_word {
	const char *written, *meant;
};

/* Whole patterns, in any case of letters. */
static const struct date_word words[] = {
    {"{^LN-BEG}", "default-start"},
    {"{DEFAULT}", "default"},
    {"{NONE}", "none"},
    {"EPOCH", "epoch"},
    {"^EPOCH", "^epoch"},
    {"{^LN-BEG}EPOCH", "^epoch"},
    {"LEPOCH", "long-epoch"},
    {"^LEPOCH", "^long-epoch"},
    {"{^LN-BEG}LEPOCH", "^long-epoch"},
    {"TAI64N", "tai64n"},
    {"^TAI64N", "^tai64n"},
    {"{^LN-BEG}TAI64N", "^tai64n"},
};

struct date_letter {
	const char *letters; /* behind the % */
	const char *text;    /* NULL: the same */
	const char *groups;
};

static const struct date_letter fields[] = {
    {"ExY", NULL, "Y"},
    {"Exy", NULL, "y"},
    {"Exm", NULL, "m"},
    {"Exd", NULL, "d"},
    {"ExH", NULL, "H"},
    {"Exk", NULL, "H"},
    {"Exl", NULL, "I"},
    {"ExM", NULL, "M"},
    {"ExS", NULL, "S"},
    {"Exz", NULL, "z"},
    {"ExZ", NULL, "Z"},
    {"%", NULL, ""},
    {"Y", NULL, "Y"},
    {"y", NULL, "y"},
    {"m", NULL, "m"},
    {"B", NULL, "B"},
    {"b", NULL, "b"},
    {"d", NULL, "d"},
    {"A", NULL, "A"},
    {"a", NULL, "a"},
    {"H", NULL, "H"},
    {"k", NULL, "H"},
    {"I", NULL, "I"},
    {"l", NULL, "I"},
    {"M", NULL, "M"},
    {"S", NULL, "S"},
    {"f", NULL, "f"},
    {"p", NULL, "p"},
    {"z", NULL, "z"},
    {"Z", NULL, "Z"},
    {"j", NULL, "j"},
    {"c", "%a %b %d %H:%M:%S %Y", "abdHMSY"},
    {"x", "%m/%d/%y", "mdy"},
    {"X", "%H:%M:%S", "HMS"},
};

static const struct date_letter braced[] = {
    {"{DATE}", "{date}", ""},
    {"{EPOCH}", "{epoch}", "s"},
    {"{LEPOCH}", "{long-epoch}", "s"},
};

static const struct date_word groups[] = {
    {"Y", "year"},
    {"y", "year2"},
    {"m", "month"},
    {"b", "month_name"},
    {"B", "month_name"},
    {"d", "day"},
    {"H", "hour"},
    {"I", "hour12"},
    {"p", "ampm"},
    {"M", "minute"},
    {"S", "second"},
    {"f", "fraction"},
    {"z", "zone"},
    {"Z", "zone"},
    {"j", "yearday"},
    {"a", "weekday"},
    {"A", "weekday"},
};

const char *
f2b_date_group(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		if (strcmp(groups[i].written, name) == 0)
			return groups[i].meant;
	}
	return NULL;
}

static const char *const field_texts[] = {"%ExY", "%Exy", "%Exm", "%Exd", "%ExH", "%Exk", "%Exl",
    "%ExM", "%ExS", "%Exz", "%ExZ", "%%", "%Y", "%y", "%m", "%B", "%b", "%d", "%A", "%a", "%H",
    "%k", "%I", "%l", "%M", "%S", "%f", "%p", "%z", "%Z", "%j"};

size_t
f2b_date_field(const char *text, struct f2b_date_field *out)
{
	for (size_t i = 0; *text == '%' && i < sizeof(fields) / sizeof(*fields); i++) {
		size_t n = strlen(fields[i].letters);

		if (strncmp(text + 1, fields[i].letters, n) != 0)
			continue;
		*out = (struct f2b_date_field){fields[i].text ? fields[i].text : field_texts[i],
		    fields[i].groups, strlen(fields[i].groups)};
		return n + 1;
	}
	for (size_t i = 0; i < sizeof(braced) / sizeof(*braced); i++) {
		size_t n = strlen(braced[i].letters);

		if (strncasecmp(text, braced[i].letters, n) != 0)
			continue;
		*out = (struct f2b_date_field){
		    braced[i].text, braced[i].groups, strlen(braced[i].groups)};
		return n;
	}
	return 0;
}

/* --- one pattern --- */

/* A pattern taken apart: what holds at its ends, and what is between. */
struct date_parts {
	const char *body;
	const char *flags;
	bool start;      /* at the line's start, behind two characters that are no word's */
	bool begin, end; /* ^ in front, $ behind */
	bool free_begin, free_end; /* no boundary of a word is asked for */
};

static char *
cut_out(struct arena *a, const char *text, size_t at, size_t n)
{
	return arena_printf(a, "%.*s%s", (int)at, text, text + at + n);
}

/* The first (?letters), which hold for the whole. */
static const char *
take_flags(struct arena *a, const char *text, const char **flags)
{
	for (const char *s = strstr(text, "(?"); s; s = strstr(s + 2, "(?")) {
		size_t n = 2;

		while (islower((unsigned char)s[n]))
			n++;
		if (n == 2 || s[n] != ')' || (s > text && s[-1] == '\\'))
			continue;
		*flags = arena_dup(a, s, n + 1);
		return cut_out(a, text, (size_t)(s - text), n + 1);
	}
	return text;
}

/* A parenthesis that captures without a name, as the reference looks for it: anywhere. */
static bool
has_plain_group(const char *text)
{
	for (const char *s = text; *s; s++) {
		bool hidden =
		    (s > text && s[-1] == '\\') || (s > text + 1 && s[-1] == '?' && s[-2] == '(');

		if (*s == '(' && s[1] != '?' && !hidden)
			return true;
	}
	return false;
}

static bool
ends_in(const char *text, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n >= m && memcmp(text + n - m, end, m) == 0;
}

static bool
is_escaped(const char *text, size_t at)
{
	return at > 0 && text[at - 1] == '\\';
}

static void
look_at_begin(struct arena *a, struct date_parts *p)
{
	size_t n = strspn(p->body, "(");

	if (strncmp(p->body + n, "**", 2) == 0) {
		p->body = cut_out(a, p->body, n, 2);
		p->free_begin = true;
	} else if (*p->body == '^') {
		p->begin = true;
		p->body++;
	} else if (n &&
		   (strncmp(p->body + n, "^", 1) == 0 || strncmp(p->body + n, "?:^", 3) == 0)) {
		p->free_begin = true;
		p->begin = n == 1 && p->body[n + (p->body[n] == '?' ? 3 : 1)] != '|';
	}
}

static void
look_at_end(struct arena *a, struct date_parts *p)
{
	size_t n = strlen(p->body), m = n;

	while (m > 0 && p->body[m - 1] == ')')
		m--;
	if (ends_in(p->body, m, "**") && !is_escaped(p->body, m - 2)) {
		p->body = cut_out(a, p->body, m - 2, 2);
		p->free_end = true;
	} else if (ends_in(p->body, n, "$") && !is_escaped(p->body, n - 1)) {
		p->end = true;
		p->body = arena_dup(a, p->body, n - 1);
	} else if (ends_in(p->body, n, "$)") && !is_escaped(p->body, n - 2)) {
		p->end = true;
	} else {
		p->free_end = ends_in(p->body, n, "\\b") || ends_in(p->body, n, "\\s");
	}
}

static void
take_apart(struct arena *a, const char *text, struct date_parts *p)
{
	bool unbound = strncmp(text, "{UNB}", 5) == 0;

	memset(p, 0, sizeof(*p));
	text += unbound ? 5 : 0;
	p->flags = "";
	p->start = strncmp(text, "{^LN-BEG}", 9) == 0;
	p->body = take_flags(a, text + (p->start ? 9 : 0), &p->flags);
	look_at_begin(a, p);
	look_at_end(a, p);
	p->start &= !p->begin && !p->free_begin && !unbound;
	p->free_begin |= unbound;
	p->free_end |= unbound;
}

/* The template of a pattern; NULL with *why. */
static const char *template(struct arena *a, const char *text, const char **why)
{
	struct date_parts p;
	struct f2b_regex_as as = {.date = true};
	struct f2b_regex body;
	const char *flags;

	take_apart(a, text, &p);
	as.cut_1 = has_plain_group(p.body);
	if (f2b_regex(a, arena_printf(a, "%s%s", p.flags, p.body), &as, &body) < 0) {
		*why = body.why;
		return NULL;
	}
	flags = *body.flags ? arena_printf(a, "(?%s)", body.flags) : "";
	return arena_printf(a, "%s%s%s%s%s", p.start ? "{start}" : "", flags,
	    p.start        ? ""
	    : p.begin      ? "^"
	    : p.free_begin ? "**"
			   : "",
	    body.text,
	    p.end        ? "$"
	    : p.free_end ? "**"
			 : "");
}

static const char *
word(const char *text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(words[i].written, text) == 0)
			return words[i].meant;
	}
	return NULL;
}

/* --- all of them --- */

static char *
strip(struct arena *a, const char *text, size_t n)
{
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	while (n > 0 && isspace((unsigned char)*text)) {
		text++;
		n--;
	}
	return arena_dup(a, text, n);
}

/* Whether guardd takes it: the template, and each form that it stands for. */
static const char *
refused(struct arena *a, const char *written)
{
	struct list forms = {0};
	struct date_error error;
	const char *why = NULL;

	if (strlen(written) > DATE_WRITTEN_MAX)
		return "it is too long";
	if (date_expand(&forms, a, written, &error) < 0)
		return error.what;
	for (size_t i = 0; i < forms.n && !why; i++) {
		const char *regex = ((struct date_form *)forms.items)[i].regex;
		PCRE2_UCHAR text[200];
		PCRE2_SIZE at;
		int code;
		pcre2_code *compiled = pcre2_compile(
		    (PCRE2_SPTR)regex, strlen(regex), STEPS_COMPILE_OPTIONS, &code, &at, NULL);

		if (!compiled && pcre2_get_error_message(code, text, sizeof(text)) > 0)
			why = arena_printf(a, "%s", (const char *)text);
		pcre2_code_free(compiled);
	}
	return why;
}

static int
add(struct arena *a, const struct f2b_value *value, const char *text, struct list *out,
    struct f2b_report *report)
{
	const char *why = NULL, *meant = word(text);

	if (!meant) {
		meant = template(a, text, &why);
		why = meant ? refused(a, meant) : why;
		meant = why ? NULL : meant;
	}
	if (meant && out->n < F2B_DATES) {
		*(const char **)list_add(a, out, sizeof(char *)) = meant;
		return 0;
	}
	if (meant)
		f2b_note(report, F2B_ERROR, value, "datepattern: more than %d", F2B_DATES);
	else
		f2b_note(
		    report, F2B_ERROR, value, "datepattern '%s' cannot be taken: %s", text, why);
	return 1;
}

int
f2b_dates(
    struct arena *a, const struct f2b_value *value, struct list *out, struct f2b_report *report)
{
	int r = 0;

	for (const char *s = value->text; *s;) {
		size_t n = strcspn(s, "\n");
		const char *text = strip(a, s, n);

		if (*text)
			r |= add(a, value, text, out, report);
		s += n + (s[n] == '\n');
	}
	return r;
}
