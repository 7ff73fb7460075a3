/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "reader/mode.h"
#include "reader/pattern.h"
#include "reader/scan.h"

#define ADDRESSES_MAX 10000
#define SLOTS         32768 /* a power of two, well above ADDRESSES_MAX */
#define NEAR_MISSES   20

struct source {
	struct addr addr;
	uint64_t offences, forgives, points;
};

struct test {
	const struct mode *m;
	struct lane *lane;
	struct lane_counts counts;
	uint64_t *hits; /* per pattern of the image */
	struct source *slots;
	size_t n_sources;
	uint64_t unlisted; /* addresses past the maximum: hits of theirs */
	uint64_t near_misses;
	bool settled; /* the running line was matched by some pattern */
	struct strbuf misses;
	/* of the running block */
	const struct mode_file *file;
	const char *block;
	uint64_t lines_before, lines_of_others; /* in its file, in the files before */
};

static struct source *
find_source(struct test *t, const struct addr *a)
{
	uint32_t i = hash_bytes(&t->m->img->settings->user_key, a, sizeof *a) & (SLOTS - 1);

	while (t->slots[i].addr.family && !addr_equal(&t->slots[i].addr, a))
		i = (i + 1) & (SLOTS - 1);
	if (t->slots[i].addr.family)
		return &t->slots[i];
	if (t->n_sources == ADDRESSES_MAX)
		return NULL;
	t->n_sources++;
	t->slots[i].addr = *a;
	return &t->slots[i];
}

static void
on_hit(void *ctx, const struct hit *h)
{
	struct test *t = ctx;
	struct source *s = find_source(t, &h->offence.addr);

	if (!s) {
		t->unlisted++;
	} else if (h->kind == PATTERN_FORGIVE) {
		s->forgives++;
	} else {
		s->offences++;
		s->points += h->offence.points;
	}
}

static void
near_miss(struct test *t, const struct lane_step *s)
{
	struct json j;

	if (t->near_misses++ >= NEAR_MISSES)
		return;
	json_begin(&j, &t->misses);
	json_text(&j, "type", "near_miss");
	json_text(&j, "file", t->file->name);
	json_int(&j, "line", t->lines_before + scan_newlines(t->block, s->text - t->block) + 1);
	json_bytes(&j, "text", s->text, s->len);
	json_end(&j);
}

static void
on_step(void *ctx, const struct lane_step *s)
{
	struct test *t = ctx;

	if (s->kind == STEP_PATTERN && s->answer == PATTERN_MATCHED) {
		t->hits[s->pattern]++;
		t->settled |= t->m->img->patterns[s->pattern].kind != PATTERN_PREFIX;
	} else if (s->kind == STEP_LINE) {
		if (s->candidate && !t->settled)
			near_miss(t, s);
		t->settled = false;
	}
}

static void
on_block(void *ctx, const char *block, size_t n)
{
	struct test *t = ctx;
	struct lane_sink sink = {on_hit, t, &t->counts, NULL};

	t->block = block;
	t->lines_before = t->counts.lines - t->lines_of_others;
	lane_block(t->lane, block, n, t->m->now, &sink);
}

static int
test_file(struct test *t, const struct mode_file *f)
{
	uint32_t filter = t->m->filters[0];
	const struct lane_filter as = {filter, mode_source(t->m->img, filter, f->name)};
	int r = lane_new(&t->lane, t->m->e, &as, 1);

	t->file = f;
	t->lines_of_others = t->counts.lines;
	if (r == 0) {
		lane_trace(t->lane, on_step, t);
		r = mode_read(f->fd, on_block, t, &t->counts);
	}
	lane_free(t->lane);
	t->lane = NULL;
	if (r < 0)
		fprintf(stderr, "guardd-reader: %s: %s\n", f->name, strerror(-r));
	return r < 0 ? MODE_FAILED : MODE_DONE;
}

static void
print_patterns(const struct test *t, struct strbuf *out)
{
	const struct image *img = t->m->img;
	struct span all = img->filters[t->m->filters[0]].patterns;
	struct json j;

	for (uint32_t i = all.first; i < all.first + all.n; i++) {
		json_begin(&j, out);
		json_text(&j, "type", "pattern");
		json_text(&j, "kind", mode_kind(img->patterns[i].kind));
		mode_json_pattern(&j, img, i);
		json_int(&j, "hits", t->hits[i]);
		json_end(&j);
	}
}

/* Most points first; empty slots last. */
static int
by_points(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->points != y->points)
		return x->points > y->points ? -1 : 1;
	if (!x->addr.family != !y->addr.family)
		return x->addr.family ? -1 : 1;
	return addr_cmp(&x->addr, &y->addr);
}

static void
print_addresses(struct test *t, struct strbuf *out)
{
	char text[ADDR_TEXT_MAX];
	struct json j;

	qsort(t->slots, SLOTS, sizeof *t->slots, by_points);
	for (size_t i = 0; i < t->n_sources; i++) {
		json_begin(&j, out);
		json_text(&j, "type", "address");
		json_text(&j, "address", addr_format(&t->slots[i].addr, text));
		json_int(&j, "offences", t->slots[i].offences);
		json_int(&j, "points", t->slots[i].points);
		json_int(&j, "forgives", t->slots[i].forgives);
		json_end(&j);
		if (mode_full(out))
			mode_write(out);
	}
}

static void
print_total(const struct test *t, struct strbuf *out)
{
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "total");
	json_int(&j, "files", t->m->n_files);
	json_int(&j, "lines", t->counts.lines);
	json_int(&j, "candidates", t->counts.candidates);
	json_int(&j, "matched", t->counts.matched);
	json_int(&j, "unexamined", t->counts.unexamined);
	json_int(&j, "undated", t->counts.undated);
	json_int(&j, "future", t->counts.future);
	json_int(&j, "addresses", t->n_sources);
	json_int(&j, "unlisted", t->unlisted);
	json_int(&j, "near_misses", t->near_misses);
	json_end(&j);
}

static void
print(struct test *t)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	print_patterns(t, &out);
	print_addresses(t, &out);
	strbuf_add(&out, t->misses.text ? t->misses.text : "", t->misses.len);
	print_total(t, &out);
	mode_write(&out);
}

int
mode_test(const struct mode *m)
{
	_cleanup_(freep) uint64_t *hits =
	    calloc(image_count(m->img, IMAGE_PATTERNS) + 1, sizeof *hits);
	_cleanup_(freep) struct source *slots = calloc(SLOTS, sizeof *slots);
	struct test t = {.m = m, .hits = hits, .slots = slots};
	int status = MODE_DONE;

	if (!hits || !slots)
		return MODE_FAILED;
	if (m->lines)
		return mode_lines(m);
	for (size_t i = 0; i < m->n_files; i++)
		if (test_file(&t, &m->files[i]) != MODE_DONE)
			status = MODE_FAILED;
	print(&t);
	strbuf_fini(&t.misses);
	return status;
}
