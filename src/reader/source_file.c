/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/source_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

void
source_file_init(struct source_file *f, uint32_t line_max, const struct file_ops *ops, void *ctx)
{
	memset(f, 0, sizeof(*f));
	f->line_max = line_max;
	f->ops = ops;
	f->ctx = ctx;
}

void
source_file_fini(struct source_file *f)
{
	for (unsigned i = 0; i < f->n_parts; i++)
		close(f->parts[i].fd);
	f->n_parts = 0;
}

static uint64_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static ssize_t
read_at(int fd, char *buf, size_t n, uint64_t at)
{
	ssize_t r;

	do
		r = pread(fd, buf, n, (off_t)at);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static bool
head_matches(int fd, uint32_t len, uint64_t hash)
{
	char head[FILE_HEAD_MAX];

	if (len == 0)
		return true;
	if (len > FILE_HEAD_MAX || read_at(fd, head, len, 0) != (ssize_t)len)
		return false;
	return hash_bytes(&hash_stable, head, len) == hash;
}

/* The head covers the whole lines before upto, up to its maximum; it only grows while the old one
 * still holds. */
static void
head_extend(struct source_file *f, uint64_t upto)
{
	uint32_t len = upto < FILE_HEAD_MAX ? (uint32_t)upto : FILE_HEAD_MAX;
	char head[FILE_HEAD_MAX];

	if (f->head_len >= len || read_at(f->parts[0].fd, head, len, 0) != (ssize_t)len)
		return;
	if (f->head_len && hash_bytes(&hash_stable, head, f->head_len) != f->head_hash)
		return;
	f->head_hash = hash_bytes(&hash_stable, head, len);
	f->head_len = len;
}

/* True when fd is the file that p was saved for, or a whole copy of it. */
static bool
holds(int fd, const struct msg_position *p)
{
	return size_of(fd) >= p->file.offset &&
	       head_matches(fd, p->file.head_len, p->file.head_hash);
}

static void
begin_at(struct source_file *f, uint64_t offset)
{
	f->offset = offset;
	f->skip = 0;
	f->head_len = 0;
	f->head_hash = 0;
	f->next_seen = f->between = false;
	f->size = f->n_parts ? size_of(f->parts[0].fd) : 0;
	if (f->n_parts)
		head_extend(f, offset);
}

static void
drop_part(struct source_file *f, unsigned i)
{
	close(f->parts[i].fd);
	memmove(&f->parts[i], &f->parts[i + 1], (f->n_parts - i - 1) * sizeof(f->parts[0]));
	f->n_parts--;
}

/* Part i is now the one that is read, from offset. */
static void
resume_at(struct source_file *f, unsigned i, uint64_t offset)
{
	while (i-- > 0)
		drop_part(f, 0);
	f->finding = FILE_FOUND;
	begin_at(f, offset);
}

/* Room for one more part: the oldest that was not begun gives way. */
static void
make_room(struct source_file *f)
{
	if (f->n_parts < FILE_PARTS)
		return;
	drop_part(f, 1);
	f->ops->on_told(f->ctx, FILE_TOLD_LOST);
}

bool
source_file_opened(struct source_file *f, int fd, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < f->n_parts; i++) {
		if (f->parts[i].dev != dev || f->parts[i].ino != ino)
			continue;
		close(fd);
		if (i + 1 == f->n_parts)
			return false;
		/* The path is back at a file that is still being read. */
		while (f->n_parts > i + 1)
			drop_part(f, f->n_parts - 1);
		f->next_seen = false;
		f->ops->on_told(f->ctx, FILE_TOLD_LOST);
		return true;
	}
	make_room(f);
	f->parts[f->n_parts++] = (struct file_part){fd, dev, ino};
	return true;
}

static void
find(struct source_file *f, enum file_finding how)
{
	f->finding = (uint8_t)how;
	f->ops->on_find(f->ctx, how == FILE_BY_INODE ? f->wanted.file.ino : 0,
	    f->wanted.file.head_hash, f->wanted.file.head_len);
}

void
source_file_place(struct source_file *f, const struct msg_position *p)
{
	bool ours = false;

	f->wanted = *p;
	for (unsigned i = 0; i < f->n_parts; i++) {
		if (f->parts[i].ino != p->file.ino)
			continue;
		ours = true;
		if (holds(f->parts[i].fd, p)) {
			resume_at(f, i, p->file.offset);
			return;
		}
	}
	find(f, ours ? FILE_BY_HEAD : FILE_BY_INODE);
}

void
source_file_place_start(struct source_file *f)
{
	resume_at(f, 0, 0);
}

void
source_file_place_end(struct source_file *f, char *buf)
{
	uint64_t size, from;
	const char *last;
	ssize_t n;

	if (f->n_parts == 0)
		return;
	resume_at(f, f->n_parts - 1, 0);
	size = f->size;
	from = size > FILE_BLOCK ? size - FILE_BLOCK : 0;
	n = read_at(f->parts[0].fd, buf, (size_t)(size - from), from);
	if (n <= 0)
		return;
	last = memrchr(buf, '\n', (size_t)n);
	begin_at(f, last ? from + (size_t)(last + 1 - buf) : from);
	/* In the middle of a line without an end: its rest must not be taken for a line. */
	if (!last && from > 0)
		f->skip = from + (size_t)n;
}

static void
lost(struct source_file *f, bool after, uint64_t known)
{
	if (after)
		f->ops->on_told(f->ctx, FILE_TOLD_TRUNCATED);
	if (!after || known > f->wanted.file.offset)
		f->ops->on_told(f->ctx, FILE_TOLD_LOST);
	resume_at(f, 0, 0);
}

/* The former file goes in front of those that are open. */
static void
push_front(struct source_file *f, int fd, uint64_t dev, uint64_t ino)
{
	make_room(f);
	memmove(&f->parts[1], &f->parts[0], f->n_parts * sizeof(f->parts[0]));
	f->parts[0] = (struct file_part){fd, dev, ino};
	f->n_parts++;
	resume_at(f, 0, f->wanted.file.offset);
}

static bool
is_open(const struct source_file *f, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < f->n_parts; i++)
		if (f->parts[i].dev == dev && f->parts[i].ino == ino)
			return true;
	return false;
}

/* True when all of it was read before: what has the same modification time comes up in any order.
 */
static bool
was_read(const struct source_file *f, int fd, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < f->n_past && i < FILE_PAST; i++)
		if (f->past[i].file.dev == dev && f->past[i].file.ino == ino &&
		    size_of(fd) <= f->past[i].file.offset)
			return true;
	/* A copy of the first part was read with it. */
	return f->head_len && head_matches(fd, f->head_len, f->head_hash);
}

/* fd comes behind the first part. */
static void
found_between(struct source_file *f, int fd, uint64_t dev, uint64_t ino)
{
	f->finding = FILE_FOUND;
	f->between = true;
	if (fd < 0)
		return;
	if (f->n_parts == 0 || f->n_parts == FILE_PARTS || is_open(f, dev, ino) ||
	    was_read(f, fd, dev, ino)) {
		close(fd);
		return;
	}
	memmove(&f->parts[2], &f->parts[1], (f->n_parts - 1) * sizeof(f->parts[0]));
	f->parts[1] = (struct file_part){fd, dev, ino};
	f->n_parts++;
}

void
source_file_found(struct source_file *f, int fd, uint64_t dev, uint64_t ino)
{
	enum file_finding how = f->finding;

	if (how == FILE_BETWEEN) {
		found_between(f, fd, dev, ino);
		return;
	}
	if (how != FILE_FOUND && fd >= 0 && holds(fd, &f->wanted)) {
		for (unsigned i = 0; i < f->n_parts; i++)
			if (f->parts[i].dev == dev && f->parts[i].ino == ino) {
				close(fd);
				resume_at(f, i, f->wanted.file.offset);
				return;
			}
		push_front(f, fd, dev, ino);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (how == FILE_FOUND)
		return;
	if (how == FILE_BY_INODE && f->wanted.file.head_len) {
		find(f, FILE_BY_HEAD);
		return;
	}
	f->finding = FILE_FOUND;
	lost(f, how == FILE_BY_HEAD_AFTER, f->size);
}

/* True when the first part is not the file any more that it was. */
static bool
was_truncated(struct source_file *f)
{
	uint64_t size = size_of(f->parts[0].fd);
	bool gone = size < f->offset || (f->skip && size < f->skip) ||
		    !head_matches(f->parts[0].fd, f->head_len, f->head_hash);

	if (!gone)
		f->size = size;
	return gone;
}

static void
restart(struct source_file *f)
{
	if (f->head_len == 0) {
		begin_at(f, 0);
		return;
	}
	f->wanted.key = 0;
	source_file_position(f, &f->wanted);
	find(f, FILE_BY_HEAD_AFTER);
}

/* start: len bytes at f->offset. */
static int
deliver(struct source_file *f, const char *start, size_t len, int full)
{
	const char *last = memrchr(start, '\n', len);
	size_t whole = last ? (size_t)(last + 1 - start) : 0, taken;

	if (whole > 0) {
		head_extend(f, f->offset + whole);
		taken = f->ops->on_lines(f->ctx, start, whole, f->offset);
		f->offset += taken;
		if (taken < whole)
			return FILE_HELD;
	}
	if (len - whole > f->line_max)
		f->skip = f->offset + (len - whole);
	return full;
}

/* A writer that keeps its offset over a truncation leaves a hole; its zeros are no line's
 * beginning. */
static size_t
skip_hole(struct source_file *f, const char *buf, size_t n)
{
	size_t zeros = 0;
	off_t data;

	while (zeros < n && buf[zeros] == 0)
		zeros++;
	f->offset += zeros;
	if (zeros == n && n == FILE_BLOCK) {
		data = lseek(f->parts[0].fd, (off_t)f->offset, SEEK_DATA);
		if (data > (off_t)f->offset)
			f->offset = (uint64_t)data;
	}
	return zeros;
}

static int
read_block(struct source_file *f, char *buf)
{
	uint64_t from = f->skip ? f->skip : f->offset;
	ssize_t n = read_at(f->parts[0].fd, buf, FILE_BLOCK, from);
	int full = n == FILE_BLOCK ? FILE_MORE : FILE_IDLE;
	size_t done = 0;

	if (n <= 0)
		return (int)n;
	if (from + (size_t)n > f->size)
		f->size = from + (size_t)n;
	if (f->skip) {
		const char *end = memchr(buf, '\n', (size_t)n);

		if (!end) {
			f->skip += (size_t)n;
			return full;
		}
		done = (size_t)(end + 1 - buf);
		f->offset = from + done;
		f->skip = 0;
		f->ops->on_told(f->ctx, FILE_TOLD_LONG);
	}
	if (done < (size_t)n && buf[done] == 0)
		done += skip_hole(f, buf + done, (size_t)n - done);
	return deliver(f, buf + done, (size_t)n - done, full);
}

static void
remember_past(struct source_file *f)
{
	struct msg_position *p = &f->past[f->n_past++ % FILE_PAST];

	memset(p, 0, sizeof(*p));
	source_file_position(f, p);
}

static uint64_t
past_offset(const struct source_file *f)
{
	for (unsigned i = 0; i < f->n_past && i < FILE_PAST; i++) {
		const struct msg_position *p = &f->past[i];

		if (p->file.ino == f->parts[0].ino && p->file.dev == f->parts[0].dev &&
		    p->file.head_len && holds(f->parts[0].fd, p))
			return p->file.offset;
	}
	return 0;
}

/* True when the answer has to come first: what lies between the first part and the next? */
static bool
ask_between(struct source_file *f)
{
	struct stat st;

	if (f->between || !f->ops->on_next || fstat(f->parts[0].fd, &st) < 0)
		return false;
	source_file_position(f, &f->wanted);
	f->finding = FILE_BETWEEN;
	f->ops->on_next(
	    f->ctx, f->parts[0].ino, st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec);
	return f->finding != FILE_FOUND;
}

/* The first part is at its end. A writer goes on with the next once it has put something there, and
 * what it wrote to the first before that is read by one more look. */
static int
next_part(struct source_file *f)
{
	if (f->n_parts < 2 || (f->n_parts == 2 && size_of(f->parts[1].fd) == 0))
		return FILE_IDLE;
	if (!f->next_seen) {
		f->next_seen = true;
		return FILE_MORE;
	}
	if (ask_between(f))
		return FILE_ASKED;
	if (f->size > f->offset)
		f->ops->on_told(f->ctx, FILE_TOLD_LONG);
	remember_past(f);
	drop_part(f, 0);
	begin_at(f, past_offset(f));
	f->ops->on_told(f->ctx, FILE_TOLD_ROTATED);
	return FILE_MORE;
}

int
source_file_step(struct source_file *f, char *buf, bool fresh)
{
	int r;

	if (f->finding != FILE_FOUND)
		return FILE_ASKED;
	if (f->n_parts == 0)
		return FILE_IDLE;
	if (fresh && was_truncated(f)) {
		restart(f);
		if (f->finding != FILE_FOUND)
			return FILE_ASKED;
	}
	r = read_block(f, buf);
	return r == FILE_IDLE ? next_part(f) : r;
}

void
source_file_position(struct source_file *f, struct msg_position *out)
{
	if (f->finding != FILE_FOUND) {
		out->file = f->wanted.file;
		return;
	}
	if (f->n_parts == 0)
		return;
	out->file.dev = f->parts[0].dev;
	out->file.ino = f->parts[0].ino;
	out->file.offset = f->offset;
	out->file.head_hash = f->head_hash;
	out->file.head_len = f->head_len;
	out->file.pad = 0;
}

void
source_file_before(struct source_file *f, char *buf,
    void (*on_lines_before)(void *ctx, const char *block, size_t n))
{
	uint64_t from = f->offset > FILE_BLOCK ? f->offset - FILE_BLOCK : 0;
	const char *start = buf, *end;
	ssize_t n;

	if (f->n_parts == 0 || f->finding != FILE_FOUND || f->offset == 0)
		return;
	n = read_at(f->parts[0].fd, buf, (size_t)(f->offset - from), from);
	if (n <= 0)
		return;
	if (from > 0) {
		start = memchr(buf, '\n', (size_t)n);
		start = start ? start + 1 : buf + n;
	}
	end = memrchr(buf, '\n', (size_t)n);
	if (end && end >= start)
		on_lines_before(f->ctx, start, (size_t)(end + 1 - start));
}

void
source_file_look(struct source_file *f)
{
	uint64_t size = f->n_parts ? size_of(f->parts[0].fd) : 0;

	if (size > f->size)
		f->size = size;
}

uint64_t
source_file_lag(const struct source_file *f)
{
	uint64_t lag = f->size > f->offset ? f->size - f->offset : 0;

	for (unsigned i = 1; i < f->n_parts; i++)
		lag += size_of(f->parts[i].fd);
	return lag;
}
