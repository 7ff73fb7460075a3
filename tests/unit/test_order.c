/* links: courier */
/* An order read back as it was written; and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "courier/answer.h"
#include "wire/order.h"

static void
full_order(struct strbuf *b)
{
	order_begin(b);
	order_put_text(b, ORDER_URL, "https://example.net/hook");
	order_put_text(b, ORDER_TIMEOUT, "30");
	order_put_text(b, ORDER_HEADER, "Content-Type: application/json");
	order_put_text(b, ORDER_HEADER, "Idempotency-Key: 1");
	order_put_text(b, ORDER_RCPT, "a@example.net");
	order_put_text(b, ORDER_RCPT, "b@example.net");
	order_put(b, ORDER_BODY, "{\n\"url 3\nx\n\"}", 13);
}

static void
test_reads_back_as_written(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	const char *why;
	struct order o;

	(void)state;
	full_order(&b);
	assert_int_equal(order_read(&o, b.text, b.len, &why), 0);
	assert_string_equal(o.value[ORDER_URL], "https://example.net/hook");
	assert_int_equal(o.timeout_s, 30);
	assert_int_equal(o.n_headers, 2);
	assert_string_equal(o.headers[1], "Idempotency-Key: 1");
	assert_int_equal(o.n_to, 2);
	assert_string_equal(o.to[0], "a@example.net");
	assert_int_equal(o.body_len, 13);
	assert_memory_equal(o.value[ORDER_BODY], "{\n\"url 3\nx\n\"}", 13);
	assert_null(o.value[ORDER_PASSWORD]);
}

/* Cut anywhere it is no order, but never read past its end (the sanitizers watch). */
static void
test_every_cut_is_refused(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	size_t n;

	(void)state;
	full_order(&b);
	n = b.len;
	for (size_t cut = 0; cut < n; cut++) {
		char *part = malloc(cut + 1);
		const char *why = NULL;
		struct order o;

		memcpy(part, b.text, cut);
		assert_int_equal(order_read(&o, part, cut, &why), -EINVAL);
		assert_non_null(why);
		free(part);
	}
}

static void
refused(const char *text, const char *reason)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	const char *why = "";
	struct order o;

	strbuf_puts(&b, text);
	assert_int_equal(order_read(&o, b.text, b.len, &why), -EINVAL);
	assert_string_equal(why, reason);
}

static void
test_what_is_no_order(void **state)
{
#define HEAD "guardd-order 1\ntimeout 1\n5\nbody 1\nx\n"
	(void)state;
	refused("guardd-order 2\nurl 1\nx\n", "the first line");
	refused(HEAD, "url");
	refused(HEAD "url 9999\nx\n", "url");
	refused(HEAD "url 99999999999\nx\n", "a record's name or length");
	refused(HEAD "url -1\nx\n", "a record's name or length");
	refused(HEAD "program 4\n/bin\n", "a record's name or length");
	refused(HEAD "url 1\nx\nurl 1\ny\n", "url");
	refused(HEAD "header 12\nA: b\r\nC: d\r\n\n", "header");
	refused(HEAD "rcpt 14\na@b\nDATA\n.\nqq\n", "rcpt");
	refused("guardd-order 1\nbody 1\nx\nurl 1\nx\n", "timeout");
	refused("guardd-order 1\nbody 1\nx\nurl 1\nx\ntimeout 2\n5s\n", "timeout");
}

static void
test_too_many_recipients(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	const char *why;
	struct order o;

	(void)state;
	full_order(&b);
	for (int i = 0; i < ORDER_TO - 1; i++)
		order_put_text(&b, ORDER_RCPT, "c@example.net");
	assert_int_equal(order_read(&o, b.text, b.len, &why), -EINVAL);
	assert_string_equal(why, "rcpt");
}

/* A server that repeats what it was told gets no secret into a log by it. */
static void
test_secrets_do_not_come_back(void **state)
{
	struct order o = {
	    .value = {[ORDER_URL] = "https://chat.example.net/hooks/k3y-0f-th3-r00m?x=1",
		[ORDER_HIDE] = "1",
		[ORDER_USER] = "me",
		[ORDER_PASSWORD] = "hunter2!",
		[ORDER_TOKEN] = "tk_12345678"}};
	struct answer a = {0};

	(void)state;
	answer_set(&a, COURIER_LATER,
	    "no room k3y-0f-th3-r00m\r\nat /hooks/k3y-0f-th3-r00m?x=1 for hunter2! by tk_12345678 "
	    "bWU6aHVudGVyMiE="
	    "\x1b[31m\xff");
	answer_clean(&a, &o);
	assert_string_equal(a.words.text, "no room *** at *** for *** by *** *** [31m?");
	answer_fini(&a);
}

/* What is cut may end in half a secret. */
static void
test_half_a_secret_is_not_shown(void **state)
{
	struct order o = {.value = {[ORDER_TOKEN] = "0123456789abcdef"}};
	struct answer a = {0};

	(void)state;
	for (int i = 0; i < 5000; i++)
		answer_hear(&a, "0123456789abcdef", 16);
	answer_set(&a, COURIER_LATER, "%s", a.said);
	answer_clean(&a, &o);
	assert_int_equal(strspn(a.words.text, "*"), strlen(a.words.text));
	answer_fini(&a);
}

static void
test_much_is_heard_a_little_is_kept(void **state)
{
	char text[1000];
	struct answer a = {0};
	int n = 0;

	(void)state;
	memset(text, 'x', sizeof(text));
	while (answer_hear(&a, text, sizeof(text)) && n < 1000)
		n++;
	assert_in_range(n, 10, 100);
	assert_in_range(strlen(a.said), ANSWER_WORDS, ANSWER_SAID);
	answer_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_back_as_written),
	    cmocka_unit_test(test_every_cut_is_refused),
	    cmocka_unit_test(test_what_is_no_order),
	    cmocka_unit_test(test_too_many_recipients),
	    cmocka_unit_test(test_secrets_do_not_come_back),
	    cmocka_unit_test(test_half_a_secret_is_not_shown),
	    cmocka_unit_test(test_much_is_heard_a_little_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
