/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-judge --explain: what each rule makes of an offence, and what the kernel would get. Comes
 * in: records of struct msg (offences and successes) on standard input, the image. Goes out: JSON
 * lines on standard output, one per record and rule that counts its filter, from the same rules and
 * never-ban lists as the live judge's; what others have counted so far, and the machine's own
 * addresses, only a running guardd knows. Bounded by its input: nothing is kept.
 */
#pragma once

#include "base/addr.h"

/* image: descriptor of it. The exit status. Its sandbox is that of replay.h. */
int explain_run(int image, int in, int out);
/* The kind of the kernel's set that holds p: host4, host6, net6, prefix4, prefix6. */
const char *explain_set(const struct prefix *p);
