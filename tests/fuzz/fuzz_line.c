/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as a block of lines, and as one message: headers, dates, literals, patterns, sessions.
 */
#include <stdlib.h>
#include <string.h>

#include "image_build.h"
#include "reader/match.h"

#define NOW (1793613600 * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct build_filter filters[] = {
    {
	.name = "login",
	.programs = {"sshd*", "postfix*/smtpd"},
	.patterns =
	    {
		{.kind = PATTERN_REMEMBER,
		    .regex = "^<session>: client=<host>\\[<addr>\\]$",
		    .literals = {": client="}},
		{.kind = PATTERN_IGNORE,
		    .regex = "^Failed password for git ",
		    .literals = {"for git"}},
		{.kind = PATTERN_OFFENCE,
		    .literals = {"Failed password for "},
		    .regex =
			"^Failed password for (?:invalid user )?<user> from <addr> port <port>$"},
		{.kind = PATTERN_OFFENCE,
		    .literals = {"nox", "login fa"},
		    .caseless = true,
		    .regex = "^<session>: (?:nox|login failed)",
		    .points = 3},
		{.kind = PATTERN_FORGIVE,
		    .literals = {"Accepted "},
		    .regex = "^Accepted \\S+ for <user> from <addr> port \\d+"},
	    },
    },
    {
	.name = "access",
	.patterns =
	    {
		{.kind = PATTERN_OFFENCE,
		    .literals = {"\" 401 ", "\" 403 "},
		    .regex = "^<addr> - (?:<user>|-) \\[<time>\\] \"[^\"]*\" 40[13] \\d+$"},
		{.kind = PATTERN_OFFENCE, .regex = "^<time>: bad client <addr>"},
	    },
    },
};

static void
on_hit(void *ctx, const struct hit *h)
{
	size_t n = *(size_t *)ctx;

	if (h->line_start > h->line_end || h->line_end > n || !h->offence.addr.family ||
	    !h->offence.points || h->offence.time > NOW + 2 * USEC_PER_SEC)
		abort();
}

static void
make(struct lane *lanes[2])
{
	struct image_build *b = image_build_new();
	struct lane_filter as[2];
	static struct image img;
	struct engine *e;
	char *error;

	for (size_t i = 0; i < 2; i++)
		as[i] = (struct lane_filter){image_build_filter(b, &filters[i]), UINT32_MAX};
	image_build_open(b, &img);
	if (engine_new(&e, &img, &error) < 0 || lane_new(&lanes[0], e, as, 2) < 0 ||
	    lane_new(&lanes[1], e, as, 1) < 0)
		abort();
	image_build_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lane *lanes[2]; /* one tries a pattern on every line, one only scans */
	struct lane_counts counts = {0};
	struct lane_sink sink = {on_hit, &n, &counts, NULL};
	struct lane_message m = {.text = (const char *)data,
	    .len = n,
	    .program = "sshd",
	    .program_len = 4,
	    .time = USEC_NEVER};

	if (!lanes[0])
		make(lanes);
	for (size_t i = 0; i < 2; i++) {
		lane_block(lanes[i], (const char *)data, n, NOW, &sink);
		lane_message(lanes[i], &m, NOW, &sink);
	}
	return 0;
}
