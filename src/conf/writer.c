/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct writer {
	struct strbuf sections[IMAGE_SECTIONS];
	uint32_t counts[IMAGE_SECTIONS];
	/* Open addressing over texts by their hash; room is a power of two, 0 an empty place. */
	str_t *texts;
	size_t n_texts, room;
};

struct writer *
writer_new(void)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	strbuf_add(&w->sections[IMAGE_STRINGS], "", 1);
	w->counts[IMAGE_STRINGS] = 1;
	return w;
}

void
writer_free(struct writer *w)
{
	if (!w)
		return;
	for (int s = 0; s < IMAGE_SECTIONS; s++)
		strbuf_fini(&w->sections[s]);
	free(w->texts);
	free(w);
}

/* The place of a text in the table, or the empty place where it belongs. */
static str_t *
find_text(const struct writer *w, const char *text)
{
	size_t i = hash_text(text) & (w->room - 1);

	while (w->texts[i] && strcmp(w->sections[IMAGE_STRINGS].text + w->texts[i], text))
		i = (i + 1) & (w->room - 1);
	return &w->texts[i];
}

static void
grow_texts(struct writer *w)
{
	str_t *old = w->texts;
	size_t n = w->room;

	w->room = n ? n * 2 : 1024;
	w->texts = calloc(w->room, sizeof(*w->texts));
	if (!w->texts)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (old[i])
			*find_text(w, w->sections[IMAGE_STRINGS].text + old[i]) = old[i];
	}
	free(old);
}

str_t
writer_text(struct writer *w, const char *text)
{
	struct strbuf *strings = &w->sections[IMAGE_STRINGS];
	str_t *place;

	if (!text || !*text)
		return 0;
	if (w->n_texts * 2 >= w->room)
		grow_texts(w);
	place = find_text(w, text);
	/* A section past IMAGE_MAX is refused at the end: what is dropped here is never used. */
	if (*place || strings->len > IMAGE_MAX)
		return *place;
	*place = (str_t)strings->len;
	w->n_texts++;
	strbuf_add(strings, text, strlen(text) + 1);
	w->counts[IMAGE_STRINGS] = (uint32_t)strings->len;
	return *place;
}

uint32_t
writer_add(struct writer *w, enum image_section s, const void *item)
{
	if (w->sections[s].len <= IMAGE_MAX)
		strbuf_add(&w->sections[s], item, image_item_size(s));
	return w->counts[s]++;
}

uint32_t
writer_count(const struct writer *w, enum image_section s)
{
	return w->counts[s];
}

static int
write_at(int fd, const void *data, size_t n, off_t at)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pwrite(fd, (const char *)data + done, n - done, at + (off_t)done);

		if (r < 0)
			return -errno;
		done += (size_t)r;
	}
	return 0;
}

/* Fills the header; each section begins at a multiple of eight. */
static int
lay_out(const struct writer *w, usec_t made, struct image_header *h)
{
	uint64_t at = sizeof(*h);

	memset(h, 0, sizeof(*h));
	memcpy(h->magic, IMAGE_MAGIC, sizeof(h->magic));
	h->version = IMAGE_VERSION;
	h->made = made;
	for (int s = 0; s < IMAGE_SECTIONS; s++) {
		at = (at + 7) & ~UINT64_C(7);
		h->sections[s].offset = (uint32_t)at;
		h->sections[s].count = w->counts[s];
		at += w->sections[s].len;
		if (at > IMAGE_MAX)
			return -EFBIG;
	}
	h->size = (uint32_t)at;
	return 0;
}

int
writer_finish(struct writer *w, int fd, usec_t made)
{
	struct image_header h;
	struct stat st;
	int r = lay_out(w, made, &h);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0 || fcntl(fd, F_GET_SEALS) < 0)
		return -errno;
	if (st.st_size != 0)
		return -EEXIST;
	if (ftruncate(fd, (off_t)h.size) < 0)
		return -errno;
	r = write_at(fd, &h, sizeof(h), 0);
	for (int s = 0; s < IMAGE_SECTIONS && r == 0; s++)
		r = write_at(
		    fd, w->sections[s].text, w->sections[s].len, (off_t)h.sections[s].offset);
	if (r < 0)
		return r;
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}
