/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "courier/names.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

static const struct scheme {
	const char *name;
	bool mail, tls;
} schemes[] = {
    {"http", false, false},
    {"https", false, true},
    {"smtp", true, false},
    {"smtps", true, true},
};

DEFINE_FREEP(CURLU, curl_url_cleanup)
DEFINE_FREEP(struct addrinfo, freeaddrinfo)

static void
curl_freep(char **p)
{
	curl_free(*p);
}

void
place_fini(struct place *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	strbuf_fini(&p->resolve);
}

static bool
is_loopback(const struct sockaddr *sa)
{
	const struct in_addr *v4 = &((const struct sockaddr_in *)sa)->sin_addr;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;

	return sa->sa_family == AF_INET ? ntohl(v4->s_addr) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(v6);
}

static int
lookup_error(int r, const char **why)
{
	*why = gai_strerror(r);
	if (r == EAI_SYSTEM)
		*why = strerror(errno);
	return r == EAI_NONAME ? -ENOENT : -EAGAIN;
}

/* Addresses of both families, in the order of RFC 6724. */
static int
look_up(struct place *p, const char *host, const char *port, const char **why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
	_cleanup_(freeaddrinfop) struct addrinfo *list = NULL;
	char text[INET6_ADDRSTRLEN];
	unsigned n = 0;
	int r = getaddrinfo(host, port, &hints, &list);

	if (r != 0) {
		list = NULL;
		return lookup_error(r, why);
	}
	p->here = true;
	strbuf_printf(&p->resolve, "%s:%s:", host, port);
	for (const struct addrinfo *a = list; a && n < NAMES_MAX; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
			NI_NUMERICHOST) != 0 ||
		    strchr(text, '%'))
			continue;
		p->here = p->here && is_loopback(a->ai_addr);
		strbuf_printf(
		    &p->resolve, strchr(text, ':') ? "%s[%s]" : "%s%s", n++ ? "," : "", text);
	}
	*why = "it has no address that can be used";
	return n > 0 ? 0 : -ENOENT;
}

static bool
is_literal(const char *host, bool *here)
{
	struct in6_addr v6;
	struct in_addr v4;
	char bare[INET6_ADDRSTRLEN + 2];
	size_t n = strlen(host);

	if (inet_pton(AF_INET, host, &v4) == 1) {
		*here = ntohl(v4.s_addr) >> 24 == 127;
		return true;
	}
	if (n < 3 || n >= sizeof(bare) || host[0] != '[')
		return false;
	memcpy(bare, host + 1, n - 2);
	bare[n - 2] = '\0';
	if (inet_pton(AF_INET6, bare, &v6) != 1)
		return false;
	*here = IN6_IS_ADDR_LOOPBACK(&v6);
	return true;
}

int
place_find(struct place *p, const char *url, const char **why)
{
	_cleanup_(curl_url_cleanupp) CURLU *u = curl_url();
	_cleanup_(curl_freep) char *port = NULL, *user = NULL;
	const struct scheme *s = NULL;

	if (!u)
		return -ENOMEM;
	*why = "it is no URL";
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &p->host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strcmp(schemes[i].name, p->scheme) == 0)
			s = &schemes[i];
	*why = "only http, https, smtp and smtps are served";
	if (!s)
		return -EINVAL;
	p->mail = s->mail;
	p->tls = s->tls;
	p->port = (uint16_t)strtoul(port, NULL, 10);
	*why = "name and password belong into files, not into the URL";
	if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return -EINVAL;
	return is_literal(p->host, &p->here) ? 0 : look_up(p, p->host, port, why);
}
