/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/regex.h"

#include <errno.h>
#include <string.h>

#include "conf/regex_class.h"

struct parser {
	struct arena *arena;
	const char *s;
	size_t n, i;
	bool caseless, dot_all;
	unsigned depth;
	struct regex_error *error;
};

static int
fail(struct parser *p, size_t at, const char *what)
{
	p->error->what = what;
	p->error->offset = at;
	return -EINVAL;
}

static int
peek(const struct parser *p, size_t ahead)
{
	return p->i + ahead < p->n ? (unsigned char)p->s[p->i + ahead] : -1;
}

static bool
at_text(const struct parser *p, const char *text)
{
	size_t n = strlen(text);

	return p->n - p->i >= n && !memcmp(p->s + p->i, text, n);
}

static struct regex *
regex_new(struct parser *p, enum regex_kind kind, size_t offset)
{
	struct regex *r = arena_alloc(p->arena, sizeof(*r));

	r->kind = kind;
	r->offset = offset;
	return r;
}

static void
set_items(struct regex *r, const struct list *l)
{
	r->items = l->items;
	r->n = l->n;
}

static void
add_item(struct parser *p, struct list *l, struct regex *r)
{
	*(struct regex **)list_add(p->arena, l, sizeof(r)) = r;
}

/* A node of one child. */
static struct regex *
regex_wrap(struct parser *p, enum regex_kind kind, size_t offset, struct regex *child)
{
	struct regex *r = regex_new(p, kind, offset);
	struct list items = {0};

	add_item(p, &items, child);
	set_items(r, &items);
	return r;
}

static int parse_alternatives(struct parser *p, struct regex **out);

/* The content of a group up to and with its parenthesis; option letters inside end with it. */
static int
parse_body(struct parser *p, size_t start, struct regex **out)
{
	bool caseless = p->caseless, dot_all = p->dot_all;
	int r;

	if (p->depth == REGEX_DEPTH_MAX)
		return fail(p, start, "groups are nested too deeply");
	p->depth++;
	r = parse_alternatives(p, out);
	p->depth--;
	p->caseless = caseless;
	p->dot_all = dot_all;
	if (r < 0)
		return r;
	if (peek(p, 0) != ')')
		return fail(p, start, "a group without its end");
	p->i++;
	return 0;
}

/* One letter of (?i-s:...); told when it is one that guardd does not take. */
static int
set_option(struct parser *p, char c, bool on)
{
	switch (c) {
	case 'i':
		p->caseless = on;
		return 0;
	case 's':
		p->dot_all = on;
		return 0;
	case 'J':
	case 'U':
	case 'n':
		return 0;
	case 'x':
		return fail(p, p->i,
		    "the option x is not taken: write the pattern without blanks and comments");
	case 'm':
		return fail(p, p->i, "the option m is not taken: a pattern sees one line");
	default:
		return fail(p, p->i, "a kind of group that guardd does not take");
	}
}

/* "(?i)" holds to the end of the group it stands in, "(?i:...)" for its own content. */
static int
parse_options(struct parser *p, size_t start, struct regex **out)
{
	bool on = true, caseless = p->caseless, dot_all = p->dot_all;
	int r = 0;

	for (; peek(p, 0) != ')' && peek(p, 0) != ':'; p->i++) {
		if (peek(p, 0) == '-')
			on = false;
		else if (peek(p, 0) == '^')
			p->caseless = p->dot_all = false;
		else
			r = set_option(p, (char)peek(p, 0), on);
		if (r < 0)
			return r;
	}
	if (p->s[p->i++] == ')') {
		*out = regex_new(p, REGEX_WIDTH0, start);
		return 0;
	}
	r = parse_body(p, start, out);
	p->caseless = caseless;
	p->dot_all = dot_all;
	return r;
}

static int
parse_named(struct parser *p, size_t start, char end, struct regex **out)
{
	const char *name = p->s + p->i, *stop = memchr(name, end, p->n - p->i);
	struct regex *body = NULL;
	int r;

	if (!stop)
		return fail(p, start, "a group name without its end");
	p->i += (size_t)(stop - name) + 1;
	r = parse_body(p, start, &body);
	if (r < 0)
		return r;
	*out = regex_wrap(p, REGEX_GROUP, start, body);
	(*out)->name = arena_dup(p->arena, name, (size_t)(stop - name));
	return 0;
}

static int
parse_plain_group(struct parser *p, size_t start, struct regex **out)
{
	struct regex *body = NULL;
	int r = parse_body(p, start, &body);

	*out = r < 0 ? NULL : regex_wrap(p, REGEX_GROUP, start, body);
	return r;
}

static int
parse_look(struct parser *p, size_t start, struct regex **out)
{
	int r = parse_plain_group(p, start, out);

	if (r == 0)
		(*out)->kind = REGEX_LOOK;
	return r;
}

static int
parse_look_ahead(struct parser *p, size_t start, struct regex **out)
{
	int r = parse_look(p, start, out);

	if (r == 0)
		(*out)->look = LOOK_AHEAD;
	return r;
}

static int
parse_look_behind(struct parser *p, size_t start, struct regex **out)
{
	int r = parse_look(p, start, out);

	if (r == 0)
		(*out)->look = LOOK_BEHIND;
	return r;
}

/* (?P=name) */
static int
parse_named_reference(struct parser *p, size_t start, struct regex **out)
{
	const char *end = memchr(p->s + p->i, ')', p->n - p->i);

	if (!end)
		return fail(p, start, "a reference without its end");
	p->i = (size_t)(end - p->s) + 1;
	*out = regex_new(p, REGEX_ANY, start);
	return 0;
}

/* A quantifier behind it would hold for what stands before it. */
static int
parse_comment(struct parser *p, size_t start, struct regex **out)
{
	(void)out;
	return fail(p, start, "comments in a pattern are not taken: write them in YAML");
}

/* What may stand behind "(?"; the longer ones first. */
static const struct {
	const char *text;
	int (*parse)(struct parser *p, size_t start, struct regex **out);
	char name_end; /* then a name follows up to it */
} groups[] = {
    {"(?:", parse_plain_group, 0},
    {"(?>", parse_plain_group, 0},
    {"(?|", parse_plain_group, 0},
    {"(?=", parse_look_ahead, 0},
    {"(?!", parse_look, 0},
    {"(?<=", parse_look_behind, 0},
    {"(?<!", parse_look, 0},
    {"(?#", parse_comment, 0},
    {"(?P=", parse_named_reference, 0},
    {"(?P<", NULL, '>'},
    {"(?<", NULL, '>'},
    {"(?'", NULL, '\''},
};

static int
parse_group(struct parser *p, struct regex **out)
{
	size_t start = p->i;
	int next = peek(p, 2);

	if (peek(p, 1) == '*')
		return fail(p, start, "verbs, (*...), are not taken");
	if (peek(p, 1) != '?') {
		p->i++;
		return parse_plain_group(p, start, out);
	}
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++) {
		if (!at_text(p, groups[g].text))
			continue;
		p->i += strlen(groups[g].text);
		return groups[g].parse ? groups[g].parse(p, start, out)
				       : parse_named(p, start, groups[g].name_end, out);
	}
	if (next == '(')
		return fail(p, start, "conditions, (?(...), are not taken");
	if (strchr("RP&C+0123456789", next) ||
	    (next == '-' && peek(p, 3) >= '0' && peek(p, 3) <= '9'))
		return fail(p, start, "recursion and callouts are not taken");
	p->i += 2;
	return parse_options(p, start, out);
}

/* Skips a reference's name or number behind \g or \k, or its digits. */
static int
parse_reference(struct parser *p, size_t start, struct regex **out)
{
	static const char *const brackets[] = {"<>", "{}", "''"};
	int c = peek(p, 1);

	if (c == 'g' && (peek(p, 2) == '<' || peek(p, 2) == '\''))
		return fail(p, start, "recursion and callouts are not taken");
	p->i += c == 'g' || c == 'k' ? 2 : 1;
	for (int b = 0; b < 3; b++) {
		const char *end;

		if (peek(p, 0) != brackets[b][0])
			continue;
		end = memchr(p->s + p->i + 1, brackets[b][1], p->n - p->i - 1);
		if (!end)
			return fail(p, start, "a reference without its end");
		p->i = (size_t)(end - p->s) + 1;
		*out = regex_new(p, REGEX_ANY, start);
		return 0;
	}
	p->i += peek(p, 0) == '-' || peek(p, 0) == '+';
	while (peek(p, 0) >= '0' && peek(p, 0) <= '9')
		p->i++;
	*out = regex_new(p, REGEX_ANY, start);
	return 0;
}

static int
parse_escape(struct parser *p, struct regex **out)
{
	static const struct {
		char c;
		enum regex_kind kind;
	} widthless[] = {{'A', REGEX_START}, {'z', REGEX_END}, {'Z', REGEX_END},
	    {'b', REGEX_WIDTH0}, {'B', REGEX_WIDTH0}};
	size_t start = p->i;
	int c = peek(p, 1), byte;

	for (size_t i = 0; i < sizeof(widthless) / sizeof(*widthless); i++) {
		if (c == widthless[i].c) {
			p->i += 2;
			*out = regex_new(p, widthless[i].kind, start);
			return 0;
		}
	}
	if (c == 'g' || c == 'k' || (c >= '1' && c <= '9'))
		return parse_reference(p, start, out);
	if (c == 'Q' || c == 'E')
		return fail(
		    p, start, "\\Q and \\E are not taken: put a \\ before each special character");
	*out = regex_new(p, REGEX_SET, start);
	if (class_escape(p->s, p->n, &p->i, false, (*out)->set, &byte) < 0)
		return fail(p, start, "an escape that guardd does not take");
	if (byte >= 0)
		class_byte((*out)->set, (unsigned char)byte, p->caseless);
	return 0;
}

static int
parse_atom(struct parser *p, struct regex **out)
{
	size_t start = p->i;
	char c = p->s[p->i];

	switch (c) {
	case '(':
		return parse_group(p, out);
	case '\\':
		return parse_escape(p, out);
	case '^':
	case '$':
		p->i++;
		*out = regex_new(p, c == '^' ? REGEX_START : REGEX_END, start);
		return 0;
	case '[':
		*out = regex_new(p, REGEX_SET, start);
		return class_parse(p->s, p->n, &p->i, p->caseless, (*out)->set) < 0
			   ? fail(p, start, "a character class that guardd does not take")
			   : 0;
	case '.':
		p->i++;
		*out = regex_new(p, REGEX_SET, start);
		class_dot((*out)->set, p->dot_all);
		return 0;
	default:
		p->i++;
		*out = regex_new(p, REGEX_SET, start);
		class_byte((*out)->set, (unsigned char)c, p->caseless);
		return 0;
	}
}

static uint32_t
parse_count(struct parser *p)
{
	uint32_t v = 0;

	for (; peek(p, 0) >= '0' && peek(p, 0) <= '9'; p->i++)
		v = v < 100000 ? v * 10 + (uint32_t)(peek(p, 0) - '0') : v;
	return v;
}

/* {n}, {n,} or {n,m}; everything else that begins with a brace is literal text. False: it is none.
 */
static bool
parse_braces(struct parser *p, uint32_t *min, uint32_t *max)
{
	size_t start = p->i;

	p->i++;
	if (peek(p, 0) >= '0' && peek(p, 0) <= '9') {
		*min = *max = parse_count(p);
		if (peek(p, 0) == ',') {
			p->i++;
			*max = REGEX_UNBOUNDED;
			if (peek(p, 0) >= '0' && peek(p, 0) <= '9')
				*max = parse_count(p);
		}
		if (peek(p, 0) == '}') {
			p->i++;
			return true;
		}
	}
	p->i = start;
	return false;
}

/* "{,3}" means three at most elsewhere and in later PCRE2, but is literal text in 10.42. */
static bool
is_doubtful_brace(const struct parser *p)
{
	struct parser ahead = *p;
	uint32_t min, max;
	size_t i = 1;

	if (peek(p, 0) != '{' || parse_braces(&ahead, &min, &max))
		return false;
	while (peek(p, i) == ' ' || peek(p, i) == ',' || (peek(p, i) >= '0' && peek(p, i) <= '9'))
		i++;
	return i > 1 && peek(p, i) == '}';
}

static bool
parse_quantifier(struct parser *p, uint32_t *min, uint32_t *max)
{
	int c = peek(p, 0);

	if (c == '{') {
		if (!parse_braces(p, min, max))
			return false;
	} else if (c == '*' || c == '+' || c == '?') {
		p->i++;
		*min = c == '+';
		*max = c == '?' ? 1 : REGEX_UNBOUNDED;
	} else {
		return false;
	}
	p->i += peek(p, 0) == '?' || peek(p, 0) == '+';
	return true;
}

/* One atom with what quantifies it. */
static int
parse_piece(struct parser *p, struct regex **out)
{
	size_t start = p->i;
	uint32_t min, max;
	int r;

	if (is_doubtful_brace(p))
		return fail(
		    p, start, "literal text here, elsewhere a number of times: write {0,n} or \\{");
	r = parse_atom(p, out);
	while (r == 0 && parse_quantifier(p, &min, &max)) {
		*out = regex_wrap(p, REGEX_REPEAT, start, *out);
		(*out)->min = min;
		(*out)->max = max;
	}
	return r;
}

static int
parse_sequence(struct parser *p, struct regex **out)
{
	struct regex *seq = *out = regex_new(p, REGEX_SEQ, p->i);
	struct list items = {0};

	while (p->i < p->n && p->s[p->i] != '|' && p->s[p->i] != ')') {
		struct regex *piece = NULL;
		int r = parse_piece(p, &piece);

		if (r < 0)
			return r;
		add_item(p, &items, piece);
	}
	set_items(seq, &items);
	return 0;
}

static int
parse_alternatives(struct parser *p, struct regex **out)
{
	struct regex *first = NULL;
	struct list branches = {0};
	size_t start = p->i;
	int r = parse_sequence(p, &first);

	if (r < 0 || peek(p, 0) != '|') {
		*out = first;
		return r;
	}
	add_item(p, &branches, first);
	while (r == 0 && peek(p, 0) == '|') {
		struct regex *next = NULL;

		p->i++;
		r = parse_sequence(p, &next);
		add_item(p, &branches, next);
	}
	*out = regex_new(p, REGEX_ALT, start);
	set_items(*out, &branches);
	return r;
}

int
regex_parse(struct regex **out, struct arena *a, const char *text, size_t n, bool caseless,
    struct regex_error *error)
{
	struct parser p = {.arena = a, .s = text, .n = n, .caseless = caseless, .error = error};
	int r = parse_alternatives(&p, out);

	if (r == 0 && p.i < n)
		return fail(&p, p.i, "a parenthesis without its group");
	return r;
}
