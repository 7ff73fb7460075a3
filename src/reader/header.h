/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The header that syslog daemons put before a message: RFC 3164 with or without <PRI>, the ISO
 * dates of rsyslog and syslog-ng, RFC 5424, busybox and OpenWrt. Comes in: one whole line, hostile.
 * Goes out: where date, program and message stand in it. Nothing is allocated; one pass over the
 * header's bytes.
 */
#pragma once

#include "reader/stamp.h"

struct header {
	struct stamp stamp;  /* len 0: the header has no date (RFC 5424 "-") */
	const char *program; /* into the line; of an absolute path its last part */
	size_t program_len;
	const char *message; /* into the line */
	size_t message_len;
	uint32_t
	    repeat; /* how often the message happened: 1, or rsyslog's "message repeated N times" */
};

/* False when the line begins with no such header. */
bool header_cut(struct header *out, const char *line, size_t n);
/* glob holds * (any bytes, also none) and ? (one byte); all of the program must fit. */
bool header_program_fits(const char *glob, const char *program, size_t n);
