/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_STEP 64

static const uint32_t part_max[PAIR_PARTS] = {
    [PART_OTHERS] = PROBES_CELLS / 2,
    [PART_OF_US] = PROBES_CELLS / 4,
    [PART_BY_US] = PROBES_CELLS / 4,
};

void
table_init(struct probe_table *t, const char *own)
{
	*t = (struct probe_table){0};
	strncpy(t->own, own, sizeof(t->own) - 1);
}

static void
host_free(struct probe_host *h)
{
	for (struct probe_pair *p = h->seen, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	for (uint32_t i = 0; i < h->n_raised; i++)
		free(h->raised[i]);
	free(h->raised);
	free(h);
}

void
table_fini(struct probe_table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		host_free(t->hosts[i]);
	free(t->hosts);
	*t = (struct probe_table){0};
}

/* Where it is, or would be. */
static uint32_t
place_of(const struct probe_table *t, const char *name)
{
	uint32_t low = 0, high = t->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (strcmp(t->hosts[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct probe_host *
table_find(const struct probe_table *t, const char *name)
{
	uint32_t i = place_of(t, name);

	return i < t->n && strcmp(t->hosts[i]->name, name) == 0 ? t->hosts[i] : NULL;
}

static bool
make_room(struct probe_table *t)
{
	struct probe_host **more;

	if (t->n < t->room)
		return true;
	if (t->n >= FLEET_HOSTS)
		return false;
	more = reallocarray(t->hosts, t->room + HOSTS_STEP, sizeof(*more));
	if (!more)
		return false;
	t->hosts = more;
	t->room += HOSTS_STEP;
	return true;
}

struct probe_host *
table_host(struct probe_table *t, const char *name)
{
	struct probe_host *h = table_find(t, name);
	uint32_t i = place_of(t, name);

	if (h)
		return h;
	if (!*name || strlen(name) >= sizeof(h->name) || !make_room(t))
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	strcpy(h->name, name);
	memmove(t->hosts + i + 1, t->hosts + i, (t->n - i) * sizeof(*t->hosts));
	t->hosts[i] = h;
	t->n++;
	return h;
}

static void
drop_pair(struct probe_table *t, struct probe_pair **at)
{
	struct probe_pair *p = *at;

	t->rows[p->part] -= p->n;
	if (p->part == PART_OTHERS)
		p->vantage->said -= p->n;
	*at = p->next;
	free(p);
}

void
table_forget(struct probe_table *t, struct probe_host *h)
{
	uint32_t i = place_of(t, h->name);

	while (h->seen)
		drop_pair(t, &h->seen);
	for (uint32_t k = 0; k < t->n; k++)
		for (struct probe_pair **p = &t->hosts[k]->seen; *p;) {
			if ((*p)->vantage == h)
				drop_pair(t, p);
			else
				p = &(*p)->next;
		}
	memmove(t->hosts + i, t->hosts + i + 1, (t->n - i - 1) * sizeof(*t->hosts));
	t->n--;
	host_free(h);
}

static struct probe_pair **
pair_at(struct probe_host *target, const struct probe_host *vantage)
{
	struct probe_pair **p = &target->seen;

	while (*p && (*p)->vantage != vantage)
		p = &(*p)->next;
	return p;
}

struct probe_pair *
table_pair(struct probe_host *target, const struct probe_host *vantage)
{
	return *pair_at(target, vantage);
}

static bool
has_addr(const struct probe_host *h, const struct addr *a)
{
	for (uint32_t i = 0; i < h->n_addrs; i++)
		if (addr_equal(&h->addrs[i], a))
			return true;
	return false;
}

static int
by_place(const struct probe_row *a, const struct probe_row *b)
{
	uint32_t x = probe_row_key(a), y = probe_row_key(b);

	return x != y ? (x > y) - (x < y) : addr_cmp(&a->to, &b->to);
}

/* Of those about one place what says most comes first. */
static int
by_place_and_weight(const void *a, const void *b)
{
	int order = by_place(a, b);

	return order ? order : (int)probe_row_weight(b) - (int)probe_row_weight(a);
}

static void
sort_rows(struct probe_pair *p)
{
	uint32_t n = 0;

	qsort(p->rows, p->n, sizeof(*p->rows), by_place_and_weight);
	for (uint32_t i = 0; i < p->n; i++)
		if (n == 0 || by_place(&p->rows[n - 1], &p->rows[i]) != 0)
			p->rows[n++] = p->rows[i];
	p->n = n;
}

/* Gives back what is behind its rows. */
static struct probe_pair *
shrink(struct probe_pair *p)
{
	struct probe_pair *less = realloc(p, sizeof(*p) + p->n * sizeof(*p->rows));

	return less ? less : p;
}

static struct probe_pair *
make_pair(const struct probe_table *t, struct probe_host *target, struct probe_host *vantage,
    const struct probe_row *rows, uint32_t n)
{
	struct probe_pair *p = malloc(sizeof(*p) + n * sizeof(*rows));

	if (!p)
		return NULL;
	*p = (struct probe_pair){.vantage = vantage};
	for (uint32_t i = 0; i < n; i++)
		if (has_addr(target, &rows[i].to))
			p->rows[p->n++] = rows[i];
	p->part = strcmp(vantage->name, t->own) == 0  ? PART_BY_US
		  : strcmp(target->name, t->own) == 0 ? PART_OF_US
						      : PART_OTHERS;
	sort_rows(p);
	return p->n < n ? shrink(p) : p;
}

static bool
has_room_for(const struct probe_table *t, const struct probe_pair *p)
{
	if (t->rows[p->part] + p->n > part_max[p->part])
		return false;
	return p->part != PART_OTHERS || p->vantage->said + p->n <= TABLE_SHARE;
}

/* How often a port was other than the proof says is counted on. */
static void
keep_rounds(struct probe_pair *now, const struct probe_pair *before)
{
	for (uint32_t i = 0, k = 0; before && i < now->n; i++) {
		struct probe_row *r = &now->rows[i];
		const struct probe_row *old;

		while (k < before->n && by_place(&before->rows[k], r) < 0)
			k++;
		old = k < before->n ? &before->rows[k] : NULL;
		if (old && by_place(old, r) == 0 && old->verdict == r->verdict) {
			r->rounds = old->rounds;
			r->news = old->news;
		}
	}
}

int
table_take(struct probe_table *t, struct probe_host *target, struct probe_host *vantage, usec_t at,
    const struct probe_row *rows, uint32_t n)
{
	struct probe_pair *p = make_pair(t, target, vantage, rows, n), **old;

	if (!p)
		return -ENOMEM;
	p->at = at;
	old = pair_at(target, vantage);
	keep_rounds(p, *old);
	if (*old)
		drop_pair(t, old);
	if (p->n == 0 || !has_room_for(t, p)) {
		int r = p->n == 0 ? 0 : -ENOSPC;

		if (r < 0)
			target->refused = at;
		t->refused += r < 0;
		free(p);
		return r;
	}
	t->rows[p->part] += p->n;
	if (p->part == PART_OTHERS)
		vantage->said += p->n;
	p->next = target->seen;
	target->seen = p;
	return 0;
}

/* Leaves the rows that are to be kept, and the pair only where any are; the next one. */
static struct probe_pair **
trim_pair(struct probe_table *t, struct probe_pair **at,
    bool (*keep)(void *ctx, const struct probe_row *r), void *ctx)
{
	struct probe_pair *p = *at;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		if (keep(ctx, &p->rows[i]))
			p->rows[n++] = p->rows[i];
	if (n == p->n)
		return &p->next;
	t->rows[p->part] -= p->n - n;
	if (p->part == PART_OTHERS)
		p->vantage->said -= p->n - n;
	p->n = n;
	if (n == 0) {
		drop_pair(t, at);
		return at;
	}
	*at = shrink(p);
	return &(*at)->next;
}

void
table_trim(struct probe_table *t, struct probe_host *target,
    bool (*keep)(void *ctx, const struct probe_row *r), void *ctx)
{
	for (struct probe_pair **p = &target->seen; *p;)
		p = trim_pair(t, p, keep, ctx);
}

bool
table_age(struct probe_table *t, struct probe_host *target, usec_t before)
{
	bool any = false;

	for (struct probe_pair **p = &target->seen; *p;) {
		if ((*p)->at < before) {
			drop_pair(t, p);
			any = true;
		} else {
			p = &(*p)->next;
		}
	}
	return any;
}

uint32_t
table_rows(const struct probe_table *t)
{
	return t->rows[PART_OTHERS] + t->rows[PART_OF_US] + t->rows[PART_BY_US];
}
