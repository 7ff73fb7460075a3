/* links: watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The collector and the watch against the real kernel, in a network namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/inet_diag.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "netns_dump.h"
#include "nft/netlink.h"
#include "watcher/burst.h"
#include "watcher/byhand.h"
#include "watcher/watch.h"
#include "wire/fds.h"
#include "wire/msg.h"

#define NFT_HEADER sizeof(struct nfgenmsg)

static bool entered;

static int
enter(void **state)
{
	(void)state;
	entered = netns_enter() == 0;
	return 0;
}

static void
sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* A fresh namespace for each test that needs one. */
static void
fresh(void)
{
	if (!entered || netns_enter() < 0)
		skip();
}

static void
take(struct dump *d)
{
	int fd = netns_dump();

	assert_true(fd >= 0);
	assert_int_equal(dump_open(d, fd), 0);
	close(fd);
}

typedef bool (*match_fn)(const struct nlmsghdr *nlh, const void *want);

/* How many messages of a kind match. */
static int
count(const struct dump *d, enum dump_kind kind, match_fn match, const void *want)
{
	const struct dump_record *r = NULL;
	int n = 0;

	while ((r = dump_next(d, r, kind))) {
		const struct nlmsghdr *m = dump_data(r);
		int left = (int)r->len;

		for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			n += match(m, want);
		assert_int_equal(left, 0);
	}
	return n;
}

static int
count_records(const struct dump *d, enum dump_kind kind)
{
	const struct dump_record *r = NULL;
	int n = 0;

	while ((r = dump_next(d, r, kind)))
		n++;
	return n;
}

static void
assert_no_failure(const struct dump *d)
{
	const struct dump_record *r = dump_next(d, NULL, DUMP_FAILED);
	const struct dump_failed *f = r ? dump_data(r) : NULL;

	/* In a container no more of the machine's processes can be seen. */
	while (f && f->kind == DUMP_NETNS) {
		r = dump_next(d, r, DUMP_FAILED);
		f = r ? dump_data(r) : NULL;
	}
	if (f)
		fail_msg("kind %u: %d: %s", f->kind, f->error, (const char *)(f + 1));
}

/* The first attribute of all nf_tables objects is their table. */
static bool
of_table(const struct nlmsghdr *nlh, const void *want)
{
	return strcmp(nl_text(nl_attr(nlh, NFT_HEADER, NFTA_TABLE_NAME)), want) == 0;
}

static bool
any(const struct nlmsghdr *nlh, const void *want)
{
	(void)nlh;
	(void)want;
	return true;
}

static bool
has_element(const struct nlmsghdr *nlh, const void *want)
{
	const struct nlattr *list = nl_attr(nlh, NFT_HEADER, NFTA_SET_ELEM_LIST_ELEMENTS);
	const struct nlattr *e;

	if (!list)
		return false;
	mnl_attr_for_each_nested(e, list)
	{
		const struct nlattr *v =
		    nl_inside(nl_inside(e, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);

		if (v && mnl_attr_get_payload_len(v) == 4 &&
		    memcmp(mnl_attr_get_payload(v), want, 4) == 0)
			return true;
	}
	return false;
}

static bool
is_link(const struct nlmsghdr *nlh, const void *want)
{
	return strcmp(nl_text(nl_attr(nlh, sizeof(struct ifinfomsg), IFLA_IFNAME)), want) == 0;
}

static bool
has_addr(const struct nlmsghdr *nlh, const void *want)
{
	const struct nlattr *a = nl_attr(nlh, sizeof(struct ifaddrmsg), IFA_ADDRESS);
	char text[INET6_ADDRSTRLEN] = "";
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(nlh);

	return a && inet_ntop(i->ifa_family, mnl_attr_get_payload(a), text, sizeof(text)) &&
	       strcmp(text, want) == 0;
}

static bool
has_route(const struct nlmsghdr *nlh, const void *want)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a = nl_attr(nlh, sizeof(*m), RTA_DST);
	char text[INET6_ADDRSTRLEN] = "";

	return a && inet_ntop(m->rtm_family, mnl_attr_get_payload(a), text, sizeof(text)) &&
	       strcmp(text, want) == 0;
}

static bool
has_port(const struct nlmsghdr *nlh, const void *want)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);

	return ntohs(m->id.idiag_sport) == *(const uint16_t *)want;
}

static int
listener(int family, int type, uint16_t port)
{
	struct sockaddr_in6 a = {.sin6_family = (sa_family_t)family, .sin6_port = htons(port)};
	int fd = socket(family, type | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			     family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(a)),
	    0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void
test_dump_holds_what_was_put_in(void **state)
{
	const uint8_t element[] = {203, 0, 113, 7}, own[] = {198, 51, 100, 1};
	const uint16_t tcp = 389, udp = 514, none = 390;
	struct dump d;
	int a, b;

	(void)state;
	fresh();
	sh("ip link add wv0 type veth peer name wv1 && ip link set wv0 up && ip link set wv1 up && "
	   "ip addr add 192.0.2.1/24 dev wv0 && ip addr add 2001:db8::1/64 dev wv0 nodad && "
	   "ip route add 203.0.113.0/24 via 192.0.2.9 table 77 && "
	   "ip -6 route add 2001:db8:7::/48 via 2001:db8::9 && ip rule add fwmark 7 table 77 && "
	   "tc qdisc add dev wv0 clsact && "
	   "tc filter add dev wv0 ingress bpf bytecode '1,6 0 0 4294967295'");
	sh("nft 'add table inet a; add set inet a s { type ipv4_addr; elements = { 203.0.113.7 }; "
	   "};"
	   "add chain inet a c { type filter hook input priority 0; };"
	   "add rule inet a c ip saddr @s drop; add counter inet a n;"
	   "add table netdev e; add chain netdev e i { type filter hook ingress device wv0 "
	   "priority "
	   "0; };"
	   "add table inet guardd; add set inet guardd h { type ipv4_addr; elements = { "
	   "198.51.100.1 }; };'");
	a = listener(AF_INET6, SOCK_STREAM, tcp);
	b = listener(AF_INET, SOCK_DGRAM, udp);
	take(&d);
	assert_int_equal(d.head->flags, 0);
	assert_no_failure(&d);
	assert_int_equal(count(&d, DUMP_NFT_GENERATION, any, NULL), 1);
	assert_int_equal(count(&d, DUMP_NFT_TABLES, any, NULL), 3);
	assert_int_equal(count(&d, DUMP_NFT_CHAINS, of_table, "e"), 1);
	assert_int_equal(count(&d, DUMP_NFT_RULES, of_table, "a"), 1);
	assert_int_equal(count(&d, DUMP_NFT_OBJECTS, of_table, "a"), 1);
	assert_int_equal(count(&d, DUMP_NFT_SETS, of_table, "guardd"), 1);
	assert_int_equal(count(&d, DUMP_NFT_ELEMENTS, has_element, element), 1);
	assert_int_equal(count(&d, DUMP_NFT_ELEMENTS, has_element, own), 0);
	assert_int_equal(count(&d, DUMP_NFT_ELEMENTS, of_table, "guardd"), 0);
	assert_int_equal(count(&d, DUMP_LINKS, is_link, "wv1"), 1);
	assert_int_equal(count(&d, DUMP_ADDRS, has_addr, "2001:db8::1"), 1);
	assert_int_equal(count(&d, DUMP_ADDRS, has_addr, "192.0.2.1"), 1);
	assert_int_equal(count(&d, DUMP_ROUTES, has_route, "203.0.113.0"), 1);
	assert_int_equal(count(&d, DUMP_ROUTES, has_route, "2001:db8:7::"), 1);
	assert_in_range(count(&d, DUMP_POLICY, any, NULL), 6, 7);
	assert_in_range(count(&d, DUMP_FILTERS, any, NULL), 1, 9);
	assert_int_equal(count(&d, DUMP_SOCKETS, has_port, &tcp), 1);
	assert_int_equal(count(&d, DUMP_SOCKETS, has_port, &udp), 1);
	assert_int_equal(count(&d, DUMP_SOCKETS, has_port, &none), 0);
	dump_close(&d);
	close(a);
	close(b);
}

/* Each family in its own records, and nothing of the other in them. */
static void
test_families_are_apart(void **state)
{
	static const enum dump_kind kinds[] = {DUMP_ROUTES, DUMP_POLICY};
	struct dump d;

	(void)state;
	fresh();
	take(&d);
	for (size_t i = 0; i < 2; i++) {
		const struct dump_record *r = NULL;
		uint32_t families = 0;

		while ((r = dump_next(&d, r, kinds[i]))) {
			const struct nlmsghdr *m = dump_data(r);
			int left = (int)r->len;

			families += r->arg;
			assert_true(r->len > 0);
			for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
				assert_int_equal(
				    ((struct rtmsg *)mnl_nlmsg_get_payload(m))->rtm_family, r->arg);
		}
		assert_int_equal(families, AF_INET + AF_INET6);
	}
	dump_close(&d);
}

static const char *
file(const struct dump *d, const char *path)
{
	const struct dump_record *r = NULL;

	while ((r = dump_next(d, r, DUMP_FILE)))
		if (strcmp(dump_data(r), path) == 0)
			return (const char *)dump_data(r) + strlen(path) + 1;
	return NULL;
}

static void
test_legacy_tables_are_read_and_not_brought_to_life(void **state)
{
	const struct dump_record *r;
	const struct dump_legacy *t;
	struct dump d;

	(void)state;
	fresh();
	if (access("/proc/net/ip_tables_names", F_OK) < 0 ||
	    system("command -v iptables-legacy >/dev/null") != 0)
		skip();
	take(&d);
	assert_int_equal(count_records(&d, DUMP_LEGACY), 0);
	dump_close(&d);
	sh("test -z \"$(cat /proc/net/ip_tables_names /proc/net/ip6_tables_names)\"");
	sh("ip6tables-legacy -A INPUT -p tcp --dport 389 -j DROP");
	take(&d);
	assert_int_equal(count_records(&d, DUMP_LEGACY), 1);
	r = dump_next(&d, NULL, DUMP_LEGACY);
	t = dump_data(r);
	assert_int_equal(r->arg, AF_INET6);
	assert_string_equal(t->name, "filter");
	assert_int_equal(t->num_entries, 5); /* three policies, the rule and the end */
	assert_int_equal(r->len, sizeof(*t) + t->size);
	assert_non_null(file(&d, "/proc/net/ip6_tables_names"));
	dump_close(&d);
}

static bool
has_setname(const struct nlmsghdr *nlh, const void *want)
{
	return strcmp(nl_text(nl_attr(nlh, NFT_HEADER, 2 /* IPSET_ATTR_SETNAME */)), want) == 0 &&
	       nl_attr(nlh, NFT_HEADER, 11 /* IPSET_ATTR_INDEX */) != NULL;
}

static void
test_ipsets_come_with_their_index(void **state)
{
	struct dump d;

	(void)state;
	fresh();
	if (system("ipset create w hash:ip 2>/dev/null") != 0)
		skip();
	sh("ipset add w 203.0.113.7");
	take(&d);
	assert_int_equal(count(&d, DUMP_IPSETS, has_setname, "w"), 1);
	dump_close(&d);
}

/* Someone changes set and rule together, all the time: a dump never has one without the other. */
static void
test_ruleset_is_of_one_generation(void **state)
{
	static const uint8_t marks[][4] = {{1, 1, 1, 1}, {2, 2, 2, 2}};
	int checked = 0;
	pid_t pid;

	(void)state;
	fresh();
	/* What lies between the two takes time to read. */
	sh("nft 'add table inet g; add set inet g one { type ipv4_addr; };"
	   "add set inet g big { type ipv4_addr; }; add set inet g two { type ipv4_addr; };"
	   "add element inet g one { 1.1.1.1 }; add element inet g two { 1.1.1.1 }'");
	sh("seq 1 8000 | awk '{ printf \"add element inet g big { 10.0.%d.%d };\\n\", $1 / 250, "
	   "$1 % 250 }' | nft -f -");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c",
		    "while :; do nft 'flush set inet g one; flush set inet g two; add element inet "
		    "g "
		    "one { 2.2.2.2 }; add element inet g two { 2.2.2.2 }' && nft 'flush set inet g "
		    "one; flush set inet g two; add element inet g one { 1.1.1.1 }; add element "
		    "inet "
		    "g two { 1.1.1.1 }'; done",
		    NULL);
		_exit(1);
	}
	for (int i = 0; i < 60; i++) {
		struct dump d;
		int a, b;

		take(&d);
		a = count(&d, DUMP_NFT_ELEMENTS, has_element, marks[0]);
		b = count(&d, DUMP_NFT_ELEMENTS, has_element, marks[1]);
		if (!(d.head->flags & DUMP_CHANGING)) {
			checked++;
			assert_true((a == 2 && b == 0) || (a == 0 && b == 2));
			assert_int_equal(count_records(&d, DUMP_NFT_GENERATION), 1);
			assert_int_equal(count_records(&d, DUMP_NFT_RULES), 1);
		}
		dump_close(&d);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(checked > 0);
}

/* A process in another namespace that listens; told through pipes what to do next. */
struct other {
	pid_t pid;
	int in, out;
};

static struct other
other_start(void)
{
	int in[2], out[2];
	struct other o;
	char c;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	o.pid = fork();
	assert_true(o.pid >= 0);
	if (o.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "other-listener");
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		listener(AF_INET, SOCK_STREAM, 5000);
		listener(AF_INET6, SOCK_STREAM, 5001);
		for (uint16_t port = 6000;; port++) {
			if (write(out[1], "x", 1) != 1 || read(in[0], &c, 1) != 1)
				_exit(0);
			listener(AF_INET6, SOCK_DGRAM, port);
		}
	}
	o.in = in[1];
	o.out = out[0];
	close(in[0]);
	close(out[1]);
	assert_int_equal(read(o.out, &c, 1), 1);
	return o;
}

static void
other_listens_again(struct other *o)
{
	char c;

	assert_int_equal(write(o->in, "x", 1), 1);
	assert_int_equal(read(o->out, &c, 1), 1);
}

static void
other_end(struct other *o)
{
	close(o->in);
	close(o->out);
	kill(o->pid, SIGKILL);
	waitpid(o->pid, NULL, 0);
}

/* The content of a file of the namespace that a process is in; NULL: none. */
static const char *
netns_file(const struct dump *d, pid_t pid, const char *name)
{
	const struct dump_record *r = NULL, *f = NULL;

	while ((r = dump_next(d, r, DUMP_NETNS))) {
		const struct dump_netns *n = dump_data(r);

		while (n->pid == (uint32_t)pid && (f = dump_next(d, f, DUMP_NETNS_FILE)))
			if (f->arg == n->number && strcmp(dump_data(f), name) == 0)
				return (const char *)dump_data(f) + strlen(name) + 1;
	}
	return NULL;
}

static bool
holds(const struct dump *d, pid_t pid, const char *name, const char *port)
{
	const char *text = netns_file(d, pid, name), *at = text ? strstr(text, port) : NULL;

	assert_non_null(text);
	return at && at < (const char *)d->head + d->size;
}

static void
pass(struct collector *c, bool quick, struct dump *d)
{
	struct dump_header head = {0};
	int fd;

	assert_int_equal(collector_run(c, quick, &head, &fd), 0);
	assert_int_equal(dump_open(d, fd), 0);
	close(fd);
}

static void
test_other_namespaces_and_their_listeners(void **state)
{
	_cleanup_(collector_freep) struct collector *c = NULL;
	const struct dump_record *r = NULL;
	bool named = false;
	struct other o;
	struct dump d;

	(void)state;
	fresh();
	o = other_start();
	assert_int_equal(collector_new(&c, COLLECT_OWNERS), 0);
	pass(c, false, &d);
	assert_true(holds(&d, o.pid, "tcp", ":1388 "));
	assert_true(holds(&d, o.pid, "tcp6", ":1389 "));
	assert_false(holds(&d, o.pid, "udp6", ":1770 "));
	assert_non_null(netns_file(&d, o.pid, "fib_trie"));
	while ((r = dump_next(&d, r, DUMP_OWNER))) {
		const struct dump_owner *w = dump_data(r);
		const char *path = (const char *)(w + 1), *comm = path + strlen(path) + 1;

		named |=
		    w->pid == (uint32_t)o.pid && w->netns && strcmp(comm, "other-listener") == 0;
	}
	assert_true(named);
	dump_close(&d);

	/* What came meanwhile is seen by a full pass, and by a quick one that follows. */
	other_listens_again(&o);
	pass(c, true, &d);
	assert_true(holds(&d, o.pid, "tcp", ":1388 "));
	assert_false(holds(&d, o.pid, "udp6", ":1770 "));
	dump_close(&d);
	for (int quick = 0; quick < 2; quick++) {
		pass(c, quick, &d);
		assert_true(holds(&d, o.pid, "udp6", ":1770 "));
		dump_close(&d);
	}
	other_end(&o);
	pass(c, true, &d);
	assert_null(netns_file(&d, o.pid, "tcp"));
	dump_close(&d);
	/* A namespace that is new is read even by a quick pass. */
	o = other_start();
	pass(c, true, &d);
	assert_true(holds(&d, o.pid, "tcp6", ":1389 "));
	dump_close(&d);
	other_end(&o);
}

/* A program that lets all pass. */
static int
bpf_load(uint32_t type, uint32_t attach)
{
	static const struct bpf_insn code[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_type = type;
	a.expected_attach_type = attach;
	a.insns = (uintptr_t)code;
	a.insn_cnt = 2;
	a.license = (uintptr_t) "GPL";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
}

static int
bpf_link(int prog, int target, uint32_t attach)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.link_create.prog_fd = (uint32_t)prog;
	a.link_create.target_fd = (uint32_t)target;
	a.link_create.attach_type = attach;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));
}

static bool
has_bpf(const struct dump *d, uint32_t kind, const char *place)
{
	const struct dump_record *r = NULL;
	bool found = false;

	while ((r = dump_next(d, r, DUMP_BPF))) {
		const struct dump_bpf *b = dump_data(r);

		found |= b->kind == kind && b->count == 1 && strcmp((char *)(b + 1), place) == 0;
	}
	return found;
}

static void
test_programs_at_other_hooks(void **state)
{
	static const struct {
		uint32_t type, attach, kind;
		const char *place;
	} hooks[] = {
	    {BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, DUMP_BPF_SK_LOOKUP, ""},
	    {BPF_PROG_TYPE_SCHED_CLS, 46 /* BPF_TCX_INGRESS */, DUMP_BPF_TCX, "wv0"},
	    {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, DUMP_BPF_CGROUP,
		"/guardd-test-watcher"},
	};
	const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	int seen = 0;

	(void)state;
	fresh();
	sh("ip link add wv0 type veth peer name wv1");
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		_cleanup_(closep) int prog = bpf_load(hooks[i].type, hooks[i].attach);
		_cleanup_(closep) int target = -1, link = -1;
		char path[128] = "";
		struct dump d;

		if (i == 0)
			target = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		for (size_t k = 0; i == 2 && target < 0 && k < 2; k++) {
			snprintf(path, sizeof(path), "%s/cgroup.procs", roots[k]);
			if (access(path, F_OK) < 0)
				continue;
			snprintf(path, sizeof(path), "%s%s", roots[k], hooks[i].place);
			mkdir(path, 0755);
			target = open(path, O_RDONLY | O_CLOEXEC);
		}
		link =
		    bpf_link(prog, i == 1 ? (int)if_nametoindex("wv0") : target, hooks[i].attach);
		take(&d);
		if (link >= 0) {
			seen++;
			assert_true(has_bpf(&d, hooks[i].kind, hooks[i].place));
		}
		dump_close(&d);
		closep(&link);
		link = -1;
		take(&d);
		assert_false(has_bpf(&d, hooks[i].kind, hooks[i].place));
		dump_close(&d);
		if (i == 2 && *path)
			rmdir(path);
	}
	if (!seen)
		skip(); /* a kernel that refuses such programs */
}

struct heard {
	int n;
	uint32_t pid;
	char name[16];
};

static void
hear(void *ctx, uint32_t pid, const char *name)
{
	struct heard *h = ctx;

	h->n++;
	h->pid = pid;
	snprintf(h->name, sizeof(h->name), "%s", name);
}

static int
heard(struct watch *w, struct heard *h)
{
	*h = (struct heard){0};
	watch_read(w); /* the kernel has queued all before the command returned */
	return h->n;
}

static void
test_changes_are_heard_but_the_own_tables(void **state)
{
	_cleanup_(watch_fini) struct watch w = {0};
	struct heard h;

	(void)state;
	fresh();
	sh("ip link add wv0 type veth peer name wv1 && ip link set wv0 up && ip link set wv1 up");
	w.changed = hear;
	w.ctx = &h;
	assert_int_equal(watch_open(&w), 0);
	heard(&w, &h);
	assert_int_equal(heard(&w, &h), 0);
	sh("nft 'add table inet guardd; add chain inet guardd c { type filter hook input priority "
	   "0; "
	   "}; add set inet guardd s { type ipv4_addr; }'");
	sh("nft 'add element inet guardd s { 203.0.113.7, 203.0.113.8 }; add rule inet guardd c "
	   "accept'");
	assert_int_equal(heard(&w, &h), 0);
	sh("nft 'add table inet guardx; add table ip guardd'");
	assert_int_equal(heard(&w, &h), 1);
	assert_string_equal(h.name, "nft");
	assert_true(h.pid > 1);
	sh("nft 'add chain inet guardd d; add chain inet guardx d; add element inet guardd s { "
	   "1.1.1.1 "
	   "}'");
	assert_int_equal(heard(&w, &h), 1);
	sh("nft delete table inet guardd");
	assert_int_equal(heard(&w, &h), 0);
	sh("ip addr add 192.0.2.1/24 dev wv0");
	assert_true(heard(&w, &h) > 0);
	assert_int_equal(h.pid, 0);
	sh("ip route add 203.0.113.0/24 via 192.0.2.9");
	assert_true(heard(&w, &h) > 0);
	sh("ip -6 rule add fwmark 9 table 9");
	assert_true(heard(&w, &h) > 0);
	sh("echo 1 >/proc/sys/net/ipv4/conf/wv0/rp_filter");
	assert_true(heard(&w, &h) > 0);
	sh("tc qdisc add dev wv0 clsact");
	assert_true(heard(&w, &h) > 0);
	sh("ip link del wv0");
	assert_true(heard(&w, &h) > 0);
	sh("ip neigh add 192.0.2.5 lladdr 02:00:00:00:00:01 dev lo nud permanent");
	assert_int_equal(heard(&w, &h), 0);
}

static void
test_lost_notices_are_a_change(void **state)
{
	_cleanup_(watch_fini) struct watch w = {0};
	const int small = 1;
	struct heard h;

	(void)state;
	fresh();
	w.changed = hear;
	w.ctx = &h;
	assert_int_equal(watch_open(&w), 0);
	assert_int_equal(
	    setsockopt(w.nft->fd, SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof(small)), 0);
	sh("seq 1 2000 | awk '{ print \"add chain inet guardd c\" $1 }' | "
	   "{ echo add table inet guardd; cat; } | nft -f -");
	assert_true(heard(&w, &h) > 0);
}

static void
test_bursts_are_one_dump(void **state)
{
	const usec_t ms = USEC_PER_MSEC, t0 = 5 * USEC_PER_SEC;
	struct burst b = {0};

	(void)state;
	assert_true(burst_due(&b) == USEC_NEVER);
	burst_change(&b, t0);
	assert_true(burst_due(&b) == t0 + 10 * ms);
	burst_change(&b, t0 + 8 * ms);
	assert_true(burst_due(&b) == t0 + 18 * ms);
	for (int i = 9; i < 49; i++)
		burst_change(&b, t0 + i * ms);
	assert_true(burst_due(&b) == t0 + 50 * ms);
	assert_int_equal(b.changes, 42);
	burst_done(&b, t0 + 50 * ms, t0 + 53 * ms);
	assert_true(burst_due(&b) == USEC_NEVER);
	/* A stream: one a second. */
	burst_change(&b, t0 + 60 * ms);
	assert_true(burst_due(&b) == t0 + 1050 * ms);
	burst_change(&b, t0 + 1000 * ms);
	assert_true(burst_due(&b) == t0 + 1050 * ms);
	burst_done(&b, t0 + 1050 * ms, t0 + 1053 * ms);
	/* Quiet again: at once. */
	burst_change(&b, t0 + 3000 * ms);
	assert_true(burst_due(&b) == t0 + 3010 * ms);
	/* A dump of a second and a half is not made each second. */
	burst_done(&b, t0 + 3010 * ms, t0 + 4510 * ms);
	burst_change(&b, t0 + 4520 * ms);
	assert_true(burst_due(&b) == t0 + 3010 * ms + 5 * 1500 * ms);
}

/* Runs byhand_dump in a child, with what it writes to standard output. */
static int
by_hand(char **argv, bool powerless, char *out, size_t room)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	int p[2], status, argc = 0;
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	while (argv[argc])
		argc++;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		if (powerless) {
			dup2(p[1], 2);
			syscall(SYS_capset, &head, none);
		}
		_exit(byhand_dump(argc, argv));
	}
	close(p[1]);
	while ((n = read(p[0], out + have, room - 1 - have)) > 0)
		have += (size_t)n;
	out[have] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_program_gets_the_dump_and_no_power(void **state)
{
	static const char *const lines[] = {"CapInh:\t0000000000000000\n",
	    "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
	    "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n"};
	char *argv[] = {"--", "/bin/sh", "-c",
	    "cat /proc/self/status; head -c 8 <&9; echo; readlink /proc/self/fd/9; exit 7", NULL};
	char out[16384];

	(void)state;
	fresh();
	assert_int_equal(by_hand(argv, false, out, sizeof(out)), 7);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!strstr(out, lines[i]))
			fail_msg("'%s' is not in '%s'", lines[i], out);
	assert_non_null(strstr(out, DUMP_MAGIC));
	assert_non_null(strstr(out, "memfd:guardd-dump"));
}

static void
test_without_capability_it_says_so(void **state)
{
	char *argv[] = {"--", "/bin/true", NULL};
	char out[4096];

	(void)state;
	fresh();
	assert_int_equal(by_hand(argv, true, out, sizeof(out)), BYHAND_FAILED);
	assert_non_null(strstr(out, "CAP_NET_ADMIN"));
}

static void
test_file_holds_the_dump(void **state)
{
	char path[] = "/tmp/guardd-test-watcher-XXXXXX", out[4096];
	char *argv[] = {path, NULL};
	_Alignas(8) static uint8_t bytes[1 << 20];
	int fd = mkstemp(path);
	struct dump d;
	ssize_t n;

	(void)state;
	assert_true(fd >= 0);
	if (entered)
		assert_int_equal(by_hand(argv, false, out, sizeof(out)), 0);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	unlink(path);
	if (!entered)
		skip();
	assert_int_equal(dump_from_bytes(&d, bytes, (size_t)n), 0);
	assert_in_range(count(&d, DUMP_LINKS, is_link, "lo"), 1, 1);
}

/* The role as the supervisor starts it, sealed: it still sees all. */
struct sealed {
	pid_t pid;
	int fd;
};

static struct sealed
role_start(const char *path)
{
	struct sealed r;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	r.pid = fork();
	assert_true(r.pid >= 0);
	if (r.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pair[1] == FD_SUPERVISOR)
			fcntl(FD_SUPERVISOR, F_SETFD, 0);
		else
			dup2(pair[1], FD_SUPERVISOR);
		execl(path, "guardd-watcher", NULL);
		_exit(127);
	}
	close(pair[1]);
	r.fd = pair[0];
	return r;
}

/* The next record of the role, with its descriptor; the type 0: none within the time. */
static struct msg
role_says(struct sealed *r, int timeout_ms, int *fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msg m = {0};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr h = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	struct pollfd p = {.fd = r->fd, .events = POLLIN};

	*fd = -1;
	if (poll(&p, 1, timeout_ms) == 1 && recvmsg(r->fd, &h, MSG_CMSG_CLOEXEC) > 0 &&
	    CMSG_FIRSTHDR(&h))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(*fd));
	return m;
}

static void
role_dump(struct sealed *r, uint32_t id, struct dump *d, struct msg *m)
{
	int fd;

	*m = role_says(r, 20000, &fd);
	assert_int_equal(m->type, MSG_DUMP);
	assert_int_equal(m->id, id);
	assert_int_equal(m->u.dump.status, 0);
	assert_int_equal(dump_open(d, fd), 0);
	close(fd);
}

static void
assert_sealed(pid_t pid)
{
	char path[64], text[8192];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_non_null(strstr(text, "Seccomp:\t2"));
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	assert_non_null(strstr(text, "CapEff:\t0000000000001004")); /* net_admin, dac_read_search */
}

static void
test_sealed_role_dumps_when_something_changes(void **state)
{
	char exe[512], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 64);
	struct other o;
	struct sealed r;
	struct dump d;
	struct msg m;
	int fd;

	(void)state;
	fresh();
	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	assert_non_null(slash);
	strcpy(slash, "/../guardd-watcher");
	if (access(exe, X_OK) < 0)
		skip(); /* built by `make all` */
	o = other_start();
	r = role_start(exe);
	assert_int_equal(role_says(&r, 20000, &fd).type, MSG_READY);
	role_dump(&r, 0, &d, &m);
	assert_sealed(r.pid);
	assert_int_equal(m.u.dump.changes, 0);
	assert_no_failure(&d);
	assert_int_equal(d.head->changed, 0);
	assert_true(holds(&d, o.pid, "tcp6", ":1389 "));
	dump_close(&d);

	sh("nft 'add table inet guardd; add chain inet guardd c'; nft add table inet a");
	role_dump(&r, 0, &d, &m);
	assert_int_equal(m.u.dump.changes, 1);
	assert_string_equal(d.head->changer, "nft");
	assert_true(d.head->changer_pid > 1);
	assert_true(d.head->changed > 0 && d.head->changed <= d.head->made);
	assert_int_equal(count(&d, DUMP_NFT_TABLES, any, NULL), 2);
	dump_close(&d);

	/* Asked for: at once, though the next of own accord is a second away. */
	m = (struct msg){.type = MSG_PROVE, .id = 77};
	assert_int_equal(send(r.fd, &m, sizeof(m), 0), sizeof(m));
	role_dump(&r, 77, &d, &m);
	dump_close(&d);
	m = (struct msg){.type = MSG_PING, .id = 5};
	assert_int_equal(send(r.fd, &m, sizeof(m), 0), sizeof(m));
	m = role_says(&r, 20000, &fd);
	assert_int_equal(m.type, MSG_PONG);
	assert_int_equal(m.id, 5);
	m = (struct msg){.type = MSG_STOP};
	assert_int_equal(send(r.fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(waitpid(r.pid, &fd, 0), r.pid);
	assert_int_equal(fd, 0);
	close(r.fd);
	other_end(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dump_holds_what_was_put_in),
	    cmocka_unit_test(test_families_are_apart),
	    cmocka_unit_test(test_legacy_tables_are_read_and_not_brought_to_life),
	    cmocka_unit_test(test_ipsets_come_with_their_index),
	    cmocka_unit_test(test_ruleset_is_of_one_generation),
	    cmocka_unit_test(test_other_namespaces_and_their_listeners),
	    cmocka_unit_test(test_programs_at_other_hooks),
	    cmocka_unit_test(test_changes_are_heard_but_the_own_tables),
	    cmocka_unit_test(test_lost_notices_are_a_change),
	    cmocka_unit_test(test_bursts_are_one_dump),
	    cmocka_unit_test(test_program_gets_the_dump_and_no_power),
	    cmocka_unit_test(test_without_capability_it_says_so),
	    cmocka_unit_test(test_file_holds_the_dump),
	    cmocka_unit_test(test_sealed_role_dumps_when_something_changes),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
