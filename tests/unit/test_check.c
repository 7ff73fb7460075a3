/* links: prover watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Policy against ruleset: real rules in a network namespace of the test's own, dumped, checked, and
 * the suggested lines loaded, dumped and checked again. Skipped without root.
 */
#include "prover/check.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "image_build.h"
#include "netns_dump.h"
#include "prover/mode.h"
#include "prover/report.h"

#define SOCKETS 8

struct expose {
	const char *name;
	const char *ports[4]; /* "tcp/389"; NULL ends */
	const char *plaintext[2];
	const char *allowed[4];
	const char *inside[2];
	const char *interface;
	const char *address;
	enum expose_listeners listeners;
	bool containers;
	struct {
		const char *name, *group;
		uint32_t n4, n6;
	} hosts[2];
};

struct scene {
	struct image_build *build;
	struct image img;
	int sockets[SOCKETS];
	unsigned n_sockets;
};

struct result {
	struct dump dump;
	struct arena arena;
	struct ruleset rules;
	struct world world;
	struct check check;
	int fd;
};

static void
must(const char *command)
{
	if (system(command)) {
		print_error("failed: %s\n", command);
		fail();
	}
}

static struct image_port
port_of(const char *text)
{
	struct image_port p = {.proto = text[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP};
	unsigned low, high;

	if (sscanf(text + 4, "%u-%u", &low, &high) < 2)
		high = low;
	p.low = (uint16_t)low;
	p.high = (uint16_t)high;
	return p;
}

static struct span
ports(struct image_build *b, const char *const *texts, int max)
{
	struct span s = {image_build_count(b, IMAGE_PORTS), 0};

	for (; (int)s.n < max && texts[s.n]; s.n++) {
		struct image_port p = port_of(texts[s.n]);

		image_build_add(b, IMAGE_PORTS, &p);
	}
	return s;
}

static void
add_expose(struct image_build *b, const struct expose *e)
{
	struct image_expose x = {.name = image_build_str(b, e->name),
	    .listeners = e->listeners,
	    .containers = e->containers,
	    .interface = image_build_str(b, e->interface),
	    .file = image_build_str(b, "test.yaml"),
	    .groups = image_build_list(b, NULL)};
	const char *inside[] = {e->inside[0], e->inside[1], NULL};

	x.inside = image_build_list(b, inside);
	if (e->address)
		assert_int_equal(0, addr_parse(&x.address, e->address, strlen(e->address)));
	x.ports = ports(b, e->ports, 4);
	x.plaintext = ports(b, e->plaintext, 2);
	x.allowed = (struct span){image_build_count(b, IMAGE_PREFIXES), 0};
	for (; x.allowed.n < 4 && e->allowed[x.allowed.n]; x.allowed.n++) {
		uint32_t i = image_build_prefix(b, e->allowed[x.allowed.n]);
		str_t name = image_build_str(b, "monitoring");

		((struct image_prefix *)image_build_at(b, IMAGE_PREFIXES, i))->name = name;
	}
	x.hosts = (struct span){image_build_count(b, IMAGE_HOSTS), 0};
	for (; x.hosts.n < 2 && e->hosts[x.hosts.n].name; x.hosts.n++) {
		struct image_host h = {.name = image_build_str(b, e->hosts[x.hosts.n].name),
		    .group = image_build_str(b, e->hosts[x.hosts.n].group),
		    .n4 = e->hosts[x.hosts.n].n4,
		    .n6 = e->hosts[x.hosts.n].n6};

		image_build_add(b, IMAGE_HOSTS, &h);
	}
	image_build_add(b, IMAGE_EXPOSES, &x);
}

/* A host with one interface, the default route by it, in both families. */
static void
make_host(void)
{
	must(
	    "ip link add sink type bridge && ip link add eth0 type veth peer name peer0 && "
	    "ip link set peer0 master sink up && ip addr add 192.0.2.1/24 dev eth0 && "
	    "ip -6 addr add 2001:db8:1::1/64 dev eth0 nodad && ip link set eth0 up && "
	    "ip route add default via 192.0.2.254 && ip -6 route add default via 2001:db8:1::fe && "
	    "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter && "
	    "echo 0 >/proc/sys/net/ipv4/conf/eth0/rp_filter");
}

static void
make_bridge(void)
{
	must("ip link add docker0 type bridge && ip addr add 172.17.0.1/16 dev docker0 && "
	     "ip -6 addr add fd00:17::1/64 dev docker0 nodad && ip link set docker0 up && "
	     "echo 1 >/proc/sys/net/ipv4/ip_forward && "
	     "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding && "
	     "echo 0 >/proc/sys/net/ipv4/conf/docker0/rp_filter");
}

static void
nft(const char *rules)
{
	FILE *f = popen("nft -f -", "w");

	assert_non_null(f);
	fputs(rules, f);
	assert_int_equal(0, pclose(f));
}

static void
listen_on(struct scene *s, int type, int family, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	in->sin_port = htons(port); /* the same place in both */
	assert_int_equal(
	    1, inet_pton(family, addr,
		   family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr));
	assert_int_equal(
	    0, bind(fd, (struct sockaddr *)&ss, family == AF_INET ? sizeof(*in) : sizeof(*in6)));
	if (type == SOCK_STREAM)
		assert_int_equal(0, listen(fd, 1));
	s->sockets[s->n_sockets++] = fd;
}

static void
begin(struct scene *s, const struct expose *e, size_t n)
{
	memset(s, 0, sizeof(*s));
	if (geteuid() != 0 || netns_enter() < 0)
		skip();
	make_host();
	s->build = image_build_new();
	for (size_t i = 0; i < n; i++)
		add_expose(s->build, &e[i]);
	image_build_open(s->build, &s->img);
}

static void
end(struct scene *s)
{
	for (unsigned i = 0; i < s->n_sockets; i++)
		close(s->sockets[i]);
	image_close(&s->img);
	image_build_free(s->build);
}

/* Other tests' and the machine's namespaces are none of this host's. */
static void
keep_netns(struct world *w, pid_t pid)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_netns; i++)
		if (pid && w->netns[i].pid == (uint32_t)pid)
			w->netns[n++] = w->netns[i];
	w->n_netns = n;
}

/* container: a process in one, or 0. */
static void
run_with(struct scene *s, struct result *r, pid_t container)
{
	static const struct check_options all = {.explain = true, .suggest = true};
	const char *what = "";

	memset(r, 0, sizeof(*r));
	r->fd = netns_dump();
	assert_true(r->fd >= 0);
	assert_int_equal(0, dump_open(&r->dump, r->fd));
	assert_int_equal(0, world_read(&r->world, &r->dump, &r->arena, &what));
	keep_netns(&r->world, container);
	r->world.containers_hidden = false;
	r->rules.arena = &r->arena;
	assert_int_equal(0, ruleset_read(&r->rules, &r->dump, &what));
	assert_int_equal(0, check_run(&r->check, &s->img, &r->rules, &r->world, &r->arena, &all));
}

static void
run(struct scene *s, struct result *r)
{
	run_with(s, r, 0);
}

static void
done(struct result *r)
{
	check_fini(&r->check);
	ruleset_fini(&r->rules);
	dump_close(&r->dump);
	arena_fini(&r->arena);
	close(r->fd);
}

static const struct cell *
find(const struct result *r, enum proof_kind kind, uint16_t port, uint8_t family)
{
	const struct cell *cells = r->check.cells.items;

	for (size_t i = 0; i < r->check.cells.n; i++)
		if (cells[i].kind == kind && cells[i].port == port && cells[i].family == family)
			return &cells[i];
	return NULL;
}

static void
print_all(const struct result *r)
{
	const struct cell *cells = r->check.cells.items;

	for (size_t i = 0; i < r->check.cells.n; i++) {
		const struct finding *f = cells[i].findings.items;

		print_error("%s %s %u v%u: %s: %s\n", cells[i].name, proof_kind_name(cells[i].kind),
		    cells[i].port, cells[i].family, proof_state_name(cells[i].state),
		    cells[i].text);
		for (size_t k = 0; k < cells[i].findings.n; k++)
			print_error("    %s: %s\n", proof_state_name(f[k].state), f[k].text);
	}
}

static void
expect(const struct result *r, enum proof_kind kind, uint16_t port, uint8_t family,
    enum proof_state state, const char *text)
{
	const struct cell *c = find(r, kind, port, family);

	if (!c || c->state != state || (text && !strstr(c->text, text))) {
		print_error("expected %u v%u %s '%s', but there is:\n", port, family,
		    proof_state_name(state), text ? text : "");
		print_all(r);
		fail();
	}
}

/* Loads what all findings suggest, twice: the second time nothing may change. */
static void
load_suggested(const struct result *r, bool twice)
{
	const struct cell *cells = r->check.cells.items;
	_cleanup_(strbuf_fini) struct strbuf all = {0};

	for (size_t i = 0; i < r->check.cells.n; i++) {
		const struct finding *f = cells[i].findings.items;

		for (size_t k = 0; k < cells[i].findings.n; k++)
			for (uint32_t n = 0; n < f[k].n_suggest; n++)
				strbuf_printf(&all, "%s\n", f[k].suggest[n]);
	}
	assert_non_null(all.text);
	nft(all.text);
	if (twice)
		nft(all.text);
}

static const struct expose ldap = {
    .name = "ldap", .ports = {"tcp/389"}, .allowed = {"198.51.100.0/24", "2001:db8:20::/48"}};

/* How the project began: IPv4 is filtered, IPv6 was forgotten. */
static void
founding_case(void **state)
{
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::", 389);
	nft("table ip filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "ip saddr 198.51.100.0/24 tcp dport 389 accept\n }\n}\n"
	    "table ip6 filter { chain input { type filter hook input priority 0; policy accept; "
	    "}\n}");
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_PROVEN, "");
	expect(&r, PROOF_PORT, 389, 6, PROOF_OPEN, "any IPv6 source reaches ");
	expect(&r, PROOF_PORT, 389, 6, PROOF_OPEN,
	    "on [::]:389 by eth0: table ip6 filter has no rule for it (chain input, policy "
	    "accept)");
	assert_int_equal(2, check_exit(&r.check));
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_PROVEN, "");
	expect(&r, PROOF_PORT, 389, 6, PROOF_PROVEN, "");
	assert_int_equal(0, check_exit(&r.check));
	done(&r);
	end(&s);
}

static void
no_rules_at_all(void **state)
{
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_LATENT, "nothing listens there yet");
	expect(&r, PROOF_PORT, 389, 6, PROOF_LATENT, "nothing listens there yet");
	assert_int_equal(0, check_exit(&r.check));
	done(&r);
	listen_on(&s, SOCK_STREAM, AF_INET, "0.0.0.0", 389);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_OPEN, "any IPv4 source reaches ");
	expect(&r, PROOF_PORT, 389, 6, PROOF_LATENT, NULL);
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_PROVEN, "");
	expect(&r, PROOF_PORT, 389, 6, PROOF_PROVEN, "");
	done(&r);
	end(&s);
}

static void
loopback_listener_is_latent(void **state)
{
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	listen_on(&s, SOCK_STREAM, AF_INET, "127.0.0.1", 389);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::1", 389);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_LATENT, NULL);
	expect(&r, PROOF_PORT, 389, 6, PROOF_LATENT, NULL);
	done(&r);
	end(&s);
}

static void
another_number_leads_to_it(void **state)
{
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::", 389);
	nft("table inet f { chain pre { type nat hook prerouting priority -100;\n"
	    "tcp dport 1389 redirect to :389\n }\n"
	    "chain raw { type filter hook prerouting priority -150; tcp dport 389 drop\n }\n}");
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_OPEN, "as port 1389 by table inet f chain pre rule 1");
	expect(&r, PROOF_PORT, 389, 6, PROOF_OPEN, "as port 1389 by table inet f chain pre rule 1");
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	/* The hosts that may are shut out by the test's own rule, at port 389. */
	assert_true(find(&r, PROOF_PORT, 389, 4)->state != PROOF_OPEN);
	assert_true(find(&r, PROOF_PORT, 389, 6)->state != PROOF_OPEN);
	done(&r);
	end(&s);
}

static const char published[] =
    "table ip nat { chain DOCKER { iifname \"docker0\" return\n"
    "iifname != \"docker0\" tcp dport 5000 dnat to 172.17.0.2:5000\n"
    "iifname != \"docker0\" tcp dport 15000 dnat to 172.17.0.2:5000\n }\n"
    "chain PREROUTING { type nat hook prerouting priority -100;\n"
    "fib daddr type local jump DOCKER\n }\n}\n"
    "table inet filter { chain input { type filter hook input priority 0; policy drop; }\n"
    "chain forward { type filter hook forward priority 0; policy drop;\n"
    "ip daddr 172.17.0.2 tcp dport 5000 accept\n }\n}";

static void
published_container(void **state)
{
	static const struct expose registry = {.name = "registry",
	    .ports = {"tcp/5000"},
	    .allowed = {"198.51.100.0/24", "2001:db8:20::/48"},
	    .inside = {"docker*"}};
	const struct cell *cell;
	const struct finding *f;
	bool other = false, direct = false;
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &registry, 1);
	make_bridge();
	nft(published);
	run(&s, &r);
	expect(&r, PROOF_PORT, 5000, 4, PROOF_OPEN,
	    "docker0's registry is published: INPUT is never consulted; any IPv4 source reaches "
	    "172.17.0.2:5000");
	expect(&r, PROOF_PORT, 5000, 4, PROOF_OPEN, "by table ip nat chain DOCKER rule 2");
	expect(&r, PROOF_PORT, 5000, 6, PROOF_PROVEN, "");
	cell = find(&r, PROOF_PORT, 5000, 4);
	f = cell->findings.items;
	for (size_t i = 0; i < cell->findings.n; i++) {
		other |= f[i].port == 15000 && f[i].end_port == 5000;
		direct |= f[i].shape == FOUND_DIRECT;
	}
	assert_true(other);
	assert_true(direct);
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 5000, 4, PROOF_PROVEN, "");
	done(&r);
	end(&s);
}

static void
shut_out_host(void **state)
{
	struct scene s;
	struct result r;
	const struct finding *f;

	(void)state;
	begin(&s, &ldap, 1);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::", 389);
	nft("table inet filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "ip saddr 198.51.100.0/25 tcp dport 389 accept\n"
	    "ip6 saddr 2001:db8:20::/48 tcp dport 389 accept\n"
	    "meta l4proto tcp counter drop\n }\n}");
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_SHUT_OUT,
	    "198.51.100.128/25 (monitoring) is refused by table inet filter chain input rule 3");
	expect(&r, PROOF_PORT, 389, 6, PROOF_PROVEN, "");
	f = find(&r, PROOF_PORT, 389, 4)->findings.items;
	assert_int_equal(0, f->witness.accepted);
	assert_int_equal(4, f->witness.from.family);
	assert_int_equal(2, check_exit(&r.check));
	load_suggested(&r, false);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_PROVEN, "");
	done(&r);
	end(&s);
}

static void
it_depends(void **state)
{
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::", 389);
	nft("table inet filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "ip saddr 198.51.100.0/24 accept\n ip6 saddr 2001:db8:20::/48 accept\n"
	    "tcp dport 389 limit rate 1/second accept\n }\n}");
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_DEPENDS, "it depends on limit");
	expect(&r, PROOF_PORT, 389, 6, PROOF_DEPENDS, "it depends on limit");
	assert_int_equal(1, check_exit(&r.check));
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 389, 4, PROOF_PROVEN, "");
	done(&r);
	end(&s);
}

static void
other_kinds(void **state)
{
	static const struct expose rules[] = {
	    {.name = "logs",
		.ports = {"tcp/514", "tcp/6514"},
		.plaintext = {"tcp/514"},
		.allowed = {"198.51.100.0/24"},
		.listeners = EXPOSE_REQUIRED,
		.hosts = {{"pica01", "infra", 1, 0}, {"pica02", "infra", 1, 1}}},
	    {.name = "guarded-host", .listeners = EXPOSE_UNNAMED, .allowed = {"198.51.100.0/24"}}};
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, rules, 2);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::", 514);
	listen_on(&s, SOCK_STREAM, AF_INET, "192.0.2.1", 22);
	listen_on(&s, SOCK_STREAM, AF_INET, "0.0.0.0", 25);
	listen_on(&s, SOCK_STREAM, AF_INET, "127.0.0.1", 26);
	nft("table inet filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "ip saddr 198.51.100.0/24 tcp dport 514 accept\n tcp dport 25 accept\n }\n}");
	run(&s, &r);
	expect(&r, PROOF_PLAINTEXT, 514, 0, PROOF_LATENT, "carries plain text");
	expect(&r, PROOF_DUAL_STACK, 0, 6, PROOF_LATENT,
	    "host pica01 of group infra has no IPv6 address");
	expect(&r, PROOF_ABSENT, 6514, 0, PROOF_SHUT_OUT, "nothing listens on tcp port 6514");
	assert_null(find(&r, PROOF_ABSENT, 514, 0));
	expect(&r, PROOF_UNNAMED, 22, 4, PROOF_LATENT, "no outside IPv4 source reaches it");
	expect(&r, PROOF_UNNAMED, 25, 4, PROOF_OPEN, "any IPv4 source reaches ");
	assert_null(find(&r, PROOF_UNNAMED, 26, 4));
	assert_null(find(&r, PROOF_UNNAMED, 514, 4));
	done(&r);
	end(&s);
}

static void
datagrams(void **state)
{
	static const struct expose logs = {.name = "logs",
	    .ports = {"udp/514"},
	    .allowed = {"198.51.100.0/24", "2001:db8:20::/48"}};
	const struct cell *cell;
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &logs, 1);
	listen_on(&s, SOCK_DGRAM, AF_INET6, "::", 514);
	nft("table inet filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "ip saddr 198.51.100.0/24 udp dport 514 accept\n"
	    "ip6 saddr 2001:db8:20::/48 udp dport 514 accept\n"
	    "fib daddr type { broadcast, multicast } udp dport 514 accept\n }\n}");
	run(&s, &r);
	expect(&r, PROOF_PORT, 514, 4, PROOF_OPEN, "by broadcast or multicast");
	expect(&r, PROOF_PORT, 514, 6, PROOF_OPEN, "by broadcast or multicast");
	cell = find(&r, PROOF_PORT, 514, 4);
	assert_int_equal(1, cell->n_forge);
	assert_non_null(strstr(cell->text, "can be forged by eth0"));
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 514, 4, PROOF_PROVEN, "can be forged by eth0");
	expect(&r, PROOF_PORT, 514, 6, PROOF_PROVEN, NULL);
	done(&r);
	end(&s);
}

static void
ranges_tell_ports_apart(void **state)
{
	static const struct expose many = {
	    .name = "many", .ports = {"tcp/9000-9100"}, .allowed = {"198.51.100.0/24"}};
	const struct cell *cell;
	const struct finding *f;
	bool open = false;
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &many, 1);
	listen_on(&s, SOCK_STREAM, AF_INET, "0.0.0.0", 9010);
	listen_on(&s, SOCK_STREAM, AF_INET, "0.0.0.0", 9050);
	nft("table ip filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "tcp dport 9040-9060 accept\n ip saddr 198.51.100.0/24 accept\n }\n}\n"
	    "table ip6 filter { chain input { type filter hook input priority 0; policy drop; "
	    "}\n}");
	run(&s, &r);
	expect(&r, PROOF_PORT, 9000, 4, PROOF_OPEN, ":9050 by eth0");
	expect(&r, PROOF_PORT, 9000, 6, PROOF_PROVEN, "");
	cell = find(&r, PROOF_PORT, 9000, 4);
	f = cell->findings.items;
	for (size_t i = 0; i < cell->findings.n; i++) {
		assert_int_not_equal(9010, f[i].port);
		open |= f[i].port == 9050 && f[i].state == PROOF_OPEN;
	}
	assert_true(open);
	load_suggested(&r, true);
	done(&r);
	run(&s, &r);
	expect(&r, PROOF_PORT, 9000, 4, PROOF_PROVEN, "");
	done(&r);
	end(&s);
}

/* Addresses that no rule tells apart are asked once; what listens on one of them is found at that
 * one. */
static void
addresses_of_one_interface(void **state)
{
	const struct finding *f;
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	must("ip addr add 192.0.2.3/24 dev eth0");
	listen_on(&s, SOCK_STREAM, AF_INET, "192.0.2.3", 389);
	nft("table ip filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "tcp dport 389 accept\n }\n}");
	run(&s, &r);
	assert_false(ruleset_sees_daddr(&r.rules, 4));
	expect(&r, PROOF_PORT, 389, 4, PROOF_OPEN, "on 192.0.2.3:389 by eth0");
	f = find(&r, PROOF_PORT, 389, 4)->findings.items;
	assert_int_equal(3, f->way.to.bytes[3]);
	assert_int_equal(3, f->witness.to.bytes[3]);
	done(&r);
	must("nft insert rule ip filter input ip daddr 192.0.2.3 drop");
	run(&s, &r);
	assert_true(ruleset_sees_daddr(&r.rules, 4));
	assert_false(ruleset_sees_daddr(&r.rules, 6));
	expect(&r, PROOF_PORT, 389, 4, PROOF_SHUT_OUT, "198.51.100.0/24 (monitoring) is refused");
	done(&r);
	end(&s);
}

/* A listener in a namespace of its own, behind docker0, which nothing publishes. */
static pid_t
start_container(void)
{
	struct scene s = {0};
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(0, pipe(ready));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == 0)
			listen_on(&s, SOCK_STREAM, AF_INET, "0.0.0.0", 5000);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(1, read(ready[0], &byte, 1));
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
container_by_its_own_address(void **state)
{
	static const struct expose rules[] = {{.name = "registry",
						  .ports = {"tcp/5000"},
						  .allowed = {"198.51.100.0/24"},
						  .containers = true},
	    {.name = "host-only", .ports = {"tcp/5000"}, .allowed = {"198.51.100.0/24"}}};
	char command[512];
	const struct cell *cells;
	struct scene s;
	struct result r;
	pid_t pid;

	(void)state;
	begin(&s, rules, 2);
	make_bridge();
	pid = start_container();
	snprintf(command, sizeof(command),
	    "ip link add vethc type veth peer name inner && ip link set vethc master docker0 up && "
	    "ip link set inner netns %d && nsenter -t %d -n sh -c 'ip addr add 172.17.0.2/16 dev "
	    "inner "
	    "&& ip link set inner up && ip route add default via 172.17.0.1'",
	    pid, pid);
	must(command);
	nft("table inet filter { chain input { type filter hook input priority 0; policy drop; "
	    "}\n}");
	run_with(&s, &r, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	expect(&r, PROOF_PORT, 5000, 4, PROOF_OPEN,
	    "any IPv4 source reaches the container's own address 172.17.0.2:5000 (");
	cells = r.check.cells.items;
	assert_string_equal("registry", cells[0].name);
	assert_int_equal(PROOF_PROVEN, cells[1].state);
	load_suggested(&r, true);
	assert_int_equal(2, check_exit(&r.check));
	done(&r);
	end(&s);
}

/* More addresses behind destination NAT than are looked at: what was not is not taken for proven.
 */
static void
too_many_targets(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	strbuf_puts(&b, "table ip n { map m { type inet_service : ipv4_addr; elements = {\n");
	for (unsigned i = 0; i <= CHECK_TARGETS; i++)
		strbuf_printf(&b, "%u : 172.17.%u.%u,\n", 2000 + 2 * i, i / 250, i % 250 + 2);
	strbuf_puts(&b,
	    "} }\nchain pre { type nat hook prerouting priority -100; dnat to tcp dport "
	    "map @m; }\n}\n"
	    "table inet f { chain i { type filter hook input priority 0; policy drop; }\n"
	    "chain f { type filter hook forward priority 0; policy drop; }\n}");
	nft(b.text);
	run(&s, &r);
	assert_true(r.check.targets_cut);
	expect(&r, PROOF_PORT, 389, 4, PROOF_DEPENDS, "too many addresses");
	done(&r);
	end(&s);
}

/* Runs mode_packets with text as its standard input; what it prints, in out. */
static int
packets(struct result *r, const char *in, char *out, size_t room)
{
	_cleanup_(closep) int input = memfd_create("in", 0), output = memfd_create("out", 0);
	int keep_in = dup(0), keep_out = dup(1), rc;
	struct mode m = {.dump = r->dump, .rules = r->rules, .world = r->world};
	ssize_t n;

	assert_int_equal(strlen(in), write(input, in, strlen(in)));
	lseek(input, 0, SEEK_SET);
	fflush(stdout);
	dup2(input, 0);
	dup2(output, 1);
	rc = mode_packets(&m);
	dup2(keep_in, 0);
	dup2(keep_out, 1);
	close(keep_in);
	close(keep_out);
	n = pread(output, out, room - 1, 0);
	assert_true(n >= 0);
	out[n] = 0;
	arena_fini(&m.arena);
	return rc;
}

static void
packets_in_bulk(void **state)
{
	char out[1024];
	struct scene s;
	struct result r;

	(void)state;
	begin(&s, &ldap, 1);
	nft("table inet filter { chain input { type filter hook input priority 0; policy drop;\n"
	    "ip saddr 198.51.100.0/24 tcp dport 389 accept\n"
	    "ip6 saddr 2001:db8:20::/48 udp dport 500-600 accept\n"
	    "tcp dport 80 limit rate 1/second accept\n }\n}");
	run(&s, &r);
	assert_int_equal(MODE_PROVEN,
	    packets(&r,
		"198.51.100.1 tcp/389\n198.51.101.1 tcp/389\n198.51.100.1 udp/389\n"
		"2001:db8:20::1 udp/500\n2001:db8:20::1 udp/600\n2001:db8:20::1 udp/601\n"
		"::ffff:198.51.100.1 tcp/389\n198.51.100.1 tcp/80\n192.0.2.1 tcp/389",
		out, sizeof(out)));
	assert_string_equal("198.51.100.1 tcp/389 A\n198.51.101.1 tcp/389 D\n"
			    "198.51.100.1 udp/389 D\n2001:db8:20::1 udp/500 A\n"
			    "2001:db8:20::1 udp/600 A\n2001:db8:20::1 udp/601 D\n"
			    "::ffff:198.51.100.1 tcp/389 D\n"
			    "198.51.100.1 tcp/80 ?\n192.0.2.1 tcp/389 D\n",
	    out);
	assert_int_equal(
	    MODE_CANNOT, packets(&r, "nonsense\n198.51.100.1 tcp/389\n198.51.100.1 tcp/70000\n\n",
			     out, sizeof(out)));
	assert_string_equal("198.51.100.1 tcp/389 A\n", out);
	done(&r);
	end(&s);
}

static unsigned
times(const char *in, const char *what)
{
	unsigned n = 0;

	while ((in = strstr(in, what))) {
		in += strlen(what);
		n++;
	}
	return n;
}

/* Addresses that others can send to, listeners with those on loopback last, workers once, whatever
 * is called however; and an end, however much there is. */
static void
inventory_of_a_machine(void **state)
{
	enum { MANY = 3000 };
	static struct listener many[MANY];
	struct iface up = {.index = 2, .name = "eth0", .flags = IFF_UP}, down = {.index = 3};
	struct iface ifaces[] = {up, down};
	struct local_addr addrs[] = {{.addr = {4, {192, 0, 2, 1}}, .iface = 2},
	    {.addr = {4, {169, 254, 0, 1}}, .iface = 2, .scope = RT_SCOPE_LINK},
	    {.addr = {4, {192, 0, 2, 3}}, .iface = 3},
	    {.addr = {6, {0x20, 1, 0xd, 0xb8, [15] = 1}}, .iface = 2},
	    {.addr = {6, {0x20, 1, 0xd, 0xb8, [15] = 2}}, .iface = 2, .flags = IFA_F_TENTATIVE}};
	struct listener some[] = {
	    {.proto = IPPROTO_TCP, .family = 4, .port = 25, .addr = {4, {127, 0, 0, 1}}},
	    {.proto = IPPROTO_TCP, .family = 6, .port = 80, .any = true, .unit = "a\"}]\n\xff"},
	    {.proto = IPPROTO_TCP, .family = 6, .port = 80, .any = true, .unit = "a\"}]\n\xff"},
	    {.proto = IPPROTO_UDP, .family = 4, .port = 53, .any = true, .netns = 1}};
	struct world w = {.ifaces = ifaces,
	    .n_ifaces = 2,
	    .addrs = addrs,
	    .n_addrs = 5,
	    .listeners = some,
	    .n_listeners = 4};
	struct strbuf out = {0};

	(void)state;
	report_inventory(&out, &w);
	assert_string_equal(
	    "{\"addresses\":[{\"address\":\"192.0.2.1\",\"interface\":\"eth0\",\"family\":4},"
	    "{\"address\":\"2001:db8::1\",\"interface\":\"eth0\",\"family\":6}],\"addresses_more\":"
	    "0,"
	    "\"listeners\":[{\"proto\":\"tcp\",\"port\":80,\"family\":6,\"address\":\"::\","
	    "\"v6only\":false,\"unit\":\"a\\\"}]\\u000a\xef\xbf\xbd\",\"process\":\"\"},"
	    "{\"proto\":\"tcp\",\"port\":25,\"family\":4,\"address\":\"127.0.0.1\",\"unit\":\"\","
	    "\"process\":\"\"}],\"listeners_more\":0}",
	    out.text);
	for (unsigned i = 0; i < MANY; i++)
		many[i] = (struct listener){.proto = IPPROTO_TCP,
		    .family = 4,
		    .port = (uint16_t)i,
		    .any = true,
		    .process = "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"};
	w.listeners = many;
	w.n_listeners = MANY;
	strbuf_reset(&out);
	report_inventory(&out, &w);
	assert_in_range(out.len, PROOF_INVENTORY_MAX - 1024, PROOF_INVENTORY_MAX - 1);
	assert_int_equal(MANY - times(out.text, "\"proto\""),
	    atoi(strstr(out.text, "\"listeners_more\":") + strlen("\"listeners_more\":")));
	strbuf_fini(&out);
}

/* The same findings again have the same keys and prints; the proof reads back, and not when it is
 * damaged. */
static void
proof_round_trip(void **state)
{
	_cleanup_(closep) int fd = memfd_create("proof", MFD_CLOEXEC);
	struct proof p;
	struct scene s;
	struct result r, again;
	const struct cell *cells;
	uint8_t kind = 99, good;
	uint32_t at;

	(void)state;
	begin(&s, &ldap, 1);
	listen_on(&s, SOCK_STREAM, AF_INET6, "::", 389);
	run(&s, &r);
	run(&s, &again);
	assert_int_equal(0, report_wire(fd, &r.check, &r.dump));
	assert_int_equal(0, proof_open(&p, fd));
	assert_int_equal(r.check.cells.n, p.head->n);
	cells = again.check.cells.items;
	for (uint32_t i = 0; i < p.head->n; i++) {
		assert_int_equal(cells[i].key, p.cells[i].key);
		assert_int_equal(cells[i].print, p.cells[i].print);
		assert_string_equal("ldap", p.text + p.cells[i].rule);
		assert_string_equal(cells[i].text, p.text + p.cells[i].text);
		assert_memory_equal("{\"type\":\"cell\"", p.text + p.cells[i].json, 14);
		assert_null(strchr(p.text + p.cells[i].json, '\n'));
	}
	assert_int_equal(PROOF_OPEN, p.cells[0].state);
	assert_int_equal(389, p.cells[0].witness.port);
	assert_string_equal("eth0", p.cells[0].witness.iface);
	assert_memory_equal("{\"type\":\"check\"", p.text + p.head->head, 15);
	assert_non_null(
	    strstr(proof_inventory(&p), "\"port\":389,\"family\":6,\"address\":\"::\""));
	at = p.head->cells;
	good = p.cells[0].kind;
	proof_close(&p);
	assert_int_equal(1, pwrite(fd, &kind, 1, at));
	assert_int_equal(-EINVAL, proof_open(&p, fd));
	assert_int_equal(1, pwrite(fd, &good, 1, at));
	assert_int_equal(0, proof_open(&p, fd));
	at = p.head->text + p.head->inventory;
	assert_int_equal(1, pwrite(fd, "[", 1, at));
	proof_close(&p);
	assert_int_equal(-EINVAL, proof_open(&p, fd));
	assert_int_equal(0, ftruncate(fd, 100));
	assert_int_equal(-EINVAL, proof_open(&p, fd));
	done(&again);
	done(&r);
	end(&s);
}

static void
one_rule_by_name(void **state)
{
	static const struct check_options opt = {.rule = "nothing"};
	struct scene s;
	struct result r;
	struct check c;

	(void)state;
	begin(&s, &ldap, 1);
	run(&s, &r);
	assert_int_equal(-ENOENT, check_run(&c, &s.img, &r.rules, &r.world, &r.arena, &opt));
	check_fini(&c);
	done(&r);
	end(&s);
}

/* Ways to a protected port that are neither its number nor an address of this machine. */
static void
other_ways_to_it(void **state)
{
	static const struct {
		const char *rules, *address;
		uint8_t family;
		enum proof_state state;
	} ways[] = {
	    {"table ip t { chain p { type filter hook prerouting priority -300;\n"
	     "tcp dport 8389 tcp dport set 389\n }\n"
	     "chain r { type filter hook prerouting priority -400; tcp dport 389 drop\n}\n}\n",
		NULL, 4, PROOF_OPEN},
	    {"table netdev t { chain p { type filter hook ingress device eth0 priority 0;\n"
	     "tcp dport 389 drop\n tcp dport 8389 tcp dport set 389\n }\n}\n",
		NULL, 6, PROOF_OPEN},
	    {"table ip t { chain p { type nat hook prerouting priority -100;\n"
	     "tcp dport 8389 dnat to 172.17.0.2-172.17.0.100:389\n }\n"
	     "chain f { type filter hook forward priority 0; policy drop; ct status dnat "
	     "accept\n}\n"
	     "chain i { type filter hook input priority 0; tcp dport 389 drop\n}\n}\n",
		NULL, 4, PROOF_DEPENDS},
	    {"table ip t { chain p { type nat hook prerouting priority -100;\n"
	     "tcp dport 9999 dnat to 172.17.0.2:300-500\n }\n"
	     "chain f { type filter hook forward priority 0; policy drop; ct status dnat "
	     "accept\n}\n"
	     "chain i { type filter hook input priority 0; tcp dport 389 drop\n}\n}\n",
		NULL, 4, PROOF_DEPENDS},
	    {"table ip t { chain p { type nat hook prerouting priority -100; goto q\n }\n"
	     "chain q { ip daddr 203.0.113.77 dnat to 172.17.0.2\n }\n"
	     "chain f { type filter hook forward priority 0; policy drop; ct status dnat "
	     "accept\n}\n"
	     "chain i { type filter hook input priority 0; tcp dport 389 drop\n}\n}\n",
		NULL, 4, PROOF_OPEN},
	    {"table ip6 t { map m { type ipv6_addr : ipv6_addr\n"
	     "elements = { 2001:db8:77::1 : fd00:17::2 }\n }\n"
	     "chain p { type nat hook prerouting priority -100; dnat to ip6 daddr map @m\n }\n"
	     "chain f { type filter hook forward priority 0; policy drop; ct status dnat "
	     "accept\n}\n"
	     "chain i { type filter hook input priority 0; tcp dport 389 drop\n}\n}\n",
		NULL, 6, PROOF_OPEN},
	    {"table ip t { chain p { type nat hook prerouting priority -100;\n"
	     "ip daddr 192.0.2.1 tcp dport 8389 dnat to 172.17.0.1:389\n }\n"
	     "chain i { type filter hook input priority 0;\n"
	     "meta l4proto tcp ct original proto-dst 389 drop\n}\n}\n",
		"172.17.0.1", 4, PROOF_OPEN},
	    {"table ip t { chain i { type filter hook input priority 0; policy accept;\n"
	     "ip daddr { 192.0.2.1, 172.17.0.1 } tcp dport 389 drop\n}\n}\n",
		"any", 4, PROOF_OPEN},
	};
	struct expose e = ldap;

	(void)state;
	e.allowed[0] = e.allowed[1] = NULL;
	e.containers = true;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		bool any = ways[i].address && !strcmp(ways[i].address, "any");
		struct scene s;
		struct result r;

		e.address = any ? NULL : ways[i].address;
		begin(&s, &e, 1);
		make_bridge();
		if (any)
			must("ip route add local 203.0.113.128/25 dev lo");
		listen_on(&s, SOCK_STREAM, AF_INET6, "::", 389);
		nft(ways[i].rules);
		run(&s, &r);
		expect(&r, PROOF_PORT, 389, ways[i].family, ways[i].state, NULL);
		load_suggested(&r, true);
		done(&r);
		run(&s, &r);
		expect(&r, PROOF_PORT, 389, ways[i].family, PROOF_PROVEN, NULL);
		done(&r);
		end(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(founding_case),
	    cmocka_unit_test(no_rules_at_all),
	    cmocka_unit_test(loopback_listener_is_latent),
	    cmocka_unit_test(another_number_leads_to_it),
	    cmocka_unit_test(published_container),
	    cmocka_unit_test(shut_out_host),
	    cmocka_unit_test(it_depends),
	    cmocka_unit_test(other_kinds),
	    cmocka_unit_test(datagrams),
	    cmocka_unit_test(ranges_tell_ports_apart),
	    cmocka_unit_test(addresses_of_one_interface),
	    cmocka_unit_test(container_by_its_own_address),
	    cmocka_unit_test(too_many_targets),
	    cmocka_unit_test(other_ways_to_it),
	    cmocka_unit_test(packets_in_bulk),
	    cmocka_unit_test(inventory_of_a_machine),
	    cmocka_unit_test(proof_round_trip),
	    cmocka_unit_test(one_rule_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
