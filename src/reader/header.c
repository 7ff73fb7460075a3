/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/header.h"

#include <string.h>

#define PROGRAM_MAX 128 /* RFC 5424 allows 48; paths are longer */
#define REPEAT_MAX  65535

struct rest {
	const char *at, *end;
};

static size_t
left(const struct rest *r)
{
	return r->end - r->at;
}

static bool
skip(struct rest *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* At most max digits; their value, or -1 when there is none. */
static long
take_number(struct rest *r, int max)
{
	long v = 0;
	int i = 0;

	for (; i < max && r->at < r->end && *r->at >= '0' && *r->at <= '9'; i++)
		v = v * 10 + (*r->at++ - '0');
	return i ? v : -1;
}

/* Up to the next blank, which is skipped; empty or unended words are none. */
static bool
take_word(struct rest *r, const char **word, size_t *n)
{
	const char *blank = memchr(r->at, ' ', left(r));

	if (!blank || blank == r->at)
		return false;
	*word = r->at;
	*n = blank - r->at;
	r->at = blank + 1;
	return true;
}

static bool
word_is(const char *word, size_t n, const char *text)
{
	return n == strlen(text) && !memcmp(word, text, n);
}

/* An absolute path counts by its last part, anything else ("postfix/smtpd") as it stands. */
static void
set_program(struct header *out, const char *text, size_t n)
{
	const char *slash = n && *text == '/' ? memrchr(text, '/', n) : NULL;

	out->program = slash ? slash + 1 : text;
	out->program_len = text + n - out->program;
}

/* "program[pid]: ", "program: ", "program[pid] ": leaves r at the message. */
static bool
take_tag(struct rest *r, struct header *out)
{
	const char *p = r->at;
	const char *limit = left(r) > PROGRAM_MAX ? r->at + PROGRAM_MAX : r->end;

	while (p < limit && *p != '[' && *p != ':' && *p != ' ')
		p++;
	if (p == limit || p == r->at || *p == ' ')
		return false;
	set_program(out, r->at, p - r->at);
	if (*p == '[') {
		p = memchr(p, ']', limit - p);
		if (!p)
			return false;
		p++;
		if (p < r->end && *p == ':')
			p++;
		else if (p == r->end || *p != ' ')
			return false;
	} else {
		p++;
	}
	r->at = p;
	skip(r, ' ');
	return true;
}

/* busybox: "auth.info" between host and tag */
static bool
is_priority(const char *word, size_t n)
{
	static const char *const levels[] = {
	    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"};
	const char *dot = memchr(word, '.', n);

	if (!dot || dot == word)
		return false;
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (word_is(dot + 1, word + n - dot - 1, levels[i]))
			return true;
	return false;
}

/* After the date of RFC 3164: a host, which may be missing or followed by a priority, and the tag.
 */
static bool
take_host_tag(struct rest *r, struct header *out)
{
	const char *word;
	size_t n;

	for (int i = 0; i < 2; i++) {
		struct rest after = *r;

		if (!take_word(&after, &word, &n))
			return take_tag(r, out);
		/* A host has no colon at its end (an IPv6 address never does). */
		if (word[n - 1] == ':' || word[n - 1] == ']' || (i == 1 && !is_priority(word, n)))
			return take_tag(r, out);
		*r = after;
		if (is_priority(word, n))
			return take_tag(r, out);
	}
	return take_tag(r, out);
}

/* RFC 5424, 6.3: "-" or elements in brackets whose values are quoted. */
static bool
skip_structured(struct rest *r)
{
	bool quoted = false;

	if (skip(r, '-'))
		return true;
	if (r->at == r->end || *r->at != '[')
		return false;
	while (skip(r, '[')) {
		for (; r->at < r->end && (quoted || *r->at != ']'); r->at++) {
			if (*r->at == '"')
				quoted = !quoted;
			else if (quoted && *r->at == '\\' && r->at + 1 < r->end)
				r->at++;
		}
		if (!skip(r, ']'))
			return false;
	}
	return true;
}

/* After the version: date, host, application, process, message id, structured data. */
static bool
cut_5424(struct rest *r, struct header *out)
{
	const char *word, *program;
	size_t n, program_len;

	if (!take_word(r, &word, &n))
		return false;
	if (word_is(word, n, "-"))
		memset(&out->stamp, 0, sizeof out->stamp);
	else if (stamp_read(&out->stamp, word, n) < 0 || out->stamp.len != n)
		return false;
	if (!take_word(r, &word, &n) || !take_word(r, &program, &program_len) ||
	    !take_word(r, &word, &n) || !take_word(r, &word, &n) || !skip_structured(r))
		return false;
	set_program(out, program, word_is(program, program_len, "-") ? 0 : program_len);
	skip(r, ' ');
	if (left(r) >= 3 && !memcmp(r->at, "\xef\xbb\xbf", 3))
		r->at += 3;
	return true;
}

static bool
cut_3164(struct rest *r, struct header *out)
{
	if (stamp_read(&out->stamp, r->at, left(r)) < 0)
		return false;
	r->at += out->stamp.len;
	return skip(r, ' ') && take_host_tag(r, out);
}

/* "<13>" before the header, and RFC 5424's version behind it. */
static bool
take_priority(struct rest *r, bool *is_5424)
{
	struct rest t = *r;

	if (skip(&t, '<')) {
		if (take_number(&t, 3) < 0 || !skip(&t, '>'))
			return false;
		*r = t;
	}
	*is_5424 = take_number(&t, 1) == 1 && skip(&t, ' ');
	if (*is_5424)
		*r = t;
	return true;
}

/* rsyslog with $RepeatedMsgReduction: "message repeated 2 times: [ MESSAGE]" */
static void
expand_repeat(struct header *out)
{
	static const char before[] = "message repeated ", after[] = " times: [ ";
	struct rest r = {out->message, out->message + out->message_len};
	long n;

	if (left(&r) < sizeof before - 1 || memcmp(r.at, before, sizeof before - 1))
		return;
	r.at += sizeof before - 1;
	n = take_number(&r, 9);
	if (n < 1 || left(&r) < sizeof after || memcmp(r.at, after, sizeof after - 1) ||
	    r.end[-1] != ']')
		return;
	out->repeat = n < REPEAT_MAX ? n : REPEAT_MAX;
	out->message = r.at + sizeof after - 1;
	out->message_len = r.end - 1 - out->message;
}

bool
header_cut(struct header *out, const char *line, size_t n)
{
	struct rest r = {line, line + n};
	bool is_5424 = false;

	if (!take_priority(&r, &is_5424))
		return false;
	if (!(is_5424 ? cut_5424(&r, out) : cut_3164(&r, out)))
		return false;
	out->message = r.at;
	out->message_len = left(&r);
	out->repeat = 1;
	expand_repeat(out);
	return true;
}

bool
header_program_fits(const char *glob, const char *program, size_t n)
{
	const char *star = NULL;
	size_t i = 0, back = 0;

	while (i < n) {
		if (*glob == '*') {
			star = glob++;
			back = i;
		} else if (*glob && (*glob == '?' || *glob == program[i])) {
			glob++;
			i++;
		} else if (star) {
			glob = star + 1;
			i = ++back;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}
