/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What guardd-prover is asked to do, one function each: a process does one of them and ends. Comes
 * in: the dump, the image where a mode needs it, words of the command line. Goes out: JSON lines on
 * standard output, or a proof into FD_PROOF; and an exit status. Bounded by the sandbox's limits.
 */
#pragma once

#include "base/arena.h"
#include "base/strbuf.h"
#include "dump/dump.h"
#include "prover/ir.h"
#include "prover/world.h"
#include "wire/image.h"

enum { MODE_PROVEN = 0, MODE_DEPENDS = 1, MODE_OPEN = 2, MODE_CANNOT = 3 };

#define MODE_WORDS 256

struct mode_options {
	const char *word;        /* what stands without a name, the first; NULL */
	char *words[MODE_WORDS]; /* all of them */
	unsigned n_words;
	const char *from, *in, *family, *rate; /* NULL: not given */
	const char *to[4];
	unsigned n_to;
	bool explain, suggest, peers, input;
};

struct mode {
	struct mode_options opt;
	struct dump dump;
	struct image img;
	struct arena arena;
	struct ruleset rules;
	struct world world;
	bool sockets_hidden;
};

int mode_check(struct mode *m);
int mode_proof(struct mode *m);
int mode_prove(struct mode *m);
int mode_packets(struct mode *m);
int mode_listeners(struct mode *m);
int mode_probe(struct mode *m);

/* One line on standard error; returns MODE_CANNOT. */
int mode_cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Standard output, all of it; a reader that went away ends the process. Empties b. */
void mode_write(struct strbuf *b);
