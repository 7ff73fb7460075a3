/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Published ports: what the live DNAT and redirect rules of all tables say, both families. Comes
 * in: a dump of the rules (native expressions, maps of ports, iptables-nft's DNAT target). Goes
 * out: a list of (protocol, public ports, port behind). Rules it cannot read add nothing. Bounded:
 * DNAT_MAX ports.
 */
#pragma once

#include <stdbool.h>

#include "nft/batch.h"

#define DNAT_MAX 1024

struct dnat_port {
	uint8_t proto;      /* IPPROTO_* */
	uint16_t low, high; /* as on the wire */
	uint16_t to;
};

struct dnat {
	struct dnat_port ports[DNAT_MAX];
	uint32_t n;
};

/* Reads all rules; maps_nl is a second socket for the maps they use. *changed: the list is another.
 */
int dnat_read(struct dnat *d, struct nl *n, bool *changed);
/*
 * Adds the ports of p, and the published ones that lead to them, to n ranges, joined where they
 * touch; returns how many there are now. What does not fit into room is left out.
 */
uint32_t dnat_join(const struct dnat *d, struct dnat_port *ranges, uint32_t n, uint32_t room,
    const struct dnat_port *p);
