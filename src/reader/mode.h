/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the offline modes share: arguments made ready, files opened, the engine compiled, the
 * process sealed. Comes in from modes.c, goes out to one mode_*.c per mode, each of which returns
 * the exit status. Output goes through mode_write alone: stdio would ask the kernel for more than
 * the seal allows.
 */
#pragma once

#include "base/json_write.h"
#include "reader/match.h"

#define READ_ROOM (256 * 1024)

enum {
	MODE_DONE = 0,
	MODE_FAILED = 1,
	MODE_USAGE = 2,
	MODE_CANNOT = 3, /* a file cannot be read */
};

struct mode_file {
	const char *name;
	int fd;
};

struct mode {
	const struct image *img;
	const struct engine *e;
	const uint32_t *filters; /* those named, else NULL */
	size_t n_filters;
	struct mode_file *files;
	size_t n_files;
	usec_t now;
	bool verbose;
	bool lines, journal;   /* --lines, --journal */
	struct replay *replay; /* of a journal, opened already */
};

int mode_examples(const struct mode *m);
int mode_explain(const struct mode *m);
int mode_test(const struct mode *m);
/* mode_test with --lines */
int mode_lines(const struct mode *m);
int mode_replay(const struct mode *m);
/* The entries of the filter's journal from that time on; none when it reads none. Negative errno.
 */
int mode_replay_open(struct mode *m, usec_t since);
int mode_replay_journal(const struct mode *m);
void mode_replay_free(struct replay *r);

/* Standard output, all of it; a reader that went away ends the process. Empties b. */
void mode_write(struct strbuf *b);
/* True once b is large enough to be written. */
bool mode_full(const struct strbuf *b);

/*
 * Hands the file's lines on in blocks of whole lines. Lines that do not fit into READ_ROOM are
 * skipped and counted in counts (lines, unexamined). Negative errno of read(2), -ENOMEM.
 */
int mode_read(int fd, void (*on_block)(void *ctx, const char *block, size_t n), void *ctx,
    struct lane_counts *counts);

/* The filter's file source whose path (or a rotated name of it) fits, else UINT32_MAX. */
uint32_t mode_source(const struct image *img, uint32_t filter, const char *path);
/* A program that the filter takes, for messages that come without one. */
void mode_program(const struct image *img, uint32_t filter, char *buf, size_t room);
/* "pattern", "file", "line": members that name a pattern of the image. */
void mode_json_pattern(struct json *j, const struct image *img, uint32_t pattern);
const char *mode_kind(unsigned kind);
