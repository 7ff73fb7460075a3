/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/example.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* n digits as a number; *ok is cleared when they are none. */
static int
digits(const char **p, int n, bool *ok)
{
	int v = 0;

	for (; n > 0 && *ok; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			*ok = false;
		else
			v = v * 10 + (**p - '0');
	}
	return v;
}

static void
skip(const char **p, const char *any, bool *ok)
{
	if (*ok && **p && strchr(any, **p))
		(*p)++;
	else
		*ok = false;
}

/* ".5" as microseconds; digits past the sixth are dropped. */
static usec_t
parse_fraction(const char **p, bool *ok)
{
	usec_t v = 0, unit = USEC_PER_SEC / 10;

	if (**p != '.')
		return 0;
	(*p)++;
	*ok = *ok && **p >= '0' && **p <= '9';
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		v += (**p - '0') * unit;
	return v;
}

/* "Z" or "+01:00", in seconds. */
static int
parse_offset(const char **p, bool *ok)
{
	int sign = **p == '-' ? -1 : 1, hours;

	if (**p == 'Z') {
		(*p)++;
		return 0;
	}
	skip(p, "+-", ok);
	hours = digits(p, 2, ok);
	skip(p, ":", ok);
	return sign * (hours * 3600 + digits(p, 2, ok) * 60);
}

int
example_parse_time(const char *text, usec_t *out)
{
	const char *p = text;
	struct tm tm = {0};
	bool ok = true;
	usec_t fraction;
	int offset;
	time_t t;

	tm.tm_year = digits(&p, 4, &ok) - 1900;
	skip(&p, "-", &ok);
	tm.tm_mon = digits(&p, 2, &ok) - 1;
	skip(&p, "-", &ok);
	tm.tm_mday = digits(&p, 2, &ok);
	skip(&p, "T", &ok);
	tm.tm_hour = digits(&p, 2, &ok);
	skip(&p, ":", &ok);
	tm.tm_min = digits(&p, 2, &ok);
	skip(&p, ":", &ok);
	tm.tm_sec = digits(&p, 2, &ok);
	fraction = ok ? parse_fraction(&p, &ok) : 0;
	offset = ok ? parse_offset(&p, &ok) : 0;
	if (!ok || *p || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	t = timegm(&tm);
	*out = ((usec_t)t - offset) * USEC_PER_SEC + fraction;
	return 0;
}

static void
check_address(struct filter_example *e, struct diag *d, const struct text *t)
{
	if (addr_parse(&e->addr, t->s, strlen(t->s)) < 0)
		diag_error(d, node_place(t->node), "'%.60s' is no address%s", t->s,
		    t == &e->gives ? ", nor none" : "");
}

void
example_check(struct filter_example *e, struct diag *d)
{
	int lines = (node_get(e->node, "line") != NULL) + (node_get(e->node, "log") != NULL) +
		    (node_get(e->node, "lines") != NULL);
	bool none = e->gives.s && !strcmp(e->gives.s, "none");

	if (lines != 1)
		diag_error(d, node_place(e->node), "an example has one of line, log and lines");
	if ((node_get(e->node, "gives") != NULL) + (node_get(e->node, "forgives") != NULL) != 1)
		diag_error(d, node_place(e->node), "an example says one of gives and forgives");
	if (none && (e->user.s || e->points || e->time.s))
		diag_error(d, node_place(e->node),
		    "an example that gives none has no user, points or time");
	if (e->forgives.s && e->points)
		diag_error(d, node_place(node_at(e->node, "points")), "a success has no points");
	if (e->gives.s && !none)
		check_address(e, d, &e->gives);
	else if (e->forgives.s)
		check_address(e, d, &e->forgives);
	if (e->time.s && example_parse_time(e->time.s, &e->at) < 0)
		diag_error(d, node_place(e->time.node),
		    "'%.60s' is no time such as 2026-11-02T09:00:00Z", e->time.s);
}
