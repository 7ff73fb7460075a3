/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Texts that mean something outside of the configuration: paths, hosts, URLs, mail addresses,
 * lists of words. Comes in: a text of a file. Goes out: true when it is one; else the diag was
 * told. An absent text is fine: what must be there is the schema's matter. Pure, and bounded by the
 * text.
 */
#pragma once

#include "conf/schema.h"

#define VALUE_PATH_MAX 1024
#define VALUE_HOST_MAX 255

/* Absolute, and of a file, not a directory. */
bool value_path(struct diag *d, const struct text *t);
/* A host's name or address, without port, brackets and scheme. */
bool value_host(struct diag *d, const struct text *t);
/* http or https, with a host; without a password in it. */
bool value_url(struct diag *d, const struct text *t);
/* A mail address, USER@HOST. */
bool value_mail(struct diag *d, const struct text *t);
/* ADDRESS:PORT of loopback, an IPv6 address in brackets. */
bool value_loopback_port(struct diag *d, const struct text *t);
/* A user's name, as on this machine or on a server. */
bool value_user(struct diag *d, const struct text *t);
/* True for localhost and the addresses of loopback. */
bool value_is_loopback(const char *host, size_t n);
/* What an http or https URL has for its host: *n bytes, without brackets. NULL: no such URL. */
const char *value_url_host(const char *url, size_t *n);
