/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The examples of a filter: are they whole, do their addresses and times parse. Comes in: what the
 * schema read. Goes out: the example with addr and at made; what is wrong goes to the diag. Whether
 * an example holds is for the reader to say. Pure.
 */
#pragma once

#include "conf/filter.h"

void example_check(struct filter_example *e, struct diag *d);
/* "2026-11-02T09:00:00Z", with a fraction or +hh:mm if need be. -EINVAL. */
int example_parse_time(const char *text, usec_t *out);
