/* links: conf reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The scan loses nothing: on examples, on texts made from the patterns, on changed ones, on noise,
 * a lane finds exactly the hits that come out when each pattern is tried by PCRE2 on each line,
 * with all shipped filters and for each variant of the scan. SEED varies what is random.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf_world.h"

#include <ftw.h>
#include <pcre2.h>
#include <stdlib.h>

#include "reader/header.h"
#include "reader/match.h"
#include "reader/remember.h"
#include "reader/scan.h"
#include "regex_text.h"

#define MATCHES_PER_PATTERN 40
#define MATCHES_AT_LEAST    10
#define TRIES_PER_PATTERN   4000
#define CHANGES_PER_LINE    2
#define NOISE_LINES         3000
#define LONG_LINES          60
#define LINES_PER_BLOCK     400
#define LANES_TOGETHER      3
#define LANE_FILTERS        64

/* A pattern without a literal, one with the shortest, and what is to be ignored, without one, too.
 */
static const char routed[] = "filter: routed\n"
			     "about: patterns without a literal\n"
			     "sources:\n"
			     "  - file: [/var/log/routed.log]\n"
			     "program: [probed, 'agent*/probe']\n"
			     "offences:\n"
			     "  - match: '^\\w+ \\d+ <addr>$'\n"
			     "  - match: '^<addr> \\w*qx7$'\n"
			     "ignore: ['^\\w+ \\d*7 \\S+$']\n"
			     "examples:\n"
			     "  - line: 'x 1 192.0.2.1'\n"
			     "    gives: 192.0.2.1\n"
			     "  - line: '192.0.2.1 aqx7'\n"
			     "    gives: 192.0.2.1\n"
			     "  - line: 'x 17 192.0.2.1'\n"
			     "    gives: none\n";

struct line {
	const char *text;
	size_t len;
	uint32_t pattern; /* of which it was made, or any */
};

struct block {
	const char *text;
	size_t len;
};

struct found {
	size_t block, start, end, user, user_len;
	uint32_t filter, pattern;
	enum pattern_kind kind;
	struct addr addr;
};

struct property {
	struct world conf;
	struct image img;
	struct engine *engine;
	struct arena arena;
	struct text_maker maker;
	pcre2_code **codes; /* as IMAGE_PATTERNS */
	struct regex **trees;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	struct list lines;  /* of struct line */
	struct list blocks; /* of struct block */
	/* of the lane under work */
	struct lane_filter as[LANE_FILTERS];
	size_t n_as;
	struct remember *memory;
	struct list want, got; /* of struct found */
	bool messages;         /* a block is one line, as from a journal */
	size_t block;
	const char *base; /* of its text */
	size_t compared;
	bool *hit; /* as IMAGE_PATTERNS: found at least once */
};

static uint32_t
rnd(struct property *p, uint32_t n)
{
	return text_random(&p->maker, n);
}

/* ---- lines ---- */

static void
add_line(struct property *p, const char *text, size_t n, uint32_t pattern)
{
	struct line *l = list_add(&p->arena, &p->lines, sizeof(*l));

	*l = (struct line){arena_dup(&p->arena, text, n), n, pattern};
}

/* A program that fits a glob. */
static void
add_program(struct property *p, struct strbuf *out, const char *glob)
{
	for (; *glob; glob++) {
		if (*glob != '*')
			strbuf_add(out, *glob == '?' ? "x" : glob, 1);
		else if (rnd(p, 2))
			strbuf_puts(out, "-x1");
	}
	if (!out->len || rnd(p, 20) == 0)
		strbuf_puts(out, "other");
}

static void
add_with_header(struct property *p, uint32_t filter, const char *text, size_t n, uint32_t pattern)
{
	static const char *const before[] = {"Nov 21 10:15:01 web01 ", "Nov  1 10:15:01 web01 ",
	    "2026-11-21T10:15:02.113482+01:00 mail ", "<38>Nov 21 10:15:01 web01 ", "",
	    "2026-11-21T10:15:02Z 2001:db8::1 ", "Nov 21 10:15:01 "};
	static const char *const after[] = {"[4711]: ", ": ", "[1]: ", ":", " "};
	_cleanup_(strbuf_fini) struct strbuf line = {0}, program = {0};
	struct span programs = p->img.filters[filter].programs;

	add_program(p, &program, image_list(&p->img, programs, rnd(p, programs.n)));
	strbuf_puts(&line, before[rnd(p, sizeof(before) / sizeof(*before))]);
	strbuf_add(&line, program.text, program.len);
	strbuf_puts(&line, after[rnd(p, 3) ? 0 : rnd(p, sizeof(after) / sizeof(*after))]);
	strbuf_add(&line, text, n);
	add_line(p, line.text, line.len, pattern);
}

/* As the sources of the filter write it, and sometimes as others would. */
static void
add_text(struct property *p, uint32_t filter, const char *text, size_t n, uint32_t pattern)
{
	if (p->img.filters[filter].programs.n && rnd(p, 4))
		add_with_header(p, filter, text, n, pattern);
	else
		add_line(p, text, n, pattern);
}

static void
add_examples(struct property *p)
{
	for (uint32_t i = 0; i < image_count(&p->img, IMAGE_EXAMPLES); i++) {
		const struct image_example *x = &p->img.examples[i];

		for (uint32_t k = 0; k < x->lines.n; k++) {
			const char *text = image_list(&p->img, x->lines, k);

			add_line(p, text, strlen(text), UINT32_MAX);
			if (p->img.filters[x->filter].programs.n && !x->whole)
				add_with_header(p, x->filter, text, strlen(text), UINT32_MAX);
		}
	}
}

static bool
matches(const struct property *p, uint32_t pattern, const char *text, size_t n)
{
	return pcre2_match(p->codes[pattern], (PCRE2_SPTR)text, n, 0, 0, p->data, p->context) > 0;
}

static void
add_made(struct property *p, uint32_t pattern)
{
	unsigned matched = 0;

	for (int i = 0; i < TRIES_PER_PATTERN && matched < MATCHES_PER_PATTERN; i++) {
		const struct strbuf *out = &p->maker.out;

		text_of(&p->maker, p->trees[pattern]);
		if (!matches(p, pattern, out->text, out->len))
			continue;
		matched++;
		add_text(p, p->img.patterns[pattern].filter, out->text, out->len, pattern);
	}
	if (matched < MATCHES_AT_LEAST)
		fail_msg("%s:%u: only %u texts that match were made",
		    image_str(&p->img, p->img.patterns[pattern].file),
		    p->img.patterns[pattern].line, matched);
}

static void
change(struct property *p, struct strbuf *s)
{
	static const char *const pieces[] = {"\r", " ", "\"", "\\", "'", "x", "]", "\x1b[0m"};
	const struct line *all = p->lines.items, *other = &all[rnd(p, (uint32_t)p->lines.n)];
	size_t at = s->len ? rnd(p, (uint32_t)s->len) : 0;
	const char *piece;
	char c;

	switch (s->len ? rnd(p, 8) : 7) {
	case 0: /* the other case of some letters */
		for (size_t i = at; i < s->len && i < at + 12; i++) {
			if ((s->text[i] | 32) >= 'a' && (s->text[i] | 32) <= 'z')
				s->text[i] ^= 32;
		}
		break;
	case 1:
		s->text[at] = (char)(rnd(p, 3) ? 32 + rnd(p, 95) : rnd(p, 256));
		break;
	case 2: /* cut off */
		s->len = at;
		break;
	case 3: /* cut out */
		c = (char)(1 + rnd(p, 4));
		if (at + (size_t)c < s->len) {
			memmove(s->text + at, s->text + at + c, s->len - at - (size_t)c);
			s->len -= (size_t)c;
		}
		break;
	case 4: /* goes on as another line does */
		s->len = at;
		if (other->len) {
			at = rnd(p, (uint32_t)other->len);
			strbuf_add(s, other->text + at, other->len - at);
		}
		break;
	case 5:
		strbuf_puts(s, "\r");
		break;
	case 6: /* a whole line in front */
		strbuf_add(s, other->text, other->len);
		break;
	default:
		piece = pieces[rnd(p, sizeof(pieces) / sizeof(*pieces))];
		strbuf_puts(s, piece);
	}
}

static void
add_changed(struct property *p)
{
	size_t n = p->lines.n;

	for (size_t i = 0; i < n; i++) {
		for (int c = 0; c < CHANGES_PER_LINE; c++) {
			const struct line *l = (const struct line *)p->lines.items + i;
			_cleanup_(strbuf_fini) struct strbuf s = {0};

			strbuf_add(&s, l->text, l->len);
			for (uint32_t k = rnd(p, 2) + 1; k > 0; k--)
				change(p, &s);
			add_line(p, s.text ? s.text : "", s.len, UINT32_MAX);
		}
	}
}

/* Around the bound, of lines that match without their end. */
static void
add_long(struct property *p)
{
	static const size_t lens[] = {LINE_MAX_BYTES - 1, LINE_MAX_BYTES, LINE_MAX_BYTES + 1,
	    LINE_MAX_BYTES + 2, 2 * LINE_MAX_BYTES};
	size_t n = p->lines.n;

	for (int i = 0; i < LONG_LINES; i++) {
		const struct line *l = (const struct line *)p->lines.items + rnd(p, (uint32_t)n);
		size_t want = lens[rnd(p, sizeof(lens) / sizeof(*lens))];
		_cleanup_(strbuf_fini) struct strbuf s = {0};

		strbuf_add(&s, l->text, l->len);
		while (s.len < want)
			strbuf_add(&s, "xxxxxxxxxxxxxxxx", want - s.len < 16 ? want - s.len : 16);
		add_line(p, s.text, s.len, UINT32_MAX);
	}
}

static void
add_noise(struct property *p)
{
	char text[300];

	for (int i = 0; i < NOISE_LINES; i++) {
		size_t n = rnd(p, sizeof(text));
		uint32_t spread = rnd(p, 2) ? 256 : 95;

		for (size_t k = 0; k < n; k++)
			text[k] = (char)(spread == 95 ? 32 + rnd(p, 95) : rnd(p, 256));
		add_line(p, text, n, UINT32_MAX);
	}
}

static struct property *reading;

static int
add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char line[4096];
	FILE *f;

	(void)st;
	(void)ftw;
	f = type == FTW_F ? fopen(path, "r") : NULL;
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		add_line(reading, line, strcspn(line, "\n"), UINT32_MAX);
	fclose(f);
	return 0;
}

/* The lines that other tests work with, and what stands around them. */
static void
add_data(struct property *p)
{
	size_t before = p->lines.n;

	reading = p;
	assert_int_equal(nftw("tests/golden", add_file, 16, FTW_PHYS), 0);
	assert_int_equal(nftw("tests/netns", add_file, 16, FTW_PHYS), 0);
	assert_true(p->lines.n > before + 1000);
}

/* In random order. Some last lines have no newline yet. */
static void
make_blocks(struct property *p)
{
	struct line *l = p->lines.items;

	for (size_t i = p->lines.n - 1; i > 0; i--) {
		size_t k = rnd(p, (uint32_t)i + 1);
		struct line other = l[k];

		l[k] = l[i];
		l[i] = other;
	}
	for (size_t i = 0; i < p->lines.n;) {
		struct block *b = list_add(&p->arena, &p->blocks, sizeof(*b));
		_cleanup_(strbuf_fini) struct strbuf s = {0};
		size_t n = 1 + rnd(p, LINES_PER_BLOCK);

		for (; n > 0 && i < p->lines.n; n--, i++) {
			strbuf_add(&s, l[i].text, l[i].len);
			if (n > 1 || l[i].len > LINE_MAX_BYTES / 2 || rnd(p, 4))
				strbuf_puts(&s, "\n");
		}
		*b = (struct block){arena_dup(&p->arena, s.text ? s.text : "", s.len), s.len};
	}
}

/* ---- the reference ---- */

static bool
group(const struct property *p, uint32_t pattern, const char *name, const char *text,
    const char **out, size_t *n)
{
	const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(p->data);
	PCRE2_SPTR first, last;
	int size =
	    pcre2_substring_nametable_scan(p->codes[pattern], (PCRE2_SPTR)name, &first, &last);

	for (PCRE2_SPTR e = first; size > 0 && e <= last; e += size) {
		uint32_t g = (uint32_t)e[0] << 8 | e[1];

		if (ovector[2 * g] == PCRE2_UNSET)
			continue;
		*out = text + ovector[2 * g];
		*n = ovector[2 * g + 1] - ovector[2 * g];
		return true;
	}
	return false;
}

static uint64_t
session_of(const struct property *p, uint32_t filter, const char *text, size_t n)
{
	return hash_bytes(&p->img.settings->user_key, text, n) + filter * 0x9e3779b97f4a7c15u;
}

/* What a match says: true when the filter is done with the line. */
static bool
take_match(struct property *p, uint32_t pattern, const char *text, struct found *f)
{
	const struct image_pattern *ip = &p->img.patterns[pattern];
	const char *at, *session, *user;
	size_t n, session_len, user_len;
	bool has_addr = group(p, pattern, "addr", text, &at, &n);
	bool has_session = group(p, pattern, "session", text, &session, &session_len);
	bool known = has_addr && addr_parse(&f->addr, at, n) == 0;

	if (ip->kind == PATTERN_IGNORE)
		return true;
	if (ip->kind == PATTERN_REMEMBER) {
		if (has_session && known)
			remember_put(
			    p->memory, session_of(p, ip->filter, session, session_len), &f->addr);
		return false;
	}
	if (!has_addr && has_session)
		known = remember_get(
		    p->memory, session_of(p, ip->filter, session, session_len), &f->addr);
	if (!known)
		return true;
	f->filter = ip->filter;
	f->pattern = pattern;
	f->kind = ip->kind;
	f->user = f->user_len = 0;
	if (group(p, pattern, "user", text, &user, &user_len)) {
		f->user = (size_t)(user - p->base);
		f->user_len = user_len;
	}
	p->hit[pattern] = true;
	*(struct found *)list_add(&p->arena, &p->want, sizeof(*f)) = *f;
	return true;
}

static void
try_filter(struct property *p, uint32_t filter, const char *text, size_t n, struct found *f)
{
	static const uint8_t turn_of[] = {[PATTERN_REMEMBER] = 0,
	    [PATTERN_IGNORE] = 1,
	    [PATTERN_OFFENCE] = 2,
	    [PATTERN_FORGIVE] = 2};
	struct span all = p->img.filters[filter].patterns;

	for (int turn = 0; turn < 3; turn++) {
		for (uint32_t i = all.first; i < all.first + all.n; i++) {
			if (turn_of[p->img.patterns[i].kind] == turn && matches(p, i, text, n) &&
			    take_match(p, i, text, f))
				return;
		}
	}
}

static bool
has_header(const struct property *p, const struct lane_filter *as)
{
	return as->source == UINT32_MAX ? p->img.filters[as->filter].programs.n > 0
					: p->img.sources[as->source].header == HEADER_SYSLOG;
}

static bool
fits(const struct property *p, uint32_t filter, const char *program, size_t n)
{
	struct span programs = p->img.filters[filter].programs;

	for (uint32_t i = 0; i < programs.n; i++) {
		if (header_program_fits(image_list(&p->img, programs, i), program, n))
			return true;
	}
	return programs.n == 0;
}

static void
want_line(struct property *p, const char *text, size_t n, struct found *f)
{
	struct header h;
	bool cut;

	if (n > LINE_MAX_BYTES)
		return;
	if (n && text[n - 1] == '\r')
		n--;
	cut = header_cut(&h, text, n);
	for (size_t i = 0; i < p->n_as; i++) {
		uint32_t filter = p->as[i].filter;

		if (!has_header(p, &p->as[i]))
			try_filter(p, filter, text, n, f);
		else if (cut && fits(p, filter, h.program, h.program_len))
			try_filter(p, filter, h.message, h.message_len, f);
	}
}

/* A program of the filter that the line was made for, or of any: in any run the same. */
static const char *
program_of(const struct property *p, const struct line *l, size_t index)
{
	static char text[64];
	uint32_t filter = l->pattern != UINT32_MAX
			      ? p->img.patterns[l->pattern].filter
			      : (uint32_t)(index % image_count(&p->img, IMAGE_FILTERS));
	struct span programs = p->img.filters[filter].programs;
	const char *glob = programs.n ? image_list(&p->img, programs, 0) : NULL;
	size_t n = 0;

	for (; glob && *glob && n + 1 < sizeof(text); glob++) {
		if (*glob != '*')
			text[n++] = *glob == '?' ? 'x' : *glob;
	}
	text[n] = '\0';
	return glob ? text : NULL;
}

static void
want_message(struct property *p, const struct line *l, const char *program, struct found *f)
{
	size_t n = l->len && l->text[l->len - 1] == '\r' ? l->len - 1 : l->len;

	if (l->len > LINE_MAX_BYTES)
		return;
	for (size_t i = 0; i < p->n_as; i++) {
		uint32_t filter = p->as[i].filter;

		if (!has_header(p, &p->as[i]) || !p->img.filters[filter].programs.n ||
		    (program && fits(p, filter, program, strlen(program))))
			try_filter(p, filter, l->text, n, f);
	}
}

/* The lines as messages that came without a header. */
static void
make_want_messages(struct property *p)
{
	const struct line *l = p->lines.items;

	p->want.n = 0;
	assert_int_equal(remember_new(&p->memory, REMEMBER_SESSIONS), 0);
	for (p->block = 0; p->block < p->lines.n; p->block++) {
		struct found f = {.block = p->block, .end = l[p->block].len};

		p->base = l[p->block].text;
		want_message(p, &l[p->block], program_of(p, &l[p->block], p->block), &f);
	}
	remember_free(p->memory);
}

/* Every pattern of the lane on every line. */
static void
make_want(struct property *p)
{
	const struct block *b = p->blocks.items;

	p->want.n = 0;
	assert_int_equal(remember_new(&p->memory, REMEMBER_SESSIONS), 0);
	for (p->block = 0; p->block < p->blocks.n; p->block++) {
		const char *text = p->base = b[p->block].text;

		for (size_t at = 0; at < b[p->block].len;) {
			const char *newline = memchr(text + at, '\n', b[p->block].len - at);
			size_t end = newline ? (size_t)(newline - text) : b[p->block].len;
			struct found f = {
			    .block = p->block, .start = at, .end = end + (newline != NULL)};

			want_line(p, text + at, end - at, &f);
			at = f.end;
		}
	}
	remember_free(p->memory);
}

/* ---- the lane ---- */

static void
on_hit(void *ctx, const struct hit *h)
{
	struct property *p = ctx;
	struct found *f = list_add(&p->arena, &p->got, sizeof(*f));

	*f = (struct found){.block = p->block,
	    .start = h->line_start,
	    .end = h->line_end,
	    .filter = h->offence.filter,
	    .pattern = h->offence.pattern,
	    .kind = h->kind,
	    .addr = h->offence.addr};
	if (h->user) {
		f->user = (size_t)(h->user - p->base);
		f->user_len = h->user_len;
	}
}

static void
make_got(struct property *p)
{
	const struct block *b = p->blocks.items;
	struct lane_counts counts = {0};
	struct lane_sink sink = {.on_hit = on_hit, .ctx = p, .counts = &counts};
	struct lane *l = NULL;

	p->got.n = 0;
	assert_int_equal(lane_new(&l, p->engine, p->as, p->n_as), 0);
	for (p->block = 0; p->block < p->blocks.n; p->block++) {
		/* In an allocation of its own, so that a sanitizer sees reads behind it. */
		char *copy = malloc(b[p->block].len);

		assert_non_null(copy);
		memcpy(copy, b[p->block].text, b[p->block].len);
		p->base = copy;
		lane_block(l, copy, b[p->block].len, NOW, &sink);
		free(copy);
	}
	lane_free(l);
}

static void
make_got_messages(struct property *p)
{
	const struct line *l = p->lines.items;
	struct lane_counts counts = {0};
	struct lane_sink sink = {.on_hit = on_hit, .ctx = p, .counts = &counts};
	struct lane *lane = NULL;

	p->got.n = 0;
	assert_int_equal(lane_new(&lane, p->engine, p->as, p->n_as), 0);
	for (p->block = 0; p->block < p->lines.n; p->block++) {
		const char *program = program_of(p, &l[p->block], p->block);
		struct lane_message m = {.text = l[p->block].text,
		    .len = l[p->block].len,
		    .program = program,
		    .program_len = program ? strlen(program) : 0,
		    .time = NOW};

		p->base = m.text;
		lane_message(lane, &m, NOW, &sink);
	}
	lane_free(lane);
}

static bool
same(const struct found *a, const struct found *b)
{
	return a->block == b->block && a->start == b->start && a->end == b->end &&
	       a->filter == b->filter && a->pattern == b->pattern && a->kind == b->kind &&
	       a->user == b->user && a->user_len == b->user_len && addr_equal(&a->addr, &b->addr);
}

static void
complain(const struct property *p, const struct found *f, const char *what, const char *variant)
{
	const struct image_pattern *ip = &p->img.patterns[f->pattern];
	const char *text = p->messages ? ((const struct line *)p->lines.items)[f->block].text
				       : ((const struct block *)p->blocks.items)[f->block].text;
	size_t n = f->end - f->start;

	fail_msg("scan %s, %zu filters: %s by %s:%u:\n%.*s", variant, p->n_as, what,
	    image_str(&p->img, ip->file), ip->line, (int)(n < 1000 ? n : 1000), text + f->start);
}

static void
compare(const struct property *p, const char *variant)
{
	const struct found *want = p->want.items, *got = p->got.items;

	for (size_t i = 0; i < p->want.n || i < p->got.n; i++) {
		if (i == p->got.n)
			complain(p, &want[i], "lost", variant);
		if (i == p->want.n)
			complain(p, &got[i], "not to be found", variant);
		if (!same(&want[i], &got[i]))
			complain(p, &want[i], "lost, or not in its turn", variant);
	}
}

static void
check_lane(struct property *p)
{
	const char *const *variants = scan_variants();

	(p->messages ? make_want_messages : make_want)(p);
	assert_non_null(variants[0]);
	for (; *variants; variants++) {
		assert_int_equal(scan_force(*variants), 0);
		(p->messages ? make_got_messages : make_got)(p);
		compare(p, *variants);
		p->compared += p->want.n;
	}
	assert_int_equal(scan_force(NULL), 0);
}

/* ---- all of it ---- */

static void
make_patterns(struct property *p)
{
	uint32_t n = image_count(&p->img, IMAGE_PATTERNS);

	p->codes = arena_array(&p->arena, n, sizeof(*p->codes));
	p->trees = arena_array(&p->arena, n, sizeof(*p->trees));
	p->hit = arena_array(&p->arena, n, sizeof(*p->hit));
	p->data = pcre2_match_data_create(64, NULL);
	p->context = pcre2_match_context_create(NULL);
	p->stack = pcre2_jit_stack_create(256 * 1024, 256 * 1024, NULL);
	pcre2_set_match_limit(p->context, MATCH_LIMIT);
	pcre2_jit_stack_assign(p->context, NULL, p->stack);
	for (uint32_t i = 0; i < n; i++) {
		const struct image_pattern *ip = &p->img.patterns[i];
		const char *regex = image_str(&p->img, ip->regex);
		struct regex_error error;
		PCRE2_SIZE at;
		int e;

		p->codes[i] = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
		    PATTERN_PCRE2_OPTIONS | (ip->caseless ? PCRE2_CASELESS : 0), &e, &at, NULL);
		assert_non_null(p->codes[i]);
		pcre2_jit_compile(p->codes[i], PCRE2_JIT_COMPLETE);
		assert_int_equal(regex_parse(&p->trees[i], &p->arena, regex, strlen(regex),
				     ip->caseless, &error),
		    0);
	}
}

static int
set_up(void **state)
{
	struct property *p = calloc(1, sizeof(*p));
	const char *seed = getenv("SEED");
	char *error = NULL;

	assert_non_null(p);
	p->maker.random = (seed ? strtoull(seed, NULL, 10) : 1) * 0x9e3779b97f4a7c15u | 1;
	printf("SEED=%s\n", seed ? seed : "1");
	world_open(&p->conf);
	p->conf.shipped = ".";
	put(&p->conf, "etc/filters.d/routed.yaml", routed);
	load_fine(&p->conf);
	image_of(&p->conf, &p->img);
	assert_int_equal(engine_new(&p->engine, &p->img, &error), 0);
	make_patterns(p);
	add_examples(p);
	for (uint32_t i = 0; i < image_count(&p->img, IMAGE_PATTERNS); i++)
		add_made(p, i);
	add_changed(p);
	add_long(p);
	add_noise(p);
	add_data(p);
	make_blocks(p);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct property *p = *state;

	printf("%zu lines, %zu hits compared\n", p->lines.n, p->compared);
	for (uint32_t i = 0; i < image_count(&p->img, IMAGE_PATTERNS); i++)
		pcre2_code_free(p->codes[i]);
	pcre2_match_data_free(p->data);
	pcre2_match_context_free(p->context);
	pcre2_jit_stack_free(p->stack);
	engine_free(p->engine);
	image_close(&p->img);
	text_maker_fini(&p->maker);
	arena_fini(&p->arena);
	world_close(&p->conf);
	free(p);
	return 0;
}

/* The filter's first source with this header, or the guess. */
static uint32_t
source_with(const struct property *p, uint32_t filter, uint8_t header)
{
	struct span all = p->img.filters[filter].sources;

	for (uint32_t i = all.first; i < all.first + all.n; i++) {
		if (p->img.sources[i].header == header)
			return i;
	}
	return UINT32_MAX;
}

static void
test_all_filters_together(void **state)
{
	static const int headers[LANES_TOGETHER] = {-1, HEADER_SYSLOG, HEADER_NONE};
	struct property *p = *state;

	for (int k = 0; k < LANES_TOGETHER; k++) {
		p->n_as = image_count(&p->img, IMAGE_FILTERS);
		assert_in_range(p->n_as, 30, LANE_FILTERS);
		for (uint32_t i = 0; i < p->n_as; i++)
			p->as[i] = (struct lane_filter){i,
			    headers[k] < 0 ? UINT32_MAX : source_with(p, i, (uint8_t)headers[k])};
		check_lane(p);
		assert_true(p->want.n > 2000);
	}
}

/* Fewer literals let the scan choose otherwise. */
static void
test_each_filter_alone(void **state)
{
	struct property *p = *state;

	for (uint32_t i = 0; i < image_count(&p->img, IMAGE_FILTERS); i++) {
		p->n_as = 1;
		p->as[0] = (struct lane_filter){i, UINT32_MAX};
		check_lane(p);
		assert_true(p->want.n > 0);
	}
}

static void
test_messages(void **state)
{
	struct property *p = *state;

	p->messages = true;
	p->n_as = image_count(&p->img, IMAGE_FILTERS);
	for (uint32_t i = 0; i < p->n_as; i++)
		p->as[i] = (struct lane_filter){i, UINT32_MAX};
	check_lane(p);
	p->messages = false;
}

/* Or else one that is lost would not be missed. */
static void
test_every_pattern_had_a_hit(void **state)
{
	struct property *p = *state;

	for (uint32_t i = 0; i < image_count(&p->img, IMAGE_PATTERNS); i++) {
		enum pattern_kind kind = p->img.patterns[i].kind;

		if (!p->hit[i] && (kind == PATTERN_OFFENCE || kind == PATTERN_FORGIVE))
			fail_msg("%s:%u has no hit", image_str(&p->img, p->img.patterns[i].file),
			    p->img.patterns[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_filters_together),
	    cmocka_unit_test(test_each_filter_alone),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_every_pattern_had_a_hit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
