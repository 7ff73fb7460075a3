/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which files of a journal have to be open, and when that changes. libsystemd would map every file
 * of the directory, more than a megabyte each; unread entries can only be in those that are still
 * written to and in archived ones whose last entry is young enough. Comes in: the directory,
 * inotify. Goes out: paths. Bounded: JOURNAL_FILES_OPEN paths, JOURNAL_FILES_WRITTEN files that are
 * watched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define JOURNAL_FILES_OPEN    1024
#define JOURNAL_FILES_WRITTEN 64

struct journal_files;

/* directory: "" is the system's: system.journal and its archives below /var/log/journal and
 * /run/log/journal. -ENOMEM. */
int journal_files_new(struct journal_files **out, const char *directory);
void journal_files_free(struct journal_files *f);
DEFINE_FREEP(struct journal_files, journal_files_free)

/* Becomes readable when there is news; -1 before the first choice. */
int journal_files_fd(const struct journal_files *f);
enum journal_news {
	JOURNAL_NO_NEWS,
	JOURNAL_WRITTEN, /* to a file that was chosen */
	JOURNAL_CHANGED, /* files came or went: choose again */
};
enum journal_news journal_files_news(struct journal_files *f);

/* The paths that may hold entries from `since` (microseconds, real time) on, ended by NULL;
 * UINT64_MAX: those that are still written to. How many, 0 when none may be read; negative errno.
 * They are f's until the next call. */
int journal_files_choose(struct journal_files *f, uint64_t since, const char ***paths);
