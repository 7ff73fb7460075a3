/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines through stepwise filters: one that sees a line at a time and knows sessions, one that sees
 * several. Input: lines, the state staying from one input to the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_build.h"
#include "reader/match.h"

#define NOW  (1793613600 * USEC_PER_SEC)
#define ADDR "(?<addr>[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*|[0-9.]+)"

static const struct build_filter filters[2] = {
    {
	.name = "sessions",
	.patterns =
	    {
		{.kind = PATTERN_PREFIX, .regex = "^\\s*(?<session>\\S+): (?<content>.+)$"},
		{.kind = PATTERN_IGNORE, .regex = "^failed x"},
		{.kind = PATTERN_OFFENCE,
		    .regex = "^failed (?<user>.*?)(?: (?<alt_user_1>\\w+))? from " ADDR
			     "(?:/(?<cidr>\\d+))?"},
		{.kind = PATTERN_OFFENCE, .regex = "^(?<noted>c)onnect (?<name>\\S+)"},
		{.kind = PATTERN_OFFENCE, .regex = "(?<id>\\w+),(?<tuple_id>\\w*)"},
		{.kind = PATTERN_OFFENCE, .regex = "^(?<cleared>ok)(?<user>.*)"},
		{.kind = PATTERN_OFFENCE, .regex = "^end(?<ends>.?)"},
	    },
    },
    {
	.name = "lines",
	.patterns =
	    {
		{.kind = PATTERN_IGNORE, .regex = "ignore"},
		{.kind = PATTERN_OFFENCE,
		    .regex = "^(\\w+) from " ADDR "\\n(?<skiplines0>(?:.*\\n)*?)^\\g{1} failed\\n"
			     "(?<skiplines1>(?:.*\\n)*?)^end$"},
		{.kind = PATTERN_OFFENCE, .regex = "(?<id>(?:a|b|\\s)*)x"},
	    },
    },
};

static const struct image_date dates[] = {
    {.anchored = 1},
    {.anchored = 0},
    {.anchored = 0},
};
static const char *const regexes[] = {
    "^\\W{0,2}((?<month_name>[A-Z][a-z]{2}) (?<day>[ 0-9]?[0-9]) (?<hour>\\d+):(?<minute>\\d+))",
    "((?<year>[0-9]{4})-(?<yearday>[0-9]{1,3})(?<zone>[A-Z]+[+-]?[0-9:]*)?)",
    "((?<long_epoch>[0-9]{10,16}(?:\\.[0-9]+)?)|(?<tai64n>@[0-9a-f]{24})|(?<epoch>e[0-9]+))",
};

static void
on_hit(void *ctx, const struct hit *h)
{
	size_t n = *(size_t *)ctx;

	if (h->line_start > h->line_end || h->line_end > n || !h->offence.addr.family ||
	    h->offence.time > NOW + 2 * USEC_PER_SEC)
		abort();
}

static void
make(struct lane **lane)
{
	struct image_build *b = image_build_new();
	struct lane_filter as[2];
	static struct image img;
	struct engine *e;
	char *error;

	for (uint32_t i = 0; i < 3; i++) {
		struct image_date d = dates[i];

		d.regex = image_build_str(b, regexes[i]);
		image_build_add(b, IMAGE_DATES, &d);
		image_build_add(b, IMAGE_DATE_LISTS, &i);
	}
	for (size_t i = 0; i < 2; i++) {
		struct image_filter *f;

		as[i] = (struct lane_filter){image_build_filter(b, &filters[i]), UINT32_MAX};
		f = image_build_at(b, IMAGE_FILTERS, as[i].filter);
		f->lines = i ? 5 : 1;
		f->dates = (struct span){0, 3};
	}
	image_build_open(b, &img);
	if (engine_new(&e, &img, &error) < 0 || lane_new(lane, e, as, 2) < 0)
		abort();
	image_build_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lane *lane;
	struct lane_counts counts = {0};
	struct lane_sink sink = {on_hit, &n, &counts, NULL};
	struct lane_message m = {.text = (const char *)data,
	    .len = n,
	    .program = "kernel",
	    .program_len = 6,
	    .host = (const char *)data,
	    .host_len = n < 8 ? n : 8,
	    .pid = "1",
	    .pid_len = 1,
	    .time = NOW,
	    .monotonic = NOW,
	    .journal = true};

	if (!lane)
		make(&lane);
	lane_block(lane, (const char *)data, n, NOW, &sink);
	lane_message(lane, &m, NOW, &sink);
	return 0;
}
