/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between probes.c (what is said), probes_work.c (what is compared, when), probes_raised.c (alerts
 * that stand), probes_run.c (who is asked, when) and probes_matrix.c (what is shown).
 */
#pragma once

#include "herald/probe_compare.h"

#define PROBES_BATCH 64 /* targets of one run */
/* Data older than so many periods is no more than "unseen". */
#define PROBES_STALE 3

struct probes {
	struct herald *herald;
	struct probe_table table;
	struct probe_host *own; /* in the table */
	usec_t own_made;        /* of the proof whose inventory own has */
	struct event *tick;
	usec_t started, swept;
	uint32_t sweeps;
	uint64_t rounds, questions;
	uint8_t ports[2][65536 / 8]; /* that own rules name: of TCP, of UDP */
	struct {                     /* hosts with news, in the order in which it came */
		struct probe_host *first, *last;
		struct event *timer;
		usec_t rest_until; /* monotonic */
	} marked;
	struct { /* what the prover is asking now */
		bool running;
		usec_t began;
		char names[PROBES_BATCH][FLEET_HOST_MAX];
		uint32_t n;
	} run;
	char trouble[160]; /* of the last run; "": none */
};

/* How old a proof, and what a probe saw, may be. */
usec_t probes_proof_age(const struct probes *p);
usec_t probes_entry_age(const struct probes *p);
/* The states of a host's ports. False: there is no proof, or an old one; v is to be freed all the
 * same. */
bool probes_view(const struct probes *p, const struct probe_host *host, usec_t now, struct view *v);
/* vantage has said this of target; the pair then, NULL: it was refused. */
struct probe_pair *probes_take(struct probes *p, struct probe_host *target,
    struct probe_host *vantage, usec_t at, const struct probe_row *rows, uint32_t n);
/* Name of this host's first rule that has the port; "". */
const char *probes_rule_of(void *probes, const struct probe_row *r);
bool probes_has_rule(const struct probes *p, const struct probe_row *r);

/* --- probes_work.c --- */
bool probes_work_begin(struct probes *p);
void probes_work_end(struct probes *p);
/* There is news of the host: it is compared within a while. */
void probes_mark(struct probes *p, struct probe_host *host);
void probes_unmark(struct probes *p, struct probe_host *host);
/* A turn: compares those whose time has come, until it took long enough. */
void probes_work(struct probes *p);
/* This host can know of it: about itself what all saw, about others what it saw itself. */
bool probes_is_ours(const struct probes *p, struct probe_host *target);
/* What was not heard of by now is not said any more: a herald that just started knows little. */
bool probes_is_settled(const struct probes *p, usec_t now);
/* What stands about cells that the proof does not have any more; v NULL, there is no proof: all. */
void probes_end_others(struct probes *p, struct probe_host *target, const struct view *v);

/* --- probes_raised.c: alerts that stand, by host; kept in the store, as those of a former life get
 * their end, too --- */
int raised_load(struct probes *p);
/* False: TABLE_RAISED stand, or no memory. */
bool raised_add(struct probes *p, struct probe_host *host, const char *subject);
void raised_end(struct probes *p, struct probe_host *host, const char *subject, const char *words);

/* --- probes_run.c --- */
/* The configuration lets hosts ask there. */
bool probes_is_within(const struct probes *p, const struct addr *a);
/* Asks who is due, unless somebody is being asked; sets the timer. */
void probes_go_on(struct probes *p, usec_t now);
/* A host in which something was other than it should be is asked again soon. */
void probes_ask_again(struct probes *p, struct probe_host *host, usec_t now);
/* The host is asked at its time, or where it never was, or soon is set, within a while. */
void probes_plan(struct probes *p, struct probe_host *host, bool soon, usec_t now);
