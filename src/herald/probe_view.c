/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_view.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define CELLS_STEP 64

void
view_fini(struct view *v)
{
	free(v->cells);
	*v = (struct view){0};
}

void
view_add(struct view *v, const struct view_cell *c)
{
	if (v->n == VIEW_CELLS)
		return;
	if (v->n % CELLS_STEP == 0) {
		struct view_cell *more = reallocarray(v->cells, v->n + CELLS_STEP, sizeof(*more));

		if (!more)
			return;
		v->cells = more;
	}
	v->cells[v->n++] = *c;
	v->print += hash_bytes(&hash_stable, c, sizeof(*c));
}

bool
view_has(const struct view_cell *c, const struct probe_row *r)
{
	return c->proto == r->proto && c->family == r->to.family && c->port <= r->port &&
	       r->port <= c->port_high;
}

void
view_from_proof(struct view *v, const struct proof *p)
{
	*v = (struct view){.proven = true, .made = p->head->made};
	for (uint32_t i = 0; i < p->head->n; i++) {
		const struct proof_cell *from = &p->cells[i];
		struct view_cell c = {.state = from->state,
		    .proto = from->proto,
		    .family = from->family,
		    .port = from->port,
		    .port_high = from->port_high};

		if (from->kind != PROOF_PORT)
			continue;
		strncpy(c.rule, p->text + from->rule, sizeof(c.rule) - 1);
		view_add(v, &c);
	}
}

/* --- reports --- */

static bool
read_state(uint8_t *out, const char *text)
{
	for (unsigned i = 0; text && i < PROOF_STATES; i++)
		if (strcmp(proof_state_name(i), text) == 0) {
			*out = (uint8_t)i;
			return true;
		}
	return false;
}

static bool
read_port(uint16_t *out, json_t *o, const char *key, json_int_t otherwise)
{
	json_t *p = json_object_get(o, key);
	json_int_t port = p ? json_integer_value(p) : otherwise;

	*out = (uint16_t)port;
	return port >= 0 && port <= 65535;
}

static bool
read_cell(struct view_cell *out, json_t *o)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} protos[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};
	const char *rule = json_string_value(json_object_get(o, "rule"));
	const char *proto = json_string_value(json_object_get(o, "proto"));
	json_int_t family = json_integer_value(json_object_get(o, "family"));

	*out = (struct view_cell){.family = (uint8_t)family};
	if (!rule || !proto || strlen(rule) >= sizeof(out->rule) || (family != 4 && family != 6))
		return false;
	strcpy(out->rule, rule);
	for (size_t i = 0; i < sizeof(protos) / sizeof(*protos); i++)
		if (strcmp(protos[i].name, proto) == 0)
			out->proto = protos[i].proto;
	return out->proto &&
	       read_state(&out->state, json_string_value(json_object_get(o, "state"))) &&
	       read_port(&out->port, o, "port", -1) &&
	       read_port(&out->port_high, o, "port_high", out->port);
}

void
view_from_report(struct view *v, const char *text, size_t n, usec_t at)
{
	json_error_t err;
	json_t *root = text && n <= FLEET_REPORT_MAX ? json_loadb(text, n, 0, &err) : NULL, *o;
	const char *exposure = json_string_value(json_object_get(root, "exposure"));
	json_int_t age = json_integer_value(json_object_get(root, "proof_age_s"));
	struct view_cell c;
	size_t i;

	*v = (struct view){.proven = exposure && strcmp(exposure, "unknown") != 0};
	if (age < 0 || age > at / USEC_PER_SEC)
		age = 0;
	v->made = at - age * USEC_PER_SEC;
	json_array_foreach(json_object_get(root, "cells"), i, o)
	{
		if (v->proven && read_cell(&c, o))
			view_add(v, &c);
	}
	json_decref(root);
}

/* --- addresses --- */

static bool
is_asked(const struct addr *a)
{
	const uint8_t *b = a->bytes;

	if (a->family == 4)
		return b[0] != 0 && b[0] != 127 && b[0] < 224 && !(b[0] == 169 && b[1] == 254);
	for (int i = 0; i < 15; i++)
		if (b[i])
			return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
	return b[15] > 1;
}

static bool
is_among(const struct addr *list, uint32_t n, const struct addr *a)
{
	for (uint32_t i = 0; i < n; i++)
		if (addr_equal(&list[i], a))
			return true;
	return false;
}

uint32_t
view_addresses(struct addr out[TABLE_ADDRESSES], const char *text, size_t n)
{
	json_error_t err;
	json_t *root = text && n <= FLEET_REPORT_MAX ? json_loadb(text, n, 0, &err) : NULL, *o;
	uint32_t found = 0;
	size_t i;

	json_array_foreach(json_object_get(root, "addresses"), i, o)
	{
		const char *a = json_string_value(json_object_get(o, "address"));

		if (found == TABLE_ADDRESSES)
			break;
		if (a && !strchr(a, '%') && addr_parse(&out[found], a, strlen(a)) == 0 &&
		    is_asked(&out[found]) && !is_among(out, found, &out[found]))
			found++;
	}
	json_decref(root);
	return found;
}
