/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From the checked configuration to what the herald needs of the image: channels, metrics, the
 * fleet. Comes in: settings without errors. Goes out: items, and members of the settings. Bounded
 * by the writer.
 */
#pragma once

#include "conf/config.h"
#include "conf/writer.h"

/* Fills the herald's members of the settings' item. */
void emit_herald(struct writer *w, const struct settings *s, struct image_settings *out);

/* Of lists: of struct text, of struct named_prefix. */
struct span emit_texts(struct writer *w, const struct list *l);
struct span emit_prefixes(struct writer *w, const struct list *l);
