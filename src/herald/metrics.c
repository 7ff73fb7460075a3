/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/metrics.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "herald/link.h"
#include "herald/metrics_file.h"
#include "herald/metrics_http.h"
#include "herald/metrics_text.h"
#include "wire/control.h"

#define PORT_AGAIN 10 /* seconds */

struct metrics {
	struct herald *herald;
	struct metrics_http *http;
	struct event *port, *file;
	const char *listen, *path;  /* of the image; "": not wanted */
	int port_error, file_error; /* negative errno; 0: fine */
	struct strbuf trouble;
};

/* --- text --- */

void
metrics_text(const struct metrics *m, enum metrics_format format, struct strbuf *out)
{
	const struct herald *h = m->herald;
	const struct metrics_own own = {.scrapes = metrics_http_served(m->http),
	    .turned_away = metrics_http_turned_away(m->http),
	    .port_ok = m->port_error == 0,
	    .file_ok = m->file_error == 0};

	metrics_write(out, format, h, h->link && link_is_up(h->link), &own, clock_real());
}

static void
on_scrape(void *ctx, enum metrics_format format, struct strbuf *out)
{
	metrics_text(ctx, format, out);
}

void
metrics_request(struct request *q, char *const *words, unsigned n)
{
	const struct herald *h = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf text = {0}, out = {0};
	char *rest, *line;

	(void)words;
	(void)n;
	metrics_text(h->metrics, METRICS_OPEN, &text);
	for (line = strtok_r(text.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct json j;

		json_begin(&j, &out);
		json_text(&j, "text", line);
		json_end(&j);
	}
	request_write(q, &out);
	request_done(q, REQUEST_DONE, NULL);
}

/* --- trouble --- */

const char *
metrics_trouble(const struct metrics *m)
{
	return m->trouble.len > 0 ? m->trouble.text : NULL;
}

static const char *
advice(int error, const char *path)
{
	if (error == -EACCES || error == -EPERM || error == -EROFS)
		return "; the user of guardd-herald must be able to write to that folder, and its "
		       "unit must name it (docs/metrics.md); one that was made after the start "
		       "needs a "
		       "restart of guardd-herald";
	if (error == -ENOENT && path)
		return "; make that folder, then restart guardd-herald";
	return error == -EADDRINUSE ? "; another program listens there" : "";
}

/* Told when it begins, changes and ends. */
static void
note(struct metrics *m, int *error, int now, const char *what, const char *where)
{
	if (*error == now)
		return;
	*error = now;
	if (now < 0)
		log_warning(
		    "metrics: %s %s: %s%s", what, where, strerror(-now), advice(now, where));
	else
		log_notice("metrics: %s %s is served", what, where);
	strbuf_reset(&m->trouble);
	if (m->port_error < 0)
		strbuf_printf(&m->trouble, "metrics.listen %s: %s%s", m->listen,
		    strerror(-m->port_error), advice(m->port_error, NULL));
	if (m->file_error < 0)
		strbuf_printf(&m->trouble, "%smetrics.file %s: %s%s",
		    m->trouble.len > 0 ? "; " : "", m->path, strerror(-m->file_error),
		    advice(m->file_error, m->path));
}

/* --- port and file --- */

static void
on_port(evutil_socket_t fd, short what, void *arg)
{
	struct metrics *m = arg;
	int r = metrics_http_bind(m->http, m->listen);

	(void)fd;
	(void)what;
	note(m, &m->port_error, r, "listen", m->listen);
	if (r < 0)
		evtimer_add(m->port, &(struct timeval){.tv_sec = PORT_AGAIN});
}

static void
on_file(evutil_socket_t fd, short what, void *arg)
{
	struct metrics *m = arg;
	const usec_t every = m->herald->image.settings->metrics_every;
	const struct timeval again = {every / USEC_PER_SEC, every % USEC_PER_SEC};
	_cleanup_(strbuf_fini) struct strbuf text = {0};

	(void)fd;
	(void)what;
	metrics_text(m, METRICS_PLAIN, &text);
	note(m, &m->file_error, metrics_file_write(m->path, text.text, text.len), "file", m->path);
	evtimer_add(m->file, &again);
}

/* --- the whole --- */

void
metrics_free(struct metrics *m)
{
	if (!m)
		return;
	if (*m->path && m->file)
		metrics_file_remove(m->path);
	if (m->port)
		event_free(m->port);
	if (m->file)
		event_free(m->file);
	metrics_http_free(m->http);
	strbuf_fini(&m->trouble);
	free(m);
}

int
metrics_new(struct metrics **out, struct herald *h, int fd)
{
	const struct image_settings *s = h->image.settings;
	struct metrics *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->herald = h;
	m->listen = image_str(&h->image, s->metrics_listen);
	m->path = image_str(&h->image, s->metrics_file);
	r = metrics_http_new(&m->http, h->base, on_scrape, m);
	if (r == 0 && fd >= 0)
		r = metrics_http_listen(m->http, fd);
	m->port = evtimer_new(h->base, on_port, m);
	m->file = evtimer_new(h->base, on_file, m);
	if (r < 0 || !m->port || !m->file) {
		metrics_free(m);
		return -ENOMEM;
	}
	if (*m->listen)
		on_port(-1, 0, m);
	/* The other parts are not there yet. */
	if (*m->path)
		evtimer_add(m->file, &(struct timeval){0});
	*out = m;
	return 0;
}
