/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/requests.h"

#define SERIAL_MASK 0xffffu

/* Bit 30 of an id is the self check's, bit 29 is of bans that end (judge/drops.c). */
static uint32_t
id_of(const struct request *q, const struct page *p, unsigned index)
{
	return ENFORCE_ASKED | request_index(q) << 24 | (p->serial & SERIAL_MASK) << 8 | index;
}

void
page_begin(struct page *p)
{
	p->serial++;
	p->n = p->open = 0;
}

void
page_add(struct request *q, struct page *p, uint32_t slot)
{
	struct court *c = request_context(q);
	unsigned index = p->n++;

	p->entries[index] = (struct page_entry){.slot = slot};
	if (enforce_holds(c->enforce, bans_get(c->bans, slot)) &&
	    enforce_look_up(c->enforce, slot, id_of(q, p, index)) == 0)
		p->open++;
}

bool
page_answer(const struct request *q, struct page *p, const struct msg *m)
{
	unsigned index = m->id & 0xff;
	struct page_entry *e;

	if (m->type != MSG_FOUND_BAN || index >= p->n || m->id != id_of(q, p, index) ||
	    p->entries[index].answered)
		return false;
	e = &p->entries[index];
	e->answered = true;
	e->there = m->u.banned.status == 0;
	e->packets = m->u.banned.packets;
	e->bytes = m->u.banned.bytes;
	if (p->open == 0)
		return false;
	return --p->open == 0;
}
