/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "reader/choose.h"
#include "reader/sources_own.h"

#define LAST_STEPS 4096 /* blocks of a file that has vanished */

static bool
use_alive(const struct sources *s, const struct instance *i, const struct instance_use *use)
{
	const struct feed *f = &s->feeds[use->source];

	if (i->journal)
		return f->scanned && f->status == 0 && !f->broken;
	return use->present || s->ienv.now - use->gone < SOURCES_GRACE;
}

bool
sources_vanish(struct sources *s, uint32_t source)
{
	bool any = false;
	const struct timeval grace = {
	    .tv_sec = SOURCES_GRACE / USEC_PER_SEC, .tv_usec = USEC_PER_MSEC};

	for (size_t n = 0; n < s->n_items; n++) {
		struct instance *i = s->items[n];

		for (size_t k = 0; !i->journal && k < i->n_uses; k++) {
			struct instance_use *use = &i->uses[k];

			if (use->source != source || !use->present ||
			    use->round == s->feeds[source].round)
				continue;
			use->present = false;
			use->gone = s->ienv.now;
			evtimer_add(s->grace, &grace);
			any = true;
		}
	}
	return any;
}

static void
set_alive(struct sources *s)
{
	memset(s->alive, 0, s->n_feeds * sizeof(bool));
	for (size_t n = 0; n < s->n_items; n++)
		for (size_t k = 0; k < s->items[n]->n_uses; k++)
			if (use_alive(s, s->items[n], &s->items[n]->uses[k]))
				s->alive[s->items[n]->uses[k].source] = true;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The chosen sources that name the instance, into s->list. */
static size_t
list_chosen(struct sources *s, const struct instance *i)
{
	size_t n = 0;

	for (size_t k = 0; k < i->n_uses; k++)
		if (s->chosen[i->uses[k].source] && use_alive(s, i, &i->uses[k]))
			s->list[n++] = i->uses[k].source;
	qsort(s->list, n, sizeof(*s->list), by_number);
	return n;
}

static void
tell_reading(const struct sources *s, const struct instance *i)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	for (size_t k = 0; k < i->n_filters; k++)
		strbuf_printf(&b, "%s%s", k ? ", " : "",
		    image_str(s->env.img, s->env.img->filters[i->filters[k].filter].name));
	log_notice("reading %s for %s", i->name, b.text);
}

/* What the judge (or an instance that has vanished) left for this one. */
static const struct msg_position *
saved_for(const struct sources *s, const struct instance *i)
{
	const struct msg_position *p = positions_find(&s->positions, i->key);
	const struct source_file *f = &i->file;

	if (p || i->journal || f->n_parts == 0)
		return p;
	return positions_find_inode(
	    &s->positions, i->kind, f->parts[f->n_parts - 1].dev, f->parts[f->n_parts - 1].ino);
}

static void
journal_failed(struct sources *s, struct instance *i, int error)
{
	for (size_t k = 0; k < i->n_uses; k++)
		s->feeds[i->uses[k].source].broken = true;
	if (i->slot->error != -error)
		log_notice("%s: cannot be read: %s", i->name,
		    error == -ENODATA ? "no file of it may be opened" : strerror(-error));
	i->slot->error = -error;
	turns_follow(s->turns, i);
	sources_look(s);
}

static void
place(struct sources *s, struct instance *i, const struct msg_position *p, bool at_end)
{
	int r;

	/* Its events hang on descriptors that opening closes. */
	if (i->journal)
		turns_drop(s->turns, i);
	r = instance_place(i, p, at_end);
	if (r > 0)
		log_notice("%s: entries were deleted before they were read", i->name);
	if (r < 0 && i->journal)
		journal_failed(s, i, r);
	else if (r < 0)
		log_warning("%s: cannot be read: %s", i->name, strerror(-r));
	if (r < 0)
		return;
	i->error = 0;
	if (!p)
		outbox_position(s->env.outbox, &i->begin);
	if (i->journal)
		turns_follow(s->turns, i);
	turns_queue(s->turns, i);
}

/* True when one of the instance's filters was read from another source until now. */
static bool
takes_over(const struct sources *s, const struct instance *i)
{
	for (size_t k = 0; k < i->n_filters; k++)
		if (s->reads[i->filters[k].filter])
			return true;
	return false;
}

/* Reading of the instance begins. What was on stand-by, or takes over, begins at the end: what is
 * there was counted from another source. So does a journal that nothing is known of, but for what
 * came since this reader started. */
static void
begin(struct sources *s, struct instance *i)
{
	const struct msg_position *p = saved_for(s, i);
	bool at_end = i->standby || (s->first && !s->began);
	struct msg_position at = position_standby(i->key, i->kind);

	if (p && position_is_standby(p)) {
		at_end = true;
		p = NULL;
	}
	if (p) {
		at = *p;
		p = &at;
	} else if (i->journal && !at_end && s->began && !takes_over(s, i)) {
		at.journal.real = (uint64_t)s->started;
		p = &at;
	}
	i->standby = false;
	place(s, i, p, at_end);
}

static bool
is_alive(const struct sources *s, const struct instance *i)
{
	for (size_t k = 0; k < i->n_uses; k++)
		if (use_alive(s, i, &i->uses[k]))
			return true;
	return false;
}

/* Others read for its filters now; or it is a journal that is gone, and will go on where it was. */
static void
stand_by(struct sources *s, struct instance *i)
{
	struct msg_position p = position_standby(i->key, i->kind);
	bool alive = is_alive(s, i);

	/* A journal that could not be opened is listened to all the same. */
	if (i->standby || (!alive && !i->placed))
		return;
	if (!alive)
		instance_position(i, &p);
	turns_drop(s->turns, i);
	if (i->journal)
		source_journal_close(i->journal);
	if (i->docker)
		source_docker_reset(i->docker);
	i->standby = alive;
	i->placed = i->dirty = false;
	i->slot->lag_bytes = 0;
	i->slot->behind = 0;
	positions_put(&s->positions, &p);
	outbox_position(s->env.outbox, &p);
}

static bool
is_deleted(const struct instance *i)
{
	struct stat st;

	return i->file.n_parts > 0 && fstat(i->file.parts[i->file.n_parts - 1].fd, &st) == 0 &&
	       st.st_nlink == 0;
}

/* Its path names nothing any more: what is left is read, and where that ended is kept. */
static void
farewell(struct sources *s, struct instance *i)
{
	struct msg_position p;
	int r = INSTANCE_MORE;

	for (int n = 0; n < LAST_STEPS && (r == INSTANCE_MORE || r == INSTANCE_HELD); n++) {
		if (outbox_stalled(s->env.outbox))
			break;
		s->ienv.now = s->ienv.clock();
		r = instance_step(i, n == 0);
	}
	if (is_deleted(i)) {
		positions_drop(&s->positions, i->key);
		return;
	}
	instance_position(i, &p);
	positions_put(&s->positions, &p);
	if (i->dirty)
		outbox_position(s->env.outbox, &p);
}

static void
set_state(struct sources *s, struct instance *i)
{
	if (i->placed && i->error == 0)
		i->slot->state = i->polled ? STATS_POLLED : STATS_LIVE;
	else if (i->journal && s->feeds[i->uses[0].source].broken)
		i->slot->state = STATS_FAILED;
	else if (!i->placed)
		i->slot->state = is_alive(s, i) ? STATS_STANDBY : STATS_ABSENT;
	if (i->slot->state != STATS_FAILED)
		i->slot->error = 0;
}

static void
update(struct sources *s, struct instance *i)
{
	size_t n = list_chosen(s, i);
	bool was_placed = i->placed;
	int r = instance_activate(i, s->list, n);
	struct msg_position p;

	if (r < 0) {
		log_err("%s: cannot be read: %s", i->name, strerror(-r));
		return;
	}
	if (n == 0) {
		stand_by(s, i);
	} else if (!was_placed) {
		begin(s, i);
	} else if (r > 0 && i->journal) {
		instance_position(i, &p);
		place(s, i, &p, false);
	}
	if (r > 0 && n > 0 && i->placed)
		tell_reading(s, i);
	set_state(s, i);
}

/* Instances that no source names any more. */
static void
drop_vanished(struct sources *s)
{
	for (size_t n = s->n_items; n-- > 0;) {
		struct instance *i = s->items[n];

		if (i->journal)
			continue;
		for (size_t k = i->n_uses; k-- > 0;)
			if (!use_alive(s, i, &i->uses[k]))
				instance_drop_use(i, k);
		if (i->n_uses > 0)
			continue;
		if (i->placed)
			farewell(s, i);
		log_notice("%s: is gone", i->name);
		sources_remove(s, n);
	}
}

static void
tell_filters(struct sources *s, bool at_start)
{
	_cleanup_(strbuf_fini) struct strbuf none = {0};

	for (uint32_t f = 0; f < s->n_filters; f++) {
		const char *name = image_str(s->env.img, s->env.img->filters[f].name);
		bool reads = choose_reads(s->env.img, f, s->chosen);

		if (!reads && at_start)
			strbuf_printf(&none, "%s%s", none.len ? ", " : "", name);
		else if (!reads && s->reads[f])
			log_notice("%s: has nothing to read any more", name);
		s->reads[f] = reads;
	}
	if (none.len)
		log_notice("nothing to read yet for %s (taken up when it appears)", none.text);
}

/* Sources that are not there are shown as such. */
static void
show_absent(struct sources *s)
{
	for (uint32_t n = 0; n < s->n_feeds; n++) {
		const struct image_source *src = &s->env.img->sources[n];
		const char *path = image_str(s->env.img, src->path);
		char text[4096];
		uint64_t key;

		if (src->kind != SOURCE_FILE)
			continue;
		snprintf(text, sizeof(text), "file:%s", path);
		key = hash_text(text);
		if (!s->alive[n])
			counters_slot(s->env.counters, key, SOURCE_FILE, path);
		else if (strpbrk(path, "*?["))
			counters_forget(s->env.counters, key);
	}
}

/* The judge is new: all goes back to where it says, or where this life began. */
static void
rewind_all(struct sources *s)
{
	for (size_t n = 0; n < s->n_items; n++) {
		struct instance *i = s->items[n];
		const struct msg_position *p = positions_find(&s->positions, i->key);
		struct msg_position at;

		i->standby = false;
		if (!i->placed)
			continue;
		at = p && !position_is_standby(p) ? *p : i->begin;
		place(s, i, &at, false);
	}
}

/*
 * Filters that name the same file are scanned one after the other, and the file may have come in
 * between: all of them read it from the beginning, or the later ones would miss its first lines.
 */
void
sources_share(struct sources *s, const struct msg_opened *o)
{
	struct instance *i = sources_find_key(s, o->key);

	for (uint32_t n = 0; i && n < s->n_feeds; n++) {
		const struct image_source *src = &s->env.img->sources[n];
		struct instance_use *use;

		if (n == o->source || src->kind != SOURCE_FILE ||
		    fnmatch(image_str(s->env.img, src->path), s->name, FNM_PATHNAME | FNM_PERIOD))
			continue;
		use = instance_use(i, n);
		if (use) {
			use->present = true;
			use->round = s->feeds[n].round;
		}
	}
}

void
sources_evaluate(struct sources *s)
{
	bool at_start = !s->began;

	if (at_start)
		s->first = s->positions.n == 0;
	else if (!s->running)
		rewind_all(s);
	s->running = true;
	set_alive(s);
	choose_sources(s->env.img, s->alive, s->chosen);
	drop_vanished(s);
	for (size_t n = 0; n < s->n_items; n++)
		update(s, s->items[n]);
	s->began = true;
	tell_filters(s, at_start);
	show_absent(s);
	sources_set_poll(s);
	turns_run(s->turns, true);
	if (at_start && s->env.on_reading)
		s->env.on_reading(s->env.ctx);
}
