/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The configuration image: all that guardd-conf read, checked and resolved, as one sealed memfd
 * that the roles map read-only. Sections are arrays of fixed structs; text is a byte offset into
 * the string section (0 is ""), always NUL-terminated. Comes in from guardd-conf; image_open checks
 * every offset, count and reference once, so that readers may use them without checks. At most 64
 * MiB. "first"/"n" pairs are index ranges into the section named in the comment. Times are usec_t.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"

#define IMAGE_MAGIC   "GUARDIMG"
#define IMAGE_VERSION 4
#define IMAGE_MAX     (64u << 20)

#define IMAGE_CHANNELS_MAX 32
#define IMAGE_TRUSTS_MAX   256
#define IMAGE_HOST_MAX     63 /* bytes of a host's name in the fleet */

typedef uint32_t str_t; /* offset into the string section */

struct span {
	uint32_t first, n;
};

/* One per image. */
struct image_settings {
	struct hash_key user_key; /* for hashes of user names */
	usec_t history;           /* how long ended bans are kept */
	uint32_t tallies_max;     /* tracked sources, over all rules */
	uint32_t bans_max;        /* bans in force */
	uint8_t early;            /* chain before conntrack */
	uint8_t pad[7];
	str_t control_group;  /* may write to the control socket; "" is root alone */
	uint32_t zone;        /* IMAGE_ZONES: the machine's */
	struct span never;    /* IMAGE_PREFIXES: never_ban, flattened */
	struct span proxies;  /* IMAGE_PREFIXES: offences "from" these ban nobody and are told */
	str_t main_file;      /* path of guardd.yaml, "" when there is none */
	usec_t expose_repeat; /* a standing finding is told again so often; 0: never */
	struct span peers;    /* IMAGE_PREFIXES: hosts that the scheduled test probes */
	uint8_t no_infra;     /* no group infra is configured: expose rules allow this host alone */
	uint8_t pad2[3];
	uint32_t herald_uid;   /* may connect to the herald's socket; IMAGE_NO_UID: root alone */
	usec_t alerts_repeat;  /* a standing alert is told again so often; 0: never */
	uint32_t alerts_storm; /* bans a minute that are a storm; 0: none is */
	str_t metrics_listen;  /* "127.0.0.1:9812", "[::1]:9812": loopback only; "": none */
	str_t metrics_file;    /* absolute path of a .prom file; "": none */
	uint32_t pad3;
	usec_t metrics_every; /* the file is written so often */
};

#define IMAGE_NO_UID UINT32_MAX

enum channel_kind {
	CHANNEL_JOURNAL = 1,
	CHANNEL_MAIL,
	CHANNEL_WEBHOOK,
	CHANNEL_PROGRAM,
};

enum channel_template {
	TEMPLATE_JSON,
	TEMPLATE_MATTERMOST,
	TEMPLATE_SLACK,
	TEMPLATE_NTFY,
	TEMPLATE_ALERTMANAGER,
};

enum channel_tls {
	CHANNEL_TLS_NO,
	CHANNEL_TLS_START, /* mail: STARTTLS, required */
	CHANNEL_TLS_FIRST, /* mail: from the first byte */
};

/* Where alerts go. Secrets are in files, read by the herald; no file's content is here. */
struct image_channel {
	str_t name;
	uint8_t kind;      /* enum channel_kind */
	uint8_t severity;  /* enum alert_severity (wire/alert.h): this one and worse */
	uint8_t template;  /* enum channel_template, of a webhook */
	uint8_t tls;       /* enum channel_tls, of mail */
	uint32_t per_hour; /* messages at most; the rest is summed up */
	str_t server;      /* mail: host of the relay */
	uint32_t port;
	str_t from;
	struct span to;      /* IMAGE_STRINGS_LIST */
	str_t user;          /* mail, webhook: for authentication; "" none */
	str_t password_file; /* mail, webhook (basic authentication); "" none */
	str_t url, url_file; /* webhook: one of the two */
	str_t token_file;    /* webhook: a bearer token; "" none */
	str_t topic;         /* webhook with TEMPLATE_NTFY */
	str_t ca_file;       /* mail, webhook: trusted instead of the system's; "" */
	struct span argv;    /* IMAGE_STRINGS_LIST, of a program: absolute path first */
	uint32_t timeout_s;
};

/* Which bans of other hosts are taken; the first that has host and rule decides. */
struct image_trust {
	struct span hosts;   /* IMAGE_STRINGS_LIST: globs */
	struct span rules;   /* IMAGE_STRINGS_LIST: names, "manual" too; n 0: all but "manual" */
	usec_t at_most;      /* no ban is longer */
	uint32_t per_minute; /* on the average of an hour, of one host */
	uint8_t len4, len6;  /* the widest prefixes: 24, 48 */
	uint8_t pad[2];
};

/* At most one. Paths are absolute, "" for none. */
struct image_fleet {
	str_t host;   /* this host's name in the fleet: [a-z0-9.-], at most IMAGE_HOST_MAX bytes */
	str_t server; /* Redis or Valkey: a name or an address */
	uint32_t port;
	uint8_t tls, share_all, pad[2];
	str_t server_name; /* in its certificate */
	str_t user, password_file;
	str_t ca_file, cert_file, key_file;
	str_t sign_file; /* private key, Ed25519, PEM: what this host says is signed */
	str_t keys_file; /* public keys, a line each: NAME BASE64; then nothing unsigned is believed
			  */
	str_t stream;    /* prefix of the streams' names */
	uint32_t bans_max;  /* of other hosts, in force at a time */
	usec_t keep;        /* age at which entries are trimmed */
	usec_t report;      /* how often this host reports */
	struct span share;  /* IMAGE_STRINGS_LIST: rules whose bans are given; share_all: all */
	struct span trusts; /* IMAGE_TRUSTS */
	usec_t probe_every; /* each pair of hosts; 0: never */
	uint32_t probe_per_second; /* questions */
	uint32_t pad2;
	struct span probe_within; /* IMAGE_PREFIXES: other addresses are never probed */
};

enum image_header_kind {
	HEADER_NONE,   /* patterns see the whole line */
	HEADER_SYSLOG, /* time, host, program[pid]: are cut and used */
};

struct image_filter {
	str_t name, about;
	struct span sources;  /* IMAGE_SOURCES, in order of preference */
	struct span programs; /* IMAGE_STRINGS_LIST: globs; n 0: no check */
	struct span patterns; /* IMAGE_PATTERNS: offences, forgive, ignore, remember, prefix */
	struct span examples; /* IMAGE_EXAMPLES */
	uint8_t all;          /* read all live sources, not the first */
	uint8_t builtin;      /* guardd's own (selfcheck) */
	/* Patterns see so many of the last lines at once, each line in steps (reader/steps.h);
	 * 0: this is no stepwise filter. */
	uint16_t lines;
	struct span dates; /* IMAGE_DATE_LISTS, of a stepwise filter: tried in this order */
};

#define IMAGE_LINES_MAX 200

/* One source of one filter. The same path may stand in several; the reader reads it once. */
struct image_source {
	uint32_t filter; /* IMAGE_FILTERS */
	uint8_t kind;    /* enum source_kind */
	uint8_t header;  /* enum image_header_kind */
	uint8_t pad[2];
	uint32_t entry; /* sources of one `sources:` item share this number: alive together */
	uint32_t zone;  /* IMAGE_ZONES */
	str_t path; /* file: path or glob; docker: directory of containers; journal: directory or ""
		     */
	struct span units; /* IMAGE_STRINGS_LIST: journal units; docker: name globs */
	struct span
	    labels; /* IMAGE_STRINGS_LIST: journal identifiers; docker: labels KEY or KEY=VALUE */
	struct span facilities; /* IMAGE_STRINGS_LIST: journal: syslog facility numbers as text */
};

enum pattern_kind {
	PATTERN_OFFENCE,
	PATTERN_FORGIVE,
	PATTERN_IGNORE,
	PATTERN_REMEMBER,
	PATTERN_PREFIX, /* of a stepwise filter, at most one */
};

struct image_pattern {
	uint32_t filter;
	uint8_t kind; /* enum pattern_kind */
	uint8_t caseless;
	uint16_t points;
	str_t regex; /* placeholders expanded; compile with PATTERN_PCRE2_OPTIONS (reader/match.h),
			in a stepwise filter as reader/step_regex.h says */
	str_t written; /* as the file has it */
	str_t file;    /* where it stands */
	uint32_t line, column;
	/* IMAGE_LITERALS: every matching line holds at least one of these; n 0: none known, so the
	 * pattern is tried on every line of the filter's sources. */
	struct span literals;
};

struct image_literal {
	str_t text; /* 3 bytes or more */
	uint16_t len;
	uint8_t caseless; /* then text is in lower case */
	uint8_t pad;
};

/* A form that a date may have, with named groups for its parts; group 1 is what is cut out. */
struct image_date {
	str_t regex;      /* compile as reader/dates.h says */
	str_t written;    /* the template it was made of */
	uint8_t anchored; /* to the line's start or end */
	uint8_t pad[3];
};

struct image_example {
	uint32_t filter;
	uint8_t whole;    /* 1: `log:`, header included; 0: `line:`, what the patterns see */
	uint8_t gives;    /* 1: an offence by addr, 0: none */
	uint8_t forgives; /* 1: a forgive pattern with addr */
	uint8_t has_points, has_user, has_time;
	uint16_t points;
	struct addr addr;
	uint8_t pad[3];
	str_t user;
	usec_t time;
	struct span lines; /* IMAGE_STRINGS_LIST: in order, the last one gives */
	str_t file;
	str_t source_line; /* the YAML line itself, for the caret */
	uint32_t line, column;
};

struct image_service {     /* ports of one or more rules with scope service */
	str_t name;        /* of the first rule that has these ports: [a-z0-9-], at most 15 bytes */
	struct span ports; /* IMAGE_PORTS */
};

struct image_port {
	uint8_t proto; /* IPPROTO_* */
	uint8_t pad;
	uint16_t low, high;
};

struct image_rule {
	str_t name;
	uint32_t points; /* threshold */
	usec_t within, duration;
	uint32_t factor_milli; /* escalation: 2000 doubles; 1000: none */
	uint32_t prefix_hosts; /* hosts banned in one prefix that ban it; 0: never */
	usec_t duration_max;   /* ceiling of escalation */
	usec_t forget;         /* a former ban counts this long after its end */
	uint8_t forgive, distinct_user, dry_run, builtin;
	uint8_t prefix_len4, prefix_len6; /* 24, 48 */
	/* "fleet/NAME": for the bans of other hosts' rule NAME; counts no filter, has the scope and
	 * never_ban of this host's rule of that name. */
	uint8_t foreign;
	uint8_t pad;
	uint32_t scope;      /* 0: host; n: IMAGE_SERVICES n-1 */
	struct span filters; /* IMAGE_RULE_FILTERS */
	struct span never;   /* IMAGE_PREFIXES: beside the settings' */
};

enum expose_listeners {
	EXPOSE_OPTIONAL, /* nothing listening makes a gap latent */
	EXPOSE_REQUIRED, /* nothing listening is a finding */
	EXPOSE_UNNAMED,  /* the rule is for every listener that no other expose rule names */
};

/* Who may reach which ports (rules/, expose:). */
struct image_expose {
	str_t name;
	struct span ports;     /* IMAGE_PORTS; n 0 with EXPOSE_UNNAMED */
	struct span plaintext; /* IMAGE_PORTS: those that carry plain text */
	struct span
	    allowed; /* IMAGE_PREFIXES: only, flattened; this host's own addresses always are */
	struct span groups;  /* IMAGE_STRINGS_LIST: only, as written */
	struct span inside;  /* IMAGE_STRINGS_LIST: globs of interfaces whose hosts may reach it */
	struct span hosts;   /* IMAGE_HOSTS: named hosts of the allowed groups */
	struct addr address; /* this local address only; family 0: all */
	uint8_t listeners;   /* enum expose_listeners */
	uint8_t containers;  /* containers' own addresses and published ports, too */
	uint8_t pad[5];
	str_t interface; /* packets that come in by this one only; "": all */
	str_t file;
	uint32_t line;
};

/* A named host of a group: in the inventory with how many addresses of each family. */
struct image_host {
	str_t name, group;
	uint32_t n4, n6;
};

struct image_group {
	str_t name;
	struct span prefixes; /* IMAGE_PREFIXES */
};

struct image_prefix {
	struct prefix prefix;
	uint8_t pad;
	str_t name; /* of the host or group it came from */
};

struct image_zone {
	str_t name;              /* "" is the machine's own */
	struct span transitions; /* IMAGE_TRANSITIONS, ascending; the first holds for all before */
};

struct image_transition {
	int64_t from;   /* seconds of the epoch */
	int32_t offset; /* seconds east of UTC */
	int32_t pad;
};

enum image_section {
	IMAGE_STRINGS,      /* char */
	IMAGE_STRINGS_LIST, /* str_t */
	IMAGE_SETTINGS,     /* exactly one */
	IMAGE_FILTERS,
	IMAGE_SOURCES,
	IMAGE_PATTERNS,
	IMAGE_LITERALS,
	IMAGE_EXAMPLES,
	IMAGE_RULES,
	IMAGE_RULE_FILTERS, /* uint32_t: index into IMAGE_FILTERS */
	IMAGE_SERVICES,
	IMAGE_PORTS,
	IMAGE_GROUPS,
	IMAGE_PREFIXES,
	IMAGE_ZONES,
	IMAGE_TRANSITIONS,
	IMAGE_EXPOSES,
	IMAGE_HOSTS,
	IMAGE_DATES,
	IMAGE_DATE_LISTS, /* uint32_t: index into IMAGE_DATES */
	IMAGE_CHANNELS,
	IMAGE_FLEETS, /* at most one */
	IMAGE_TRUSTS,
	IMAGE_SECTIONS,
};

struct image_header {
	char magic[8];
	uint32_t version, size; /* of the whole, bytes */
	usec_t made;
	struct {
		uint32_t offset, count; /* offset in bytes, 8-aligned; count in items */
	} sections[IMAGE_SECTIONS];
};

struct image {
	const struct image_header *head;
	const char *strings;
	const str_t *lists;
	const struct image_settings *settings;
	const struct image_filter *filters;
	const struct image_source *sources;
	const struct image_pattern *patterns;
	const struct image_literal *literals;
	const struct image_example *examples;
	const struct image_rule *rules;
	const uint32_t *rule_filters;
	const struct image_service *services;
	const struct image_port *ports;
	const struct image_group *groups;
	const struct image_prefix *prefixes;
	const struct image_zone *zones;
	const struct image_transition *transitions;
	const struct image_expose *exposes;
	const struct image_host *hosts;
	const struct image_date *dates;
	const uint32_t *date_lists;
	const struct image_channel *channels;
	const struct image_fleet *fleet; /* NULL: none is configured */
	const struct image_trust *trusts;
};

/* Size of one item of a section, in bytes. */
uint32_t image_item_size(enum image_section s);
/* Maps fd (which stays the caller's) and checks it all; -EINVAL when anything is out of bounds. */
int image_open(struct image *out, int fd);
void image_close(struct image *img);
uint32_t image_count(const struct image *img, enum image_section s);

/* True when one of these IMAGE_PREFIXES holds a. */
bool image_covers(const struct image *img, struct span prefixes, const struct addr *a);

static inline const char *
image_str(const struct image *img, str_t s)
{
	return img->strings + s;
}

static inline const char *
image_list(const struct image *img, struct span s, uint32_t i)
{
	return img->strings + img->lists[s.first + i];
}
