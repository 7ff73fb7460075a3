/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What makes a pattern dangerous although it compiles. Comes in: a pattern's tree. Goes out:
 * findings, each with its offset in the regex. Told: a pattern that can begin anywhere in a line,
 * one that can match without the address or with several, and one whose address a client could
 * forge. Pure but for the arena.
 *
 * Forging, in short: let R be a repeat in front of the address, D what the pattern wants between R
 * and the address, T what it wants behind it. If R can take D and an address, a client who writes
 * R's text can put an address of his choice there. That is harmless only if T can then not match
 * on: because it comes to the end of the line, or to a text that R could not have taken, before it
 * comes to a repeat that swallows the rest.
 */
#pragma once

#include "conf/regex.h"

struct lint_wants {
	bool address; /* each match must have <addr> exactly once */
	bool session; /* each match must have <session>, beside <addr> when that is wanted */
	bool forging; /* look for forged addresses */
};

struct lint_finding {
	const char *what;
	size_t offset;
};

#define LINT_FINDINGS_MAX 4

/* Fills out with the findings (at most LINT_FINDINGS_MAX) and returns their number. */
size_t lint_pattern(const struct regex *tree, const struct lint_wants *wants,
    struct lint_finding out[static LINT_FINDINGS_MAX]);
