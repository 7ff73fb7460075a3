/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_build.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct section {
	char *data;
	size_t len, room; /* bytes */
};

struct image_build {
	struct section sections[IMAGE_SECTIONS];
};

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "image_build: %s\n", #x);                                  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static const struct {
	const char *name, *regex;
} placeholders[] = {
    {"<addr>", "(?<addr>(?:\\d{1,3}\\.){3}\\d{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+(?:%[\\w.-]+)?)"},
    {"<user>", "(?<user>.*?)"},
    {"<time>", "(?<time>[0-9A-Z][0-9A-Za-z:./,+ -]{7,39})"},
    {"<port>", "(?<port>\\d{1,5})"},
    {"<session>", "(?<session>\\S+?)"},
    {"<pid>", "\\d+"},
    {"<host>", "[^\\s\\[\\]()<>,;\"]*"},
    {"<word>", "\\S+"},
    {"<quoted>", "[^\"]*"},
};

static size_t
append(struct image_build *b, enum image_section s, const void *data, size_t n)
{
	struct section *sec = &b->sections[s];
	size_t at = sec->len;

	if (sec->len + n > sec->room) {
		sec->room = (sec->len + n) * 2 + 256;
		sec->data = realloc(sec->data, sec->room);
		MUST(sec->data);
	}
	if (n)
		memcpy(sec->data + at, data, n);
	sec->len += n;
	return at;
}

struct image_build *
image_build_new(void)
{
	struct image_build *b = calloc(1, sizeof *b);
	struct image_settings settings = {
	    .user_key = {0x0123456789abcdef, 0xfedcba9876543210},
	    .history = 90 * 86400 * USEC_PER_SEC,
	    .tallies_max = 1000,
	    .bans_max = 1000,
	    .herald_uid = IMAGE_NO_UID,
	    .metrics_every = 15 * USEC_PER_SEC,
	};

	MUST(b);
	append(b, IMAGE_STRINGS, "", 1);
	image_build_zone(b, "", &(struct image_transition){.from = 0, .offset = 0}, 1);
	image_build_add(b, IMAGE_SETTINGS, &settings);
	return b;
}

void
image_build_free(struct image_build *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < IMAGE_SECTIONS; i++)
		free(b->sections[i].data);
	free(b);
}

str_t
image_build_str(struct image_build *b, const char *text)
{
	if (!text || !*text)
		return 0;
	return append(b, IMAGE_STRINGS, text, strlen(text) + 1);
}

uint32_t
image_build_add(struct image_build *b, enum image_section s, const void *item)
{
	return append(b, s, item, image_item_size(s)) / image_item_size(s);
}

uint32_t
image_build_count(const struct image_build *b, enum image_section s)
{
	return b->sections[s].len / image_item_size(s);
}

void *
image_build_at(struct image_build *b, enum image_section s, uint32_t i)
{
	MUST(i < image_build_count(b, s));
	return b->sections[s].data + (size_t)i * image_item_size(s);
}

struct image_settings *
image_build_settings(struct image_build *b)
{
	return image_build_at(b, IMAGE_SETTINGS, 0);
}

struct span
image_build_list(struct image_build *b, const char *const *texts)
{
	struct span s = {image_build_count(b, IMAGE_STRINGS_LIST), 0};

	for (; texts && texts[s.n]; s.n++) {
		str_t t = image_build_str(b, texts[s.n]);

		image_build_add(b, IMAGE_STRINGS_LIST, &t);
	}
	return s;
}

uint32_t
image_build_zone(
    struct image_build *b, const char *name, const struct image_transition *t, uint32_t n)
{
	struct image_zone z = {
	    .name = image_build_str(b, name),
	    .transitions = {image_build_count(b, IMAGE_TRANSITIONS), n},
	};

	for (uint32_t i = 0; i < n; i++)
		image_build_add(b, IMAGE_TRANSITIONS, &t[i]);
	return image_build_add(b, IMAGE_ZONES, &z);
}

uint32_t
image_build_prefix(struct image_build *b, const char *text)
{
	struct image_prefix p = {.name = 0};

	MUST(prefix_parse(&p.prefix, text, strlen(text)) == 0);
	return image_build_add(b, IMAGE_PREFIXES, &p);
}

static str_t
add_regex(struct image_build *b, const char *text)
{
	char out[8192];
	size_t n = 0;

	for (const char *p = text; *p;) {
		size_t i, count = sizeof placeholders / sizeof *placeholders;

		for (i = 0; i < count; i++)
			if (!strncmp(p, placeholders[i].name, strlen(placeholders[i].name)))
				break;
		MUST(n + 256 < sizeof out);
		if (i == count ||
		    (p > text + 1 && !memcmp(p - 2, "(?", 2))) { /* (?<addr> is spelt out */
			out[n++] = *p++;
			continue;
		}
		n += sprintf(out + n, "%s", placeholders[i].regex);
		p += strlen(placeholders[i].name);
	}
	out[n] = 0;
	return image_build_str(b, out);
}

static void
add_pattern(struct image_build *b, uint32_t filter, const struct build_pattern *p, uint32_t line)
{
	struct image_pattern item = {
	    .filter = filter,
	    .kind = p->kind,
	    .caseless = p->caseless,
	    .points = p->points ? p->points : 1,
	    .regex = add_regex(b, p->regex),
	    .written = image_build_str(b, p->regex),
	    .file = image_build_str(b, "test.yaml"),
	    .line = line,
	    .column = 1,
	    .literals = {image_build_count(b, IMAGE_LITERALS), 0},
	};

	for (; item.literals.n < 6 && p->literals[item.literals.n]; item.literals.n++) {
		const char *text = p->literals[item.literals.n];
		struct image_literal l = {
		    .text = image_build_str(b, text), .len = strlen(text), .caseless = p->caseless};

		image_build_add(b, IMAGE_LITERALS, &l);
	}
	image_build_add(b, IMAGE_PATTERNS, &item);
}

static void
add_source(struct image_build *b, uint32_t filter, const struct build_source *s)
{
	struct image_source item = {
	    .filter = filter,
	    .kind = s->kind,
	    .header = s->header,
	    .entry = s->entry,
	    .zone = s->zone,
	    .path = image_build_str(b, s->path),
	};

	image_build_add(b, IMAGE_SOURCES, &item);
}

static void
add_example(struct image_build *b, uint32_t filter, const struct build_example *e, uint32_t line)
{
	struct image_example item = {
	    .filter = filter,
	    .whole = e->whole,
	    .gives = e->gives != NULL,
	    .forgives = e->forgives != NULL,
	    .has_points = e->points != 0,
	    .has_user = e->user != NULL,
	    .has_time = e->time != 0,
	    .points = e->points,
	    .user = image_build_str(b, e->user),
	    .time = e->time,
	    .file = image_build_str(b, "test.yaml"),
	    .source_line = image_build_str(b, e->lines[0]),
	    .line = line,
	    .column = 3,
	};
	const char *addr = e->gives ? e->gives : e->forgives;
	const char *lines[5] = {e->lines[0], e->lines[1], e->lines[2], e->lines[3], NULL};

	if (addr)
		MUST(addr_parse(&item.addr, addr, strlen(addr)) == 0);
	item.lines = image_build_list(b, lines);
	image_build_add(b, IMAGE_EXAMPLES, &item);
}

uint32_t
image_build_filter(struct image_build *b, const struct build_filter *f)
{
	uint32_t index = image_build_count(b, IMAGE_FILTERS);
	struct image_filter item = {
	    .name = image_build_str(b, f->name),
	    .about = image_build_str(b, f->name),
	    .all = f->all,
	    .builtin = f->builtin,
	};
	const char *programs[7] = {NULL};

	memcpy(programs, f->programs, sizeof f->programs);
	item.programs = image_build_list(b, programs);
	item.sources.first = image_build_count(b, IMAGE_SOURCES);
	for (; item.sources.n < 6 && f->sources[item.sources.n].kind; item.sources.n++)
		add_source(b, index, &f->sources[item.sources.n]);
	item.patterns.first = image_build_count(b, IMAGE_PATTERNS);
	for (; item.patterns.n < 16 && f->patterns[item.patterns.n].regex; item.patterns.n++)
		add_pattern(b, index, &f->patterns[item.patterns.n], item.patterns.n + 1);
	item.examples.first = image_build_count(b, IMAGE_EXAMPLES);
	for (; item.examples.n < 16 && f->examples[item.examples.n].lines[0]; item.examples.n++)
		add_example(b, index, &f->examples[item.examples.n], 100 + item.examples.n);
	return image_build_add(b, IMAGE_FILTERS, &item);
}

uint32_t
image_build_rule(struct image_build *b, const struct build_rule *r)
{
	struct image_rule item = {
	    .name = image_build_str(b, r->name),
	    .points = r->points ? r->points : 5,
	    .within = r->within ? r->within : 600 * USEC_PER_SEC,
	    .duration = r->duration ? r->duration : 3600 * USEC_PER_SEC,
	    .factor_milli = r->factor_milli ? r->factor_milli : 1000,
	    .prefix_hosts = r->prefix_hosts,
	    .forget = r->forget,
	    .forgive = r->forgive,
	    .distinct_user = r->distinct_user,
	    .dry_run = r->dry_run,
	    .prefix_len4 = 24,
	    .prefix_len6 = 48,
	    .scope = r->scope,
	    .filters = {image_build_count(b, IMAGE_RULE_FILTERS), r->n_filters},
	};

	item.duration_max = r->duration_max ? r->duration_max : item.duration;
	for (uint32_t i = 0; i < r->n_filters; i++)
		image_build_add(b, IMAGE_RULE_FILTERS, &r->filters[i]);
	return image_build_add(b, IMAGE_RULES, &item);
}

static void
write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t w = write(fd, p, n);

		MUST(w > 0);
		p += w;
		n -= w;
	}
}

int
image_build_fd(struct image_build *b)
{
	struct image_header head = {.magic = IMAGE_MAGIC, .version = IMAGE_VERSION};
	size_t offset = (sizeof head + 7) & ~7ul;
	int fd = memfd_create("guardd-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(fd >= 0);
	for (int s = 0; s < IMAGE_SECTIONS; s++) {
		head.sections[s].offset = offset;
		head.sections[s].count = image_build_count(b, s);
		offset = (offset + b->sections[s].len + 7) & ~7ul;
	}
	head.size = offset;
	MUST(ftruncate(fd, offset) == 0);
	write_all(fd, &head, sizeof head);
	for (int s = 0; s < IMAGE_SECTIONS; s++) {
		MUST(lseek(fd, head.sections[s].offset, SEEK_SET) >= 0);
		write_all(fd, b->sections[s].data, b->sections[s].len);
	}
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	return fd;
}

void
image_build_open(struct image_build *b, struct image *out)
{
	int fd = image_build_fd(b);

	MUST(image_open(out, fd) == 0);
	close(fd);
}
