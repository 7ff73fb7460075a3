/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From the checked configuration to the items of the image (wire/image.h). Comes in: a config
 * without errors. Goes out: what the writer then lays out. Bounded by the writer.
 */
#pragma once

#include "base/hash.h"
#include "conf/config.h"
#include "conf/writer.h"

/* user_key: of the hashes of user names, the same at each load of one machine. */
void emit_config(struct writer *w, const struct config *c, const struct hash_key *user_key);
