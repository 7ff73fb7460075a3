/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The entries of one journal directory, for all units, identifiers and facilities that are wanted
 * of it at once (libsystemd). Comes in: journal files, whose messages are hostile. Goes out:
 * entries in order, and cursors as struct msg_position. Bounded: a message is LINE_MAX_BYTES, names
 * JOURNAL_NAME_MAX, mapped is what JOURNAL_MAPPED_MAX entries need.
 */
#pragma once

#include "base/cleanup.h"
#include "reader/match.h"

#define JOURNAL_NAME_MAX   256
#define JOURNAL_MAPPED_MAX 8192 /* entries; then opened anew, since what was read stays mapped */

struct journal_entry {
	const char *text; /* MESSAGE; valid during the callback */
	size_t len;
	bool cut;                       /* the message was longer than LINE_MAX_BYTES */
	char program[JOURNAL_NAME_MAX]; /* SYSLOG_IDENTIFIER, else _COMM; "" is none */
	bool identified;                /* it is the former: sources name identifiers alone */
	char unit[JOURNAL_NAME_MAX];    /* _SYSTEMD_UNIT; "" is none */
	char facility[8];               /* SYSLOG_FACILITY; "" is none */
	usec_t time;
	/* When a source's filter is stepwise. */
	char host[JOURNAL_NAME_MAX]; /* _HOSTNAME; "" is none */
	char pid[24];                /* SYSLOG_PID, else _PID; "" is none */
	usec_t monotonic;            /* since the kernel started */
	const uint8_t *routes; /* one byte per source of source_journal_want: it wants the entry */
};

/* An entry that some source wants. before: an entry of before the position, for state that reaches
 * back. False: stop here for now (the entry itself counts as taken). */
typedef bool (*journal_entry_fn)(void *ctx, const struct journal_entry *e, bool before);

struct source_journal;

/* directory: "" is the system's. img must outlive it. */
int source_journal_new(struct source_journal **out, const char *directory, const struct image *img,
    journal_entry_fn fn, void *ctx);
void source_journal_free(struct source_journal *j);
DEFINE_FREEP(struct source_journal, source_journal_free)
/* Which sources' entries are wanted (IMAGE_SOURCES, copied); source_journal_open comes next.
 * -ENOMEM. */
int source_journal_want(struct source_journal *j, const uint32_t *sources, size_t n);

/* Opens behind the entry that p stands for, or behind the last one there is (p NULL; now is what a
 * position says as long as there is none). before: so many earlier entries are delivered as such.
 * 0; 1: the entry and what followed it were deleted; -ENODATA: no file there may be read; other
 * negative errno. */
int source_journal_open(
    struct source_journal *j, const struct msg_position *p, usec_t now, unsigned before);
/* Gives all mapped files back. The position stays, and news still come: then source_journal_process
 * opens again. */
void source_journal_close(struct source_journal *j);
bool source_journal_is_open(const struct source_journal *j);

/* For the event loop, the same as long as j lives: readable means source_journal_process, then
 * source_journal_step. */
int source_journal_fd(const struct source_journal *j);
/* Looks what is new, and opens again where that needs it: as source_journal_open. */
int source_journal_process(struct source_journal *j, usec_t now);
/* After opening failed: true when something changed, so that it may be tried again. */
bool source_journal_news(struct source_journal *j);

enum journal_step {
	JOURNAL_IDLE, /* at the end */
	JOURNAL_MORE, /* max entries were read */
	JOURNAL_HELD, /* the callback said stop */
};
/* Reads up to max entries. enum journal_step, or negative errno. */
int source_journal_step(struct source_journal *j, unsigned max, usec_t now);
/* Behind the last entry that was read; key and kind are left alone. */
void source_journal_position(struct source_journal *j, struct msg_position *out);
/* Entries since it was opened. */
uint64_t source_journal_read(const struct source_journal *j);

/* True when the source s wants this entry. */
bool source_journal_routes(
    const struct image *img, const struct image_source *s, const struct journal_entry *e);

/* The two forms of a cursor. text: JOURNAL_CURSOR_MAX bytes. -EINVAL. */
#define JOURNAL_CURSOR_MAX 192
int journal_cursor_parse(struct msg_position *out, const char *text);
void journal_cursor_format(const struct msg_position *p, char text[static JOURNAL_CURSOR_MAX]);
