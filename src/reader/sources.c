/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/sources.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/log.h"
#include "reader/origin.h"
#include "reader/sources_own.h"

#define EVENTS_ROOM 16384 /* bytes of inotify events a turn */
#define HOT_MAX     64
#define POLL_EVERY  1 /* seconds, and only while a source needs it */
/* Whatever else happens to a followed file, its path may name another one now. */
#define PATH_EVENTS (IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED)

static void on_scan(evutil_socket_t fd, short what, void *arg);
static void on_poll(evutil_socket_t fd, short what, void *arg);
static void on_grace(evutil_socket_t fd, short what, void *arg);
static void on_find(void *ctx, struct instance *i, const struct msg_find *what);
static void on_told(void *ctx, struct instance *i, enum file_told what);
static void on_failed(void *ctx, struct instance *i);
static void on_lag(void *ctx, struct instance *i, enum lag_news news);
static void on_news(void *ctx, struct instance *i);

void
sources_look(struct sources *s)
{
	s->evaluate = true;
	for (uint32_t n = 0; n < s->n_feeds; n++)
		s->feeds[n].awaited = (uint8_t)(s->feeds[n].asked + s->feeds[n].wanted);
	event_active(s->scan, EV_TIMEOUT, 0);
}

static void
want_scan(struct sources *s, uint32_t source)
{
	s->feeds[source].wanted = true;
	event_active(s->scan, EV_TIMEOUT, 0);
}

struct instance *
sources_find_key(const struct sources *s, uint64_t key)
{
	for (size_t n = 0; n < s->n_items; n++)
		if (s->items[n]->key == key)
			return s->items[n];
	return NULL;
}

/* An instance whose path names this very file now: two paths to one file are read once. */
static struct instance *
find_file(const struct sources *s, uint8_t kind, uint64_t dev, uint64_t ino)
{
	for (size_t n = 0; n < s->n_items; n++) {
		const struct source_file *f = &s->items[n]->file;

		if (s->items[n]->kind == kind && f->n_parts > 0 &&
		    f->parts[f->n_parts - 1].dev == dev && f->parts[f->n_parts - 1].ino == ino)
			return s->items[n];
	}
	return NULL;
}

static struct instance *
add_instance(struct sources *s, uint64_t key, uint8_t kind, const char *name)
{
	struct instance *i;

	if (s->n_items == INSTANCES_MAX || instance_new(&i, &s->ienv, key, kind, name) < 0) {
		log_notice("%s: not read, there are too many files", name);
		return NULL;
	}
	s->items[s->n_items++] = i;
	return i;
}

/* Every journal directory that a source names, once. */
static int
add_journals(struct sources *s)
{
	for (uint32_t n = 0; n < s->n_feeds; n++) {
		const struct image_source *src = &s->env.img->sources[n];
		const char *directory = image_str(s->env.img, src->path);
		char text[4096];
		struct instance *i;
		struct instance_use *use;
		uint64_t key;

		if (src->kind != SOURCE_JOURNAL)
			continue;
		snprintf(text, sizeof(text), "journal:%s", directory);
		key = hash_text(text);
		i = sources_find_key(s, key);
		if (!i) {
			i = add_instance(s, key, SOURCE_JOURNAL, directory[0] ? text : "journal");
			if (!i || instance_open_journal(i, directory) < 0)
				return -ENOMEM;
		}
		use = instance_use(i, n);
		if (!use)
			return -ENOMEM;
		use->present = true;
	}
	return 0;
}

static int
make_events(struct sources *s)
{
	s->scan = event_new(s->env.base, -1, 0, on_scan, s);
	s->poll = event_new(s->env.base, -1, EV_PERSIST, on_poll, s);
	s->grace = evtimer_new(s->env.base, on_grace, s);
	return s->scan && s->poll && s->grace ? 0 : -ENOMEM;
}

static int
make_tables(struct sources *s)
{
	s->n_feeds = image_count(s->env.img, IMAGE_SOURCES);
	s->n_filters = image_count(s->env.img, IMAGE_FILTERS);
	s->feeds = calloc(s->n_feeds + 1, sizeof(*s->feeds));
	s->alive = calloc(s->n_feeds + 1, sizeof(bool));
	s->chosen = calloc(s->n_feeds + 1, sizeof(bool));
	s->reads = calloc(s->n_filters + 1, sizeof(bool));
	s->list = calloc(s->n_feeds + 1, sizeof(uint32_t));
	s->ienv.buf = malloc(FILE_BLOCK);
	s->ienv.room = malloc(DOCKER_ROOM);
	if (!s->feeds || !s->alive || !s->chosen || !s->reads || !s->list || !s->ienv.buf ||
	    !s->ienv.room)
		return -ENOMEM;
	return 0;
}

int
sources_new(struct sources **out, const struct sources_env *env)
{
	_cleanup_(sources_freep) struct sources *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->env = *env;
	s->ienv = (struct instance_env){.img = env->img,
	    .engine = env->engine,
	    .outbox = env->outbox,
	    .counters = env->counters,
	    .on_find = on_find,
	    .on_told = on_told,
	    .clock = env->clock ? env->clock : clock_real,
	    .ctx = s};
	s->started = s->ienv.clock();
	s->inotify_fd = -1;
	watches_init(&s->watches);
	positions_init(&s->positions);
	r = origin_init(&s->ienv.proxies, env->img);
	if (r == 0)
		r = make_tables(s);
	if (r == 0)
		r = make_events(s);
	if (r == 0)
		r = turns_new(&s->turns, env->base, &s->ienv,
		    &(struct turns_ops){
			.on_failed = on_failed, .on_lag = on_lag, .on_news = on_news, .ctx = s});
	if (r == 0)
		r = add_journals(s);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

void
sources_remove(struct sources *s, size_t n)
{
	struct instance *i = s->items[n];

	turns_drop(s->turns, i);
	watches_drop_instance(&s->watches, i);
	instance_free(i);
	s->items[n] = s->items[--s->n_items];
}

void
sources_free(struct sources *s)
{
	struct event *events[4];

	if (!s)
		return;
	while (s->n_items > 0)
		sources_remove(s, s->n_items - 1);
	memcpy(events, (struct event *[]){s->scan, s->poll, s->grace, s->inotify}, sizeof(events));
	for (size_t n = 0; n < 4; n++)
		if (events[n])
			event_free(events[n]);
	if (s->inotify_fd >= 0)
		close(s->inotify_fd);
	turns_free(s->turns);
	watches_fini(&s->watches);
	positions_fini(&s->positions);
	prefixset_fini(&s->ienv.proxies);
	free(s->ienv.buf);
	free(s->ienv.room);
	free(s->feeds);
	free(s->alive);
	free(s->chosen);
	free(s->reads);
	free(s->list);
	free(s);
}

void
sources_start(struct sources *s)
{
	s->env.ask(s->env.ctx, &(struct msg){.type = MSG_HELLO});
	for (uint32_t n = 0; n < s->n_feeds; n++)
		want_scan(s, n);
	sources_look(s);
}

static void
send_find(struct sources *s, struct instance *i)
{
	struct msg m = {.type = MSG_FIND, .id = ++s->round, .u.find = i->find};

	i->find_waits = s->env.ask(s->env.ctx, &m) == -EAGAIN;
	i->find_id = m.id;
}

static void
on_find(void *ctx, struct instance *i, const struct msg_find *what)
{
	i->find = *what;
	send_find(ctx, i);
}

void
sources_keeper_room(struct sources *s)
{
	for (size_t n = 0; n < s->n_items; n++)
		if (s->items[n]->find_waits)
			send_find(s, s->items[n]);
	event_active(s->scan, EV_TIMEOUT, 0);
}

static void
on_told(void *ctx, struct instance *i, enum file_told what)
{
	(void)ctx;
	switch (what) {
	case FILE_TOLD_ROTATED:
		log_debug("%s: rotated", i->name);
		break;
	case FILE_TOLD_TRUNCATED:
		log_info("%s: truncated, read from its start", i->name);
		break;
	case FILE_TOLD_LOST:
		log_notice("%s: its former file is gone before all of it was read", i->name);
		break;
	case FILE_TOLD_LONG:
		break;
	}
}

static void
on_failed(void *ctx, struct instance *i)
{
	struct sources *s = ctx;

	if (i->slot->state != STATS_FAILED || i->slot->error != -i->error)
		log_warning("%s: cannot be read: %s", i->name, strerror(-i->error));
	i->slot->state = STATS_FAILED;
	i->slot->error = -i->error;
	(void)s;
}

static void
on_lag(void *ctx, struct instance *i, enum lag_news news)
{
	const struct sources *s = ctx;
	char text[LAG_TEXT];

	lag_describe(&i->lag, news, i->entry ? s->ienv.now - i->entry : 0, text);
	if (news == LAG_BEHIND)
		log_warning("%s: reading is behind, %s", i->name, text);
	else
		log_notice("%s: caught up, %s", i->name, text);
}

static void
on_news(void *ctx, struct instance *i)
{
	struct sources *s = ctx;

	for (size_t n = 0; n < i->n_uses; n++)
		s->feeds[i->uses[n].source].broken = false;
	sources_look(s);
}

static void
ask_scans(struct sources *s)
{
	for (uint32_t n = 0; n < s->n_feeds; n++) {
		struct feed *f = &s->feeds[n];
		struct msg m = {.type = MSG_SCAN, .id = s->round + 1, .u.scan.source = n};

		if (!f->wanted || f->asked)
			continue;
		if (s->env.ask(s->env.ctx, &m) < 0)
			return;
		f->round = ++s->round;
		f->wanted = false;
		f->asked = true;
		s->asked++;
	}
}

static bool
all_scanned(const struct sources *s)
{
	for (uint32_t n = 0; n < s->n_feeds; n++)
		if (!s->feeds[n].scanned || s->feeds[n].awaited)
			return false;
	return true;
}

static void
on_scan(evutil_socket_t fd, short what, void *arg)
{
	struct sources *s = arg;

	(void)fd;
	(void)what;
	ask_scans(s);
	if (!s->evaluate || !s->positioned || !all_scanned(s))
		return;
	s->evaluate = false;
	s->ienv.now = s->ienv.clock();
	sources_evaluate(s);
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct sources *s = arg;

	(void)fd;
	(void)what;
	s->ienv.now = s->ienv.clock();
	for (size_t n = 0; n < s->n_items; n++)
		if (s->items[n]->polled && s->items[n]->placed)
			turns_live(s->turns, s->items[n]);
	for (uint32_t n = 0; n < s->n_feeds; n++)
		if (s->feeds[n].polled)
			want_scan(s, n);
}

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sources_look(arg);
}

/* Runs the polling timer exactly while something needs it. */
void
sources_set_poll(struct sources *s)
{
	bool need = false;

	for (uint32_t n = 0; n < s->n_feeds; n++)
		need |= s->feeds[n].polled;
	for (size_t n = 0; n < s->n_items; n++)
		need |= s->items[n]->polled && s->items[n]->placed;
	if (!need)
		event_del(s->poll);
	else if (!event_pending(s->poll, EV_TIMEOUT, NULL))
		event_add(s->poll, &(struct timeval){.tv_sec = POLL_EVERY});
}

static void
news(struct sources *s, struct instance *i, uint32_t mask)
{
	if (mask & PATH_EVENTS)
		for (size_t n = 0; n < i->n_uses; n++)
			want_scan(s, i->uses[n].source);
	if (!i->placed || i->hot)
		return;
	if (s->n_hot == HOT_MAX) {
		turns_live(s->turns, i);
		return;
	}
	i->hot = true;
	s->hot[s->n_hot++] = i;
}

static void
overrun(struct sources *s)
{
	log_info("events were lost: everything is looked at again");
	for (uint32_t n = 0; n < s->n_feeds; n++)
		want_scan(s, n);
	for (size_t n = 0; n < s->n_items; n++)
		if (s->items[n]->placed)
			turns_queue(s->turns, s->items[n]);
}

static void
on_event(struct sources *s, const struct inotify_event *e)
{
	const struct watch *w;
	size_t n;

	if (e->mask & IN_Q_OVERFLOW) {
		overrun(s);
		return;
	}
	w = watches_find(&s->watches, e->wd, &n);
	for (size_t k = 0; k < n; k++) {
		if (w[k].instance)
			news(s, w[k].instance, e->mask);
		else
			want_scan(s, w[k].source);
	}
	if (e->mask & IN_IGNORED)
		watches_drop_wd(&s->watches, e->wd);
}

static void
on_inotify(evutil_socket_t fd, short what, void *arg)
{
	struct sources *s = arg;
	char buf[EVENTS_ROOM] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(fd, buf, sizeof(buf));

	(void)what;
	s->ienv.now = s->ienv.clock();
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *e = (const struct inotify_event *)(buf + at);

		on_event(s, e);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	for (size_t k = 0; k < s->n_hot; k++) {
		s->hot[k]->hot = false;
		turns_live(s->turns, s->hot[k]);
	}
	s->n_hot = 0;
}

static int
on_inotify_fd(struct sources *s, int fd)
{
	if (s->inotify || fd < 0) {
		if (fd >= 0)
			close(fd);
		return -EPROTO;
	}
	s->inotify_fd = fd;
	s->inotify = event_new(s->env.base, fd, EV_READ | EV_PERSIST, on_inotify, s);
	return s->inotify && event_add(s->inotify, NULL) == 0 ? 0 : -ENOMEM;
}

static int
on_name(struct sources *s, const struct msg *m)
{
	size_t at = (size_t)m->u.name.part * sizeof(m->u.name.text), len = m->u.name.len;

	if (len > sizeof(m->u.name.text) || at + len >= sizeof(s->name))
		return -EPROTO;
	memcpy(s->name + at, m->u.name.text, len);
	s->name[at + len] = 0;
	return 0;
}

/* It is told once, and shown until it changes. */
static void
not_opened(struct sources *s, const struct msg_opened *o)
{
	struct stats_source *slot =
	    counters_slot(s->env.counters, o->key, s->env.img->sources[o->source].kind, s->name);

	if (slot->state != STATS_FAILED || slot->error != -o->status)
		log_notice("%s: cannot be opened: %s", s->name, strerror(-o->status));
	slot->state = STATS_FAILED;
	slot->error = -o->status;
}

static void
watch_instance(struct sources *s, struct instance *i, int32_t wd)
{
	i->polled = wd < 0;
	if (wd >= 0)
		watches_add(&s->watches, &(struct watch){.wd = wd, .instance = i});
}

/* A file of a source is open; name: how people know it. */
static void
on_log(struct sources *s, const struct msg_opened *o, const char *name, int fd)
{
	uint8_t kind = s->env.img->sources[o->source].kind;
	struct instance *i = sources_find_key(s, o->key);
	struct instance_use *use;

	if (!i)
		i = find_file(s, kind, o->dev, o->ino);
	if (!i)
		i = add_instance(s, o->key, kind, name);
	use = i ? instance_use(i, o->source) : NULL;
	if (!use) {
		close(fd);
		return;
	}
	if (!use->present)
		sources_look(s);
	use->present = true;
	use->round = s->feeds[o->source].round;
	i->number = o->instance;
	watch_instance(s, i, o->wd);
	/* What is not read needs no former files. */
	if (!i->placed)
		source_file_fini(&i->file);
	if (source_file_opened(&i->file, fd, o->dev, o->ino) && i->placed)
		turns_queue(s->turns, i);
}

/* The configuration of a container, whose log comes next. */
static void
on_container(struct sources *s, const struct msg_opened *o, const struct image_source *src, int fd)
{
	s->container.instance = o->instance;
	s->container.wanted = fd >= 0 && source_docker_wanted(fd, s->env.img, src,
					     s->container.name, sizeof(s->container.name)) > 0;
	if (fd >= 0)
		close(fd);
}

static int
on_opened(struct sources *s, const struct msg_opened *o, int fd)
{
	const struct image_source *src;

	if (o->source >= s->n_feeds || (fd < 0) != (o->status < 0) || o->what > OPENED_DOCKER)
		return -EPROTO;
	src = &s->env.img->sources[o->source];
	if (o->what == OPENED_DOCKER) {
		on_container(s, o, src, fd);
		return 0;
	}
	if (fd < 0) {
		if (src->kind == SOURCE_FILE)
			not_opened(s, o);
		return 0;
	}
	if (src->kind == SOURCE_DOCKER) {
		if (s->container.instance == o->instance && s->container.wanted)
			on_log(s, o, s->container.name, fd);
		else
			close(fd);
		return 0;
	}
	on_log(s, o, s->name, fd);
	sources_share(s, o);
	return 0;
}

static int
on_scanned(struct sources *s, const struct msg *m)
{
	uint32_t source = m->u.scanned.source;
	struct feed *f;
	bool changed;

	if (source >= s->n_feeds || !s->feeds[source].asked)
		return -EPROTO;
	f = &s->feeds[source];
	changed = !f->scanned || f->status != m->u.scanned.status || f->broken;
	f->asked = f->broken = false;
	f->scanned = true;
	f->awaited -= f->awaited > 0;
	f->status = m->u.scanned.status;
	if (m->u.scanned.polled && !f->polled)
		log_notice("%s: on a file system without inotify, polled every second",
		    image_str(s->env.img, s->env.img->sources[source].path));
	f->polled = m->u.scanned.polled != 0;
	if (sources_vanish(s, source) || changed)
		sources_look(s);
	if (--s->asked == 0)
		watches_calm(&s->watches);
	event_active(s->scan, EV_TIMEOUT, 0);
	return 0;
}

static int
on_watched(struct sources *s, const struct msg *m)
{
	uint32_t source = m->u.watched.source;

	if (source >= s->n_feeds)
		return -EPROTO;
	/* A file's watch comes with its MSG_OPENED. */
	if (!m->u.watched.directory)
		return 0;
	if (watches_add(&s->watches, &(struct watch){.wd = m->u.watched.wd, .source = source}) > 0)
		want_scan(s, source);
	return 0;
}

static int
on_found(struct sources *s, const struct msg *m, int fd)
{
	for (size_t n = 0; n < s->n_items; n++) {
		struct instance *i = s->items[n];

		if (i->find_id != m->id || i->file.finding == FILE_FOUND)
			continue;
		source_file_found(
		    &i->file, m->u.opened.status < 0 ? -1 : fd, m->u.opened.dev, m->u.opened.ino);
		if (m->u.opened.status < 0 && fd >= 0)
			close(fd);
		turns_queue(s->turns, i);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

int
sources_on_keeper(struct sources *s, const struct msg *m, int fd)
{
	s->ienv.now = s->ienv.clock();
	switch (m->type) {
	case MSG_INOTIFY:
		return on_inotify_fd(s, fd);
	case MSG_NAME:
		return on_name(s, m);
	case MSG_OPENED:
		return on_opened(s, &m->u.opened, fd);
	case MSG_SCANNED:
		return on_scanned(s, m);
	case MSG_WATCHED:
		return on_watched(s, m);
	case MSG_FOUND:
		return on_found(s, m, fd);
	default:
		return -EPROTO;
	}
}

void
sources_on_position(struct sources *s, const struct msg_position *p)
{
	positions_put(&s->positions, p);
}

void
sources_on_positions_end(struct sources *s)
{
	s->positioned = true;
	sources_look(s);
}

void
sources_judge_gone(struct sources *s)
{
	turns_run(s->turns, false);
	outbox_reset(s->env.outbox);
	positions_clear(&s->positions);
	s->positioned = s->running = false;
}

void
sources_judge_room(struct sources *s)
{
	if (outbox_resume(s->env.outbox))
		turns_room(s->turns);
}

void
sources_save(struct sources *s)
{
	turns_save(s->turns);
}

bool
sources_running(const struct sources *s)
{
	return s->running;
}
