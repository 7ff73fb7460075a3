/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Descriptors that a role finds open at its start, set by the supervisor; everything else is
 * closed.
 */
#pragma once

enum {
	FD_SUPERVISOR = 3, /* channel to the supervisor */
	FD_IMAGE = 4,      /* sealed memfd, wire/image.h */
	FD_STATS = 5,      /* memfd, wire/stats.h (reader; judge, read only) */
	FD_CONTROL = 6,    /* listening unix stream socket (judge) */
	FD_STATE = 7,      /* directory of the book (judge) */
	FD_SELFCHECK = 8, /* RUNTIME/selfcheck.log, append only (judge): the line of a self check */
	FD_DUMP = 9,      /* sealed memfd, dump/dump.h (prover, shadow) */
	FD_PROOF = 10,    /* memfd to write wire/proof.h into (prover, shadow) */
	FD_HERALD = 11,   /* listening unix seqpacket socket, RUNTIME/herald (judge) */
	FD_FIGURES = 12,  /* memfd, wire/figures.h (judge) */
	FD_METRICS = 13,  /* listening unix stream socket of the metrics (herald) */
	FD_FIGURES_READ =
	    14, /* the same memfd as FD_FIGURES, opened read only (judge): handed on */
	FD_MAX,
};
