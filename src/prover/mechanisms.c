/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/fib.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <string.h>

#include "prover/legacy.h"
#include "prover/nlread.h"
#include "prover/world_parts.h"

#define NAME_MAX_SHOWN 160

enum {
	NOTE = 0, /* told, but takes nothing from a proof: the routes say themselves what is open */
	DROPS = 1,
	ACCEPTS = 2,
};

struct reader {
	struct world *w;
	const struct dump *d;
	struct list found;
};

__attribute__((format(printf, 5, 6))) static void
add(struct reader *r, int effect, uint8_t family, uint32_t iface, const char *fmt, ...)
{
	char name[NAME_MAX_SHOWN];
	const struct mechanism *v = r->found.items;
	struct mechanism *m;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < r->found.n; i++)
		if (strcmp(v[i].name, name) == 0 && v[i].iface == iface)
			return;
	m = list_add(r->w->arena, &r->found, sizeof(*m));
	*m = (struct mechanism){
	    .name = arena_dup(r->w->arena, name, strlen(name)),
	    .family = family,
	    .iface = iface,
	    .may_drop = effect & DROPS,
	    .may_accept = effect & ACCEPTS,
	};
}

static const char *
iface_name(const struct world *w, uint32_t index)
{
	const struct iface *f = world_iface(w, index);

	return f ? f->name : "an interface";
}

static const char *
family_name(uint8_t family)
{
	return family == 6 ? "IPv6" : "IPv4";
}

static int
read_xdp(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_LINKS))) {
		const struct nlmsghdr *h;
		size_t at = 0;

		while (nlread_message(rec, &at, &h) > 0) {
			const struct ifinfomsg *m = nlread_fixed(h, sizeof(*m));
			const struct nlattr *tb[IFLA_MAX + 1], *xdp[IFLA_XDP_MAX + 1];

			if (!m || nlread_attrs(h, sizeof(*m), tb, IFLA_MAX) < 0 ||
			    nlread_nested(tb[IFLA_XDP], xdp, IFLA_XDP_MAX) < 0)
				return -EINVAL;
			if (nlread_u8(xdp[IFLA_XDP_ATTACHED], 0))
				add(r, DROPS | ACCEPTS, 0, (uint32_t)m->ifi_index, "XDP on %s",
				    iface_name(r->w, (uint32_t)m->ifi_index));
		}
	}
	return 0;
}

static int
read_filters(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_FILTERS)))
		if (rec->len)
			add(r, DROPS | ACCEPTS, 0, rec->arg, "tc filter on %s",
			    iface_name(r->w, rec->arg));
	return 0;
}

static void
add_bpf(struct reader *r, uint32_t kind, const char *place)
{
	const struct iface *f = world_iface_named(r->w, place);

	switch (kind) {
	case DUMP_BPF_TCX:
		add(r, DROPS | ACCEPTS, 0, f ? f->index : 0, "tcx program on %s", place);
		break;
	case DUMP_BPF_SK_LOOKUP:
		add(r, DROPS | ACCEPTS, 0, 0, "sk_lookup program (BPF)");
		break;
	case DUMP_BPF_CGROUP:
		add(r, DROPS, 0, 0, "cgroup program (BPF) of %s", place);
		break;
	case DUMP_BPF_NETFILTER:
		add(r, DROPS, 0, 0, "netfilter program (BPF) at %s", place);
		break;
	default:
		add(r, DROPS | ACCEPTS, 0, 0, "BPF program at %s", place);
	}
}

static int
read_bpf(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_BPF))) {
		const struct dump_bpf *b = dump_data(rec);

		if (b->count)
			add_bpf(r, b->kind, world_text(r->w, rec, sizeof(*b)));
	}
	return 0;
}

static int
read_legacy(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_LEGACY))) {
		const struct dump_legacy *l = dump_data(rec);
		uint8_t family = rec->arg == AF_INET6 ? 6 : 4;
		int effect = legacy_effect(l, rec->len - sizeof(*l), family);
		char table[sizeof(l->name) + 1] = {0};

		memcpy(table, l->name, sizeof(l->name));
		if (effect)
			add(r,
			    (effect & LEGACY_DROPS ? DROPS : 0) |
				(effect & LEGACY_ACCEPTS ? ACCEPTS : 0),
			    family, 0, "iptables-legacy %s (%s)", table, family_name(family));
	}
	return 0;
}

/* Functions at netfilter hooks that are modelled elsewhere, or have no say in who gets in; by how
 * their name begins. */
static const char *const known_hooks[] = {"nft_", "nf_nat_", "nf_conntrack", "nf_confirm",
    "ipv4_conntrack_", "ipv6_conntrack_", "ipv4_confirm", "ipv6_confirm", "ipv4_helper",
    "ipv6_helper", "ip4_", "ipv4_defrag", "ipv6_defrag", "nf_ct_", "nf_flow_offload",
    "nf_hook_run_bpf", "ipt_do_table", "ip6t_do_table", "arpt_do_table", "ipt_", "ip6t_",
    "iptable_", "ip6table_", "br_nf_", "ip_sabotage", "selinux_", "smack_", "apparmor_",
    "ipv4_synproxy", "ipv6_synproxy"};

static bool
hook_is_known(const char *function)
{
	for (size_t i = 0; i < sizeof(known_hooks) / sizeof(*known_hooks); i++)
		if (strncmp(function, known_hooks[i], strlen(known_hooks[i])) == 0)
			return true;
	return false;
}

/* IPVS is one mechanism, however many hooks it has; it has a say only where it has services. */
static bool
hook_is_ipvs(const char *function)
{
	return strncmp(function, "ip_vs_", 6) == 0;
}

#define HOOK_TYPE_BPF 2 /* NFNL_HOOK_TYPE_BPF; newer than the header */

static uint32_t
hook_type(const struct nlattr *info)
{
	const struct nlattr *tb[NFNLA_HOOK_INFO_MAX + 1];

	if (nlread_nested(info, tb, NFNLA_HOOK_INFO_MAX) < 0)
		return 0;
	return nlread_be32(tb[NFNLA_HOOK_INFO_TYPE], 0);
}

static int
read_hook(struct reader *r, const struct nlmsghdr *h, uint8_t nfproto)
{
	const struct nlattr *tb[NFNLA_HOOK_MAX + 1];
	char function[96], module[64];
	uint8_t family = nfproto == NFPROTO_IPV4 ? 4 : nfproto == NFPROTO_IPV6 ? 6 : 0;
	uint32_t type;

	if (!nlread_fixed(h, sizeof(struct nfgenmsg)) ||
	    nlread_attrs(h, sizeof(struct nfgenmsg), tb, NFNLA_HOOK_MAX) < 0)
		return -EINVAL;
	type = hook_type(tb[NFNLA_HOOK_CHAIN_INFO]);
	nlread_text(tb[NFNLA_HOOK_FUNCTION_NAME], function, sizeof(function));
	nlread_text(tb[NFNLA_HOOK_MODULE_NAME], module, sizeof(module));
	if (type == HOOK_TYPE_BPF)
		add(r, DROPS, family, 0, "netfilter program (BPF)");
	else if (!tb[NFNLA_HOOK_CHAIN_INFO] && *function && !hook_is_known(function) &&
		 !hook_is_ipvs(function))
		add(r, DROPS | ACCEPTS, family, 0, "netfilter hook %s%s%s%s", function,
		    *module ? " (module " : "", module, *module ? ")" : "");
	return 0;
}

static int
read_hooks(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_NFT_HOOKS))) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		while ((more = nlread_message(rec, &at, &h)) > 0)
			if (read_hook(r, h, (uint8_t)(rec->arg >> 8)) < 0)
				return -EINVAL;
		if (more < 0)
			return more;
	}
	return 0;
}

static int
read_flowtables(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_NFT_FLOWTABLES))) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		while ((more = nlread_message(rec, &at, &h)) > 0) {
			const struct nlattr *tb[NFTA_FLOWTABLE_MAX + 1];
			char name[NFT_NAME_MAXLEN];

			if (nlread_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_FLOWTABLE_MAX) < 0)
				return -EINVAL;
			nlread_text(tb[NFTA_FLOWTABLE_NAME], name, sizeof(name));
			if (nlread_be32(tb[NFTA_FLOWTABLE_FLAGS], 0) & NFT_FLOWTABLE_HW_OFFLOAD)
				add(r, ACCEPTS, 0, 0, "hardware offload (flowtable %s)", name);
		}
		if (more < 0)
			return more;
	}
	return 0;
}

static bool
file_has_line(const struct dump *d, const char *path, const char *const *begins)
{
	size_t n = 0;
	const char *text = world_file(d, path, &n), *end = text ? text + n : NULL;

	while (text && text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		for (const char *const *b = begins; *b; b++)
			if ((size_t)(end - text) >= strlen(*b) && memcmp(text, *b, strlen(*b)) == 0)
				return true;
		text = nl ? nl + 1 : end;
	}
	return false;
}

/* Sysctls without which nothing is sure, and those that open ways of their own when set. */
static const struct {
	const char *path, *name;
	uint8_t family;
	bool needed;
} sysctls[] = {
    {"/proc/sys/net/ipv4/conf/all/rp_filter", "net.ipv4.conf.all.rp_filter", 4, true},
    {"/proc/sys/net/ipv4/conf/all/accept_local", "net.ipv4.conf.all.accept_local", 4, true},
    {"/proc/sys/net/ipv4/conf/all/route_localnet", "net.ipv4.conf.all.route_localnet", 4, true},
    {"/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding", 6, true},
    {"/proc/sys/net/ipv4/conf/all/accept_source_route", "source routing (accept_source_route)", 4,
	false},
    {"/proc/sys/net/ipv6/conf/all/seg6_enabled", "segment routing (seg6_enabled)", 6, false},
};

static int
read_files(struct reader *r)
{
	static const char *const services[] = {"TCP ", "UDP ", "SCTP ", "FWM ", NULL};

	for (size_t i = 0; i < sizeof(sysctls) / sizeof(*sysctls); i++) {
		long v = world_sysctl(r->d, sysctls[i].path);

		if (sysctls[i].needed && v < 0 && r->w->has_family[sysctls[i].family == 6])
			add(r, DROPS | ACCEPTS, sysctls[i].family, 0, "sysctl %s could not be read",
			    sysctls[i].name);
		else if (!sysctls[i].needed && v > 0)
			add(r, DROPS | ACCEPTS, sysctls[i].family, 0, "%s", sysctls[i].name);
	}
	if (file_has_line(r->d, "/proc/net/ip_vs", services))
		add(r, DROPS | ACCEPTS, 0, 0, "IPVS (virtual services)");
	return 0;
}

/* What of the routes is not followed. */
static int
read_routing(struct reader *r)
{
	for (int i = 0; i < 2; i++) {
		const struct fib_family *f = &r->w->fib->families[i];
		const struct fib_tree *t = &f->trees[FIB_MAIN];
		uint32_t holes = 0;

		if (f->why && r->w->has_family[i])
			add(r, NOTE, i ? 6 : 4, 0, "%s (%s)", f->why, family_name(i ? 6 : 4));
		for (uint32_t k = 0; k < t->n_nodes; k++)
			holes += t->nodes[k].routes[0].type == RTN_BLACKHOLE;
		if (holes)
			add(r, NOTE, i ? 6 : 4, 0, "%u blackhole route%s (%s)", holes,
			    holes > 1 ? "s" : "", family_name(i ? 6 : 4));
	}
	for (uint32_t i = 0; i < r->w->n_ifaces; i++)
		if (strcmp(r->w->ifaces[i].kind, "vrf") == 0)
			add(r, NOTE, 0, r->w->ifaces[i].index, "VRF %s", r->w->ifaces[i].name);
	return 0;
}

/* What it means that a part could not be read. */
static const struct {
	enum dump_kind kind;
	const char *name;
	int effect;
	bool hides_listeners, hides_containers;
} failures[] = {
    {DUMP_NFT_HOOKS, "other netfilter hooks", DROPS | ACCEPTS, false, false},
    {DUMP_LINKS, "interfaces", DROPS | ACCEPTS, false, false},
    {DUMP_ADDRS, "addresses", DROPS | ACCEPTS, false, false},
    {DUMP_ROUTES, "routes", DROPS | ACCEPTS, false, false},
    {DUMP_POLICY, "routing rules", DROPS | ACCEPTS, false, false},
    {DUMP_QDISCS, "tc filters", DROPS | ACCEPTS, false, false},
    {DUMP_FILTERS, "tc filters", DROPS | ACCEPTS, false, false},
    {DUMP_IPSETS, "ipsets", NOTE, false, false},
    {DUMP_SOCKETS, "", NOTE, true, false},
    {DUMP_FILE, "", NOTE, false, false},
    {DUMP_LEGACY, "iptables-legacy", DROPS | ACCEPTS, false, false},
    {DUMP_BPF, "BPF programs", DROPS | ACCEPTS, false, false},
    {DUMP_NETNS, "", NOTE, false, true},
    {DUMP_NETNS_FILE, "", NOTE, false, true},
};

static void
add_failure(struct reader *r, size_t i, const struct dump_failed *f, const char *text)
{
	/* A kernel without the family has nothing of it. */
	if (f->error == -EAFNOSUPPORT)
		return;
	r->w->listeners_hidden |= failures[i].hides_listeners;
	r->w->containers_hidden |= failures[i].hides_containers;
	/* That it is hidden is said for itself. */
	if (failures[i].hides_containers || failures[i].hides_listeners)
		return;
	add(r, failures[i].effect, 0, 0, "%s%s%s could not be read: %s", failures[i].name,
	    *failures[i].name && *text ? " " : "", text, strerror(-f->error));
}

static int
read_failures(struct reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->d, rec, DUMP_FAILED))) {
		const struct dump_failed *f = dump_data(rec);

		for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
			if (f->kind == (uint32_t)failures[i].kind)
				add_failure(r, i, f, world_text(r->w, rec, sizeof(*f)));
	}
	return 0;
}

/* No routes of a family, and the kernel said that it does not know it. */
static void
find_families(struct reader *r)
{
	const struct dump_record *rec = NULL;

	for (int i = 0; i < 2; i++)
		r->w->has_family[i] = true;
	while ((rec = dump_next(r->d, rec, DUMP_FAILED))) {
		const struct dump_failed *f = dump_data(rec);

		if (f->error == -EAFNOSUPPORT &&
		    (f->kind == DUMP_ROUTES || f->kind == DUMP_POLICY) &&
		    !r->w->fib->families[1].dumped)
			r->w->has_family[1] = false;
	}
}

int
world_read_mechanisms(struct world *w, const struct dump *d, const char **what)
{
	static const struct {
		const char *what;
		int (*read)(struct reader *r);
	} parts[] = {
	    {"interfaces", read_xdp},
	    {"tc filters", read_filters},
	    {"BPF programs", read_bpf},
	    {"iptables-legacy", read_legacy},
	    {"netfilter hooks", read_hooks},
	    {"flowtables", read_flowtables},
	    {"files", read_files},
	    {"routes", read_routing},
	    {"failures", read_failures},
	};
	struct reader r = {.w = w, .d = d};

	find_families(&r);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		int e;

		*what = parts[i].what;
		e = parts[i].read(&r);
		if (e < 0)
			return e;
	}
	w->mechanisms = r.found.items;
	w->n_mechanisms = (uint32_t)r.found.n;
	return 0;
}
