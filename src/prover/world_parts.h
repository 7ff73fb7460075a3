/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How the parts of the world are read, each from its records: for world_read only, in the order
 * below, since later ones look into earlier ones. All take memory from w->arena. -EINVAL: a record
 * breaks its own format, *what says which.
 */
#pragma once

#include "prover/world.h"

int world_read_links(struct world *w, const struct dump *d, const char **what);
int world_read_addrs(struct world *w, const struct dump *d, const char **what);
int world_read_routes(struct world *w, const struct dump *d, const char **what);
int world_read_listeners(struct world *w, const struct dump *d, const char **what);
int world_read_mechanisms(struct world *w, const struct dump *d, const char **what);

/* The content of a DUMP_FILE record (its length in *n), NULL: not dumped. */
const char *world_file(const struct dump *d, const char *path, size_t *n);
/* The number in a sysctl; -1: not dumped, or no number. */
long world_sysctl(const struct dump *d, const char *path);
/* The first DUMP_FAILED of a kind behind r; its text in *text. */
const struct dump_record *world_failed(
    const struct dump *d, const struct dump_record *r, enum dump_kind kind, const char **text);
/* A record's bytes from offset on as text of the arena, up to a NUL or its end. */
const char *world_text(const struct world *w, const struct dump_record *r, size_t offset);
/* "docker 0123456789ab", "ssh.service", "user 1000" or the path itself, from a cgroup path; a text
 * without '/' in front is returned as it is. */
const char *world_unit(struct arena *a, const char *cgroup);
