/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The policy (expose rules) against what the evaluator says: a cell for each rule x port x family,
 * with its findings. Comes in: configuration image, ruleset, world. Goes out: cells for
 * prover/report_json and prover/report_wire. Bounded by CHECK_* below; what is left out is counted.
 */
#pragma once

#include "base/arena.h"
#include "prover/eval.h"
#include "prover/ways.h"
#include "wire/image.h"
#include "wire/proof.h"

#define CHECK_FINDINGS    16   /* of one cell */
#define CHECK_SEGMENTS    4096 /* port classes looked at for one cell and way in, or one sweep */
#define CHECK_NAMED       64   /* addresses of other hosts in rules that map destinations */
#define CHECK_NAMED_RULES 4096
#define CHECK_TARGETS     1024 /* addresses behind this machine */

enum finding_shape {
	FOUND_LOCAL,    /* outside sources reach an address of this machine */
	FOUND_MAPPED,   /* through destination NAT */
	FOUND_DIRECT,   /* at a container's own address */
	FOUND_SHUT_OUT, /* allowed sources do not */
};

struct finding {
	uint8_t state; /* enum proof_state */
	uint8_t shape; /* enum finding_shape */
	bool forwarded;
	bool unseen;     /* what listens there cannot be seen: counts as listening */
	bool everyone;   /* sources are all there are but the allowed ones */
	struct way way;  /* the first way in */
	uint16_t port;   /* on the wire */
	struct addr end; /* where it ends, behind destination NAT */
	uint16_t end_port;
	uint32_t oif;
	struct srcset sources; /* outside ones that get in, or allowed ones that do not; owned */
	const struct listener *listener; /* or NULL */
	const char *whys[16];
	uint32_t n_whys;
	uint32_t ifaces[8], n_ifaces, n_ways; /* of all ways in that look the same */

	/* Filled in by finding_explain. */
	struct proof_witness witness;
	struct step *path;
	uint32_t n_path;
	const struct step *decided, *mapped; /* of path: the last verdict, the NAT hop; or NULL */
	const char *name;                    /* of the refused, from the configuration */
	const char *text;
	const char **suggest;
	uint32_t n_suggest;
};

/* How far the allowed hosts get, to one listening port. */
struct reach {
	uint16_t port;
	bool expected; /* they have a way in: want is to be looked at */
	struct srcset want, may, sure;
	struct list ways; /* struct reach_way */
};
struct reach_way {
	struct way way;
	uint16_t port; /* on the wire */
};

/* Who may, by rule and family. */
struct policy {
	const struct image_expose *rule;
	uint8_t family;
	struct ranges allowed; /* with this machine's own addresses */
	struct ranges hosts;   /* without them: those who must get in */
};

struct cell {
	uint8_t kind, state, family, proto; /* enum proof_kind, enum proof_state */
	uint16_t port, port_high;
	const struct image_expose *rule;
	const struct policy *policy;     /* cells that are evaluated */
	const char *name, *host;         /* the rule's; of dual-stack: the host's, else "" */
	const struct listener *listener; /* of kinds plaintext and unnamed */
	bool listening;
	struct list findings; /* struct finding, worst first once check_run is done */
	uint32_t n_more;
	struct list reaches;        /* struct reach */
	uint32_t forge[8], n_forge; /* interfaces by which an allowed source can be forged */
	const char *text;           /* "" */
	uint64_t key, print;
};

struct check_options {
	const char *rule; /* this one only; NULL: all */
	bool explain, suggest;
	bool sockets_hidden; /* listeners could not be read: everything counts as listening */
};

struct check {
	const struct image *img;
	const struct ruleset *rules;
	const struct world *world;
	struct evaluator *eval;
	struct arena *arena;
	struct check_options opt;
	struct list cells;    /* struct cell, worst first once check_run is done */
	struct list policies; /* struct policy * */
	struct list targets;  /* of one family and protocol, see check_nat */
	bool sweep_cut;       /* a sweep of all ports met more classes than CHECK_SEGMENTS */
	bool targets_cut;     /* there were more than CHECK_TARGETS */
	uint32_t counts[PROOF_STATES]; /* of evaluated cells */
	uint32_t other;                /* cells of the other kinds */
	enum proof_state state;
};

/* img, rules, world and arena must outlive c. -ENOENT: no expose rule has that name. */
int check_run(struct check *c, const struct image *img, const struct ruleset *r,
    const struct world *w, struct arena *a, const struct check_options *opt);
void check_fini(struct check *c);
/* 0 proven or latent, 1 depends, 2 open or shut out. */
int check_exit(const struct check *c);

/* Parts of it. */

/* What an endpoint of an answer means for a cell. port is the one on the wire, last that up to
 * which the answer holds (when NAT leaves it alone). */
struct feed {
	const struct way *way;
	const struct query *q;
	const struct answer *a;
	const struct caps *caps;
	uint16_t port, last;
	bool mapped_only; /* a public port outside the cell: only endpoints within it */
	bool seen_only;   /* a finding only where something is known to listen */
};
void check_feed(struct check *c, struct cell *cell, const struct feed *f);
/* check_cells.c: makes the cells; looks at those that need no evaluation. */
int check_make_cells(struct check *c);
void check_other_cells(struct check *c);
/* check_nat.c: ports of this machine that lead to protected ones under another number, and the
 * addresses behind it. */
bool check_has_dnat(const struct ruleset *r, uint8_t family);
/* Adds the addresses of other hosts that rules name: a packet to one may be sent on by NAT. */
void check_mapped_ways(struct check *c, uint8_t family, struct list *ways);
void check_sweep(struct check *c, const struct way *way, uint8_t proto);
void check_direct(struct check *c, uint8_t family, uint8_t proto);
/* check_shut.c */
void check_reach(struct check *c, struct cell *cell, const struct feed *f, uint16_t port,
    const struct srcset *accept, const struct srcset *drop);
void check_shut_out(struct check *c, struct cell *cell);
/* Whether a cell looks at a way in. */
bool cell_takes(const struct check *c, const struct cell *cell, const struct way *way);
bool iface_is_inside(const struct check *c, const struct image_expose *e, uint32_t iif);

/* Who listens on a port where a packet ends: the first of them, or NULL. unseen: it cannot be
 * known. */
const struct listener *listener_at(const struct check *c, uint8_t proto, const struct addr *to,
    uint16_t port, const struct way *way, bool forwarded, bool *unseen);
bool listener_is_loopback(const struct listener *l);
