/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_row.h"

#include <errno.h>
#include <string.h>

#include "base/json_write.h"
#include "herald/fleet.h"

#define LINE_MAX_LEN 4096
/* More than a group takes without its ports, and what closes an entry. */
#define ENTRY_ROOM 512

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}};
#define N_PROTOS (sizeof(protos) / sizeof(*protos))

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

uint32_t
probe_key(uint8_t proto, uint8_t family, uint16_t port)
{
	return (uint32_t)proto << 17 | (uint32_t)(family == 6) << 16 | port;
}

uint32_t
probe_row_key(const struct probe_row *r)
{
	return probe_key(r->proto, r->to.family, r->port);
}

unsigned
probe_row_weight(const struct probe_row *r)
{
	switch (r->verdict) {
	case VERDICT_GAP:
		return 5;
	case VERDICT_OK:
		return r->expected == EXPECTED_OPEN ? 4 : 2;
	case VERDICT_SHUT_OUT:
		return 3;
	default:
		return 1;
	}
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

/* All but the port. */
static bool
read_common(struct probe_row *out, json_t *o, const char *to)
{
	*out = (struct probe_row){0};
	return read_addr(&out->to, o, to, false) && read_addr(&out->from, o, "from", true) &&
	       read_word(&out->answer, o, "answer", answers, PROBE_ANSWERS) &&
	       read_word(&out->expected, o, "expected", expectations, PROBE_EXPECTED) &&
	       read_word(&out->verdict, o, "verdict", verdicts, PROBE_VERDICTS) && is_sound(out);
}

static bool
read_port(struct probe_row *out, json_t *o, uint8_t proto)
{
	json_int_t port = json_integer_value(o);

	out->proto = proto;
	out->port = (uint16_t)port;
	return port >= 1 && port <= 65535;
}

bool
probe_row_read(struct probe_row *out, json_t *o)
{
	const char *proto = json_string_value(json_object_get(o, "proto"));

	if (!read_common(out, o, "address") || !proto)
		return false;
	for (size_t i = 0; i < N_PROTOS; i++)
		if (strcmp(protos[i].name, proto) == 0)
			return read_port(out, json_object_get(o, "port"), protos[i].proto);
	return false;
}

/* How many rows of a group were added; -EINVAL. */
static int
read_group(struct probe_row *rows, int room, json_t *group)
{
	struct probe_row common;
	json_t *list, *port;
	size_t k;
	int n = 0;

	if (!read_common(&common, group, "to"))
		return -EINVAL;
	for (size_t i = 0; i < N_PROTOS; i++) {
		list = json_object_get(group, protos[i].name);
		if (list && !json_is_array(list))
			return -EINVAL;
		json_array_foreach(list, k, port)
		{
			if (n == room)
				return -EINVAL;
			rows[n] = common;
			if (!read_port(&rows[n++], port, protos[i].proto))
				return -EINVAL;
		}
	}
	return n;
}

int
probe_entry_read(
    json_t **root, const char **target, struct probe_row *rows, const char *text, size_t n)
{
	json_error_t err;
	json_t *list, *group;
	int r, found = 0;
	size_t i;

	*root = n <= FLEET_REPORT_MAX ? json_loadb(text, n, JSON_REJECT_DUPLICATES, &err) : NULL;
	*target = json_string_value(json_object_get(*root, "target"));
	list = json_object_get(*root, "rows");
	if (!*target || !json_is_array(list))
		return -EINVAL;
	json_array_foreach(list, i, group)
	{
		r = read_group(rows + found, PROBE_ROWS - found, group);
		if (r < 0)
			return r;
		found += r;
	}
	return found;
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

static bool
same_group(const struct probe_row *a, const struct probe_row *b)
{
	return a->answer == b->answer && a->expected == b->expected && a->verdict == b->verdict &&
	       addr_equal(&a->to, &b->to) && addr_equal(&a->from, &b->from);
}

static bool
has_room(const struct json *j)
{
	return j->out->len + ENTRY_ROOM <= FLEET_REPORT_MAX;
}

/* The ports of a group and protocol; rows that are written have port 0 then. */
static uint32_t
write_ports(
    struct json *j, size_t proto, const struct probe_row *like, struct probe_row *rows, uint32_t n)
{
	uint32_t written = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct probe_row *r = &rows[i];

		if (!r->port || r->proto != protos[proto].proto || !same_group(r, like) ||
		    !has_room(j))
			continue;
		if (written++ == 0)
			json_list_begin(j, protos[proto].name);
		json_int(j, NULL, r->port);
		r->port = 0;
	}
	if (written)
		json_list_end(j);
	return written;
}

static uint32_t
write_group(struct json *j, const struct probe_row *like, struct probe_row *rows, uint32_t n)
{
	const struct probe_row r = *like;
	char text[ADDR_TEXT_MAX];
	uint32_t written = 0;

	json_object_begin(j, NULL);
	json_text(j, "to", addr_format(&r.to, text));
	json_text(j, "from", r.from.family ? addr_format(&r.from, text) : "");
	json_text(j, "answer", probe_answer_word(r.answer));
	json_text(j, "expected", probe_expected_word(r.expected));
	json_text(j, "verdict", probe_verdict_word(r.verdict));
	for (size_t i = 0; i < N_PROTOS; i++)
		written += write_ports(j, i, &r, rows, n);
	json_object_end(j);
	return written;
}

static bool
is_good(const struct probe_row *r)
{
	return r->verdict == VERDICT_OK || r->verdict == VERDICT_UNKNOWN;
}

/* Adds the rows about a target that are in order, or not; PROBE_ROWS at most. How many there are.
 */
static uint32_t
rows_about(struct probe_row *rows, uint32_t *n, const char *target, json_t *lines, bool in_order)
{
	struct probe_row row;
	uint32_t all = 0;
	json_t *o;
	size_t i;

	json_array_foreach(lines, i, o)
	{
		const char *of = json_string_value(json_object_get(o, "target"));

		if (!of || strcmp(of, target) != 0 || !probe_row_read(&row, o) ||
		    is_good(&row) != in_order)
			continue;
		if (*n < PROBE_ROWS)
			rows[(*n)++] = row;
		all++;
	}
	return all;
}

uint32_t
probe_entry_write(struct strbuf *out, const char *target, usec_t at, json_t *lines)
{
	struct probe_row rows[PROBE_ROWS];
	uint32_t n = 0, all, written = 0;
	struct json j;

	all = rows_about(rows, &n, target, lines, false);
	all += rows_about(rows, &n, target, lines, true);
	json_begin(&j, out);
	json_text(&j, "target", target);
	json_int(&j, "at", at / USEC_PER_SEC);
	json_list_begin(&j, "rows");
	for (uint32_t i = 0; i < n; i++)
		if (rows[i].port && has_room(&j))
			written += write_group(&j, &rows[i], rows, n);
	json_list_end(&j);
	if (written < all)
		json_bool(&j, "cut", true);
	json_end(&j);
	/* json_end ends the line, too. */
	out->text[--out->len] = '\0';
	return written;
}
