/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <string.h>

#include "herald/fleet_private.h"

#define CELLS_ROOM (FLEET_REPORT_MAX - PROOF_INVENTORY_MAX - 4096)

static enum proof_state
worst_state(const struct proof *p)
{
	enum proof_state worst = PROOF_PROVEN;

	for (uint32_t i = 0; i < p->head->n; i++) {
		if (p->cells[i].state > worst)
			worst = (enum proof_state)p->cells[i].state;
	}
	return worst;
}

static const char *
proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return "other";
	}
}

static void
add_cell(struct json *j, const struct proof *p, const struct proof_cell *c)
{
	json_object_begin(j, NULL);
	json_text(j, "rule", p->text + c->rule);
	json_text(j, "proto", proto_name(c->proto));
	json_int(j, "port", c->port);
	if (c->port_high != c->port)
		json_int(j, "port_high", c->port_high);
	json_int(j, "family", c->family);
	json_text(j, "state", proof_state_name((enum proof_state)c->state));
	json_object_end(j);
}

/* The worst first, as long as there is room. True: all had. */
static bool
add_cells(struct json *j, const struct proof *p)
{
	bool all = true;

	json_list_begin(j, "cells");
	for (int state = PROOF_STATES - 1; state >= 0; state--) {
		for (uint32_t i = 0; i < p->head->n; i++) {
			const struct proof_cell *c = &p->cells[i];

			if (c->kind != PROOF_PORT || c->state != state)
				continue;
			if (j->out->len > CELLS_ROOM)
				all = false;
			else
				add_cell(j, p, c);
		}
	}
	json_list_end(j);
	return all;
}

/* One member of the inventory, whose texts are other people's: parsed, and written anew. */
static void
add_member(struct json *j, json_t *inventory, const char *name)
{
	json_t *member = json_object_get(inventory, name);
	char *text = json_is_array(member) ? json_dumps(member, JSON_COMPACT) : NULL;

	if (!text)
		return;
	strbuf_printf(j->out, ",\"%s\":", name);
	strbuf_puts(j->out, text);
	free(text);
}

static bool
add_inventory(struct json *j, const struct proof *p)
{
	json_t *inventory = json_loads(proof_inventory(p), 0, NULL);
	bool all = json_integer_value(json_object_get(inventory, "addresses_more")) == 0 &&
		   json_integer_value(json_object_get(inventory, "listeners_more")) == 0;

	add_member(j, inventory, "addresses");
	if (j->out->len < FLEET_REPORT_MAX - 1024 - PROOF_INVENTORY_MAX / 2)
		add_member(j, inventory, "listeners");
	else
		all = false;
	json_decref(inventory);
	return all;
}

static uint64_t
refused(const struct fleet *f)
{
	uint64_t n = 0;

	for (unsigned i = TAKEN_NEVER; i < TAKEN_STATUSES; i++)
		n += i == TAKEN_OVER ? 0 : f->counts.taken[i];
	return n;
}

void
report_write(struct fleet *f, usec_t now, struct strbuf *out)
{
	const struct herald *h = f->herald;
	const struct proof *p = h->have_proof ? &h->proof : NULL;
	bool all = true;
	struct json j;

	strbuf_reset(out);
	json_begin(&j, out);
	json_text(&j, "version", GUARDD_VERSION);
	json_int(&j, "started", h->started / USEC_PER_SEC);
	json_int(&j, "given", (int64_t)f->counts.given);
	json_int(&j, "taken", (int64_t)f->counts.taken[TAKEN_DONE]);
	json_int(&j, "refused", (int64_t)refused(f));
	if (h->figures)
		json_int(&j, "bans", (int64_t)h->figures->bans);
	json_text(&j, "exposure", p ? proof_state_name(worst_state(p)) : "unknown");
	if (p) {
		json_int(&j, "proof_age_s", (now - p->head->made) / USEC_PER_SEC);
		all = add_cells(&j, p);
		all &= add_inventory(&j, p);
	}
	if (!all)
		json_bool(&j, "cut", true);
	json_end(&j);
	/* The line of an entry has no end of its own. */
	while (out->len > 0 && out->text[out->len - 1] == '\n')
		out->text[--out->len] = '\0';
}

uint64_t
report_print(const struct fleet *f)
{
	const struct proof *p = &f->herald->proof;
	uint64_t print = 1;

	if (!f->herald->have_proof)
		return 0;
	for (uint32_t i = 0; i < p->head->n; i++) {
		const struct proof_cell *c = &p->cells[i];
		const uint64_t part[3] = {print, c->key, c->state};

		print = hash_bytes(&hash_stable, part, sizeof(part));
	}
	return print;
}
