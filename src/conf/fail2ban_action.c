/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban_port.h"
#include "conf/fail2ban_rule.h"

#define PORTS_MAX 128 /* of a rule */

enum reach {
	REACH_NONE,    /* it tells somebody, and bans nobody */
	REACH_AWAY,    /* it bans elsewhere */
	REACH_PORTS,   /* it bans from ports */
	REACH_HOST,    /* it bans from everything */
	REACH_UNKNOWN, /* a program of the administrator's own */
};

/* Actions that ban nobody here, by the beginnings of their names. */
static const struct {
	const char *name;
	enum reach reach;
	const char *does;
} quiet[] = {
    {"sendmail", REACH_NONE, "sends mail"},
    {"mail", REACH_NONE, "sends mail"},
    {"smtp.py", REACH_NONE, "sends mail"},
    {"complain", REACH_NONE, "sends mail to whoever the address belongs to"},
    {"dshield", REACH_NONE, "reports to a service"},
    {"mynetwatchman", REACH_NONE, "reports to a service"},
    {"xarf-login-attack", REACH_NONE, "reports to whoever the address belongs to"},
    {"abuseipdb", REACH_NONE, "reports to a service"},
    {"blocklist_de", REACH_NONE, "reports to a service"},
    {"badips", REACH_NONE, "reports to a service"},
    {"ipthreat", REACH_NONE, "reports to a service"},
    {"apprise", REACH_NONE, "sends messages"},
    {"helpers-common", REACH_NONE, "does nothing"},
    {"dummy", REACH_NONE, "writes into a file"},
    {"cloudflare", REACH_AWAY, "bans at Cloudflare"},
    {"netscaler", REACH_AWAY, "bans at a load balancer"},
    {"nsupdate", REACH_AWAY, "writes into the DNS"},
    {"nginx-block-map", REACH_AWAY, "bans in nginx"},
};

/* What is in an action that changes a packet filter, or TCP wrappers. */
static const char *const filters[] = {"iptables", "ip6tables", "nft", "ipset", "firewall-cmd",
    "ufw ", "pfctl", "shorewall", "ipfw", "npfctl", "apf ", "ip route", "route add", "route ",
    "/etc/hosts.deny", "hosts.allow", "fw.conf", "blacklist"};

struct scope {
	struct f2b *f;
	const struct f2b_jail *jail;
	struct list ports; /* of const char * */
	bool host, service, unknown;
	bool narrower;       /* something of the ports could not be taken */
	struct f2b_value at; /* of the last that bans */
};

static const char *
text_of(const struct f2b_section *s, const char *option)
{
	const struct f2b_value *v = f2b_get(s, option);

	return v ? v->text : "";
}

/* By its text, once all <tags> are put in: iptables' port ends up behind --dport. */
static enum reach
reach_of_text(const struct f2b_section *combined)
{
	static const char *const options[] = {"actionstart", "actionban"};
	enum reach reach = REACH_UNKNOWN;

	for (size_t i = 0; i < 2; i++) {
		const char *text = text_of(combined, options[i]);

		if (strstr(text, "dport") || strstr(text, "port=") || strstr(text, "dst-port") ||
		    strstr(text, "-p $proto -m multiport"))
			return REACH_PORTS;
		for (size_t k = 0; k < sizeof(filters) / sizeof(*filters); k++)
			if (strstr(text, filters[k]))
				reach = REACH_HOST;
	}
	return reach;
}

static enum reach
reach_of(struct f2b *f, const struct f2b_jail *j, const struct f2b_action *a,
    struct f2b_section *combined)
{
	struct f2b_call call = {
	    .options = a->options.items, .n = a->options.n, .jail = &j->options};

	*combined = (struct f2b_section){0};
	for (size_t i = 0; i < sizeof(quiet) / sizeof(*quiet); i++)
		if (strncmp(a->name, quiet[i].name, strlen(quiet[i].name)) == 0) {
			f2b_note(f->report, F2B_LOST, &a->at, "action %s %s: guardd does not",
			    a->name, quiet[i].does);
			return quiet[i].reach;
		}
	call.ini = f2b_merged(f, arena_printf(f->arena, "action.d/%s", a->name));
	if (!call.ini) {
		if (strlen(a->name) > 3 && strcmp(a->name + strlen(a->name) - 3, ".py") == 0)
			return REACH_UNKNOWN;
		f2b_note(f->report, F2B_ERROR, &a->at, "there is no action.d/%s.conf", a->name);
		return REACH_UNKNOWN;
	}
	if (f2b_combine(f, &call, true, combined) < 0)
		return REACH_UNKNOWN;
	return reach_of_text(combined);
}

/* --- ports --- */

static void
add_port(struct scope *s, const char *proto, const char *text, const struct f2b_value *at)
{
	size_t n = strcspn(text, ":-");
	const char *from = arena_dup(s->f->arena, text, n), *name;
	int low, high;

	/* A service's name may hold '-'. */
	low = text[n] == '-' ? f2b_port_number(s->f, text, proto) : -1;
	if (low >= 0) {
		high = low;
	} else {
		low = f2b_port_number(s->f, from, proto);
		high = text[n] ? f2b_port_number(s->f, text + n + 1, proto) : low;
	}
	if (low < 0 || high < low) {
		f2b_note(
		    s->f->report, F2B_ERROR, at, "port %.60s is not known for %s", text, proto);
		s->narrower = true;
		return;
	}
	if (low <= 1 && high == 65535) {
		s->host = true;
		return;
	}
	if (s->ports.n == PORTS_MAX) {
		f2b_note(s->f->report, F2B_ERROR, at, "more than %d ports; %.60s is left out",
		    PORTS_MAX, text);
		s->narrower = true;
		return;
	}
	name = low == high ? arena_printf(s->f->arena, "%s/%d", proto, low)
			   : arena_printf(s->f->arena, "%s/%d-%d", proto, low ? low : 1, high);
	for (size_t i = 0; i < s->ports.n; i++)
		if (strcmp(((const char **)s->ports.items)[i], name) == 0)
			return;
	*(const char **)list_add(s->f->arena, &s->ports, sizeof(name)) = name;
}

/* Protocols that the rule's ports can have; of "all", both. */
static void
add_protocols(struct scope *s, const char *protocols, struct list *out, const struct f2b_value *at)
{
	static const char *const known[] = {"tcp", "udp", "sctp"};
	struct list words = {0};

	f2b_words(s->f->arena, protocols, &words);
	for (size_t i = 0; i < words.n; i++) {
		const char *word = ((const char **)words.items)[i];
		const bool all = strcmp(word, "all") == 0;
		bool found = false;

		for (size_t k = 0; k < 3; k++)
			if (strcmp(word, known[k]) == 0 || (all && k < 2)) {
				*(const char **)list_add(s->f->arena, out, sizeof(word)) = known[k];
				found = true;
			}
		if (!found) {
			f2b_note(s->f->report, F2B_LOST, at, "protocol %.30s", word);
			s->narrower = true;
		}
	}
}

/* Where the ports are set: the jail's option, when the action has them from there. */
static struct f2b_value
port_place(const struct scope *s, const struct f2b_action *a, const char *ports)
{
	struct f2b_scope scope = {.ini = f2b_merged(s->f, "jail"), .section = s->jail->name};
	struct f2b_value v;

	if (scope.ini && f2b_value_get(s->f, &scope, "port", &v) == 0 && strcmp(v.text, ports) == 0)
		return v;
	return a->at;
}

static void
add_ports(struct scope *s, const struct f2b_action *a, const struct f2b_section *combined)
{
	struct list protocols = {0}, ports = {0};
	const char *protocol = text_of(combined, "protocol"), *port = text_of(combined, "port");

	s->at = port_place(s, a, port);
	add_protocols(s, *protocol ? protocol : "tcp", &protocols, &a->at);
	f2b_words(s->f->arena, port, &ports);
	for (size_t i = 0; i < protocols.n; i++)
		for (size_t k = 0; k < ports.n; k++)
			add_port(s, ((const char **)protocols.items)[i],
			    ((const char **)ports.items)[k], &s->at);
}

static void
take_action(struct scope *s, const struct f2b_action *a)
{
	struct f2b_section combined;

	switch (reach_of(s->f, s->jail, a, &combined)) {
	case REACH_PORTS:
		s->service = true;
		add_ports(s, a, &combined);
		break;
	case REACH_HOST:
		s->host = true;
		s->at = a->at;
		break;
	case REACH_UNKNOWN:
		s->unknown = true;
		f2b_note(s->f->report, F2B_LOST, &a->at,
		    "action %s is not known: what else it does, guardd does not", a->name);
		break;
	case REACH_NONE:
	case REACH_AWAY:
		break;
	}
}

/* "tcp/25, tcp/587" */
static const char *
ports_text(const struct scope *s)
{
	const char *const *ports = s->ports.items;
	struct strbuf b = {0};
	const char *text;

	for (size_t i = 0; i < s->ports.n; i++)
		strbuf_printf(&b, "%s%s", i ? ", " : "", ports[i]);
	text = arena_dup(s->f->arena, b.text ? b.text : "", b.len);
	strbuf_fini(&b);
	return text;
}

bool
f2b_lets_in(struct f2b *f, const struct f2b_jail *j)
{
	const struct f2b_action *actions = j->actions.items;

	for (size_t i = 0; i < j->actions.n; i++) {
		const char *type = f2b_action_get(&actions[i], "blocktype");

		if (!type || (strcasecmp(type, "RETURN") != 0 && strcasecmp(type, "ACCEPT") != 0))
			continue;
		f2b_note(f->report, F2B_LOST, &actions[i].at,
		    "the action lets in whom the filter finds (blocktype %s); guardd opens "
		    "nothing: the jail is left out",
		    type);
		return true;
	}
	return false;
}

/* A ban becomes no wider when ports are not known, and not narrower without a word. */
static int
put_ports(const struct scope *s, struct strbuf *out)
{
	const char *text = ports_text(s);

	if (s->ports.n == 0) {
		f2b_note(s->f->report, F2B_LOST, &s->at,
		    "none of the ports that it bans from can be told; the jail is left out");
		return -ENOENT;
	}
	strbuf_printf(out, "scope: service\nports: [%s]\n", text);
	if (s->narrower)
		f2b_note(s->f->report, F2B_DIFFERS, &s->at,
		    "bans only from %s: not all that it bans from could be taken", text);
	else
		f2b_note(s->f->report, F2B_TAKEN, &s->at, "bans from %s, before DNAT", text);
	return 0;
}

int
f2b_scope(struct f2b *f, const struct f2b_jail *j, struct strbuf *out)
{
	struct scope s = {.f = f, .jail = j};
	const struct f2b_action *actions = j->actions.items;
	const struct f2b_value *at = f2b_get(&j->options, "action");

	for (size_t i = 0; i < j->actions.n; i++)
		take_action(&s, &actions[i]);
	if (s.service && !s.host)
		return put_ports(&s, out);
	if (s.host) {
		f2b_note(f->report, F2B_TAKEN, &s.at, "bans from the whole host");
		return 0;
	}
	if (s.unknown) {
		f2b_note(f->report, F2B_DIFFERS, at,
		    "no action is known to ban; guardd bans from the whole host");
		return 0;
	}
	strbuf_puts(out, "dry_run: yes\n");
	f2b_note(f->report, F2B_DIFFERS, at,
	    "no action bans on this host: the rule decides and tells, and bans nobody");
	return 1;
}
