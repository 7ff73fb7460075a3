/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/fleet_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SECONDS_MAX 253402300799 /* the end of the year 9999 */
#define HOST_BYTES  "abcdefghijklmnopqrstuvwxyz0123456789.-"

static const char *const kinds[ENTRY_KINDS] = {"ban", "lift", "report", "probe"};

static const struct {
	const char *name;
	bool number;
} reasons[] = {
    [FLEET_POINTS] = {"points", true},
    [FLEET_PREFIX] = {"prefix", true},
    [FLEET_HAND] = {"hand", false},
    [FLEET_OTHER] = {"other", false},
};
#define N_REASONS (sizeof(reasons) / sizeof(*reasons))

/* A word of the line: between blanks, never empty. */
struct word {
	const char *text;
	size_t n;
};

struct words {
	const char *next, *end;
};

/* False: there is none, or more than one blank in front of it. */
static bool
take_word(struct words *w, struct word *out)
{
	const char *blank;

	if (!w->next)
		return false;
	blank = memchr(w->next, ' ', (size_t)(w->end - w->next));
	out->text = w->next;
	out->n = (size_t)((blank ? blank : w->end) - w->next);
	w->next = blank ? blank + 1 : NULL;
	return out->n > 0;
}

static bool
word_is(const struct word *w, const char *text)
{
	return w->n == strlen(text) && memcmp(w->text, text, w->n) == 0;
}

/* Decimal without sign or leading zeros, at most max. */
static bool
read_number(const char *text, size_t n, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (n == 0 || n > 20 || (n > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (digit > 9 || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static bool
take_number(struct words *w, uint64_t max, uint64_t *out)
{
	struct word word;

	return take_word(w, &word) && read_number(word.text, word.n, max, out);
}

static bool
take_time(struct words *w, usec_t *out)
{
	struct words ahead = *w;
	struct word word;
	uint64_t seconds;

	if (take_word(&ahead, &word) && word_is(&word, "never")) {
		*w = ahead;
		*out = USEC_NEVER;
		return true;
	}
	if (!take_number(w, SECONDS_MAX, &seconds))
		return false;
	*out = (usec_t)seconds * USEC_PER_SEC;
	return true;
}

bool
entry_is_host(const char *name, size_t n)
{
	if (n == 0 || n >= FLEET_HOST_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!name[i] || !strchr(HOST_BYTES, name[i]))
			return false;
	}
	return true;
}

static bool
take_host(struct words *w, char out[static FLEET_HOST_MAX])
{
	struct word word;

	if (!take_word(w, &word) || !entry_is_host(word.text, word.n))
		return false;
	memcpy(out, word.text, word.n);
	out[word.n] = '\0';
	return true;
}

/* In the one text that this prefix has. */
static bool
take_prefix(struct words *w, struct prefix *out)
{
	char text[ADDR_TEXT_MAX];
	struct word word;

	return take_word(w, &word) && prefix_parse(out, word.text, word.n) == 0 && out->len > 0 &&
	       word_is(&word, prefix_format(out, text));
}

static bool
take_rule(struct words *w, enum entry_kind kind, char out[static FLEET_RULE_MAX])
{
	struct word word;

	if (!take_word(w, &word) || word.n >= FLEET_RULE_MAX)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.text[i] <= ' ' || word.text[i] > '~')
			return false;
	}
	if (word_is(&word, "*") && kind != ENTRY_LIFT)
		return false;
	memcpy(out, word.text, word.n);
	out[word.n] = '\0';
	return true;
}

static bool
take_reason(struct words *w, struct msg_fleet *ban)
{
	struct word word;

	if (!take_word(w, &word))
		return false;
	for (size_t i = 1; i < N_REASONS; i++) {
		size_t n = strlen(reasons[i].name);
		uint64_t number = 0;

		if (word.n < n || memcmp(word.text, reasons[i].name, n) != 0)
			continue;
		if (reasons[i].number
			? word.n == n || word.text[n] != ':' ||
			      !read_number(word.text + n + 1, word.n - n - 1, UINT32_MAX, &number)
			: word.n != n)
			return false;
		ban->reason = (uint8_t)i;
		ban->number = (uint32_t)number;
		return true;
	}
	return false;
}

static bool
take_ban(struct words *w, struct entry *e)
{
	struct msg_fleet *b = &e->ban;
	uint64_t level;

	if (!take_prefix(w, &b->prefix) || !take_rule(w, e->kind, b->rule))
		return false;
	if (e->kind == ENTRY_LIFT)
		return !w->next;
	if (!take_reason(w, b) || !take_time(w, &b->since) || b->since == USEC_NEVER ||
	    !take_time(w, &b->until) || !take_number(w, UINT16_MAX, &level) || w->next)
		return false;
	b->level = (uint16_t)level;
	return b->until > b->since;
}

static bool
take_json(struct words *w, struct entry *e)
{
	if (e->kind == ENTRY_PROBE && !take_host(w, e->target))
		return false;
	if (!w->next || w->next == w->end || *w->next != '{')
		return false;
	e->json = w->next;
	e->json_len = (size_t)(w->end - w->next);
	return e->json_len <= FLEET_REPORT_MAX && !memchr(e->json, '\0', e->json_len);
}

enum entry_form
entry_parse(struct entry *e, const char *line, size_t n)
{
	struct words w = {line, line + n};
	struct word version, kind;
	bool good;

	memset(e, 0, sizeof(*e));
	if (n > ENTRY_LINE_MAX || !take_word(&w, &version) || !take_word(&w, &kind) ||
	    !take_host(&w, e->host))
		return ENTRY_WRONG;
	if (!word_is(&version, ENTRY_VERSION))
		return ENTRY_UNKNOWN;
	while (e->kind < ENTRY_KINDS && !word_is(&kind, kinds[e->kind]))
		e->kind++;
	if (e->kind == ENTRY_KINDS)
		return ENTRY_UNKNOWN;
	if (!take_number(&w, INT64_MAX, &e->serial) || e->serial == 0)
		return ENTRY_WRONG;
	good = e->kind <= ENTRY_LIFT ? take_ban(&w, e) : take_json(&w, e);
	return good ? ENTRY_GOOD : ENTRY_WRONG;
}

bool
entry_fields(const struct value *fields, struct entry_text *out)
{
	*out = (struct entry_text){0};
	if (fields->type != VALUE_LIST || fields->n % 2 != 0)
		return false;
	for (uint32_t i = 0; i < fields->n; i += 2) {
		const struct value *name = fields->items[i], *v = fields->items[i + 1];

		if (name->type != VALUE_TEXT || v->type != VALUE_TEXT)
			return false;
		if (value_is(name, "e") && !out->line) {
			out->line = v->text;
			out->line_len = v->n;
		} else if (value_is(name, "g") && !out->signature) {
			out->signature = v->text;
			out->signature_len = v->n;
		}
	}
	return out->line != NULL;
}

static void
put_times(struct strbuf *out, usec_t since, usec_t until)
{
	strbuf_printf(out, " %" PRId64, since / USEC_PER_SEC);
	/* The second it ends in: the shortest ban has a length. */
	if (until == USEC_NEVER)
		strbuf_puts(out, " never");
	else
		strbuf_printf(out, " %" PRId64, (until + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

static void
put_ban(const struct entry *e, struct strbuf *out)
{
	const struct msg_fleet *b = &e->ban;
	unsigned reason = b->reason > 0 && b->reason < N_REASONS ? b->reason : FLEET_OTHER;
	char text[ADDR_TEXT_MAX];

	strbuf_printf(out, " %s %s", prefix_format(&b->prefix, text), b->rule);
	if (e->kind == ENTRY_LIFT)
		return;
	strbuf_printf(out, " %s", reasons[reason].name);
	if (reasons[reason].number)
		strbuf_printf(out, ":%u", b->number);
	put_times(out, b->since, b->until);
	strbuf_printf(out, " %u", b->level);
}

void
entry_write(const struct entry *e, struct strbuf *out)
{
	strbuf_printf(out, ENTRY_VERSION " %s %s %" PRIu64, kinds[e->kind], e->host, e->serial);
	if (e->kind <= ENTRY_LIFT) {
		put_ban(e, out);
		return;
	}
	if (e->kind == ENTRY_PROBE)
		strbuf_printf(out, " %s", e->target);
	strbuf_puts(out, " ");
	strbuf_add(out, e->json, e->json_len);
}

int
entry_parse_id(struct entry_id *id, const char *text, size_t n)
{
	const char *dash = memchr(text, '-', n);

	if (!dash || !read_number(text, (size_t)(dash - text), UINT64_MAX, &id->ms) ||
	    !read_number(dash + 1, n - (size_t)(dash + 1 - text), UINT64_MAX, &id->seq))
		return -EINVAL;
	return 0;
}

const char *
entry_format_id(const struct entry_id *id, char out[static REPLY_ID_MAX])
{
	snprintf(out, REPLY_ID_MAX, "%" PRIu64 "-%" PRIu64, id->ms, id->seq);
	return out;
}

int
entry_cmp_id(const struct entry_id *a, const struct entry_id *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

struct entry_id
entry_before(const struct entry_id *id)
{
	struct entry_id before = *id;

	if (before.seq-- > 0)
		return before;
	before.seq = UINT64_MAX;
	return before.ms-- > 0 ? before : (struct entry_id){0, 0};
}
