/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Jails: which are enabled, and what each comes to. Comes in: the files. Goes out: for each its
 * options, its filter's definition and its actions, resolved as fail2ban resolves them; one that
 * cannot be is in the report, and the others are read on. Bounded by the files.
 */
#pragma once

#include "conf/fail2ban_load.h"

struct f2b_action {
	const char *name;
	struct list options; /* of struct f2b_option: of the call */
	struct f2b_value at;
};

struct f2b_jail {
	const char *name;
	struct f2b_section options; /* those that a jail has, but filter's and action's own text */
	const char *filter;         /* "": none, or what stands in the jail */
	struct f2b_value filter_at; /* its text as it is called, "sshd[mode=aggressive]" */
	struct f2b_section definition;
	struct list actions; /* of struct f2b_action */
	bool systemd;        /* its lines come from the journal */
};

/* Enabled ones that could be read: of struct f2b_jail. */
void f2b_jails(struct f2b *f, struct list *jails);
/* An option of a jail, NULL when it is not set or empty. */
const struct f2b_value *f2b_jail_get(const struct f2b_jail *j, const char *option);
/* An option of an action's call. */
const char *f2b_action_get(const struct f2b_action *a, const char *option);

/* --- a filter's or an action's definition (fail2ban_read.c) --- */

struct f2b_call {
	const struct ini *ini;
	const struct f2b_option *options; /* NAME[options] */
	size_t n;
	const char *backend;            /* NULL: not of a filter */
	const struct f2b_section *jail; /* NULL: none */
	/* What a second call of the same filter finds of the first: tags that were looked up, and
	 * the options with [Init]. NULL: it is the only one. */
	struct list *cache;
	struct f2b_section *init;
};

/* Both end with NULL. */
extern const char *const f2b_filter_options[], *const f2b_jail_options[];

/* all: every option of [Definition], not just those of the language. */
int f2b_combine(struct f2b *f, const struct f2b_call *call, bool all, struct f2b_section *out);
/* f2b_filter_read of a call whose ini is there. */
int f2b_filter_take(struct f2b *f, const struct f2b_call *call, struct f2b_section *out);
/* NULL: there is none. */
struct ini *f2b_filter_ini(struct f2b *f, const char *name);
