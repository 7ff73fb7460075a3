/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the herald gives up: at its start all calls but those of network and database, with the
 * configuration all files and TCP ports but those that it names. It can never start a program.
 */
#pragma once

#include "wire/image.h"

/* 0 or negative errno; *what names the step that failed. */
int sealed_calls(const char **what);
/* state: path of the state directory. Paths are granted by their directory, so that a file that is
 * replaced by another of its name can still be read. */
int sealed_paths(const struct image *img, const char *state);
