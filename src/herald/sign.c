/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/sign.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "herald/fleet.h"
#include "herald/secret.h"
#include "herald/tls.h"

#define SIGNATURE    64
#define PUBLIC       32
#define KEY_FILE_MAX 16384
#define KEYS_MAX     (8u << 20)

struct signer {
	EVP_PKEY *key;
	char public[SIGN_KEY];
};

struct host_key {
	char host[FLEET_HOST_MAX];
	unsigned char key[PUBLIC];
};

struct keyring {
	struct host_key *keys; /* in order of names */
	size_t n;
};

DEFINE_FREEP(struct signer, signer_free)
DEFINE_FREEP(struct keyring, keyring_free)
DEFINE_FREEP(EVP_PKEY, EVP_PKEY_free)
DEFINE_FREEP(EVP_MD_CTX, EVP_MD_CTX_free)

static int
set_public(struct signer *s)
{
	unsigned char raw[PUBLIC];
	size_t n = sizeof(raw);

	if (EVP_PKEY_get_raw_public_key(s->key, raw, &n) != 1 || n != sizeof(raw))
		return -EINVAL;
	EVP_EncodeBlock((unsigned char *)s->public, raw, (int)n);
	return 0;
}

int
signer_new(struct signer **out, const char *path, char *why, size_t room)
{
	_cleanup_(secret_wipe) struct strbuf text = {0};
	_cleanup_(signer_freep) struct signer *s = calloc(1, sizeof(*s));
	BIO *in;
	int r = secret_read(SECRET, path, KEY_FILE_MAX, &text, why, room);

	if (r < 0)
		return r;
	in = s ? BIO_new_mem_buf(text.text, (int)text.len) : NULL;
	if (!in) {
		snprintf(why, room, "no memory");
		return -ENOMEM;
	}
	s->key = PEM_read_bio_PrivateKey(in, NULL, tls_no_passphrase, NULL);
	BIO_free(in);
	ERR_clear_error();
	if (!s->key || EVP_PKEY_base_id(s->key) != EVP_PKEY_ED25519 || set_public(s) < 0) {
		snprintf(why, room,
		    "%.200s has no private key of Ed25519 in PEM: openssl genpkey -algorithm "
		    "ed25519",
		    path);
		return -EINVAL;
	}
	*out = s;
	s = NULL;
	return 0;
}

void
signer_free(struct signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	free(s);
}

int
signer_sign(const struct signer *s, const void *bytes, size_t n, char out[static SIGN_TEXT])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char raw[SIGNATURE];
	size_t length = sizeof(raw);

	if (!c || EVP_DigestSignInit(c, NULL, NULL, NULL, s->key) != 1 ||
	    EVP_DigestSign(c, raw, &length, bytes, n) != 1 || length != sizeof(raw))
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)out, raw, (int)length);
	return 0;
}

const char *
signer_public(const struct signer *s)
{
	return s->public;
}

/* Strict: exactly size bytes in their one canonical form. */
static bool
decode(const char *text, size_t n, unsigned char *out, size_t size)
{
	unsigned char raw[SIGNATURE + 8];
	char again[SIGN_TEXT];

	if (n != (size + 2) / 3 * 4 ||
	    EVP_DecodeBlock(raw, (const unsigned char *)text, (int)n) < 0)
		return false;
	memcpy(out, raw, size);
	EVP_EncodeBlock((unsigned char *)again, out, (int)size);
	return memcmp(again, text, n) == 0;
}

static int
host_order(const void *a, const void *b)
{
	return strcmp(((const struct host_key *)a)->host, ((const struct host_key *)b)->host);
}

/* NULL: a line of this form. */
static const char *
read_line(struct keyring *k, char *line)
{
	struct host_key *key;
	char *name, *text, *save = NULL, *grown;

	line[strcspn(line, "#\r")] = '\0';
	name = strtok_r(line, " \t", &save);
	text = name ? strtok_r(NULL, " \t", &save) : NULL;
	if (!name)
		return NULL;
	if (!text || strtok_r(NULL, " \t", &save))
		return "is not NAME BASE64";
	if (strlen(name) >= FLEET_HOST_MAX)
		return "has too long a name";
	if (k->n == SIGN_KEYS)
		return "is one too many";
	if (k->n % 64 == 0) {
		grown = realloc(k->keys, (k->n + 64) * sizeof(*k->keys));
		if (!grown)
			return "finds no memory";
		k->keys = (struct host_key *)(void *)grown;
	}
	key = &k->keys[k->n];
	memset(key, 0, sizeof(*key));
	memcpy(key->host, name, strlen(name));
	if (!decode(text, strlen(text), key->key, PUBLIC))
		return "has no public key of Ed25519 in base64, as guardctl fleet key prints it";
	k->n++;
	return NULL;
}

int
keyring_new(struct keyring **out, const char *path, char *why, size_t room)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	_cleanup_(keyring_freep) struct keyring *k = calloc(1, sizeof(*k));
	char *line, *next;
	unsigned number = 1;
	int r = secret_read(SECRET_PUBLIC, path, KEYS_MAX, &text, why, room);

	if (r < 0)
		return r;
	if (!k)
		return -ENOMEM;
	for (line = text.text; line; line = next, number++) {
		const char *wrong;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		wrong = read_line(k, line);
		if (wrong) {
			snprintf(why, room, "%.200s: line %u %s", path, number, wrong);
			return -EINVAL;
		}
	}
	if (k->n > 0)
		qsort(k->keys, k->n, sizeof(*k->keys), host_order);
	*out = k;
	k = NULL;
	return 0;
}

void
keyring_free(struct keyring *k)
{
	if (!k)
		return;
	free(k->keys);
	free(k);
}

/* The first of this name, or n. */
static size_t
find_host(const struct keyring *k, const char *host)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(k->keys[mid].host, host) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < k->n && strcmp(k->keys[low].host, host) == 0 ? low : k->n;
}

bool
keyring_knows(const struct keyring *k, const char *host)
{
	return find_host(k, host) < k->n;
}

static bool
verify(const unsigned char *key, const unsigned char *raw, const void *bytes, size_t n)
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *p =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, PUBLIC);
	bool good = c && p && EVP_DigestVerifyInit(c, NULL, NULL, NULL, p) == 1 &&
		    EVP_DigestVerify(c, raw, SIGNATURE, bytes, n) == 1;

	if (!good)
		ERR_clear_error();
	return good;
}

bool
keyring_verify(const struct keyring *k, const char *host, const void *bytes, size_t length,
    const char *signature, size_t n)
{
	unsigned char raw[SIGNATURE];

	if (!decode(signature, n, raw, SIGNATURE))
		return false;
	for (size_t i = find_host(k, host); i < k->n && strcmp(k->keys[i].host, host) == 0; i++) {
		if (verify(k->keys[i].key, raw, bytes, length))
			return true;
	}
	return false;
}
