/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader_world.h"

#include "reader/daemon.h"
#include "wire/chan.h"

/* The world's keeper and judge at the ends of real channels, and a supervisor. */
struct cast {
	struct world w;
	struct daemon *daemon;
	struct chan *supervisor, *keeper, *judge;
	struct msg packet[CHAN_BATCH];
	size_t n;
	unsigned ready, pongs, keeper_closed, judge_closed, supervisor_closed;
	uint32_t pong_id;
};

static struct cast c;

static void
on_supervisor_msg(void *ctx, const struct msg *m, int fd)
{
	(void)ctx;
	assert_int_equal(fd, -1);
	c.ready += m->type == MSG_READY;
	c.pongs += m->type == MSG_PONG;
	c.pong_id = m->id;
}

static void
on_supervisor_close(void *ctx, int error)
{
	(void)ctx;
	assert_int_equal(error, 0);
	c.supervisor_closed++;
}

static void
on_keeper_msg(void *ctx, const struct msg *m, int fd)
{
	(void)ctx;
	assert_int_equal(fd, -1);
	world_ask(&c.w, m);
}

static void
on_keeper_close(void *ctx, int error)
{
	(void)ctx;
	(void)error;
	c.keeper_closed++;
}

static void
on_judge_msg(void *ctx, const struct msg *m, int fd)
{
	(void)ctx;
	assert_int_equal(fd, -1);
	c.packet[c.n++] = *m;
}

static void
on_judge_packet(void *ctx)
{
	(void)ctx;
	world_send(&c.w, c.packet, c.n);
	c.n = 0;
}

static void
on_judge_close(void *ctx, int error)
{
	(void)ctx;
	assert_int_equal(error, 0);
	c.judge_closed++;
}

static const struct chan_ops supervisor_ops = {
    .on_msg = on_supervisor_msg, .on_close = on_supervisor_close};
static const struct chan_ops keeper_ops = {.on_msg = on_keeper_msg, .on_close = on_keeper_close};
static const struct chan_ops judge_ops = {
    .on_msg = on_judge_msg, .on_packet = on_judge_packet, .on_close = on_judge_close};

static struct chan *
introduce(enum role role, const struct chan_ops *ops)
{
	struct msg m = {.type = MSG_PEER, .u.peer.role = role};
	struct chan *own;
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(chan_new(&own, c.w.base, fds[0], role, ROLE_READER, 8192, ops, &c), 0);
	assert_int_equal(chan_send_fd(c.supervisor, &m, fds[1]), 0);
	return own;
}

static int
keeper_tell(const struct msg *m, int fd)
{
	return fd < 0 ? chan_send(c.keeper, m) : chan_send_fd(c.keeper, m, fd);
}

static void
judge_says_positions(void)
{
	for (size_t i = 0; i < c.w.saved.n; i++)
		chan_send(
		    c.judge, &(struct msg){.type = MSG_POSITION, .u.position = c.w.saved.items[i]});
	chan_send(c.judge, &(struct msg){.type = MSG_POSITIONS_END});
}

static void
begin(void)
{
	int fds[2];

	memset(&c, 0, sizeof(c));
	world_init(&c.w);
	c.w.tell = keeper_tell;
	world_file_filter(&c.w, "f", world_file(&c.w, "log"));
	world_ready(&c.w);
	world_put(world_file(&c.w, "log"), 0, 0);
	c.w.base = event_base_new();
	event_base_priority_init(c.w.base, TURNS_PRIORITIES);
	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(chan_new(&c.supervisor, c.w.base, fds[0], ROLE_GUARDD, ROLE_READER, 64,
			     &supervisor_ops, &c),
	    0);
	assert_int_equal(
	    daemon_new(&c.daemon, c.w.base, fds[1], &c.w.img, c.w.engine, c.w.counters), 0);
	world_settle(&c.w);
	assert_int_equal(c.ready, 0);
}

static void
end(void)
{
	daemon_free(c.daemon);
	chan_free(c.supervisor);
	chan_free(c.keeper);
	chan_free(c.judge);
	event_base_free(c.w.base);
	if (c.w.inotify >= 0)
		close(c.w.inotify);
	world_fini(&c.w);
}

static void
meet(void)
{
	begin();
	c.keeper = introduce(ROLE_KEEPER, &keeper_ops);
	c.judge = introduce(ROLE_JUDGE, &judge_ops);
	judge_says_positions();
	world_settle(&c.w);
	assert_int_equal(c.ready, 1);
}

static void
answers_pings_without_peers(void **state)
{
	(void)state;
	begin();
	chan_send(c.supervisor, &(struct msg){.type = MSG_PING, .id = 42});
	world_settle(&c.w);
	assert_int_equal(c.pongs, 1);
	assert_int_equal(c.pong_id, 42);
	end();
}

static void
hits_reach_the_judge(void **state)
{
	(void)state;
	meet();
	world_put(c.w.paths[0], 0, 20000);
	world_settle(&c.w);
	world_expect(&c.w, 0, 20000);
	end();
}

static void
peers_may_come_in_any_order(void **state)
{
	(void)state;
	begin();
	c.judge = introduce(ROLE_JUDGE, &judge_ops);
	judge_says_positions();
	world_settle(&c.w);
	assert_int_equal(c.ready, 0);
	c.keeper = introduce(ROLE_KEEPER, &keeper_ops);
	world_settle(&c.w);
	assert_int_equal(c.ready, 1);
	world_put(c.w.paths[0], 0, 10);
	world_settle(&c.w);
	world_expect(&c.w, 0, 10);
	end();
}

static void
a_new_judge_says_where_to_go_on(void **state)
{
	(void)state;
	meet();
	world_put(c.w.paths[0], 0, 1000);
	world_settle(&c.w);
	for (uint32_t round = 0; round < 4; round++) {
		uint32_t n = 1000 + 3000 * round;

		/* It dies with what it was sent last; the next one comes before or after its end is
		 * seen. */
		c.w.swallow = true;
		world_put(c.w.paths[0], n, n + 1500);
		world_settle(&c.w);
		chan_free(c.judge);
		if (round % 2)
			world_settle(&c.w);
		world_put(c.w.paths[0], n + 1500, n + 3000);
		c.n = 0;
		c.w.swallow = false;
		c.judge = introduce(ROLE_JUDGE, &judge_ops);
		world_settle(&c.w);
		world_expect(&c.w, 0, n);
		judge_says_positions();
		world_settle(&c.w);
		world_expect(&c.w, 0, n + 3000);
	}
	assert_int_equal(c.ready, 1);
	end();
}

static void
a_stop_saves_the_positions(void **state)
{
	uint64_t offset;

	(void)state;
	meet();
	world_put(c.w.paths[0], 0, 5);
	world_settle(&c.w);
	offset = c.w.saved.items[0].file.offset;
	world_put_text(c.w.paths[0], "benign\n");
	world_settle(&c.w);
	assert_int_equal(c.w.saved.items[0].file.offset, offset);
	chan_send(c.supervisor, &(struct msg){.type = MSG_STOP});
	world_settle(&c.w);
	assert_int_equal(c.w.saved.items[0].file.offset, offset + 7);
	assert_int_equal(daemon_status(c.daemon), 0);
	end();
}

static void
nonsense_from_the_keeper_ends_the_reader(void **state)
{
	struct msg m = {.type = MSG_SCANNED};

	(void)state;
	meet();
	m.u.scanned.source = 77;
	chan_send(c.keeper, &m);
	event_base_loop(c.w.base, EVLOOP_NONBLOCK);
	event_base_loop(c.w.base, EVLOOP_NONBLOCK);
	assert_int_equal(daemon_status(c.daemon), 1);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_pings_without_peers),
	    cmocka_unit_test(hits_reach_the_judge),
	    cmocka_unit_test(peers_may_come_in_any_order),
	    cmocka_unit_test(a_new_judge_says_where_to_go_on),
	    cmocka_unit_test(a_stop_saves_the_positions),
	    cmocka_unit_test(nonsense_from_the_keeper_ends_the_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
