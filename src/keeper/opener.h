/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opens log sources for the reader, by their number in the image, and watches them. Comes in:
 * MSG_HELLO, MSG_SCAN, MSG_FIND. Goes out: read-only descriptors of regular files, watch
 * descriptors of one inotify instance that the reader reads. Bounded: OPENER_FILES files per scan,
 * OPENER_INSTANCES paths.
 */
#pragma once

#include "base/cleanup.h"
#include "sandbox/sandbox.h"
#include "wire/chan.h"
#include "wire/image.h"

#define OPENER_FILES     1024
#define OPENER_INSTANCES 4096
#define OPENER_PATHS     512 /* for Landlock */

struct opener;

int opener_new(struct opener **out);
void opener_free(struct opener *o);
DEFINE_FREEP(struct opener, opener_free)
/* img must live until the next call. */
void opener_config(struct opener *o, const struct image *img);
/* One of the three requests; answers go to reader. -EPROTO: a number out of range. */
int opener_request(struct opener *o, struct chan *reader, const struct msg *m);
/* What the sources need to be readable: n paths into out, allocated for the process's life. */
size_t opener_paths(const struct image *img, struct sandbox_path *out, size_t room);
