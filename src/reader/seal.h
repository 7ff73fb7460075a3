/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is left to the reader once it has compiled its patterns: no sockets, no exec, no file but
 * the journal's. Comes in: the image, for the journal directories that it names. Goes out:
 * sandbox_enter. Cannot be undone. Bounded: SEAL_PATHS of them; what is beyond cannot be
 * read.
 */
#pragma once

#include "wire/image.h"

#define SEAL_PATHS 68
#define SEAL_FILES 8192 /* descriptors: instances and their former files, journal files */

/* 0, or negative errno and in *what the step that failed. */
int seal(const struct image *img, const char **what);
