/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
	char name;
	usec_t size;
} units[] = {
    {'w', 604800 * USEC_PER_SEC},
    {'d', 86400 * USEC_PER_SEC},
    {'h', 3600 * USEC_PER_SEC},
    {'m', 60 * USEC_PER_SEC},
    {'s', USEC_PER_SEC},
};
#define N_UNITS  (sizeof(units) / sizeof(*units))
#define SPAN_MAX (100LL * 366 * 86400 * USEC_PER_SEC)

static usec_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

usec_t
clock_real(void)
{
	return read_clock(CLOCK_REALTIME);
}

usec_t
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Days of the epoch to a date of the Gregorian calendar, by 400-year eras that begin on a 1st of
 * March. */
static void
date_of_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = (int)(z - era * 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int)(yoe + era * 400) + (*month <= 2);
}

/* By hand: gmtime_r(3) opens /etc/localtime, which a sealed process cannot. */
const char *
clock_format(usec_t t, int sub, char buf[static 40])
{
	usec_t frac = ((t % USEC_PER_SEC) + USEC_PER_SEC) % USEC_PER_SEC;
	int64_t s = (t - frac) / USEC_PER_SEC, rest = ((s % 86400) + 86400) % 86400;
	int year, month, day, n;

	if (t == USEC_NEVER) {
		strcpy(buf, "never");
		return buf;
	}
	date_of_days((s - rest) / 86400, &year, &month, &day);
	n = snprintf(buf, 40, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, (int)(rest / 3600),
	    (int)(rest / 60 % 60), (int)(rest % 60));
	if (sub)
		n += snprintf(buf + n, 40 - (size_t)n, ".%06d", (int)frac);
	snprintf(buf + n, 40 - (size_t)n, "Z");
	return buf;
}

const char *
clock_format_span(usec_t span, char buf[static 40])
{
	size_t n = 0, i = 0;

	if (span == USEC_NEVER) {
		strcpy(buf, "for good");
		return buf;
	}
	if (span < USEC_PER_SEC) {
		snprintf(buf, 40, span > 0 ? "%dms" : "0s", (int)(span / USEC_PER_MSEC));
		return buf;
	}
	while (span < units[i].size)
		i++;
	for (size_t end = i + 2; i < N_UNITS && i < end; i++) {
		usec_t v = span / units[i].size;

		if (v > 0)
			n += (size_t)snprintf(
			    buf + n, 40 - n, "%lld%c", (long long)v, units[i].name);
		span %= units[i].size;
	}
	return buf;
}

/* Size of the unit in front of us; 0 for none. A text that ends here means seconds. */
static usec_t
unit_size(char c)
{
	if (c == '\0')
		return USEC_PER_SEC;
	for (size_t i = 0; i < N_UNITS; i++)
		if (units[i].name == c)
			return units[i].size;
	return 0;
}

int
clock_parse_span(const char *text, usec_t *out)
{
	usec_t sum = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		usec_t v = 0, size;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++) {
			v = v * 10 + (*text - '0');
			if (v > SPAN_MAX / USEC_PER_SEC)
				return -ERANGE;
		}
		size = unit_size(*text);
		if (size == 0)
			return -EINVAL;
		if (v > (SPAN_MAX - sum) / size)
			return -ERANGE;
		sum += v * size;
		text += *text ? 1 : 0;
	}
	*out = sum;
	return 0;
}
