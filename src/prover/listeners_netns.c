/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "prover/listeners.h"
#include "prover/world_parts.h"

#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif

#define WORDS_MAX 24
#define ADDRS_MAX 256

/* A line's words; v points into line, which is cut. */
static unsigned
words_of(char *line, char *v[WORDS_MAX])
{
	unsigned n = 0;
	char *save = NULL;

	for (char *p = strtok_r(line, " \t", &save); p && n < WORDS_MAX;
	     p = strtok_r(NULL, " \t", &save))
		v[n++] = p;
	return n;
}

static bool
is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	return true;
}

/* "0100007F:0277", or 32 digits before the colon: 32-bit words in this machine's order. */
static bool
read_endpoint(const char *text, struct addr *a, uint16_t *port)
{
	size_t digits = strcspn(text, ":");
	uint32_t word[4] = {0};

	if ((digits != 8 && digits != 32) || text[digits] != ':' || !is_hex(text, digits) ||
	    strlen(text + digits + 1) != 4 || !is_hex(text + digits + 1, 4))
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		char part[9] = {0};

		memcpy(part, text + i * 8, 8);
		word[i] = (uint32_t)strtoul(part, NULL, 16);
	}
	*port = (uint16_t)strtoul(text + digits + 1, NULL, 16);
	return addr_from_bytes(a, digits == 8 ? AF_INET : AF_INET6, word) == 0;
}

/* sl local remote state queues timer retransmits uid timeout inode ... */
static void
read_inet(struct listener_reader *r, struct netns *ns, char *line, uint8_t proto)
{
	char *v[WORDS_MAX];
	struct listener l = {.proto = proto, .netns = ns->number, .unit = ns->name};
	struct addr remote;
	uint16_t remote_port;
	unsigned state;

	if (words_of(line, v) < 10 || !read_endpoint(v[1], &l.addr, &l.port) ||
	    !read_endpoint(v[2], &remote, &remote_port))
		return;
	state = (unsigned)strtoul(v[3], NULL, 16);
	if (proto == IPPROTO_TCP ? state != TCP_LISTEN : state != TCP_CLOSE || remote_port)
		return;
	if (!l.port || addr_number(&remote) != 0)
		return;
	l.family = l.addr.family;
	l.uid = (uint32_t)strtoul(v[7], NULL, 10);
	l.inode = strtoull(v[9], NULL, 10);
	listeners_add(r, &l, 0);
}

static void
read_tcp(struct listener_reader *r, struct netns *ns, char *line)
{
	read_inet(r, ns, line, IPPROTO_TCP);
}

static void
read_udp(struct listener_reader *r, struct netns *ns, char *line)
{
	read_inet(r, ns, line, IPPROTO_UDP);
}

/* ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS... */
static void
read_sctp(struct listener_reader *r, struct netns *ns, char *line)
{
	char *v[WORDS_MAX];
	unsigned n = words_of(line, v);

	if (n < 9 || strtoul(v[3], NULL, 10) != TCP_LISTEN)
		return;
	for (unsigned i = 8; i < n; i++) {
		struct listener l = {.proto = IPPROTO_SCTP, .netns = ns->number, .unit = ns->name};

		if (addr_parse(&l.addr, v[i], strlen(v[i])) < 0)
			continue;
		l.family = l.addr.family;
		l.port = (uint16_t)strtoul(v[5], NULL, 10);
		l.uid = (uint32_t)strtoul(v[6], NULL, 10);
		l.inode = strtoull(v[7], NULL, 10);
		listeners_add(r, &l, 0);
	}
}

/* Past ADDRS_MAX, a namespace's further addresses are left out: what is in it may add any number.
 */
static void
add_addr(struct listener_reader *r, struct netns *ns, const struct addr *a)
{
	if (!ns->addrs)
		ns->addrs = arena_array(r->world->arena, ADDRS_MAX, sizeof(*ns->addrs));
	for (uint32_t i = 0; i < ns->n_addrs; i++)
		if (addr_equal(&ns->addrs[i], a))
			return;
	if (ns->n_addrs < ADDRS_MAX)
		ns->addrs[ns->n_addrs++] = *a;
}

/* "           |-- 172.17.0.2", and behind it "              /32 host LOCAL" */
static void
read_fib_trie(struct listener_reader *r, struct netns *ns, char *line, struct addr *last)
{
	char *v[WORDS_MAX];
	unsigned n = words_of(line, v);

	if (n == 2 && strcmp(v[0], "|--") == 0) {
		if (addr_parse(last, v[1], strlen(v[1])) < 0)
			last->family = 0;
	} else if (n == 3 && last->family && strcmp(v[0], "/32") == 0 &&
		   strcmp(v[2], "LOCAL") == 0 && last->bytes[0] != 127) {
		add_addr(r, ns, last);
	}
}

/* address (32 digits), interface index, prefix length, scope, flags (hexadecimal), name */
static void
read_if_inet6(struct listener_reader *r, struct netns *ns, char *line)
{
	char *v[WORDS_MAX];
	uint8_t bytes[16];
	struct addr a;

	if (words_of(line, v) < 6 || strlen(v[0]) != 32 || !is_hex(v[0], 32))
		return;
	for (int i = 0; i < 16; i++) {
		char pair[3] = {v[0][2 * i], v[0][2 * i + 1], '\0'};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if (addr_from_bytes(&a, AF_INET6, bytes) == 0 && addr_number(&a) != 1)
		add_addr(r, ns, &a);
}

static const struct {
	const char *name;
	void (*line)(struct listener_reader *r, struct netns *ns, char *line);
} netns_files[] = {
    {"tcp", read_tcp},
    {"tcp6", read_tcp},
    {"udp", read_udp},
    {"udp6", read_udp},
    {"sctp/eps", read_sctp},
    {"if_inet6", read_if_inet6},
};

static void
read_file(struct listener_reader *r, struct netns *ns, const char *name, char *text)
{
	struct addr last = {0};
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strcmp(name, "fib_trie") == 0)
			read_fib_trie(r, ns, line, &last);
		for (size_t i = 0; i < sizeof(netns_files) / sizeof(*netns_files); i++)
			if (strcmp(name, netns_files[i].name) == 0)
				netns_files[i].line(r, ns, line);
	}
}

static struct netns *
netns_numbered(struct world *w, uint32_t number)
{
	for (uint32_t i = 0; i < w->n_netns; i++)
		if (w->netns[i].number == number)
			return &w->netns[i];
	return NULL;
}

int
listeners_read_netns(struct listener_reader *r, const char **what)
{
	const struct dump_record *rec = NULL;
	struct world *w = r->world;
	struct list found = {0};

	*what = "network namespaces";
	while ((rec = dump_next(r->dump, rec, DUMP_NETNS))) {
		const struct dump_netns *d = dump_data(rec);
		struct netns *ns = list_add(w->arena, &found, sizeof(*ns));

		ns->number = d->number;
		ns->pid = d->pid;
		ns->name = world_unit(w->arena, world_text(w, rec, sizeof(*d)));
	}
	w->netns = found.items;
	w->n_netns = (uint32_t)found.n;
	while ((rec = dump_next(r->dump, rec, DUMP_NETNS_FILE))) {
		struct netns *ns = netns_numbered(w, rec->arg);
		const char *name = world_text(w, rec, 0);

		if (ns)
			read_file(r, ns, name, (char *)world_text(w, rec, strlen(name) + 1));
	}
	return 0;
}
