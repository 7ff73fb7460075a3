/* links: wire */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "wire/chan.h"
#include "wire/image.h"

/* What one end saw. */
struct seen {
	struct chan *c;
	unsigned msgs, packets, rooms;
	uint32_t last_id;
	uint32_t sizes[64];
	unsigned in_packet;
	int fd, closed; /* closed: 1 + -error */
	bool free_in_callback;
};

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct seen *s = ctx;

	s->msgs++;
	s->in_packet++;
	s->last_id = m->id;
	if (fd >= 0)
		s->fd = fd;
	if (s->free_in_callback) {
		chan_free(s->c);
		s->c = NULL;
	}
}

static void
on_packet(void *ctx)
{
	struct seen *s = ctx;

	s->sizes[s->packets++ % 64] = s->in_packet;
	s->in_packet = 0;
}

static void
on_room(void *ctx)
{
	((struct seen *)ctx)->rooms++;
}

static void
on_close(void *ctx, int error)
{
	((struct seen *)ctx)->closed = 1 - error;
}

static const struct chan_ops ops = {
    .on_msg = on_msg, .on_packet = on_packet, .on_room = on_room, .on_close = on_close};

struct pair {
	struct event_base *base;
	struct seen reader, judge;
};

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	int fds[2];

	p->base = event_base_new();
	p->reader.fd = p->judge.fd = -1;
	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(chan_new(&p->reader.c, p->base, fds[0], ROLE_READER, ROLE_JUDGE, 1000,
			     &ops, &p->reader),
	    0);
	assert_int_equal(
	    chan_new(&p->judge.c, p->base, fds[1], ROLE_JUDGE, ROLE_READER, 1000, &ops, &p->judge),
	    0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	chan_free(p->reader.c);
	chan_free(p->judge.c);
	event_base_free(p->base);
	free(p);
	return 0;
}

static void
turn(struct pair *p)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(p->base, EVLOOP_NONBLOCK);
}

static void
records_arrive_in_order_and_in_full_packets(void **state)
{
	struct pair *p = *state;
	struct msg m = {.type = MSG_OFFENCE};

	for (m.id = 1; m.id <= 300; m.id++)
		assert_int_equal(chan_send(p->reader.c, &m), 0);
	turn(p);
	assert_int_equal(p->judge.msgs, 300);
	assert_int_equal(p->judge.last_id, 300);
	assert_int_equal(p->judge.packets, 3);
	assert_int_equal(p->judge.sizes[0], CHAN_BATCH);
}

static void
a_packet_is_neither_joined_nor_cut(void **state)
{
	struct pair *p = *state;
	struct msg m[5] = {0};

	for (int i = 0; i < 5; i++)
		m[i].type = MSG_OFFENCE;
	assert_int_equal(chan_send(p->reader.c, &m[0]), 0);
	assert_int_equal(chan_send_packet(p->reader.c, m, 5), 0);
	assert_int_equal(chan_send(p->reader.c, &m[0]), 0);
	assert_int_equal(chan_send(p->reader.c, &m[0]), 0);
	turn(p);
	assert_int_equal(p->judge.packets, 3);
	assert_int_equal(p->judge.sizes[0], 1);
	assert_int_equal(p->judge.sizes[1], 5);
	assert_int_equal(p->judge.sizes[2], 2);
}

static void
what_the_table_forbids_is_refused_at_both_ends(void **state)
{
	struct pair *p = *state;
	struct msg bad = {.type = MSG_BAN};

	assert_int_equal(chan_send(p->reader.c, &bad), -EPROTO);
	bad.type = MSG_TYPE_MAX;
	assert_int_equal(chan_send(p->reader.c, &bad), -EPROTO);
	bad.type = MSG_INOTIFY;
	assert_int_equal(chan_send(p->reader.c, &bad), -EPROTO);
	turn(p);
	assert_int_equal(p->judge.closed, 0);
}

/* Any bytes that are no allowed packet end the channel. */
static void
rubbish_ends_the_channel(void **state)
{
	static const size_t lengths[] = {1, 95, 96, 97, 192, 12288};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (int fill = 0; fill < 256; fill += 51) {
			struct event_base *base = event_base_new();
			struct seen s = {.fd = -1};
			uint8_t bytes[12288];
			int fds[2];

			assert_int_equal(chan_pair(fds), 0);
			assert_int_equal(
			    chan_new(&s.c, base, fds[1], ROLE_JUDGE, ROLE_READER, 1000, &ops, &s),
			    0);
			memset(bytes, fill, sizeof(bytes));
			assert_int_equal(write(fds[0], bytes, lengths[i]), lengths[i]);
			event_base_loop(base, EVLOOP_NONBLOCK);
			assert_int_equal(s.closed, 1 + EPROTO);
			assert_int_equal(s.msgs, 0);
			chan_free(s.c);
			close(fds[0]);
			event_base_free(base);
		}
}

static void
a_full_queue_says_again_and_then_room(void **state)
{
	struct pair *p = *state;
	struct msg m = {.type = MSG_OFFENCE};
	int r = 0, n = 0;

	while (r == 0 && n < 5000) {
		r = chan_send(p->reader.c, &m);
		n += r == 0;
	}
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(n, 1000);
	turn(p);
	assert_int_equal(p->judge.msgs, 1000);
	assert_int_equal(p->reader.rooms, 1);
	assert_int_equal(chan_queued(p->reader.c), 0);
}

static void
the_last_packets_of_a_dead_peer_are_heard(void **state)
{
	struct pair *p = *state;
	struct msg m = {.type = MSG_OFFENCE, .id = 7};

	assert_int_equal(chan_send(p->reader.c, &m), 0);
	assert_int_equal(chan_drain(p->reader.c, 1000), 0);
	chan_free(p->reader.c);
	p->reader.c = NULL;
	chan_read_rest(p->judge.c);
	assert_int_equal(p->judge.last_id, 7);
	assert_int_equal(p->judge.closed, 1);
	assert_int_equal(chan_send(p->judge.c, &m), -EPIPE);
}

static void
packets_of_a_peer_that_died_with_unread_ones_are_heard(void **state)
{
	struct pair *p = *state;
	struct msg position = {.type = MSG_POSITION}, m = {.type = MSG_OFFENCE, .id = 9};

	assert_int_equal(chan_send(p->judge.c, &position), 0);
	assert_int_equal(chan_drain(p->judge.c, 1000), 0);
	assert_int_equal(chan_send(p->reader.c, &m), 0);
	assert_int_equal(chan_drain(p->reader.c, 1000), 0);
	chan_free(p->reader.c);
	p->reader.c = NULL;
	chan_read_rest(p->judge.c);
	assert_int_equal(p->judge.last_id, 9);
	assert_int_equal(p->judge.closed, 1);
}

static void
a_channel_may_be_freed_in_its_own_callback(void **state)
{
	struct pair *p = *state;
	struct msg m[2] = {{.type = MSG_OFFENCE}, {.type = MSG_OFFENCE}};

	p->judge.free_in_callback = true;
	assert_int_equal(chan_send_packet(p->reader.c, m, 2), 0);
	turn(p);
	assert_int_equal(p->judge.msgs, 1);
	assert_null(p->judge.c);
	assert_int_equal(p->reader.closed, 1);
}

static void
descriptors_travel_alone(void **state)
{
	struct event_base *base = event_base_new();
	struct seen super = {.fd = -1}, role = {.fd = -1};
	struct msg m = {.type = MSG_CONFIG};
	int fds[2], memfd = memfd_create("x", 0);
	char got[4];

	(void)state;
	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(
	    chan_new(&super.c, base, fds[0], ROLE_GUARDD, ROLE_JUDGE, 100, &ops, &super), 0);
	assert_int_equal(
	    chan_new(&role.c, base, fds[1], ROLE_JUDGE, ROLE_GUARDD, 100, &ops, &role), 0);
	assert_int_equal(pwrite(memfd, "abc", 4, 0), 4);
	assert_int_equal(chan_send(super.c, &(struct msg){.type = MSG_PING}), 0);
	assert_int_equal(chan_send_fd(super.c, &m, memfd), 0);
	assert_int_equal(chan_send(super.c, &(struct msg){.type = MSG_PING}), 0);
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(role.packets, 3);
	assert_int_equal(pread(role.fd, got, 4, 0), 4);
	assert_string_equal(got, "abc");
	close(role.fd);
	chan_free(super.c);
	chan_free(role.c);
	event_base_free(base);
}

/* A file of one settings struct and one zone is the least that is an image; then every byte is
 * spoilt. */
static void
a_damaged_image_is_refused_or_harmless(void **state)
{
	struct {
		struct image_header head;
		char strings[8];
		struct image_settings settings;
		struct image_zone zone;
		struct image_transition transition;
	} file = {.head = {.magic = IMAGE_MAGIC, .version = IMAGE_VERSION, .size = sizeof(file)}};
	unsigned refused = 0;
	struct image img;

	(void)state;
	for (int s = 0; s < IMAGE_SECTIONS; s++)
		file.head.sections[s].offset = offsetof(typeof(file), strings);
	file.head.sections[IMAGE_STRINGS].count = 8;
	file.head.sections[IMAGE_SETTINGS].offset = offsetof(typeof(file), settings);
	file.head.sections[IMAGE_SETTINGS].count = 1;
	file.head.sections[IMAGE_ZONES].offset = offsetof(typeof(file), zone);
	file.head.sections[IMAGE_ZONES].count = 1;
	file.head.sections[IMAGE_TRANSITIONS].offset = offsetof(typeof(file), transition);
	file.head.sections[IMAGE_TRANSITIONS].count = 1;
	file.zone.transitions.n = 1;
	for (size_t at = 0; at <= sizeof(file.head); at++) {
		int fd = memfd_create("image", 0);
		uint8_t *bytes = (uint8_t *)&file;

		if (at < sizeof(file.head))
			bytes[at] ^= 0x5a;
		assert_int_equal(pwrite(fd, &file, sizeof(file), 0), sizeof(file));
		if (image_open(&img, fd) == 0) {
			assert_true(at == sizeof(file.head) || at >= 16);
			image_close(&img);
		} else {
			assert_int_not_equal(at, sizeof(file.head));
			refused++;
		}
		if (at < sizeof(file.head))
			bytes[at] ^= 0x5a;
		close(fd);
	}
	assert_true(refused > 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		records_arrive_in_order_and_in_full_packets, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_packet_is_neither_joined_nor_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_the_table_forbids_is_refused_at_both_ends, setup, teardown),
	    cmocka_unit_test(rubbish_ends_the_channel),
	    cmocka_unit_test_setup_teardown(a_full_queue_says_again_and_then_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		the_last_packets_of_a_dead_peer_are_heard, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		packets_of_a_peer_that_died_with_unread_ones_are_heard, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_channel_may_be_freed_in_its_own_callback, setup, teardown),
	    cmocka_unit_test(descriptors_travel_alone),
	    cmocka_unit_test(a_damaged_image_is_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
