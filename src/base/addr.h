/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One address type for both families, and prefixes of it. Values only, no allocation.
 * Bytes are in network order; an IPv4 address uses the first four and leaves the rest zero, so that
 * two equal addresses are equal by memcmp. IPv4-mapped IPv6 (RFC 4291, 2.5.5.2) is folded into IPv4
 * by everything that makes an address from outside, but for what is called unfolded.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_TEXT_MAX 64 /* longest text of an address or prefix, with its NUL */

/* family is 4 or 6, or 0 for "none". No padding: alignment 1, 17 bytes. */
struct addr {
	uint8_t family;
	uint8_t bytes[16];
};

/* len in bits, 0..32 or 0..128; bits behind it are zero in a canonical prefix. */
struct prefix {
	struct addr addr;
	uint8_t len;
};

/* 32 or 128; 0 for no family. */
unsigned addr_bits(const struct addr *a);
/* 4 or 16. */
unsigned addr_size(const struct addr *a);
/* Parses n bytes of text (no NUL needed); a zone (%eth0) is dropped, mapped folded. -EINVAL. */
int addr_parse(struct addr *out, const char *text, size_t n);
/* The same for addresses of packets: mapped text stays IPv6, which is what a packet with such an
 * address is to the kernel's rules. */
int addr_parse_unfolded(struct addr *out, const char *text, size_t n);
/* Writes the canonical text (RFC 5952 for IPv6) and returns buf. */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
int addr_cmp(const struct addr *a, const struct addr *b);
bool addr_equal(const struct addr *a, const struct addr *b);
/* bytes: 4 or 16 in network order, by af AF_INET or AF_INET6; -EAFNOSUPPORT. */
int addr_from_bytes(struct addr *out, int af, const void *bytes);
int addr_from_sockaddr(struct addr *out, const struct sockaddr *sa);
/* AF_INET or AF_INET6. */
int addr_af(const struct addr *a);

/* ADDR or ADDR/LEN. -EINVAL when it does not parse, -ERANGE when host bits are set (out is masked).
 */
int prefix_parse(struct prefix *out, const char *text, size_t n);
int prefix_parse_unfolded(struct prefix *out, const char *text, size_t n);
/* "ADDR/LEN", or plain "ADDR" for a host. */
const char *prefix_format(const struct prefix *p, char buf[static ADDR_TEXT_MAX]);
/* The prefix of length len that holds a (len is cut to the family's bits). */
struct prefix prefix_of(const struct addr *a, unsigned len);
struct prefix prefix_host(const struct addr *a);
bool prefix_has(const struct prefix *p, const struct addr *a);
/* True when one holds the other. */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* True when a holds all of b. */
bool prefix_covers(const struct prefix *a, const struct prefix *b);
bool prefix_is_host(const struct prefix *p);
int prefix_cmp(const struct prefix *a, const struct prefix *b);
/* The last address of the prefix. */
struct addr prefix_last(const struct prefix *p);
