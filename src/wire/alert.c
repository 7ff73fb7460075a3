/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/alert.h"

static const char *const kinds[ALERT_KINDS] = {
    [ALERT_NONE] = "none",
    [ALERT_GAP] = "exposure-gap",
    [ALERT_SHUT_OUT] = "shut-out",
    [ALERT_NO_PROOF] = "no-proof",
    [ALERT_PREFIX_BAN] = "prefix-ban",
    [ALERT_TABLE] = "table",
    [ALERT_BOOK] = "book",
    [ALERT_FULL] = "bans-full",
    [ALERT_REFUSED] = "kernel-refuses",
    [ALERT_STORM] = "ban-storm",
    [ALERT_LOST] = "source-lost",
    [ALERT_BEHIND] = "source-behind",
    [ALERT_LIMIT] = "not-examined",
    [ALERT_ROLE] = "role-restarted",
    [ALERT_GUARDD] = "guardd-gone",
    [ALERT_FLEET] = "fleet",
    [ALERT_FORGED] = "fleet-distrust",
    [ALERT_DISAGREE] = "probe-disagrees",
    [ALERT_CHANNEL] = "channel",
    [ALERT_TEST] = "test",
};

static const char *const severities[SEVERITIES] = {
    [SEVERITY_INFO] = "info",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_CRITICAL] = "critical",
};

const char *
alert_kind_name(unsigned kind)
{
	return kind < ALERT_KINDS ? kinds[kind] : "unknown";
}

const char *
alert_severity_name(unsigned severity)
{
	return severity < SEVERITIES ? severities[severity] : "unknown";
}
