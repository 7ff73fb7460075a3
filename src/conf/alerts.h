/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * alerts: and metrics: of the main file. Comes in: their trees. Goes out: structs with all defaults
 * filled in, checked; what is wrong goes to the diag. Secrets are files' names here, never their
 * content. Bounded by the schema's limits.
 */
#pragma once

#include "conf/schema.h"
#include "wire/image.h"

struct alerts_mail {
	const struct node *node;
	struct text server;
	int64_t port;
	unsigned tls; /* enum channel_tls */
	struct text from;
	struct list to; /* of struct text */
	struct text user, password_file, ca_file;
};

struct alerts_webhook {
	const struct node *node;
	struct text url, url_file;
	unsigned template; /* enum channel_template */
	struct text topic, user, password_file, token_file, ca_file;
};

struct alerts_channel {
	const struct node *node;
	struct text name;
	unsigned at_least; /* enum alert_severity */
	int64_t per_hour;
	bool journal;
	struct alerts_mail mail;
	struct alerts_webhook webhook;
	struct list program; /* of struct text */
	usec_t timeout;
	/* Made by alerts_check. */
	enum channel_kind kind;
};

struct alerts {
	const struct node *node;
	usec_t repeat;        /* 0: never */
	int64_t storm;        /* 0: none */
	struct list channels; /* of struct alerts_channel */
};

struct metrics {
	const struct node *node;
	struct text listen, file;
	usec_t every;
};

extern const struct schema alerts_schema, metrics_schema;

void alerts_check(struct alerts *x, struct diag *d);
void metrics_check(const struct metrics *m, struct diag *d);
