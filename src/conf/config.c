/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "conf/builtin.h"
#include "conf/directory.h"

void
config_init(struct config *c, const struct config_paths *paths)
{
	*c = (struct config){.main_path = paths->main_file,
	    .share = paths->share,
	    .etc = paths->etc,
	    .runtime = paths->runtime};
	c->diag.arena = &c->arena;
}

void
config_fini(struct config *c)
{
	arena_fini(&c->arena);
}

static struct filter *
new_filter(struct config *c)
{
	struct filter *f = arena_alloc(&c->arena, sizeof(*f));

	*(struct filter **)list_add(&c->arena, &c->filters, sizeof(f)) = f;
	return f;
}

static void
read_filter(struct config *c, const struct yaml_file *file, const char *name)
{
	struct schema_reader r = {&c->arena, &c->diag, false};
	struct filter *f = new_filter(c);

	schema_read(&r, filter_schema(), file->root, f);
	f->builtin = name == NULL;
	if (!directory_check_name(c, "filter", &f->name, name) || !f->name.s)
		c->filters.n--;
}

static bool
is_off(const struct node *root)
{
	const struct node *n = node_get(root, "enabled");

	return n && n->kind == NODE_SCALAR && n->style == NODE_PLAIN &&
	       (!strcasecmp(n->text, "no") || !strcasecmp(n->text, "false") ||
		   !strcasecmp(n->text, "off"));
}

static void
read_ban(struct config *c, const struct yaml_file *file, const char *name)
{
	struct schema_reader r = {&c->arena, &c->diag, is_off(file->root) || !name};
	struct rule *rule = arena_alloc(&c->arena, sizeof(*rule));

	schema_read(&r, rule_schema(), file->root, rule);
	rule->builtin = name == NULL;
	if (!directory_check_name(c, "rule", &rule->name, name) || !rule->name.s || !rule->enabled)
		return;
	*(struct rule **)list_add(&c->arena, &c->rules, sizeof(rule)) = rule;
}

static void
read_expose(struct config *c, const struct yaml_file *file, const char *name)
{
	struct schema_reader r = {&c->arena, &c->diag, is_off(file->root)};
	struct expose *x = arena_alloc(&c->arena, sizeof(*x));

	schema_read(&r, expose_schema(), file->root, x);
	if (!directory_check_name(c, "rule", &x->name, name) || !x->name.s || !x->enabled)
		return;
	*(struct expose **)list_add(&c->arena, &c->exposes, sizeof(x)) = x;
}

/* A file is of the kind whose key it has. */
static const struct file_kind filter_kinds[] = {{"filter", read_filter}, {0}};
static const struct file_kind rule_kinds[] = {{"ban", read_ban}, {"expose", read_expose}, {0}};

static void
read_main(struct config *c)
{
	struct schema_reader r = {&c->arena, &c->diag, false};
	struct yaml_file *file = NULL;

	if (access(c->main_path, F_OK) < 0 && errno == ENOENT) {
		settings_read(&c->settings, &r, NULL);
		c->main_path = "";
		return;
	}
	if (yaml_load(&file, &c->arena, &c->diag, c->main_path) < 0)
		return;
	if (file->root && file->root->kind != NODE_MAP)
		diag_error(
		    &c->diag, node_place(file->root), "this file must be a mapping: KEY: VALUE");
	else
		settings_read(&c->settings, &r, file->root);
}

static int
find_zone(const struct config *c, const char *name)
{
	const struct zone *zones = c->zones.items;

	for (size_t i = 0; i < c->zones.n; i++) {
		if (!strcmp(zones[i].name, name))
			return (int)i;
	}
	return -1;
}

static void
add_zone(struct config *c, const struct text *name, usec_t now)
{
	struct zone *z;

	if (name->s && find_zone(c, name->s) >= 0)
		return;
	z = list_add(&c->arena, &c->zones, sizeof(*z));
	if (zone_load(z, &c->arena, name->s ? name->s : "", now) == 0)
		return;
	c->zones.n--;
	diag_error(&c->diag, node_place(name->node), "there is no time zone '%.64s'", name->s);
}

static void
load_zones(struct config *c, usec_t now)
{
	struct filter **filters = c->filters.items;

	add_zone(c, &c->settings.zone, now);
	for (size_t i = 0; i < c->filters.n; i++) {
		const struct filter_source *sources = filters[i]->sources.items;

		for (size_t s = 0; s < filters[i]->sources.n; s++) {
			if (sources[s].zone.s)
				add_zone(c, &sources[s].zone, now);
		}
	}
}

uint32_t
config_zone(const struct config *c, const char *name)
{
	int i = name && *name ? find_zone(c, name) : 0;

	return i < 0 ? 0 : (uint32_t)i;
}

bool
config_no_infra(const struct config *c)
{
	struct expose *const *exposes = c->exposes.items;

	for (size_t i = 0; i < c->exposes.n; i++) {
		if (exposes[i]->infra)
			return !groups_find(&c->settings.groups, GROUP_INFRA);
	}
	return false;
}

void
config_load(struct config *c, resolve_fn resolve, usec_t now)
{
	read_main(c);
	settings_make(&c->settings, &c->arena, &c->diag, resolve);
	builtin_filters(c, read_filter);
	directory_read(c, "filters", filter_kinds);
	builtin_rules(c, read_ban);
	directory_read(c, "rules", rule_kinds);
	for (size_t i = 0; i < c->rules.n; i++)
		groups_resolve(&c->settings.groups, &c->arena, &c->diag,
		    &((struct rule **)c->rules.items)[i]->never_ban, resolve);
	load_zones(c, now);
}

void
config_load_own(struct config *c, resolve_fn resolve, usec_t now)
{
	read_main(c);
	settings_make(&c->settings, &c->arena, &c->diag, resolve);
	builtin_filters(c, read_filter);
	builtin_rules(c, read_ban);
	c->own = true;
	load_zones(c, now);
}

void
config_add_filter(struct config *c, const char *name, const char *text)
{
	const char *path = arena_printf(&c->arena, "%s.yaml", name);
	struct yaml_file *file = NULL;

	if (yaml_load_text(&file, &c->arena, &c->diag, path, text, strlen(text)) == 0 && file->root)
		read_filter(c, file, name);
}

static void
check_number(struct config *c, const char *what, size_t n, size_t max)
{
	struct place nowhere = {c->etc, 0, 0, NULL, 0};

	if (n > max)
		diag_error(&c->diag, nowhere, "%zu %s: %zu at most", n, what, max);
}

int
config_check(struct config *c)
{
	struct filter **filters = c->filters.items;
	struct rule **rules = c->rules.items;
	struct expose **exposes = c->exposes.items;

	settings_check(&c->settings, &c->arena, &c->diag, c->own ? NULL : &c->rules);
	check_number(c, "filters", c->filters.n, FILTERS_MAX);
	check_number(c, "rules", c->rules.n, RULES_MAX);
	check_number(c, "expose rules", c->exposes.n, EXPOSES_MAX);
	for (size_t i = 0; i < c->filters.n; i++) {
		filter_check(filters[i], &c->arena, &c->diag);
		filter_make_patterns(filters[i], &c->arena, &c->diag);
	}
	for (size_t i = 0; i < c->rules.n; i++)
		rule_check(rules[i], &c->arena, &c->diag, &c->filters, &c->settings.groups);
	for (size_t i = 0; i < c->exposes.n; i++)
		expose_check(exposes[i], &c->arena, &c->diag, &c->settings.groups, exposes, i);
	return c->diag.errors ? -EINVAL : 0;
}
