/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "prover/report.h"

struct wire {
	struct proof_cell *cells;
	struct strbuf text;
	size_t room; /* of the text */
};

/* Appends a text with its NUL; a trailing newline goes. */
static uint32_t
put_text(struct wire *w, const char *text, size_t n)
{
	uint32_t at = (uint32_t)w->text.len;

	if (n && text[n - 1] == '\n')
		n--;
	strbuf_add(&w->text, text, n);
	strbuf_add(&w->text, "", 1);
	return at;
}

static void
put_json(struct wire *w, struct proof_cell *out, const struct check *c, const struct cell *cell)
{
	_cleanup_(strbuf_fini) struct strbuf json = {0};

	report_cell(&json, c, cell, true);
	if (w->text.len + json.len + 1 > w->room) {
		strbuf_reset(&json);
		report_cell(&json, c, cell, false);
	}
	out->json = w->text.len + json.len + 1 > w->room ? 0 : put_text(w, json.text, json.len);
}

static void
put_cell(struct wire *w, struct proof_cell *out, const struct check *c, const struct cell *cell)
{
	const struct finding *f = cell->findings.items;

	*out = (struct proof_cell){.kind = cell->kind,
	    .state = cell->state,
	    .family = cell->family,
	    .proto = cell->proto,
	    .port = cell->port,
	    .port_high = cell->port_high,
	    .key = cell->key,
	    .print = cell->print};
	if (cell->findings.n)
		out->witness = f[0].witness;
	out->rule = put_text(w, cell->name, strlen(cell->name));
	out->text = put_text(w, cell->text, strlen(cell->text));
	put_json(w, out, c, cell);
}

static int
write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t got = write(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static int
write_wire(int fd, const struct wire *w, const struct proof_header *h)
{
	int r = write_all(fd, h, sizeof(*h));

	if (r == 0)
		r = write_all(fd, w->cells, h->n * sizeof(*w->cells));
	return r < 0 ? r : write_all(fd, w->text.text, w->text.len);
}

int
report_wire(int fd, const struct check *c, const struct dump *d)
{
	const struct cell *cells = c->cells.items;
	size_t n = c->cells.n, fixed = sizeof(struct proof_header) + n * sizeof(struct proof_cell);
	_cleanup_(freep) struct proof_cell *room = calloc(n ? n : 1, sizeof(*room));
	_cleanup_(strbuf_fini) struct strbuf head = {0}, inventory = {0};
	struct wire w = {.cells = room};
	struct proof_header h = {.magic = PROOF_MAGIC,
	    .version = PROOF_VERSION,
	    .n = (uint32_t)n,
	    .cells = sizeof(struct proof_header),
	    .text = (uint32_t)fixed};
	int r;

	_Static_assert(sizeof(struct proof_header) % 8 == 0, "cells are 8-aligned");
	if (!room)
		return -ENOMEM;
	if (fixed > PROOF_MAX / 2)
		return -EFBIG;
	/* Every cell keeps room for its name and sentence. */
	w.room = PROOF_MAX - fixed - n * 512;
	put_text(&w, "", 0);
	report_head(&head, c, d);
	h.head = put_text(&w, head.text, head.len);
	report_inventory(&inventory, c->world);
	h.inventory = put_text(&w, inventory.text, inventory.len);
	for (size_t i = 0; i < n; i++)
		put_cell(&w, &room[i], c, &cells[i]);
	h.size = (uint32_t)(fixed + w.text.len);
	if (d) {
		h.made = d->head->made;
		h.changed = d->head->changed;
		h.changer_pid = d->head->changer_pid;
		memcpy(h.changer, d->head->changer, sizeof(h.changer));
		h.changer[sizeof(h.changer) - 1] = 0;
	}
	r = h.size > PROOF_MAX ? -EFBIG : write_wire(fd, &w, &h);
	strbuf_fini(&w.text);
	return r;
}
