/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/msg.h"

#define G (1u << ROLE_GUARDD)
#define K (1u << ROLE_KEEPER)
#define R (1u << ROLE_READER)
#define J (1u << ROLE_JUDGE)
#define W (1u << ROLE_WATCHER)
#define H (1u << ROLE_HERALD)
#define U (1u << ROLE_RUNNER)

static const char *const role_names[ROLE_MAX] = {
    [ROLE_NONE] = "none",
    [ROLE_GUARDD] = "guardd",
    [ROLE_KEEPER] = "guardd-keeper",
    [ROLE_READER] = "guardd-reader",
    [ROLE_JUDGE] = "guardd-judge",
    [ROLE_WATCHER] = "guardd-watcher",
    [ROLE_HERALD] = "guardd-herald",
    [ROLE_RUNNER] = "guardd-runner",
};

static const struct {
	const char *name;
	struct msg_rule rule;
} msg_table[MSG_TYPE_MAX] = {
    [MSG_PING] = {"PING", {G | U, K | R | J | W | H, 0}},
    [MSG_PONG] = {"PONG", {K | R | J | W | H, G | U, 0}},
    [MSG_READY] = {"READY", {K | R | J | W | H, G | U, 0}},
    [MSG_STOP] = {"STOP", {G | U, K | R | J | W | H, 0}},
    [MSG_PEER] = {"PEER", {G, K | R | J, 1}},
    [MSG_CONFIG] = {"CONFIG", {G | J, K | J | H | U, 1}},
    [MSG_BROKEN] = {"BROKEN", {K | J, G, 0}},
    [MSG_RELOAD] = {"RELOAD", {J, G, 0}},
    [MSG_RELOADED] = {"RELOADED", {G, J, 1}},
    [MSG_HELLO] = {"HELLO", {R, K, 0}},
    [MSG_INOTIFY] = {"INOTIFY", {K, R, 1}},
    [MSG_SCAN] = {"SCAN", {R, K, 0}},
    [MSG_NAME] = {"NAME", {K, R, 0}},
    [MSG_OPENED] = {"OPENED", {K, R, 2}},
    [MSG_SCANNED] = {"SCANNED", {K, R, 0}},
    [MSG_WATCHED] = {"WATCHED", {K, R, 0}},
    [MSG_FIND] = {"FIND", {R, K, 0}},
    [MSG_FOUND] = {"FOUND", {K, R, 2}},
    [MSG_OFFENCE] = {"OFFENCE", {R, J, 0}},
    [MSG_FORGIVE] = {"FORGIVE", {R, J, 0}},
    [MSG_POSITION] = {"POSITION", {R | J, R | J, 0}},
    [MSG_POSITIONS_END] = {"POSITIONS_END", {J, R, 0}},
    [MSG_GATEWAY] = {"GATEWAY", {R, J, 0}},
    [MSG_BAN] = {"BAN", {J, K, 0}},
    [MSG_BANNED] = {"BANNED", {K, J, 0}},
    [MSG_UNBAN] = {"UNBAN", {J, K, 0}},
    [MSG_UNBANNED] = {"UNBANNED", {K, J, 0}},
    [MSG_LOOKUP] = {"LOOKUP", {J, K, 0}},
    [MSG_FOUND_BAN] = {"FOUND_BAN", {K, J, 0}},
    [MSG_RESYNC] = {"RESYNC", {K, J, 0}},
    [MSG_SYNCED] = {"SYNCED", {J, K, 0}},
    [MSG_OWN_BEGIN] = {"OWN_BEGIN", {K, J, 0}},
    [MSG_OWN] = {"OWN", {K, J, 0}},
    [MSG_OWN_END] = {"OWN_END", {K, J, 0}},
    [MSG_DUMP] = {"DUMP", {W, G, 2}},
    [MSG_PROOF] = {"PROOF", {G | J, J | H, 2}},
    [MSG_PROVE] = {"PROVE", {J | G, G | W, 0}},
    [MSG_SHADOW] = {"SHADOW", {J, G, 0}},
    [MSG_SHADOWED] = {"SHADOWED", {G, J, 2}},
    [MSG_GREET] = {"GREET", {H | U, J, 0}},
    [MSG_STATS] = {"STATS", {J, H, 1}},
    [MSG_FIGURES] = {"FIGURES", {J, H, 1}},
    [MSG_ALERT] = {"ALERT", {J, H, 0}},
    [MSG_STANDING] = {"STANDING", {J, H, 0}},
    [MSG_TEXT] = {"TEXT", {J | H, H | J, 0}},
    [MSG_GIVE] = {"GIVE", {J, H, 0}},
    [MSG_GIVEN] = {"GIVEN", {J, H, 0}},
    [MSG_LIFT] = {"LIFT", {J, H, 0}},
    [MSG_TAKE] = {"TAKE", {H, J, 0}},
    [MSG_DROP] = {"DROP", {H, J, 0}},
    [MSG_TAKEN] = {"TAKEN", {J, H, 0}},
    [MSG_RUN] = {"RUN", {H, U, 1}},
    [MSG_RAN] = {"RAN", {U, H, 2}},
};

const char *
role_name(enum role r)
{
	return (unsigned)r < ROLE_MAX ? role_names[r] : "unknown";
}

const struct msg_rule *
msg_rule(unsigned type)
{
	if (type >= MSG_TYPE_MAX || !msg_table[type].name)
		return NULL;
	return &msg_table[type].rule;
}

const char *
msg_name(unsigned type)
{
	return msg_rule(type) ? msg_table[type].name : "unknown";
}
