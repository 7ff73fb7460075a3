/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where an order's URL leads: the host asked for its addresses once, in this thread (libcurl would
 * start another one). Comes in: the URL. Goes out: a line for CURLOPT_RESOLVE. Bounded: NAMES_MAX
 * addresses; the time by the courier's alarm.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

#define NAMES_MAX 16

struct place {
	char *scheme, *host;   /* host as in the URL: "[::1]" */
	struct strbuf resolve; /* "host:port:address,address"; empty: the host is an address */
	uint16_t port;
	bool mail; /* smtp, smtps */
	bool tls;  /* from the first byte */
	bool here; /* all addresses are this machine's loopback */
};

void place_fini(struct place *p);
/* -EINVAL: not a URL that is served; -EAGAIN: no address now; -ENOENT: no such host. *why: more. */
int place_find(struct place *p, const char *url, const char **why);
