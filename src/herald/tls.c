/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/addr.h"
#include "herald/secret.h"

static inline void
ctx_freep(SSL_CTX **c)
{
	SSL_CTX_free(*c);
}

static inline void
bio_freep(BIO **b)
{
	BIO_free(*b);
}

static inline void
pkey_freep(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static int
refuse(char *why, size_t room, const char *path, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *words = e ? ERR_reason_error_string(e) : NULL;

	snprintf(why, room, "%.200s %s%s%s", path, what, words ? ": " : "", words ? words : "");
	ERR_clear_error();
	return -EINVAL;
}

int
tls_no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

static int
load_authorities(SSL_CTX *ctx, const char *path, char *why, size_t room)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	_cleanup_(bio_freep) BIO *in = NULL;
	X509 *x;
	int n = 0, r;

	if (!*path) {
		/* A directory by hashes: a certificate is read when it is needed, where the bundle
		 * of the same would take megabytes. */
		if (SSL_CTX_set_default_verify_dir(ctx) == 1)
			return 0;
		return refuse(why, room, "the system's certificates", "cannot be used");
	}
	r = secret_read(SECRET_PUBLIC, path, TLS_FILE_MAX, &text, why, room);
	if (r < 0)
		return r;
	in = BIO_new_mem_buf(text.text, (int)text.len);
	while (in && (x = PEM_read_bio_X509(in, NULL, tls_no_passphrase, NULL)) != NULL) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x);
		X509_free(x);
		n++;
	}
	if (n == 0)
		return refuse(why, room, path, "has no certificate in PEM");
	ERR_clear_error();
	return 0;
}

static int
load_key(SSL_CTX *ctx, const char *path, char *why, size_t room)
{
	_cleanup_(secret_wipe) struct strbuf text = {0};
	_cleanup_(bio_freep) BIO *in = NULL;
	_cleanup_(pkey_freep) EVP_PKEY *key = NULL;
	int r = secret_read(SECRET, path, TLS_FILE_MAX, &text, why, room);

	if (r < 0)
		return r;
	in = BIO_new_mem_buf(text.text, (int)text.len);
	key = in ? PEM_read_bio_PrivateKey(in, NULL, tls_no_passphrase, NULL) : NULL;
	if (!key)
		return refuse(why, room, path, "has no private key without passphrase");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		return refuse(why, room, path, "does not belong to cert_file");
	return 0;
}

static int
load_own(SSL_CTX *ctx, const struct tls_config *c, char *why, size_t room)
{
	if (!*c->cert_file)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(ctx, c->cert_file) != 1)
		return refuse(why, room, c->cert_file, "has no certificate that can be used");
	return load_key(ctx, c->key_file, why, room);
}

static int
set_name(SSL *ssl, const struct tls_config *c)
{
	const char *name = *c->server_name ? c->server_name : c->server;
	struct addr a;

	if (addr_parse(&a, name, strlen(name)) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int
tls_new(SSL **out, const struct tls_config *c, char *why, size_t room)
{
	_cleanup_(ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	int r;

	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		return refuse(why, room, "TLS", "cannot be used");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_passwd_cb(ctx, tls_no_passphrase);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* One end of a reply is told by its form: the end of the stream needs no word of its own.
	 */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	r = load_authorities(ctx, c->ca_file, why, room);
	if (r == 0)
		r = load_own(ctx, c, why, room);
	if (r < 0)
		return r;
	ssl = SSL_new(ctx);
	if (!ssl || !set_name(ssl, c)) {
		SSL_free(ssl);
		return refuse(why, room, c->server, "is no name that TLS can ask for");
	}
	*out = ssl;
	return 0;
}

static const struct {
	int reason;
	const char *words;
} reasons[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "no TLS is spoken there: 'tls: no', or the port of TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it speaks no TLS of version 1.2 or later"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it speaks no TLS of version 1.2 or later"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
	"it asks for a certificate: set 'cert_file' and 'key_file'"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not know who signed our certificate ('cert_file')"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it refuses our certificate ('cert_file')"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it says that our certificate has ended ('cert_file')"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
	"it refuses the handshake; it may ask for a certificate ('cert_file')"},
};

/* Somebody signed it, whom we do not know. */
static bool
is_stranger(long verified)
{
	return verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       verified == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	       verified == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	       verified == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

static const char *
certificate_advice(long verified)
{
	if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
		return "; it is for another name: 'server_name'";
	return is_stranger(verified) ? "; 'ca_file' names who signs it" : "";
}

void
tls_why(const SSL *ssl, const struct tls_config *c, unsigned long error, char *why, size_t room)
{
	const char *name = *c->server_name ? c->server_name : c->server;
	const char *words = error ? ERR_reason_error_string(error) : NULL;
	long verified = SSL_get_verify_result(ssl);

	if (verified != X509_V_OK) {
		snprintf(why, room, "the certificate of %.100s is wrong: %s%s", name,
		    X509_verify_cert_error_string(verified), certificate_advice(verified));
		return;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (error && ERR_GET_LIB(error) == ERR_LIB_SSL &&
		    ERR_GET_REASON(error) == reasons[i].reason)
			words = reasons[i].words;
	}
	snprintf(why, room, "TLS with %.100s failed: %s", name,
	    words ? words
		  : "it closed the connection: it asks for a certificate ('cert_file'), or it is "
		    "no port of TLS");
}
