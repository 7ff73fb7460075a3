/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Following one log file through everything that rotates it: rename, copytruncate, delete and
 * create, a symlink turned elsewhere, truncation, all of them also while nobody was reading. Comes
 * in: descriptors from the keeper. Goes out: blocks of whole lines with their offset. Bounded: one
 * block at a time, FILE_PARTS files of one path at once; a line longer than line_max is skipped to
 * its end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/msg.h"

#define FILE_BLOCK    (256 * 1024)
#define FILE_PARTS    5
#define FILE_PAST     4
#define FILE_HEAD_MAX 1024

enum file_told {
	FILE_TOLD_ROTATED,   /* another file is read from here on */
	FILE_TOLD_TRUNCATED, /* the same file begins anew */
	FILE_TOLD_LOST,      /* what had not been read of the former file is gone */
	FILE_TOLD_LONG,      /* a line was too long and is skipped, or a last line has no end */
};

struct file_ops {
	/* n bytes of whole lines that stand at offset `at`. Returns how many bytes were taken,
	 * whole lines again; less than n means "no more for now". */
	size_t (*on_lines)(void *ctx, const char *block, size_t n, uint64_t at);
	/* Asks for a former file of this path: by inode (not 0), or by head. Answered by
	 * source_file_found. */
	void (*on_find)(void *ctx, uint64_t ino, uint64_t head_hash, uint32_t head_len);
	void (*on_told)(void *ctx, enum file_told what);
	/* Asks for the oldest rotated file modified at or after a time (ns) that is not the one
	 * with this inode: several rotations may lie between two looks. Answered as on_find is. */
	void (*on_next)(void *ctx, uint64_t ino, int64_t after);
};

struct file_part {
	int fd;
	uint64_t dev, ino;
};

struct source_file {
	const struct file_ops *ops;
	void *ctx;
	uint32_t line_max;
	/* In the order in which they are to be read: the first is being read, the last is what the
	 * path names now. */
	struct file_part parts[FILE_PARTS];
	unsigned n_parts;
	uint64_t offset;    /* of the first line that was not taken */
	uint64_t skip;      /* beyond offset: how far a line that is too long was skipped; else 0 */
	uint64_t size;      /* of the first part, at the last look */
	uint64_t head_hash; /* of head_len bytes of the first part */
	uint32_t head_len;
	bool between;    /* what came between the first part and the next is known */
	bool next_seen;  /* the next part has data: the first is read to its end once more */
	uint8_t finding; /* enum file_finding */
	struct msg_position wanted; /* what is looked for */
	/* Where former parts were left, should the path name one of them again. */
	struct msg_position past[FILE_PAST];
	unsigned n_past;
};

enum file_finding {
	FILE_FOUND,
	FILE_BY_INODE,
	FILE_BY_HEAD,
	FILE_BY_HEAD_AFTER, /* the file was truncated while it was read */
	FILE_BETWEEN,       /* one that came and went between the first part and the next */
};

enum file_step {
	FILE_IDLE,  /* at the end */
	FILE_MORE,  /* a whole block was read: there may be more */
	FILE_HELD,  /* on_lines took less than it was given */
	FILE_ASKED, /* source_file_found comes first */
};

void source_file_init(
    struct source_file *f, uint32_t line_max, const struct file_ops *ops, void *ctx);
void source_file_fini(struct source_file *f);

/* The keeper opened what the path names now. Takes fd. True when this is another file than before.
 */
bool source_file_opened(struct source_file *f, int fd, uint64_t dev, uint64_t ino);
/* Where to begin; source_file_opened came before. A saved position that belongs to a file that is
 * not open here asks for it. */
void source_file_place(struct source_file *f, const struct msg_position *p);
void source_file_place_start(struct source_file *f);
/* Behind the last whole line of what the path names now. buf: FILE_BLOCK bytes. */
void source_file_place_end(struct source_file *f, char *buf);
/* The answer to on_find: fd (taken) or -1. */
void source_file_found(struct source_file *f, int fd, uint64_t dev, uint64_t ino);

/* Reads and delivers one block into buf (FILE_BLOCK bytes). fresh: something may have happened to
 * the file since the last step (a wake-up, as opposed to the next block). enum file_step, or the
 * negative errno of reading. */
int source_file_step(struct source_file *f, char *buf, bool fresh);
/* kind and key are left alone. */
void source_file_position(struct source_file *f, struct msg_position *out);
/* Calls on_lines_before with whole lines that end at the present offset, at most FILE_BLOCK bytes:
 * for state that reaches back over lines. */
void source_file_before(struct source_file *f, char *buf,
    void (*on_lines_before)(void *ctx, const char *block, size_t n));
/* Asks how much there is by now. */
void source_file_look(struct source_file *f);
/* Bytes not yet read, as of the last look. */
uint64_t source_file_lag(const struct source_file *f);
