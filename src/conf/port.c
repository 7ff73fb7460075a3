/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/port.h"

#include <netinet/in.h>
#include <string.h>

/* Digits up to the end character. False: no port. */
static bool
read_number(const char **p, char end, uint16_t *out)
{
	unsigned v = 0, digits = 0;

	for (; **p >= '0' && **p <= '9' && digits < 6; (*p)++, digits++)
		v = v * 10 + (unsigned)(**p - '0');
	if (!digits || **p != end || v < 1 || v > 65535)
		return false;
	*out = (uint16_t)v;
	return true;
}

/* Behind the protocol and its slash; NULL when it is none. */
static const char *
read_protocol(const char *text, uint8_t *out)
{
	static const struct {
		const char *text;
		uint8_t proto;
	} protocols[] = {{"tcp/", IPPROTO_TCP}, {"udp/", IPPROTO_UDP}, {"sctp/", IPPROTO_SCTP}};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		size_t n = strlen(protocols[i].text);

		if (strncmp(text, protocols[i].text, n))
			continue;
		*out = protocols[i].proto;
		return text + n;
	}
	return NULL;
}

bool
port_parse(const char *text, struct image_port *out)
{
	const char *p;

	memset(out, 0, sizeof(*out));
	p = read_protocol(text, &out->proto);
	if (!p)
		return false;
	if (!strchr(p, '-')) {
		bool fine = read_number(&p, '\0', &out->low);

		out->high = out->low;
		return fine;
	}
	if (!read_number(&p, '-', &out->low))
		return false;
	p++;
	return read_number(&p, '\0', &out->high) && out->low <= out->high;
}

static int
compare(const void *x, const void *y)
{
	const struct image_port *a = x, *b = y;

	return a->proto != b->proto ? a->proto - b->proto : a->low - b->low;
}

static void
merge(struct list *l)
{
	struct image_port *p = l->items;
	size_t n = 0;

	if (l->n)
		qsort(p, l->n, sizeof(*p), compare);
	for (size_t i = 0; i < l->n; i++) {
		if (n && p[n - 1].proto == p[i].proto && p[i].low <= p[n - 1].high + 1)
			p[n - 1].high = p[i].high > p[n - 1].high ? p[i].high : p[n - 1].high;
		else
			p[n++] = p[i];
	}
	l->n = n;
}

struct list
ports_read(struct arena *a, struct diag *d, const struct list *texts)
{
	struct list out = {0};

	for (size_t i = 0; i < texts->n; i++) {
		const struct text *t = list_text(texts, i);
		struct image_port *port = list_add(a, &out, sizeof(*port));

		if (port_parse(t->s, port))
			continue;
		diag_error(d, node_place(t->node),
		    "'%.60s' is no port: tcp/25, or udp/6000-6010, from 1 to 65535", t->s);
		out.n--;
	}
	merge(&out);
	return out;
}

bool
ports_have(const struct list *ports, const struct image_port *port)
{
	const struct image_port *p = ports->items;

	for (size_t i = 0; i < ports->n; i++) {
		if (p[i].proto == port->proto && p[i].low <= port->low && port->high <= p[i].high)
			return true;
	}
	return false;
}

bool
ports_touch(const struct list *ports, const struct image_port *port)
{
	const struct image_port *p = ports->items;

	for (size_t i = 0; i < ports->n; i++) {
		if (p[i].proto == port->proto && p[i].low <= port->high && port->low <= p[i].high)
			return true;
	}
	return false;
}
