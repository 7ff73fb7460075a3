/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The whole configuration: all files read, checked against each other, resolved. Comes in: the
 * paths of the command line. Goes out: settings, filters and rules ready to be written or printed;
 * everything that is wrong is in the diag. Bounded: CONFIG_FILES_MAX files in a directory, and the
 * bounds of each file.
 */
#pragma once

#include "conf/expose.h"
#include "conf/rule.h"
#include "conf/settings.h"
#include "conf/zone.h"

#define CONFIG_FILES_MAX 512

struct config {
	struct arena arena;
	struct diag diag;
	const char *main_path, *share, *etc, *runtime;
	struct settings settings;
	struct list filters; /* of struct filter *: guardd's own, then by name */
	struct list rules;   /* of struct rule *: guardd's own, then by name */
	struct list exposes; /* of struct expose *: by name */
	struct list zones;   /* of struct zone: the machine's first */
	bool own;            /* config_load_own: no file was read for filters and rules */
};

struct config_paths {
	const char *main_file; /* may be absent */
	const char *share;     /* filters/ and rules/, as shipped */
	const char *etc;       /* filters.d/ and rules.d/: win over the shipped ones by name */
	const char *runtime;   /* where the self check's log is */
};

void config_init(struct config *c, const struct config_paths *paths);
void config_fini(struct config *c);
/* Everything that needs files or the resolver. now: zones are computed around it. */
void config_load(struct config *c, resolve_fn resolve, usec_t now);
/* Instead of config_load: the settings and what is guardd's own, to which one filter is added. */
void config_load_own(struct config *c, resolve_fn resolve, usec_t now);
/* Adds a filter of that name from a text, which must outlive c. Needs no files. */
void config_add_filter(struct config *c, const char *name, const char *text);
/* Everything else: patterns, references. 0, or -EINVAL when the diag holds an error. */
int config_check(struct config *c);
/* True when an expose rule names the group infra, and none is configured: this host alone is. */
bool config_no_infra(const struct config *c);
/* Index of a zone by its name, "" or NULL standing for the machine's. */
uint32_t config_zone(const struct config *c, const char *name);
