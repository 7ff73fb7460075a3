/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One delivery with libcurl: an HTTP POST, or a mail. Comes in: an order, what the server says.
 * Goes out: the request, an answer. TLS is verified always, no redirect is followed, no proxy is
 * asked. Bounded: the order's time, what an answer keeps.
 */
#pragma once

#include "courier/answer.h"

void send_order(const struct order *o, struct answer *a);
