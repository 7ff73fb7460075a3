/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where guardd's other executables are: beside the running one in a build folder, in the libexec
 * folder of the same prefix, or where they were installed.
 */
#pragma once

#include <stddef.h>

/* The path of executable name into buf. */
void exe_find(const char *name, char *buf, size_t room);
/* The folder of shipped filters and rules: of the same prefix, of the checkout a build folder is
 * in, or where they were installed. */
void exe_share(char *buf, size_t room);
