/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of the judge: a fleet in an image, with trusts, and words of other hosts.
 */
#pragma once

#include "judge_world.h"
#include "wire/msg.h"

struct build_trust {
	const char *hosts[4],
	    *rules[4]; /* rules none: all but "manual"; hosts none ends the array */
	usec_t at_most;
	uint32_t per_minute;
	uint8_t len4, len6; /* 0: 24, 48 */
};

/* share NULL: all. */
static inline void
fleet_build(struct image_build *b, uint32_t bans_max, const char *const *share,
    const struct build_trust *trusts)
{
	struct image_fleet f = {.host = image_build_str(b, "here"),
	    .server = image_build_str(b, "192.0.2.1"),
	    .stream = image_build_str(b, "guardd"),
	    .port = 6379,
	    .bans_max = bans_max,
	    .keep = 7 * DAY,
	    .report = 5 * MIN,
	    .share_all = !share};

	if (share)
		f.share = image_build_list(b, share);
	f.trusts.first = image_build_count(b, IMAGE_TRUSTS);
	for (; trusts && trusts->hosts[0]; trusts++) {
		struct image_trust t = {.hosts = image_build_list(b, trusts->hosts),
		    .at_most = trusts->at_most,
		    .per_minute = trusts->per_minute,
		    .len4 = trusts->len4 ? trusts->len4 : 24,
		    .len6 = trusts->len6 ? trusts->len6 : 48};

		if (trusts->rules[0])
			t.rules = image_build_list(b, trusts->rules);
		image_build_add(b, IMAGE_TRUSTS, &t);
		f.trusts.n++;
	}
	image_build_add(b, IMAGE_FLEETS, &f);
}

/* The rule "fleet/NAME", as guardd-conf makes it. */
static inline void
fleet_rule(struct image_build *b, const char *name, bool dry)
{
	uint32_t i = image_build_rule(
	    b, &(struct build_rule){.name = name, .points = 1, .duration = DAY, .dry_run = dry});

	((struct image_rule *)image_build_at(b, IMAGE_RULES, i))->foreign = 1;
}

static inline struct msg_fleet
foreign_ban(const char *text, const char *rule, usec_t since, usec_t until)
{
	struct msg_fleet b = {.prefix = prefix(text),
	    .reason = FLEET_POINTS,
	    .number = 10,
	    .level = 2,
	    .since = since,
	    .until = until};

	snprintf(b.rule, sizeof(b.rule), "%s", rule);
	return b;
}
