/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "courier/send.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "courier/names.h"
#include "courier/seal.h"

#define CONNECT_MAX 15L /* seconds for TCP and TLS together */

/* One delivery under way. */
struct sending {
	const struct order *order;
	struct answer *answer;
	struct place place;
	CURL *curl;
	struct curl_slist *headers, *resolve, *to;
	size_t read;        /* bytes of the body that were read */
	char last[200];     /* mail: the server's last line */
	char unwanted[200]; /* mail: its first that refuses a recipient */
	char error[CURL_ERROR_SIZE];
};

static void
sending_fini(struct sending *s)
{
	curl_slist_free_all(s->headers);
	curl_slist_free_all(s->resolve);
	curl_slist_free_all(s->to);
	curl_easy_cleanup(s->curl);
	place_fini(&s->place);
}

/* --- libcurl's calls --- */

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct sending *s = arg;

	return answer_hear(s->answer, bytes, size * n) ? size * n : 0;
}

/* Mail: each line that the server says. */
static size_t
on_line(char *bytes, size_t size, size_t n, void *arg)
{
	struct sending *s = arg;
	size_t len = size * n < sizeof(s->last) ? size * n : sizeof(s->last) - 1;

	if (!s->place.mail)
		return size * n;
	/* The goodbye to QUIT says nothing of the message. */
	if (len >= 3 && memcmp(bytes, "221", 3) == 0)
		return size * n;
	memcpy(s->last, bytes, len);
	s->last[len] = '\0';
	if (bytes[0] == '5' && s->unwanted[0] == '\0')
		memcpy(s->unwanted, s->last, len + 1);
	return size * n;
}

static size_t
on_want(char *room, size_t size, size_t n, void *arg)
{
	struct sending *s = arg;
	size_t left = s->order->body_len - s->read, len = size * n < left ? size * n : left;

	memcpy(room, s->order->value[ORDER_BODY] + s->read, len);
	s->read += len;
	return len;
}

/* --- setting up --- */

static bool
append(struct curl_slist **list, const char *text)
{
	struct curl_slist *more = curl_slist_append(*list, text);

	if (more)
		*list = more;
	return more != NULL;
}

static bool
set_common(struct sending *s)
{
	const struct order *o = s->order;
	CURL *c = s->curl;
	long left = (long)o->timeout_s;
	bool ok;

	ok = curl_easy_setopt(c, CURLOPT_URL, o->value[ORDER_URL]) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_TIMEOUT, left) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, left < CONNECT_MAX ? left : CONNECT_MAX) ==
		 CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->error) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEDATA, s) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_HEADERDATA, s) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
	if (ok && o->value[ORDER_CA])
		ok = curl_easy_setopt(c, CURLOPT_CAINFO, o->value[ORDER_CA]) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (ok && o->value[ORDER_USER])
		ok = curl_easy_setopt(c, CURLOPT_USERNAME, o->value[ORDER_USER]) == CURLE_OK;
	if (ok && o->value[ORDER_PASSWORD])
		ok = curl_easy_setopt(c, CURLOPT_PASSWORD, o->value[ORDER_PASSWORD]) == CURLE_OK;
	if (ok && s->place.resolve.len > 0)
		ok = append(&s->resolve, s->place.resolve.text) &&
		     curl_easy_setopt(c, CURLOPT_RESOLVE, s->resolve) == CURLE_OK;
	return ok;
}

static bool
set_http(struct sending *s)
{
	const struct order *o = s->order;
	_cleanup_(strbuf_fini) struct strbuf token = {0};
	CURL *c = s->curl;
	bool ok = true;

	for (unsigned i = 0; ok && i < o->n_headers; i++)
		ok = append(&s->headers, o->headers[i]);
	if (o->value[ORDER_TOKEN]) {
		strbuf_printf(&token, "Authorization: Bearer %s", o->value[ORDER_TOKEN]);
		ok = ok && append(&s->headers, token.text);
	}
	/* No waiting for a "100 Continue" that many receivers never send. */
	return ok && append(&s->headers, "Expect:") &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTPHEADER, s->headers) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "guardd/" GUARDD_VERSION) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDS, o->value[ORDER_BODY]) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)o->body_len) == CURLE_OK;
}

static bool
set_mail(struct sending *s)
{
	const struct order *o = s->order;
	CURL *c = s->curl;
	bool ok = o->value[ORDER_FROM] && o->n_to > 0;

	for (unsigned i = 0; ok && i < o->n_to; i++)
		ok = append(&s->to, o->to[i]);
	return ok &&
	       curl_easy_setopt(c, CURLOPT_USE_SSL,
		   o->value[ORDER_STARTTLS] ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE) ==
		   CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_MAIL_FROM, o->value[ORDER_FROM]) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_MAIL_RCPT, s->to) == CURLE_OK &&
	       /* One recipient that left the company must not keep all others from being told. */
	       curl_easy_setopt(c, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READFUNCTION, on_want) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READDATA, s) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_INFILESIZE, (long)o->body_len) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

/* --- what came of it --- */

/* HTTP status codes, RFC 9110 and 6585; the first row that holds. */
static const struct http_row {
	int low, high;
	enum courier_status status;
	const char *hint;
} http_rows[] = {
    {200, 299, COURIER_DONE, ""},
    {300, 399, COURIER_CANNOT,
	"; it sends elsewhere, which is not followed: give the address it means"},
    {401, 401, COURIER_CANNOT, "; look at user, password_file, token_file"},
    {403, 405, COURIER_CANNOT, "; look at url, and at what is allowed there"},
    {408, 408, COURIER_LATER, ""},
    {410, 410, COURIER_CANNOT, "; there is no such address any more"},
    {425, 425, COURIER_LATER, ""},
    {429, 429, COURIER_LATER, ""},
    {400, 499, COURIER_REFUSED, ""},
    {0, 999, COURIER_LATER, ""},
};

static void
judge_http(struct sending *s, long code)
{
	struct answer *a = s->answer;
	curl_off_t later = 0;
	char *location = NULL;
	const struct http_row *row = http_rows;

	while (code < row->low || code > row->high)
		row++;
	curl_easy_getinfo(s->curl, CURLINFO_RETRY_AFTER, &later);
	curl_easy_getinfo(s->curl, CURLINFO_REDIRECT_URL, &location);
	if (row->status == COURIER_LATER && later > 0)
		a->retry_after = later < ANSWER_LATER ? (unsigned)later : ANSWER_LATER;
	answer_set(a, row->status, "HTTP %ld%s%s%s%s%s", code, row->hint, location ? " " : "",
	    location ? location : "", a->said[0] ? ": " : "", a->said);
}

/* Reply codes of mail, RFC 5321 and 4954: those about who we are, then about the message. */
static enum courier_status
mail_status(long code)
{
	if (code == 530 || code == 534 || code == 535 || code == 538)
		return COURIER_CANNOT;
	return code >= 500 && code <= 599 ? COURIER_REFUSED : COURIER_LATER;
}

static void
judge_mail(struct sending *s, CURLcode r, long code)
{
	if (r == CURLE_OK && s->unwanted[0])
		answer_set(
		    s->answer, COURIER_DONE, "%s; but not for all: %s", s->last, s->unwanted);
	else if (r == CURLE_OK)
		answer_set(s->answer, COURIER_DONE, "%s", s->last);
	else
		answer_set(s->answer, mail_status(code), "%s%s%s",
		    s->unwanted[0] ? s->unwanted : s->last, s->error[0] ? "; " : "", s->error);
}

static bool
is_for_people(CURLcode r)
{
	static const CURLcode codes[] = {CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
	    CURLE_SSL_CONNECT_ERROR, CURLE_USE_SSL_FAILED, CURLE_LOGIN_DENIED, CURLE_URL_MALFORMAT,
	    CURLE_UNSUPPORTED_PROTOCOL, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i] == r)
			return true;
	return false;
}

static void
judge(struct sending *s, CURLcode r)
{
	long code = 0;

	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
	/* A server that says yes, and then too much or too slowly, has said yes. */
	if (!s->place.mail && code >= 200 && !is_for_people(r))
		judge_http(s, code);
	else if (s->place.mail && (r == CURLE_OK || (code >= 400 && code <= 599)))
		judge_mail(s, r, code);
	else
		answer_set(s->answer, is_for_people(r) ? COURIER_CANNOT : COURIER_LATER, "%s%s",
		    strstr(s->error, "wrong version number") ? "no TLS is spoken there: " : "",
		    s->error[0] ? s->error : curl_easy_strerror(r));
}

/* A password goes in clear to this machine itself, nowhere else. */
static bool
would_tell_secrets(const struct sending *s)
{
	const struct order *o = s->order;

	return (o->value[ORDER_PASSWORD] || o->value[ORDER_TOKEN]) && !s->place.tls &&
	       !o->value[ORDER_STARTTLS] && !s->place.here;
}

static bool
find(struct sending *s)
{
	const char *why = "";
	int r = place_find(&s->place, s->order->value[ORDER_URL], &why);

	if (r == -EINVAL)
		answer_set(s->answer, COURIER_CANNOT, "the address cannot be used: %s", why);
	else if (r < 0)
		answer_set(s->answer, COURIER_LATER, "no address of %s: %s", s->place.host, why);
	else if (would_tell_secrets(s))
		answer_set(s->answer, COURIER_CANNOT,
		    "a password or token goes to %s without TLS: not sent", s->place.host);
	else
		return true;
	return false;
}

/* Names are known now: what reads the server's bytes gets by with less. */
static bool
seal(struct sending *s)
{
	const char *what;
	int r = seal_second(s->order->value[ORDER_CA], s->place.port, &what);

	if (r < 0)
		answer_set(s->answer, COURIER_CANNOT, "sandbox: %s: %s", what, strerror(-r));
	return r == 0;
}

void
send_order(const struct order *o, struct answer *a)
{
	_cleanup_(sending_fini) struct sending s = {.order = o, .answer = a};

	if (!find(&s) || !seal(&s))
		return;
	s.curl = curl_easy_init();
	if (!s.curl || !set_common(&s) || !(s.place.mail ? set_mail(&s) : set_http(&s))) {
		answer_set(a, COURIER_CANNOT, "the order cannot be carried out%s%s",
		    s.error[0] ? ": " : "", s.error);
		return;
	}
	judge(&s, curl_easy_perform(s.curl));
}
