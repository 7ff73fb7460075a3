/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/origin.h"

#include "wire/msg.h"

int
origin_init(struct prefixset *set, const struct image *img)
{
	struct span proxies = img->settings->proxies;

	prefixset_init(set);
	for (uint32_t i = 0; i < proxies.n; i++) {
		int r = prefixset_add(set, &img->prefixes[proxies.first + i].prefix);

		if (r < 0)
			return r;
	}
	prefixset_seal(set);
	return 0;
}

unsigned
origin_type(const struct prefixset *set, enum pattern_kind kind, const struct addr *a)
{
	bool proxy = prefixset_has(set, a);

	if (kind == PATTERN_FORGIVE)
		return proxy ? MSG_NONE : MSG_FORGIVE;
	return proxy ? MSG_GATEWAY : MSG_OFFENCE;
}
