/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The dump: the kernel's state that decides who can reach a port, as one sealed memfd of records.
 * Comes in from guardd-watcher, which collects it with CAP_NET_ADMIN; goes out to guardd-prover and
 * guardd-shadow, which have no powers. Records hold what the kernel said, byte by byte: meaning is
 * the reader's. Bounded by DUMP_MAX.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define DUMP_MAGIC   "GUARDDMP"
#define DUMP_VERSION 1
#define DUMP_MAX     (256u << 20)

/* What a record's bytes are. "messages": netlink messages one after the other (struct nlmsghdr,
 * NLMSG_ALIGN), without NLMSG_DONE. "text": bytes of a file or words, as said. */
enum dump_kind {
	DUMP_NONE,
	DUMP_NFT_GENERATION, /* messages, NFT_MSG_NEWGEN: the generation the nft records are of */
	DUMP_NFT_TABLES,     /* messages, NFT_MSG_NEWTABLE */
	DUMP_NFT_CHAINS,
	DUMP_NFT_RULES,
	DUMP_NFT_SETS,
	DUMP_NFT_ELEMENTS, /* messages, NFT_MSG_NEWSETELEM; none for the sets of table inet guardd
			    */
	DUMP_NFT_OBJECTS,
	DUMP_NFT_FLOWTABLES,
	DUMP_NFT_HOOKS, /* messages of NFNL_SUBSYS_HOOK; arg: family << 8 | hook. Absent where the
			   kernel has no such subsystem */
	DUMP_LINKS,     /* messages, RTM_NEWLINK */
	DUMP_ADDRS,     /* messages, RTM_NEWADDR */
	DUMP_ROUTES,    /* messages, RTM_NEWROUTE, all tables; arg: AF_INET or AF_INET6 */
	DUMP_POLICY,    /* messages, RTM_NEWRULE; arg: family */
	DUMP_QDISCS,    /* messages, RTM_NEWQDISC */
	DUMP_FILTERS, /* messages, RTM_NEWTFILTER at ingress; arg: interface index. Only where there
			 are some */
	DUMP_IPSETS,  /* messages, IPSET_CMD_LIST (IPSET_CMD_* of the protocol in use) */
	DUMP_SOCKETS, /* messages, SOCK_DIAG_BY_FAMILY; arg: protocol << 8 | family */
	DUMP_FILE,    /* text: path, NUL, content: /proc/sys/net/... and /proc/net/... */
	DUMP_LEGACY,  /* struct dump_legacy, then the entries; arg: family */
	DUMP_BPF,     /* struct dump_bpf, then its place as text: programs at a hook nft cannot see
		       */
	DUMP_NETNS,   /* struct dump_netns, then its name as text: another network namespace */
	DUMP_NETNS_FILE, /* arg: number of its DUMP_NETNS; text: file name ("tcp6"), NUL, content */
	DUMP_OWNER,  /* struct dump_owner, then text: unit or container, NUL, command name, NUL: of
			the sockets with this inode */
	DUMP_CGROUP, /* struct dump_cgroup, then the path as text: for INET_DIAG_CGROUP_ID */
	DUMP_FAILED, /* struct dump_failed, then text: a part that could not be read */
	DUMP_KINDS,
};

struct dump_header {
	char magic[8];
	uint32_t version, size; /* of the whole, bytes */
	usec_t made;            /* real time */
	uint32_t flags;         /* DUMP_CHANGING */
	uint32_t changer_pid;   /* who made the last change (NFTA_GEN_PROC_PID); 0: not known */
	char changer[16];       /* its command name (NFTA_GEN_PROC_NAME) */
	usec_t changed; /* real time of the first change that asked for this dump; 0: none */
};

/* The ruleset changed in each of several tries: nft records may not belong together. */
#define DUMP_CHANGING 1u

struct dump_record {
	uint32_t kind; /* enum dump_kind */
	uint32_t arg;
	uint32_t len; /* bytes of data behind this, then padding to 8 */
	uint32_t pad;
};

struct dump_legacy { /* of iptables-legacy; struct ipt_getinfo, linux/netfilter_ipv4/ip_tables.h */
	char name[32];
	uint32_t valid_hooks, hook_entry[5], underflow[5], num_entries, size;
};

enum dump_bpf_kind {
	DUMP_BPF_TCX = 1,   /* at ingress of an interface; place: its name */
	DUMP_BPF_SK_LOOKUP, /* of this namespace; place: "" */
	DUMP_BPF_CGROUP,    /* cgroup_skb/ingress, sock_create and the like; place: cgroup path */
	DUMP_BPF_NETFILTER, /* a netfilter link, from the hook dump; place: hook */
};
struct dump_bpf {
	uint32_t kind, count;
};

struct dump_netns {
	uint64_t inode; /* of its /proc/PID/net/tcp: tells namespaces apart without privilege */
	uint32_t number, pid; /* a process in it */
};

struct dump_owner {
	uint64_t inode;      /* of the socket */
	uint32_t pid, netns; /* number of the DUMP_NETNS, 0: this one */
};

struct dump_cgroup {
	uint64_t id;
};

struct dump_failed {
	uint32_t kind; /* enum dump_kind of what is missing */
	int32_t error; /* negative errno */
};

/* Writing. */
struct dump_writer;
int dump_writer_new(struct dump_writer **out);
void dump_writer_free(struct dump_writer *w);
DEFINE_FREEP(struct dump_writer, dump_writer_free)
/* Appends one record. Over DUMP_MAX: -EFBIG, and so is dump_writer_seal. */
int dump_put(struct dump_writer *w, enum dump_kind kind, uint32_t arg, const void *head,
    size_t head_len, const void *bytes, size_t n);
/* Begins a record of unknown length; dump_more appends to it, until the next record. */
int dump_begin(struct dump_writer *w, enum dump_kind kind, uint32_t arg);
int dump_more(struct dump_writer *w, const void *bytes, size_t n);
/* Drops everything behind a mark: for a dump that changed meanwhile. */
size_t dump_mark(const struct dump_writer *w);
void dump_back_to(struct dump_writer *w, size_t mark);
/* The sealed memfd (the caller's). head: changer, changed and flags are taken from it. */
int dump_writer_seal(struct dump_writer *w, const struct dump_header *head, int *fd);

/* Reading. All records were checked to be within bounds. */
struct dump {
	const struct dump_header *head;
	size_t size;
	bool mapped;
};
/* Maps fd, which stays the caller's; -EINVAL when it is no dump, or not sealed. */
int dump_open(struct dump *d, int fd);
/* The same for bytes in memory (fuzzing), aligned to 8; they must outlive d. */
int dump_from_bytes(struct dump *d, const void *bytes, size_t n);
void dump_close(struct dump *d);
/* The next record of a kind (DUMP_NONE: of any) behind r; NULL r: the first; NULL at the end. */
const struct dump_record *dump_next(
    const struct dump *d, const struct dump_record *r, enum dump_kind kind);
struct nlmsghdr;
/* The next netlink message behind m in a record of messages; NULL m: the first; NULL at the end, or
 * where a length cannot be right. */
const struct nlmsghdr *dump_message(const struct dump_record *r, const struct nlmsghdr *m);
static inline const void *
dump_data(const struct dump_record *r)
{
	return r + 1;
}
