/* SPDX-License-Identifier: GPL-2.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/lint.h"

static const struct {
	const char *name, *regex;
} placeholders[] = {
    {"addr", "(?<addr>(?:\\d{1,3}\\.){3}\\d{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+(?:%[\\w.-]+)?)"},
    {"user", "(?<user>.*?)"},
    {"time", "(?<time>[0-9A-Z][0-9A-Za-z:./,+ -]{7,39})"},
    {"port", "(?<port>\\d{1,5})"},
    {"session", "(?<session>[\\w.:-]+)"},
    {"pid", "\\d+"},
    {"host", "[^\\s\\[\\]()<>,;\"]*"},
    {"word", "\\S+"},
    {"quoted", "[^\"]*"},
};
#define N_PLACEHOLDERS (sizeof(placeholders) / sizeof(*placeholders))

/* A part of the regex that came from elsewhere in the written text than its own offset says. */
struct expansion {
	size_t at, len; /* in the regex */
	size_t written, written_len;
};

struct maker {
	struct pattern *pattern;
	struct arena *arena;
	struct diag *diag;
	struct strbuf regex;
	struct list expansions;
	size_t i; /* in the written text */
};

static void
fail(struct maker *m, size_t written, const char *what, const char *more)
{
	diag_error(m->diag, node_place_in(m->pattern->written.node, written), "%s%s", what, more);
}

/* The written offset that a byte of the regex comes from. */
static size_t
written_offset(const struct maker *m, size_t at)
{
	const struct expansion *e = m->expansions.items;
	size_t shift = 0;

	for (size_t i = 0; i < m->expansions.n && e[i].at <= at; i++) {
		if (at < e[i].at + e[i].len)
			return e[i].written;
		shift = e[i].at + e[i].len - (e[i].written + e[i].written_len);
	}
	return at - shift;
}

static void
copy(struct maker *m, size_t n)
{
	size_t left = m->pattern->written.node->len - m->i;

	n = n < left ? n : left;
	strbuf_add(&m->regex, m->pattern->written.s + m->i, n);
	m->i += n;
}

/* The word between < and > at the text, or NULL. */
static const char *
word_at(struct maker *m, const char *text)
{
	size_t n = strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	return n && text[n + 1] == '>' ? arena_dup(m->arena, text + 1, n) : NULL;
}

static int
fail_placeholder(struct maker *m, const char *word)
{
	struct guess g = {.word = word};
	const char *more = " (a literal < is written \\<)";

	for (size_t i = 0; i < N_PLACEHOLDERS; i++)
		guess_try(&g, placeholders[i].name);
	if (!strcmp(word, "HOST"))
		g.best = "addr";
	if (g.best)
		more = arena_printf(m->arena, "; did you mean <%s>?%s", g.best, more);
	fail(m, m->i, arena_printf(m->arena, "unknown placeholder <%s>", word), more);
	return -EINVAL;
}

/* Words in capitals are literal text, unless they look like a placeholder. */
static bool
is_meant(const char *word)
{
	if (!strcmp(word, "HOST"))
		return true;
	for (size_t i = 0; i < N_PLACEHOLDERS; i++) {
		if (!strcasecmp(word, placeholders[i].name))
			return true;
	}
	return word[strspn(word, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static int
expand_placeholder(struct maker *m)
{
	const char *word = word_at(m, m->pattern->written.s + m->i);

	if (!word || !is_meant(word)) {
		copy(m, 1);
		return 0;
	}
	for (size_t i = 0; i < N_PLACEHOLDERS; i++) {
		struct expansion *e;

		if (strcmp(word, placeholders[i].name))
			continue;
		e = list_add(m->arena, &m->expansions, sizeof(*e));
		*e = (struct expansion){
		    m->regex.len, strlen(placeholders[i].regex), m->i, strlen(word) + 2};
		strbuf_puts(&m->regex, placeholders[i].regex);
		m->i += e->written_len;
		return 0;
	}
	return fail_placeholder(m, word);
}

/* Names that guardd relies on; others, as user, may be given to a group that says more exactly what
 * fits. */
static bool
is_reserved(const char *name, size_t n)
{
	static const char *const reserved[] = {"addr", "session", "time"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		if (strlen(reserved[i]) == n && !memcmp(reserved[i], name, n))
			return true;
	}
	return false;
}

static int
copy_group(struct maker *m)
{
	static const char *const openings[] = {"(?P<", "(?<", "(?'"};
	const char *text = m->pattern->written.s + m->i;

	for (int i = 0; i < 3; i++) {
		size_t n = strlen(openings[i]), len;

		if (strncmp(text, openings[i], n))
			continue;
		len = strcspn(text + n, ">'=!");
		if (is_reserved(text + n, len)) {
			fail(m, m->i,
			    arena_printf(
				m->arena, "write <%.*s> for this group", (int)len, text + n),
			    "");
			return -EINVAL;
		}
		copy(m, n + len + 1);
		return 0;
	}
	copy(m, 1);
	return 0;
}

/* To the end of a character class; placeholders are none inside. */
static void
copy_class(struct maker *m)
{
	const char *text = m->pattern->written.s;

	copy(m, text[m->i + 1] == '^' ? 2 : 1);
	if (text[m->i] == ']')
		copy(m, 1);
	while (text[m->i] && text[m->i] != ']') {
		const char *posix =
		    text[m->i] == '[' && text[m->i + 1] == ':' ? strstr(text + m->i, ":]") : NULL;

		copy(m, posix ? (size_t)(posix - (text + m->i)) + 2 : text[m->i] == '\\' ? 2 : 1);
	}
	copy(m, 1);
}

/* \k<name> and \g<name> are references. */
static void
copy_escape(struct maker *m)
{
	const char *text = m->pattern->written.s + m->i;
	const char *end =
	    text[1] && strchr("kg", text[1]) && text[2] == '<' ? strchr(text, '>') : NULL;

	copy(m, end ? (size_t)(end - text) + 1 : 2);
}

static int
expand(struct maker *m)
{
	int r = 0;

	while (r == 0 && m->i < m->pattern->written.node->len) {
		switch (m->pattern->written.s[m->i]) {
		case '\\':
			copy_escape(m);
			break;
		case '[':
			copy_class(m);
			break;
		case '(':
			r = copy_group(m);
			break;
		case '<':
			r = expand_placeholder(m);
			break;
		default:
			copy(m, 1);
		}
	}
	return r;
}

/* Compiles as the reader does, JIT included, so that what is refused is refused here. */
static int
compile(struct maker *m)
{
	uint32_t options = PATTERN_COMPILE_OPTIONS | (m->pattern->caseless ? PCRE2_CASELESS : 0);
	PCRE2_UCHAR text[256] = "";
	PCRE2_SIZE at = 0;
	int error = 0;
	pcre2_code *code;

	code = pcre2_compile((PCRE2_SPTR)m->regex.text, m->regex.len, options, &error, &at, NULL);
	if (!code) {
		pcre2_get_error_message(error, text, sizeof(text));
		fail(m, written_offset(m, at), "in the pattern: ", (const char *)text);
		return -EINVAL;
	}
	error = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	pcre2_code_free(code);
	/* BADOPTION: this PCRE2 was built without JIT; the reader then interprets. */
	if (error == 0 || error == PCRE2_ERROR_JIT_BADOPTION)
		return 0;
	pcre2_get_error_message(error, text, sizeof(text));
	fail(m, 0, "the pattern cannot be made machine code: ", (const char *)text);
	return -EINVAL;
}

static int
check(struct maker *m, bool sessions, const struct regex *tree)
{
	enum pattern_kind kind = m->pattern->kind;
	bool session = strstr(m->regex.text, "(?<session>") != NULL;
	struct lint_wants wants = {
	    .address = kind != PATTERN_IGNORE && !(kind == PATTERN_OFFENCE && session),
	    .session = kind == PATTERN_REMEMBER || (kind == PATTERN_OFFENCE && session),
	    /* Whoever makes a success appear has logged in. */
	    .forging = kind == PATTERN_OFFENCE || kind == PATTERN_REMEMBER,
	};
	struct lint_finding found[LINT_FINDINGS_MAX];
	size_t n = lint_pattern(tree, &wants, found);

	for (size_t i = 0; i < n; i++)
		fail(m, written_offset(m, found[i].offset), found[i].what, "");
	if (kind == PATTERN_OFFENCE && session && !sessions) {
		fail(m, 0, "<session> without a pattern under 'remember' that tells whose it is",
		    "");
		n++;
	}
	return n ? -EINVAL : 0;
}

/* Out of the scratch memory of one pattern, which can be large, into what stays. */
static void
keep_literals(struct maker *m, const struct literal *found, size_t n)
{
	struct pattern *p = m->pattern;

	p->n_literals = n;
	p->literals = arena_array(m->arena, n, sizeof(*found));
	for (size_t i = 0; i < n; i++) {
		p->literals[i] = found[i];
		p->literals[i].text = arena_dup(m->arena, found[i].text, found[i].len);
	}
}

static int
understand(struct maker *m, bool sessions)
{
	_cleanup_(arena_fini) struct arena scratch = {0};
	struct pattern *p = m->pattern;
	struct literal *found;
	struct regex_error error;
	struct regex *tree = NULL;
	size_t n;

	if (regex_parse(&tree, &scratch, m->regex.text, m->regex.len, p->caseless, &error) < 0) {
		fail(m, written_offset(m, error.offset), error.what, "");
		return -EINVAL;
	}
	if (check(m, sessions, tree) < 0)
		return -EINVAL;
	literal_choose(&scratch, tree, &found, &n);
	keep_literals(m, found, n);
	if (!n && p->kind != PATTERN_IGNORE)
		diag_warn(m->diag, node_place(p->written.node),
		    "no text of %d bytes, nor one of up to %d, is in all matches: every line has "
		    "to be tried",
		    LITERAL_MIN, LITERAL_STRINGS_MAX);
	return 0;
}

void
pattern_make(struct pattern *p, struct arena *a, struct diag *d, bool sessions)
{
	struct maker m = {.pattern = p, .arena = a, .diag = d};

	if (p->written.node->len > PATTERN_WRITTEN_MAX)
		fail(&m, 0, "a pattern this long is not taken", "");
	else if (p->written.node->len == 0)
		fail(&m, 0, "the pattern is empty", "");
	else if (expand(&m) == 0 && compile(&m) == 0 && understand(&m, sessions) == 0)
		p->regex = arena_dup(a, m.regex.text, m.regex.len);
	strbuf_fini(&m.regex);
}
