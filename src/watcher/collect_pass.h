/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of one pass share: the collector's descriptors, the writer, what one part found
 * that another needs. Comes in: collector_run. Goes out: records. Each part_* writes its records
 * and notes its own failures; none stops the pass. The tables here say what bounds it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dump/dump.h"
#include "nft/netlink.h"

#define MAX_TRIES     5      /* of a part that changed while it was read */
#define MAX_PROCESSES 65536  /* looked at for namespaces and owners */
#define MAX_NETNS     1024   /* other network namespaces */
#define MAX_CGROUPS   4096   /* directories */
#define MAX_SOCKETS   131072 /* listeners whose owner is looked for */
#define MAX_SETS      65536
#define MAX_IFACES    65536
#define MAX_CACHE     (16u << 20)
#define MAX_FILE      (4u << 20)

/* What was read of another network namespace, to be used again by quick passes. */
struct netns_cache {
	struct netns_known {
		uint64_t inode;
		uint32_t pid;
		uint32_t len;
		bool seen;   /* in this pass */
		char *bytes; /* records, see collect_netns.c */
	} * known;
	uint32_t n, room;
	size_t total;
};
void netns_cache_fini(struct netns_cache *cache);

struct collector {
	unsigned flags;
	struct nl *nft, *route, *diag;
	int ip[2];     /* datagram sockets for getsockopt: IPv4, IPv6; -1 */
	int proc;      /* /proc */
	int cgroups;   /* root of the cgroup2 hierarchy; -1: none is mounted */
	int netns;     /* this network namespace, for bpf(2) */
	bool no_hooks; /* the kernel has no hook listing */
	struct netns_cache cache;
	uint8_t *bytes; /* MAX_FILE and a NUL, for what is read as a whole */
};

struct iface_seen {
	uint32_t index;
	char name[16];
	bool ingress; /* has an ingress or clsact qdisc */
};

struct set_seen {
	uint8_t family;
	const char *table, *name; /* one allocation, at table */
};

/* A socket that listens, by inode. */
struct socket_seen {
	uint64_t inode;
	uint32_t netns;
	bool owned;
};

struct pass {
	struct collector *c;
	struct dump_writer *w;
	bool quick;
	bool interrupted; /* something changed while it was read (NLM_F_DUMP_INTR) */
	bool changing;    /* and went on changing */
	struct iface_seen *ifaces;
	struct set_seen *sets;
	struct socket_seen *sockets;
	uint64_t *cgroups; /* ids of the listeners' */
	uint32_t n_ifaces, n_sets, n_sockets, n_cgroups;
	uint32_t room_ifaces, room_sets, room_sockets, room_cgroups;
	uint32_t generation;        /* that the ruleset had last */
	int sets_lost, ifaces_lost; /* why not all could be remembered */
};

/* Says whether an answer belongs into the record; may look at it. */
typedef bool (*keep_fn)(struct pass *p, const struct nlmsghdr *nlh);

/*
 * Sends a request (a buffer with room for it, header put) and appends all kept answers as one
 * record. The number of answers kept; negative errno, then without a record. Sets p->interrupted.
 */
int pass_ask(struct pass *p, struct nl *nl, struct nlmsghdr *request, enum dump_kind kind,
    uint32_t arg, keep_fn keep);
/* The same again while the kernel says that it changed meanwhile; at last -EINTR. */
int pass_ask_again(struct pass *p, struct nl *nl, struct nlmsghdr *request, enum dump_kind kind,
    uint32_t arg, keep_fn keep, void (*restart)(struct pass *p));
/* Notes that a part is missing. */
void pass_failed(struct pass *p, enum dump_kind kind, int error, const char *text);
/* Makes room for one more of size bytes behind n. -E2BIG past max, -ENOMEM. */
int pass_room(void **items, uint32_t n, uint32_t *room, size_t size, uint32_t max);
/*
 * A whole file below a directory into c->bytes, at most MAX_FILE (-EFBIG). enough, when not NULL,
 * is asked after each block (the last bytes of all n) whether that suffices. A NUL follows. Its
 * length, or negative errno.
 */
ssize_t pass_read(struct pass *p, int dir, const char *path,
    bool (*enough)(const char *bytes, size_t n, size_t last));

void part_nft(struct pass *p);
void part_route(struct pass *p);
void part_hooks(struct pass *p); /* after part_route */
void part_ipset(struct pass *p);
void part_sockets(struct pass *p);
void part_files(struct pass *p);
void part_legacy(struct pass *p);
void part_bpf(struct pass *p);     /* after part_route */
void part_cgroups(struct pass *p); /* after part_sockets */
void part_netns(struct pass *p);
void part_owners(struct pass *p); /* after part_netns */

/* A listener, for part_owners. */
void pass_add_socket(struct pass *p, uint64_t inode, uint32_t netns);
