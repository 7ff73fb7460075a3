/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/proof.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
proof_state_name(enum proof_state s)
{
	static const char *const names[PROOF_STATES] = {
	    [PROOF_PROVEN] = "proven",
	    [PROOF_LATENT] = "latent",
	    [PROOF_DEPENDS] = "depends",
	    [PROOF_SHUT_OUT] = "shut out",
	    [PROOF_OPEN] = "open",
	};

	return s < PROOF_STATES ? names[s] : "?";
}

const char *
proof_kind_name(enum proof_kind k)
{
	static const char *const names[] = {
	    [PROOF_PORT] = "port",
	    [PROOF_PLAINTEXT] = "plaintext",
	    [PROOF_DUAL_STACK] = "dual-stack",
	    [PROOF_UNNAMED] = "unnamed",
	    [PROOF_ABSENT] = "absent",
	};

	return k >= PROOF_PORT && k <= PROOF_ABSENT ? names[k] : "?";
}

static bool
family_ok(uint8_t family)
{
	return family == 0 || family == 4 || family == 6;
}

static bool
cell_ok(const struct proof_cell *c, uint32_t text_len)
{
	const struct proof_witness *w = &c->witness;

	return c->kind >= PROOF_PORT && c->kind <= PROOF_ABSENT && c->state < PROOF_STATES &&
	       c->confirmed <= CONFIRM_DIFFERENT && family_ok(c->family) &&
	       family_ok(w->from.family) && family_ok(w->to.family) && w->accepted <= 1 &&
	       memchr(w->iface, 0, sizeof(w->iface)) && c->rule < text_len && c->text < text_len &&
	       c->json < text_len;
}

/* One object, on one line. */
static bool
inventory_ok(const char *text)
{
	size_t n = strnlen(text, PROOF_INVENTORY_MAX);

	return n >= 2 && n < PROOF_INVENTORY_MAX && text[0] == '{' && text[n - 1] == '}' &&
	       !memchr(text, '\n', n);
}

static bool
proof_ok(struct proof *p, size_t size)
{
	const struct proof_header *h = p->head;
	const char *base = (const char *)h;
	uint64_t cells_end;

	if (memcmp(h->magic, PROOF_MAGIC, sizeof(h->magic)) || h->version != PROOF_VERSION ||
	    h->size != size || !memchr(h->changer, 0, sizeof(h->changer)))
		return false;
	cells_end = h->cells + (uint64_t)h->n * sizeof(struct proof_cell);
	if (h->cells < sizeof(*h) || h->cells % 8 || cells_end > h->text || h->text >= size ||
	    base[size - 1] || h->head >= size - h->text || h->inventory >= size - h->text)
		return false;
	p->cells = (const struct proof_cell *)(base + h->cells);
	p->text = base + h->text;
	if (!inventory_ok(p->text + h->inventory))
		return false;
	for (uint32_t i = 0; i < h->n; i++)
		if (!cell_ok(&p->cells[i], (uint32_t)(size - h->text)))
			return false;
	return true;
}

/* A copy: the other side may still hold the memfd and change or shorten it. */
static int
read_all(int fd, char *to, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = pread(fd, to + at, size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		at += (size_t)n;
	}
	return 0;
}

int
proof_open(struct proof *p, int fd)
{
	struct stat st;
	size_t size;
	void *map;
	int r;

	memset(p, 0, sizeof(*p));
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct proof_header) || st.st_size > PROOF_MAX)
		return -EINVAL;
	size = (size_t)st.st_size;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = read_all(fd, map, size);
	p->head = map;
	if (r == 0 && !proof_ok(p, size))
		r = -EINVAL;
	if (r < 0) {
		munmap(map, size);
		memset(p, 0, sizeof(*p));
	}
	return r;
}

const char *
proof_inventory(const struct proof *p)
{
	return p->text + p->head->inventory;
}

void
proof_close(struct proof *p)
{
	if (p->head)
		munmap((void *)(uintptr_t)p->head, p->head->size);
	memset(p, 0, sizeof(*p));
}
