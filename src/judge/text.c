/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/text.h"

#include "base/log.h"

static const char *
ordinal(unsigned n)
{
	static const char *const ends[] = {"th", "st", "nd", "rd"};

	if (n % 100 >= 11 && n % 100 <= 13)
		return ends[0];
	return ends[n % 10 <= 3 ? n % 10 : 0];
}

struct why
why_of(const struct rules *r, const struct ban *x)
{
	const struct rule *rule = &r->slots[x->rule];

	return (struct why){.rule = r->slots[x->rule].name,
	    .note = x->note,
	    .within = rule->alive ? rule->within : 0,
	    .points = x->points,
	    .level = x->level,
	    .flags = x->flags,
	    .manual = x->rule == RULE_MANUAL,
	    .foreign = rule->foreign};
}

const char *
why_text(const struct why *w, char buf[static WHY_MAX])
{
	const char *end = ordinal(w->level);
	char span[40];

	if (w->manual)
		snprintf(buf, WHY_MAX, "by hand%s%s", w->note ? ": " : "", w->note ? w->note : "");
	else if (w->foreign)
		snprintf(buf, WHY_MAX, "from %s", w->note ? w->note : "another host");
	else if (w->flags & BANS_PREFIX)
		snprintf(buf, WHY_MAX, "%u hosts banned, %u%s time", w->points, w->level, end);
	else if (w->within > 0)
		snprintf(buf, WHY_MAX, "%u point%s in %s, %u%s time", w->points,
		    w->points == 1 ? "" : "s", clock_format_span(w->within, span), w->level, end);
	else
		snprintf(buf, WHY_MAX, "%u point%s, %u%s time", w->points,
		    w->points == 1 ? "" : "s", w->level, end);
	return buf;
}

const char *
until_text(usec_t t, char buf[static 40])
{
	return t == USEC_NEVER ? NULL : clock_format(t, 0, buf);
}

void
text_log_ban(const struct rules *r, const struct ban *x)
{
	const char *verb = x->flags & BANS_DRY ? "would ban" : "banned";
	const struct prefix p = ban_prefix(x);
	const struct why w = why_of(r, x);
	char what[ADDR_TEXT_MAX], why[WHY_MAX], until[40], span[40];

	prefix_format(&p, what);
	why_text(&w, why);
	if (x->until == USEC_NEVER)
		log_notice("%s %s (%s: %s) for good", verb, what, w.rule, why);
	else
		log_notice("%s %s (%s: %s) until %s, %s", verb, what, w.rule, why,
		    clock_format(x->until, 0, until), clock_format_span(x->until - x->since, span));
}
