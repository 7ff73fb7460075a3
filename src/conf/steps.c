/* SPDX-License-Identifier: GPL-2.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/steps.h"

#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "conf/date_template.h"

/* The date is cut out before patterns see the line: what they want at one place may stand at two.
 * One half of each literal is whole in any case. */
#define HALVES 2
/* Where dates begin their lines, all that stands before one is so many characters that are no
 * letters: what comes behind them in a literal is whole. */
#define START_MAX 2

static void
check_absent(struct diag *d, const struct filter *f, const char *key)
{
	const struct node *n = node_get(f->node, key);

	if (n)
		diag_error(d, node_place(n), "a filter with steps has no %s", key);
}

/* Only what was written by hand can be wrong. */
static void
check_forms(const struct filter *f, struct diag *d, size_t from, const struct node *at)
{
	const struct date_form *forms = f->dates.items;
	PCRE2_UCHAR text[256] = "";
	PCRE2_SIZE offset;
	int error;

	for (size_t i = from; i < f->dates.n; i++) {
		pcre2_code *code = pcre2_compile((PCRE2_SPTR)forms[i].regex, PCRE2_ZERO_TERMINATED,
		    STEPS_COMPILE_OPTIONS, &error, &offset, NULL);

		pcre2_code_free(code);
		if (code)
			continue;
		pcre2_get_error_message(error, text, sizeof(text));
		diag_error(d, node_place(at), "in the date template: %s", text);
		return;
	}
}

static void
expand_date(
    struct filter *f, struct arena *a, struct diag *d, const char *written, const struct node *at)
{
	struct date_error error;
	size_t before = f->dates.n;

	if (date_expand(&f->dates, a, written, &error) < 0)
		diag_error(
		    d, node_place_in(at, error.offset), "in the date template: %s", error.what);
	else if (strncmp(written, "default", 7))
		check_forms(f, d, before, at);
}

void
steps_check(struct filter *f, struct arena *a, struct diag *d)
{
	const struct filter_steps *s = &f->steps;
	const struct filter_source *sources = f->sources.items;

	if (!s->node)
		return;
	check_absent(d, f, "program");
	check_absent(d, f, "remember");
	check_absent(d, f, "forgive");
	for (size_t i = 0; i < f->sources.n; i++)
		if (sources[i].header == SOURCE_HEADER_SYSLOG)
			diag_error(d, node_place(node_at(sources[i].node, "header")),
			    "patterns of a filter with steps see the header, too: it is not cut");
	for (size_t i = 0; i < s->date.n; i++)
		expand_date(f, a, d, list_text(&s->date, i)->s, list_text(&s->date, i)->node);
	if (!s->date.n)
		expand_date(f, a, d, "default", s->node);
}

bool
steps_names_source(const char *regex)
{
	static const char *const names[] = {"addr", "name", "id", "session"};
	static const char *const openings[] = {"(?<", "(?P<", "(?'"};
	static const char *const before[] = {"", "alt_", "tuple_"};

	for (const char *p = strstr(regex, "(?"); p; p = strstr(p + 1, "(?"))
		for (int o = 0; o < 3; o++) {
			const char *name = p + strlen(openings[o]);

			if (strncmp(p, openings[o], strlen(openings[o])))
				continue;
			for (int i = 0; i < 12; i++) {
				size_t n = strlen(before[i / 4]), m = strlen(names[i % 4]);

				if (!strncmp(name, before[i / 4], n) &&
				    !strncmp(name + n, names[i % 4], m) &&
				    strchr(i / 4 ? ">'_" : ">'", name[n + m]))
					return true;
			}
		}
	return false;
}

/* Compiles as the reader does. */
static int
compile(const struct filter *f, const struct pattern *p, struct diag *d)
{
	uint32_t options = STEPS_COMPILE_OPTIONS;
	PCRE2_UCHAR text[256] = "";
	PCRE2_SIZE at = 0;
	int error = 0;
	pcre2_code *code;

	if (p->caseless)
		options |= PCRE2_CASELESS;
	if (p->kind == PATTERN_OFFENCE && f->steps.lines > 1)
		options |= PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX;
	code = pcre2_compile(
	    (PCRE2_SPTR)p->written.s, p->written.node->len, options, &error, &at, NULL);
	if (!code) {
		pcre2_get_error_message(error, text, sizeof(text));
		diag_error(d, node_place_in(p->written.node, at), "in the pattern: %s", text);
		return -EINVAL;
	}
	error = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	pcre2_code_free(code);
	if (error == 0 || error == PCRE2_ERROR_JIT_BADOPTION)
		return 0;
	pcre2_get_error_message(error, text, sizeof(text));
	diag_error(
	    d, node_place(p->written.node), "the pattern cannot be made machine code: %s", text);
	return -EINVAL;
}

/* The tree is of bytes. A pattern of plain characters means the same for both; of others only
 * outside of classes and escapes, so that such patterns are left without literals. */
static bool
is_of_bytes(const char *p)
{
	for (; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			return false;
		if (*p == '\\' && p[1] && strchr("xoNpPuX", p[1]))
			return false;
		if (*p == '\\' && p[1])
			p++;
	}
	return true;
}

/* Literals that every line holds, whatever was cut out of it: the halves of those of the pattern.
 * None when one of them is too short for that. */
static void
keep_halves(struct pattern *p, struct arena *a, const struct literal *found, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (found[i].len < (size_t)HALVES * LITERAL_MIN)
			return;
	p->literals = arena_array(a, HALVES * n, sizeof(*found));
	for (size_t i = 0; i < n; i++) {
		size_t half = found[i].len / 2;
		struct literal *l = &p->literals[p->n_literals];

		l[0] = (struct literal){arena_dup(a, found[i].text, half), half, found[i].caseless};
		l[1] = (struct literal){arena_dup(a, found[i].text + half, found[i].len - half),
		    found[i].len - half, found[i].caseless};
		p->n_literals += HALVES;
	}
}

static bool
dates_begin_lines(const struct filter *f)
{
	const struct date_form *forms = f->dates.items;

	for (size_t i = 0; i < f->dates.n; i++)
		if (!forms[i].at_start)
			return false;
	return true;
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static void
keep_whole(struct pattern *p, struct arena *a, const struct literal *found, size_t n)
{
	p->literals = arena_array(a, n, sizeof(*found));
	for (size_t i = 0; i < n; i++) {
		struct literal l = found[i];

		for (int k = 0; k < START_MAX && l.len && !is_word(*l.text); k++) {
			l.text++;
			l.len--;
		}
		if (l.len < LITERAL_MIN) {
			p->n_literals = 0;
			return;
		}
		l.text = arena_dup(a, l.text, l.len);
		p->literals[p->n_literals++] = l;
	}
}

/* A copy that the tree can be made of: "(?(2)A|B)" becomes "(?:|A|B)", which fits more. */
static char *
without_conditions(struct arena *a, const char *p)
{
	char *out = arena_alloc(a, strlen(p) + 1), *to = out;
	bool in_class = false;

	while (*p) {
		size_t n = strncmp(p, "(?(", 3) || in_class ? 0 : strcspn(p, ")");

		if (n && p[n] && p[3] != '?' && p[3] != '*') {
			memcpy(to, "(?:|", 4);
			to += 4;
			p += n + 1;
			continue;
		}
		if (*p == '\\' && p[1])
			*to++ = *p++;
		else if (*p == '[' && !in_class)
			in_class = true;
		else if (*p == ']')
			in_class = false;
		*to++ = *p++;
	}
	return out;
}

static void
find_literals(const struct filter *f, struct pattern *p, struct arena *a)
{
	_cleanup_(arena_fini) struct arena scratch = {0};
	struct literal *found;
	struct regex_error error;
	struct regex *tree = NULL;
	const char *text;
	size_t n;

	/* What is seen of several lines holds more than the line that has just come. */
	if (f->steps.lines > 1 || !is_of_bytes(p->written.s))
		return;
	text = without_conditions(&scratch, p->written.s);
	if (regex_parse(&tree, &scratch, text, strlen(text), p->caseless, &error) < 0)
		return;
	literal_choose(&scratch, tree, &found, &n);
	if (dates_begin_lines(f))
		keep_whole(p, a, found, n);
	else
		keep_halves(p, a, found, n);
}

void
steps_make_pattern(
    const struct filter *f, struct pattern *p, struct arena *a, struct diag *d, bool named)
{
	const struct node *at = p->written.node;

	if (at->len > STEPS_WRITTEN_MAX)
		diag_error(d, node_place(at), "a pattern this long is not taken");
	else if (at->len == 0)
		diag_error(d, node_place(at), "the pattern is empty");
	else if (!strncmp(p->written.s, "(*", 2))
		diag_error(d, node_place(at), "a pattern cannot set options of its own with (*");
	else if (p->kind == PATTERN_OFFENCE && !named && !steps_names_source(p->written.s))
		diag_error(d, node_place(at),
		    "whom does it count against? Neither this pattern nor the prefix has a group "
		    "addr, name, id or session");
	else if (compile(f, p, d) == 0) {
		find_literals(f, p, a);
		p->regex = arena_dup(a, p->written.s, at->len);
	}
}
