/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a host saw of one port of another, and its text on the wire of the fleet. Comes in: entries
 * of other hosts and lines of guardd-prover --probe, JSON that is checked to the last member. Goes
 * out: rows, entries. Bounded: PROBE_ROWS a target, FLEET_REPORT_MAX bytes an entry.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/strbuf.h"

#define PROBE_ROWS 1024

/* As guardd-prover prints them. */
enum probe_answer {
	ANSWER_SILENT,
	ANSWER_OPEN,
	ANSWER_REFUSED,
	ANSWER_PROHIBITED,
	ANSWER_UNREACHABLE,
	ANSWER_HOST_DOWN,
	ANSWER_ANSWERED,
	ANSWER_CLOSED,
	ANSWER_UNKNOWN,
	PROBE_ANSWERS,
};

enum probe_expected {
	EXPECTED_ANY,
	EXPECTED_OPEN,   /* the rules let the vantage in */
	EXPECTED_CLOSED, /* they do not: it is an outsider to them */
	PROBE_EXPECTED,
};

enum probe_verdict {
	VERDICT_OK,
	VERDICT_UNKNOWN,
	VERDICT_SHUT_OUT,
	VERDICT_GAP,
	PROBE_VERDICTS,
};

struct probe_row {
	struct addr to, from; /* from.family 0: it had no way there */
	uint8_t proto;        /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t answer, expected, verdict;
	uint8_t rounds; /* how often in a row it said other than the proof */
	uint8_t news;   /* entries that said it and are not compared with the proof yet */
	uint16_t port;
};

const char *probe_answer_word(unsigned answer);
const char *probe_expected_word(unsigned expected);
const char *probe_verdict_word(unsigned verdict);

/* In the order of protocol, family, port; the ports of one family follow each other. */
uint32_t probe_key(uint8_t proto, uint8_t family, uint16_t port);
uint32_t probe_row_key(const struct probe_row *r);
/* How much it says about a port: one way in is enough for who may not, and for who may. */
unsigned probe_row_weight(const struct probe_row *r);

/* A line of guardd-prover. False: something is missing, or no row that it prints. */
bool probe_row_read(struct probe_row *out, json_t *o);
/*
 * An entry of kind "probe": whose host it is about (lent from *root, which the caller gives back),
 * and its rows, at most PROBE_ROWS. What rows have in common stands once, in a group: "to", "from",
 * "answer", "expected", "verdict", and the ports as "tcp" and "udp". Their number, or -EINVAL: not
 * one of them is taken.
 */
int probe_entry_read(
    json_t **root, const char **target, struct probe_row *rows, const char *text, size_t n);
/* The entry about target of those lines of a prover's output that are about it; what is not in
 * order comes first, since what has no room is left out ("cut"). The number of rows. */
uint32_t probe_entry_write(struct strbuf *out, const char *target, usec_t at, json_t *lines);
/* All lines of a prover's output that are rows, as an array (a new reference); the rest is skipped.
 */
json_t *probe_lines(const char *output, size_t n);
