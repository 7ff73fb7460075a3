/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a jail to a ban rule of guardd's, as YAML. Comes in: a resolved jail. Goes out: the rule's
 * and the sources' text, and a line in the report for each option. Bounded by the rule's own
 * limits: what is past them is cut to them, and that is in the report.
 */
#pragma once

#include "conf/fail2ban_jail.h"

#define F2B_LEVELS 24 /* bans of a source whose lengths are computed */

/* Bans that come again, as recidive has it for all jails. */
struct f2b_recidive {
	const struct f2b_jail *jail;   /* NULL: there is none */
	double bans, within, duration; /* of a source; within, duration in seconds */
};

struct f2b_rule_as {
	const char *name, *filter;      /* guardd's names */
	const char *scope;              /* what f2b_scope wrote; NULL: nothing */
	const struct f2b_value *forget; /* dbpurgeage; NULL: the default */
	const struct f2b_recidive *recidive;
};

void f2b_rule_yaml(
    struct f2b *f, const struct f2b_jail *j, const struct f2b_rule_as *as, struct strbuf *out);
/* True when the jail is one that reads fail2ban's own log; out: what it asks for. */
bool f2b_is_recidive(struct f2b *f, const struct f2b_jail *j, struct f2b_recidive *out);

/* --- parts (fail2ban_escalate.c, fail2ban_action.c, fail2ban_source.c) --- */

/* "1w", "36h", "90s": exactly, in whole seconds. */
void f2b_put_span(struct strbuf *out, double seconds);
/* An option that is a time; fallback when it is not set or is none, which is told. */
double f2b_jail_seconds(
    struct f2b *f, const struct f2b_jail *j, const char *option, double fallback);
/* The line escalate, when there is one. first: seconds of the first ban. */
void f2b_escalate(struct f2b *f, const struct f2b_jail *j, const struct f2b_rule_as *as,
    double first, struct strbuf *out);
/* True when what the jail matches is let in, not banned: guardd has no such rules, which is told.
 */
bool f2b_lets_in(struct f2b *f, const struct f2b_jail *j);
/*
 * The lines scope and ports, or dry_run. 0; 1: the rule bans nobody; -ENOENT: what it bans from
 * cannot be told, so that there is no rule.
 */
int f2b_scope(struct f2b *f, const struct f2b_jail *j, struct strbuf *out);
/* The key sources of the filter. -ENOENT: the jail reads nothing, which is told. */
int f2b_sources(struct f2b *f, const struct f2b_jail *j, struct strbuf *out);
/* The line never_ban, when there is one. */
void f2b_never_ban(struct f2b *f, const struct f2b_jail *j, struct strbuf *out);
/* The main file with whom [DEFAULT] spares; nothing when that is nobody. */
void f2b_never_main(struct f2b *f, struct strbuf *out);

/* --- what a jail sets that it has not (fail2ban_options.c) --- */

/* Options that mean nothing there, values that are refused there, options without a counterpart. */
void f2b_check_options(struct f2b *f, const char *jail /* NULL: the defaults */);
void f2b_check_values(struct f2b *f, const struct f2b_jail *j);
