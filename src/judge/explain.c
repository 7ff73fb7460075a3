/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/explain.h"

#include <errno.h>
#include <string.h>

#include "base/json_write.h"
#include "base/log.h"
#include "judge/records.h"
#include "judge/verdict.h"

struct explain {
	struct image image;
	struct rules rules;
	struct filter_map map;
	struct own own;
	struct strbuf out;
	usec_t now;
	int fd;
};

/* One record and one of its rules. */
struct case_of {
	const struct rule *rule;
	const struct msg_offence *offence;
	struct prefix source, never;
	uint32_t points;
	bool forgive, counted, old;
};

const char *
explain_set(const struct prefix *p)
{
	if (p->addr.family == 4)
		return p->len == 32 ? "host4" : "prefix4";
	return p->len == 128 ? "host6" : p->len == 64 ? "net6" : "prefix6";
}

/* As nft writes a timeout, whose longest unit is a day. */
static void
add_timeout(struct strbuf *s, usec_t span)
{
	static const struct {
		char name;
		int64_t seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
	int64_t left = span / USEC_PER_SEC;

	if (span == USEC_NEVER)
		return;
	strbuf_puts(s, " timeout ");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (left >= units[i].seconds)
			strbuf_printf(
			    s, "%lld%c", (long long)(left / units[i].seconds), units[i].name);
		left %= units[i].seconds;
	}
}

/* What the kernel gets when the rule's points are reached the first time. */
static void
say_element(struct explain *x, struct json *j, const struct case_of *c)
{
	const struct rule *r = c->rule;
	bool alone = prefix_is_host(&c->source) ||
		     (c->source.addr.family == 6 && c->source.len == 64); /* no length in the key */
	_cleanup_(strbuf_fini) struct strbuf set = {0}, element = {0};
	char text[ADDR_TEXT_MAX];

	strbuf_puts(&set, explain_set(&c->source));
	if (r->scope > 0)
		strbuf_printf(
		    &set, "_%s", image_str(&x->image, x->image.services[r->scope - 1].name));
	strbuf_puts(
	    &element, alone ? addr_format(&c->source.addr, text) : prefix_format(&c->source, text));
	add_timeout(&element, verdict_duration(r, 1));
	json_text(j, "set", set.text);
	json_text(j, "element", element.text);
}

static void
say_ports(const struct explain *x, struct json *j, const struct rule *r)
{
	static const char *const names[256] = {
	    [6] = "tcp", [17] = "udp", [33] = "dccp", [132] = "sctp", [136] = "udplite"};
	struct span ports = {0};

	if (r->scope > 0)
		ports = x->image.services[r->scope - 1].ports;
	json_list_begin(j, "ports");
	for (uint32_t i = 0; i < ports.n; i++) {
		const struct image_port *p = &x->image.ports[ports.first + i];
		_cleanup_(strbuf_fini) struct strbuf text = {0};

		if (names[p->proto])
			strbuf_puts(&text, names[p->proto]);
		else
			strbuf_printf(&text, "%u", p->proto);
		strbuf_printf(&text, "/%u", p->low);
		if (p->high != p->low)
			strbuf_printf(&text, "-%u", p->high);
		json_text(j, NULL, text.text);
	}
	json_list_end(j);
}

/* How the rule counts and bans, whoever it is. */
static void
say_rule(const struct explain *x, struct json *j, const struct rule *r)
{
	char span[40];

	json_int(j, "threshold", r->points);
	json_text(j, "within", clock_format_span(r->within, span));
	json_text(j, "for", clock_format_span(verdict_duration(r, 1), span));
	json_text(j, "for_longest", clock_format_span(verdict_duration(r, UINT16_MAX), span));
	json_text(j, "scope", r->service ? r->service : "host");
	say_ports(x, j, r);
	json_bool(j, "distinct_user", r->distinct);
	json_bool(j, "forgive", r->forgive);
	json_int(j, "prefix_hosts", r->prefix_hosts);
	json_bool(j, "dry_run", r->dry_run);
}

static const char *
verdict_of(const struct case_of *c)
{
	if (!c->counted)
		return "never";
	if (c->forgive)
		return c->rule->forgive ? "clears" : "ignored";
	if (c->old)
		return "old";
	return c->points >= c->rule->points ? "bans" : "counts";
}

static void
explain_rule(struct explain *x, const struct case_of *c)
{
	char text[ADDR_TEXT_MAX];
	struct json j;

	json_begin(&j, &x->out);
	json_text(&j, "step", "rule");
	json_text(&j, "rule", c->rule->name);
	json_text(&j, "kind", c->forgive ? "forgive" : "offence");
	json_text(&j, "address", addr_format(&c->offence->addr, text));
	json_text(&j, "verdict", verdict_of(c));
	json_text(&j, "source", c->counted ? prefix_format(&c->source, text) : NULL);
	json_text(&j, "never", c->counted ? NULL : prefix_format(&c->never, text));
	json_int(&j, "points", c->points);
	json_bool(&j, "has_user", c->offence->flags & OFFENCE_HAS_USER);
	say_rule(x, &j, c->rule);
	if (c->counted && !c->forgive) {
		json_int(&j, "lines", (c->rule->points + c->points - 1) / c->points);
		say_element(x, &j, c);
	}
	json_end(&j);
}

static void
say_short(struct explain *x, const char *step, const struct msg_offence *o)
{
	char text[ADDR_TEXT_MAX];
	struct json j;

	json_begin(&j, &x->out);
	json_text(&j, "step", step);
	json_text(&j, "address", addr_format(&o->addr, text));
	json_end(&j);
}

static int
write_out(struct explain *x)
{
	size_t done = 0;

	while (done < x->out.len) {
		ssize_t n = write(x->fd, x->out.text + done, x->out.len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	strbuf_reset(&x->out);
	return 0;
}

static int
explain_record(void *ctx, const struct msg *m)
{
	struct explain *x = ctx;
	const struct msg_offence *o = &m->u.offence;
	struct span rules = {0};
	struct case_of c = {.offence = o, .points = o->points ? o->points : 1};
	bool hidden = m->type == MSG_GATEWAY;

	if ((m->type != MSG_OFFENCE && m->type != MSG_FORGIVE && !hidden) ||
	    (o->addr.family != 4 && o->addr.family != 6))
		return 0;
	if (hidden || (m->type == MSG_OFFENCE && own_hides_source(&x->own, &o->addr))) {
		say_short(x, "hidden", o);
		return write_out(x);
	}
	if (o->filter < x->map.n)
		rules = x->map.filters[o->filter];
	c.forgive = m->type == MSG_FORGIVE;
	for (uint32_t i = 0; i < rules.n; i++) {
		c.rule = &x->rules.slots[x->map.rules[rules.first + i]];
		c.old = o->time < x->now - c.rule->within;
		c.counted = verdict_source(&x->own, c.rule, &o->addr, &c.source, &c.never);
		explain_rule(x, &c);
	}
	if (rules.n == 0)
		say_short(x, "no_rule", o);
	return write_out(x);
}

static int
prepare(struct explain *x, int image)
{
	int r = image_open(&x->image, image);

	if (r < 0)
		return r;
	own_init(&x->own);
	r = rules_init(&x->rules);
	if (r == 0)
		r = rules_load(&x->rules, &x->image);
	if (r == 0)
		r = own_load(&x->own, &x->image);
	return r < 0 ? r : filter_map_init(&x->map, &x->rules, &x->image);
}

static void
explain_fini(struct explain *x)
{
	strbuf_fini(&x->out);
	filter_map_fini(&x->map);
	own_fini(&x->own);
	rules_fini(&x->rules);
	if (x->image.head)
		image_close(&x->image);
}

int
explain_run(int image, int in, int out)
{
	_cleanup_(explain_fini) struct explain x = {.fd = out, .now = clock_real()};
	int r = prepare(&x, image);

	if (r == 0)
		r = records_read(in, explain_record, &x);
	if (r < 0)
		log_err("explain: %s", strerror(-r));
	return r < 0;
}
