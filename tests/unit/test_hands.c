/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The herald's side of what is run for it, and the texts of the judge's alerts. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "herald/hands.h"
#include "herald/words.h"
#include "wire/chan.h"

struct world {
	struct herald herald; /* first: end() gets it */
	struct chan *runner;
	struct msg last;
	int input; /* of the last MSG_RUN */
	unsigned runs, pongs, readies, ends, done;
	int status;
	char output[64];
	size_t n;
};

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct world *w = ctx;

	w->last = *m;
	if (m->type == MSG_RUN) {
		w->runs++;
		closep(&w->input);
		w->input = fd;
	}
	w->pongs += m->type == MSG_PONG;
	w->readies += m->type == MSG_READY;
}

static void
on_close(void *ctx, int error)
{
	(void)ctx;
	assert_int_equal(error, 0);
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

static void
end(struct herald *h)
{
	((struct world *)h)->ends++;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fds[2];

	w->input = -1;
	w->herald = (struct herald){.base = event_base_new(), .end = end, .config = 99};
	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(hands_new(&w->herald.hands, &w->herald, fds[0]), 0);
	assert_int_equal(
	    chan_new(&w->runner, w->herald.base, fds[1], ROLE_RUNNER, ROLE_HERALD, 64, &ops, w), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	hands_free(w->herald.hands);
	chan_free(w->runner);
	event_base_free(w->herald.base);
	closep(&w->input);
	free(w);
	return 0;
}

static void
turn(struct world *w)
{
	for (int i = 0; i < 3; i++)
		event_base_loop(w->herald.base, EVLOOP_NONBLOCK);
}

static void
on_done(void *ctx, int status, const char *output, size_t n)
{
	struct world *w = ctx;

	w->done++;
	w->status = status;
	w->n = n;
	assert_int_equal(output[n], '\0');
	snprintf(w->output, sizeof(w->output), "%s", output);
}

static void
answer(struct world *w, uint32_t id, int status, const char *output)
{
	struct msg m = {.type = MSG_RAN, .id = id};
	int fd;

	m.u.ran.status = status;
	if (!output) {
		assert_int_equal(chan_send(w->runner, &m), 0);
	} else {
		fd = memfd_create("output", MFD_CLOEXEC);
		assert_int_equal(write(fd, output, strlen(output)), strlen(output));
		assert_int_equal(chan_send_fd(w->runner, &m, fd), 0);
	}
	turn(w);
}

static int
run(struct world *w)
{
	return hands_run(w->herald.hands, RUN_PROGRAM, 3, 30, "input", 5, on_done, w);
}

static void
test_a_run_and_its_end(void **state)
{
	struct world *w = *state;
	char input[16] = "";

	assert_int_equal(run(w), 0);
	turn(w);
	assert_int_equal(w->runs, 1);
	assert_int_equal(w->last.u.run.kind, RUN_PROGRAM);
	assert_int_equal(w->last.u.run.channel, 3);
	assert_int_equal(w->last.u.run.timeout_s, 30);
	assert_int_equal(w->last.u.run.image, 99);
	assert_int_equal(pread(w->input, input, sizeof(input), 0), 5);
	assert_string_equal(input, "input");
	/* Nobody can change what the program reads. */
	assert_int_equal(pwrite(w->input, "x", 1, 0), -1);
	assert_int_not_equal(ftruncate(w->input, 0), 0);
	answer(w, w->last.id, 5, "said");
	assert_int_equal(w->done, 1);
	assert_int_equal(w->status, 5);
	assert_string_equal(w->output, "said");
	/* An answer to nothing, or a second one. */
	answer(w, w->last.id, 0, NULL);
	answer(w, 12345, 0, "more");
	assert_int_equal(w->done, 1);
}

static void
test_without_output(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w), 0);
	turn(w);
	answer(w, w->last.id, -ETIMEDOUT, NULL);
	assert_int_equal(w->status, -ETIMEDOUT);
	assert_int_equal(w->n, 0);
}

static void
test_at_most_so_many(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < HANDS_MAX; i++)
		assert_int_equal(run(w), 0);
	assert_int_equal(run(w), -EBUSY);
	turn(w);
	assert_int_equal(w->runs, HANDS_MAX);
	answer(w, w->last.id, 0, NULL);
	assert_int_equal(run(w), 0);
	assert_int_equal(run(w), -EBUSY);
}

static void
test_one_that_nobody_waits_for(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w), 0);
	turn(w);
	hands_forget(w->herald.hands, w);
	answer(w, w->last.id, 0, "said");
	assert_int_equal(w->done, 0);
	/* Its place is free again. */
	for (int i = 0; i < HANDS_MAX; i++)
		assert_int_equal(run(w), 0);
}

static void
test_the_end_comes_after_what_runs(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w), 0);
	turn(w);
	assert_false(hands_rest(w->herald.hands));
	assert_int_equal(run(w), -EBUSY);
	assert_int_equal(w->ends, 0);
	answer(w, w->last.id, 0, NULL);
	assert_int_equal(w->done, 1);
	assert_int_equal(w->ends, 1);
	assert_true(hands_rest(w->herald.hands));
}

static void
test_what_the_runner_asks(void **state)
{
	struct world *w = *state;
	const struct msg ping = {.type = MSG_PING, .id = 4}, stop = {.type = MSG_STOP};

	assert_int_equal(hands_ready(w->herald.hands), 0);
	assert_int_equal(chan_send(w->runner, &ping), 0);
	turn(w);
	assert_int_equal(w->readies, 1);
	assert_int_equal(w->pongs, 1);
	assert_int_equal(w->last.id, 4);
	assert_int_equal(chan_send(w->runner, &stop), 0);
	turn(w);
	assert_int_equal(w->ends, 1);
}

static void
test_without_a_runner_it_ends(void **state)
{
	struct world *w = *state;

	chan_free(w->runner);
	w->runner = NULL;
	turn(w);
	assert_int_equal(w->ends, 1);
	assert_int_equal(run(w), -EPIPE);
}

/* --- texts --- */

static int
part(struct words *w, uint8_t what, const char *text, uint8_t len)
{
	struct msg_text t = {.what = what, .len = len};

	memcpy(t.text, text, strnlen(text, TEXT_PART));
	return words_add(w, &t);
}

static void
test_texts_in_parts(void **state)
{
	struct words w;

	(void)state;
	words_begin(&w);
	assert_int_equal(part(&w, TEXT_SUBJECT, "ldap ", 5), 0);
	assert_int_equal(part(&w, TEXT_WORDS, "caf\xc3", 4), 0); /* a character over two parts */
	assert_int_equal(part(&w, TEXT_SUBJECT, "tcp/389", 7), 0);
	assert_int_equal(part(&w, TEXT_WORDS, "\xa9", 1), 0);
	words_end(&w);
	assert_string_equal(w.subject, "ldap tcp/389");
	assert_string_equal(w.words, "caf\xc3\xa9");
	words_begin(&w);
	words_end(&w);
	assert_string_equal(w.subject, "");
	assert_string_equal(w.words, "");
}

static void
test_texts_that_are_too_long(void **state)
{
	char text[TEXT_PART + 1];
	struct words w;

	(void)state;
	memset(text, 'x', TEXT_PART);
	text[TEXT_PART] = '\0';
	words_begin(&w);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(part(&w, TEXT_SUBJECT, text, TEXT_PART), 0);
		assert_int_equal(part(&w, TEXT_WORDS, text, TEXT_PART), 0);
	}
	words_end(&w);
	assert_int_equal(strlen(w.subject), ALERT_SUBJECT_MAX - 1);
	assert_int_equal(strlen(w.words), ALERT_WORDS_MAX - 1);
}

static void
test_texts_that_are_none(void **state)
{
	struct words w;

	(void)state;
	words_begin(&w);
	assert_int_equal(part(&w, TEXT_SUBJECT, "", 0), -EPROTO);
	assert_int_equal(part(&w, TEXT_SUBJECT, "x", TEXT_PART + 1), -EPROTO);
	assert_int_equal(part(&w, TEXT_HOST, "x", 1), -EPROTO);
	assert_int_equal(part(&w, 200, "x", 1), -EPROTO);
}

static void
test_what_is_no_utf8(void **state)
{
	static const struct {
		const char *in, *out;
		bool text;
	} rows[] = {
	    {"plain\ttext", "plain\ttext", true},
	    {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92",
		true},
	    {"a\x1b[2Jb", "a?[2Jb", false},
	    {"a\nb\x7f", "a?b?", false},
	    {"\xff\xfe", "??", false},
	    {"\xc0\xaf", "??", false},             /* "/" in two bytes */
	    {"\xed\xa0\x80", "???", false},        /* a surrogate */
	    {"\xf4\x90\x80\x80.", "????.", false}, /* past U+10FFFF */
	    {"\xe2\x82.", "??.", false},
	    {"cut \xe2\x82", "cut ", false},
	    {"cut \xc3", "cut ", false},
	    {"cut \xf0\x9f\x94", "cut ", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[64];

		strcpy(text, rows[i].in);
		assert_int_equal(utf8_is_text(text, strlen(text)), rows[i].text);
		text[utf8_clean(text, strlen(text))] = '\0';
		assert_string_equal(text, rows[i].out);
		assert_true(utf8_is_text(text, strlen(text)));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_a_run_and_its_end), TEST(test_without_output),
	    TEST(test_at_most_so_many), TEST(test_one_that_nobody_waits_for),
	    TEST(test_the_end_comes_after_what_runs), TEST(test_what_the_runner_asks),
	    TEST(test_without_a_runner_it_ends), cmocka_unit_test(test_texts_in_parts),
	    cmocka_unit_test(test_texts_that_are_too_long),
	    cmocka_unit_test(test_texts_that_are_none), cmocka_unit_test(test_what_is_no_utf8)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
