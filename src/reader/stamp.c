/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/stamp.h"

#include <errno.h>
#include <string.h>

#define YEAR_MIN      1970
#define YEAR_MAX      2199
#define DAY_SECONDS   86400
#define OVERLAP_SLACK 60                  /* seconds a line may seem ahead in a repeated hour */
#define CACHE_LIFE    (10 * USEC_PER_SEC) /* a guess of year or hour holds at least that long */

/*
 * One letter per field, anything else stands for itself:
 * Y year, m month as digits, b as name, d day, e day with blank or one digit, a weekday name, T 'T'
 * or a blank, H M S hour minute second, f optional fraction, z optional zone. The first that fits
 * is taken, so a format stands before those it begins with. The byte at a fixed place tells most
 * of them apart.
 */
static const struct {
	const char *fields;
	size_t at;
	char byte;
} formats[] = {
    {"b e H:M:Sfy", 3, ' '},      /* syslog, RFC 3164; with a year behind it on some */
    {"Y-m-dTH:M:Sfz", 4, '-'},    /* ISO 8601, RFC 3339 */
    {"d/b/Y:H:M:Sfz", 2, '/'},    /* access logs */
    {"a b e H:M:Sf Y", 3, ' '},   /* asctime, Apache's error log */
    {"Y/m/dTH:M:Sfz", 4, '/'},    /* nginx's error log */
    {"a, e b Y H:M:Sfz", 3, ','}, /* RFC 5322 */
    {"d-b-Y H:M:Sfz", 2, '-'},    /* roundcube, named */
    {"b e Y H:M:Sfz", 3, ' '},    /* syslog of network devices */
};

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

struct cursor {
	const char *at, *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Exactly count digits; -1 when there are fewer. */
static int
take_digits(struct cursor *c, int count)
{
	int v = 0;

	if (c->end - c->at < count)
		return -1;
	for (int i = 0; i < count; i++) {
		if (!is_digit(c->at[i]))
			return -1;
		v = v * 10 + (c->at[i] - '0');
	}
	c->at += count;
	return v;
}

/* One of the three-letter names; its number from 1, or -1. */
static int
take_name(struct cursor *c, const char *names)
{
	if (c->end - c->at < 3 || *c->at < 'A' || *c->at > 'Z')
		return -1;
	for (int i = 0; names[i]; i += 3)
		if (c->at[0] == names[i] && c->at[1] == names[i + 1] && c->at[2] == names[i + 2]) {
			c->at += 3;
			return i / 3 + 1;
		}
	return -1;
}

/* "2", " 2", "02", "12" */
static int
take_day(struct cursor *c)
{
	if (c->at < c->end && *c->at == ' ')
		c->at++;
	if (c->end - c->at >= 2 && is_digit(c->at[0]) && is_digit(c->at[1]))
		return take_digits(c, 2);
	return take_digits(c, 1);
}

/* ".123456" or ",123": microseconds; digits past the sixth are dropped. */
static int32_t
take_fraction(struct cursor *c)
{
	int32_t v = 0, unit = 100000;

	if (c->end - c->at < 2 || (*c->at != '.' && *c->at != ',') || !is_digit(c->at[1]))
		return 0;
	for (c->at++; c->at < c->end && is_digit(*c->at); c->at++, unit /= 10)
		v += (*c->at - '0') * unit;
	return v;
}

static bool
ends_word(const struct cursor *c, size_t skip)
{
	return (size_t)(c->end - c->at) <= skip || !is_word(c->at[skip]);
}

/* "+01:00", "+0100", "+01" (with blank set only the first two). */
static bool
take_offset(struct cursor *c, int32_t *offset, bool blank)
{
	struct cursor t = *c;
	int hours, minutes = 0;
	bool minus = t.at < t.end && *t.at == '-';

	if (t.at == t.end || (*t.at != '+' && *t.at != '-'))
		return false;
	t.at++;
	hours = take_digits(&t, 2);
	if (hours < 0 || hours > 15)
		return false;
	if (t.at < t.end && *t.at == ':')
		t.at++;
	if (t.at < t.end && is_digit(*t.at)) {
		minutes = take_digits(&t, 2);
		if (minutes < 0 || minutes > 59)
			return false;
	} else if (blank || t.at[-1] == ':') {
		return false;
	}
	if (!ends_word(&t, 0))
		return false;
	*offset = (minus ? -1 : 1) * (hours * 3600 + minutes * 60);
	*c = t;
	return true;
}

/* Leaves the cursor alone when no zone follows: then the date is the source's. */
static void
take_zone(struct cursor *c, struct stamp *s)
{
	static const char *const utc[] = {"Z", "UTC", "GMT"};
	struct cursor t = *c;
	bool blank = t.at < t.end && *t.at == ' ';

	t.at += blank;
	for (size_t i = 0; i < sizeof utc / sizeof *utc; i++) {
		size_t n = strlen(utc[i]);

		if ((size_t)(t.end - t.at) >= n && !memcmp(t.at, utc[i], n) && ends_word(&t, n)) {
			c->at = t.at + n;
			s->kind = STAMP_ZONED;
			s->offset = 0;
			return;
		}
	}
	if (take_offset(&t, &s->offset, blank)) {
		*c = t;
		s->kind = STAMP_ZONED;
	}
}

/* " 2026", unless it is the first part of a host's address: "2001:db8::1". */
static void
take_year(struct cursor *c, struct stamp *s)
{
	struct cursor t = *c;
	int year;

	if (t.at == t.end || *t.at++ != ' ')
		return;
	year = take_digits(&t, 4);
	if (year < YEAR_MIN || year > YEAR_MAX || !ends_word(&t, 0) ||
	    (t.at < t.end && (*t.at == ':' || *t.at == '.')))
		return;
	s->year = year;
	*c = t;
}

/* Stores a field, false when it was not there (v is -1). */
static bool
set8(uint8_t *field, int v)
{
	*field = v;
	return v >= 0;
}

static bool
take_field(struct cursor *c, char field, struct stamp *s)
{
	switch (field) {
	case 'Y':
		s->year = take_digits(c, 4);
		return s->year >= YEAR_MIN && s->year <= YEAR_MAX;
	case 'm':
		return set8(&s->month, take_digits(c, 2));
	case 'b':
		return set8(&s->month, take_name(c, months));
	case 'd':
		return set8(&s->day, take_digits(c, 2));
	case 'e':
		return set8(&s->day, take_day(c));
	case 'a':
		return take_name(c, weekdays) > 0;
	case 'H':
		return set8(&s->hour, take_digits(c, 2));
	case 'M':
		return set8(&s->minute, take_digits(c, 2));
	case 'S':
		return set8(&s->second, take_digits(c, 2));
	case 'f':
		s->usec = take_fraction(c);
		return true;
	case 'z':
		take_zone(c, s);
		return true;
	case 'y':
		take_year(c, s);
		return true;
	case 'T':
		return c->at < c->end && (*c->at == 'T' || *c->at == ' ') && c->at++;
	default:
		return c->at < c->end && *c->at == field && c->at++;
	}
}

static bool
read_format(struct stamp *out, const char *format, const char *text, size_t n)
{
	struct cursor c = {text, text + n};

	memset(out, 0, sizeof *out);
	for (; *format; format++)
		if (!take_field(&c, *format, out))
			return false;
	out->len = c.at - text;
	return ends_word(&c, 0);
}

/* 10 digits of seconds with an optional fraction, or 13 of milliseconds. */
static bool
read_epoch(struct stamp *out, const char *text, size_t n)
{
	struct cursor c = {text, text + n};
	size_t digits = 0;
	int64_t v = 0;

	for (; digits < n && digits < 14 && is_digit(text[digits]); digits++)
		v = v * 10 + (text[digits] - '0');
	if ((digits != 10 && digits != 13) || text[0] == '0')
		return false;
	memset(out, 0, sizeof *out);
	out->kind = STAMP_EPOCH;
	c.at += digits;
	if (digits == 13) {
		out->usec = v % 1000 * 1000;
		v /= 1000;
	} else {
		out->usec = take_fraction(&c);
	}
	out->epoch = v;
	out->len = c.at - text;
	return ends_word(&c, 0);
}

int
stamp_read(struct stamp *out, const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (n > formats[i].at && text[formats[i].at] == formats[i].byte &&
		    read_format(out, formats[i].fields, text, n))
			return 0;
	if (read_epoch(out, text, n))
		return 0;
	memset(out, 0, sizeof *out);
	return -EINVAL;
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool
exists(const struct stamp *s, int year)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (s->month < 1 || s->month > 12 || s->day < 1)
		return false;
	/* 60: a leap second, counted as the next minute's first. */
	return s->day <= days[s->month - 1] + (s->month == 2 && is_leap(year)) && s->hour < 24 &&
	       s->minute < 60 && s->second <= 60;
}

/* Seconds of the epoch as if the date were UTC. Years start in March, so that a leap day is the
 * last. */
static int64_t
as_utc(const struct stamp *s, int year)
{
	int y = year - (s->month <= 2), m = (s->month + 9) % 12;
	int64_t days = 365LL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + s->day - 1;

	days -= 719468; /* from 0000-03-01 to 1970-01-01 */
	return days * DAY_SECONDS + s->hour * 3600 + s->minute * 60 + s->second;
}

static int32_t
zone_offset(const struct stamp_zone *zone, int64_t t)
{
	uint32_t low = 0, high = zone->n;

	if (!zone->n)
		return 0;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (zone->items[mid].from <= t)
			low = mid;
		else
			high = mid;
	}
	return zone->items[low].offset;
}

void
stamp_today(struct stamp *out, const struct stamp_zone *zone, usec_t now)
{
	int64_t local = now / USEC_PER_SEC + zone_offset(zone, now / USEC_PER_SEC);
	int64_t days = local / DAY_SECONDS;
	int seconds = local % DAY_SECONDS, year = YEAR_MIN - 1, month = 0;
	struct stamp first = {.month = 1, .day = 1};

	memset(out, 0, sizeof *out);
	while (year < YEAR_MAX && as_utc(&first, year + 1) <= days * DAY_SECONDS)
		year++;
	for (first.month = 1; first.month <= 12; first.month++)
		if (as_utc(&first, year) <= days * DAY_SECONDS)
			month = first.month;
	first.month = month;
	out->year = year;
	out->month = month;
	out->day = days - as_utc(&first, year) / DAY_SECONDS + 1;
	out->hour = seconds / 3600;
	out->minute = seconds / 60 % 60;
	out->second = seconds % 60;
	out->len = 1;
}

/* local is the reading of a wall clock in the zone. Clocks are not set twice within two days. */
static int64_t
from_local(const struct stamp_zone *zone, int64_t local, int64_t now)
{
	int32_t before = zone_offset(zone, local - DAY_SECONDS);
	int32_t after = zone_offset(zone, local + DAY_SECONDS);
	int64_t early = local - before, late = local - after;

	if (before == after)
		return early;
	if (zone_offset(zone, late) != after)
		return early;
	if (zone_offset(zone, early) != before)
		return late;
	return late > now + OVERLAP_SLACK ? early : late;
}

static int64_t
resolve(const struct stamp *s, int year, const struct stamp_zone *zone, int64_t now)
{
	int64_t local = as_utc(s, year);

	return s->kind == STAMP_ZONED ? local - s->offset : from_local(zone, local, now);
}

/* The year that a second of the epoch lies in, or one beside it near its ends. */
static int
year_of(int64_t t)
{
	return YEAR_MIN + (int)(t / (DAY_SECONDS * 365.2425));
}

static int
guess_year(int64_t *out, const struct stamp *s, const struct stamp_zone *zone, int64_t now)
{
	int year = year_of(now) + 1;

	/* A 29th of February may be eight years back. */
	for (int i = 0; i < 10; i++, year--) {
		if (!exists(s, year))
			continue;
		*out = resolve(s, year, zone, now);
		if (*out <= now + DAY_SECONDS)
			return 0;
	}
	return -EINVAL;
}

static int
work_out(int64_t *out, const struct stamp *s, const struct stamp_zone *zone, int64_t now)
{
	if (!s->len)
		return -EINVAL;
	if (s->kind == STAMP_EPOCH) {
		*out = s->epoch;
		return 0;
	}
	if (!s->year)
		return guess_year(out, s, zone, now);
	if (!exists(s, s->year))
		return -EINVAL;
	*out = resolve(s, s->year, zone, now);
	return 0;
}

static bool
cached(
    const struct stamp_cache *c, const struct stamp *s, const struct stamp_zone *zone, usec_t now)
{
	const struct stamp *k = &c->stamp;

	return k->len && c->zone == zone->items && now - c->now < CACHE_LIFE && c->now <= now &&
	       k->kind == s->kind && k->year == s->year && k->month == s->month &&
	       k->day == s->day && k->hour == s->hour && k->minute == s->minute &&
	       k->second == s->second && k->offset == s->offset && k->epoch == s->epoch;
}

int
stamp_time(usec_t *out, const struct stamp *s, const struct stamp_zone *zone, usec_t now,
    struct stamp_cache *cache)
{
	int64_t seconds;
	int r;

	if (cache && s->len && cached(cache, s, zone, now)) {
		*out = cache->seconds * USEC_PER_SEC + s->usec;
		return 0;
	}
	r = work_out(&seconds, s, zone, now / USEC_PER_SEC);
	if (r < 0)
		return r;
	if (cache)
		*cache = (struct stamp_cache){*s, zone->items, now, seconds};
	*out = seconds * USEC_PER_SEC + s->usec;
	return 0;
}
