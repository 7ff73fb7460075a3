/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ports as rules write them: tcp/25, udp/6000-6010, sctp/2905. Comes in: a list of texts. Goes out:
 * struct image_port, sorted and joined, so that equal lists are equal however they are written;
 * what is no port goes to the diag. Bounded by the schema's limit of the list.
 */
#pragma once

#include "conf/schema.h"
#include "wire/image.h"

/* False: no port. */
bool port_parse(const char *text, struct image_port *out);
/* texts: of struct text. Returns a list of struct image_port, in order, none touching another. */
struct list ports_read(struct arena *a, struct diag *d, const struct list *texts);
/* True when all of port is in a list that ports_read made. */
bool ports_have(const struct list *ports, const struct image_port *port);
/* True when a part of port is in it. */
bool ports_touch(const struct list *ports, const struct image_port *port);
