/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The hosts of the fleet as this one knows them, kept in the store. Comes in: what believed entries
 * say. Goes out: rows in order of names. Bounded: FLEET_HOSTS; a host that is silent for long goes,
 * but no known one gives way to a new one. Reports are in the store alone, HOSTS_REPORTS bytes of
 * them all; past it a report is known but not kept.
 */
#pragma once

#include "herald/fleet.h"
#include "herald/sign.h"
#include "herald/store.h"

#define HOSTS_REPORTS (128u << 20)

struct hosts;

enum hosts_stream {
	HOSTS_BANS,
	HOSTS_HOSTS,
	HOSTS_STREAMS,
};

struct host {
	char name[FLEET_HOST_MAX];
	usec_t last, reported;          /* real time, by the server's clock */
	uint64_t serial[HOSTS_STREAMS]; /* the highest believed */
	uint64_t given, taken, seen;
	char version[32], exposure[16];
	uint32_t report_len; /* bytes kept */
	uint16_t repeats;    /* entries in a row that were said before */
	bool changed;        /* not yet in the store */
};

/* -ENOMEM. */
int hosts_new(struct hosts **out, struct store *store);
void hosts_free(struct hosts *t);
/* Forgets all. */
void hosts_clear(struct hosts *t);
uint32_t hosts_count(const struct hosts *t);
/* NULL: not known. */
struct host *hosts_find(const struct hosts *t, const char *name);
/* Makes it when it is not known. NULL: there is no room. */
struct host *hosts_get(struct hosts *t, const char *name);
/* The first behind name. */
struct host *hosts_next(const struct hosts *t, const char *name);
/* Keeps a report: json, n bytes; what it says of itself goes into the host. -EINVAL: no JSON
 * object.
 */
int hosts_report(struct hosts *t, struct host *x, const char *json, size_t n, usec_t at);
/* The text of its last report into out; false: none is kept. */
bool hosts_read_report(const struct hosts *t, const struct host *x, struct strbuf *out);
/* Writes what changed; forgets who was silent since, but for those with a key in keys (may be
 * NULL): what was signed long ago must not be new again. */
void hosts_keep(struct hosts *t, usec_t silent_since, const struct keyring *keys);
