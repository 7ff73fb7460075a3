/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The requests of the herald's control socket (docs/protocol.md): status and version here, the
 * others by the parts whose answers they are.
 */
#pragma once

#include "wire/control.h"

/* For control_new with a struct herald as ctx; ends with name NULL. */
extern const struct command requests_table[];
