/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests: a store in memory or in a folder, states and a queue on an image with given channels,
 * and what was told. Time is what the test says.
 */
#pragma once

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "herald/alert_queue.h"
#include "herald/alert_state.h"
#include "herald/template.h"
#include "image_build.h"

#define TOLD_MAX 12000
#define T0       (1700000000 * USEC_PER_SEC)
#define MINUTE   (60 * USEC_PER_SEC)
#define HOUR     (3600 * USEC_PER_SEC)

struct told {
	unsigned n;
	struct alert_event list[TOLD_MAX];
};

struct alert_world {
	struct event_base *base;
	char dir[64];
	struct store *store;
	struct alert_states *states;
	struct alert_queue *queue;
	struct image image;
	struct told *told;
	bool into_queue; /* what is told is queued, too */
};

static inline void
world_tell(void *ctx, const struct alert_event *e)
{
	struct alert_world *w = ctx;

	if (w->told->n < TOLD_MAX)
		w->told->list[w->told->n++] = *e;
	if (w->into_queue)
		alert_queue_add(w->queue, e, e->at);
}

struct world_channel {
	const char *name; /* NULL ends the list */
	enum channel_kind kind;
	enum alert_severity severity;
	uint32_t per_hour;
	enum channel_template template;
};

static inline void
world_image(struct alert_world *w, const struct world_channel *channels, usec_t repeat)
{
	struct image_build *b = image_build_new();

	for (; channels->name; channels++) {
		static const char *const argv[] = {"/bin/true", NULL}, *const to[] = {
									   "r@example.net", NULL};
		struct image_channel c = {.name = image_build_str(b, channels->name),
		    .kind = (uint8_t)channels->kind,
		    .severity = (uint8_t)channels->severity,
		    .template = (uint8_t)channels->template,
		    .per_hour = channels->per_hour,
		    .timeout_s = 30};

		if (c.kind == CHANNEL_PROGRAM)
			c.argv = image_build_list(b, argv);
		if (c.kind == CHANNEL_MAIL) {
			c.server = image_build_str(b, "localhost");
			c.port = 25;
			c.from = image_build_str(b, "guardd@example.net");
			c.to = image_build_list(b, to);
		}
		if (c.kind == CHANNEL_WEBHOOK) {
			c.url = image_build_str(b, "http://127.0.0.1/");
			c.topic = image_build_str(b, "ops");
		}
		image_build_add(b, IMAGE_CHANNELS, &c);
	}
	image_build_settings(b)->alerts_repeat = repeat;
	image_build_open(b, &w->image);
	image_build_free(b);
}

/* The parts on the store that is there, as a new herald would make them. */
static inline void
world_begin(struct alert_world *w, usec_t now)
{
	const struct alert_queue_config q = {.store = w->store, .image = &w->image, .host = "web1"};
	const struct alert_states_config s = {.store = w->store,
	    .host = "web1",
	    .repeat = w->image.settings->alerts_repeat,
	    .tell = world_tell,
	    .ctx = w};

	assert_int_equal(alert_queue_new(&w->queue, &q, now), 0);
	assert_int_equal(alert_states_new(&w->states, &s, now), 0);
}

static inline void
world_end(struct alert_world *w)
{
	alert_states_free(w->states);
	alert_queue_free(w->queue);
}

static inline struct alert_world *
world_new(const struct world_channel *channels, usec_t repeat)
{
	struct alert_world *w = calloc(1, sizeof(*w));

	w->told = calloc(1, sizeof(*w->told));
	w->base = event_base_new();
	strcpy(w->dir, "/tmp/guardd-unit-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(store_new(&w->store, w->base, w->dir), 0);
	world_image(w, channels, repeat);
	world_begin(w, T0);
	return w;
}

/* The herald dies and another one begins, with what was committed. */
static inline void
world_restart(struct alert_world *w, usec_t now)
{
	world_end(w);
	store_free(w->store);
	assert_int_equal(store_new(&w->store, w->base, w->dir), 0);
	w->told->n = 0;
	world_begin(w, now);
}

static inline void
world_free(struct alert_world *w)
{
	static const char *const files[] = {"", "-wal", "-shm"};
	char path[128];

	world_end(w);
	store_free(w->store);
	image_close(&w->image);
	event_base_free(w->base);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/" STORE_FILE "%s", w->dir, files[i]);
		unlink(path);
	}
	rmdir(w->dir);
	free(w->told);
	free(w);
}

static inline void
world_raise(struct alert_world *w, enum alert_kind kind, enum alert_severity severity,
    const char *subject, const char *words, usec_t now)
{
	alert_states_raise(w->states,
	    &(struct alert_note){
		.kind = kind, .severity = severity, .subject = subject, .words = words},
	    now);
}

static inline void
world_moment(
    struct alert_world *w, enum alert_kind kind, const char *subject, const char *words, usec_t now)
{
	alert_states_moment(w->states,
	    &(struct alert_note){
		.kind = kind, .severity = SEVERITY_WARNING, .subject = subject, .words = words},
	    now);
}
