/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/rules.h"

#include <errno.h>
#include <string.h>

#define MANUAL_NAME "manual"

static void
rule_clear(struct rule *r)
{
	free(r->name);
	free(r->service);
	prefixset_fini(&r->never);
}

static int
rules_add(struct rules *r, const char *name, uint16_t *slot)
{
	struct rule *s;

	if (r->n == r->room) {
		uint16_t room = r->room ? (uint16_t)(r->room * 2) : 32;

		if (r->room >= RULES_MAX)
			return -ENOSPC;
		s = reallocarray(r->slots, room, sizeof(*s));
		if (!s)
			return -ENOMEM;
		r->slots = s;
		r->room = room;
	}
	s = &r->slots[r->n];
	*s = (struct rule){.name = strdup(name), .foreign = rule_is_foreign(name)};
	if (!s->name)
		return -ENOMEM;
	prefixset_init(&s->never);
	*slot = r->n++;
	return 0;
}

int
rules_init(struct rules *r)
{
	uint16_t slot;

	*r = (struct rules){0};
	return rules_add(r, MANUAL_NAME, &slot);
}

void
rules_fini(struct rules *r)
{
	for (uint16_t i = 0; i < r->n; i++)
		rule_clear(&r->slots[i]);
	free(r->slots);
	*r = (struct rules){0};
}

uint16_t
rules_find(const struct rules *r, const char *name)
{
	for (uint16_t i = 0; i < r->n; i++)
		if (strcmp(r->slots[i].name, name) == 0)
			return i;
	return RULE_NONE;
}

int
rules_slot(struct rules *r, const char *name, uint16_t *slot)
{
	*slot = rules_find(r, name);
	return *slot == RULE_NONE ? rules_add(r, name, slot) : 0;
}

bool
rule_is_foreign(const char *name)
{
	return strncmp(name, RULE_FOREIGN, strlen(RULE_FOREIGN)) == 0;
}

bool
rule_is_lost(const struct rule *r)
{
	return !r->alive && r->points == 0;
}

uint8_t
rule_prefix_len(const struct rule *r, const struct addr *a)
{
	return a->family == 4 ? r->prefix_len4 : r->prefix_len6;
}

static uint32_t
find_service(const struct image *img, const char *name)
{
	for (uint32_t i = 0; i < image_count(img, IMAGE_SERVICES); i++)
		if (strcmp(image_str(img, img->services[i].name), name) == 0)
			return i + 1;
	return SCOPE_NOWHERE;
}

/* Where a rule's bans were so far, in the numbers of the new image. */
static uint32_t
former_scope(const struct rule *r, const struct image *img)
{
	return r->service ? find_service(img, r->service) : 0;
}

static int
set_service(struct rule *r, const char *service)
{
	char *copy = service ? strdup(service) : NULL;

	if (service && !copy)
		return -ENOMEM;
	free(r->service);
	r->service = copy;
	return 0;
}

static int
load_never(struct rule *r, const struct image *img, struct span never)
{
	prefixset_clear(&r->never);
	for (uint32_t i = 0; i < never.n; i++)
		if (prefixset_add(&r->never, &img->prefixes[never.first + i].prefix) < 0)
			return -ENOMEM;
	prefixset_seal(&r->never);
	return 0;
}

static int
load_rule(struct rules *rules, const struct image *img, const struct image_rule *from)
{
	const char *service =
	    from->scope ? image_str(img, img->services[from->scope - 1].name) : NULL;
	uint16_t slot;
	struct rule *r;
	bool known;
	int e = rules_slot(rules, image_str(img, from->name), &slot);

	if (e < 0)
		return e;
	r = &rules->slots[slot];
	known = r->points > 0;
	r->old_scope = former_scope(r, img);
	r->scope = from->scope;
	r->moved = known && r->old_scope != r->scope;
	r->alive = true;
	r->points = from->points ? from->points : 1;
	r->within = from->within;
	r->duration = from->duration;
	r->duration_max = from->duration_max;
	r->factor_milli = from->factor_milli;
	r->forget = from->forget;
	r->prefix_hosts = r->foreign ? 0 : from->prefix_hosts;
	r->prefix_len4 = from->prefix_len4;
	r->prefix_len6 = from->prefix_len6;
	r->forgive = from->forgive;
	r->distinct = from->distinct_user;
	r->dry_run = from->dry_run;
	r->builtin = from->builtin;
	e = set_service(r, service);
	return e < 0 ? e : load_never(r, img, from->never);
}

int
rules_load(struct rules *r, const struct image *img)
{
	for (uint16_t i = 1; i < r->n; i++)
		r->slots[i].alive = false;
	r->slots[RULE_MANUAL].alive = true;
	r->scopes = image_count(img, IMAGE_SERVICES) + 1;
	for (uint32_t i = 0; i < image_count(img, IMAGE_RULES); i++) {
		int e = load_rule(r, img, &img->rules[i]);

		if (e < 0)
			return e;
	}
	for (uint16_t i = 1; i < r->n; i++)
		if (!r->slots[i].alive)
			r->slots[i].scope = former_scope(&r->slots[i], img);
	return 0;
}

static int
map_alloc(struct filter_map *m, const struct image *img)
{
	size_t uses = 0;

	for (uint32_t i = 0; i < image_count(img, IMAGE_RULES); i++)
		uses += img->rules[i].filters.n;
	m->n = image_count(img, IMAGE_FILTERS);
	m->filters = calloc(m->n + 1, sizeof(*m->filters));
	m->rules = calloc(uses + 1, sizeof(*m->rules));
	return m->filters && m->rules ? 0 : -ENOMEM;
}

static void
map_one(struct filter_map *m, const struct rules *r, const struct image *img, uint32_t rule)
{
	const struct image_rule *from = &img->rules[rule];
	uint16_t slot = rules_find(r, image_str(img, from->name));

	for (uint32_t i = 0; i < from->filters.n; i++) {
		struct span *f = &m->filters[img->rule_filters[from->filters.first + i]];

		m->rules[f->first + f->n++] = slot;
	}
}

int
filter_map_init(struct filter_map *m, const struct rules *r, const struct image *img)
{
	uint32_t n_rules = image_count(img, IMAGE_RULES), at = 0;

	*m = (struct filter_map){0};
	if (map_alloc(m, img) < 0) {
		filter_map_fini(m);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n_rules; i++)
		for (uint32_t k = 0; k < img->rules[i].filters.n; k++)
			m->filters[img->rule_filters[img->rules[i].filters.first + k]].n++;
	for (uint32_t i = 0; i < m->n; i++) {
		m->filters[i].first = at;
		at += m->filters[i].n;
		m->filters[i].n = 0;
	}
	for (uint32_t i = 0; i < n_rules; i++)
		map_one(m, r, img, i);
	return 0;
}

void
filter_map_fini(struct filter_map *m)
{
	free(m->filters);
	free(m->rules);
	*m = (struct filter_map){0};
}
