/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prover/mode.h"
#include "prover/report.h"

#define BLOCK     (256 * 1024)
#define LINE_ROOM 256

/* Ranges kept over all answers; past it they are all forgotten. */
#define KEEP_MAX (1u << 20)

/* What is said about all sources, for the ports of one class. */
struct said {
	struct said *next;
	struct ranges accept, drop;
};

static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
#define N_PROTOS (sizeof(protos) / sizeof(*protos))

struct packets {
	struct mode *m;
	struct evaluator *eval;
	struct way ways[2];                     /* by family */
	const struct said **ports[2][N_PROTOS]; /* 65536 each */
	struct said *kept;
	uint64_t n_kept; /* ranges */
	struct strbuf out;
	uint64_t line;
	bool bad, skip; /* skip: the beginning of this line was too long */
};

struct packet {
	struct addr from;
	size_t proto; /* of protos */
	uint16_t port;
};

static void
forget(struct packets *x)
{
	while (x->kept) {
		struct said *said = x->kept;

		x->kept = said->next;
		ranges_fini(&said->accept);
		ranges_fini(&said->drop);
		free(said);
	}
	x->n_kept = 0;
	for (size_t i = 0; i < 2 * N_PROTOS; i++)
		if (x->ports[i / N_PROTOS][i % N_PROTOS])
			memset(x->ports[i / N_PROTOS][i % N_PROTOS], 0, 65536 * sizeof(void *));
}

static struct said *
keep(struct packets *x, const struct answer *a)
{
	struct said *said = calloc(1, sizeof(*said));

	if (!said)
		abort();
	if (x->n_kept > KEEP_MAX)
		forget(x);
	said->accept = srcset_ranges(&a->accept);
	said->drop = srcset_ranges(&a->drop);
	said->next = x->kept;
	x->kept = said;
	x->n_kept += said->accept.n + said->drop.n;
	return said;
}

static const struct said *
ask(struct packets *x, const struct packet *p)
{
	size_t f = p->from.family == 6;
	const struct said ***ports = &x->ports[f][p->proto];
	struct query q = way_query(&x->ways[f]);
	struct said *said;
	struct answer a;

	if (!*ports)
		*ports = arena_array(&x->m->arena, 65536, sizeof(**ports));
	if ((*ports)[p->port])
		return (*ports)[p->port];
	q.proto = protos[p->proto];
	q.dport = p->port;
	ways_query(x->eval, &x->m->world, &q, &a, NULL);
	said = keep(x, &a);
	for (uint32_t i = a.ports.lo; i <= a.ports.hi; i++)
		(*ports)[i] = said;
	(*ports)[p->port] = said;
	answer_fini(&a);
	return said;
}

static bool
parse_packet(const char *text, size_t n, struct packet *p)
{
	static const char *const names[] = {"tcp", "udp", "sctp"};
	const char *space = memchr(text, ' ', n), *slash;
	uint32_t port = 0;
	size_t left, len;

	if (!space || addr_parse_unfolded(&p->from, text, (size_t)(space - text)) < 0)
		return false;
	left = n - (size_t)(space + 1 - text);
	slash = memchr(space + 1, '/', left);
	if (!slash)
		return false;
	len = (size_t)(slash - (space + 1));
	for (p->proto = 0; p->proto < N_PROTOS; p->proto++)
		if (strlen(names[p->proto]) == len && !memcmp(names[p->proto], space + 1, len))
			break;
	left -= len + 1;
	if (p->proto == N_PROTOS || left < 1 || left > 5)
		return false;
	for (size_t i = 1; i <= left; i++) {
		if (slash[i] < '0' || slash[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(slash[i] - '0');
	}
	p->port = (uint16_t)port;
	return port <= 65535;
}

static char
verdict(struct packets *x, const struct packet *p)
{
	const struct said *said = ask(x, p);
	u128 n = addr_number(&p->from);
	bool accept = ranges_has(&said->accept, n), drop = ranges_has(&said->drop, n);

	return accept == drop ? '?' : accept ? 'A' : 'D';
}

static void
on_line(struct packets *x, const char *text, size_t n)
{
	struct packet p;
	char end[3] = {' ', 0, '\n'};

	x->line++;
	if (n && text[n - 1] == '\r')
		n--;
	if (!n)
		return;
	if (!parse_packet(text, n, &p)) {
		x->bad = true;
		mode_cannot("line %llu is no 'SADDR PROTO/PORT'", (unsigned long long)x->line);
		return;
	}
	if (!x->ways[p.from.family == 6].to.family) {
		x->bad = true;
		mode_cannot("line %llu: the interface has no IPv%d address; say --to",
		    (unsigned long long)x->line, p.from.family);
		return;
	}
	end[1] = verdict(x, &p);
	strbuf_add(&x->out, text, n);
	strbuf_add(&x->out, end, sizeof(end));
	if (x->out.len > BLOCK)
		mode_write(&x->out);
}

/* Whole lines of a block; the rest moves to its front. */
static size_t
on_block(struct packets *x, char *block, size_t n, bool last)
{
	char *at = block, *end;

	while ((end = memchr(at, '\n', n))) {
		if (!x->skip)
			on_line(x, at, (size_t)(end - at));
		x->skip = false;
		n -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	if (last && n && !x->skip)
		on_line(x, at, n);
	if (n > LINE_ROOM) {
		if (!x->skip) {
			x->line++;
			x->bad = true;
			mode_cannot("line %llu is too long", (unsigned long long)x->line);
		}
		x->skip = true;
		n = 0;
	}
	memmove(block, at, n);
	return n;
}

static int
read_all(struct packets *x)
{
	_cleanup_(freep) char *block = malloc(BLOCK + LINE_ROOM);
	size_t have = 0;
	ssize_t n;

	if (!block)
		return -ENOMEM;
	for (;;) {
		n = read(STDIN_FILENO, block + have, BLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		have = on_block(x, block, have + (size_t)n, n == 0);
		if (n == 0)
			return 0;
	}
}

static int
choose_ways(struct packets *x)
{
	const struct mode_options *o = &x->m->opt;
	const struct world *w = &x->m->world;
	const struct iface *in = o->in ? world_iface_named(w, o->in) : NULL;

	if (o->in && !in)
		return mode_cannot("there is no interface %s", o->in);
	for (int i = 0; i < 2; i++) {
		struct way *way = &x->ways[i];
		uint8_t family = i ? 6 : 4;

		way->kind = WAY_LOCAL;
		way->family = family;
		way->iif = in ? in->index : ways_default_iface(w, family);
		way->to = ways_default_to(w, family, way->iif);
	}
	for (unsigned i = 0; i < o->n_to; i++) {
		struct addr to;

		if (addr_parse_unfolded(&to, o->to[i], strlen(o->to[i])) < 0)
			return mode_cannot("'%s' is no address", o->to[i]);
		x->ways[to.family == 6].to = to;
	}
	return 0;
}

int
mode_packets(struct mode *m)
{
	struct packets x = {.m = m};
	int r = choose_ways(&x);

	if (r)
		return r;
	r = evaluator_new(&x.eval, &m->rules, &m->world, NULL);
	if (r == 0)
		r = read_all(&x);
	if (r < 0)
		return mode_cannot("packets: %s", strerror(-r));
	mode_write(&x.out);
	forget(&x);
	strbuf_fini(&x.out);
	evaluator_free(x.eval);
	return x.bad ? MODE_CANNOT : MODE_PROVEN;
}
