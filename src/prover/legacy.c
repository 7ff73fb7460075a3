/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/legacy.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

/* Targets that let the packet be, as far as a new connection's way in goes. */
static const char *const harmless[] = {XT_ERROR_TARGET, "LOG", "NFLOG", "ULOG", "TCPMSS", "TRACE",
    "CHECKSUM", "AUDIT", "LED", "RATEEST", "IDLETIMER", "SNAT", "MASQUERADE", "CLASSIFY", "TEE",
    "CONNSECMARK", "SECMARK", "ACCOUNT"};

static const char *const dropping[] = {"REJECT", "DROP", "TARPIT"};

static bool
is_one_of(const char *name, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, v[i]) == 0)
			return true;
	return false;
}

/* Verdicts are -NF_X - 1; from 0 on they are jumps, whose rules come by themselves. */
static int
verdict_effect(int32_t verdict)
{
	return verdict == -NF_DROP - 1 || verdict == -NF_QUEUE - 1 || verdict == -NF_STOLEN - 1
		   ? LEGACY_DROPS
		   : 0;
}

static int
target_effect(const char *bytes, size_t n)
{
	struct xt_entry_target head;
	char name[sizeof(head.u.user.name) + 1] = {0};
	int32_t verdict;

	if (n < sizeof(head))
		return LEGACY_DROPS | LEGACY_ACCEPTS;
	memcpy(&head, bytes, sizeof(head));
	memcpy(name, head.u.user.name, sizeof(head.u.user.name));
	if (!*name) {
		if (n < sizeof(head) + sizeof(verdict))
			return LEGACY_DROPS | LEGACY_ACCEPTS;
		memcpy(&verdict, bytes + sizeof(head), sizeof(verdict));
		return verdict_effect(verdict);
	}
	if (is_one_of(name, harmless, sizeof(harmless) / sizeof(*harmless)))
		return 0;
	if (is_one_of(name, dropping, sizeof(dropping) / sizeof(*dropping)))
		return LEGACY_DROPS;
	return LEGACY_DROPS | LEGACY_ACCEPTS;
}

int
legacy_effect(const struct dump_legacy *l, size_t n, uint8_t family)
{
	const char *p = (const char *)(l + 1);
	size_t head = family == 6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
	size_t place = family == 6 ? offsetof(struct ip6t_entry, target_offset)
				   : offsetof(struct ipt_entry, target_offset);
	int effect = 0;

	if (l->num_entries && !n)
		return LEGACY_DROPS | LEGACY_ACCEPTS;
	while (n) {
		uint16_t at[2]; /* target_offset, next_offset */

		if (n < head)
			return LEGACY_DROPS | LEGACY_ACCEPTS;
		memcpy(at, p + place, sizeof(at));
		if (at[0] < head || at[1] <= at[0] || at[1] > n)
			return LEGACY_DROPS | LEGACY_ACCEPTS;
		effect |= target_effect(p + at[0], at[1] - at[0]);
		p += at[1];
		n -= at[1];
	}
	return effect;
}
