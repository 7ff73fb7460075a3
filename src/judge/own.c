/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/own.h"

#include <errno.h>
#include <string.h>

#define SITE_BITS 64 /* an IPv6 source is its /64: the least a customer is given */

void
own_init(struct own *o)
{
	memset(o, 0, sizeof(*o));
	prefixset_init(&o->never);
	prefixset_init(&o->proxies);
}

void
own_fini(struct own *o)
{
	free(o->entries);
	free(o->coming);
	prefixset_fini(&o->never);
	prefixset_fini(&o->proxies);
	own_init(o);
}

static int
add_span(struct prefixset *to, const struct image *img, struct span from)
{
	for (uint32_t i = 0; i < from.n; i++) {
		int r = prefixset_add(to, &img->prefixes[from.first + i].prefix);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The new set takes the place of the old one only when it is whole: half a list would ban friends.
 */
int
own_load(struct own *o, const struct image *img)
{
	_cleanup_(prefixset_fini) struct prefixset never = {0}, proxies = {0};
	struct prefixset old;
	int r = add_span(&never, img, img->settings->never);

	for (uint32_t i = 0; r == 0 && i < o->n; i++)
		r = prefixset_add(&never, &o->entries[i].prefix);
	if (r == 0)
		r = add_span(&proxies, img, img->settings->proxies);
	if (r < 0)
		return r;
	prefixset_seal(&never);
	prefixset_seal(&proxies);
	old = o->never;
	o->never = never;
	never = old;
	old = o->proxies;
	o->proxies = proxies;
	proxies = old;
	return 0;
}

void
own_begin(struct own *o)
{
	free(o->coming);
	o->coming = NULL;
	o->n_coming = 0;
}

int
own_add(struct own *o, const struct prefix *p, uint8_t kind)
{
	if (o->n_coming >= OWN_MAX)
		return -ENOSPC;
	if (o->n_coming % 32 == 0) {
		struct own_entry *e = reallocarray(o->coming, o->n_coming + 32, sizeof(*o->coming));

		if (!e)
			return -ENOMEM;
		o->coming = e;
	}
	o->coming[o->n_coming++] = (struct own_entry){*p, kind};
	return 0;
}

int
own_end(struct own *o, const struct image *img)
{
	free(o->entries);
	o->entries = o->coming;
	o->n = o->n_coming;
	o->coming = NULL;
	o->n_coming = 0;
	return own_load(o, img);
}

bool
own_hides_source(const struct own *o, const struct addr *a)
{
	if (prefixset_has(&o->proxies, a))
		return true;
	for (uint32_t i = 0; i < o->n; i++)
		if (o->entries[i].kind != OWN_RESOLVER && prefix_has(&o->entries[i].prefix, a))
			return true;
	return false;
}

bool
own_tell(struct own *o, const struct addr *a, usec_t now)
{
	return told_now(&o->told, hash_bytes(&hash_stable, a, sizeof(*a)), now);
}

struct prefix
own_source(const struct own *o, const struct addr *a)
{
	struct prefix site;

	if (a->family == 4)
		return prefix_host(a);
	site = prefix_of(a, SITE_BITS);
	return prefixset_touches(&o->never, &site) ? prefix_host(a) : site;
}
