/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/step_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

#define JIT_STACK  (256 * 1024)
#define GROUPS_MAX 512 /* of one pattern */
#define ROLES_MAX  128 /* named groups that mean something, of one pattern */
/*
 * What a match costs is bounded twice. First by PCRE2's own limit, on machine code: it does not
 * count the bytes that a repeat runs over, so that each unit of it may cost the whole text, at each
 * place where a match may begin: FAST_WORK is units times bytes times places, 1 ms at worst. Honest
 * patterns on long lines can need more units that cost little: those are tried again, interpreted,
 * with each step counted: SLOW_WORK is 3 ms at worst, for all patterns of a line together.
 */
#define FAST_WORK   1500000
#define FAST_MOST   50000 /* units */
#define FAST_LEAST  16
#define PLACE_UNITS 32 /* of a pattern that may begin anywhere, at one place */
#define SLOW_WORK   40000
#define SLOW_BYTES  64   /* that a repeat runs over count as one step */
#define SLOW_HEAP   2048 /* KiB */

static const char *const names[STEP_PARTS] = {
    [PART_ADDR] = "addr",
    [PART_NAME] = "name",
    [PART_ID] = "id",
    [PART_USER] = "user",
    [PART_SESSION] = "session",
    [PART_CIDR] = "cidr",
    [PART_PORT] = "port",
    [PART_NOTED] = "noted",
    [PART_ENDS] = "ends",
    [PART_CLEARED] = "cleared",
    [PART_CONTENT] = "content",
};

/* A named group and what it does to its part. Of one kind they are in order of their names. */
enum role_kind {
	ROLE_PLAIN, /* is it */
	ROLE_ALT,   /* stands in for it */
	ROLE_TUPLE, /* is joined to it */
	ROLE_SKIP,  /* part: number of the skipped lines */
};

struct role {
	enum role_kind kind;
	unsigned part;
	uint16_t group;
	char name[33];
};

struct step_regex {
	pcre2_code *code;
	pcre2_code *slow; /* calls before each of its steps */
	bool jit;
	bool lines;     /* sees several lines */
	bool one_place; /* can begin at one place, or at the start of each line, alone */
	struct role roles[ROLES_MAX];
	size_t n_roles;
};

struct step_room {
	pcre2_match_context *context, *slow;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
	size_t left;      /* places, or steps */
	size_t at;        /* of the last step */
	size_t slow_left; /* steps, of the line */
};

/* Called where a match may begin, before it is tried. */
static int
on_place(pcre2_callout_block *block, void *ctx)
{
	struct step_room *r = ctx;

	(void)block;
	return r->left-- ? 0 : PCRE2_ERROR_MATCHLIMIT;
}

/* Called before each step: it, and the bytes since the last one, are taken from what is left. */
static int
on_slow_step(pcre2_callout_block *block, void *ctx)
{
	struct step_room *r = ctx;
	size_t at = block->current_position;
	size_t work = 1 + (at > r->at ? at - r->at : r->at - at) / SLOW_BYTES;

	r->at = at;
	if (work > r->left)
		return PCRE2_ERROR_MATCHLIMIT;
	r->left -= work;
	return 0;
}

int
step_room_new(struct step_room **out)
{
	_cleanup_(step_room_freep) struct step_room *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	r->context = pcre2_match_context_create(NULL);
	r->slow = pcre2_match_context_create(NULL);
	r->data = pcre2_match_data_create(GROUPS_MAX, NULL);
	r->stack = pcre2_jit_stack_create(JIT_STACK, JIT_STACK, NULL);
	if (!r->context || !r->slow || !r->data)
		return -ENOMEM;
	/* Only where there is no JIT. */
	pcre2_set_heap_limit(r->context, SLOW_HEAP);
	pcre2_set_callout(r->context, on_place, r);
	pcre2_set_heap_limit(r->slow, SLOW_HEAP);
	pcre2_set_callout(r->slow, on_slow_step, r);
	if (r->stack)
		pcre2_jit_stack_assign(r->context, NULL, r->stack);
	r->slow_left = SLOW_WORK;
	*out = r;
	r = NULL;
	return 0;
}

void
step_room_line(struct step_room *r)
{
	r->slow_left = SLOW_WORK;
}

void
step_room_free(struct step_room *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->context);
	pcre2_match_context_free(r->slow);
	pcre2_match_data_free(r->data);
	pcre2_jit_stack_free(r->stack);
	free(r);
}

static int
compile_as(pcre2_code **out, const char *regex, uint32_t options, char **error)
{
	PCRE2_SIZE at;
	int code;

	*out = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, options, &code, &at, NULL);
	return *out ? 0 : pattern_refuse(error, "", code, at);
}

/* Whether PCRE2 knows that a match begins at the text's start, or at one of its lines'. */
static bool
begins_once(const struct step_regex *p)
{
	uint32_t options = 0, first = 0;

	pcre2_pattern_info(p->code, PCRE2_INFO_ALLOPTIONS, &options);
	pcre2_pattern_info(p->code, PCRE2_INFO_FIRSTCODETYPE, &first);
	return (options & PCRE2_ANCHORED) || first == 2;
}

/* A callout in front of one that may begin anywhere counts the places. The group keeps alternatives
 * together. */
static void
mark_places(struct step_regex *p, const char *regex, uint32_t options)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *error = NULL;
	pcre2_code *marked = NULL;

	if (asprintf(&text, "(?C1)(?:%s)", regex) < 0) {
		text = NULL;
		return;
	}
	/* A comment at its end may swallow the bracket: then it goes without. */
	if (compile_as(&marked, text, options, &error) < 0)
		return;
	pcre2_code_free(p->code);
	p->code = marked;
}

static int
compile(struct step_regex *p, const char *regex, struct step_options o, char **error)
{
	uint32_t options = STEP_PCRE2_OPTIONS | (o.caseless ? PCRE2_CASELESS : 0) |
			   (o.lines ? PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX : 0);
	uint32_t has_jit = 0, tops = 0;
	int r = compile_as(&p->code, regex, options, error);

	if (r == 0)
		r = compile_as(&p->slow, regex, options | PCRE2_AUTO_CALLOUT, error);
	if (r < 0)
		return r;
	p->lines = o.lines;
	p->one_place = begins_once(p);
	if (!p->one_place)
		mark_places(p, regex, options);
	pcre2_config(PCRE2_CONFIG_JIT, &has_jit);
	if (has_jit) {
		r = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
		if (r < 0)
			return pattern_refuse(error, "JIT: ", r, 0);
		p->jit = true;
	}
	pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &tops);
	return tops + 1 > GROUPS_MAX ? pattern_refuse(error, "more groups than are kept", 0, 0) : 0;
}

static unsigned
part_of(const char *name, size_t n)
{
	unsigned p = 0;

	while (p < STEP_PARTS && (strlen(names[p]) != n || memcmp(names[p], name, n)))
		p++;
	return p;
}

/* "alt_user", "alt_user_2": what stands between the first word and a number. */
static size_t
stem(const char *name)
{
	size_t n = strlen(name), digits = 0;

	while (digits < n && name[n - 1 - digits] >= '0' && name[n - 1 - digits] <= '9')
		digits++;
	if (digits && n > digits + 1 && name[n - digits - 1] == '_')
		n -= digits + 1;
	return n;
}

static bool
role_of(struct role *out, const char *name)
{
	static const char *const before[] = {[ROLE_PLAIN] = "", "alt_", "tuple_"};

	if (!strncmp(name, "skiplines", 9) && name[9] >= '0' && name[9] < '0' + STEP_SKIPS_MAX &&
	    !name[10]) {
		out->kind = ROLE_SKIP;
		out->part = name[9] - '0';
		return true;
	}
	for (int k = ROLE_TUPLE; k >= ROLE_PLAIN; k--) {
		size_t n = strlen(before[k]);

		if (strncmp(name, before[k], n))
			continue;
		out->kind = k;
		out->part = part_of(name + n, k == ROLE_PLAIN ? strlen(name) : stem(name + n));
		return out->part < STEP_PARTS;
	}
	return false;
}

/* Kinds in their order, which is that of use; in it by name, then by number. */
static int
by_use(const void *a, const void *b)
{
	const struct role *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (c && x->kind != ROLE_PLAIN)
		return c;
	return x->group < y->group ? -1 : x->group > y->group;
}

/* The name table: per entry two bytes of group number, then the name. */
static int
look_up_names(struct step_regex *p, char **error)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count; i++, table += size) {
		struct role role = {.group = table[0] << 8 | table[1]};

		if (!role_of(&role, (const char *)table + 2))
			continue;
		if (p->n_roles == ROLES_MAX)
			return pattern_refuse(error, "more named parts than are kept", 0, 0);
		memcpy(
		    role.name, table + 2, strnlen((const char *)table + 2, sizeof role.name - 1));
		p->roles[p->n_roles++] = role;
	}
	qsort(p->roles, p->n_roles, sizeof *p->roles, by_use);
	return 0;
}

int
step_regex_new(
    struct step_regex **out, const char *regex, struct step_options options, char **error)
{
	_cleanup_(step_regex_freep) struct step_regex *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	r = compile(p, regex, options, error);
	if (r == 0)
		r = look_up_names(p, error);
	if (r < 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

void
step_regex_free(struct step_regex *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	pcre2_code_free(p->slow);
	free(p);
}

bool
step_regex_has(const struct step_regex *p, enum step_part part)
{
	for (size_t i = 0; i < p->n_roles; i++)
		if (p->roles[i].kind != ROLE_SKIP && p->roles[i].part == part)
			return true;
	return false;
}

/* The value of several groups is their texts, with tabs between them. */
static void
join(struct step_match *m, unsigned part, const struct step_value *more)
{
	struct step_value *v = &m->parts[part];
	char *room = m->room[part];
	size_t n = 0;

	if (v->text != room && v->text) {
		n = v->len < STEP_TUPLE_MAX ? v->len : STEP_TUPLE_MAX;
		memcpy(room, v->text, n);
	} else if (v->text == room) {
		n = v->len;
	}
	if (n < STEP_TUPLE_MAX)
		room[n++] = '\t';
	if (more->text) {
		size_t k = more->len < STEP_TUPLE_MAX - n ? more->len : STEP_TUPLE_MAX - n;

		memcpy(room + n, more->text, k);
		n += k;
	}
	*v = (struct step_value){room, n, true};
}

static void
use_role(struct step_match *m, const struct role *role, const struct step_value *found)
{
	struct step_value *v =
	    role->kind == ROLE_SKIP ? &m->skips[role->part] : &m->parts[role->part];

	switch (role->kind) {
	case ROLE_SKIP:
		*v = *found;
		if (role->part >= m->n_skips)
			m->n_skips = role->part + 1;
		break;
	case ROLE_PLAIN:
		v->known = true;
		if (!v->text)
			*v = *found;
		break;
	case ROLE_ALT:
		if (found->text && found->len && !(v->text && v->len))
			*v = *found;
		break;
	case ROLE_TUPLE:
		join(m, role->part, found);
		break;
	}
}

static void
set_match(const struct step_regex *p, const PCRE2_SIZE *ovector, int top, const char *text,
    struct step_match *m)
{
	memset(m->parts, 0, sizeof m->parts);
	memset(m->skips, 0, sizeof m->skips);
	m->n_skips = 0;
	m->start = ovector[0];
	m->end = ovector[1] < ovector[0] ? ovector[0] : ovector[1];
	for (size_t i = 0; i < p->n_roles; i++) {
		int g = p->roles[i].group;
		struct step_value found = {.known = true};

		if (g < top && ovector[2 * g] != PCRE2_UNSET &&
		    ovector[2 * g] <= ovector[2 * g + 1]) {
			found.text = text + ovector[2 * g];
			found.len = ovector[2 * g + 1] - ovector[2 * g];
		}
		use_role(m, &p->roles[i], &found);
	}
}

/* Where a match begins at the start of a line, each of them is a place. */
static size_t
count_places(const struct step_regex *p, const char *text, size_t n)
{
	size_t places = 1;

	for (size_t i = 0; p->lines && i < n; i++)
		places += text[i] == '\n';
	return places;
}

static size_t
between(size_t v, size_t least, size_t most)
{
	return v < least ? least : v > most ? most : v;
}

static int
run_fast(const struct step_regex *p, struct step_room *room, const char *text, size_t n)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)text;
	size_t work = FAST_WORK / (n + 1), units = PLACE_UNITS;

	room->left = between(work / PLACE_UNITS, 1, SIZE_MAX);
	if (p->one_place)
		units = between(work / count_places(p, text, n), FAST_LEAST, FAST_MOST);
	pcre2_set_match_limit(room->context, units);
	if (p->jit)
		return pcre2_jit_match(p->code, subject, n, 0, 0, room->data, room->context);
	return pcre2_match(p->code, subject, n, 0, 0, room->data, room->context);
}

static int
run_slow(const struct step_regex *p, struct step_room *room, const char *text, size_t n)
{
	int r;

	room->left = room->slow_left;
	room->at = 0;
	r = pcre2_match(p->slow, (PCRE2_SPTR)text, n, 0, PCRE2_NO_JIT, room->data, room->slow);
	room->slow_left = room->left;
	return r;
}

enum pattern_answer
step_regex_match(const struct step_regex *p, struct step_room *room, const char *text, size_t n,
    struct step_match *m)
{
	int r = run_fast(p, room, text, n);

	if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = run_slow(p, room, text, n);
	if (r == PCRE2_ERROR_NOMATCH)
		return PATTERN_NOT;
	if (r < 0)
		return PATTERN_UNEXAMINED;
	set_match(p, pcre2_get_ovector_pointer(room->data), r, text, m);
	return PATTERN_MATCHED;
}
