/* links: prover watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The world from hand-made records, and from the kernel itself in a network namespace of the test's
 * own. What is expected of the kernel was measured with frames from a peer (docs of prover/fib).
 */
#include <net/if.h>

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "netns_dump.h"
#include "prover/world.h"
#include "prover/world_parts.h"

#ifndef INET_DIAG_CGROUP_ID
#define INET_DIAG_CGROUP_ID 21
#endif

static struct addr
A(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(&a, text, strlen(text)), 0);
	return a;
}

static bool
in(const struct ranges *r, const char *text)
{
	struct addr a = A(text);

	return ranges_has(r, addr_number(&a));
}

struct made {
	struct dump_writer *writer;
	int fd;
	struct dump dump;
	struct arena arena;
	struct world world;
	const char *what;
};

static void
made_begin(struct made *m)
{
	*m = (struct made){.fd = -1};
	assert_int_equal(dump_writer_new(&m->writer), 0);
}

static int
made_read(struct made *m)
{
	struct dump_header head = {0};

	assert_int_equal(dump_writer_seal(m->writer, &head, &m->fd), 0);
	assert_int_equal(dump_open(&m->dump, m->fd), 0);
	return world_read(&m->world, &m->dump, &m->arena, &m->what);
}

static void
made_end(struct made *m)
{
	dump_close(&m->dump);
	arena_fini(&m->arena);
	dump_writer_free(m->writer);
	closep(&m->fd);
}

/* One message with room for attributes. */
struct msg {
	union {
		struct nlmsghdr h;
		char bytes[512];
	};
};

static struct msg
msg_new(uint16_t type, const void *fixed, size_t n)
{
	struct msg m = {0};

	m.h.nlmsg_type = type;
	m.h.nlmsg_len = (uint32_t)(sizeof(m.h) + n);
	memcpy(m.bytes + sizeof(m.h), fixed, n);
	return m;
}

static void
msg_attr(struct msg *m, uint16_t type, const void *data, size_t n)
{
	size_t at = NLMSG_ALIGN(m->h.nlmsg_len);
	struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type};

	memcpy(m->bytes + at, &a, sizeof(a));
	memcpy(m->bytes + at + sizeof(a), data, n);
	m->h.nlmsg_len = (uint32_t)(at + sizeof(a) + n);
}

static void
put_msg(struct made *m, enum dump_kind kind, uint32_t arg, const struct msg *x)
{
	assert_int_equal(
	    dump_put(m->writer, kind, arg, NULL, 0, x->bytes, NLMSG_ALIGN(x->h.nlmsg_len)), 0);
}

static void
put_text(struct made *m, enum dump_kind kind, uint32_t arg, const void *head, size_t head_len,
    const char *text, size_t n)
{
	assert_int_equal(dump_put(m->writer, kind, arg, head, head_len, text, n), 0);
}

static void
put_file(struct made *m, const char *path, const char *content)
{
	char both[256];
	int n = snprintf(both, sizeof(both), "%s%c%s", path, 0, content);

	put_text(m, DUMP_FILE, 0, NULL, 0, both, (size_t)n);
}

static void
put_link(struct made *m, int index, const char *name)
{
	struct ifinfomsg i = {.ifi_index = index, .ifi_type = 1, .ifi_flags = IFF_UP};
	struct msg x = msg_new(RTM_NEWLINK, &i, sizeof(i));

	msg_attr(&x, IFLA_IFNAME, name, strlen(name) + 1);
	put_msg(m, DUMP_LINKS, 0, &x);
}

static void
put_addr(struct made *m, uint32_t iface, const char *text, uint8_t len)
{
	struct addr a = A(text);
	struct ifaddrmsg i = {
	    .ifa_family = (uint8_t)addr_af(&a), .ifa_prefixlen = len, .ifa_index = iface};
	struct msg x = msg_new(RTM_NEWADDR, &i, sizeof(i));

	msg_attr(&x, IFA_ADDRESS, a.bytes, addr_size(&a));
	put_msg(m, DUMP_ADDRS, 0, &x);
}

static void
put_route(struct made *m, const char *dst, uint8_t len, uint32_t table, uint8_t type, uint32_t oif,
    uint32_t metric)
{
	struct addr a = A(dst);
	struct rtmsg r = {.rtm_family = (uint8_t)addr_af(&a),
	    .rtm_dst_len = len,
	    .rtm_table = (uint8_t)table,
	    .rtm_type = type,
	    .rtm_protocol = RTPROT_KERNEL};
	struct msg x = msg_new(RTM_NEWROUTE, &r, sizeof(r));

	msg_attr(&x, RTA_DST, a.bytes, addr_size(&a));
	if (oif)
		msg_attr(&x, RTA_OIF, &oif, sizeof(oif));
	msg_attr(&x, RTA_PRIORITY, &metric, sizeof(metric));
	put_msg(m, DUMP_ROUTES, (uint32_t)addr_af(&a), &x);
}

static void
put_rules(struct made *m, int af)
{
	static const uint32_t standard[][2] = {{0, 255}, {32766, 254}, {32767, 253}};

	for (int i = 0; i < (af == AF_INET ? 3 : 2); i++) {
		uint8_t head[12] = {(uint8_t)af, [4] = (uint8_t)standard[i][1], [7] = 1};
		struct msg x = msg_new(RTM_NEWRULE, head, sizeof(head));

		msg_attr(&x, 6 /* FRA_PRIORITY */, &standard[i][0], 4);
		put_msg(m, DUMP_POLICY, (uint32_t)af, &x);
	}
}

static void
put_failed(struct made *m, enum dump_kind kind, int error, const char *text)
{
	struct dump_failed f = {kind, error};

	put_text(m, DUMP_FAILED, 0, &f, sizeof(f), text, strlen(text));
}

static const struct mechanism *
mechanism(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_mechanisms; i++)
		if (strcmp(w->mechanisms[i].name, name) == 0)
			return &w->mechanisms[i];
	return NULL;
}

static const struct listener *
listener(const struct world *w, uint16_t port)
{
	for (uint32_t i = 0; i < w->n_listeners; i++)
		if (w->listeners[i].port == port)
			return &w->listeners[i];
	return NULL;
}

static void
test_unit_names(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const char *const names[][2] = {
	    {"/system.slice/ssh.service", "ssh.service"},
	    {"/system.slice/system-postgresql.slice/postgresql@15-main.service",
		"postgresql@15-main.service"},
	    {"/system.slice/docker-" ID ".scope", "docker 0123456789ab"},
	    {"/docker/" ID, "docker 0123456789ab"},
	    {"/machine.slice/libpod-" ID ".scope/container", "podman 0123456789ab"},
	    {"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope",
		"containerd 0123456789ab"},
	    {"/kubepods/burstable/pod1/" ID, "kubepods 0123456789ab"},
	    {"/lxc.payload.web/system.slice/nginx.service", "lxc web"},
	    {"/user.slice/user-1000.slice/session-3.scope", "user 1000"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/web.service",
		"web.service of user 1000"},
	    {"/odd/place", "/odd/place"},
	    {"/", ""},
	    {"", ""},
	    {"slapd.service", "slapd.service"},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(world_unit(&a, names[i][0]), names[i][1]);
	arena_fini(&a);
}

static void
put_socket(struct made *m, uint8_t proto, const char *addr, uint16_t port, uint8_t state,
    uint16_t remote_port, uint32_t iface, uint32_t inode, int v6only, uint64_t cgroup)
{
	struct inet_diag_msg d = {.idiag_state = state, .idiag_inode = inode, .idiag_uid = 107};
	struct msg x;

	d.idiag_family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(d.idiag_family, addr, d.id.idiag_src), 1);
	d.id.idiag_sport = htons(port);
	d.id.idiag_dport = htons(remote_port);
	d.id.idiag_if = iface;
	x = msg_new(SOCK_DIAG_BY_FAMILY, &d, sizeof(d));
	if (v6only >= 0) {
		uint8_t v = (uint8_t)v6only;

		msg_attr(&x, INET_DIAG_SKV6ONLY, &v, 1);
	}
	if (cgroup)
		msg_attr(&x, INET_DIAG_CGROUP_ID, &cgroup, 8);
	put_msg(m, DUMP_SOCKETS, (uint32_t)proto << 8 | d.idiag_family, &x);
}

static void
test_listeners_of_sock_diag(void **state)
{
	struct dump_cgroup cgroup = {77};
	struct dump_owner owner = {.inode = 5001, .pid = 812};
	struct made m;
	const struct listener *l;

	(void)state;
	made_begin(&m);
	put_socket(&m, IPPROTO_TCP, "::", 389, 10, 0, 0, 5001, 0, 0);
	put_socket(&m, IPPROTO_TCP, "::", 636, 10, 0, 0, 0, 1, 77);
	put_socket(&m, IPPROTO_TCP, "::ffff:192.0.2.1", 80, 10, 0, 0, 0, 0, 0);
	put_socket(&m, IPPROTO_TCP, "192.0.2.1", 81, 1, 4000, 0, 0, -1, 0); /* established */
	put_socket(&m, IPPROTO_UDP, "0.0.0.0", 514, 7, 0, 3, 0, -1, 0);
	put_socket(&m, IPPROTO_UDP, "0.0.0.0", 515, 7, 53, 0, 0, -1, 0); /* connected */
	put_socket(&m, IPPROTO_UDPLITE, "0.0.0.0", 516, 7, 0, 0, 0, -1, 0);
	put_text(&m, DUMP_CGROUP, 0, &cgroup, sizeof(cgroup), "/system.slice/x.service", 23);
	put_text(
	    &m, DUMP_OWNER, 0, &owner, sizeof(owner), "/system.slice/slapd.service\0slapd\0", 34);
	assert_int_equal(made_read(&m), 0);
	assert_int_equal(m.world.n_listeners, 4);
	l = listener(&m.world, 389);
	assert_true(l->any && !l->v6only && l->family == 6 && l->pid == 812 && l->uid == 107);
	assert_string_equal(l->unit, "slapd.service");
	assert_string_equal(l->process, "slapd");
	l = listener(&m.world, 636);
	assert_true(l->v6only);
	assert_string_equal(l->unit, "x.service");
	l = listener(&m.world, 80);
	assert_true(l->family == 4 && !l->any);
	assert_int_equal(listener(&m.world, 514)->iface, 3);
	made_end(&m);
}

static void
put_netns_file(struct made *m, const char *name, const char *content)
{
	char both[2048];
	int n = snprintf(both, sizeof(both), "%s%c%s", name, 0, content);

	put_text(m, DUMP_NETNS_FILE, 4, NULL, 0, both, (size_t)n);
}

static void
test_listeners_of_containers(void **state)
{
	static const char cgroup[] = "/system.slice/docker-" ID ".scope";
	struct dump_netns ns = {.inode = 1, .number = 4, .pid = 900};
	const struct listener *l;
	struct made m;

	(void)state;
	made_begin(&m);
	put_text(&m, DUMP_NETNS, 0, &ns, sizeof(ns), cgroup, sizeof(cgroup) - 1);
	put_netns_file(&m, "tcp",
	    "  sl  local_address rem_address   st\n"
	    "   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101  "
	    "      0 20567 1\n"
	    "   1: 0100007F:1389 0100007F:0001 01 00000000:00000000 00:00000000 00000000     0  "
	    "      0 20568 1\n");
	put_netns_file(&m, "udp6",
	    "  sl  local_address                         remote_address\n"
	    "   0: B80D0120000000000000000001000000:0202 00000000000000000000000000000000:0000 07 "
	    "00000000:00000000 00:00000000 00000000     0        0 20570 1\n"
	    "broken line\n");
	put_netns_file(&m, "sctp/eps",
	    " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"
	    "0 0 2 10 3 5060 0 20999 0.0.0.0\n");
	put_netns_file(&m, "fib_trie",
	    "Local:\n  +-- 0.0.0.0/0 3 0 5\n        |-- 172.17.0.2\n           /32 host LOCAL\n"
	    "        |-- 172.17.255.255\n           /32 link BROADCAST\n        |-- 127.0.0.1\n  "
	    "         /32 host LOCAL\n");
	put_netns_file(&m, "if_inet6",
	    "00000000000000000000000000000001 01 80 10 80       lo\n"
	    "fe80000000000000004200fffe110002 05 40 20 80     eth0\n");
	assert_int_equal(made_read(&m), 0);
	assert_int_equal(m.world.n_listeners, 3);
	l = listener(&m.world, 5000);
	assert_true(l && l->netns == 4 && l->uid == 101 && l->inode == 20567);
	assert_string_equal(l->unit, "docker 0123456789ab");
	l = listener(&m.world, 514);
	assert_true(l && l->proto == IPPROTO_UDP && l->family == 6);
	assert_true(addr_equal(&l->addr, &(struct addr){6, {0x20, 1, 0xd, 0xb8, [15] = 1}}));
	assert_int_equal(listener(&m.world, 5060)->proto, IPPROTO_SCTP);
	assert_int_equal(m.world.n_netns, 1);
	assert_int_equal(m.world.netns[0].n_addrs, 2);
	made_end(&m);
}

/* A table with one entry of a target, and what it does. */
static void
put_legacy(struct made *m, const char *table, const char *target, int32_t verdict)
{
	struct {
		struct dump_legacy head;
		struct ipt_entry entry;
		struct xt_standard_target target;
	} x = {.head = {.num_entries = 1},
	    .entry = {.target_offset = sizeof(struct ipt_entry),
		.next_offset = sizeof(struct ipt_entry) + sizeof(struct xt_standard_target)}};

	snprintf(x.head.name, sizeof(x.head.name), "%s", table);
	snprintf(x.target.target.u.user.name, sizeof(x.target.target.u.user.name), "%s", target);
	x.target.target.u.target_size = sizeof(x.target);
	x.target.verdict = verdict;
	put_text(m, DUMP_LEGACY, AF_INET, &x.head, sizeof(x.head), (char *)&x.entry,
	    sizeof(x.entry) + sizeof(x.target));
}

static void
test_mechanisms_are_named(void **state)
{
	struct dump_bpf bpf = {DUMP_BPF_SK_LOOKUP, 1}, none = {DUMP_BPF_CGROUP, 0};
	const struct mechanism *k;
	struct made m;

	(void)state;
	made_begin(&m);
	put_link(&m, 2, "eth0");
	put_legacy(&m, "filter", "", -NF_ACCEPT - 1);
	put_legacy(&m, "security", "", -NF_DROP - 1);
	put_legacy(&m, "nat", "DNAT", 0);
	put_text(&m, DUMP_BPF, 0, &bpf, sizeof(bpf), "", 0);
	put_text(&m, DUMP_BPF, 0, &none, sizeof(none), "/x", 2);
	put_text(&m, DUMP_FILTERS, 2, NULL, 0, "1234", 4);
	put_failed(&m, DUMP_SOCKETS, -EPERM, "tcp4");
	put_failed(&m, DUMP_NETNS, -EACCES, "");
	put_file(&m, "/proc/sys/net/ipv4/conf/all/accept_source_route", "1\n");
	assert_int_equal(made_read(&m), 0);
	assert_null(mechanism(&m.world, "iptables-legacy filter (IPv4)"));
	k = mechanism(&m.world, "iptables-legacy security (IPv4)");
	assert_true(k && k->may_drop && !k->may_accept && k->family == 4);
	k = mechanism(&m.world, "iptables-legacy nat (IPv4)");
	assert_true(k && k->may_accept);
	assert_non_null(mechanism(&m.world, "sk_lookup program (BPF)"));
	assert_null(mechanism(&m.world, "cgroup program (BPF) of /x"));
	k = mechanism(&m.world, "tc filter on eth0");
	assert_true(k && k->iface == 2 && k->may_accept && k->may_drop);
	assert_true(m.world.listeners_hidden);
	assert_true(m.world.listeners_hidden && m.world.containers_hidden);
	assert_non_null(mechanism(&m.world, "source routing (accept_source_route)"));
	assert_non_null(
	    mechanism(&m.world, "sysctl net.ipv4.conf.all.rp_filter could not be read"));
	made_end(&m);
}

static void
test_nothing_read_is_unknown_not_safe(void **state)
{
	struct addr to = A("192.0.2.1");
	struct fib_view v = {.family = 4};
	struct addr_set s;
	struct made m;

	(void)state;
	made_begin(&m);
	put_link(&m, 2, "eth0");
	assert_int_equal(made_read(&m), 0);
	assert_int_equal(world_route(&m.world, &to, 2, 0).type, ADDR_UNKNOWN);
	assert_int_equal(world_fib_type(&m.world, &v, &to), ADDR_UNKNOWN);
	assert_int_equal(world_fib_oif(&m.world, &v, &to), -1);
	s = world_source_drop(&m.world, &to, 2, 0);
	assert_true(in(s.may, "198.51.100.1") && !in(s.must, "198.51.100.1") && s.why);
	assert_true(in(s.must, "224.0.0.1")); /* dropped whatever the settings are */
	assert_true(world_accepts_daddr(&m.world, &to, 2));
	made_end(&m);
}

static void
test_longest_prefix_and_metric(void **state)
{
	struct fib_view v = {.family = 4};
	struct made m;

	(void)state;
	made_begin(&m);
	put_link(&m, 1, "lo");
	put_link(&m, 2, "eth0");
	put_link(&m, 3, "eth1");
	put_addr(&m, 2, "192.0.2.1", 24);
	put_rules(&m, AF_INET);
	put_route(&m, "0.0.0.0", 0, 254, RTN_UNICAST, 3, 200);
	put_route(&m, "0.0.0.0", 0, 254, RTN_UNICAST, 2, 100);
	put_route(&m, "10.0.0.0", 8, 254, RTN_UNICAST, 3, 0);
	put_route(&m, "10.1.0.0", 16, 254, RTN_BLACKHOLE, 0, 0);
	put_route(&m, "10.1.2.0", 24, 254, RTN_THROW, 0, 0);
	put_route(&m, "10.1.2.0", 24, 253, RTN_UNICAST, 2, 0);
	put_route(&m, "10.1.3.255", 32, 254, RTN_UNICAST, 2, 0);
	put_route(&m, "192.0.2.1", 32, 255, RTN_LOCAL, 2, 0);
	assert_int_equal(made_read(&m), 0);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {9, 9, 9, 9}}), 2);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {10, 9, 9, 9}}), 3);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {10, 1, 9, 9}}), 0);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {10, 1, 2, 9}}), 2);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {10, 1, 3, 255}}), 2);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {10, 1, 4, 0}}), 0);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {192, 0, 2, 1}}), 0);
	assert_int_equal(world_fib_oif(&m.world, &v, &(struct addr){4, {255, 255, 255, 255}}), 2);
	made_end(&m);
}

static void
test_broken_records_are_refused(void **state)
{
	static const struct {
		enum dump_kind kind;
		uint32_t arg;
	} kinds[] = {{DUMP_LINKS, 0}, {DUMP_ADDRS, 0}, {DUMP_ROUTES, AF_INET},
	    {DUMP_POLICY, AF_INET}, {DUMP_SOCKETS, IPPROTO_TCP << 8 | AF_INET}};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct nlmsghdr h = {.nlmsg_len = 4000, .nlmsg_type = RTM_NEWLINK};
		struct made m;

		made_begin(&m);
		put_text(&m, kinds[i].kind, kinds[i].arg, NULL, 0, (char *)&h, sizeof(h));
		assert_int_equal(made_read(&m), -EINVAL);
		assert_non_null(m.what);
		made_end(&m);
	}
}

static void
run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static struct made kernel;

static int
real_begin(void **state)
{
	(void)state;
	if (netns_enter() < 0)
		return 0;
	kernel.fd = 0;
	run("ip link add e0 type veth peer name p0 && ip link add e1 type veth peer name p1 && "
	    "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.e0.rp_filter=0 "
	    "net.ipv4.conf.e1.rp_filter=0 net.ipv6.conf.e0.addr_gen_mode=1 && "
	    "ip link set e0 up && ip link set e1 up && ip link set p0 up && ip link set p1 up && "
	    "ip addr add 10.0.0.1/24 brd + dev e0 && ip addr add 10.0.1.1/24 brd + dev e1 && "
	    "ip route add default via 10.0.0.254 && ip route add blackhole 172.16.5.0/24 && "
	    "ip addr add 2001:db8::1/64 dev e0 nodad && ip addr add fe80::1/64 dev e0 nodad && "
	    "ip addr add 2001:db8:1::1/64 dev e1 nodad && ip addr add fe80::2/64 dev e1 nodad && "
	    "ip -6 route add unreachable 2001:db8:5::/48");
	return 0;
}

/* Reads the namespace anew; false: no permission for one. */
static bool
real_read(const char *command)
{
	if (kernel.fd < 0)
		return false;
	if (command)
		run(command);
	kernel = (struct made){.fd = netns_dump()};
	assert_true(kernel.fd >= 0);
	assert_int_equal(dump_open(&kernel.dump, kernel.fd), 0);
	assert_int_equal(world_read(&kernel.world, &kernel.dump, &kernel.arena, &kernel.what), 0);
	return true;
}

static void
real_end(void)
{
	dump_close(&kernel.dump);
	arena_fini(&kernel.arena);
	closep(&kernel.fd);
	kernel = (struct made){0};
}

static uint32_t
dev(const char *name)
{
	return world_iface_named(&kernel.world, name)->index;
}

static enum addr_type
routed(const char *daddr, const char *iface)
{
	struct addr a = A(daddr);

	return world_route(&kernel.world, &a, dev(iface), 0).type;
}

static bool
dropped(const char *source, const char *daddr, const char *iface)
{
	struct addr to = A(daddr);
	struct addr_set s = world_source_drop(&kernel.world, &to, dev(iface), 0);

	assert_ptr_equal(s.may, s.must);
	return in(s.may, source);
}

static void
test_kernel_routes_and_martians(void **state)
{
	(void)state;
	if (!real_read(NULL))
		skip();
	assert_int_equal(routed("10.0.0.1", "e1"), ADDR_LOCAL);
	assert_int_equal(routed("10.0.0.255", "e0"), ADDR_BROADCAST);
	assert_int_equal(routed("9.9.9.9", "e0"), ADDR_UNREACHABLE); /* does not forward */
	assert_int_equal(routed("2001:db8::1", "e1"), ADDR_LOCAL);
	assert_int_equal(routed("2001:db8:5::9", "e0"), ADDR_UNREACHABLE);
	assert_int_equal(routed("fe80::1", "e0"), ADDR_LOCAL);
	assert_int_not_equal(routed("fe80::1", "e1"), ADDR_LOCAL);
	assert_true(dropped("10.0.0.1", "10.0.0.1", "e0"));
	assert_true(dropped("127.0.0.2", "10.0.0.1", "e0"));
	assert_true(dropped("0.0.0.0", "10.0.0.1", "e0"));
	assert_false(dropped("0.0.0.0", "255.255.255.255", "e0"));
	assert_false(dropped("0.0.0.1", "10.0.0.1", "e0"));
	assert_false(dropped("10.0.0.255", "10.0.0.1", "e0"));
	assert_false(dropped("240.0.0.1", "10.0.0.1", "e0"));
	assert_false(dropped("172.16.5.5", "10.0.0.1", "e0"));
	assert_true(dropped("::1", "2001:db8::1", "e0"));
	assert_false(dropped("2001:db8::1", "2001:db8::1", "e0")); /* an own address is let in */
	assert_false(dropped("fe80::9", "2001:db8::1", "e0"));
	real_end();
}

static void
test_kernel_reverse_path_filter(void **state)
{
	struct addr to = A("10.0.0.1"), from = A("9.9.9.9");

	(void)state;
	if (!real_read("sysctl -qw net.ipv4.conf.all.rp_filter=1"))
		skip();
	assert_true(dropped("9.9.9.9", "10.0.0.1", "e1"));
	assert_false(dropped("9.9.9.9", "10.0.0.1", "e0"));
	assert_true(dropped("172.16.5.5", "10.0.0.1", "e0"));
	assert_true(dropped("10.0.0.255", "10.0.0.1", "e0"));
	assert_string_equal(world_source_drop_why(&kernel.world, &from, &to, dev("e1"), 0),
	    "reverse path filter (rp_filter 1 on e1)");
	real_end();
	assert_true(real_read("sysctl -qw net.ipv4.conf.e1.rp_filter=2")); /* the greater holds */
	assert_false(dropped("9.9.9.9", "10.0.0.1", "e1"));
	assert_true(dropped("172.16.5.5", "10.0.0.1", "e1"));
	real_end();
	run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.e1.rp_filter=0");
}

static void
test_kernel_types_of_both_families(void **state)
{
	struct addr four = A("10.0.0.1"), six = A("2001:db8::1"), first = A("2001:db8:1::");
	struct addr_set s;

	(void)state;
	if (!real_read(NULL))
		skip();
	for (int i = 0; i < 2; i++) {
		const struct addr *a = i ? &six : &four;
		struct fib_view any = {.family = a->family}, e0 = any, e1 = any;

		e0.dev = e0.at = dev("e0");
		e1.dev = e1.at = dev("e1");
		assert_int_equal(world_fib_type(&kernel.world, &any, a), ADDR_LOCAL);
		assert_int_equal(world_fib_type(&kernel.world, &e0, a), ADDR_LOCAL);
		assert_int_equal(world_fib_type(&kernel.world, &e1, a), ADDR_UNICAST);
		s = world_fib_of_type(&kernel.world, &any, ADDR_LOCAL);
		assert_ptr_equal(s.may, s.must);
		assert_true(ranges_has(s.must, addr_number(a)));
		assert_int_equal(world_xt_addrtype_has(&kernel.world, a, XT_ADDRTYPE_LOCAL, 0), 1);
		assert_int_equal(
		    world_xt_addrtype_has(&kernel.world, a, XT_ADDRTYPE_LOCAL, dev("e1")), 0);
	}
	/* The first address of an on-link prefix is anycast. */
	assert_int_equal(
	    world_fib_type(&kernel.world, &(struct fib_view){.family = 6}, &first), ADDR_ANYCAST);
	s = world_xt_rpfilter(&kernel.world, &four, dev("e1"), 0);
	assert_true(in(s.must, "10.0.1.7") && !in(s.may, "9.9.9.9") && !in(s.may, "10.0.1.1"));
	s = world_xt_rpfilter(&kernel.world, &four, dev("e1"), XT_RPFILTER_LOOSE);
	assert_true(in(s.must, "9.9.9.9"));
	real_end();
}

static void
test_kernel_tentative_addresses_are_local_soon(void **state)
{
	(void)state;
	if (!real_read("sysctl -qw net.ipv6.conf.e1.dad_transmits=200 && "
		       "ip addr add 2001:db8:1::77/64 dev e1"))
		skip();
	assert_int_equal(routed("2001:db8:1::77", "e0"), ADDR_LOCAL);
	assert_int_equal(routed("2001:db8:1::78", "e0"), ADDR_UNREACHABLE); /* does not forward */
	real_end();
	real_read("ip link set e1 down");
	assert_int_not_equal(routed("2001:db8:1::77", "e0"), ADDR_LOCAL);
	real_end();
	run("ip link set e1 up; ip addr del 2001:db8:1::77/64 dev e1 2>/dev/null; "
	    "ip addr replace 2001:db8:1::1/64 dev e1 nodad && "
	    "ip addr replace fe80::2/64 dev e1 nodad");
}

static void
test_kernel_policy_rules_leave_local_exact(void **state)
{
	(void)state;
	if (!real_read("ip rule add fwmark 7 lookup 100 && ip -6 rule add fwmark 7 lookup 100"))
		skip();
	assert_int_equal(routed("10.0.0.1", "e0"), ADDR_LOCAL);
	assert_int_equal(routed("2001:db8::1", "e0"), ADDR_LOCAL);
	assert_int_equal(routed("9.9.9.9", "e0"), ADDR_UNKNOWN);
	assert_int_equal(routed("2001:db8:9::9", "e0"), ADDR_UNKNOWN);
	assert_non_null(mechanism(&kernel.world, "policy routing (ip rule 32765) (IPv4)"));
	real_end();
	run("ip rule del fwmark 7 lookup 100 && ip -6 rule del fwmark 7 lookup 100");
}

static void
test_kernel_listeners(void **state)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(389)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(514)};
	_cleanup_(closep) int tcp = -1, udp = -1, connected = -1;
	const struct listener *l;

	(void)state;
	if (kernel.fd < 0)
		skip();
	tcp = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	connected = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(tcp, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(tcp, 1), 0);
	assert_int_equal(setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "e0", 3), 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&four, sizeof(four)), 0);
	four.sin_port = htons(515);
	assert_int_equal(bind(connected, (struct sockaddr *)&four, sizeof(four)), 0);
	four.sin_addr.s_addr = htonl(0x0a000001);
	assert_int_equal(connect(connected, (struct sockaddr *)&four, sizeof(four)), 0);
	assert_true(real_read(NULL));
	l = listener(&kernel.world, 389);
	assert_true(l && l->any && l->family == 6 && !l->v6only);
	assert_int_equal(l->pid, getpid());
	assert_string_equal(l->process, "test_world");
	l = listener(&kernel.world, 514);
	assert_true(l && l->family == 4 && l->proto == IPPROTO_UDP && l->iface == dev("e0"));
	assert_null(listener(&kernel.world, 515));
	real_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unit_names),
	    cmocka_unit_test(test_listeners_of_sock_diag),
	    cmocka_unit_test(test_listeners_of_containers),
	    cmocka_unit_test(test_mechanisms_are_named),
	    cmocka_unit_test(test_nothing_read_is_unknown_not_safe),
	    cmocka_unit_test(test_longest_prefix_and_metric),
	    cmocka_unit_test(test_broken_records_are_refused),
	    cmocka_unit_test(test_kernel_routes_and_martians),
	    cmocka_unit_test(test_kernel_reverse_path_filter),
	    cmocka_unit_test(test_kernel_types_of_both_families),
	    cmocka_unit_test(test_kernel_tentative_addresses_are_local_soon),
	    cmocka_unit_test(test_kernel_listeners),
	    cmocka_unit_test(test_kernel_policy_rules_leave_local_exact),
	};

	kernel.fd = -1;
	return cmocka_run_group_tests(tests, real_begin, NULL);
}
