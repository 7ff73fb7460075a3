/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Writes the image (wire/image.h): sections grow item by item, then the whole goes into a memfd,
 * which is sealed. Comes in: items with their references. Goes out: the descriptor's content.
 * Bounded by IMAGE_MAX.
 */
#pragma once

#include "base/cleanup.h"
#include "base/arena.h"
#include "wire/image.h"

struct writer;

/* Has the empty text as text 0. */
struct writer *writer_new(void);
void writer_free(struct writer *w);
DEFINE_FREEP(struct writer, writer_free)

/* The offset of a text, NULL standing for ""; equal texts are kept once. */
str_t writer_text(struct writer *w, const char *text);
/* Adds one item, of the section's size, and returns its index. */
uint32_t writer_add(struct writer *w, enum image_section s, const void *item);
/* How many items a section has: the index of the next one. */
uint32_t writer_count(const struct writer *w, enum image_section s);
/* Writes the whole into fd, which must be an empty memfd that can be sealed, and seals it. Negative
 * errno; -EFBIG past IMAGE_MAX. made: now. */
int writer_finish(struct writer *w, int fd, usec_t made);
