/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One request to the running guardd over its control socket, or to one of its executables over a
 * pipe: the answers are JSON lines. Comes in: what the caller asks. Goes out: each line as a parsed
 * object.
 */
#pragma once

#include <jansson.h>

#include "base/strbuf.h"
#include "ctl/command.h"

#define ASK_LINE_MAX (1u << 20) /* bytes of one answer line */

/* Appends a word to a request line, quoted where it has to be. */
void ask_word(struct strbuf *request, const char *word);

/* line: the text as it came; object: parsed, borrowed, its texts fit for a terminal. */
typedef void (*ask_line_fn)(void *ctx, const char *line, json_t *object);

/*
 * Sends the request and hands over every line but the last ("done"). Returns an exit status: the
 * error of the last line was printed on standard error.
 */
int ask_daemon(const struct globals *g, const struct strbuf *request, ask_line_fn fn, void *ctx);
/* The same of guardd-herald, over the control socket in g->herald. */
int ask_herald(const struct globals *g, const struct strbuf *request, ask_line_fn fn, void *ctx);
/* The same lines read from fd until its end, without a "done". */
int ask_read_lines(int fd, ask_line_fn fn, void *ctx);
/* Prints a line as it came: what --json does. */
void ask_print_raw(void *ctx, const char *line, json_t *object);
