/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "herald/metrics_text.h"

static const struct metric proof_time = {"guardd_exposure_proof_time_seconds", METRIC_GAUGE,
    "seconds", "Of which time the proof is, seconds of the epoch."};
static const struct metric proof_age = {
    "guardd_exposure_proof_age_seconds", METRIC_GAUGE, "seconds", "How old the proof is."};
static const struct metric cells = {
    "guardd_exposure_cells", METRIC_GAUGE, NULL, "Cells of the proof that are in this state."};
static const struct metric state = {"guardd_exposure_state", METRIC_GAUGE, NULL,
    "0 proven, 1 latent, 2 depends, 3 shut out, 4 open: the worst of its findings."};

/* A row of the table: the labels of one cell or more, and the worst state of these. */
struct row {
	struct strbuf labels;
	unsigned state;
};

struct rows {
	struct row *items;
	size_t n;
};

static void
rows_fini(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		strbuf_fini(&r->items[i].labels);
	free(r->items);
}

static const char *
proto_name(uint8_t proto, char buf[static 8])
{
	static const char *const names[UINT8_MAX + 1] = {
	    [0] = "", [IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp", [IPPROTO_SCTP] = "sctp"};

	snprintf(buf, 8, "%u", proto);
	return names[proto] ? names[proto] : buf;
}

static void
write_labels(struct strbuf *out, const struct proof *proof, const struct proof_cell *c)
{
	char proto[8], port[16] = "";

	if (c->port_high > c->port)
		snprintf(port, sizeof(port), "%u-%u", c->port, c->port_high);
	else if (c->port)
		snprintf(port, sizeof(port), "%u", c->port);
	metrics_label_text(out, "rule", proof->text + c->rule);
	metrics_label_text(out, "kind", proof_kind_name((enum proof_kind)c->kind));
	metrics_label_text(out, "proto", proto_name(c->proto, proto));
	metrics_label_text(out, "port", port);
	metrics_label_text(out, "family", c->family == 4 ? "ipv4" : c->family == 6 ? "ipv6" : "");
}

static unsigned
state_of(const struct proof_cell *c)
{
	return c->state < PROOF_STATES ? c->state : PROOF_DEPENDS;
}

/* The worst first, so that these are shown where not all are. */
static int
by_state(const void *a, const void *b, void *arg)
{
	const struct proof_cell *cell = arg;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	unsigned left = state_of(&cell[x]), right = state_of(&cell[y]);

	return left != right ? (left < right) - (left > right) : (x > y) - (x < y);
}

/* Where cells have the same labels, the first one, which is the worst, stands for all. */
static int
by_labels(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int r = strcmp(x->labels.text, y->labels.text);

	return r ? r : (x->state < y->state) - (x->state > y->state);
}

static int
make_rows(struct rows *out, const struct proof *proof)
{
	const uint32_t n = proof->head->n, most = n < METRICS_CELLS ? n : METRICS_CELLS;
	_cleanup_(freep) uint32_t *order = calloc(n + 1u, sizeof(*order));

	out->items = calloc(most + 1u, sizeof(*out->items));
	if (!order || !out->items)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	if (n > most)
		qsort_r(order, n, sizeof(*order), by_state, (void *)(uintptr_t)proof->cells);
	for (; out->n < most; out->n++) {
		const struct proof_cell *c = &proof->cells[order[out->n]];

		out->items[out->n].state = state_of(c);
		write_labels(&out->items[out->n].labels, proof, c);
	}
	qsort(out->items, out->n, sizeof(*out->items), by_labels);
	return 0;
}

static void
write_sums(struct metrics_page *p, const struct proof *proof)
{
	uint64_t n[PROOF_STATES] = {0};

	for (uint32_t i = 0; i < proof->head->n; i++)
		n[state_of(&proof->cells[i])]++;
	metrics_family(p, &cells);
	for (unsigned i = 0; i < PROOF_STATES; i++) {
		_cleanup_(strbuf_fini) struct strbuf label = {0};

		metrics_label_text(&label, "state", proof_state_name((enum proof_state)i));
		metrics_count(p, label.text, n[i]);
	}
}

void
metrics_exposure(struct metrics_page *p, const struct proof *proof, usec_t now)
{
	_cleanup_(rows_fini) struct rows rows = {0};
	const usec_t made = proof->head->made;

	metrics_family(p, &proof_time);
	metrics_seconds(p, NULL, made);
	metrics_family(p, &proof_age);
	metrics_seconds(p, NULL, now - made);
	write_sums(p, proof);
	if (make_rows(&rows, proof) < 0)
		return;
	metrics_family(p, &state);
	for (size_t i = 0; i < rows.n; i++)
		if (i == 0 || strcmp(rows.items[i].labels.text, rows.items[i - 1].labels.text) != 0)
			metrics_count(p, rows.items[i].labels.text, rows.items[i].state);
}
