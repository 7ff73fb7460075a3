/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Netlink messages of a dump record, read without trust: every length is checked against what holds
 * it. Comes in: a record's bytes. Goes out: messages, and tables of their attributes. Nothing is
 * copied; a table holds NULL for what is not there.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "dump/dump.h"

/* The next message of a record behind *at (0 at first). 1: *h; 0: no more; -EINVAL: broken. */
int nlread_message(const struct dump_record *r, size_t *at, const struct nlmsghdr **h);
/* The fixed header behind struct nlmsghdr, n bytes of it; NULL: the message is shorter. */
const void *nlread_fixed(const struct nlmsghdr *h, size_t n);
/* Fills tb[0..max] from the attributes behind a fixed header of n bytes (higher types are passed
 * over). -EINVAL: broken. */
int nlread_attrs(const struct nlmsghdr *h, size_t n, const struct nlattr **tb, unsigned max);
/* The same for attributes inside one. */
int nlread_nested(const struct nlattr *a, const struct nlattr **tb, unsigned max);
/* Bytes of an attribute without its header; 0 for NULL. */
size_t nlread_len(const struct nlattr *a);
const void *nlread_data(const struct nlattr *a);
/* A number in host order; other when a is NULL or too short. */
uint32_t nlread_u32(const struct nlattr *a, uint32_t other);
uint32_t nlread_be32(const struct nlattr *a, uint32_t other);
uint8_t nlread_u8(const struct nlattr *a, uint8_t other);
/* Text into a field of n bytes, cut and with its NUL. */
void nlread_text(const struct nlattr *a, char *out, size_t n);
