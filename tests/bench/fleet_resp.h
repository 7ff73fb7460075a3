/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Replies of Redis, as they come in pieces: how deep, which element, and the text of a short one.
 * Comes in: bytes. Goes out: calls for each text and number, and at the end of each whole reply.
 * Bounded: RESP_DEPTH levels, RESP_TEXT bytes of a text are kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RESP_DEPTH 6
#define RESP_TEXT  64

struct resp {
	int64_t left[RESP_DEPTH]; /* elements that are still to come on each level */
	int64_t index[RESP_DEPTH];
	int64_t body; /* bytes of a bulk text that are still to come, its CR LF too; 0: a line is
			 read */
	int depth;
	uint32_t len;
	char text[RESP_TEXT];
	bool error;
};

struct resp_calls {
	/* A text, number or error at r->depth, number r->index[r->depth - 1] of its array. */
	void (*text)(void *ctx, const struct resp *r);
	void (*whole)(void *ctx, bool error);
};

static inline void
resp_value(struct resp *r, const struct resp_calls *c, void *ctx)
{
	r->text[r->len < RESP_TEXT ? r->len : RESP_TEXT - 1] = '\0';
	c->text(ctx, r);
	r->len = 0;
	while (r->depth > 0) {
		r->index[r->depth - 1]++;
		if (--r->left[r->depth - 1] > 0)
			return;
		r->depth--;
	}
	c->whole(ctx, r->error);
	r->error = false;
}

/* False: not a reply, or deeper than there is room for. */
static inline bool
resp_line(struct resp *r, const struct resp_calls *c, void *ctx)
{
	int64_t n = strtoll(r->text + 1, NULL, 10);

	r->text[r->len < RESP_TEXT ? r->len : RESP_TEXT - 1] = '\0';
	switch (r->text[0]) {
	case '$':
		r->len = 0;
		if (n >= 0)
			r->body = n + 2;
		else
			resp_value(r, c, ctx);
		return true;
	case '*':
		r->len = 0;
		if (n <= 0) {
			resp_value(r, c, ctx);
			return true;
		}
		if (r->depth == RESP_DEPTH)
			return false;
		r->left[r->depth] = n;
		r->index[r->depth++] = 0;
		return true;
	case '-':
		r->error = true;
		/* fallthrough */
	case '+':
	case ':':
		resp_value(r, c, ctx);
		return true;
	default:
		return false;
	}
}

static inline bool
resp_feed(struct resp *r, const char *data, size_t n, const struct resp_calls *c, void *ctx)
{
	for (size_t at = 0; at < n;) {
		if (r->body > 0) {
			size_t take = n - at < (size_t)r->body ? n - at : (size_t)r->body;
			size_t text = r->body > 2 ? (size_t)r->body - 2 : 0;

			if (text > take)
				text = take;
			if (r->len < RESP_TEXT - 1) {
				size_t keep = RESP_TEXT - 1 - r->len;

				memcpy(r->text + r->len, data + at, keep < text ? keep : text);
				r->len += (uint32_t)(keep < text ? keep : text);
			}
			at += take;
			r->body -= (int64_t)take;
			if (!r->body)
				resp_value(r, c, ctx);
			continue;
		}
		if (data[at] == '\n') {
			if (!resp_line(r, c, ctx))
				return false;
		} else if (data[at] != '\r' && r->len < RESP_TEXT - 1) {
			r->text[r->len++] = data[at];
			r->text[r->len] = '\0';
		}
		at++;
	}
	return true;
}
