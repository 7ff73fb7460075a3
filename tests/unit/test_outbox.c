/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "reader/outbox.h"

#define SOURCE 77

struct judge {
	struct msg got[300000];
	size_t n, packets;
	size_t takes; /* packets, then -EAGAIN */
};

static struct judge judge;

/* Every packet is whole lines: its position is that of its last hit, whose number is in `pattern`.
 */
static int
on_send(void *ctx, const struct msg *m, size_t n)
{
	struct judge *j = ctx;

	if (j->takes == 0)
		return -EAGAIN;
	j->takes--;
	assert_in_range(n, 1, CHAN_BATCH);
	assert_int_equal(m[n - 1].type, MSG_POSITION);
	for (size_t i = 0; i + 1 < n; i++) {
		assert_int_equal(m[i].type, MSG_OFFENCE);
		assert_true(m[i].u.offence.pattern <= m[n - 1].u.position.file.offset);
	}
	memcpy(j->got + j->n, m, n * sizeof(*m));
	j->n += n;
	j->packets++;
	return 0;
}

static struct outbox *
begin(size_t takes)
{
	struct outbox *o;

	memset(&judge, 0, sizeof(judge));
	judge.takes = takes;
	assert_int_equal(outbox_new(&o, on_send, &judge), 0);
	return o;
}

static struct msg_position
at(uint64_t line)
{
	struct msg_position p;

	memset(&p, 0, sizeof(p));
	p.key = SOURCE;
	p.kind = SOURCE_FILE;
	p.file.offset = line;
	return p;
}

static void
add(struct outbox *o, uint32_t line, uint32_t filter)
{
	struct msg m = {.type = MSG_OFFENCE};
	struct msg_position p = at(line);

	m.u.offence.pattern = line;
	m.u.offence.filter = filter;
	m.u.offence.addr.family = line % 2 ? 6 : 4;
	outbox_add(o, &m, &p);
}

/* All hits came once and in order, and no packet ends within a line. */
static void
expect(uint32_t lines, uint32_t per_line)
{
	uint32_t line = 1, filter = 0;

	for (size_t i = 0; i < judge.n; i++) {
		const struct msg *m = &judge.got[i];

		if (m->type == MSG_POSITION) {
			assert_int_equal(filter, 0);
			continue;
		}
		assert_int_equal(m->u.offence.pattern, line);
		assert_int_equal(m->u.offence.filter, filter);
		filter = (filter + 1) % per_line;
		line += filter == 0;
	}
	assert_int_equal(line, lines + 1);
}

static void
packets_hold_whole_lines(void **state)
{
	(void)state;
	for (uint32_t per_line = 1; per_line <= CHAN_BATCH - 1; per_line += 3) {
		struct outbox *o = begin(SIZE_MAX);
		struct msg_position p = at(10000);

		for (uint32_t line = 1; line <= 500; line++)
			for (uint32_t f = 0; f < per_line; f++)
				add(o, line, f);
		assert_true(outbox_close(o, &p));
		assert_false(outbox_close(o, &p));
		expect(500, per_line);
		assert_int_equal(judge.got[judge.n - 1].u.position.file.offset, 10000);
		assert_int_equal(outbox_lost(o), 0);
		outbox_free(o);
	}
}

static void
a_line_with_too_many_hits_is_cut_and_counted(void **state)
{
	struct outbox *o = begin(SIZE_MAX);
	struct msg_position p = at(3);

	(void)state;
	add(o, 1, 0);
	for (uint32_t f = 0; f < CHAN_BATCH + 10; f++)
		add(o, 2, f);
	add(o, 3, 0);
	outbox_close(o, &p);
	assert_int_equal(outbox_lost(o), 11);
	assert_int_equal(judge.packets, 3);
	assert_int_equal(judge.n, 2 + CHAN_BATCH + 2);
	outbox_free(o);
}

static void
what_is_not_taken_waits_in_order(void **state)
{
	struct outbox *o = begin(3);
	struct msg_position p = at(20000);

	(void)state;
	for (uint32_t line = 1; line <= 20000; line++)
		add(o, line, 0);
	outbox_close(o, &p);
	outbox_position(o, &p);
	assert_true(outbox_stalled(o));
	assert_int_equal(judge.packets, 3);
	judge.takes = 2;
	assert_false(outbox_resume(o));
	assert_true(outbox_stalled(o));
	assert_int_equal(judge.packets, 5);
	/* What comes meanwhile goes behind. */
	add(o, 20001, 0);
	p = at(20001);
	outbox_close(o, &p);
	judge.takes = SIZE_MAX;
	assert_true(outbox_resume(o));
	assert_false(outbox_stalled(o));
	expect(20001, 1);
	outbox_free(o);
}

static void
the_backlog_is_bounded_and_its_loss_counted(void **state)
{
	struct outbox *o = begin(0);
	struct msg_position p = at(200000);

	(void)state;
	for (uint32_t line = 1; line <= 200000; line++)
		add(o, line, 0);
	outbox_close(o, &p);
	assert_true(outbox_lost(o) >= 200000 - OUTBOX_BACKLOG_MAX);
	judge.takes = SIZE_MAX;
	assert_true(outbox_resume(o));
	assert_int_equal(
	    judge.n + outbox_lost(o), 200000 + (200000 + CHAN_BATCH - 2) / (CHAN_BATCH - 1));
	outbox_free(o);
}

static void
a_reset_drops_all(void **state)
{
	struct outbox *o = begin(0);
	struct msg_position p = at(2);

	(void)state;
	add(o, 1, 0);
	outbox_close(o, &p);
	add(o, 2, 0);
	assert_true(outbox_stalled(o));
	outbox_reset(o);
	assert_false(outbox_stalled(o));
	judge.takes = SIZE_MAX;
	assert_false(outbox_close(o, &p));
	assert_true(outbox_resume(o));
	assert_int_equal(judge.n, 0);
	add(o, 1, 0);
	p = at(1);
	outbox_close(o, &p);
	expect(1, 1);
	outbox_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(packets_hold_whole_lines),
	    cmocka_unit_test(a_line_with_too_many_hits_is_cut_and_counted),
	    cmocka_unit_test(what_is_not_taken_waits_in_order),
	    cmocka_unit_test(the_backlog_is_bounded_and_its_loss_counted),
	    cmocka_unit_test(a_reset_drops_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
