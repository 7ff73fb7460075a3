/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/dates.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "base/cleanup.h"
#include "reader/date_zone.h"

#define MATCH_LIMIT_DATE 2000 /* of each place where a form may begin */
#define JIT_STACK        (32 * 1024)
#define GROUPS_MAX       64
#define ALIKE_MAX        4 /* groups of one name in one form */

enum part {
	YEAR,
	YEAR2,
	MONTH,
	MONTH_NAME,
	DAY,
	HOUR,
	HOUR12,
	AMPM,
	MINUTE,
	SECOND,
	FRACTION,
	ZONE,
	YEARDAY,
	EPOCH,
	LONG_EPOCH,
	TAI64N,
	PARTS,
};

static const char *const names[PARTS] = {
    [YEAR] = "year",
    [YEAR2] = "year2",
    [MONTH] = "month",
    [MONTH_NAME] = "month_name",
    [DAY] = "day",
    [HOUR] = "hour",
    [HOUR12] = "hour12",
    [AMPM] = "ampm",
    [MINUTE] = "minute",
    [SECOND] = "second",
    [FRACTION] = "fraction",
    [ZONE] = "zone",
    [YEARDAY] = "yearday",
    [EPOCH] = "epoch",
    [LONG_EPOCH] = "long_epoch",
    [TAI64N] = "tai64n",
};

struct form {
	pcre2_code *code;
	bool jit;
	uint16_t groups[PARTS][ALIKE_MAX];
	uint8_t n_groups[PARTS];
};

struct dates {
	const struct image *img;
	struct form *forms; /* as IMAGE_DATES */
	uint32_t n;
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

/* The texts of a match; NULL: not set. */
struct parts {
	const char *text[PARTS];
	size_t len[PARTS];
};

static int
refuse(char **error, const struct image *img, uint32_t i, int code)
{
	char text[200] = "";

	pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
	if (asprintf(error, "date '%s': %s", image_str(img, img->dates[i].written), text) < 0) {
		*error = NULL;
		return -ENOMEM;
	}
	return -EINVAL;
}

static void
look_up_names(struct form *f)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(f->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(f->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(f->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count; i++, table += size)
		for (int p = 0; p < PARTS; p++)
			if (!strcmp((const char *)table + 2, names[p]) &&
			    f->n_groups[p] < ALIKE_MAX)
				f->groups[p][f->n_groups[p]++] = table[0] << 8 | table[1];
}

static int
compile(struct dates *d, uint32_t i, char **error)
{
	struct form *f = &d->forms[i];
	uint32_t has_jit = 0;
	PCRE2_SIZE at;
	int code;

	f->code = pcre2_compile((PCRE2_SPTR)image_str(d->img, d->img->dates[i].regex),
	    PCRE2_ZERO_TERMINATED, DATE_PCRE2_OPTIONS, &code, &at, NULL);
	if (!f->code)
		return refuse(error, d->img, i, code);
	pcre2_config(PCRE2_CONFIG_JIT, &has_jit);
	if (has_jit) {
		code = pcre2_jit_compile(f->code, PCRE2_JIT_COMPLETE);
		if (code < 0)
			return refuse(error, d->img, i, code);
		f->jit = true;
	}
	look_up_names(f);
	return 0;
}

int
dates_new(struct dates **out, const struct image *img, char **error)
{
	_cleanup_(dates_freep) struct dates *d = calloc(1, sizeof *d);
	int r;

	if (!d)
		return -ENOMEM;
	d->img = img;
	d->n = image_count(img, IMAGE_DATES);
	d->forms = calloc(d->n + 1, sizeof *d->forms);
	d->context = pcre2_match_context_create(NULL);
	d->data = pcre2_match_data_create(GROUPS_MAX, NULL);
	d->stack = pcre2_jit_stack_create(JIT_STACK, JIT_STACK, NULL);
	if (!d->forms || !d->context || !d->data)
		return -ENOMEM;
	pcre2_set_match_limit(d->context, MATCH_LIMIT_DATE);
	/* Only where there is no JIT. */
	pcre2_set_depth_limit(d->context, 1000);
	pcre2_set_heap_limit(d->context, 1024);
	if (d->stack)
		pcre2_jit_stack_assign(d->context, NULL, d->stack);
	for (uint32_t i = 0; i < d->n; i++) {
		r = compile(d, i, error);
		if (r < 0)
			return r;
	}
	*out = d;
	d = NULL;
	return 0;
}

void
dates_free(struct dates *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->forms && i < d->n; i++)
		pcre2_code_free(d->forms[i].code);
	free(d->forms);
	pcre2_match_context_free(d->context);
	pcre2_match_data_free(d->data);
	pcre2_jit_stack_free(d->stack);
	free(d);
}

/* Groups set, 0: it does not fit (a limit that was hit is taken for that). */
static int
match(const struct dates *d, uint32_t form, const char *line, size_t n)
{
	const struct form *f = &d->forms[form];
	PCRE2_SPTR subject = (PCRE2_SPTR)line;
	int r;

	if (f->jit)
		r = pcre2_jit_match(f->code, subject, n, 0, 0, d->data, d->context);
	else
		r = pcre2_match(f->code, subject, n, 0, 0, d->data, d->context);
	return r > 0 ? r : 0;
}

/* The first two characters. */
static bool
is_at_start(const char *line, size_t at)
{
	for (size_t i = 1; i < at; i++)
		if (((unsigned char)line[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* The form that is it, matched last; false when none fits. */
static bool
choose(const struct dates *d, struct span forms, const char *line, size_t n, struct date_found *out,
    int *top)
{
	uint32_t best = UINT32_MAX, last = UINT32_MAX;
	size_t best_at = SIZE_MAX;

	for (uint32_t i = 0; i < forms.n; i++) {
		uint32_t form = d->img->date_lists[forms.first + i];
		const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(d->data);

		*top = match(d, form, line, n);
		if (!*top)
			continue;
		last = form;
		if (d->img->dates[form].anchored || i + 1 == forms.n ||
		    is_at_start(line, ovector[0])) {
			best = form;
			break;
		}
		if (ovector[0] < best_at) {
			best_at = ovector[0];
			best = form;
		}
	}
	if (best == UINT32_MAX)
		return false;
	out->form = best;
	if (best != last || !*top)
		*top = match(d, best, line, n);
	return *top > 0;
}

static void
take_parts(const struct dates *d, uint32_t form, const char *line, int top, struct parts *out)
{
	const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(d->data);
	const struct form *f = &d->forms[form];

	memset(out, 0, sizeof *out);
	for (int p = 0; p < PARTS; p++)
		for (int i = 0; i < f->n_groups[p]; i++) {
			int g = f->groups[p][i];

			if (g >= top || ovector[2 * g] == PCRE2_UNSET)
				continue;
			out->text[p] = line + ovector[2 * g];
			out->len[p] = ovector[2 * g + 1] - ovector[2 * g];
			break;
		}
}

/* The part's digits; a template of somebody's own may have let others in. */
static int
number(const struct parts *p, enum part part)
{
	int v = 0;

	for (size_t i = 0; i < p->len[part] && v < 10000; i++)
		if (p->text[part][i] >= '0' && p->text[part][i] <= '9')
			v = v * 10 + (p->text[part][i] - '0');
	return v;
}

/* The same for what is never large: what is stays too large. */
static int
small(const struct parts *p, enum part part)
{
	int v = number(p, part);

	return v > 99 ? 99 : v;
}

static int
month_of(const char *text, size_t n)
{
	static const char first[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; n >= 3 && i < 12; i++)
		if ((text[0] | 32) == first[3 * i] && (text[1] | 32) == first[3 * i + 1] &&
		    (text[2] | 32) == first[3 * i + 2])
			return i + 1;
	return 0;
}

/* Midnight is 12 AM. */
static int
hour_of(const struct parts *p)
{
	int hour = small(p, HOUR12);
	bool pm = p->text[AMPM] && (p->text[AMPM][0] | 32) == 'p';

	if (!p->text[HOUR12])
		return p->text[HOUR] ? small(p, HOUR) : 0;
	if (pm)
		return hour == 12 ? 12 : hour + 12;
	return hour == 12 ? 0 : hour;
}

/* Seconds of the epoch with a fraction; of the long form the number of digits says what it counts.
 */
static bool
epoch_of(const char *text, size_t n, bool is_long, struct stamp *out)
{
	size_t digits = 0;
	int64_t v = 0, unit = 1;
	int32_t place = 100000, fraction = 0;

	while (digits < n && digits < 18 && text[digits] >= '0' && text[digits] <= '9')
		v = v * 10 + (text[digits++] - '0');
	for (size_t i = digits + 1; i < n && place && text[i] >= '0' && text[i] <= '9';
	     i++, place /= 10)
		fraction += (text[i] - '0') * place;
	if (is_long && n >= 13)
		unit = n >= 16 && digits == n ? 1000000 : 1000;
	out->kind = STAMP_EPOCH;
	out->epoch = v / unit;
	out->usec = unit == 1 ? fraction : (int32_t)(v % unit * (USEC_PER_SEC / unit));
	return true;
}

/* The label's first digit says that it is of our age; seconds follow. */
static bool
tai64n_of(const char *text, size_t n, struct stamp *out)
{
	int64_t v = 0;

	for (size_t i = 2; i < 17 && i < n; i++) {
		int c = text[i];

		v = v * 16 + ((c <= '9' ? c - '0' : (c | 32) - 'a' + 10) & 15);
	}
	out->kind = STAMP_EPOCH;
	out->epoch = v;
	return v < INT64_C(1) << 40;
}

static bool
set_epoch(const struct parts *p, struct stamp *out)
{
	if (p->text[TAI64N])
		return tai64n_of(p->text[TAI64N], p->len[TAI64N], out);
	if (p->text[LONG_EPOCH])
		return epoch_of(p->text[LONG_EPOCH], p->len[LONG_EPOCH], true, out);
	return p->text[EPOCH] && epoch_of(p->text[EPOCH], p->len[EPOCH], false, out);
}

/* Day and month of the year's n-th day. */
static void
set_yearday(struct stamp *s, int n)
{
	int year = s->year;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	uint8_t days[] = {31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int m = 0;

	while (m < 11 && n > days[m])
		n -= days[m++];
	s->month = m + 1;
	s->day = n > 99 ? 99 : n;
}

/* What the line does not say of the day is today's. */
static bool
set_day(const struct parts *p, struct stamp *s, const struct stamp *today, bool *is_today)
{
	if (p->text[YEAR])
		s->year = number(p, YEAR);
	else if (p->text[YEAR2])
		s->year = 2000 + number(p, YEAR2);
	if ((p->text[YEAR] || p->text[YEAR2]) && (s->year < 1970 || s->year > 2199))
		return false;
	if (p->text[MONTH_NAME])
		s->month = month_of(p->text[MONTH_NAME], p->len[MONTH_NAME]);
	else if (p->text[MONTH])
		s->month = small(p, MONTH);
	if (p->text[DAY])
		s->day = small(p, DAY);
	if (s->month && s->day)
		return true;
	if (!s->year)
		s->year = today->year;
	if (p->text[YEARDAY]) {
		set_yearday(s, number(p, YEARDAY));
		return true;
	}
	if (s->month || s->day)
		return false;
	s->month = today->month;
	s->day = today->day;
	*is_today = true;
	return true;
}

static bool
says_anything(const struct parts *p)
{
	for (int i = 0; i < PARTS; i++)
		if (p->text[i])
			return true;
	return false;
}

static bool
work_out(const struct parts *p, const struct stamp_zone *zone, usec_t now,
    struct stamp_cache *cache, usec_t *out)
{
	struct stamp s = {.len = 1}, today;
	bool is_today = false;

	if (!says_anything(p))
		return false;
	if (!set_epoch(p, &s)) {
		stamp_today(&today, zone, now);
		if (s.kind == STAMP_EPOCH || !set_day(p, &s, &today, &is_today))
			return false;
		s.hour = hour_of(p);
		s.minute = p->text[MINUTE] ? small(p, MINUTE) : 0;
		s.second = p->text[SECOND] ? small(p, SECOND) : 0;
		/* A second 61 is of old leap seconds. */
		s.second = s.second > 60 ? 60 : s.second;
		if (p->text[ZONE] && date_zone(p->text[ZONE], p->len[ZONE], &s.offset))
			s.kind = STAMP_ZONED;
	}
	if (stamp_time(out, &s, zone, now, cache) < 0)
		return false;
	/* A time of day that has not come yet was yesterday's. */
	if (is_today && *out > now)
		*out -= 86400 * USEC_PER_SEC;
	return true;
}

enum date_answer
dates_find(const struct dates *d, struct span forms, const char *line, size_t n,
    const struct stamp_zone *zone, usec_t now, struct stamp_cache *cache, struct date_found *out)
{
	const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(d->data);
	struct parts parts;
	int top = 0;

	if (n > DATES_LINE_MAX) {
		n = DATES_LINE_MAX;
		while (n && ((unsigned char)line[n] & 0xc0) == 0x80)
			n--;
	}
	if (!choose(d, forms, line, n, out, &top))
		return DATE_NONE;
	if (top < 2 || ovector[2] == PCRE2_UNSET)
		return DATE_NONE;
	out->at = ovector[2];
	out->len = ovector[3] - ovector[2];
	if (!out->len)
		return DATE_EMPTY;
	take_parts(d, out->form, line, top, &parts);
	return work_out(&parts, zone, now, cache, &out->time) ? DATE_FOUND : DATE_INVALID;
}
