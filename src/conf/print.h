/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The effective configuration as YAML that reads back equal, and the listing of all keys. Comes in:
 * a loaded config, and the schema tables. Goes out: text. One document per file, which begins with
 * "--- # NAME": guardd.yaml, filters.d/X.yaml, rules.d/X.yaml, so that it can be cut into a
 * directory for -e again.
 */
#pragma once

#include "base/strbuf.h"
#include "conf/config.h"

void print_config(struct strbuf *out, const struct config *c);
/* One scalar, quoted where it has to be. */
void print_text(struct strbuf *out, const char *text);
/* One line for a key, in columns separated by tabs: path, type, default or "required", limits,
 * help. */
void print_schema(
    struct strbuf *out, struct arena *a, const char *path, const struct schema *schema);
