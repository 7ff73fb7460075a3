/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "prover/report.h"

#define ADDRESSES_MAX 128
/* More than the longest entry of either list, and what closes the object. */
#define ENTRY_ROOM 768
/* Bytes; each may take six. */
#define UNIT_SHOWN    64
#define PROCESS_SHOWN 16

static bool
has_room(const struct json *j)
{
	return j->out->len + ENTRY_ROOM <= PROOF_INVENTORY_MAX;
}

/* Others can send to it: not of one link, nor of this machine alone. */
static bool
is_shown(const struct local_addr *a)
{
	return a->scope < RT_SCOPE_LINK && !(a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

static void
put_addresses(struct json *j, const struct world *w)
{
	uint32_t n = 0, more = 0;
	char text[ADDR_TEXT_MAX];

	json_list_begin(j, "addresses");
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *a = &w->addrs[i];
		const struct iface *f = world_iface(w, a->iface);

		if (!f || !(f->flags & IFF_UP) || !is_shown(a))
			continue;
		if (n == ADDRESSES_MAX || !has_room(j)) {
			more++;
			continue;
		}
		n++;
		json_object_begin(j, NULL);
		json_text(j, "address", addr_format(&a->addr, text));
		json_text(j, "interface", f->name);
		json_int(j, "family", a->addr.family);
		json_object_end(j);
	}
	json_list_end(j);
	json_int(j, "addresses_more", more);
}

static const char *
text_of(const char *text)
{
	return text ? text : "";
}

/* Workers that share a port are one. */
static bool
same_listener(const struct listener *a, const struct listener *b)
{
	return a->proto == b->proto && a->port == b->port && a->family == b->family &&
	       a->any == b->any && a->v6only == b->v6only && addr_equal(&a->addr, &b->addr) &&
	       a->netns == b->netns && !strcmp(text_of(a->unit), text_of(b->unit)) &&
	       !strcmp(text_of(a->process), text_of(b->process));
}

static void
put_listener(struct json *j, const struct listener *l)
{
	struct addr any = {.family = l->family};
	char text[ADDR_TEXT_MAX];

	json_object_begin(j, NULL);
	json_text(j, "proto", proto_name(l->proto));
	json_int(j, "port", l->port);
	json_int(j, "family", l->family);
	json_text(j, "address", addr_format(l->any ? &any : &l->addr, text));
	if (l->family == 6)
		json_bool(j, "v6only", l->v6only);
	json_bytes(j, "unit", text_of(l->unit), strnlen(text_of(l->unit), UNIT_SHOWN));
	json_bytes(j, "process", text_of(l->process), strnlen(text_of(l->process), PROCESS_SHOWN));
	json_object_end(j);
}

/* Those of this namespace, on loopback or not; how many had no room. */
static uint32_t
put_listeners_of(struct json *j, const struct world *w, bool loopback)
{
	const struct listener *last = NULL;
	uint32_t more = 0;

	for (uint32_t i = 0; i < w->n_listeners; i++) {
		const struct listener *l = &w->listeners[i];

		if (l->netns || listener_is_loopback(l) != loopback ||
		    (last && same_listener(l, last)))
			continue;
		last = l;
		if (has_room(j))
			put_listener(j, l);
		else
			more++;
	}
	return more;
}

void
report_inventory(struct strbuf *out, const struct world *w)
{
	uint32_t more;
	struct json j;

	json_begin(&j, out);
	put_addresses(&j, w);
	json_list_begin(&j, "listeners");
	more = put_listeners_of(&j, w, false);
	more += put_listeners_of(&j, w, true);
	json_list_end(&j);
	json_int(&j, "listeners_more", more);
	json_end(&j);
	/* json_end ends the line, too. */
	out->text[--out->len] = '\0';
}
