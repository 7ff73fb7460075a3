/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TLS of a client: version 1.2 or later, the server's certificate and its name (or address)
 * verified, a certificate of our own where one is asked for. Comes in: files of the configuration,
 * read anew for each connection. Goes out: an SSL object ready to connect; trouble as one sentence.
 * Bounded: TLS_FILE_MAX bytes of a file. Of the system's certificates those that are needed are
 * loaded.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>

#include "base/cleanup.h"

#define TLS_FILE_MAX (1u << 20)

struct tls_config {
	const char *server;               /* whom we call: a name or an address */
	const char *server_name;          /* in its certificate; "": server */
	const char *ca_file;              /* "": the system's */
	const char *cert_file, *key_file; /* "": none */
};

/* Negative errno, and why. */
int tls_new(SSL **out, const struct tls_config *c, char *why, size_t room);
/* What made the handshake fail: error is the first of OpenSSL's queue (0: none), ssl of tls_new.
 */
void tls_why(
    const SSL *ssl, const struct tls_config *c, unsigned long error, char *why, size_t room);
/* A callback of OpenSSL's for reading keys: one with a passphrase would ask at the terminal. */
int tls_no_passphrase(char *buf, int size, int writing, void *arg);
