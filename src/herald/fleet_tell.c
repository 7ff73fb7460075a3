/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What this host tells, and reads now and then, on a connection that is closed when it has been
 * idle for a while: a server has room for so many connections, and hosts are many.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "herald/fleet_private.h"
#include "herald/probes.h"

#define IDLE        (60 * USEC_PER_SEC)
#define PATIENCE    (10 * USEC_PER_SEC) /* of an answer */
#define SPARE       16                  /* commands that rows leave free */
#define ROWS        32
#define AGAIN       500 /* bans a second that are given again */
#define AGAIN_WAIT  (5 * USEC_PER_SEC)
#define REPORT_GAP  (30 * USEC_PER_SEC) /* between two reports of changes */
#define REPORT_SOON USEC_PER_SEC
#define PROBES      4096

enum tag {
	TAG_BAN,
	TAG_LIFT,
	TAG_REPORT,
	TAG_PROBE,
	TAG_LOOK,
	TAG_BITS = 3,
};

struct told_probe {
	struct told_probe *next;
	char target[FLEET_HOST_MAX];
	uint64_t serial; /* 0: not sent */
	char json[];
};

struct tell {
	struct fleet *fleet;
	struct redis *redis;
	struct event *pump, *idle, *report, *look, *again;
	uint64_t after;     /* rows up to this serial are on their way */
	struct strbuf line; /* of the entry that is sent */
	struct strbuf said; /* the report on its way */
	bool report_due, report_sent;
	usec_t report_last; /* monotonic; 0: none yet */
	uint64_t print;     /* of the exposure in the last report */
	struct told_probe *probes, **probes_end;
	unsigned n_probes;
	struct entry_id
	    position; /* in the hosts' stream, of this life: others know what was said */
	unsigned look_count;
	bool look_due, looking;
	usec_t look_last; /* monotonic */
};

static void
set_timer(struct event *e, usec_t span)
{
	const struct timeval tv = {span / USEC_PER_SEC, span % USEC_PER_SEC};

	event_add(e, &tv);
}

static bool
is_needed(const struct tell *t)
{
	return given_waiting(t->fleet->given) > 0 || t->report_due || t->probes || t->look_due;
}

/* Entries older than keep leave the stream; by the server's clock, should ours be ahead. */
static uint64_t
oldest(const struct fleet *f, enum hosts_stream stream)
{
	usec_t keep = stream == HOSTS_BANS ? f->config->keep : fleet_hosts_keep(f);
	uint64_t now = (uint64_t)(clock_real() / USEC_PER_MSEC);
	uint64_t span = (uint64_t)(keep / USEC_PER_MSEC);

	now = f->server_ms < now ? f->server_ms : now;
	return now > span ? now - span : 0;
}

static int
send_line(struct tell *t, enum hosts_stream stream, const char *signature, uint64_t tag)
{
	struct fleet *f = t->fleet;
	const char *key = fleet_key(f, stream);
	char minid[24];
	uint64_t ms = oldest(f, stream);
	struct redis_arg args[10] = {{"XADD", 4}, {key, strlen(key)}};
	unsigned n = 2;

	if (ms > 0) {
		snprintf(minid, sizeof(minid), "%" PRIu64, ms);
		args[n++] = (struct redis_arg){"MINID", 5};
		args[n++] = (struct redis_arg){"~", 1};
		args[n++] = (struct redis_arg){minid, strlen(minid)};
	}
	args[n++] = (struct redis_arg){"*", 1};
	args[n++] = (struct redis_arg){"e", 1};
	args[n++] = (struct redis_arg){t->line.text, t->line.len};
	if (*signature) {
		args[n++] = (struct redis_arg){"g", 1};
		args[n++] = (struct redis_arg){signature, strlen(signature)};
	}
	return redis_send(t->redis, args, n, tag, PATIENCE);
}

static int
send_entry(struct tell *t, enum hosts_stream stream, struct entry *e, enum tag kind)
{
	char signature[SIGN_TEXT];
	int r;

	snprintf(e->host, sizeof(e->host), "%s", t->fleet->name);
	r = fleet_write_entry(t->fleet, stream, e, &t->line, signature);
	return r < 0 ? r : send_line(t, stream, signature, e->serial << TAG_BITS | kind);
}

static void
send_rows(struct tell *t)
{
	struct fleet *f = t->fleet;
	struct given_row rows[ROWS];
	unsigned n;

	/* A serial that others saw must not be used again after a crash. */
	if (given_waiting(f->given) > 0)
		(void)store_commit(f->herald->store);
	while (redis_open(t->redis) < REDIS_OPEN - SPARE - ROWS &&
	       (n = given_next(f->given, t->after, rows, ROWS)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			struct entry e = {.kind = rows[i].lift ? ENTRY_LIFT : ENTRY_BAN,
			    .serial = rows[i].serial,
			    .ban = rows[i].ban};

			if (send_entry(t, HOSTS_BANS, &e, rows[i].lift ? TAG_LIFT : TAG_BAN) < 0)
				return;
			t->after = rows[i].serial;
		}
	}
}

static void
send_report(struct tell *t)
{
	struct fleet *f = t->fleet;
	usec_t now = clock_real();
	struct entry e = {.kind = ENTRY_REPORT};

	if (!t->report_due || t->report_sent)
		return;
	e.serial = given_serial(f->given, now);
	(void)store_commit(f->herald->store);
	report_write(f, now, &t->said);
	e.json = t->said.text;
	e.json_len = t->said.len;
	t->print = report_print(f);
	t->report_sent = send_entry(t, HOSTS_HOSTS, &e, TAG_REPORT) == 0;
}

static void
send_probes(struct tell *t)
{
	struct fleet *f = t->fleet;

	for (struct told_probe *p = t->probes; p; p = p->next) {
		struct entry e = {
		    .kind = ENTRY_PROBE, .json = p->json, .json_len = strlen(p->json)};

		if (p->serial != 0)
			continue;
		e.serial = given_serial(f->given, clock_real());
		(void)store_commit(f->herald->store);
		snprintf(e.target, sizeof(e.target), "%s", p->target);
		if (send_entry(t, HOSTS_HOSTS, &e, TAG_PROBE) < 0)
			return;
		p->serial = e.serial;
	}
}

static void
send_look(struct tell *t)
{
	const char *key = t->fleet->hosts_key;
	char id[REPLY_ID_MAX], count[16];
	const struct redis_arg args[] = {{"XREAD", 5}, {"COUNT", 5},
	    {count, (size_t)snprintf(count, sizeof(count), "%u", t->look_count)}, {"STREAMS", 7},
	    {key, strlen(key)}, {id, strlen(entry_format_id(&t->position, id))}};

	if (t->look_due && !t->looking)
		t->looking = redis_send(t->redis, args, 6, TAG_LOOK, PATIENCE) == 0;
}

static void
on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct tell *t = arg;
	struct fleet *f = t->fleet;

	(void)fd;
	(void)what;
	if (!fleet_has_files(f))
		return;
	if (is_needed(t))
		redis_want(t->redis, true, 0);
	if (!redis_is_up(t->redis))
		return;
	send_rows(t);
	send_report(t);
	send_probes(t);
	send_look(t);
	if (redis_open(t->redis) > 0 || is_needed(t))
		event_del(t->idle);
	else
		set_timer(t->idle, IDLE);
}

void
tell_wake(struct tell *t)
{
	event_active(t->pump, EV_TIMEOUT, 0);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct tell *t = arg;

	(void)fd;
	(void)what;
	redis_want(t->redis, false, 0);
}

/* --- the report --- */

static void
on_report(evutil_socket_t fd, short what, void *arg)
{
	struct tell *t = arg;

	(void)fd;
	(void)what;
	t->report_due = true;
	tell_wake(t);
}

void
tell_report(struct tell *t)
{
	usec_t wait = REPORT_SOON, now = clock_mono();

	if (report_print(t->fleet) == t->print)
		return;
	if (t->report_last && now - t->report_last < REPORT_GAP)
		wait = REPORT_GAP - (now - t->report_last);
	set_timer(t->report, wait);
}

static void
take_own_report(struct tell *t)
{
	struct fleet *f = t->fleet;
	struct host *own = hosts_get(f->hosts, f->name);
	usec_t period = fleet_period(f);

	t->report_due = t->report_sent = false;
	t->report_last = clock_mono();
	set_timer(t->report, period - period / 10 + redis_jitter(period / 5));
	if (!own || hosts_report(f->hosts, own, t->said.text, t->said.len, clock_real()) < 0)
		return;
	own->last = own->reported;
	own->changed = true;
	probes_on_report(f->herald->probes, f->name);
}

/* --- probes --- */

static void
drop_probe(struct tell *t, struct told_probe **at)
{
	struct told_probe *p = *at;

	*at = p->next;
	if (!*at)
		t->probes_end = at;
	t->n_probes--;
	free(p);
}

void
tell_probe(struct tell *t, const char *target, const char *json)
{
	size_t n = strlen(json);
	struct told_probe *p;

	if (n > FLEET_REPORT_MAX || !entry_is_host(target, strlen(target)))
		return;
	for (struct told_probe **at = &t->probes; *at; at = &(*at)->next) {
		if (strcmp((*at)->target, target) == 0) {
			drop_probe(t, at);
			break;
		}
	}
	if (t->n_probes == PROBES)
		drop_probe(t, &t->probes);
	p = calloc(1, sizeof(*p) + n + 1);
	if (!p)
		return;
	snprintf(p->target, sizeof(p->target), "%s", target);
	memcpy(p->json, json, n);
	*t->probes_end = p;
	t->probes_end = &p->next;
	t->n_probes++;
	tell_wake(t);
}

static void
probe_is_told(struct tell *t, uint64_t serial)
{
	for (struct told_probe **at = &t->probes; *at; at = &(*at)->next) {
		if ((*at)->serial == serial) {
			drop_probe(t, at);
			return;
		}
	}
}

/* --- the other hosts --- */

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_look(arg, 0);
}

void
tell_look(struct tell *t, usec_t old)
{
	usec_t period = fleet_period(t->fleet);

	if (t->looking || (t->look_last && clock_mono() - t->look_last < old))
		return;
	t->look_due = true;
	set_timer(t->look, period / 5 + redis_jitter(period / 10));
	tell_wake(t);
}

bool
tell_is_looking(const struct tell *t)
{
	return t->look_due;
}

usec_t
tell_heard(const struct tell *t)
{
	return redis_heard(t->redis);
}

static void
take_host_entry(struct tell *t, const struct entry_id *id, const struct value *fields)
{
	struct fleet *f = t->fleet;
	struct host *host;
	struct entry e;
	enum fleet_belief belief = fleet_believe(f, HOSTS_HOSTS, id, fields, &e, &host);

	if (belief == BELIEVED_NOT)
		return;
	if (e.kind == ENTRY_PROBE) {
		probes_on_entry(f->herald->probes, e.host, e.json, e.json_len);
	} else if (belief == BELIEVED) {
		if (hosts_report(f->hosts, host, e.json, e.json_len, fleet_heard_at(id)) < 0)
			fleet_forged(f, e.host, "its report is no JSON");
		else
			probes_on_report(f->herald->probes, e.host);
	}
}

static void
take_look(struct tell *t, const struct value *v)
{
	const struct value *fields;
	struct entry_id id;
	bool wrong = false;
	uint32_t i;

	t->looking = false;
	for (i = 0; fleet_entry_at(v, i, &id, &fields, &wrong); i++) {
		if (entry_cmp_id(&id, &t->position) <= 0) {
			wrong = true;
			break;
		}
		t->position = id;
		take_host_entry(t, &id, fields);
	}
	if (wrong) {
		redis_give_up(t->redis, "the server answers XREAD with what is no stream");
		return;
	}
	t->look_due = i == t->look_count; /* there may be more */
	t->look_count = FLEET_BATCH;
	t->look_last = clock_mono();
}

/* --- the connection --- */

/* False: the connection was given up. */
static bool
read_id(struct tell *t, const struct value *v, struct entry_id *id)
{
	if (v->type == VALUE_TEXT && entry_parse_id(id, v->text, v->n) == 0) {
		fleet_note_id(t->fleet, id, true);
		return true;
	}
	redis_give_up(t->redis, "the server answers XADD without an id");
	return false;
}

static void
on_reply(void *ctx, uint64_t tag, const struct value *v)
{
	struct tell *t = ctx;
	struct fleet *f = t->fleet;
	uint64_t serial = tag >> TAG_BITS;
	enum tag kind = (enum tag)(tag & ((1u << TAG_BITS) - 1));
	struct entry_id id;

	fleet_wrong(f, WRONG_TELLING, NULL);
	if (kind == TAG_LOOK) {
		take_look(t, v);
		tell_wake(t);
		return;
	}
	if (!read_id(t, v, &id))
		return;
	if (kind == TAG_BAN || kind == TAG_LIFT) {
		given_done(f->given, serial, kind == TAG_LIFT);
		f->counts.given++;
	} else if (entry_cmp_id(&id, &t->position) <= 0) {
		fleet_emptied(f, "its clock went back");
	}
	if (kind == TAG_REPORT)
		take_own_report(t);
	else if (kind == TAG_PROBE)
		probe_is_told(t, serial);
	tell_wake(t);
}

static void
on_up(void *ctx)
{
	tell_wake(ctx);
}

static void
on_down(void *ctx, const char *why, const char *too_large)
{
	struct tell *t = ctx;
	struct entry_id id;

	t->after = 0;
	t->report_sent = t->looking = false;
	for (struct told_probe *p = t->probes; p; p = p->next)
		p->serial = 0;
	event_del(t->idle);
	if (too_large && entry_parse_id(&id, too_large, strlen(too_large)) == 0 &&
	    entry_cmp_id(&id, &t->position) > 0) {
		/* Smaller steps, to the one that is too large alone, and past it. */
		if (t->look_count == 1) {
			t->position = id;
			fleet_forged(t->fleet, "", "it is larger than any host writes");
		}
		t->look_count = 1;
		redis_want(t->redis, false, 0);
		redis_want(t->redis, true, USEC_PER_SEC);
		return;
	}
	if (is_needed(t))
		fleet_wrong(t->fleet, WRONG_TELLING, why);
	else
		redis_want(t->redis, false, 0);
}

static const struct redis_ops ops = {on_up, on_reply, on_down};

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct tell *t = arg;

	(void)fd;
	(void)what;
	if (given_again(t->fleet->given, AGAIN, clock_real()) == 0)
		return;
	set_timer(t->again, USEC_PER_SEC);
	tell_wake(t);
}

void
tell_emptied(struct tell *t)
{
	t->position = (struct entry_id){0, 0};
	t->report_due = t->look_due = true;
	/* All hosts notice at about the same time. */
	set_timer(t->again, redis_jitter(AGAIN_WAIT));
	tell_wake(t);
}

int
tell_new(struct tell **out, struct fleet *f)
{
	struct tell *t = calloc(1, sizeof(*t));
	struct event_base *base = f->herald->base;

	if (!t)
		return -ENOMEM;
	t->fleet = f;
	t->probes_end = &t->probes;
	t->look_count = FLEET_BATCH;
	t->look_due = true;
	t->pump = evtimer_new(base, on_pump, t);
	t->idle = evtimer_new(base, on_idle, t);
	t->report = evtimer_new(base, on_report, t);
	t->look = evtimer_new(base, on_look, t);
	t->again = evtimer_new(base, on_again, t);
	if (!t->pump || !t->idle || !t->report || !t->look || !t->again ||
	    redis_new(&t->redis, base, &f->redis, &ops, t) < 0) {
		tell_free(t);
		return -ENOMEM;
	}
	set_timer(t->report, REPORT_SOON);
	set_timer(t->look, USEC_PER_SEC);
	/* What a former life left to be given again. */
	set_timer(t->again, redis_jitter(AGAIN_WAIT));
	tell_wake(t);
	*out = t;
	return 0;
}

void
tell_free(struct tell *t)
{
	if (!t)
		return;
	struct event *events[] = {t->pump, t->idle, t->report, t->look, t->again};

	redis_free(t->redis);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		if (events[i])
			event_free(events[i]);
	}
	while (t->probes)
		drop_probe(t, &t->probes);
	strbuf_fini(&t->line);
	strbuf_fini(&t->said);
	free(t);
}
