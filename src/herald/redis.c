/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/redis.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/random.h>

#include "herald/reach.h"
#include "herald/secret.h"

#define FIRST_WAIT   USEC_PER_SEC
#define LONGEST_WAIT (60 * USEC_PER_SEC)
#define WELL         (30 * USEC_PER_SEC) /* up so long: the next loss begins anew */
#define PATIENCE     (10 * USEC_PER_SEC) /* of handshake and AUTH */
#define PASSWORD_MAX 4096
#define TAG_AUTH     UINT64_MAX

enum stage {
	STAGE_OFF,
	STAGE_WAIT, /* for the next try */
	STAGE_REACH,
	STAGE_TLS,
	STAGE_AUTH,
	STAGE_UP,
};

struct redis {
	struct event_base *base;
	const struct redis_config *config;
	const struct redis_ops *ops;
	void *ctx;
	enum stage stage;
	struct reach *reach;
	struct bufferevent *link;
	SSL *ssl; /* the link's */
	struct reply *reply;
	struct event *again, *late;
	usec_t wait, up_since; /* monotonic */
	usec_t heard;
	unsigned first, open; /* ring of commands without an answer */
	struct {
		uint64_t tag;
		usec_t by; /* monotonic */
	} asked[REDIS_OPEN];
};

usec_t
redis_jitter(usec_t span)
{
	uint64_t v = 0;

	if (span <= 0 || getrandom(&v, sizeof(v), 0) != sizeof(v))
		return 0;
	return (usec_t)(v % (uint64_t)span);
}

static void
set_timer(struct event *e, usec_t span)
{
	const struct timeval tv = {span / USEC_PER_SEC, span % USEC_PER_SEC};

	if (span < 0)
		event_active(e, EV_TIMEOUT, 0);
	else
		event_add(e, &tv);
}

static void
drop_connection(struct redis *r)
{
	reach_free(r->reach);
	r->reach = NULL;
	if (r->link)
		bufferevent_free(r->link); /* and ssl */
	r->link = NULL;
	r->ssl = NULL;
	reply_free(r->reply);
	r->reply = NULL;
	r->first = r->open = 0;
	event_del(r->late);
	event_del(r->again);
}

/* Full jitter: hosts that lost the same server do not come back together. */
static void
try_later(struct redis *r)
{
	usec_t now = clock_mono();

	if (r->up_since && now - r->up_since > WELL)
		r->wait = 0;
	r->up_since = 0;
	r->wait = r->wait == 0 ? FIRST_WAIT : 2 * r->wait;
	if (r->wait > LONGEST_WAIT)
		r->wait = LONGEST_WAIT;
	r->stage = STAGE_WAIT;
	set_timer(r->again, r->wait / 10 + redis_jitter(r->wait));
}

static void
fail(struct redis *r, const char *why, const char *too_large)
{
	char words[REDIS_WHY_MAX], id[REPLY_ID_MAX];

	/* Both may be parts of what is dropped. */
	snprintf(words, sizeof(words), "%s", why);
	snprintf(id, sizeof(id), "%s", too_large ? too_large : "");
	drop_connection(r);
	try_later(r);
	r->ops->on_down(r->ctx, words, too_large ? id : NULL);
}

void
redis_give_up(struct redis *r, const char *why)
{
	if (r->stage > STAGE_WAIT)
		fail(r, why, NULL);
}

/* The server's words, fit for a person's eyes. */
static void
clean(const struct value *v, char *out, size_t room)
{
	size_t n = v->n < room - 1 ? v->n : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = v->text[i] >= 0x20 && v->text[i] < 0x7f ? v->text[i] : '?';
	out[n] = '\0';
}

static const struct {
	const char *begin, *means;
} errors[] = {
    {"WRONGPASS", "wrong user or password"},
    {"NOAUTH", "it asks for a password: set 'password_file' (and 'user')"},
    {"NOPERM", "the user may not do this: see the ACL line in docs/fleet.md"},
    {"ERR AUTH", "it knows no password for this user: see 'user' and 'password_file'"},
    {"ERR Client sent AUTH", "it knows no password: remove 'password_file'"},
    {"ERR wrong number of arguments for 'auth'", "it is too old: Redis 6.2 or later is needed"},
    {"ERR syntax", "it is too old: Redis 6.2 or later is needed"},
    {"ERR unknown command", "it is no Redis 6.2 or later, or knows no streams"},
    {"READONLY", "it is a replica: name the primary"},
    {"LOADING", "it is still loading its data"},
    {"OOM", "its memory is full: raise maxmemory"},
    {"MISCONF", "it cannot write its data to disk"},
    {"MOVED", "it is part of a cluster that keeps the stream elsewhere"},
    {"WRONGTYPE", "a key of the stream's name holds something else: choose another 'stream'"},
};

static void
fail_by_error(struct redis *r, const struct value *v)
{
	char words[160], why[REDIS_WHY_MAX];
	const char *means = "it refuses a command";

	clean(v, words, sizeof(words));
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (strncmp(words, errors[i].begin, strlen(errors[i].begin)) == 0) {
			means = errors[i].means;
			break;
		}
	}
	snprintf(why, sizeof(why), "%.100s: %s (%s)", r->config->tls.server, means, words);
	fail(r, why, NULL);
}

static void
set_late(struct redis *r)
{
	if (r->open == 0)
		event_del(r->late);
	else
		set_timer(r->late, r->asked[r->first].by - clock_mono());
}

static void
be_up(struct redis *r)
{
	r->stage = STAGE_UP;
	r->up_since = clock_mono();
	set_late(r);
	r->ops->on_up(r->ctx);
}

static void
fail_nonsense(struct redis *r, const char *what)
{
	char why[REDIS_WHY_MAX];

	snprintf(why, sizeof(why), "%.100s port %u answers what no Redis does (%s)%s",
	    r->config->tls.server, r->config->port, what,
	    r->config->use_tls ? "" : ": another service, or one that wants 'tls: yes'");
	fail(r, why, NULL);
}

/* False: the connection is no more. */
static bool
take_value(struct redis *r, const struct value *v)
{
	const struct bufferevent *link = r->link;
	uint64_t tag;

	if (v->type == VALUE_ERROR) {
		fail_by_error(r, v);
		return false;
	}
	if (r->open == 0) {
		fail_nonsense(r, "an answer to no question");
		return false;
	}
	tag = r->asked[r->first].tag;
	r->first = (r->first + 1) % REDIS_OPEN;
	r->open--;
	r->heard = clock_real();
	set_late(r);
	if (tag == TAG_AUTH)
		be_up(r);
	else
		r->ops->on_reply(r->ctx, tag, v);
	return r->link == link && r->reply;
}

static void
on_read(struct bufferevent *link, void *arg)
{
	struct redis *r = arg;
	char part[16384];
	size_t n;

	while (r->link == link && (n = bufferevent_read(link, part, sizeof(part))) > 0) {
		struct value *v = NULL;
		int e = reply_feed(r->reply, part, n);

		while (e == 0 && (e = reply_next(r->reply, &v)) == 1) {
			bool here = take_value(r, v);

			value_free(v);
			if (!here)
				return;
			e = 0;
		}
		if (e == -EMSGSIZE) {
			fail(r, "a reply is larger than any that is expected",
			    reply_last_id(r->reply));
			return;
		}
		if (e < 0) {
			fail_nonsense(r, "no RESP");
			return;
		}
	}
}

static int
send_auth(struct redis *r)
{
	const struct redis_config *c = r->config;
	_cleanup_(secret_wipe) struct strbuf password = {0};
	char why[REDIS_WHY_MAX];
	struct redis_arg args[3] = {{"AUTH", 4}};
	unsigned n = 1;

	if (secret_read_line(c->password_file, PASSWORD_MAX, &password, why, sizeof(why)) < 0) {
		fail(r, why, NULL);
		return -EACCES;
	}
	if (*c->user)
		args[n++] = (struct redis_arg){c->user, strlen(c->user)};
	args[n++] = (struct redis_arg){password.text, password.len};
	return redis_send(r, args, n, TAG_AUTH, PATIENCE);
}

static void
begin_session(struct redis *r)
{
	r->stage = STAGE_AUTH;
	if (*r->config->password_file)
		(void)send_auth(r);
	else
		be_up(r);
}

static void
on_event(struct bufferevent *link, short what, void *arg)
{
	struct redis *r = arg;
	int error = EVUTIL_SOCKET_ERROR();
	char why[REDIS_WHY_MAX];

	if (what & BEV_EVENT_CONNECTED) {
		if (r->stage == STAGE_TLS)
			begin_session(r);
		return;
	}
	if (r->ssl) {
		unsigned long first = bufferevent_get_openssl_error(link);

		/* With TLS 1.3 a server refuses our certificate after its end of the handshake. */
		if (r->stage == STAGE_TLS || first) {
			tls_why(r->ssl, &r->config->tls, first, why, sizeof(why));
			fail(r, why, NULL);
			return;
		}
	}
	if ((what & BEV_EVENT_ERROR) && error)
		snprintf(why, sizeof(why), "the connection to %.100s broke: %s%s",
		    r->config->tls.server, strerror(error),
		    error == ECONNRESET && !r->ssl ? "; does it want TLS? (tls: yes)" : "");
	else
		snprintf(why, sizeof(why), "%.100s closed the connection", r->config->tls.server);
	fail(r, why, NULL);
}

static int
make_link(struct redis *r, int fd, char *why, size_t room)
{
	int e = reply_new(&r->reply, r->config->reply_bytes);

	if (e == 0 && r->config->use_tls)
		e = tls_new(&r->ssl, &r->config->tls, why, room);
	if (e < 0) {
		close(fd);
		return e;
	}
	if (r->ssl)
		r->link = bufferevent_openssl_socket_new(
		    r->base, fd, r->ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	else
		r->link = bufferevent_socket_new(r->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (r->link)
		return 0;
	SSL_free(r->ssl);
	r->ssl = NULL;
	close(fd);
	return -ENOMEM;
}

static void
on_reached(void *ctx, int fd, const char *why)
{
	struct redis *r = ctx;
	char words[REDIS_WHY_MAX] = "no memory";

	if (fd < 0) {
		fail(r, why, NULL);
		return;
	}
	reach_free(r->reach);
	r->reach = NULL;
	if (make_link(r, fd, words, sizeof(words)) < 0) {
		fail(r, words, NULL);
		return;
	}
	bufferevent_setcb(r->link, on_read, NULL, on_event, r);
	bufferevent_enable(r->link, EV_READ | EV_WRITE);
	if (r->ssl) {
		r->stage = STAGE_TLS;
		set_timer(r->late, PATIENCE);
	} else {
		begin_session(r);
	}
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	const struct redis_config *c = r->config;

	(void)fd;
	(void)what;
	r->stage = STAGE_REACH;
	if (reach_new(&r->reach, r->base, c->tls.server, c->port, on_reached, r) < 0)
		fail(r, "no memory", NULL);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	char why[REDIS_WHY_MAX];

	(void)fd;
	(void)what;
	snprintf(why, sizeof(why), "%.100s is too slow: no answer in time%s", r->config->tls.server,
	    r->stage == STAGE_TLS ? " in the handshake; is it a port of TLS?" : "");
	fail(r, why, NULL);
}

int
redis_new(struct redis **out, struct event_base *base, const struct redis_config *c,
    const struct redis_ops *ops, void *ctx)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct redis){.base = base, .config = c, .ops = ops, .ctx = ctx};
	r->again = evtimer_new(base, on_again, r);
	r->late = evtimer_new(base, on_late, r);
	if (!r->again || !r->late) {
		redis_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void
redis_free(struct redis *r)
{
	if (!r)
		return;
	if (r->again && r->late)
		drop_connection(r);
	if (r->again)
		event_free(r->again);
	if (r->late)
		event_free(r->late);
	free(r);
}

void
redis_want(struct redis *r, bool wanted, usec_t spread)
{
	if (wanted == (r->stage != STAGE_OFF))
		return;
	if (!wanted) {
		drop_connection(r);
		r->stage = STAGE_OFF;
		r->wait = 0;
		return;
	}
	r->stage = STAGE_WAIT;
	set_timer(r->again, redis_jitter(spread));
}

bool
redis_is_up(const struct redis *r)
{
	return r->stage == STAGE_UP;
}

int
redis_send(struct redis *r, const struct redis_arg *args, unsigned n, uint64_t tag, usec_t timeout)
{
	struct evbuffer *out;
	unsigned slot = (r->first + r->open) % REDIS_OPEN;

	if (!r->link || r->stage < STAGE_AUTH)
		return -ENOTCONN;
	out = bufferevent_get_output(r->link);
	if (r->open == REDIS_OPEN || evbuffer_get_length(out) > REDIS_OUTPUT)
		return -EAGAIN;
	evbuffer_add_printf(out, "*%u\r\n", n);
	for (unsigned i = 0; i < n; i++) {
		evbuffer_add_printf(out, "$%zu\r\n", args[i].n);
		evbuffer_add(out, args[i].bytes, args[i].n);
		evbuffer_add(out, "\r\n", 2);
	}
	r->asked[slot].tag = tag;
	r->asked[slot].by = clock_mono() + timeout;
	r->open++;
	if (r->open == 1)
		set_late(r);
	return 0;
}

unsigned
redis_open(const struct redis *r)
{
	return r->open;
}

usec_t
redis_heard(const struct redis *r)
{
	return r->heard;
}
