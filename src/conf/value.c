/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/value.h"

#include <string.h>

#include "base/addr.h"

/* Of ASCII without blanks, and not empty. */
static bool
is_printable(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || (unsigned char)*s > '~')
			return false;
	}
	return true;
}

bool
value_path(struct diag *d, const struct text *t)
{
	if (!t->s)
		return true;
	if (t->s[0] != '/') {
		diag_error(d, node_place(t->node),
		    "'%.60s' is no absolute path: it must begin with '/'", t->s);
		return false;
	}
	if (t->s[strlen(t->s) - 1] == '/') {
		diag_error(d, node_place(t->node), "'%.60s' is a directory, not a file", t->s);
		return false;
	}
	return true;
}

static bool
is_host_name(const char *s, size_t n)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return n > 0 && n <= VALUE_HOST_MAX && strspn(s, allowed) >= n && !strchr(".-", *s);
}

static bool
is_address(const char *s, size_t n)
{
	struct addr a;

	return addr_parse(&a, s, n) == 0;
}

/* Digits and dots alone were meant as an address. */
static bool
is_host(const char *s, size_t n)
{
	if (is_address(s, n))
		return true;
	return is_host_name(s, n) && strspn(s, "0123456789.") < n;
}

bool
value_host(struct diag *d, const struct text *t)
{
	const char *colon = t->s ? strrchr(t->s, ':') : NULL;

	if (!t->s || is_host(t->s, strlen(t->s)))
		return true;
	if (strstr(t->s, "://"))
		diag_error(d, node_place(t->node),
		    "'%.60s' is a URL: only the host's name or address stands here", t->s);
	else if (*t->s == '[')
		diag_error(d, node_place(t->node),
		    "'%.60s': an address stands here without brackets", t->s);
	else if (colon && is_host(t->s, (size_t)(colon - t->s)))
		diag_error(
		    d, node_place(t->node), "'%.60s': the port has a key of its own, 'port'", t->s);
	else
		diag_error(d, node_place(t->node), "'%.60s' is no host name and no address", t->s);
	return false;
}

const char *
value_url_host(const char *url, size_t *n)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t skip = strlen(schemes[i]);

		if (strncasecmp(url, schemes[i], skip))
			continue;
		url += skip;
		*n = *url == '[' ? strcspn(++url, "]/?#@") : strcspn(url, ":/?#@");
		return url;
	}
	return NULL;
}

/* The host of value_url_host; *n becomes where it ends, with its bracket. */
static bool
is_url_host(const char *host, size_t *n)
{
	if (host[-1] != '[')
		return is_host(host, *n);
	if (host[*n] != ']' || !memchr(host, ':', *n) || !is_address(host, *n))
		return false;
	(*n)++;
	return true;
}

/* Behind the host: nothing, a port, a path, a query. */
static bool
is_url_rest(const char *s)
{
	unsigned port = 0;

	if (*s == ':') {
		for (s++; *s >= '0' && *s <= '9' && port <= UINT16_MAX; s++)
			port = port * 10 + (unsigned)(*s - '0');
		if (!port || port > UINT16_MAX)
			return false;
	}
	return !*s || *s == '/' || *s == '?';
}

/* True for user:password@ in front of the host. */
static bool
has_login(const char *host)
{
	return host[strcspn(host, "@/?#")] == '@';
}

bool
value_url(struct diag *d, const struct text *t)
{
	struct place at;
	const char *host;
	size_t n;

	if (!t->s)
		return true;
	at = node_place(t->node);
	host = value_url_host(t->s, &n);
	if (!host) {
		diag_error(d, at, "a URL begins with http:// or https://");
		return false;
	}
	if (has_login(host)) {
		diag_error(d, at,
		    "no user and password in a URL: use 'user' and 'password_file', or 'url_file'");
		return false;
	}
	if (!is_printable(t->s) || !is_url_host(host, &n) || !is_url_rest(host + n)) {
		diag_error(
		    d, at, "this is no URL: https://HOST, https://HOST:PORT/PATH or similar");
		return false;
	}
	return true;
}

bool
value_mail(struct diag *d, const struct text *t)
{
	const char *at = t->s ? strchr(t->s, '@') : NULL;

	if (!t->s)
		return true;
	if (at && at > t->s && is_host_name(at + 1, strlen(at + 1)) && is_printable(t->s) &&
	    !strpbrk(t->s, "<>,;:\\\"()[]") && !strchr(".-", t->s[0]))
		return true;
	diag_error(d, node_place(t->node),
	    "'%.60s' is no mail address: USER@HOST, without a name and '<>'", t->s);
	return false;
}

bool
value_is_loopback(const char *host, size_t n)
{
	struct addr a;

	if (n == 9 && !strncasecmp(host, "localhost", n))
		return true;
	if (addr_parse(&a, host, n) < 0)
		return false;
	if (a.family == 4)
		return a.bytes[0] == 127;
	return !memcmp(a.bytes, &in6addr_loopback, sizeof(a.bytes));
}

/* The address in ADDRESS:PORT; NULL when it is not of that form. */
static const char *
split_port(const char *s, size_t *n, unsigned *port)
{
	bool brackets = *s == '[';
	const char *host = s + brackets, *p;

	*n = strcspn(host, brackets ? "]" : ":");
	p = host + *n + brackets;
	if (host[*n] == '\0' || *p != ':')
		return NULL;
	*port = 0;
	for (p++; *p >= '0' && *p <= '9' && *port <= UINT16_MAX; p++)
		*port = *port * 10 + (unsigned)(*p - '0');
	return *p == '\0' && is_address(host, *n) && (memchr(host, ':', *n) != NULL) == brackets
		   ? host
		   : NULL;
}

bool
value_loopback_port(struct diag *d, const struct text *t)
{
	const char *host;
	unsigned port = 0;
	size_t n;

	if (!t->s)
		return true;
	host = split_port(t->s, &n, &port);
	if (!host) {
		diag_error(d, node_place(t->node),
		    "'%.60s' is no address with a port, as 127.0.0.1:9812 or '[::1]:9812'", t->s);
		return false;
	}
	if (!port || port > UINT16_MAX) {
		diag_error(d, node_place(t->node), "a port is between 1 and %d", UINT16_MAX);
		return false;
	}
	if (!value_is_loopback(host, n)) {
		diag_error(d, node_place(t->node),
		    "'%.60s' is not of loopback: who may read the metrics is not asked, so that "
		    "only "
		    "this machine may; let a proxy or node_exporter serve others",
		    t->s);
		return false;
	}
	return true;
}

bool
value_user(struct diag *d, const struct text *t)
{
	if (!t->s || (is_printable(t->s) && !strpbrk(t->s, ":,/")))
		return true;
	diag_error(d, node_place(t->node), "'%.60s' is no user's name", t->s);
	return false;
}
