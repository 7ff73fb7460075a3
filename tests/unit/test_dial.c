/* links: wire */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the judge: greeting, hanging up, coming again; and how long is waited. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/cleanup.h"
#include "base/place.h"
#include "wire/dial.h"

struct world {
	char dir[64], path[80];
	struct event_base *base;
	struct dial *dial;
	int listener, peer; /* -1: none */
	unsigned ups, downs, msgs;
	int error;
};

static void
on_up(void *ctx)
{
	((struct world *)ctx)->ups++;
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct world *w = ctx;

	closep(&fd);
	w->msgs++;
	if (m->type == MSG_TAKEN)
		dial_hang_up(w->dial);
}

static void
on_down(void *ctx, int error)
{
	struct world *w = ctx;

	w->downs++;
	w->error = error;
}

static const struct dial_ops ops = {.on_up = on_up, .on_msg = on_msg, .on_down = on_down};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/guardd-dial-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/herald", w->dir);
	w->base = event_base_new();
	w->listener = w->peer = -1;
	assert_int_equal(dial_new(&w->dial, w->base, w->path, ROLE_HERALD, 16, &ops, w), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	dial_free(w->dial);
	event_base_free(w->base);
	closep(&w->listener);
	closep(&w->peer);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void
judge_opens(struct world *w)
{
	w->listener = place_listen(w->dir, "herald", SOCK_SEQPACKET);
	assert_true(w->listener >= 0);
}

/* The judge takes the next connection, whose first packet is one greeting. */
static void
judge_accepts(struct world *w)
{
	unsigned ups = w->ups;
	struct msg m[2];

	while (w->ups == ups)
		event_base_loop(w->base, EVLOOP_ONCE);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	closep(&w->peer);
	w->peer = accept(w->listener, NULL, NULL);
	assert_true(w->peer >= 0);
	assert_int_equal(recv(w->peer, m, sizeof(m), 0), sizeof(m[0]));
	assert_int_equal(m[0].type, MSG_GREET);
	assert_int_equal(m[0].u.greet.version, GREET_VERSION);
	assert_int_equal(m[0].u.greet.role, ROLE_HERALD);
}

static void
test_comes_again(void **state)
{
	struct world *w = *state;

	/* Nobody is there. */
	event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(dial_error(w->dial), -ENOENT);
	assert_null(dial_chan(w->dial));
	judge_opens(w);
	judge_accepts(w);
	assert_int_equal(dial_error(w->dial), 0);
	assert_non_null(dial_chan(w->dial));
	closep(&w->peer);
	w->peer = -1;
	while (w->downs == 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->error, 0);
	assert_null(dial_chan(w->dial));
	judge_accepts(w);
	assert_int_equal(w->ups, 2);
}

static void
test_hangs_up_on_what_it_does_not_know(void **state)
{
	static const struct msg none = {.type = MSG_BAN}, wrong = {.type = MSG_TAKEN};
	struct world *w = *state;

	judge_opens(w);
	judge_accepts(w);
	assert_int_equal(send(w->peer, &none, sizeof(none), 0), sizeof(none));
	while (w->downs == 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->error, -EPROTO);
	assert_int_equal(w->msgs, 0);
	judge_accepts(w);
	/* In the callback of a record, of which others follow. */
	assert_int_equal(
	    send(w->peer, (struct msg[]){wrong, wrong}, 2 * sizeof(wrong), 0), 2 * sizeof(wrong));
	while (w->downs == 1)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->msgs, 1);
	assert_int_equal(w->error, -EPROTO);
	judge_accepts(w);
}

static void
test_a_path_that_is_too_long(void **state)
{
	struct world *w = *state;
	struct dial *d = NULL;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(dial_new(&d, w->base, path, ROLE_HERALD, 16, &ops, w), -ENAMETOOLONG);
}

static void
test_back_off(void **state)
{
	usec_t wait = 0, sum = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		usec_t next = backoff_next(wait, 0, USEC_PER_SEC);

		assert_true(next >= BACKOFF_FIRST && next <= BACKOFF_MAX && next >= wait);
		assert_true(wait == 0 || next == 2 * wait || next == BACKOFF_MAX);
		wait = next;
		sum += wait;
	}
	assert_int_equal(wait, BACKOFF_MAX);
	assert_true(sum > 100 * USEC_PER_SEC);
	assert_int_equal(backoff_next(wait, 2 * USEC_PER_SEC, USEC_PER_SEC), 0);
	assert_int_equal(backoff_next(0, 0, USEC_PER_SEC), BACKOFF_FIRST);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_comes_again),
	    TEST(test_hangs_up_on_what_it_does_not_know), TEST(test_a_path_that_is_too_long),
	    cmocka_unit_test(test_back_off)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
