/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/alert.h"
#include "wire/msg.h"

static const uint32_t item_sizes[IMAGE_SECTIONS] = {
    [IMAGE_STRINGS] = 1,
    [IMAGE_STRINGS_LIST] = sizeof(str_t),
    [IMAGE_SETTINGS] = sizeof(struct image_settings),
    [IMAGE_FILTERS] = sizeof(struct image_filter),
    [IMAGE_SOURCES] = sizeof(struct image_source),
    [IMAGE_PATTERNS] = sizeof(struct image_pattern),
    [IMAGE_LITERALS] = sizeof(struct image_literal),
    [IMAGE_EXAMPLES] = sizeof(struct image_example),
    [IMAGE_RULES] = sizeof(struct image_rule),
    [IMAGE_RULE_FILTERS] = sizeof(uint32_t),
    [IMAGE_SERVICES] = sizeof(struct image_service),
    [IMAGE_PORTS] = sizeof(struct image_port),
    [IMAGE_GROUPS] = sizeof(struct image_group),
    [IMAGE_PREFIXES] = sizeof(struct image_prefix),
    [IMAGE_ZONES] = sizeof(struct image_zone),
    [IMAGE_TRANSITIONS] = sizeof(struct image_transition),
    [IMAGE_EXPOSES] = sizeof(struct image_expose),
    [IMAGE_HOSTS] = sizeof(struct image_host),
    [IMAGE_DATES] = sizeof(struct image_date),
    [IMAGE_DATE_LISTS] = sizeof(uint32_t),
    [IMAGE_CHANNELS] = sizeof(struct image_channel),
    [IMAGE_FLEETS] = sizeof(struct image_fleet),
    [IMAGE_TRUSTS] = sizeof(struct image_trust),
};

/* What a 32-bit reference, or a span of them, inside an item points into. */
enum ref_kind { REF_STR, REF_INDEX, REF_SPAN };

struct ref {
	enum image_section in;
	size_t at; /* offset in the item */
	enum ref_kind kind;
	enum image_section to;
};

#define STR(sec, type, m)                                                                          \
	{                                                                                          \
		sec, offsetof(struct type, m), REF_STR, IMAGE_STRINGS                              \
	}
#define INDEX(sec, type, m, to)                                                                    \
	{                                                                                          \
		sec, offsetof(struct type, m), REF_INDEX, to                                       \
	}
#define SPAN(sec, type, m, to)                                                                     \
	{                                                                                          \
		sec, offsetof(struct type, m), REF_SPAN, to                                        \
	}

static const struct ref refs[] = {
    {IMAGE_STRINGS_LIST, 0, REF_STR, IMAGE_STRINGS},
    {IMAGE_RULE_FILTERS, 0, REF_INDEX, IMAGE_FILTERS},
    STR(IMAGE_SETTINGS, image_settings, control_group),
    STR(IMAGE_SETTINGS, image_settings, main_file),
    INDEX(IMAGE_SETTINGS, image_settings, zone, IMAGE_ZONES),
    SPAN(IMAGE_SETTINGS, image_settings, never, IMAGE_PREFIXES),
    SPAN(IMAGE_SETTINGS, image_settings, proxies, IMAGE_PREFIXES),
    STR(IMAGE_FILTERS, image_filter, name),
    STR(IMAGE_FILTERS, image_filter, about),
    SPAN(IMAGE_FILTERS, image_filter, sources, IMAGE_SOURCES),
    SPAN(IMAGE_FILTERS, image_filter, programs, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_FILTERS, image_filter, patterns, IMAGE_PATTERNS),
    SPAN(IMAGE_FILTERS, image_filter, examples, IMAGE_EXAMPLES),
    INDEX(IMAGE_SOURCES, image_source, filter, IMAGE_FILTERS),
    INDEX(IMAGE_SOURCES, image_source, zone, IMAGE_ZONES),
    STR(IMAGE_SOURCES, image_source, path),
    SPAN(IMAGE_SOURCES, image_source, units, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_SOURCES, image_source, labels, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_SOURCES, image_source, facilities, IMAGE_STRINGS_LIST),
    INDEX(IMAGE_PATTERNS, image_pattern, filter, IMAGE_FILTERS),
    STR(IMAGE_PATTERNS, image_pattern, regex),
    STR(IMAGE_PATTERNS, image_pattern, written),
    STR(IMAGE_PATTERNS, image_pattern, file),
    SPAN(IMAGE_PATTERNS, image_pattern, literals, IMAGE_LITERALS),
    STR(IMAGE_LITERALS, image_literal, text),
    INDEX(IMAGE_EXAMPLES, image_example, filter, IMAGE_FILTERS),
    STR(IMAGE_EXAMPLES, image_example, user),
    SPAN(IMAGE_EXAMPLES, image_example, lines, IMAGE_STRINGS_LIST),
    STR(IMAGE_EXAMPLES, image_example, file),
    STR(IMAGE_EXAMPLES, image_example, source_line),
    STR(IMAGE_RULES, image_rule, name),
    SPAN(IMAGE_RULES, image_rule, filters, IMAGE_RULE_FILTERS),
    SPAN(IMAGE_RULES, image_rule, never, IMAGE_PREFIXES),
    STR(IMAGE_SERVICES, image_service, name),
    SPAN(IMAGE_SERVICES, image_service, ports, IMAGE_PORTS),
    STR(IMAGE_GROUPS, image_group, name),
    SPAN(IMAGE_GROUPS, image_group, prefixes, IMAGE_PREFIXES),
    STR(IMAGE_PREFIXES, image_prefix, name),
    STR(IMAGE_ZONES, image_zone, name),
    SPAN(IMAGE_ZONES, image_zone, transitions, IMAGE_TRANSITIONS),
    SPAN(IMAGE_SETTINGS, image_settings, peers, IMAGE_PREFIXES),
    STR(IMAGE_EXPOSES, image_expose, name),
    SPAN(IMAGE_EXPOSES, image_expose, ports, IMAGE_PORTS),
    SPAN(IMAGE_EXPOSES, image_expose, plaintext, IMAGE_PORTS),
    SPAN(IMAGE_EXPOSES, image_expose, allowed, IMAGE_PREFIXES),
    SPAN(IMAGE_EXPOSES, image_expose, groups, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_EXPOSES, image_expose, inside, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_EXPOSES, image_expose, hosts, IMAGE_HOSTS),
    STR(IMAGE_EXPOSES, image_expose, interface),
    STR(IMAGE_EXPOSES, image_expose, file),
    STR(IMAGE_HOSTS, image_host, name),
    STR(IMAGE_HOSTS, image_host, group),
    SPAN(IMAGE_FILTERS, image_filter, dates, IMAGE_DATE_LISTS),
    {IMAGE_DATE_LISTS, 0, REF_INDEX, IMAGE_DATES},
    STR(IMAGE_DATES, image_date, regex),
    STR(IMAGE_DATES, image_date, written),
    STR(IMAGE_SETTINGS, image_settings, metrics_listen),
    STR(IMAGE_SETTINGS, image_settings, metrics_file),
    STR(IMAGE_CHANNELS, image_channel, name),
    STR(IMAGE_CHANNELS, image_channel, server),
    STR(IMAGE_CHANNELS, image_channel, from),
    STR(IMAGE_CHANNELS, image_channel, user),
    STR(IMAGE_CHANNELS, image_channel, password_file),
    STR(IMAGE_CHANNELS, image_channel, url),
    STR(IMAGE_CHANNELS, image_channel, url_file),
    STR(IMAGE_CHANNELS, image_channel, token_file),
    STR(IMAGE_CHANNELS, image_channel, topic),
    STR(IMAGE_CHANNELS, image_channel, ca_file),
    SPAN(IMAGE_CHANNELS, image_channel, to, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_CHANNELS, image_channel, argv, IMAGE_STRINGS_LIST),
    STR(IMAGE_FLEETS, image_fleet, host),
    STR(IMAGE_FLEETS, image_fleet, server),
    STR(IMAGE_FLEETS, image_fleet, server_name),
    STR(IMAGE_FLEETS, image_fleet, user),
    STR(IMAGE_FLEETS, image_fleet, password_file),
    STR(IMAGE_FLEETS, image_fleet, ca_file),
    STR(IMAGE_FLEETS, image_fleet, cert_file),
    STR(IMAGE_FLEETS, image_fleet, key_file),
    STR(IMAGE_FLEETS, image_fleet, sign_file),
    STR(IMAGE_FLEETS, image_fleet, keys_file),
    STR(IMAGE_FLEETS, image_fleet, stream),
    SPAN(IMAGE_FLEETS, image_fleet, share, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_FLEETS, image_fleet, trusts, IMAGE_TRUSTS),
    SPAN(IMAGE_FLEETS, image_fleet, probe_within, IMAGE_PREFIXES),
    SPAN(IMAGE_TRUSTS, image_trust, hosts, IMAGE_STRINGS_LIST),
    SPAN(IMAGE_TRUSTS, image_trust, rules, IMAGE_STRINGS_LIST),
};

uint32_t
image_item_size(enum image_section s)
{
	return s < IMAGE_SECTIONS ? item_sizes[s] : 0;
}

uint32_t
image_count(const struct image *img, enum image_section s)
{
	return img->head->sections[s].count;
}

static const char *
section(const struct image_header *h, enum image_section s)
{
	return (const char *)h + h->sections[s].offset;
}

static bool
layout_is_fine(const struct image_header *h, size_t size)
{
	uint32_t n_strings;

	if (memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) || h->version != IMAGE_VERSION ||
	    h->size != size)
		return false;
	for (int s = 0; s < IMAGE_SECTIONS; s++) {
		uint64_t offset = h->sections[s].offset;
		uint64_t bytes = (uint64_t)h->sections[s].count * item_sizes[s];

		if (offset % 8 || offset < sizeof(*h) || offset + bytes > size)
			return false;
	}
	n_strings = h->sections[IMAGE_STRINGS].count;
	return h->sections[IMAGE_SETTINGS].count == 1 && n_strings > 0 &&
	       section(h, IMAGE_STRINGS)[0] == '\0' &&
	       section(h, IMAGE_STRINGS)[n_strings - 1] == '\0';
}

static bool
ref_is_fine(const struct image_header *h, const struct ref *ref)
{
	uint32_t limit = h->sections[ref->to].count;
	const char *item = section(h, ref->in) + ref->at;

	for (uint32_t i = 0; i < h->sections[ref->in].count; i++, item += item_sizes[ref->in]) {
		uint32_t v[2] = {0, 0};

		memcpy(v, item, ref->kind == REF_SPAN ? 8 : 4);
		if (ref->kind == REF_SPAN ? (uint64_t)v[0] + v[1] > limit : v[0] >= limit)
			return false;
	}
	return true;
}

static bool
prefix_is_canonical(const struct prefix *p)
{
	struct prefix again = prefix_of(&p->addr, p->len);

	return addr_bits(&p->addr) > 0 && prefix_cmp(&again, p) == 0;
}

static bool
ports_are_fine(const struct image *img)
{
	for (uint32_t i = 0; i < img->head->sections[IMAGE_PORTS].count; i++) {
		const struct image_port *p = &img->ports[i];

		if (!p->proto || !p->low || p->low > p->high)
			return false;
	}
	return true;
}

static bool
exposes_are_fine(const struct image *img)
{
	const struct span *peers = &img->settings->peers;

	for (uint32_t i = 0; i < img->head->sections[IMAGE_EXPOSES].count; i++) {
		const struct image_expose *x = &img->exposes[i];

		if (x->listeners > EXPOSE_UNNAMED || x->containers > 1 ||
		    (x->ports.n == 0) != (x->listeners == EXPOSE_UNNAMED) ||
		    (x->address.family != 0 && addr_bits(&x->address) == 0))
			return false;
	}
	for (uint32_t i = 0; i < peers->n; i++)
		if (!prefix_is_host(&img->prefixes[peers->first + i].prefix))
			return false;
	return img->settings->expose_repeat >= 0 && img->settings->no_infra <= 1;
}

/* A stepwise filter's patterns are of three kinds, one of them stands alone; others have no prefix.
 */
static bool
filters_are_fine(const struct image *img)
{
	for (uint32_t i = 0; i < img->head->sections[IMAGE_FILTERS].count; i++) {
		const struct image_filter *f = &img->filters[i];
		uint32_t prefixes = 0;

		if (f->lines > IMAGE_LINES_MAX)
			return false;
		for (uint32_t k = f->patterns.first; k < f->patterns.first + f->patterns.n; k++) {
			uint8_t kind = img->patterns[k].kind;

			prefixes += kind == PATTERN_PREFIX;
			if (f->lines && (kind == PATTERN_REMEMBER || kind == PATTERN_FORGIVE))
				return false;
			/* How a pattern is compiled depends on its filter. */
			if (!img->filters[img->patterns[k].filter].lines != !f->lines)
				return false;
		}
		if (prefixes > (f->lines ? 1 : 0))
			return false;
	}
	return true;
}

/* "fleet/NAME", and only those, are for the bans of other hosts. */
static bool
rules_are_fine(const struct image *img)
{
	for (uint32_t i = 0; i < img->head->sections[IMAGE_RULES].count; i++) {
		const struct image_rule *r = &img->rules[i];
		const char *name = image_str(img, r->name);

		if (r->scope > img->head->sections[IMAGE_SERVICES].count || r->within < 0 ||
		    r->duration < 0 || strlen(name) >= FLEET_RULE_MAX || r->foreign > 1 ||
		    (strncmp(name, "fleet/", 6) == 0) != r->foreign || (r->foreign && r->filters.n))
			return false;
	}
	return true;
}

static bool
is_port(uint32_t port)
{
	return port > 0 && port <= UINT16_MAX;
}

static bool
is_path(const char *s)
{
	return s[0] == '/';
}

static bool
is_path_or_none(const struct image *img, str_t s)
{
	return !s || is_path(image_str(img, s));
}

/* Each kind has what it cannot be without; what belongs to another kind is not looked at. */
static bool
channel_is_fine(const struct image *img, const struct image_channel *c)
{
	if (!c->name || c->severity >= SEVERITIES || !c->per_hour || !c->timeout_s ||
	    c->template > TEMPLATE_ALERTMANAGER || c->tls > CHANNEL_TLS_FIRST ||
	    !is_path_or_none(img, c->password_file) || !is_path_or_none(img, c->token_file) ||
	    !is_path_or_none(img, c->ca_file) || !is_path_or_none(img, c->url_file))
		return false;
	switch (c->kind) {
	case CHANNEL_JOURNAL:
		return true;
	case CHANNEL_MAIL:
		return c->server && is_port(c->port) && c->from && c->to.n;
	case CHANNEL_WEBHOOK:
		return !c->url != !c->url_file;
	case CHANNEL_PROGRAM:
		return c->argv.n && is_path(image_list(img, c->argv, 0));
	default:
		return false;
	}
}

static bool
trusts_are_fine(const struct image *img)
{
	uint32_t n = img->head->sections[IMAGE_TRUSTS].count;

	for (uint32_t i = 0; i < n; i++) {
		const struct image_trust *t = &img->trusts[i];

		if (!t->hosts.n || t->at_most <= 0 || !t->per_minute || t->len4 > 32 ||
		    t->len6 > 128)
			return false;
	}
	return n <= IMAGE_TRUSTS_MAX;
}

static bool
fleet_is_fine(const struct image *img)
{
	const struct image_fleet *f = img->fleet;
	const str_t files[] = {
	    f->password_file, f->ca_file, f->cert_file, f->key_file, f->sign_file, f->keys_file};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!is_path_or_none(img, files[i]))
			return false;
	return f->host && strlen(image_str(img, f->host)) <= IMAGE_HOST_MAX && f->server &&
	       f->stream && is_port(f->port) && f->tls <= 1 && f->share_all <= 1 && f->bans_max &&
	       f->keep > 0 && f->report > 0 && f->probe_every >= 0 &&
	       (!f->probe_every || f->probe_per_second);
}

static bool
herald_is_fine(const struct image *img)
{
	const struct image_header *h = img->head;
	const struct image_settings *s = img->settings;

	for (uint32_t i = 0; i < h->sections[IMAGE_CHANNELS].count; i++)
		if (!channel_is_fine(img, &img->channels[i]))
			return false;
	return h->sections[IMAGE_CHANNELS].count <= IMAGE_CHANNELS_MAX &&
	       h->sections[IMAGE_FLEETS].count <= 1 && (!img->fleet || fleet_is_fine(img)) &&
	       trusts_are_fine(img) && s->alerts_repeat >= 0 &&
	       is_path_or_none(img, s->metrics_file) && (!s->metrics_file || s->metrics_every > 0);
}

/* Values that index or divide later, beside the references. */
static bool
values_are_fine(const struct image *img)
{
	const struct image_header *h = img->head;

	for (uint32_t i = 0; i < h->sections[IMAGE_PATTERNS].count; i++)
		if (img->patterns[i].kind > PATTERN_PREFIX)
			return false;
	for (uint32_t i = 0; i < h->sections[IMAGE_LITERALS].count; i++) {
		const struct image_literal *l = &img->literals[i];

		if (l->len == 0 || (uint64_t)l->text + l->len >= h->sections[IMAGE_STRINGS].count)
			return false;
	}
	for (uint32_t i = 0; i < h->sections[IMAGE_PREFIXES].count; i++)
		if (!prefix_is_canonical(&img->prefixes[i].prefix))
			return false;
	for (uint32_t i = 0; i < h->sections[IMAGE_EXAMPLES].count; i++)
		if (img->examples[i].lines.n == 0)
			return false;
	return filters_are_fine(img) && ports_are_fine(img) && rules_are_fine(img) &&
	       exposes_are_fine(img) && herald_is_fine(img);
}

static void
set_pointers(struct image *img)
{
	const struct image_header *h = img->head;

	img->strings = section(h, IMAGE_STRINGS);
	img->lists = (const void *)section(h, IMAGE_STRINGS_LIST);
	img->settings = (const void *)section(h, IMAGE_SETTINGS);
	img->filters = (const void *)section(h, IMAGE_FILTERS);
	img->sources = (const void *)section(h, IMAGE_SOURCES);
	img->patterns = (const void *)section(h, IMAGE_PATTERNS);
	img->literals = (const void *)section(h, IMAGE_LITERALS);
	img->examples = (const void *)section(h, IMAGE_EXAMPLES);
	img->rules = (const void *)section(h, IMAGE_RULES);
	img->rule_filters = (const void *)section(h, IMAGE_RULE_FILTERS);
	img->services = (const void *)section(h, IMAGE_SERVICES);
	img->ports = (const void *)section(h, IMAGE_PORTS);
	img->groups = (const void *)section(h, IMAGE_GROUPS);
	img->prefixes = (const void *)section(h, IMAGE_PREFIXES);
	img->zones = (const void *)section(h, IMAGE_ZONES);
	img->transitions = (const void *)section(h, IMAGE_TRANSITIONS);
	img->exposes = (const void *)section(h, IMAGE_EXPOSES);
	img->hosts = (const void *)section(h, IMAGE_HOSTS);
	img->dates = (const void *)section(h, IMAGE_DATES);
	img->date_lists = (const void *)section(h, IMAGE_DATE_LISTS);
	img->channels = (const void *)section(h, IMAGE_CHANNELS);
	img->fleet =
	    h->sections[IMAGE_FLEETS].count ? (const void *)section(h, IMAGE_FLEETS) : NULL;
	img->trusts = (const void *)section(h, IMAGE_TRUSTS);
}

static int
check(struct image *img, size_t size)
{
	if (!layout_is_fine(img->head, size))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(refs) / sizeof(*refs); i++)
		if (!ref_is_fine(img->head, &refs[i]))
			return -EINVAL;
	set_pointers(img);
	return values_are_fine(img) ? 0 : -EINVAL;
}

int
image_open(struct image *out, int fd)
{
	struct stat st;
	void *map;
	int r;

	memset(out, 0, sizeof(*out));
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct image_header) || st.st_size > IMAGE_MAX)
		return -EINVAL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	out->head = map;
	r = check(out, (size_t)st.st_size);
	if (r < 0) {
		munmap(map, (size_t)st.st_size);
		memset(out, 0, sizeof(*out));
	}
	return r;
}

void
image_close(struct image *img)
{
	if (img->head)
		munmap((void *)(uintptr_t)img->head, img->head->size);
	memset(img, 0, sizeof(*img));
}

bool
image_covers(const struct image *img, struct span prefixes, const struct addr *a)
{
	for (uint32_t i = 0; i < prefixes.n; i++)
		if (prefix_has(&img->prefixes[prefixes.first + i].prefix, a))
			return true;
	return false;
}
