/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_write.h"
#include "prover/mode.h"
#include "prover/probe.h"

#define RANGE_MAX 16 /* ports of a range that are asked one by one; of a longer one its ends */
/* Standard input, with its NUL, and a host's name in it. */
#define INPUT_ROOM   (256u << 10)
#define NAME_MAX_LEN 63

/* The questions, and what each is for. */
struct asked {
	const struct image *img;
	struct probe *probes;
	struct about {
		const struct image_expose *rule;
		const char *target;
	} * abouts;
	uint32_t n, targets;
};

/* An address to ask, under the name it came by. */
struct place {
	struct addr addr;
	uint32_t scope;
	const char *name;
};

static bool
same_place(const struct probe *p, const struct place *to)
{
	return p->scope == to->scope && addr_equal(&p->to, &to->addr);
}

/* One that an earlier rule asked of the same address, whose questions stand last, is not repeated.
 */
static int
add_question(struct asked *q, const struct image_expose *x, const struct place *to, uint8_t proto,
    uint16_t port)
{
	for (uint32_t i = q->n; i-- > 0 && same_place(&q->probes[i], to);)
		if (q->probes[i].proto == proto && q->probes[i].port == port)
			return 0;
	if (q->n == PROBE_MAX)
		return mode_cannot("more than %d questions: name fewer targets", PROBE_MAX);
	q->probes[q->n] =
	    (struct probe){.to = to->addr, .scope = to->scope, .port = port, .proto = proto};
	q->abouts[q->n++] = (struct about){x, to->name};
	return 0;
}

/* SCTP is left out: plain sockets of it are seldom there. */
static int
add_ports(struct asked *q, const struct image_expose *x, const struct place *to)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < x->ports.n; i++) {
		const struct image_port *p = &q->img->ports[x->ports.first + i];
		bool all = p->high - p->low < RANGE_MAX;

		if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
			continue;
		for (uint32_t port = p->low; r == 0 && port <= p->high; port++)
			if (all || port == p->low || port == p->high)
				r = add_question(q, x, to, p->proto, (uint16_t)port);
	}
	return r;
}

/* Whether the rule is about packets to that address. */
static bool
is_about(const struct image_expose *x, const struct addr *to)
{
	return !x->address.family || addr_equal(&x->address, to);
}

static int
add_target(struct asked *q, const struct place *to)
{
	int r = 0;

	q->targets++;
	for (uint32_t i = 0; i < q->n; i++)
		if (same_place(&q->probes[i], to))
			return 0; /* by another name */
	for (uint32_t i = 0; r == 0 && i < image_count(q->img, IMAGE_EXPOSES); i++)
		if (is_about(&q->img->exposes[i], &to->addr))
			r = add_ports(q, &q->img->exposes[i], to);
	return r;
}

/* Hosts of a list of prefixes, all of them or those of one name. */
static int
add_listed(struct asked *q, struct span s, const char *name)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s.n; i++) {
		const struct image_prefix *p = &q->img->prefixes[s.first + i];
		const char *host = image_str(q->img, p->name);

		if (prefix_is_host(&p->prefix) && (!name || strcmp(host, name) == 0))
			r = add_target(q, &(struct place){.addr = p->prefix.addr, .name = host});
	}
	return r;
}

/* A group, or a host of one or of the peers; *group: there is such a group. */
static int
add_named(struct asked *q, const char *name, bool *group)
{
	const struct image *img = q->img;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < image_count(img, IMAGE_GROUPS); i++) {
		bool same = strcmp(image_str(img, img->groups[i].name), name) == 0;

		*group |= same;
		r = add_listed(q, img->groups[i].prefixes, same ? NULL : name);
	}
	return r;
}

/* ADDRESS or ADDRESS%NUMBER-OF-INTERFACE, n bytes. */
static bool
parse_place(struct place *out, const char *text, size_t n)
{
	const char *zone = memchr(text, '%', n);

	out->scope = zone ? (uint32_t)strtoul(zone + 1, NULL, 10) : 0;
	return addr_parse(&out->addr, text, n) == 0;
}

/* What the caller's resolver said: ADDRESS,... */
static int
add_resolved(struct asked *q, const char *name, const char *list)
{
	struct place to = {.name = name};
	int r = 0;

	while (r == 0 && *list) {
		size_t n = strcspn(list, ",");

		if (!parse_place(&to, list, n))
			return mode_cannot("%s: %.*s is no address", name, (int)n, list);
		r = add_target(q, &to);
		list += n + (list[n] == ',');
	}
	return r;
}

/* ADDRESS, or NAME, or NAME=ADDRESS,... where the name may also be in the configuration. */
static int
add_word(struct asked *q, char *word)
{
	char *equals = strchr(word, '=');
	uint32_t before = q->targets;
	struct place to = {.name = ""};
	bool group = false;
	int r;

	if (!equals && parse_place(&to, word, strlen(word)))
		return add_target(q, &to);
	if (equals)
		*equals = '\0';
	r = add_named(q, word, &group);
	if (r == 0 && q->targets == before && equals && !group)
		r = add_resolved(q, word, equals + 1);
	if (r != 0 || q->targets > before)
		return r;
	return group ? mode_cannot("group %s has no single hosts, only networks", word)
		     : mode_cannot("%s: no group, no host of one, and it does not resolve", word);
}

/* --- targets on standard input --- */

/* What the fleet's hosts said of themselves came from the network: nothing of it reaches a command
 * line, and whoever is asked is one that the configuration lets ask. */
static bool
is_within(const struct image *img, const struct addr *a)
{
	return image_covers(img, img->fleet->probe_within, a);
}

static bool
is_name(const char *text, size_t n)
{
	static const char ok[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return n > 0 && n <= NAME_MAX_LEN && strspn(text, ok) == n;
}

/* An address of one outside is left out, and that said. */
static int
add_given(struct asked *q, const char *name, char *list)
{
	struct place to = {.name = name};
	char *rest = NULL;
	int r = 0;

	for (char *a = strtok_r(list, ",", &rest); a && r == 0; a = strtok_r(NULL, ",", &rest)) {
		if (strchr(a, '%') || addr_parse(&to.addr, a, strlen(a)) < 0)
			return mode_cannot("a target's address is none");
		if (is_within(q->img, &to.addr))
			r = add_target(q, &to);
		else
			mode_cannot("%s: %s is not in fleet.probe.within", name, a);
	}
	return r;
}

static int
add_line(struct asked *q, char *line)
{
	char *equals = strchr(line, '=');

	if (!equals || !is_name(line, (size_t)(equals - line)))
		return mode_cannot("a line on standard input is no NAME=ADDRESS,ADDRESS");
	*equals = '\0';
	return add_given(q, line, equals + 1);
}

static int
read_input(char *text, size_t room)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, text + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mode_cannot("standard input: %s", strerror(errno));
		len += (size_t)n;
		if (len == room)
			return mode_cannot("more than %zu bytes on standard input", room - 1);
		if (n == 0)
			break;
	}
	text[len] = '\0';
	return memchr(text, 0, len) ? mode_cannot("a NUL on standard input") : 0;
}

static int
add_input(struct asked *q, struct arena *arena)
{
	char *text, *rest = NULL;
	int r;

	if (!q->img->fleet)
		return mode_cannot(
		    "no fleet is configured, and targets on standard input are its hosts");
	text = arena_array(arena, INPUT_ROOM, 1);
	r = read_input(text, INPUT_ROOM);
	for (char *l = strtok_r(text, "\n", &rest); l && r == 0; l = strtok_r(NULL, "\n", &rest))
		r = add_line(q, l);
	return r;
}

/* Not more than the configuration allows to be asked of the fleet. */
static int
rate_of(const struct mode *m, uint32_t *out)
{
	uint32_t may = m->opt.input && m->img.fleet ? m->img.fleet->probe_per_second : PROBE_RATE;
	char *end = NULL;
	unsigned long rate = m->opt.rate ? strtoul(m->opt.rate, &end, 10) : PROBE_RATE;

	if (end && (*m->opt.rate < '0' || *m->opt.rate > '9' || *end || rate == 0))
		return mode_cannot("--rate is a number of questions a second");
	may = may < 1 ? 1 : may > PROBE_RATE ? PROBE_RATE : may;
	*out = rate < may ? (uint32_t)rate : may;
	return 0;
}

/* --- answers --- */

/*
 * What the policy says of this vantage point. It is that of the target's own rules as they are
 * written here: one configuration for a fleet. By which interface a packet comes in there is not
 * known, so that rules for one interface decide nothing.
 */
static const char *
expected(const struct asked *q, const struct probe *p)
{
	bool may = false, must_not = false;

	if (!p->from.family || addr_equal(&p->from, &p->to))
		return "any";
	for (uint32_t k = 0; k < image_count(q->img, IMAGE_EXPOSES); k++) {
		const struct image_expose *x = &q->img->exposes[k];

		if (!is_about(x, &p->to) || *image_str(q->img, x->interface))
			continue;
		for (uint32_t n = 0; n < x->ports.n; n++) {
			const struct image_port *port = &q->img->ports[x->ports.first + n];

			if (port->proto != p->proto || p->port < port->low || port->high < p->port)
				continue;
			may |= image_covers(q->img, x->allowed, &p->from);
			must_not = true;
		}
	}
	return may ? "open" : must_not ? "closed" : "any";
}

enum outcome {
	OUTCOME_REACHED,
	OUTCOME_REFUSED, /* by a rule, as nothing that does not listen does it */
	OUTCOME_CLOSED,  /* that, or nothing listens */
	OUTCOME_NOTHING, /* says nothing about the port */
};

static enum outcome
outcome_of(const struct probe *p)
{
	switch (p->answer) {
	case PROBE_OPEN:
	case PROBE_ANSWERED:
		return OUTCOME_REACHED;
	case PROBE_SILENT:
	case PROBE_PROHIBITED:
		return OUTCOME_REFUSED;
	case PROBE_REFUSED:
	case PROBE_CLOSED:
		return OUTCOME_CLOSED;
	case PROBE_UNREACHABLE:
		/* The host itself has a way to itself; a router may have lost it. */
		return addr_equal(&p->by, &p->to) ? OUTCOME_REFUSED : OUTCOME_NOTHING;
	default:
		return OUTCOME_NOTHING;
	}
}

static const struct judgement {
	const char *expected;
	enum outcome outcome;
	const char *verdict;
	int exit;
} judgements[] = {
    {"closed", OUTCOME_REACHED, "gap", MODE_OPEN},
    {"closed", OUTCOME_REFUSED, "ok", MODE_PROVEN},
    {"closed", OUTCOME_CLOSED, "ok", MODE_PROVEN},
    {"open", OUTCOME_REACHED, "ok", MODE_PROVEN},
    {"open", OUTCOME_REFUSED, "shut out", MODE_OPEN},
    /* Mostly nothing listens, as on every host that does not have all services of the rules. */
    {"open", OUTCOME_CLOSED, "unknown", MODE_PROVEN},
    {"any", OUTCOME_REACHED, "ok", MODE_PROVEN},
    {"any", OUTCOME_REFUSED, "ok", MODE_PROVEN},
    {"any", OUTCOME_CLOSED, "ok", MODE_PROVEN},
};

static struct judgement
judge(const struct asked *q, uint32_t i)
{
	const struct probe *p = &q->probes[i];
	struct judgement j = {expected(q, p), outcome_of(p), "unknown", MODE_DEPENDS};

	for (size_t k = 0; k < sizeof(judgements) / sizeof(*judgements); k++)
		if (!strcmp(judgements[k].expected, j.expected) &&
		    judgements[k].outcome == j.outcome)
			j = judgements[k];
	/* Where something has to listen, that nothing does is worth a look. */
	if (!strcmp(j.expected, "open") && j.outcome == OUTCOME_CLOSED &&
	    q->abouts[i].rule->listeners == EXPOSE_REQUIRED)
		j.exit = MODE_DEPENDS;
	/* Silence is what most services do with an empty datagram. */
	if (p->answer == PROBE_UNKNOWN && p->proto == IPPROTO_UDP && p->from.family)
		j.exit = MODE_PROVEN;
	return j;
}

static int
report(struct strbuf *out, const struct asked *q, uint32_t i)
{
	const struct probe *p = &q->probes[i];
	const struct judgement v = judge(q, i);
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
	if (p->rtt)
		json_int(&j, "rtt_us", p->rtt);
	json_text(&j, "expected", v.expected);
	json_text(&j, "verdict", v.verdict);
	json_end(&j);
	return v.exit;
}

int
mode_probe(struct mode *m)
{
	struct asked q = {.img = &m->img,
	    .probes = arena_array(&m->arena, PROBE_MAX, sizeof(struct probe)),
	    .abouts = arena_array(&m->arena, PROBE_MAX, sizeof(struct about))};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	uint32_t rate = PROBE_RATE;
	int worst = MODE_PROVEN, r = rate_of(m, &rate);

	for (unsigned i = 0; r == 0 && i < m->opt.n_words; i++)
		r = add_word(&q, m->opt.words[i]);
	if (r == 0 && m->opt.peers)
		r = add_listed(&q, m->img.settings->peers, NULL);
	if (r == 0 && m->opt.input)
		r = add_input(&q, &m->arena);
	if (r != 0)
		return r;
	if (!q.targets)
		return mode_cannot("nobody to ask: name targets, or peers in the configuration");
	if (!q.n)
		return mode_cannot("nothing to ask: no expose rule names a TCP or UDP port");
	r = probe_run(q.probes, q.n, rate);
	if (r < 0)
		return mode_cannot("%s", strerror(-r));
	for (uint32_t i = 0; i < q.n; i++) {
		r = report(&out, &q, i);
		worst = r > worst ? r : worst;
	}
	mode_write(&out);
	return worst;
}
