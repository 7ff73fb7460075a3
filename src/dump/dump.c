/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dump/dump.h"

#include <errno.h>
#include <linux/netlink.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define ALIGN    8u
#define BUFFERED (64u << 10)

struct dump_writer {
	int fd;
	int error;    /* sticky; -EFBIG until something is dropped */
	size_t base;  /* bytes in the file; the buffer's place */
	size_t used;  /* of the buffer */
	size_t begun; /* offset of the open record; 0: none (the header is there) */
	struct dump_record open;
	uint8_t buf[BUFFERED];
};

static size_t
end_of(const struct dump_writer *w)
{
	return w->base + w->used;
}

static size_t
aligned(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static int
write_at(int fd, const void *bytes, size_t n, size_t at)
{
	const uint8_t *p = bytes;

	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		at += (size_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int
flush(struct dump_writer *w)
{
	if (!w->error && w->used)
		w->error = write_at(w->fd, w->buf, w->used, w->base);
	w->base += w->used;
	w->used = 0;
	return w->error;
}

static int
append(struct dump_writer *w, const void *bytes, size_t n)
{
	if (!w->error && n > DUMP_MAX - end_of(w))
		w->error = -EFBIG;
	if (w->error || !n)
		return w->error;
	if (n > sizeof(w->buf) - w->used)
		flush(w);
	if (w->error)
		return w->error;
	if (n <= sizeof(w->buf)) {
		memcpy(w->buf + w->used, bytes, n);
		w->used += n;
		return 0;
	}
	w->error = write_at(w->fd, bytes, n, w->base);
	w->base += n;
	return w->error;
}

/* Bytes that were written before, in the file or still in the buffer. */
static int
patch(struct dump_writer *w, size_t at, const void *bytes, size_t n)
{
	if (at < w->base && at + n > w->base)
		flush(w);
	if (w->error)
		return w->error;
	if (at >= w->base)
		memcpy(w->buf + (at - w->base), bytes, n);
	else
		w->error = write_at(w->fd, bytes, n, at);
	return w->error;
}

static int
finish_record(struct dump_writer *w)
{
	static const uint8_t zero[ALIGN];
	size_t begun = w->begun, len;

	if (!begun)
		return w->error;
	w->begun = 0;
	len = end_of(w) - begun - sizeof(w->open);
	append(w, zero, aligned(len) - len);
	w->open.len = (uint32_t)len;
	return patch(w, begun, &w->open, sizeof(w->open));
}

int
dump_writer_new(struct dump_writer **out)
{
	_cleanup_(dump_writer_freep) struct dump_writer *w = malloc(sizeof(*w));
	static const struct dump_header empty;
	int r;

	*out = NULL;
	if (!w)
		return -ENOMEM;
	memset(w, 0, offsetof(struct dump_writer, buf));
	w->fd = memfd_create("guardd-dump", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (w->fd < 0)
		return -errno;
	r = append(w, &empty, sizeof(empty));
	if (r < 0)
		return r;
	*out = w;
	w = NULL;
	return 0;
}

void
dump_writer_free(struct dump_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

int
dump_begin(struct dump_writer *w, enum dump_kind kind, uint32_t arg)
{
	size_t at;
	int r = finish_record(w);

	if (r < 0)
		return r;
	w->open = (struct dump_record){.kind = kind, .arg = arg};
	at = end_of(w);
	r = append(w, &w->open, sizeof(w->open));
	if (r == 0)
		w->begun = at;
	return r;
}

int
dump_more(struct dump_writer *w, const void *bytes, size_t n)
{
	if (!w->error && !w->begun)
		return -EINVAL;
	return append(w, bytes, n);
}

int
dump_put(struct dump_writer *w, enum dump_kind kind, uint32_t arg, const void *head,
    size_t head_len, const void *bytes, size_t n)
{
	int r = dump_begin(w, kind, arg);

	if (r == 0)
		r = dump_more(w, head, head_len);
	if (r == 0)
		r = dump_more(w, bytes, n);
	if (r == 0)
		r = finish_record(w);
	return r;
}

size_t
dump_mark(const struct dump_writer *w)
{
	return aligned(end_of(w));
}

void
dump_back_to(struct dump_writer *w, size_t mark)
{
	if (w->error == -EFBIG)
		w->error = 0;
	if (w->begun >= mark)
		w->begun = 0;
	if (mark < end_of(w)) {
		w->used = mark > w->base ? mark - w->base : 0;
		w->base = mark < w->base ? mark : w->base;
	}
	/* A record that was open at the mark ends there. */
	finish_record(w);
}

int
dump_writer_seal(struct dump_writer *w, const struct dump_header *head, int *fd)
{
	struct dump_header h = {.version = DUMP_VERSION, .made = clock_real()};
	int r;

	*fd = -1;
	finish_record(w);
	memcpy(h.magic, DUMP_MAGIC, sizeof(h.magic));
	h.size = (uint32_t)end_of(w);
	h.flags = head->flags;
	h.changer_pid = head->changer_pid;
	h.changed = head->changed;
	memcpy(h.changer, head->changer, sizeof(h.changer) - 1);
	patch(w, 0, &h, sizeof(h));
	r = flush(w);
	if (r < 0)
		return r;
	if (ftruncate(w->fd, (off_t)h.size) < 0 || fcntl(w->fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	*fd = fd_take(&w->fd);
	w->error = -EBADF;
	return 0;
}

/* What a record of a kind begins with. */
static const uint8_t head_sizes[DUMP_KINDS] = {
    [DUMP_LEGACY] = sizeof(struct dump_legacy),
    [DUMP_BPF] = sizeof(struct dump_bpf),
    [DUMP_NETNS] = sizeof(struct dump_netns),
    [DUMP_OWNER] = sizeof(struct dump_owner),
    [DUMP_CGROUP] = sizeof(struct dump_cgroup),
    [DUMP_FAILED] = sizeof(struct dump_failed),
};

static bool
records_fit(const uint8_t *bytes, size_t size)
{
	size_t at = sizeof(struct dump_header);

	while (at < size) {
		const struct dump_record *r = (const void *)(bytes + at);

		if (size - at < sizeof(*r))
			return false;
		at += sizeof(*r);
		if (r->kind <= DUMP_NONE || r->kind >= DUMP_KINDS || r->len < head_sizes[r->kind] ||
		    aligned(r->len) > size - at)
			return false;
		at += aligned(r->len);
	}
	return true;
}

int
dump_from_bytes(struct dump *d, const void *bytes, size_t n)
{
	const struct dump_header *h = bytes;

	*d = (struct dump){0};
	if ((uintptr_t)bytes % ALIGN || n < sizeof(*h) || n > DUMP_MAX ||
	    memcmp(h->magic, DUMP_MAGIC, sizeof(h->magic)) || h->version != DUMP_VERSION ||
	    h->size != n || h->changer[sizeof(h->changer) - 1] || !records_fit(bytes, n))
		return -EINVAL;
	d->head = h;
	d->size = n;
	return 0;
}

int
dump_open(struct dump *d, int fd)
{
	struct stat st;
	void *map;
	int r, seals;

	*d = (struct dump){0};
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return errno == EBADF ? -EBADF : -EINVAL;
	if ((seals & SEALS) != SEALS)
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct dump_header) || st.st_size > DUMP_MAX)
		return -EINVAL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = dump_from_bytes(d, map, (size_t)st.st_size);
	if (r < 0)
		munmap(map, (size_t)st.st_size);
	else
		d->mapped = true;
	return r;
}

void
dump_close(struct dump *d)
{
	if (d->mapped)
		munmap((void *)(uintptr_t)d->head, d->size);
	*d = (struct dump){0};
}

const struct dump_record *
dump_next(const struct dump *d, const struct dump_record *r, enum dump_kind kind)
{
	const uint8_t *p = (const uint8_t *)d->head, *end = p + d->size;

	p = r ? (const uint8_t *)(r + 1) + aligned(r->len) : p + sizeof(*d->head);
	while (p < end) {
		r = (const void *)p;
		if (kind == DUMP_NONE || r->kind == kind)
			return r;
		p += sizeof(*r) + aligned(r->len);
	}
	return NULL;
}

const struct nlmsghdr *
dump_message(const struct dump_record *r, const struct nlmsghdr *m)
{
	const char *data = dump_data(r);
	size_t at = m ? (size_t)((const char *)m - data) + NLMSG_ALIGN(m->nlmsg_len) : 0;

	if (at > r->len || r->len - at < sizeof(*m))
		return NULL;
	m = (const void *)(data + at);
	return m->nlmsg_len >= sizeof(*m) && m->nlmsg_len <= r->len - at ? m : NULL;
}
