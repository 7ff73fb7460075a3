/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/settings.h"

#include <pwd.h>
#include <stddef.h>
#include <string.h>

#include "conf/value.h"

#define DAY (86400 * USEC_PER_SEC)

static const struct field member_fields[] = {
    {"name", FIELD_TEXT, true, .offset = offsetof(struct group_member, name), .min = 1, .max = 255,
	.help = "of the host; alone it is a prefix, or asked of the resolver"},
    {"addresses", FIELD_TEXTS, .offset = offsetof(struct group_member, addresses), .min = 1,
	.max = 1024, .help = "the host's addresses or prefixes"},
    {0},
};

static const struct schema member_schema = {
    "a group's member", sizeof(struct group_member), member_fields, "name"};

static const struct field exposure_fields[] = {
    {"repeat", FIELD_SPAN, .offset = offsetof(struct settings_exposure, repeat), .fallback = "6h",
	.max = 366 * DAY, .help = "a gap that stays open is told again so often; 0s: never"},
    {"peers", FIELD_TEXTS, .offset = offsetof(struct settings_exposure, peers), .max = 1024,
	.help = "groups, hosts of groups and addresses whose ports the scheduled test probes"},
    {0},
};

static const struct schema exposure_schema = {
    "exposure", sizeof(struct settings_exposure), exposure_fields, NULL};

static const struct field settings_fields[] = {
    {"groups", FIELD_DICT, .offset = offsetof(struct settings, group_dict), .max = 256,
	.sub = &member_schema, .help = "names for hosts and networks"},
    {"never_ban", FIELD_TEXTS, .offset = offsetof(struct settings, never_ban), .max = 1024,
	.help = "groups and prefixes that are never banned, beside the machine's own, its "
		"gateways and resolvers"},
    {"proxies", FIELD_TEXTS, .offset = offsetof(struct settings, proxies), .max = 1024,
	.help = "groups and prefixes of proxies: an offence from there bans nobody and is "
		"told, since the real address is lost"},
    {"early", FIELD_BOOL, .offset = offsetof(struct settings, early), .fallback = "no",
	.help = "drop before connection tracking, for floods; replies of banned hosts to this "
		"machine are then dropped, too"},
    {"history", FIELD_SPAN, .offset = offsetof(struct settings, history), .fallback = "90d",
	.min = DAY, .max = 3660 * DAY, .help = "how long ended bans are kept"},
    {"control_group", FIELD_TEXT, .offset = offsetof(struct settings, control_group),
	.fallback = "", .max = 64,
	.help = "group whose members may ban and unban; root always may"},
    {"zone", FIELD_TEXT, .offset = offsetof(struct settings, zone), .fallback = "", .max = 64,
	.help = "time zone of dates without one, as Europe/Paris; empty: the machine's"},
    {"tallies_max", FIELD_INT, .offset = offsetof(struct settings, tallies_max),
	.fallback = "200000", .min = 100, .max = 10000000,
	.help = "sources that are counted at a time"},
    {"bans_max", FIELD_INT, .offset = offsetof(struct settings, bans_max), .fallback = "2000000",
	.min = 100, .max = 10000000, .help = "bans in force at a time"},
    {"exposure", FIELD_MAP, .offset = offsetof(struct settings, exposure), .sub = &exposure_schema,
	.help = "how gaps are told, and whom the scheduled test probes"},
    {"herald_user", FIELD_TEXT, .offset = offsetof(struct settings, herald_user),
	.fallback = "guardd-herald", .min = 1, .max = 32,
	.help = "user of guardd-herald.service, which alerts, metrics and the fleet need"},
    {"alerts", FIELD_MAP, .offset = offsetof(struct settings, alerts), .sub = &alerts_schema,
	.help = "who is told what"},
    {"metrics", FIELD_MAP, .offset = offsetof(struct settings, metrics), .sub = &metrics_schema,
	.help = "figures for Prometheus"},
    {"fleet", FIELD_MAP, .offset = offsetof(struct settings, fleet), .sub = &fleet_schema,
	.help = "bans that hosts share"},
    {0},
};

static const struct schema schema = {"guardd.yaml", sizeof(struct settings), settings_fields, NULL};

const struct schema *
settings_schema(void)
{
	return &schema;
}

void
settings_read(struct settings *s, const struct schema_reader *r, const struct node *root)
{
	static const struct node empty = {.kind = NODE_MAP};

	schema_read(r, settings_schema(), root ? root : &empty, s);
	s->node = root;
	if (!s->exposure.node)
		schema_read(r, &exposure_schema, &empty, &s->exposure);
	if (!s->alerts.node)
		schema_read(r, &alerts_schema, &empty, &s->alerts);
	if (!s->metrics.node)
		schema_read(r, &metrics_schema, &empty, &s->metrics);
}

/* Where something stands that only the herald can do; NULL: nowhere. */
static const struct node *
herald_needed(const struct settings *s)
{
	static const char *const keys[] = {"alerts", "metrics", "fleet"};

	for (size_t i = 0; s->node && i < sizeof(keys) / sizeof(*keys); i++) {
		if (node_get(s->node, keys[i]))
			return node_get(s->node, keys[i]);
	}
	return NULL;
}

/* Guarding goes on without it. */
static void
find_herald_user(struct settings *s, struct diag *d)
{
	const struct text *t = &s->herald_user;
	bool fine = t->s && value_user(d, t);
	const struct passwd *user = fine ? getpwnam(t->s) : NULL;
	const struct node *needed = herald_needed(s);

	s->herald_uid = user ? user->pw_uid : IMAGE_NO_UID;
	if (fine && !user && needed)
		diag_warn(d, node_place(t->node ? t->node : needed),
		    "there is no user '%.60s': alerts, metrics and the fleet wait until there is "
		    "one and the configuration is read again",
		    t->s);
}

/* Goes into the image as it is; who belongs to it is asked at each request. */
static void
check_control_group(const struct settings *s, struct diag *d)
{
	const char *name = s->control_group.s;

	if (name && strpbrk(name, " \t:,/"))
		diag_error(
		    d, node_place(s->control_group.node), "'%.60s' is no group's name", name);
}

void
settings_make(struct settings *s, struct arena *a, struct diag *d, resolve_fn resolve)
{
	check_control_group(s, d);
	groups_make(&s->groups, a, d, &s->group_dict, resolve);
	s->never = groups_flatten(&s->groups, a, d, &s->never_ban);
	s->proxy_prefixes = groups_flatten(&s->groups, a, d, &s->proxies);
	s->peers = groups_hosts(&s->groups, a, d, &s->exposure.peers);
	find_herald_user(s, d);
	fleet_name_host(&s->fleet, a);
}

void
settings_check(struct settings *s, struct arena *a, struct diag *d, const struct list *rules)
{
	alerts_check(&s->alerts, d);
	metrics_check(&s->metrics, d);
	fleet_check(&s->fleet, a, d, &s->groups, rules);
	if (s->fleet.node && s->fleet.bans_max > s->bans_max)
		diag_warn(d, node_place(node_at(s->fleet.node, "bans_max")),
		    "more than the main file's 'bans_max', %lld: no more can be in force",
		    (long long)s->bans_max);
}
