/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "herald/deliver.h"
#include "herald/secret.h"
#include "herald/template.h"

#define SECRET_MAX 4096 /* bytes of a file */

/* The first line of a file of secrets, if one is named. */
static int
put_secret(const struct image *img, str_t file, enum order_key key, struct strbuf *out, char *why,
    size_t room)
{
	_cleanup_(secret_wipe) struct strbuf text = {0};
	const char *path = image_str(img, file);
	int r;

	if (!*path)
		return 0;
	r = secret_read_line(path, SECRET_MAX, &text, why, room);
	if (r == 0)
		order_put(out, key, text.text, text.len);
	return r;
}

static void
put_if(struct strbuf *out, enum order_key key, const char *text)
{
	if (*text)
		order_put_text(out, key, text);
}

static int
put_common(const struct image *img, const struct image_channel *c, struct strbuf *out, char *why,
    size_t room)
{
	char timeout[16];

	snprintf(timeout, sizeof(timeout), "%u", deliver_timeout(c));
	order_put_text(out, ORDER_TIMEOUT, timeout);
	put_if(out, ORDER_CA, image_str(img, c->ca_file));
	put_if(out, ORDER_USER, image_str(img, c->user));
	return put_secret(img, c->password_file, ORDER_PASSWORD, out, why, room);
}

/* What this host is called in EHLO: its name as far as it is one. */
static void
put_relay(const struct deliver_env *env, const struct image_channel *c, struct strbuf *out)
{
	_cleanup_(strbuf_fini) struct strbuf url = {0};
	const char *server = image_str(env->image, c->server);
	bool v6 = strchr(server, ':') && server[0] != '[';

	strbuf_printf(&url, "%s://%s%s%s:%u/", c->tls == CHANNEL_TLS_FIRST ? "smtps" : "smtp",
	    v6 ? "[" : "", server, v6 ? "]" : "", c->port);
	for (const char *p = env->host; *p; p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || *p == '-' || *p == '.')
			strbuf_add(&url, p, 1);
	order_put(out, ORDER_URL, url.text, url.len);
	if (c->tls == CHANNEL_TLS_START)
		order_put_text(out, ORDER_STARTTLS, "1");
}

static int
put_mail(const struct deliver_env *env, const struct image_channel *c, const struct alert_bundle *b,
    struct strbuf *out, char *why, size_t room)
{
	_cleanup_(strbuf_fini) struct strbuf body = {0};
	const char *from = image_str(env->image, c->from), *to[ORDER_TO];

	if (c->to.n == 0 || c->to.n > ORDER_TO || !template_is_address(from)) {
		snprintf(why, room,
		    "\"%.255s\" is no plain address to send from, or there are no "
		    "recipients (%u), or more than %d",
		    from, c->to.n, ORDER_TO);
		return -EINVAL;
	}
	order_put_text(out, ORDER_FROM, from);
	for (uint32_t i = 0; i < c->to.n; i++) {
		to[i] = image_list(env->image, c->to, i);
		if (!template_is_address(to[i])) {
			snprintf(why, room, "\"%.255s\" is no plain address", to[i]);
			return -EINVAL;
		}
		order_put_text(out, ORDER_RCPT, to[i]);
	}
	put_relay(env, c, out);
	template_mail(b, from, to, c->to.n, &body);
	order_put(out, ORDER_BODY, body.text, body.len);
	return 0;
}

static int
put_web(const struct deliver_env *env, const struct image_channel *c, const struct alert_bundle *b,
    struct strbuf *out, char *why, size_t room)
{
	_cleanup_(strbuf_fini) struct strbuf body = {0}, header = {0};
	const char *url = image_str(env->image, c->url);
	int r = 0;

	if (*url)
		order_put_text(out, ORDER_URL, url);
	else
		r = put_secret(env->image, c->url_file, ORDER_URL, out, why, room);
	if (r == 0 && !*url)
		order_put_text(out, ORDER_HIDE, "1");
	if (r == 0)
		r = put_secret(env->image, c->token_file, ORDER_TOKEN, out, why, room);
	if (r < 0)
		return r;
	strbuf_printf(&header, "Idempotency-Key: %s", b->id);
	order_put_text(out, ORDER_HEADER, "Content-Type: application/json");
	order_put(out, ORDER_HEADER, header.text, header.len);
	template_web(c->template, b, image_str(env->image, c->topic), &body);
	order_put(out, ORDER_BODY, body.text, body.len);
	return 0;
}

int
deliver_order(const struct deliver_env *env, const struct image_channel *c,
    const struct alert_bundle *b, struct strbuf *out, char *why, size_t room)
{
	int r;

	order_begin(out);
	r = put_common(env->image, c, out, why, room);
	if (r < 0)
		return r;
	return c->kind == CHANNEL_MAIL ? put_mail(env, c, b, out, why, room)
				       : put_web(env, c, b, out, why, room);
}
