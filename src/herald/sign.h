/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Signatures of what hosts of the fleet say: Ed25519 over a text of the entry. Comes in: a private
 * key (PEM) and the public keys of the hosts, a line each, from files. Goes out: signatures as
 * base64, and whether one is good. Bounded: SIGN_KEYS keys of other hosts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SIGN_TEXT 89 /* base64 of a signature, with its NUL */
#define SIGN_KEY  45 /* base64 of a public key, with its NUL */
#define SIGN_KEYS 40000

struct signer;

/* Negative errno, and why. */
int signer_new(struct signer **out, const char *path, char *why, size_t room);
void signer_free(struct signer *s);
/* -ENOMEM. */
int signer_sign(const struct signer *s, const void *bytes, size_t n, char out[static SIGN_TEXT]);
/* Base64 of the public key, as a line of the others' keys has it behind the host's name. */
const char *signer_public(const struct signer *s);

struct keyring;

/* Lines "NAME BASE64"; '#' begins a comment. A name may have several keys: one of them has to be
 * the right one. Negative errno, and why with the line's number. */
int keyring_new(struct keyring **out, const char *path, char *why, size_t room);
void keyring_free(struct keyring *k);
bool keyring_knows(const struct keyring *k, const char *host);
/* signature: n bytes of base64. */
bool keyring_verify(const struct keyring *k, const char *host, const void *bytes, size_t length,
    const char *signature, size_t n);
