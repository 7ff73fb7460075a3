/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/source_docker.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "reader/json.h"

struct stream {
	char *text; /* LINE_MAX_BYTES while something is half joined, else NULL */
	size_t len;
	bool skipping;
};

struct source_docker {
	struct stream streams[2];
};

/* The last buffer that was let go, for the next message that is joined: mostly one is at a time. */
static char *spare;

int
source_docker_new(struct source_docker **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void
stream_reset(struct stream *s)
{
	if (spare)
		free(s->text);
	else
		spare = s->text;
	*s = (struct stream){0};
}

void
source_docker_reset(struct source_docker *d)
{
	stream_reset(&d->streams[0]);
	stream_reset(&d->streams[1]);
}

void
source_docker_free(struct source_docker *d)
{
	if (!d)
		return;
	source_docker_reset(d);
	free(d);
}

static int
number(const char *p, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EINVAL;
		*out = *out * 10 + (p[i] - '0');
	}
	return 0;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted in years that begin in March.
 */
static int64_t
days_of(int year, int month, int day)
{
	int y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return 365LL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* RFC 3339 as Go's time.RFC3339Nano writes UTC: 2026-11-02T09:00:00.123456789Z. */
static usec_t
read_time(const char *p, size_t n)
{
	static const char form[] = "0000-00-00T00:00:00";
	int year, month, day, hour, minute, second;
	usec_t fraction = 0, unit = USEC_PER_SEC;
	size_t i;

	if (n < sizeof(form) || p[n - 1] != 'Z')
		return USEC_NEVER;
	for (i = 0; i < sizeof(form) - 1; i++)
		if (form[i] != '0' && p[i] != form[i])
			return USEC_NEVER;
	if (number(p, 4, &year) || number(p + 5, 2, &month) || number(p + 8, 2, &day) ||
	    number(p + 11, 2, &hour) || number(p + 14, 2, &minute) || number(p + 17, 2, &second))
		return USEC_NEVER;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	    minute > 59 || second > 60)
		return USEC_NEVER;
	if (n > sizeof(form) && p[i] != '.')
		return USEC_NEVER;
	for (i = sizeof(form); i + 1 < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return USEC_NEVER;
		unit /= 10;
		fraction += (p[i] - '0') * unit;
	}
	return ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 * USEC_PER_SEC +
	       second * USEC_PER_SEC + fraction;
}

static bool
take(const char **p, const char *end, const char *text, size_t n)
{
	if ((size_t)(end - *p) < n || memcmp(*p, text, n) != 0)
		return false;
	*p += n;
	return true;
}

#define TAKE(p, end, text) take(p, end, text, sizeof(text) - 1)

/* The quote that ends the string which begins at p; NULL: none. */
static const char *
string_end(const char *p, const char *end)
{
	const char *start = p;

	while ((p = memchr(p, '"', (size_t)(end - p)))) {
		const char *q = p;

		while (q > start && q[-1] == '\\')
			q--;
		if ((p - q) % 2 == 0)
			return p;
		p++;
	}
	return NULL;
}

int
docker_piece_fast(struct docker_piece *out, const char *line, size_t n, char *room)
{
	const char *p = line, *end = line + n, *text, *stop, *quote;
	ssize_t len;

	if (!TAKE(&p, end, "{\"log\":\""))
		return -EINVAL;
	text = p;
	stop = string_end(p, end);
	if (!stop)
		return -EINVAL;
	p = stop;
	if (TAKE(&p, end, "\",\"stream\":\"stdout\",\"time\":\""))
		out->stream = 0;
	else if (TAKE(&p, end, "\",\"stream\":\"stderr\",\"time\":\""))
		out->stream = 1;
	else
		return -EINVAL;
	quote = memchr(p, '"', (size_t)(end - p));
	if (!quote || end - quote != 2 || quote[1] != '}')
		return -EINVAL;
	out->time = read_time(p, (size_t)(quote - p));
	if (out->time == USEC_NEVER)
		return -EINVAL;
	len = json_unescape(text, (size_t)(stop - text), room);
	if (len < 0)
		return -EINVAL;
	out->text = room;
	out->len = (size_t)len;
	return 0;
}

struct slow {
	struct docker_piece *out;
	char *room;
	bool seen;
};

static void
on_member(void *ctx, const struct json_leaf *leaf)
{
	struct slow *s = ctx;

	if (leaf->depth != 1 || !leaf->path[0].text || leaf->kind != JSON_STRING)
		return;
	if (json_at(leaf, (const char *[]){"log"}, 1)) {
		memcpy(s->room, leaf->text, leaf->len);
		s->out->text = s->room;
		s->out->len = leaf->len;
		s->seen = true;
	} else if (json_at(leaf, (const char *[]){"stream"}, 1)) {
		s->out->stream = leaf->len == 6 && memcmp(leaf->text, "stderr", 6) == 0;
	} else if (json_at(leaf, (const char *[]){"time"}, 1)) {
		s->out->time = read_time(leaf->text, leaf->len);
	}
}

int
docker_piece_slow(struct docker_piece *out, const char *line, size_t n, char *room)
{
	struct slow s = {.out = out, .room = room};

	*out = (struct docker_piece){.time = USEC_NEVER};
	if (n > DOCKER_LINE_MAX || json_read(line, n, room + DOCKER_LINE_MAX, on_member, &s) < 0 ||
	    !s.seen)
		return -EINVAL;
	return 0;
}

static void
join(struct stream *s, const struct docker_piece *p)
{
	if (s->skipping)
		return;
	if (!s->text) {
		s->text = spare ? spare : malloc(LINE_MAX_BYTES);
		spare = NULL;
	}
	if (!s->text || s->len + p->len > LINE_MAX_BYTES) {
		stream_reset(s);
		s->skipping = true;
		return;
	}
	memcpy(s->text + s->len, p->text, p->len);
	s->len += p->len;
}

/* p ends a message; a joined one is moved to room, where it stays valid. */
static int
finish(struct stream *s, const struct docker_piece *p, char *room, struct docker_message *out)
{
	bool skipped;

	*out = (struct docker_message){p->text, p->len, p->time};
	if (s->text || s->skipping) {
		join(s, p);
		skipped = s->skipping;
		if (!skipped)
			memcpy(room, s->text, s->len);
		*out = (struct docker_message){room, s->len, p->time};
		stream_reset(s);
		if (skipped)
			return -E2BIG;
	}
	if (out->len > LINE_MAX_BYTES)
		return -E2BIG;
	out->len--;
	if (out->len > 0 && out->text[out->len - 1] == '\r')
		out->len--;
	return 1;
}

int
source_docker_line(
    struct source_docker *d, const char *line, size_t n, char *room, struct docker_message *out)
{
	struct docker_piece p;

	if (n > DOCKER_LINE_MAX)
		return -E2BIG;
	if (docker_piece_fast(&p, line, n, room) < 0 && docker_piece_slow(&p, line, n, room) < 0)
		return -EINVAL;
	if (p.len > 0 && p.text[p.len - 1] == '\n')
		return finish(&d->streams[p.stream], &p, room, out);
	join(&d->streams[p.stream], &p);
	return 0;
}

struct wanted {
	const struct image *img;
	const struct image_source *source;
	char *name;
	size_t name_max;
	bool yes;
};

static void
on_name(struct wanted *w, const struct json_leaf *leaf)
{
	const char *text = leaf->text;
	size_t len = leaf->len;

	if (len > 0 && *text == '/') {
		text++;
		len--;
	}
	snprintf(
	    w->name, w->name_max, "%.*s", (int)(len < w->name_max ? len : w->name_max - 1), text);
	for (uint32_t i = 0; i < w->source->units.n; i++)
		if (fnmatch(image_list(w->img, w->source->units, i), w->name, 0) == 0)
			w->yes = true;
}

static void
on_label(struct wanted *w, const struct json_name *key, const struct json_leaf *leaf)
{
	for (uint32_t i = 0; i < w->source->labels.n; i++) {
		const char *want = image_list(w->img, w->source->labels, i);
		const char *eq = strchr(want, '=');
		size_t n = eq ? (size_t)(eq - want) : strlen(want);

		if (n != key->len || memcmp(want, key->text, n) != 0)
			continue;
		if (!eq ||
		    (strlen(eq + 1) == leaf->len && memcmp(eq + 1, leaf->text, leaf->len) == 0))
			w->yes = true;
	}
}

static void
on_config(void *ctx, const struct json_leaf *leaf)
{
	struct wanted *w = ctx;
	struct json_leaf above = *leaf;

	if (leaf->kind != JSON_STRING)
		return;
	if (json_at(leaf, (const char *[]){"Name"}, 1)) {
		on_name(w, leaf);
		return;
	}
	above.depth--;
	if (leaf->depth == 3 && leaf->path[2].text &&
	    json_at(&above, (const char *[]){"Config", "Labels"}, 2))
		on_label(w, &leaf->path[2], leaf);
}

int
source_docker_wanted(
    int fd, const struct image *img, const struct image_source *s, char *name, size_t name_max)
{
	struct wanted w = {.img = img, .source = s, .name = name, .name_max = name_max};
	_cleanup_(freep) char *text = malloc(2 * DOCKER_CONFIG_MAX);
	ssize_t n;
	int r;

	snprintf(name, name_max, "?");
	if (!text)
		return -ENOMEM;
	n = pread(fd, text, DOCKER_CONFIG_MAX, 0);
	if (n < 0)
		return -errno;
	w.yes = s->units.n == 0 && s->labels.n == 0;
	r = json_read(text, (size_t)n, text + DOCKER_CONFIG_MAX, on_config, &w);
	return r < 0 ? r : w.yes;
}
