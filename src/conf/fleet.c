/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fleet.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "conf/rule.h"
#include "conf/value.h"
#include "wire/image.h"

#define MINUTE (60 * USEC_PER_SEC)
#define DAY    (86400 * USEC_PER_SEC)

static const struct field trust_fields[] = {
    {"hosts", FIELD_TEXTS, true, .offset = offsetof(struct fleet_trust, hosts), .min = 1,
	.max = 1024, .help = "names of hosts in the fleet; * and ? for parts"},
    {"rules", FIELD_TEXTS, .offset = offsetof(struct fleet_trust, rules), .min = 1, .max = 256,
	.help = "whose bans are taken, manual for those by hand; without it all but manual"},
    {"at_most", FIELD_SPAN, .offset = offsetof(struct fleet_trust, at_most), .fallback = "1d",
	.min = USEC_PER_SEC, .max = 3660 * DAY, .help = "no ban is longer here"},
    {"per_minute", FIELD_INT, .offset = offsetof(struct fleet_trust, per_minute), .fallback = "60",
	.min = 1, .max = 1000000, .help = "bans of one host, on the average of an hour"},
    {"ipv4", FIELD_INT, .offset = offsetof(struct fleet_trust, ipv4), .fallback = "24", .min = 8,
	.max = 32, .help = "length of the widest IPv4 prefix"},
    {"ipv6", FIELD_INT, .offset = offsetof(struct fleet_trust, ipv6), .fallback = "48", .min = 16,
	.max = 64, .help = "length of the widest IPv6 prefix; a source is a /64"},
    {0},
};

static const struct schema trust_schema = {
    "trust", sizeof(struct fleet_trust), trust_fields, "hosts"};

static const struct field probe_fields[] = {
    {"every", FIELD_SPAN, .offset = offsetof(struct fleet_probe, every), .fallback = "1h",
	.min = USEC_PER_SEC, .max = 30 * DAY, .help = "each host of the fleet is probed so often"},
    {"per_second", FIELD_INT, .offset = offsetof(struct fleet_probe, per_second), .fallback = "5",
	.min = 1, .max = 200, .help = "connections at most"},
    {"within", FIELD_TEXTS, true, .offset = offsetof(struct fleet_probe, within), .min = 1,
	.max = 1024, .help = "groups and prefixes; no other address is probed, whatever hosts say"},
    {0},
};

static const struct schema probe_schema = {
    "probe", sizeof(struct fleet_probe), probe_fields, "within"};

static const struct field fleet_fields[] = {
    {"server", FIELD_TEXT, true, .offset = offsetof(struct fleet, server), .min = 1,
	.max = VALUE_HOST_MAX, .help = "name or address of a Redis or Valkey server"},
    {"port", FIELD_INT, .offset = offsetof(struct fleet, port), .fallback = "6379", .min = 1,
	.max = 65535, .help = "of the server"},
    {"tls", FIELD_BOOL, .offset = offsetof(struct fleet, tls), .fallback = "yes",
	.help = "the server is asked for its certificate"},
    {"server_name", FIELD_TEXT, .offset = offsetof(struct fleet, server_name), .min = 1,
	.max = VALUE_HOST_MAX, .help = "in its certificate, when that is not server"},
    {"ca_file", FIELD_TEXT, .offset = offsetof(struct fleet, ca_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "certificates to trust instead of the system's"},
    {"cert_file", FIELD_TEXT, .offset = offsetof(struct fleet, cert_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "this host's certificate, where the server wants one"},
    {"key_file", FIELD_TEXT, .offset = offsetof(struct fleet, key_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "its key, that only the herald may read"},
    {"user", FIELD_TEXT, .offset = offsetof(struct fleet, user), .min = 1, .max = 255,
	.help = "of the server's ACL"},
    {"password_file", FIELD_TEXT, .offset = offsetof(struct fleet, password_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "that only the herald may read"},
    {"sign_file", FIELD_TEXT, .offset = offsetof(struct fleet, sign_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "private key (Ed25519, PEM): what this host says is signed"},
    {"keys_file", FIELD_TEXT, .offset = offsetof(struct fleet, keys_file), .min = 1,
	.max = VALUE_PATH_MAX,
	.help = "public keys of the hosts; with it nothing unsigned is believed"},
    {"host", FIELD_TEXT, .offset = offsetof(struct fleet, host), .min = 1, .max = IMAGE_HOST_MAX,
	.help = "this host's name in the fleet; without it the machine's"},
    {"stream", FIELD_TEXT, .offset = offsetof(struct fleet, stream), .fallback = "guardd", .min = 1,
	.max = 64, .help = "what the names of the streams begin with"},
    {"keep", FIELD_SPAN, .offset = offsetof(struct fleet, keep), .fallback = "7d", .min = MINUTE,
	.max = 366 * DAY, .help = "older bans leave the stream"},
    {"report", FIELD_SPAN, .offset = offsetof(struct fleet, report), .fallback = "5m",
	.min = USEC_PER_SEC, .max = DAY, .help = "this host tells how it is so often"},
    {"bans_max", FIELD_INT, .offset = offsetof(struct fleet, bans_max), .fallback = "100000",
	.min = 1, .max = 10000000, .help = "bans of other hosts in force at a time"},
    {"share", FIELD_TEXTS, .offset = offsetof(struct fleet, share), .fallback = "all", .min = 1,
	.max = 256, .help = "rules whose bans others get; all or none"},
    {"trust", FIELD_LIST, .offset = offsetof(struct fleet, trust), .max = IMAGE_TRUSTS_MAX,
	.sub = &trust_schema,
	.help = "whose bans are taken here; the first that fits decides; without it nobody's"},
    {"probe", FIELD_MAP, .offset = offsetof(struct fleet, probe), .sub = &probe_schema,
	.help = "ask the other hosts' protected ports; without it none"},
    {0},
};

const struct schema fleet_schema = {"fleet", sizeof(struct fleet), fleet_fields, NULL};

void
fleet_name_host(struct fleet *f, struct arena *a)
{
	char name[256] = "";

	if (!f->node || f->host.s || node_get(f->node, "host"))
		return;
	if (gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	f->host.s = arena_dup(a, name, strlen(name));
}

#define HOST_BYTES "abcdefghijklmnopqrstuvwxyz0123456789.-"

static bool
is_name(const char *s, const char *allowed)
{
	return *s && strlen(s) <= IMAGE_HOST_MAX && !s[strspn(s, allowed)] && *s != '.' &&
	       *s != '-';
}

static void
check_host(const struct fleet *f, struct diag *d)
{
	const struct text *t = &f->host;

	if (!t->s || is_name(t->s, HOST_BYTES))
		return;
	if (t->node)
		diag_error(d, node_place(t->node),
		    "'%.60s' is no name of a host: a-z, 0-9, '.' and '-', a letter or digit first",
		    t->s);
	else
		diag_error(d, node_place(f->node),
		    "the machine's name '%.64s' cannot be this host's name in the fleet: set "
		    "'host'",
		    t->s);
}

static void
check_stream(const struct text *t, struct diag *d)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:{}-";

	if (t->s && t->s[strspn(t->s, allowed)])
		diag_error(d, node_place(t->node),
		    "'%.60s' begins no stream's name: letters, digits and any of _.:{}-", t->s);
}

static void
check_tls(const struct fleet *f, struct diag *d)
{
	const struct text *for_tls[] = {&f->server_name, &f->ca_file, &f->cert_file, &f->key_file};

	for (size_t i = 0; !f->tls && i < 4; i++) {
		if (for_tls[i]->s)
			diag_error(d, node_place(for_tls[i]->node), "this needs 'tls: yes'");
	}
	if (f->cert_file.s && !f->key_file.s)
		diag_error(d, node_place(f->cert_file.node), "'cert_file' needs 'key_file'");
	if (f->key_file.s && !f->cert_file.s)
		diag_error(d, node_place(f->key_file.node), "'key_file' needs 'cert_file'");
	value_host(d, &f->server_name);
}

static void
check_files(const struct fleet *f, struct diag *d)
{
	const struct text *files[] = {&f->ca_file, &f->cert_file, &f->key_file, &f->password_file,
	    &f->sign_file, &f->keys_file};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		value_path(d, files[i]);
}

static void
check_server(const struct fleet *f, struct diag *d)
{
	value_user(d, &f->user);
	if (f->user.s && !f->password_file.s)
		diag_error(d, node_place(f->user.node), "'user' needs 'password_file'");
	if (!value_host(d, &f->server) || !f->server.s || f->tls ||
	    value_is_loopback(f->server.s, strlen(f->server.s)))
		return;
	if (f->password_file.s)
		diag_warn(d, node_place(f->password_file.node),
		    "the password goes to %.60s without TLS: use 'tls: yes'", f->server.s);
}

static const struct rule *
find_rule(const struct list *rules, const char *name)
{
	struct rule *const *known = rules->items;

	for (size_t i = 0; i < rules->n; i++) {
		if (!strcmp(known[i]->name.s, name))
			return known[i];
	}
	return NULL;
}

/* Told unless it is a ban rule of this host, or, with manual, that of bans by hand. */
static void
check_rule(
    const struct list *rules, struct arena *a, struct diag *d, const struct text *name, bool manual)
{
	const struct rule *rule = rules ? find_rule(rules, name->s) : NULL;
	struct guess g = {.word = name->s};

	if (!rules || (rule && !rule->builtin) || (manual && !strcmp(name->s, FLEET_MANUAL)))
		return;
	if (rule) {
		diag_error(d, node_place(name->node),
		    !strcmp(name->s, FLEET_MANUAL)
			? "bans by hand are shared one by one, with 'guardctl ban --fleet'"
			: "the bans of guardd's own check are not shared");
		return;
	}
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *known = ((struct rule *const *)rules->items)[i];

		if (!known->builtin)
			guess_try(&g, known->name.s);
	}
	diag_error(d, node_place(name->node),
	    "there is no ban rule '%.60s', or it is switched off%s", name->s, guess_text(&g, a));
}

static bool
is_twice(const struct list *l, size_t i, struct diag *d)
{
	const struct text *t = list_text(l, i);

	for (size_t j = 0; j < i; j++) {
		if (strcmp(list_text(l, j)->s, t->s))
			continue;
		diag_error(d, node_place(t->node), "'%.60s' is here twice", t->s);
		return true;
	}
	return false;
}

/* "all" and "none" are words, where they stand alone. */
static void
check_share(struct fleet *f, struct arena *a, struct diag *d, const struct list *rules)
{
	const char *word = f->share.n == 1 ? list_text(&f->share, 0)->s : "";

	f->share_all = !strcmp(word, "all");
	if (f->share_all || !strcmp(word, "none"))
		return;
	f->shared = f->share;
	for (size_t i = 0; i < f->share.n; i++) {
		const struct text *t = list_text(&f->share, i);

		if (!strcmp(t->s, "all") || !strcmp(t->s, "none"))
			diag_error(
			    d, node_place(t->node), "'%s' stands alone, without others", t->s);
		else if (!is_twice(&f->share, i, d))
			check_rule(rules, a, d, t, false);
	}
}

static void
check_trust(const struct fleet_trust *t, struct arena *a, struct diag *d, const struct list *rules)
{
	for (size_t i = 0; i < t->hosts.n; i++) {
		const struct text *host = list_text(&t->hosts, i);

		if (!is_name(host->s, HOST_BYTES "*?"))
			diag_error(d, node_place(host->node),
			    "'%.60s' is no name of a host: a-z, 0-9, '.' and '-', * and ? for "
			    "parts",
			    host->s);
	}
	for (size_t i = 0; i < t->rules.n; i++) {
		if (!is_twice(&t->rules, i, d))
			check_rule(rules, a, d, list_text(&t->rules, i), true);
	}
}

static bool
is_for(const struct fleet_trust *t, const char *rule)
{
	for (size_t i = 0; i < t->rules.n; i++) {
		if (!strcmp(list_text(&t->rules, i)->s, rule))
			return true;
	}
	return !t->rules.n && strcmp(rule, FLEET_MANUAL) != 0;
}

/* True when all hosts and rules of the other come to this one first. */
static bool
hides(const struct fleet_trust *t, const struct fleet_trust *other)
{
	bool all_hosts = false, all_rules = !t->rules.n || other->rules.n;

	for (size_t i = 0; i < t->hosts.n; i++)
		all_hosts |= !strcmp(list_text(&t->hosts, i)->s, "*");
	for (size_t i = 0; i < other->rules.n; i++)
		all_rules &= is_for(t, list_text(&other->rules, i)->s);
	return all_hosts && all_rules;
}

static void
check_trusts(const struct fleet *f, struct arena *a, struct diag *d, const struct list *rules)
{
	const struct fleet_trust *t = f->trust.items;

	for (size_t i = 0; i < f->trust.n; i++) {
		check_trust(&t[i], a, d, rules);
		for (size_t j = 0; j < i; j++) {
			if (!hides(&t[j], &t[i]))
				continue;
			diag_warn(d, node_place(t[i].node),
			    "never reached: the entry in line %u is for all of its hosts and rules",
			    t[j].node->line);
			break;
		}
	}
	if (f->trust.n && !f->keys_file.s)
		diag_warn(d, node_place(node_at(f->node, "trust")),
		    "without 'keys_file' whoever may write to the server can ban here in any "
		    "host's name");
}

void
fleet_check(struct fleet *f, struct arena *a, struct diag *d, const struct groups *groups,
    const struct list *rules)
{
	if (!f->node)
		return;
	check_host(f, d);
	check_stream(&f->stream, d);
	check_files(f, d);
	check_tls(f, d);
	check_server(f, d);
	check_share(f, a, d, rules);
	check_trusts(f, a, d, rules);
	f->probe.prefixes = groups_flatten(groups, a, d, &f->probe.within);
}

usec_t
fleet_at_most(const struct fleet *f, const char *rule)
{
	const struct fleet_trust *t = f->trust.items;
	usec_t longest = 0;

	for (size_t i = 0; i < f->trust.n; i++) {
		if (is_for(&t[i], rule) && t[i].at_most > longest)
			longest = t[i].at_most;
	}
	return longest;
}
