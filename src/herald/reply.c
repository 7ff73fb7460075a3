/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/reply.h"

#include <errno.h>
#include <hiredis/read.h>
#include <stdlib.h>
#include <string.h>

struct reply {
	redisReader *reader;
	size_t bytes, fed; /* bound; since the last whole reply */
	uint32_t values;
	bool too_large;
	char last_id[REPLY_ID_MAX];
};

static struct value *
put(const redisReadTask *task, struct value *v)
{
	struct reply *r = task->privdata;

	if (!v || ++r->values > REPLY_VALUES) {
		r->too_large = true;
		free(v);
		return NULL;
	}
	if (task->parent) {
		struct value *list = task->parent->obj;

		list->items[task->idx] = v;
	}
	return v;
}

static struct value *
make(enum value_type type, uint32_t n, size_t room)
{
	struct value *v = calloc(1, sizeof(*v) + room);

	if (v) {
		v->type = (uint8_t)type;
		v->n = n;
	}
	return v;
}

/* An entry of XREAD's answer: streams, of each its name and entries, of each its id and fields. */
static bool
is_id(const redisReadTask *task)
{
	const redisReadTask *entry = task->parent;
	const redisReadTask *entries = entry ? entry->parent : NULL;

	return entries && entries->parent && entries->parent->parent &&
	       !entries->parent->parent->parent && task->idx == 0 && entries->idx == 1;
}

static void *
on_string(const redisReadTask *task, char *text, size_t n)
{
	static const uint8_t types[] = {
	    [REDIS_REPLY_STRING] = VALUE_TEXT,
	    [REDIS_REPLY_STATUS] = VALUE_STATUS,
	    [REDIS_REPLY_ERROR] = VALUE_ERROR,
	};
	struct reply *r = task->privdata;
	struct value *v = make(types[task->type], (uint32_t)n, n + 1);

	if (v)
		memcpy(v->text, text, n);
	if (is_id(task) && n < REPLY_ID_MAX) {
		memcpy(r->last_id, text, n);
		r->last_id[n] = '\0';
	}
	return put(task, v);
}

static void *
on_array(const redisReadTask *task, int n)
{
	struct reply *r = task->privdata;

	/* The header alone costs nothing: refused before anything is allocated. */
	if (n < 0 || (uint32_t)n > REPLY_VALUES - r->values) {
		r->too_large = true;
		return NULL;
	}
	return put(task, make(VALUE_LIST, (uint32_t)n, (size_t)n * sizeof(struct value *)));
}

static void *
on_integer(const redisReadTask *task, long long number)
{
	struct value *v = make(VALUE_NUMBER, 0, 0);

	if (v)
		v->number = number;
	return put(task, v);
}

static void *
on_nil(const redisReadTask *task)
{
	return put(task, make(VALUE_NIL, 0, 0));
}

void
value_free(struct value *v)
{
	if (!v)
		return;
	/* No deeper than REPLY_DEPTH. */
	if (v->type == VALUE_LIST) {
		for (uint32_t i = 0; i < v->n; i++)
			value_free(v->items[i]);
	}
	free(v);
}

static void
on_free(void *v)
{
	value_free(v);
}

static redisReplyObjectFunctions functions = {on_string, on_array, on_integer, on_nil, on_free};

int
reply_new(struct reply **out, size_t bytes)
{
	struct reply *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->bytes = bytes;
	r->reader = redisReaderCreateWithFunctions(&functions);
	if (!r->reader) {
		free(r);
		return -ENOMEM;
	}
	r->reader->privdata = r;
	*out = r;
	return 0;
}

void
reply_free(struct reply *r)
{
	if (!r)
		return;
	redisReaderFree(r->reader);
	free(r);
}

static int
trouble(const struct reply *r)
{
	return r->too_large ? -EMSGSIZE : -EPROTO;
}

int
reply_feed(struct reply *r, const char *bytes, size_t n)
{
	r->fed += n;
	if (r->fed > r->bytes) {
		r->too_large = true;
		return -EMSGSIZE;
	}
	return redisReaderFeed(r->reader, bytes, n) == 0 ? 0 : trouble(r);
}

/* A line that does not end is looked through anew with each byte that comes. What is waited for
 * else is a string, whose header has an end. */
static bool
is_endless(const struct reply *r)
{
	const redisReader *reader = r->reader;

	return reader->len - reader->pos > REPLY_LINE &&
	       !memchr(reader->buf + reader->pos, '\r', REPLY_LINE);
}

int
reply_next(struct reply *r, struct value **out)
{
	void *v = NULL;

	if (redisReaderGetReply(r->reader, &v) != 0)
		return trouble(r);
	if (!v)
		return is_endless(r) ? -EPROTO : 0;
	r->values = 0;
	r->last_id[0] = '\0';
	r->fed = r->reader->len - r->reader->pos;
	*out = v;
	return 1;
}

const char *
reply_last_id(const struct reply *r)
{
	return r->last_id;
}

bool
value_is(const struct value *v, const char *text)
{
	return v->type == VALUE_TEXT && v->n == strlen(text) && memcmp(v->text, text, v->n) == 0;
}
