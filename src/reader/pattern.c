/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "reader/match.h"

#define JIT_STACK  (256 * 1024)
#define GROUPS_MAX 16 /* groups of one name in one pattern */

static const char *const names[CAPTURES] = {
    [CAPTURE_ADDR] = "addr",
    [CAPTURE_USER] = "user",
    [CAPTURE_TIME] = "time",
    [CAPTURE_SESSION] = "session",
    [CAPTURE_PORT] = "port",
};

struct groups {
	uint16_t number[GROUPS_MAX];
	uint32_t n;
};

struct pattern {
	pcre2_code *code;
	bool jit;
	uint32_t groups;
	struct groups named[CAPTURES];
};

struct pattern_room {
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

const char *
capture_name(enum capture c)
{
	return names[c];
}

int
pattern_room_new(struct pattern_room **out, uint32_t groups)
{
	_cleanup_(pattern_room_freep) struct pattern_room *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	r->context = pcre2_match_context_create(NULL);
	r->data = pcre2_match_data_create(groups ? groups : 1, NULL);
	r->stack = pcre2_jit_stack_create(JIT_STACK, JIT_STACK, NULL);
	if (!r->context || !r->data)
		return -ENOMEM;
	pcre2_set_match_limit(r->context, MATCH_LIMIT);
	/* Only where there is no JIT. */
	pcre2_set_depth_limit(r->context, 1000);
	pcre2_set_heap_limit(r->context, 1024);
	if (r->stack)
		pcre2_jit_stack_assign(r->context, NULL, r->stack);
	*out = r;
	r = NULL;
	return 0;
}

void
pattern_room_free(struct pattern_room *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->context);
	pcre2_match_data_free(r->data);
	pcre2_jit_stack_free(r->stack);
	free(r);
}

int
pattern_refuse(char **error, const char *why, int code, size_t at)
{
	char text[200] = "";

	if (code)
		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
	if (asprintf(error, "%s%s at offset %zu", why, text, at) < 0) {
		*error = NULL;
		return -ENOMEM;
	}
	return -EINVAL;
}

static int
compile(struct pattern *p, const char *regex, bool caseless, char **error)
{
	uint32_t options = PATTERN_PCRE2_OPTIONS | (caseless ? PCRE2_CASELESS : 0);
	uint32_t has_jit = 0, tops = 0;
	PCRE2_SIZE at;
	int code;

	p->code =
	    pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, options, &code, &at, NULL);
	if (!p->code)
		return pattern_refuse(error, "", code, at);
	pcre2_config(PCRE2_CONFIG_JIT, &has_jit);
	if (has_jit) {
		/* Interpreted instead, it would be ten times slower, and nobody would be told. */
		code = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
		if (code < 0)
			return pattern_refuse(error, "JIT: ", code, 0);
		p->jit = true;
	}
	pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &tops);
	p->groups = tops + 1;
	return 0;
}

static enum capture
capture_of(const char *name)
{
	enum capture c = 0;

	while (c < CAPTURES && strcmp(name, names[c]))
		c++;
	return c;
}

/* The name table: per entry two bytes of group number, then the name. */
static int
look_up_names(struct pattern *p, char **error)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count; i++, table += size) {
		enum capture c = capture_of((const char *)table + 2);

		if (c == CAPTURES)
			continue;
		if (p->named[c].n == GROUPS_MAX)
			return pattern_refuse(error, "more than 16 parts of one name", 0, 0);
		p->named[c].number[p->named[c].n++] = table[0] << 8 | table[1];
	}
	return 0;
}

int
pattern_new(struct pattern **out, const char *regex, bool caseless, char **error)
{
	_cleanup_(pattern_freep) struct pattern *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	r = compile(p, regex, caseless, error);
	if (r == 0)
		r = look_up_names(p, error);
	if (r < 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

void
pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	free(p);
}

uint32_t
pattern_groups(const struct pattern *p)
{
	return p->groups;
}

static void
set_captures(const struct pattern *p, const PCRE2_SIZE *ovector, int top, const char *text,
    struct captures *out)
{
	memset(out, 0, sizeof *out);
	for (int c = 0; c < CAPTURES; c++)
		for (uint32_t i = 0; i < p->named[c].n; i++) {
			int g = p->named[c].number[i];

			if (g >= top || ovector[2 * g] == PCRE2_UNSET)
				continue;
			out->text[c] = text + ovector[2 * g];
			out->len[c] = ovector[2 * g + 1] - ovector[2 * g];
			break;
		}
}

enum pattern_answer
pattern_match(const struct pattern *p, struct pattern_room *room, const char *text, size_t n,
    struct captures *captures)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)text;
	int r;

	if (p->jit)
		r = pcre2_jit_match(p->code, subject, n, 0, 0, room->data, room->context);
	else
		r = pcre2_match(p->code, subject, n, 0, 0, room->data, room->context);
	if (r == PCRE2_ERROR_NOMATCH)
		return PATTERN_NOT;
	if (r < 0)
		return PATTERN_UNEXAMINED;
	set_captures(p, pcre2_get_ovector_pointer(room->data), r, text, captures);
	return PATTERN_MATCHED;
}
