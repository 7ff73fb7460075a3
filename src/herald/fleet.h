/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This host in the fleet: gives its bans to the streams of a Redis server, takes those of others,
 * reports, and knows the other hosts. Comes in: what the judge gives, entries of the streams. Goes
 * out: entries, MSG_TAKE and MSG_DROP to the judge. Bounded: FLEET_OUTBOX entries wait for a server
 * that is away, FLEET_HOSTS hosts are known, a reply of the server has at most FLEET_REPLY bytes.
 */
#pragma once

#include "base/addr.h"
#include "base/json_write.h"
#include "base/strbuf.h"
#include "herald/herald.h"
#include "wire/msg.h"

#define FLEET_OUTBOX     100000
#define FLEET_GIVEN      200000 /* bans known to have been given */
#define FLEET_HOSTS      20000
#define FLEET_REPLY      (8u << 20)
#define FLEET_HOST_MAX   64          /* bytes of a name with its NUL */
#define FLEET_REPORT_MAX (64u << 10) /* bytes of one report, JSON */

struct fleet;
struct request;

/* herald.fleet is set from the image; call only when the image has one. A file of it that cannot be
 * used is a trouble (fleet_count), and tried again. -ENOMEM. */
int fleet_new(struct fleet **out, struct herald *h);
void fleet_free(struct fleet *f);

/* --- from the judge (herald/link) --- */
void fleet_judge_begins(struct fleet *f);
void fleet_on_give(struct fleet *f, const struct msg_fleet *b);
/* All that hold were said. lost: all that are known to hold, others may. */
void fleet_on_given(struct fleet *f, bool lost);
void fleet_on_lift(struct fleet *f, const struct msg_fleet *b);
void fleet_on_taken(struct fleet *f, uint32_t id, enum taken_status status);
void fleet_on_room(struct fleet *f);
/* herald.proof is a new one: it is in the next report, which comes soon. */
void fleet_on_proof(struct fleet *f);

/* --- the other hosts --- */
struct fleet_host {
	char name[FLEET_HOST_MAX];
	usec_t last;     /* real time of its last entry, by the server's clock */
	usec_t reported; /* of its last report; 0: none */
	char version[32];
	uint64_t given, taken; /* bans, as it says */
	uint64_t seen;         /* bans of it that were offered to the judge here */
	char exposure[16];     /* worst state, as it says; "": not known */
	/* JSON of its last report, NUL-terminated; NULL: none is kept. Holds until the second next
	 * call of fleet_next_host or fleet_find_host. */
	const char *report;
	size_t report_len;
};
/* In order of names: the first behind name ("" for the first of all). False: there is none. */
bool fleet_next_host(const struct fleet *f, const char *name, struct fleet_host *out);
bool fleet_find_host(const struct fleet *f, const char *name, struct fleet_host *out);
const char *fleet_own_name(const struct fleet *f);
/* What the others report is read now, unless it just was: somebody looks at it. */
void fleet_look(struct fleet *f);
/* Appends an entry of kind "probe" to the hosts' stream; json: one object, at most FLEET_REPORT_MAX
 * bytes. It goes when the server can be reached; a later one of the same target takes its place. */
void fleet_say_probe(struct fleet *f, const char *target, const char *json);

struct fleet_counts {
	bool connected;
	uint32_t hosts, outbox;
	uint64_t given, lost;  /* entries appended; dropped as the outbox was full */
	uint64_t read, forged; /* entries read; not believed: signature, form */
	uint64_t taken[TAKEN_STATUSES];
	usec_t last;         /* real time of the last reply of the server; 0: none */
	const char *trouble; /* why it is not connected, or what else is wrong; NULL: nothing */
	uint64_t unknown;    /* entries of a version or kind that is not known here */
	uint64_t repeated;   /* signed entries that were there before, or came late */
	uint64_t emptied;    /* times that the server had lost the stream */
};
void fleet_count(const struct fleet *f, struct fleet_counts *out);

/* fleet: the hosts. fleet-key: this host's public key. */
void fleet_request_hosts(struct request *q, char *const *words, unsigned n);
void fleet_request_key(struct request *q, char *const *words, unsigned n);
