/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_row.h"

#include <errno.h>
#include <string.h>

#include "base/json_write.h"
#include "herald/fleet.h"

#define LINE_MAX_LEN 4096
#define RULE_SHOWN   63

static const char *const answers[PROBE_ANSWERS] = {
    [ANSWER_SILENT] = "silent",
    [ANSWER_OPEN] = "open",
    [ANSWER_REFUSED] = "refused",
    [ANSWER_PROHIBITED] = "prohibited",
    [ANSWER_UNREACHABLE] = "unreachable",
    [ANSWER_HOST_DOWN] = "host-down",
    [ANSWER_ANSWERED] = "answered",
    [ANSWER_CLOSED] = "closed",
    [ANSWER_UNKNOWN] = "unknown",
};
static const char *const expectations[PROBE_EXPECTED] = {
    [EXPECTED_ANY] = "any",
    [EXPECTED_OPEN] = "open",
    [EXPECTED_CLOSED] = "closed",
};
static const char *const verdicts[PROBE_VERDICTS] = {
    [VERDICT_OK] = "ok",
    [VERDICT_UNKNOWN] = "unknown",
    [VERDICT_SHUT_OUT] = "shut out",
    [VERDICT_GAP] = "gap",
};

const char *
probe_answer_word(unsigned answer)
{
	return answer < PROBE_ANSWERS ? answers[answer] : "unknown";
}

const char *
probe_expected_word(unsigned expected)
{
	return expected < PROBE_EXPECTED ? expectations[expected] : "any";
}

const char *
probe_verdict_word(unsigned verdict)
{
	return verdict < PROBE_VERDICTS ? verdicts[verdict] : "unknown";
}

/* --- reading --- */

static bool
read_word(uint8_t *out, json_t *o, const char *key, const char *const *words, uint8_t n)
{
	const char *text = json_string_value(json_object_get(o, key));

	for (uint8_t i = 0; text && i < n; i++)
		if (strcmp(words[i], text) == 0) {
			*out = i;
			return true;
		}
	return false;
}

/* An address without a zone: one of one link says nothing to another host. */
static bool
read_addr(struct addr *out, json_t *o, const char *key, bool may_be_none)
{
	const char *text = json_string_value(json_object_get(o, key));

	*out = (struct addr){0};
	if (text && !*text)
		return may_be_none;
	return text && !strchr(text, '%') && addr_parse(out, text, strlen(text)) == 0;
}

/* A verdict that the answer and what was expected do not bear is none. */
static bool
is_sound(const struct probe_row *r)
{
	bool reached = r->answer == ANSWER_OPEN || r->answer == ANSWER_ANSWERED;
	bool refused = r->answer == ANSWER_SILENT || r->answer == ANSWER_PROHIBITED ||
		       r->answer == ANSWER_UNREACHABLE;
	bool closed = refused || r->answer == ANSWER_REFUSED || r->answer == ANSWER_CLOSED;

	switch (r->verdict) {
	case VERDICT_GAP:
		return r->expected == EXPECTED_CLOSED && reached;
	case VERDICT_SHUT_OUT:
		return r->expected == EXPECTED_OPEN && refused;
	case VERDICT_OK:
		return (reached && r->expected != EXPECTED_CLOSED) ||
		       (closed && r->expected != EXPECTED_OPEN);
	default:
		return !reached;
	}
}

bool
probe_row_read(struct probe_row *out, json_t *o)
{
	const char *proto = json_string_value(json_object_get(o, "proto"));
	json_int_t port = json_integer_value(json_object_get(o, "port"));

	*out = (struct probe_row){0};
	if (!proto || port < 1 || port > 65535)
		return false;
	if (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0)
		return false;
	out->proto = *proto == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	out->port = (uint16_t)port;
	return read_addr(&out->to, o, "address", false) && read_addr(&out->from, o, "from", true) &&
	       read_word(&out->answer, o, "answer", answers, PROBE_ANSWERS) &&
	       read_word(&out->expected, o, "expected", expectations, PROBE_EXPECTED) &&
	       read_word(&out->verdict, o, "verdict", verdicts, PROBE_VERDICTS) && is_sound(out);
}

int
probe_entry_read(
    json_t **root, const char **target, struct probe_row *rows, const char *text, size_t n)
{
	json_error_t err;
	json_t *list, *o;
	size_t i;

	*root = n <= FLEET_REPORT_MAX ? json_loadb(text, n, JSON_REJECT_DUPLICATES, &err) : NULL;
	*target = json_string_value(json_object_get(*root, "target"));
	list = json_object_get(*root, "rows");
	if (!*target || !json_is_array(list) || json_array_size(list) > PROBE_ROWS)
		return -EINVAL;
	json_array_foreach(list, i, o)
	{
		if (!probe_row_read(&rows[i], o))
			return -EINVAL;
	}
	return (int)json_array_size(list);
}

json_t *
probe_lines(const char *output, size_t n)
{
	json_t *lines = json_array(), *o;
	const char *end = output + n;
	struct probe_row row;
	json_error_t err;

	for (const char *at = output, *next; at < end; at = next + 1) {
		next = memchr(at, '\n', (size_t)(end - at));
		if (!next)
			next = end;
		/* The rest is what it says of targets that it does not ask. */
		if (*at != '{' || next - at > LINE_MAX_LEN)
			continue;
		o = json_loadb(at, (size_t)(next - at), JSON_REJECT_DUPLICATES, &err);
		if (probe_row_read(&row, o))
			json_array_append(lines, o);
		json_decref(o);
	}
	return lines;
}

/* --- writing --- */

static void
write_row(struct json *j, const struct probe_row *r, const char *rule)
{
	char text[ADDR_TEXT_MAX];

	json_object_begin(j, NULL);
	json_text(j, "address", addr_format(&r->to, text));
	json_int(j, "family", r->to.family);
	json_text(j, "proto", r->proto == IPPROTO_TCP ? "tcp" : "udp");
	json_int(j, "port", r->port);
	json_bytes(j, "rule", rule ? rule : "", rule ? strnlen(rule, RULE_SHOWN) : 0);
	json_text(j, "from", r->from.family ? addr_format(&r->from, text) : "");
	json_text(j, "answer", probe_answer_word(r->answer));
	json_text(j, "expected", probe_expected_word(r->expected));
	json_text(j, "verdict", probe_verdict_word(r->verdict));
	json_object_end(j);
}

/* Those in order, or those not. False: some had no room. */
static bool
write_rows(struct json *j, const char *target, json_t *lines, bool in_order, uint32_t *n)
{
	struct probe_row row;
	bool all = true;
	json_t *o;
	size_t i;

	json_array_foreach(lines, i, o)
	{
		const char *of = json_string_value(json_object_get(o, "target"));

		if (!of || strcmp(of, target) != 0 || !probe_row_read(&row, o))
			continue;
		if ((row.verdict == VERDICT_OK || row.verdict == VERDICT_UNKNOWN) != in_order)
			continue;
		if (*n == PROBE_ROWS || j->out->len + 1024 > FLEET_REPORT_MAX) {
			all = false;
			continue;
		}
		write_row(j, &row, json_string_value(json_object_get(o, "rule")));
		++*n;
	}
	return all;
}

uint32_t
probe_entry_write(struct strbuf *out, const char *target, usec_t at, json_t *lines)
{
	uint32_t n = 0;
	struct json j;
	bool all;

	json_begin(&j, out);
	json_text(&j, "target", target);
	json_int(&j, "at", at / USEC_PER_SEC);
	json_list_begin(&j, "rows");
	all = write_rows(&j, target, lines, false, &n);
	all &= write_rows(&j, target, lines, true, &n);
	json_list_end(&j);
	if (!all)
		json_bool(&j, "cut", true);
	json_end(&j);
	/* json_end ends the line, too. */
	out->text[--out->len] = '\0';
	return n;
}
