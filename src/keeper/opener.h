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

struct opener_instance {
	uint64_t key;
	char *path; /* of the log */
};

struct opener {
	const struct image *img; /* set by the owner; may change between requests */
	int inotify;             /* -1 at first */
	struct opener_instance instances[OPENER_INSTANCES];
	uint32_t n;
	/* of the request under way */
	struct chan *reader;
	uint32_t id, source, files;
	bool polled;
};

/* One of the three requests; answers go to reader. -EPROTO: a number out of range. */
int opener_request(struct opener *o, struct chan *reader, const struct msg *m);
/* What the sources need to be readable: paths into out, never freed; returns their number. */
size_t opener_paths(const struct image *img, struct sandbox_path *out, size_t room);
