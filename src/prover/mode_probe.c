/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "prover/mode.h"
#include "prover/probe.h"

#define RANGE_MAX 16 /* ports of a range that are asked one by one; of a longer one its ends */

/* The questions, and what each is for. */
struct asked {
	const struct image *img;
	struct probe *probes;
	struct about {
		const struct image_expose *rule;
		const char *target;
	} * abouts;
	uint32_t n;
};

static bool
allows(const struct image *img, const struct image_expose *x, const struct addr *a)
{
	for (uint32_t i = 0; i < x->allowed.n; i++)
		if (prefix_has(&img->prefixes[x->allowed.first + i].prefix, a))
			return true;
	return false;
}

static int
add_question(struct asked *q, const struct image_expose *x, const struct addr *to,
    const char *target, uint8_t proto, uint16_t port)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (q->probes[i].proto == proto && q->probes[i].port == port &&
		    addr_equal(&q->probes[i].to, to))
			return 0;
	if (q->n == PROBE_MAX)
		return mode_cannot("more than %d questions: name fewer targets", PROBE_MAX);
	q->probes[q->n] = (struct probe){.to = *to, .port = port, .proto = proto};
	q->abouts[q->n++] = (struct about){x, target};
	return 0;
}

/* SCTP is left out: plain sockets of it are seldom there. */
static int
add_ports(struct asked *q, const struct image_expose *x, const struct addr *to, const char *target)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < x->ports.n; i++) {
		const struct image_port *p = &q->img->ports[x->ports.first + i];
		bool all = p->high - p->low < RANGE_MAX;

		if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
			continue;
		for (uint32_t port = p->low; r == 0 && port <= p->high; port++)
			if (all || port == p->low || port == p->high)
				r = add_question(q, x, to, target, p->proto, (uint16_t)port);
	}
	return r;
}

static int
add_target(struct asked *q, const struct addr *to, const char *target)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < image_count(q->img, IMAGE_EXPOSES); i++)
		if (q->img->exposes[i].listeners != EXPOSE_UNNAMED)
			r = add_ports(q, &q->img->exposes[i], to, target);
	return r;
}

/* Hosts of a list of prefixes, all of them or those of one name. */
static int
add_listed(struct asked *q, struct span s, const char *name, bool *found)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s.n; i++) {
		const struct image_prefix *p = &q->img->prefixes[s.first + i];
		const char *host = image_str(q->img, p->name);

		if (!prefix_is_host(&p->prefix) || (name && strcmp(host, name)))
			continue;
		*found = true;
		r = add_target(q, &p->prefix.addr, *host ? host : "");
	}
	return r;
}

static int
add_named(struct asked *q, const char *name, bool *found)
{
	const struct image *img = q->img;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < image_count(img, IMAGE_GROUPS); i++) {
		bool group = !strcmp(image_str(img, img->groups[i].name), name);

		r = add_listed(q, img->groups[i].prefixes, group ? NULL : name, found);
	}
	return r < 0 || *found ? r : add_listed(q, img->settings->peers, name, found);
}

/* NAME, ADDRESS, or NAME=ADDRESS,... with what the caller's resolver said. */
static int
add_word(struct asked *q, char *word)
{
	char *equals = strchr(word, '=');
	struct addr a;
	bool found = false;
	int r;

	if (!equals && addr_parse(&a, word, strlen(word)) == 0)
		return add_target(q, &a, "");
	if (equals)
		*equals = '\0';
	r = add_named(q, word, &found);
	for (char *at = equals ? equals + 1 : NULL; r == 0 && !found && at && *at;) {
		size_t n = strcspn(at, ",");

		if (addr_parse(&a, at, n) < 0)
			return mode_cannot("%s: %.*s is no address", word, (int)n, at);
		r = add_target(q, &a, word);
		at += n + (at[n] == ',');
		found = r == 0 && !*at;
	}
	if (r == 0 && !found)
		return mode_cannot("%s: no group, no host of one, and it does not resolve", word);
	return r;
}

/* --- answers --- */

static const char *
expected(const struct asked *q, uint32_t i)
{
	const struct probe *p = &q->probes[i];
	bool may = false;

	if (!p->from.family)
		return "any";
	if (addr_equal(&p->from, &p->to))
		return "any";
	for (uint32_t k = 0; k < image_count(q->img, IMAGE_EXPOSES); k++) {
		const struct image_expose *x = &q->img->exposes[k];

		for (uint32_t n = 0; n < x->ports.n; n++) {
			const struct image_port *port = &q->img->ports[x->ports.first + n];

			may |= port->proto == p->proto && port->low <= p->port &&
			       p->port <= port->high && allows(q->img, x, &p->from);
		}
	}
	return may ? "open" : "closed";
}

static const char *
verdict(const char *want, uint8_t answer)
{
	bool reached = answer == PROBE_OPEN || answer == PROBE_ANSWERED;
	bool sure = reached || answer == PROBE_SILENT || answer == PROBE_PROHIBITED ||
		    answer == PROBE_UNREACHABLE;

	if (!strcmp(want, "any"))
		return "ok";
	if (!strcmp(want, "closed"))
		return reached                                                ? "gap"
		       : answer == PROBE_UNKNOWN || answer == PROBE_HOST_DOWN ? "unknown"
									      : "ok";
	/* An RST, or a closed UDP port, may mean that nothing listens: that shuts nobody out. */
	return reached ? "ok" : sure ? "shut out" : "unknown";
}

static int
report(struct strbuf *out, const struct asked *q, uint32_t i)
{
	const struct probe *p = &q->probes[i];
	const char *want = expected(q, i), *v = verdict(want, p->answer);
	char text[ADDR_TEXT_MAX];
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "probe");
	json_text(&j, "target", q->abouts[i].target);
	json_text(&j, "address", addr_format(&p->to, text));
	json_int(&j, "family", p->to.family);
	json_text(&j, "proto", p->proto == IPPROTO_TCP ? "tcp" : "udp");
	json_int(&j, "port", p->port);
	json_text(&j, "rule", image_str(q->img, q->abouts[i].rule->name));
	json_text(&j, "from", p->from.family ? addr_format(&p->from, text) : "");
	json_text(&j, "answer", probe_answer_name(p->answer));
	json_text(&j, "by", p->by.family ? addr_format(&p->by, text) : "");
	json_int(&j, "rtt_us", p->rtt);
	json_text(&j, "expected", want);
	json_text(&j, "verdict", v);
	json_end(&j);
	return !strcmp(v, "gap") || !strcmp(v, "shut out")        ? MODE_OPEN
	       : !strcmp(v, "unknown") && p->proto == IPPROTO_TCP ? MODE_DEPENDS
								  : MODE_PROVEN;
}

int
mode_probe(struct mode *m)
{
	struct asked q = {.img = &m->img,
	    .probes = arena_array(&m->arena, PROBE_MAX, sizeof(struct probe)),
	    .abouts = arena_array(&m->arena, PROBE_MAX, sizeof(struct about))};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	bool found = false;
	int worst = MODE_PROVEN, r = 0;

	for (unsigned i = 0; r == 0 && i < m->opt.n_words; i++)
		r = add_word(&q, m->opt.words[i]);
	if (r == 0 && m->opt.peers)
		r = add_listed(&q, m->img.settings->peers, NULL, &found);
	if (r == 0)
		r = probe_run(q.probes, q.n);
	if (r != 0)
		return MODE_CANNOT;
	for (uint32_t i = 0; i < q.n; i++) {
		r = report(&out, &q, i);
		worst = r > worst ? r : worst;
	}
	mode_write(&out);
	return worst;
}
