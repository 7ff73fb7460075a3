/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members of the prover's answers as words. Comes in: parsed JSON lines, whose texts are fit for a
 * terminal. Goes out: text appended to a buffer, or words. Missing members give "".
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/strbuf.h"

/* "a, b, c (and 12 more)"; "none" of an empty list. At most shown of them. */
#define EXPOSE_LIST_ALL SIZE_MAX
void expose_list(struct strbuf *out, json_t *list, int64_t more, size_t shown);
/* "tcp/389", "tcp/6000-6010". */
void expose_port(struct strbuf *out, json_t *o);
/* "192.0.2.1:389", "[2001:db8::1]:389". */
void expose_place(struct strbuf *out, const char *address, int64_t port);
/* "table ip nat chain DOCKER rule 12 (handle 31): dnat to 172.17.0.2:5000". */
void expose_step(struct strbuf *out, json_t *step);
/* "slapd.service, process slapd (pid 812), at [::]:389". */
void expose_listener(struct strbuf *out, json_t *listener);
/* "IPv4", "IPv6", "". */
const char *expose_family(json_t *o);
/* For out_style: red where something is wrong, yellow where it may be. */
char expose_colour(const char *state);
/* 0 proven and latent, 1 depends, 2 open and shut out: as monitoring plugins exit. */
int expose_exit(const char *state);
