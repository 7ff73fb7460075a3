/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "conf/fail2ban_rule.h"

#define LONGEST    (3660 * 86400.0) /* of a rule's times */
#define FACTOR_MAX 1000.0
#define DAY        86400.0

/* How often the first ban's time the bans of one source last: times[0] is 1. */
struct growth {
	double times[F2B_LEVELS];
	size_t n;   /* the last one stays */
	double max; /* seconds */
	const struct f2b_value *at;
};

static double
number(struct f2b *f, const struct f2b_jail *j, const char *option, double fallback)
{
	const struct f2b_value *v = f2b_jail_get(j, option);
	double n;

	if (!v)
		return fallback;
	if (f2b_seconds(v->text, &n) == 0 && n > 0)
		return n;
	f2b_note(f->report, F2B_ERROR, v, "%s = %.60s: no number above 0", option, v->text);
	return fallback;
}

static void
grow_by_list(struct f2b *f, const struct f2b_value *v, double factor, struct growth *g)
{
	struct list words = {0};

	f2b_words(f->arena, v->text, &words);
	g->at = v;
	for (size_t i = 1; i < words.n && g->n < F2B_LEVELS; i++) {
		double n;

		if (f2b_seconds(((const char **)words.items)[i], &n) < 0 || n <= 0) {
			f2b_note(f->report, F2B_ERROR, v, "bantime.multipliers: %.30s is no number",
			    ((const char **)words.items)[i]);
			return;
		}
		g->times[g->n++] = n * factor;
	}
	/* With a single one each ban but the first is that often the first. */
	if (words.n == 1) {
		double n;

		if (f2b_seconds(((const char **)words.items)[0], &n) == 0 && n > 0)
			g->times[g->n++] = n * factor;
	}
}

static char *
without_space(struct arena *a, const char *text)
{
	char *out = arena_alloc(a, strlen(text) + 1), *end = out;

	for (; *text; text++)
		if (!ini_is_space(*text))
			*end++ = *text;
	return out;
}

/* The formulas that its documentation gives. -ENOENT: it is another one. */
static int
grow_by_formula(struct f2b *f, const struct f2b_value *v, double factor, struct growth *g)
{
	static const char *const doubling[] = {
	    "ban.Time*(1<<(ban.Countifban.Count<20else20))*banFactor",
	    "ban.Time*(1<<ban.Count)*banFactor",
	    "ban.Time*banFactor*(1<<(ban.Countifban.Count<20else20))",
	    "ban.Time*(2**ban.Count)*banFactor",
	    "ban.Time*2**ban.Count*banFactor",
	};
	static const char *const exponential[] = {
	    "ban.Time*math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)",
	    "ban.Time*math.exp(ban.Count*banFactor)",
	};
	const char *text = without_space(f->arena, v ? v->text : doubling[0]);
	bool doubles = false, grows = false;

	for (size_t i = 0; i < sizeof(doubling) / sizeof(*doubling); i++)
		doubles |= strcmp(text, doubling[i]) == 0;
	for (size_t i = 0; i < sizeof(exponential) / sizeof(*exponential); i++)
		grows |= strcmp(text, exponential[i]) == 0;
	if (!doubles && !grows)
		return -ENOENT;
	for (; g->n < 21; g->n++) {
		double times = doubles ? factor * ldexp(1, (int)g->n) : exp((double)g->n * factor);

		g->times[g->n] = times > 1 ? times : 1;
	}
	g->at = v;
	return 0;
}

/* The one factor from each ban to the next, as long as they grow; 0: there is none. */
static double
common_factor(const struct growth *g, double first)
{
	double factor = g->n > 1 ? g->times[1] : 0;

	if (factor < 1 || factor > FACTOR_MAX)
		return 0;
	for (size_t i = 2; i < g->n && g->times[i - 1] * first < g->max; i++)
		if (fabs(g->times[i] / g->times[i - 1] - factor) > 0.0005)
			return 0;
	return factor;
}

/* The factor that comes to the last one in as many bans. */
static double
mean_factor(const struct growth *g, double first)
{
	size_t last = g->n - 1;
	double factor;

	while (last > 1 && g->times[last - 1] * first >= g->max)
		last--;
	factor = pow(fmin(g->times[last], g->max / first), 1.0 / (double)last);
	return fmin(fmax(factor, 1), FACTOR_MAX);
}

static void
put(struct strbuf *out, double factor, double max, const char *forget)
{
	strbuf_printf(out, "escalate: {factor: %.3f, max: ", factor);
	f2b_put_span(out, max);
	strbuf_printf(out, ", forget: %s}\n", forget);
}

static const char *
span_text(struct f2b *f, double seconds)
{
	struct strbuf b = {0};
	const char *text;

	f2b_put_span(&b, seconds);
	text = arena_dup(f->arena, b.text, b.len);
	strbuf_fini(&b);
	return text;
}

static const char *
forget_of(struct f2b *f, const struct f2b_rule_as *as)
{
	double seconds = DAY;
	const char *text;

	if (as->forget && (f2b_seconds(as->forget->text, &seconds) < 0 || seconds < 0))
		seconds = DAY;
	text = span_text(f, fmin(fmax(seconds, 60), LONGEST));
	if (as->forget)
		f2b_note(
		    f->report, F2B_TAKEN, as->forget, "dbpurgeage -> forget of escalate: %s", text);
	return text;
}

/* What else an incremented ban time may have, and guardd has not. */
static void
tell_others(struct f2b *f, const struct f2b_jail *j)
{
	const struct f2b_value *v = f2b_jail_get(j, "bantime.rndtime");
	double seconds;

	if (v && (f2b_seconds(v->text, &seconds) < 0 || seconds != 0))
		f2b_note(f->report, F2B_LOST, v,
		    "bantime.rndtime = %.30s: guardd adds nothing random to the end of a ban",
		    v->text);
	v = f2b_jail_get(j, "bantime.overalljails");
	if (v && f2b_is_true(v->text))
		f2b_note(f->report, F2B_DIFFERS, v,
		    "bantime.overalljails: guardd counts former bans of each rule by itself");
}

static void
increment(struct f2b *f, const struct f2b_jail *j, const struct f2b_rule_as *as, double first,
    struct strbuf *out)
{
	const struct f2b_value *list = f2b_jail_get(j, "bantime.multipliers"),
			       *formula = f2b_jail_get(j, "bantime.formula"),
			       *max = f2b_jail_get(j, "bantime.maxtime"),
			       *at = f2b_jail_get(j, "bantime.increment");
	struct growth g = {.times = {1}, .n = 1, .at = at};
	double factor = number(f, j, "bantime.factor", 1), common;

	g.max = fmin(number(f, j, "bantime.maxtime", LONGEST), LONGEST);
	if (list) {
		grow_by_list(f, list, factor, &g);
	} else if (grow_by_formula(f, formula, factor, &g) < 0) {
		f2b_note(f->report, F2B_LOST, formula,
		    "bantime.formula is none of those that are known; taken is doubling");
		grow_by_formula(f, NULL, 1, &g);
	}
	if (list)
		g.max = fmin(g.max, g.times[g.n - 1] * first);
	if (g.n < 2 || g.max < first) {
		f2b_note(f->report, F2B_DIFFERS, max ? max : at,
		    "the ban time cannot grow: all bans last as long as the first");
		return;
	}
	tell_others(f, j);
	common = common_factor(&g, first);
	put(out, common > 0 ? common : mean_factor(&g, first), g.max, forget_of(f, as));
	if (common > 0)
		f2b_note(f->report, F2B_TAKEN, at,
		    "bantime.increment -> escalate: each ban %.6g times the one before, at most %s",
		    common, span_text(f, g.max));
	else
		f2b_note(f->report, F2B_DIFFERS, g.at ? g.at : at,
		    "bantime.increment -> escalate: guardd's bans grow by one factor, %.3f; they "
		    "come to %s in as many bans, on another way",
		    mean_factor(&g, first), span_text(f, g.max));
}

/*
 * Who is banned so often within that time gets the long ban. guardd's bans are of a rule, so that
 * they grow up to it there. What is told of it is told of that jail.
 */
static void
recidive(struct f2b *f, const struct f2b_jail *j, const struct f2b_rule_as *as, double first,
    struct strbuf *out)
{
	const struct f2b_recidive *r = as->recidive;
	const struct f2b_value *at = f2b_jail_get(r->jail, "bantime");
	double steps = r->bans > 2 ? r->bans - 1 : 1, max = fmin(r->duration, LONGEST), factor;

	f->report->jail = r->jail->name;
	if (max <= first) {
		f2b_note(f->report, F2B_TAKEN, at,
		    "bans of jail %s last as long or longer from the first", j->name);
		f->report->jail = j->name;
		return;
	}
	factor = ceil(pow(max / first, 1 / steps) * 1000) / 1000;
	factor = fmin(factor, FACTOR_MAX);
	put(out, factor, max, span_text(f, fmin(fmax(r->within, 60), LONGEST)));
	f2b_note(f->report, F2B_DIFFERS, at,
	    "bantime -> escalate of the rules: a source's ban number %.0f of one rule within %s "
	    "lasts %s, and those before it grow towards it",
	    r->bans, span_text(f, r->within), span_text(f, max));
	if (as->scope && strstr(as->scope, "scope: service"))
		f2b_note(f->report, F2B_DIFFERS, f2b_get(&r->jail->options, "action"),
		    "the long ban is for each rule's own ports, not for what this jail bans from");
	f->report->jail = j->name;
}

void
f2b_escalate(struct f2b *f, const struct f2b_jail *j, const struct f2b_rule_as *as, double first,
    struct strbuf *out)
{
	const struct f2b_value *v = f2b_jail_get(j, "bantime.increment");

	if (first >= LONGEST)
		return;
	if (v && f2b_is_true(v->text)) {
		increment(f, j, as, first, out);
		if (as->recidive->jail)
			f2b_note(f->report, F2B_DIFFERS, v,
			    "bans grow by bantime.increment, and not by jail %s",
			    as->recidive->jail->name);
	} else if (as->recidive->jail) {
		recidive(f, j, as, first, out);
	}
}
