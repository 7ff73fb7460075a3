/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/nearest.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "reader/match.h"

struct reach {
	size_t at, regex_at, regex_len;
};

DEFINE_FREEP(pcre2_code, pcre2_code_free)
DEFINE_FREEP(pcre2_match_data, pcre2_match_data_free)
DEFINE_FREEP(pcre2_match_context, pcre2_match_context_free)

/* Called before each item. A catch-all runs over the whole line, so the place in the pattern
 * decides. */
static int
on_item(pcre2_callout_block *b, void *ctx)
{
	struct reach *r = ctx;

	if (b->pattern_position < r->regex_at ||
	    (b->pattern_position == r->regex_at && b->current_position <= r->at))
		return 0;
	r->regex_at = b->pattern_position;
	r->regex_len = b->next_item_length;
	r->at = b->current_position;
	return 0;
}

static void
try(const struct image *img, const struct image_pattern *p, const char *text, size_t n,
    struct reach *out)
{
	uint32_t options = PATTERN_PCRE2_OPTIONS | PCRE2_AUTO_CALLOUT | PCRE2_NO_START_OPTIMIZE |
			   (p->caseless ? PCRE2_CASELESS : 0);
	_cleanup_(pcre2_code_freep) pcre2_code *code = NULL;
	_cleanup_(pcre2_match_data_freep) pcre2_match_data *data = NULL;
	_cleanup_(pcre2_match_context_freep) pcre2_match_context *context = NULL;
	PCRE2_SIZE where;
	int error;

	*out = (struct reach){0, 0, 0};
	code = pcre2_compile((PCRE2_SPTR)image_str(img, p->regex), PCRE2_ZERO_TERMINATED, options,
	    &error, &where, NULL);
	context = pcre2_match_context_create(NULL);
	if (!code || !context)
		return;
	data = pcre2_match_data_create_from_pattern(code, NULL);
	if (!data)
		return;
	pcre2_set_match_limit(context, MATCH_LIMIT);
	pcre2_set_callout(context, on_item, out);
	pcre2_match(code, (PCRE2_SPTR)text, n, 0, 0, data, context);
}

bool
nearest_find(
    struct nearest *out, const struct image *img, uint32_t filter, const char *text, size_t n)
{
	struct span all = img->filters[filter].patterns;
	double best = 0;

	for (uint32_t i = all.first; i < all.first + all.n; i++) {
		const struct image_pattern *p = &img->patterns[i];
		struct reach r;
		double share;

		if (p->kind != PATTERN_OFFENCE && p->kind != PATTERN_FORGIVE)
			continue;
		try(img, p, text, n, &r);
		share = (double)r.regex_at / (strlen(image_str(img, p->regex)) + 1);
		if (r.at == 0 || share <= best)
			continue;
		best = share;
		*out = (struct nearest){i, r.at, r.regex_at, r.regex_len};
	}
	return best > 0;
}
