/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_ini.h"

#include <string.h>

struct reader {
	struct arena *arena;
	struct f2b_report *report;
	struct ini *ini;
	struct f2b_section *section; /* NULL: before the first header */
	struct list seen;            /* of const char *: sections that had a header in this file */
	struct f2b_section fresh;    /* options set under the present header */
	const char *option;          /* that the next lines may continue; NULL: none */
	struct f2b_value value;      /* its, up to now; text is not used */
	struct strbuf text;          /* its text, up to now */
	size_t indent;
	bool headless; /* told that lines are in front of the first header */
};

bool
ini_is_space(char c)
{
	return (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= ' ');
}

struct f2b_section *
ini_section(const struct ini *ini, const char *name)
{
	struct f2b_section *const *sections = ini->sections.items;

	for (size_t i = 0; i < ini->sections.n; i++)
		if (strcmp(sections[i]->name, name) == 0)
			return sections[i];
	return NULL;
}

struct f2b_section *
ini_section_add(struct arena *a, struct ini *ini, const char *name)
{
	struct f2b_section *s = ini_section(ini, name);

	if (s || ini->sections.n == INI_SECTIONS)
		return s;
	s = arena_alloc(a, sizeof(*s));
	s->name = name;
	*(struct f2b_section **)list_add(a, &ini->sections, sizeof(s)) = s;
	return s;
}

static void
tell(struct reader *r, uint32_t line, const char *what, const char *text, size_t n)
{
	struct f2b_value at = r->value;

	at.line = line;
	f2b_note(r->report, F2B_ERROR, &at, "%s%.*s", what, (int)(n < 80 ? n : 80), text);
}

char *
ini_lower(struct arena *a, const char *text, size_t n)
{
	char *out = arena_dup(a, text, n);

	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	return out;
}

static size_t
trim_end(const char *text, size_t n)
{
	while (n > 0 && ini_is_space(text[n - 1]))
		n--;
	return n;
}

/* The option that was read up to here is whole. */
static void
finish(struct reader *r)
{
	struct f2b_value v = r->value;

	if (!r->option)
		return;
	v.text = arena_dup(r->arena, r->text.len ? r->text.text : "",
	    trim_end(r->text.len ? r->text.text : "", r->text.len));
	if (r->section->options.n == INI_OPTIONS && !f2b_get(r->section, r->option))
		tell(r, v.line, "too many options in one section: ", r->option, strlen(r->option));
	else
		f2b_set(r->arena, r->section, r->option, &v);
	r->option = NULL;
}

/* A ';' behind white space, or at the line's start, begins a comment. */
static size_t
without_comment(const char *line, size_t n, bool *comment)
{
	size_t start = 0;

	while (start < n && ini_is_space(line[start]))
		start++;
	*comment = true;
	if (start < n && (line[start] == '#' || line[start] == ';'))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (line[i] == ';' && (i == 0 || ini_is_space(line[i - 1])))
			return i;
	*comment = false;
	return n;
}

static bool
was_seen(struct reader *r, const char *name)
{
	const char *const *names = r->seen.items;

	for (size_t i = 0; i < r->seen.n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	*(const char **)list_add(r->arena, &r->seen, sizeof(name)) = name;
	return false;
}

static void
header(struct reader *r, uint32_t line, const char *text, size_t n)
{
	const char *name = arena_dup(r->arena, text, n);

	r->fresh.options = (struct list){0};
	if (strcmp(name, "DEFAULT") == 0) {
		r->section = &r->ini->defaults;
		return;
	}
	if (was_seen(r, name))
		tell(r, line, "the section stands twice in this file; both are taken: ", name, n);
	r->section = ini_section_add(r->arena, r->ini, name);
	if (!r->section)
		tell(r, line, "too many sections; left out: ", name, n);
}

static void
option(struct reader *r, uint32_t line, const char *text, size_t n)
{
	size_t eq = 0, start;
	struct f2b_value here = {"", r->value.file, line};

	while (eq < n && text[eq] != '=' && text[eq] != ':')
		eq++;
	if (eq == n || eq == 0) {
		tell(r, line, "neither a section nor an option: ", text, n);
		return;
	}
	r->option = ini_lower(r->arena, text, trim_end(text, eq));
	r->value.line = line;
	if (f2b_get(&r->fresh, r->option))
		tell(r, line,
		    "the option stands twice in this section; the last one is taken: ", r->option,
		    strlen(r->option));
	else if (r->fresh.options.n < INI_OPTIONS)
		f2b_set(r->arena, &r->fresh, r->option, &here);
	for (start = eq + 1; start < n && ini_is_space(text[start]); start++)
		;
	strbuf_reset(&r->text);
	strbuf_add(&r->text, text + start, n - start);
}

/* Of "[NAME]" with anything behind: the length of NAME, or 0. */
static size_t
header_length(const char *text, size_t n)
{
	if (text[0] != '[')
		return 0;
	while (n > 0 && text[n - 1] != ']')
		n--;
	return n > 2 ? n - 2 : 0;
}

static void
take_line(struct reader *r, uint32_t number, const char *line, size_t n)
{
	bool comment;
	size_t indent = 0, name, end = trim_end(line, without_comment(line, n, &comment));

	while (indent < end && ini_is_space(line[indent]))
		indent++;
	if (indent == end) {
		if (!comment && r->option)
			strbuf_puts(&r->text, "\n");
		return;
	}
	if (r->option && indent > r->indent) {
		strbuf_puts(&r->text, "\n");
		strbuf_add(&r->text, line + indent, end - indent);
		return;
	}
	finish(r);
	r->indent = indent;
	name = header_length(line + indent, end - indent);
	if (name > 0) {
		header(r, number, line + indent + 1, name);
	} else if (r->section) {
		option(r, number, line + indent, end - indent);
	} else if (!r->headless) {
		tell(r, number, "outside of any section: ", line + indent, end - indent);
		r->headless = true;
	}
}

/* The length of the line at text, without its end, and how long with it: CR, LF or both. */
static size_t
line_length(const char *text, size_t n, size_t *whole)
{
	size_t len = 0;

	while (len < n && text[len] != '\n' && text[len] != '\r')
		len++;
	*whole = len < n ? len + 1 : len;
	if (len + 1 < n && text[len] == '\r' && text[len + 1] == '\n')
		(*whole)++;
	return len;
}

struct ini *
ini_parse(struct arena *a, struct f2b_report *report, const char *file, const char *text, size_t n)
{
	struct ini *ini = arena_alloc(a, sizeof(*ini));
	struct reader r = {.arena = a, .report = report, .ini = ini, .value = {NULL, file, 0}};
	uint32_t number = 1;

	ini->defaults.name = "DEFAULT";
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		n -= 3;
	}
	for (size_t at = 0, whole; at < n; at += whole, number++) {
		size_t len = line_length(text + at, n - at, &whole);

		if (memchr(text + at, '\0', len))
			tell(&r, number, "a NUL byte; the line is left out", "", 0);
		else
			take_line(&r, number, text + at, len);
	}
	finish(&r);
	strbuf_fini(&r.text);
	return ini;
}
