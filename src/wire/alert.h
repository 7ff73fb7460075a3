/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What people are told of: kinds, severities and phases of alerts. A subject is what an alert is
 * about ("ldap tcp/389 IPv6"); kind and subject together have one state. Comes in from the judge
 * (struct msg_alert) and from the herald's own parts.
 */
#pragma once

#include <stdint.h>

#define ALERT_SUBJECT_MAX 256  /* bytes with the NUL */
#define ALERT_WORDS_MAX   2048 /* bytes with the NUL */

enum alert_kind {
	ALERT_NONE,
	/* told by the judge */
	ALERT_GAP,        /* exposure: others reach a port, or a lesser finding */
	ALERT_SHUT_OUT,   /* exposure: an infrastructure host is refused */
	ALERT_NO_PROOF,   /* exposure cannot be proven */
	ALERT_PREFIX_BAN, /* a network was banned */
	ALERT_TABLE,      /* the kernel's table was changed by others, or lost, and repaired */
	ALERT_BOOK,       /* the book is damaged, or cannot be written */
	ALERT_FULL,       /* as many bans are in force as there may be */
	ALERT_REFUSED,    /* the kernel refuses bans */
	/* worked out by the herald from counters */
	ALERT_STORM,  /* more bans a minute than alerts.storm */
	ALERT_LOST,   /* a source lost lines or cannot be read */
	ALERT_BEHIND, /* a source is not read to its end */
	ALERT_LIMIT,  /* lines were not examined: a match limit, or too long */
	ALERT_ROLE,   /* a process of guardd was started again */
	ALERT_GUARDD, /* guardd does not run */
	/* of the herald itself */
	ALERT_FLEET,    /* the fleet's server cannot be used */
	ALERT_FORGED,   /* entries of the fleet that are not believed */
	ALERT_DISAGREE, /* a probe from outside says other than the proof */
	ALERT_CHANNEL,  /* a channel lost alerts */
	ALERT_TEST,
	ALERT_KINDS,
};

enum alert_severity {
	SEVERITY_INFO,
	SEVERITY_WARNING,
	SEVERITY_CRITICAL,
	SEVERITIES,
};

enum alert_phase {
	ALERT_RAISED, /* it stands, or still stands with other words or severity */
	ALERT_ENDED,
	ALERT_MOMENT, /* happened; has no end */
	ALERT_PHASES,
};

const char *alert_kind_name(unsigned kind);         /* "exposure-gap", ...; "unknown" */
const char *alert_severity_name(unsigned severity); /* "info", "warning", "critical" */
