/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A literal that is reported must be in every line that PCRE2 lets match: lines are made from the
 * pattern's tree, then changed at random, and every one that matches must hold one of the literals.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/literal.h"

#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/pattern.h"
#include "regex_text.h"

#define LINES_PER_PATTERN 200

struct subject {
	struct arena arena;
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	struct regex *tree;
	struct literal *literals;
	size_t n;
};

static void
subject_make(struct subject *s, const char *text, bool caseless)
{
	struct regex_error error = {0};
	PCRE2_SIZE at;
	int e;

	*s = (struct subject){0};
	s->code = pcre2_compile((PCRE2_SPTR)text, strlen(text),
	    PATTERN_COMPILE_OPTIONS | (caseless ? PCRE2_CASELESS : 0), &e, &at, NULL);
	if (!s->code)
		fail_msg("%s does not compile", text);
	s->data = pcre2_match_data_create(32, NULL);
	s->context = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(s->context, 5000);
	if (regex_parse(&s->tree, &s->arena, text, strlen(text), caseless, &error) < 0)
		fail_msg("%s: %s", text, error.what);
	literal_choose(&s->arena, s->tree, &s->literals, &s->n);
}

static void
subject_free(struct subject *s)
{
	pcre2_match_context_free(s->context);
	pcre2_match_data_free(s->data);
	pcre2_code_free(s->code);
	arena_fini(&s->arena);
}

static bool
matches(const struct subject *s, const struct strbuf *line)
{
	return pcre2_match(s->code, (PCRE2_SPTR)(line->text ? line->text : ""), line->len, 0, 0,
		   s->data, s->context) > 0;
}

static bool
holds(const struct literal *l, const struct strbuf *line)
{
	for (size_t i = 0; i + l->len <= line->len; i++) {
		size_t same = 0;

		while (same < l->len) {
			unsigned char c = (unsigned char)line->text[i + same];

			if (l->caseless && c >= 'A' && c <= 'Z')
				c = (unsigned char)(c + 32);
			if (c != (unsigned char)l->text[same])
				break;
			same++;
		}
		if (same == l->len)
			return true;
	}
	return false;
}

static void
check_line(const struct subject *s, const char *text, const struct strbuf *line)
{
	for (size_t i = 0; i < s->n; i++) {
		if (holds(&s->literals[i], line))
			return;
	}
	if (s->n)
		fail_msg("%s matches without a literal ('%s', ...): %.*s", text,
		    s->literals[0].text, (int)line->len, line->text);
}

static void
change(struct strbuf *line)
{
	size_t at = line->len ? (size_t)rand() % line->len : 0;

	if (!line->len)
		return;
	switch (rand() % 4) {
	case 0: /* the other case */
		if ((line->text[at] | 32) >= 'a' && (line->text[at] | 32) <= 'z')
			line->text[at] = (char)(line->text[at] ^ 32);
		break;
	case 1:
		line->text[at] = (char)(32 + rand() % 95);
		break;
	case 2: /* one byte less */
		memmove(line->text + at, line->text + at + 1, line->len - at - 1);
		line->len--;
		break;
	default: /* one more, of its neighbours */
		strbuf_add(line, "x", 1);
		memmove(line->text + at + 1, line->text + at, line->len - at - 1);
	}
}

static bool
compiles(const char *text)
{
	PCRE2_SIZE at;
	int error;
	pcre2_code *code = pcre2_compile(
	    (PCRE2_SPTR)text, strlen(text), PATTERN_COMPILE_OPTIONS, &error, &at, NULL);

	pcre2_code_free(code);
	return code != NULL;
}

/* How many lines matched. */
static unsigned
try_pattern(const char *text, bool caseless, size_t *literals)
{
	struct text_maker maker = {0};
	struct subject s;
	unsigned matched = 0;

	subject_make(&s, text, caseless);
	maker.random = (uint64_t)rand() + 1;
	for (size_t i = 0; i < s.n; i++) {
		assert_in_range(s.literals[i].len, LITERAL_MIN, LITERAL_MAX);
		assert_null(memchr(s.literals[i].text, '\n', s.literals[i].len));
		assert_int_equal(strlen(s.literals[i].text), s.literals[i].len);
	}
	for (int i = 0; i < LINES_PER_PATTERN; i++) {
		struct strbuf line = {0};

		text_of(&maker, s.tree);
		strbuf_add(&line, maker.out.text, maker.out.len);
		for (int changes = 0; changes < 4; changes++) {
			if (matches(&s, &line)) {
				matched++;
				check_line(&s, text, &line);
			}
			change(&line);
		}
		strbuf_fini(&line);
	}
	*literals = s.n;
	text_maker_fini(&maker);
	subject_free(&s);
	return matched;
}

static const char *const patterns[] = {
    "^Failed password for (?:invalid user )?(?<user>.*?) from \\d+ port \\d+(?: ssh2)?$",
    "^(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user .* port",
    "^foo(?:bar)?baz",
    "^foo(?:bar){0}baz",
    "^(?:foo)?(?:bar)?(?:baz)?$",
    "^(?:abc|abd|abe)+x",
    "^(?:abcd)*efgh",
    "^(?:abcd)+efgh",
    "^(?:abcd){2,3}efgh",
    "^(?:ab){2}(?:cd){3}",
    "^a{5}b{2,}c",
    "^x(?:|y)zzz",
    "^(?:|abcd)$",
    "^(?:abcd|)$",
    "^[Ff]ailed [Ll]ogin",
    "^[a-c]xyz[0-9]?end",
    "^\\[error\\] \\d+#\\d+: \\*\\d+ user",
    "^a\\.b\\.c\\.d",
    "^tab\\there\\x20and\\x41nd",
    "^(?i)hello (?-i)World",
    "^(?i:hello) World",
    "^(?:a(?i)bcd|efgh)x",
    "^((?i)abc|def)ghi",
    "^abc(?=def)def",
    "^abc(?!xyz)def",
    "^(?=st)start",
    "^(?<!x)start(?<=start)end",
    "^(abc)?\\1?defg",
    "^(?<n>abc|xyz)?-\\k<n>?end",
    "^(?>abcd|ab)efg",
    "^a++bcd",
    "^ab*?cdef",
    "^(?:GET|POST|HEAD) /[^ ]* HTTP/1\\.[01]",
    "^(?:4(?:00|04)|5\\d\\d) status",
    "^[^\"]*\"quoted\"",
    "^\\d{1,3}(?:\\.\\d{1,3}){3} - - ",
    "^a|b",
    "^(?:long text one|long text two|other)",
    "^(?:long text one|x)",
    "^\\Aabc\\b-\\bdef\\z",
    "^ab\\$cd\\^ef",
    "^abc$|^abd$",
    "^[[:alpha:]]{3}abc",
    "^(?:(?:a|b)(?:c|d)(?:e|f)){1,2}ghij",
    "^(((((deep)er)est)ing)s)",
    "^a(?:b(?:c(?:d)?)?)?e",
    "^(?U)ab+cdef",
    "^(?|abc(x)|def(y))ghi",
    "^{\"json\":\"[^\"]*\"}",
    "^a{,b",
    "^x{}yz",
    "^a]b}c{d",
    "^[]x]bcd",
    "^\\x{41}\\x{42}\\x{43}D",
    "^\\060\\061abD",
    "^\\0abc",
    "^(?:abc\\n|def)ghi",
    "^(?:0|1|2|3|4|5|6|7|8|9)abc",
    "^[0-7]abc[89]def",
    "^.{3}abc.{3}",
    "^(?s).abc",
    "^\\s*abc\\s+def",
    "^(?:wp-login|xmlrpc|phpmyadmin|\\.env|\\.git/config)(?:\\.php)?",
    "^(?:a?b?c?d?){3}efgh",
    "^(?:ab|a)(?:bc|c)def",
    "^(?:Xabc|abcX)",
    "^abcabcabc(?:abc)?",
    "^(?:äö|ü)ß",
    "^\\Sabc\\Ddef\\W",
    "^(?P<p>abc)?(?P=p)?defg",
    "^(?'q'abc)def",
    "^a(?J)b(?<d>c)|(?<d>d)e",
    "^(?:(?:ab){2,}c){2}d",
    "^(?:a{16}){2}b",
    "^(?:abc){20}d",
    "^(?^)abc",
    "^(?i)a(?^)bcd",
    "^(?:a|(?i)b)cde",
    "^(?=[a-f]wxyz)[a-z]{5,}",
    "^\\d+(?=abc|xyz)[a-z]+$",
    "^(?=.*abcd)(?=.*wxyz)[^q]*$",
    "^(?:(?=.*abcd)x)?[^q]*$",
    "^(?:(?=.*abcd)x|y)[^q]*$",
    "^(?:(?=.*abcd)x){0}[^q]*$",
    "^(?:(?=.*abcd)[a-z ])+efg",
    "^(?!.*abcd).*wxyz",
    "^(?!(?=abcd)).*wxyz",
    "^(?!abc|xyz)[a-z]{3}def",
    "^[a-z]+(?<=abc)\\d",
    "^[a-z]+(?<=abc|wxyz)-def",
    "^[a-z]+(?<!abc)\\d{3}-",
    "^ab(?=cd)[a-z]+ ef",
    "^x (?:abc\\d+|def) yz",
    "^x (?:\\d+abc|def) yz",
    "^x (?:abc\\d+def|ghi\\d*) yz",
    "^x (?:abc\\d+def|\\d+) yz",
    "^x (?:abc\\d*|)yz!",
    "^x (?:abc\\d*)?yz!",
    "^(?:abc\\d+)*xyz",
    "^(?:abc\\d+)+xyz",
    "^(?:\\d+abc)*xyz",
    "^(?:abc\\d+def){2,3}xyz",
    "^(?:ab[^c]*cd|ef[^g]*gh)(?:ij[^k]*kl|mn)op",
    "^(?:ab\\d+)(?:\\d+cd)ef",
    "^(?:Failed|Invalid) (?:password|user) for",
};

static void
test_every_match_holds_a_literal(void **state)
{
	size_t with = 0, n = sizeof(patterns) / sizeof(*patterns);

	(void)state;
	srand(1);
	for (size_t i = 0; i < n; i++) {
		for (int caseless = 0; caseless < 2; caseless++) {
			size_t literals;

			if (try_pattern(patterns[i], caseless, &literals) < 20)
				fail_msg("%s: too few lines matched", patterns[i]);
			with += literals > 0;
		}
	}
	/* A check of nothing would pass, too. */
	assert_true(with > n);
}

static void
build(struct strbuf *out, int depth)
{
	static const char *const atoms[] = {"a", "b", "c", "d", "ab", "xyz", "hello", "Wxyz",
	    "abcd", "[ab]", "[^a]", ".", "\\d", "\\w", "B", "(?i)", "(?-i)", "\\b", "(?=a)",
	    "(?!b)", "(?=xyz)", "(?<=abcd)", "(?=[a-z]*hello)", "(?<!xyz)", "[A-C]", "[xX]"};
	static const char *const tails[] = {
	    "", "", "", "?", "*", "+", "{2}", "{0,2}", "{2,}", "+?", "?+", "{0}"};

	for (int n = rand() % 4 + 1; n > 0; n--) {
		size_t atom = (size_t)rand() % (sizeof(atoms) / sizeof(*atoms));

		if (depth > 0 && rand() % 3 == 0) {
			strbuf_puts(out, "(?:");
			build(out, depth - 1);
			if (rand() % 2) {
				strbuf_puts(out, "|");
				build(out, depth - 1);
			}
			strbuf_puts(out, ")");
		} else {
			strbuf_puts(out, atoms[atom]);
			if (!strncmp(atoms[atom], "(?i", 3) || !strncmp(atoms[atom], "(?-", 3))
				continue;
		}
		strbuf_puts(out, tails[(size_t)rand() % (sizeof(tails) / sizeof(*tails))]);
	}
}

static void
test_random_patterns_hold_their_literals(void **state)
{
	size_t with = 0;
	unsigned matched = 0;

	(void)state;
	srand(2);
	for (int i = 0; i < 1000; i++) {
		struct strbuf text = {0};
		size_t literals = 0;

		build(&text, 3);
		if (compiles(text.text))
			matched += try_pattern(text.text, rand() % 4 == 0, &literals);
		with += literals > 0;
		strbuf_fini(&text);
	}
	if (with < 200 || matched < 30000)
		fail_msg("only %zu patterns with literals, %u lines", with, matched);
}

static void
assert_literals(const char *pattern, size_t n, const char *const *want)
{
	struct subject s;

	subject_make(&s, pattern, false);
	if (s.n != n)
		fail_msg("%s: %zu literals, '%s'", pattern, s.n, s.n ? s.literals[0].text : "");
	for (size_t i = 0; i < n; i++)
		assert_string_equal(s.literals[i].text, want[i]);
	subject_free(&s);
}

static void
test_what_stands_ahead_or_behind_counts(void **state)
{
	(void)state;
	assert_literals("^\\S+ (?=[^\"]+ wrong key)\\S+$", 1, (const char *[]){" wrong key"});
	assert_literals("^\\w+(?<=quux)\\d+$", 1, (const char *[]){"quux"});
	assert_literals("^\\d+xq(?=zj).*$", 1, (const char *[]){"xqzj"});
	assert_literals("^\\w+(?<=xq)zj\\d+$", 1, (const char *[]){"xqzj"});
	assert_literals("^\\S+ (?!.*wrong key)\\S+$", 0, NULL);
	assert_literals("^\\S+(?:(?=.*wrong key)x)?\\S+$", 0, NULL);
	assert_literals("^\\S+(?:(?=.*wrong key)x|y)\\S+$", 0, NULL);
}

/* Alternatives of which some are not known to their end still touch what stands around them. */
static void
test_neighbours_are_joined(void **state)
{
	(void)state;
	assert_literals("^\\d+ (?:Failed|Invalid) (?:key|qid)\\d", 4,
	    (const char *[]){" Failed key", " Failed qid", " Invalid key", " Invalid qid"});
	assert_literals("^\\d+ xq(?:zj\\d+|vk\\S*) ", 2, (const char *[]){" xqzj", " xqvk"});
	assert_literals("^(?:\\d+zj|\\S*vk)xq ", 2, (const char *[]){"zjxq ", "vkxq "});
	assert_literals("^(?:(?:\\d+zj|\\S*vk)xq|\\S*jqzv)kw ", 3,
	    (const char *[]){"zjxqkw ", "vkxqkw ", "jqzvkw "});
	assert_literals("^(?:\\d+zj|\\S*)xqjq ", 1, (const char *[]){"xqjq "});
	assert_literals("^\\d(?:zj\\d+)?xqjq ", 1, (const char *[]){"xqjq "});
}

static void
test_the_rare_and_long_is_chosen(void **state)
{
	(void)state;
	assert_literals(
	    "^Failed password for .* from \\d+", 1, (const char *[]){"Failed password for "});
	assert_literals("^(?:GET|POST) /wp-login\\.php", 1, (const char *[]){" /wp-login.php"});
	assert_literals(
	    "^\\d+ (?:reset by|closed by) x", 2, (const char *[]){"reset by x", "closed by x"});
	assert_literals("^(?:abcd|abcdef)", 1, (const char *[]){"abcd"});
	/* What all lines of a program hold is not taken, as long as it may be. */
	assert_literals("^Connection closed by .* (?:refused key|bad) .*$", 2,
	    (const char *[]){" refused key ", " bad "});
	assert_literals("^\\S+ \\[\\S+\\] \"GET \\S+ HTTP/1\\.1\" 401 ", 1,
	    (const char *[]){" HTTP/1.1\" 401 "});
	assert_literals("^Disconnected from user .*: late", 1, (const char *[]){": late"});
	assert_literals("^\\d+ \\S+$", 0, NULL);
	assert_literals("^(?:abcd|\\d+)$", 0, NULL);
	assert_literals("^ab$", 0, NULL);
	assert_literals("^(?i)Äb Wrong", 1,
	    (const char *[]){"\xc3\x84"
			     "b wrong"});
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_match_holds_a_literal),
	    cmocka_unit_test(test_random_patterns_hold_their_literals),
	    cmocka_unit_test(test_what_stands_ahead_or_behind_counts),
	    cmocka_unit_test(test_neighbours_are_joined),
	    cmocka_unit_test(test_the_rare_and_long_is_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
