/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd's own filter and rules, which need no files: the self check's, and the rule `manual` that
 * bans by hand belong to. Comes in: the runtime directory. Goes out: their trees, read like all
 * others. Pure but for the arena.
 */
#pragma once

#include "conf/directory.h"

void builtin_filters(struct config *c, file_reader read);
/* `manual` becomes the first rule. */
void builtin_rules(struct config *c, file_reader read);
/* True for the texts above. */
bool builtin_is(const struct yaml_file *file);
