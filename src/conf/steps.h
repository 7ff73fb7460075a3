/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Stepwise filters: a line's date is found and cut out, a prefix leaves the content, and the
 * patterns see what is left, as the filters of other log watchers are written. Comes in: `steps` of
 * a filter file. Goes out: the forms of its dates, its patterns with the literals that are in every
 * line they fit; what is wrong goes to the diag. Bounded by the schema and STEPS_WRITTEN_MAX.
 */
#pragma once

#include "conf/filter.h"

#define STEPS_WRITTEN_MAX 65536
/* As the reader's (reader/step_regex.h): characters, not bytes; $ stands before a last newline,
 * too. Offences get PCRE2_MULTILINE and PCRE2_ALT_CIRCUMFLEX where patterns see several lines. */
#define STEPS_COMPILE_OPTIONS                                                                      \
	(PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C)

/* All but the patterns: expands the templates into f->dates. */
void steps_check(struct filter *f, struct arena *a, struct diag *d);
/* Makes regex and literals of a pattern of a stepwise filter. named: the prefix names an address,
 * id or session already. */
void steps_make_pattern(
    const struct filter *f, struct pattern *p, struct arena *a, struct diag *d, bool named);
/* Whether the pattern names what is counted. */
bool steps_names_source(const char *regex);
