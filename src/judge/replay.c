/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/replay.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>

#include "base/json_write.h"
#include "base/log.h"
#include "judge/records.h"
#include "judge/verdict.h"

#define OUT_SOME  (64 << 10)
#define FORMERS   1000000 /* bans that are over, kept for the level of the next */
#define SAVE_EACH 1024    /* records between two sweeps of what is over */

/* fstat(3) of the image. */
const int replay_calls[] = {SCMP_SYS(newfstatat), -1};

/* What stays of a record until all are there. */
struct record {
	struct msg_offence offence;
	uint32_t order;
	bool forgive;
};

struct replay {
	struct image image;
	struct rules rules;
	struct filter_map map;
	struct own own;
	struct verdict verdict;
	struct record *records;
	uint32_t n, room;
	struct strbuf out;
	usec_t now; /* of the present record */
	int fd;
	int error;
};

static void
write_out(struct replay *r)
{
	size_t done = 0;

	while (done < r->out.len && r->error == 0) {
		ssize_t n = write(r->fd, r->out.text + done, r->out.len - done);

		if (n < 0 && errno != EINTR)
			r->error = -errno;
		if (n > 0)
			done += (size_t)n;
	}
	strbuf_reset(&r->out);
}

static void
on_ban(void *ctx, uint32_t slot)
{
	struct replay *r = ctx;
	const struct ban *x = bans_get(r->verdict.bans, slot);
	const struct prefix p = ban_prefix(x);
	char text[ADDR_TEXT_MAX], time[40];
	struct json j;

	json_begin(&j, &r->out);
	json_text(&j, "time", clock_format(x->since, 0, time));
	json_text(&j, "prefix", prefix_format(&p, text));
	json_text(&j, "rule", r->rules.slots[x->rule].name);
	json_text(&j, "until", x->until == USEC_NEVER ? NULL : clock_format(x->until, 0, time));
	json_int(&j, "level", x->level);
	json_int(&j, "points", x->points);
	json_bool(&j, "dry_run", x->flags & BANS_DRY);
	json_end(&j);
	if (r->out.len > OUT_SOME)
		write_out(r);
}

static bool
make_room(void *ctx)
{
	struct replay *r = ctx;
	bool made;

	bans_pass(r->verdict.bans, r->now, UINT32_MAX);
	made = bans_give_way(r->verdict.bans) != BANS_NONE;

	bans_saved(r->verdict.bans);
	return made;
}

static const struct verdict_ops ops = {.on_ban = on_ban, .make_room = make_room};

static int
keep_record(void *ctx, const struct msg *m)
{
	struct replay *r = ctx;

	if (m->type != MSG_OFFENCE && m->type != MSG_FORGIVE)
		return 0;
	if (r->n == r->room) {
		uint32_t room = r->room ? r->room * 2 : 1024;
		struct record *records = NULL;

		if (room <= REPLAY_MAX)
			records = reallocarray(r->records, room, sizeof(*records));
		if (!records)
			return -ENOMEM;
		r->records = records;
		r->room = room;
	}
	r->records[r->n] = (struct record){m->u.offence, r->n, m->type == MSG_FORGIVE};
	r->n++;
	return 0;
}

static int
by_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->offence.time != y->offence.time)
		return x->offence.time < y->offence.time ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void
judge_all(struct replay *r)
{
	if (r->n > 0)
		qsort(r->records, r->n, sizeof(*r->records), by_time);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct record *x = &r->records[i];
		usec_t now = x->offence.time;

		r->now = now;
		if (x->offence.addr.family != 4 && x->offence.addr.family != 6)
			continue;
		if (x->forgive)
			verdict_forgive(&r->verdict, &r->map, &x->offence, now);
		else if (!own_hides_source(&r->own, &x->offence.addr))
			verdict_offence(&r->verdict, &r->map, &x->offence, now);
		if (i % SAVE_EACH == 0) {
			bans_over(r->verdict.bans, now, SAVE_EACH);
			bans_saved(r->verdict.bans);
			tallies_saved(r->verdict.tallies);
		}
	}
}

static int
prepare(struct replay *r, int image)
{
	int e = image_open(&r->image, image);

	if (e < 0)
		return e;
	own_init(&r->own);
	e = rules_init(&r->rules);
	if (e == 0)
		e = rules_load(&r->rules, &r->image);
	if (e == 0)
		e = own_load(&r->own, &r->image);
	if (e == 0)
		e = filter_map_init(&r->map, &r->rules, &r->image);
	r->verdict = (struct verdict){
	    .rules = &r->rules, .own = &r->own, .ops = &ops, .ctx = r, .keep_formers = true};
	r->verdict.bans_max = r->image.settings->bans_max;
	if (e == 0)
		e = tallies_new(&r->verdict.tallies, r->image.settings->tallies_max);
	if (e == 0)
		e = bans_new(&r->verdict.bans, r->image.settings->bans_max + FORMERS);
	return e < 0 ? e : verdict_rules(&r->verdict);
}

static void
replay_fini(struct replay *r)
{
	free(r->records);
	strbuf_fini(&r->out);
	tallies_free(r->verdict.tallies);
	bans_free(r->verdict.bans);
	filter_map_fini(&r->map);
	own_fini(&r->own);
	rules_fini(&r->rules);
	if (r->image.head)
		image_close(&r->image);
}

int
replay_run(int image, int in, int out)
{
	_cleanup_(replay_fini) struct replay r = {.fd = out};
	int e = prepare(&r, image);

	if (e == 0)
		e = records_read(in, keep_record, &r);
	if (e == 0) {
		judge_all(&r);
		write_out(&r);
		if (r.verdict.counts.refused > 0)
			log_warning("replay: %llu bans were not made, as bans_max were in force",
			    (unsigned long long)r.verdict.counts.refused);
		e = r.error;
	}
	if (e < 0)
		log_err("replay: %s", strerror(-e));
	return e < 0;
}
