/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The allocator's settings of a process that runs for months. Comes in and goes out: nothing. What
 * a storm needed goes back to the system with the storm: glibc would raise its threshold with each
 * large block that is freed, and from then on keep up to 64 MiB of what was freed. Bounded: large
 * blocks (HEAP_LARGE and more) are mappings of their own.
 */
#pragma once

#define HEAP_LARGE (128 << 10)

void heap_settle(void);
