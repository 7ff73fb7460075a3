/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the prover found, for the judge: one memfd of fixed cells and their text. Comes in from
 * guardd-prover (written into FD_PROOF) and guardd-shadow (the same cells, confirmed filled in);
 * proof_open checks every offset. At most PROOF_MAX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

#define PROOF_MAGIC   "GUARDPRF"
#define PROOF_VERSION 2
#define PROOF_MAX     (16u << 20)
/* Bytes of the inventory with its NUL: it has room in a host's report (herald/fleet.h). */
#define PROOF_INVENTORY_MAX (24u << 10)

/* Worst last; a cell's state is the worst of its findings. */
enum proof_state {
	PROOF_PROVEN,
	PROOF_LATENT,   /* outside sources would reach it, and nothing listens */
	PROOF_DEPENDS,  /* something named keeps it from a proof */
	PROOF_SHUT_OUT, /* an allowed host is refused */
	PROOF_OPEN,     /* outside sources reach it, and something listens */
	PROOF_STATES,
};

/* What a cell is about. */
enum proof_kind {
	PROOF_PORT = 1,   /* rule x port x family */
	PROOF_PLAINTEXT,  /* something listens on a port that carries plain text */
	PROOF_DUAL_STACK, /* a host of the inventory has an address in one family only */
	PROOF_UNNAMED,    /* a listener that no rule names */
	PROOF_ABSENT,     /* `listeners: required`, and nothing listens */
};

enum proof_confirmed {
	CONFIRM_NONE,      /* not asked, or not possible (then the text says why) */
	CONFIRM_SAME,      /* the kernel itself decided the witness the same way */
	CONFIRM_DIFFERENT, /* it did not */
};

struct proof_witness { /* one packet that shows a finding; from.family 0: none */
	struct addr from, to;
	uint16_t port; /* on the wire, before destination NAT */
	uint8_t proto;
	uint8_t accepted; /* 1: gets through; 0: is dropped (shut out) */
	uint8_t pad[2];
	char iface[16]; /* it comes in by */
};

struct proof_cell {
	uint8_t kind;   /* enum proof_kind */
	uint8_t state;  /* enum proof_state */
	uint8_t family; /* 4 or 6; 0 for kinds without */
	uint8_t proto;
	uint16_t port, port_high;
	uint8_t confirmed; /* enum proof_confirmed, by guardd-shadow */
	uint8_t pad[7];
	uint64_t key;   /* hash of rule, kind, proto, port, family (and host): the same in the next
			   proof */
	uint64_t print; /* hash of what was found: differs when the finding changed */
	struct proof_witness witness;
	uint32_t rule; /* offset of its name in the text; NUL-terminated */
	uint32_t
	    text; /* one sentence for people, NUL-terminated; when proven "", or what to know */
	uint32_t json; /* the cell's JSON object as guardctl check prints it, NUL-terminated, no
			  newline */
	uint32_t pad2;
};

struct proof_header {
	char magic[8];
	uint32_t version, size; /* bytes, of the whole */
	uint32_t n, cells,
	    text;      /* cells is the offset of the first one, text that of the text area */
	uint32_t head; /* offset in the text of the check's own JSON object, see guardctl(8) */
	usec_t made, changed; /* of the dump: when, and when the change came (0: none) */
	uint32_t changer_pid;
	char changer[16];   /* command name; "" not known */
	uint32_t inventory; /* offset in the text of the machine's inventory, see proof_inventory */
};

struct proof {
	const struct proof_header *head;
	const struct proof_cell *cells;
	const char *text;
};

/* Reads a copy of fd, which stays the caller's. -EINVAL: out of bounds somewhere. */
int proof_open(struct proof *p, int fd);
void proof_close(struct proof *p);
/*
 * What this machine has, one JSON object in at most PROOF_INVENTORY_MAX bytes: "addresses" with
 * address, interface and family, those of loopback and of one link left out; "listeners" with
 * proto, port, family, address, v6only, unit and process, those on loopback last. What had no room
 * is counted as addresses_more and listeners_more. Its texts are others': parse it.
 */
const char *proof_inventory(const struct proof *p);
const char *proof_state_name(enum proof_state s); /* "proven", "latent", "depends", "shut out",
						     "open" */
const char *proof_kind_name(enum proof_kind k);   /* "port", "plaintext", "dual-stack", "unnamed",
						     "absent" */
