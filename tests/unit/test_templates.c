/* links: herald */
/* What receivers get, and that hostile text is text in each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "herald/template.h"

#define SINCE (1700000000 * USEC_PER_SEC)

static const char evil[] =
    "\"},\"x\":[`@all <!channel> ``` \\ =?utf-8?q?x?= \xf0\x9f\x98\x80 \xc3\xa4 & </a> *b* .";

static void
event(struct alert_event *e, enum alert_telling telling, const char *subject, const char *words)
{
	*e = (struct alert_event){.serial = 2,
	    .kind = ALERT_GAP,
	    .severity = SEVERITY_CRITICAL,
	    .before = SEVERITY_CRITICAL,
	    .worst = SEVERITY_CRITICAL,
	    .telling = (uint8_t)telling,
	    .times = 1,
	    .since = SINCE,
	    .at = SINCE + 3600 * USEC_PER_SEC};
	strcpy(e->episode, "0123456789abcdef");
	alert_text_copy(e->subject, sizeof(e->subject), subject);
	alert_text_copy(e->words, sizeof(e->words), words);
}

static struct alert_bundle
bundle(const struct alert_event *e, unsigned n)
{
	struct alert_bundle b = {.id = "0123456789abcdef-2",
	    .host = "web1",
	    .events = e,
	    .n = n,
	    .total = n,
	    .summary = n > 1,
	    .severity = SEVERITY_CRITICAL,
	    .made = SINCE,
	    .lasts = 6 * 3600 * USEC_PER_SEC};

	for (unsigned i = 0; i < n; i++)
		b.by_kind[e[i].kind]++;
	return b;
}

static json_t *
made(enum channel_template t, const struct alert_bundle *b)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	json_error_t error;
	json_t *j;

	template_web(t, b, "ops", &out);
	j = json_loadb(out.text, out.len, 0, &error);
	assert_non_null(j);
	return j;
}

static const char *
text_of(json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	assert_non_null(text);
	return text;
}

static void
test_json_says_what_happened(void **state)
{
	struct alert_event e;
	struct alert_bundle b;
	json_t *j;

	(void)state;
	event(&e, TELL_ENDED, "ldap tcp/389 IPv6", evil);
	b = bundle(&e, 1);
	j = made(TEMPLATE_JSON, &b);
	assert_int_equal(json_integer_value(json_object_get(j, "version")), 1);
	assert_string_equal(text_of(j, "id"), "0123456789abcdef-2");
	assert_string_equal(text_of(j, "state"), "ended");
	assert_string_equal(text_of(j, "since"), "2023-11-14T22:13:20Z");
	assert_string_equal(text_of(j, "until"), "2023-11-14T23:13:20Z");
	assert_string_equal(text_of(j, "words"), evil);
	assert_string_equal(
	    text_of(j, "title"), "web1: ended: exposure gap: ldap tcp/389 IPv6 (critical)");
	json_decref(j);
}

static unsigned
count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void
test_mattermost_has_one_span_and_one_block(void **state)
{
	struct alert_event e;
	struct alert_bundle b;
	json_t *j;

	(void)state;
	event(&e, TELL_RAISED, evil, evil);
	b = bundle(&e, 1);
	j = made(TEMPLATE_MATTERMOST, &b);
	assert_int_equal(count(text_of(j, "text"), "`"), 2 + 6);
	assert_non_null(strstr(text_of(j, "text"), "'@all"));
	json_decref(j);
}

static void
test_slack_escapes_and_is_plain(void **state)
{
	struct alert_event e;
	struct alert_bundle b;
	json_t *j, *block;
	size_t i;

	(void)state;
	event(&e, TELL_RAISED, evil, evil);
	b = bundle(&e, 1);
	j = made(TEMPLATE_SLACK, &b);
	assert_null(strpbrk(text_of(j, "text"), "<>"));
	assert_non_null(strstr(text_of(j, "text"), "&lt;!channel&gt;"));
	json_array_foreach(json_object_get(j, "blocks"), i, block)
	    assert_string_equal(text_of(json_object_get(block, "text"), "type"), "plain_text");
	assert_int_equal(i, 2);
	json_decref(j);
}

static void
test_ntfy(void **state)
{
	struct alert_event e;
	struct alert_bundle b;
	json_t *j;

	(void)state;
	event(&e, TELL_RAISED, "x", evil);
	b = bundle(&e, 1);
	j = made(TEMPLATE_NTFY, &b);
	assert_string_equal(text_of(j, "topic"), "ops");
	assert_int_equal(json_integer_value(json_object_get(j, "priority")), 5);
	assert_non_null(strstr(text_of(j, "message"), evil));
	json_decref(j);
}

/* Labels are what Alertmanager knows an alert by: those of the end are those of the beginning. */
static void
test_alertmanager_labels_stay_and_times_end(void **state)
{
	struct alert_event e[2];
	struct alert_bundle b;
	json_t *begin, *end, *changed;

	(void)state;
	event(&e[0], TELL_RAISED, "x", evil);
	event(&e[1], TELL_ENDED, "x", "closed");
	b = bundle(&e[0], 1);
	begin = made(TEMPLATE_ALERTMANAGER, &b);
	b = bundle(&e[1], 1);
	end = made(TEMPLATE_ALERTMANAGER, &b);
	assert_int_equal(json_array_size(begin), 1);
	assert_true(json_equal(json_object_get(json_array_get(begin, 0), "labels"),
	    json_object_get(json_array_get(end, 0), "labels")));
	assert_string_equal(text_of(json_array_get(begin, 0), "endsAt"), "2023-11-15T11:13:20Z");
	assert_string_equal(text_of(json_array_get(end, 0), "endsAt"), "2023-11-14T23:13:20Z");
	e[0].telling = TELL_CHANGED;
	e[0].before = SEVERITY_WARNING;
	b = bundle(&e[0], 1);
	changed = made(TEMPLATE_ALERTMANAGER, &b);
	assert_int_equal(json_array_size(changed), 2);
	assert_string_equal(text_of(json_array_get(changed, 0), "endsAt"), "2023-11-14T23:13:20Z");
	json_decref(begin);
	json_decref(end);
	json_decref(changed);
}

static void
test_summaries_in_every_form(void **state)
{
	struct alert_event e[50];
	struct alert_bundle b;

	(void)state;
	for (int i = 0; i < 50; i++) {
		event(&e[i], TELL_RAISED, evil, evil);
		memset(e[i].words, 'x', ALERT_WORDS_MAX - 1);
	}
	b = bundle(e, 50);
	b.total = 900;
	for (int t = TEMPLATE_JSON; t <= TEMPLATE_ALERTMANAGER; t++) {
		json_t *j = made(t, &b);

		if (t == TEMPLATE_JSON) {
			assert_int_equal(json_integer_value(json_object_get(j, "total")), 900);
			assert_int_equal(json_array_size(json_object_get(j, "alerts")), 50);
		} else if (t == TEMPLATE_ALERTMANAGER) {
			assert_int_equal(json_array_size(j), 50);
		} else {
			char *all = json_dumps(j, 0);

			assert_true(strlen(all) < 8000);
			free(all);
		}
		json_decref(j);
	}
}

/* --- mail --- */

static void
mail(const struct alert_bundle *b, struct strbuf *out)
{
	static const char *const to[] = {"a@example.net", "b@example.net"};

	template_mail(b, "guardd@example.net", to, 2, out);
}

/* Every line of at most 76 characters, CRLF, 7 bits; the headers end where they should. */
static void
check_mail(const struct strbuf *m, unsigned headers)
{
	unsigned line = 0, in_headers = 0;

	for (size_t i = 0; i < m->len; line++) {
		const char *p = m->text + i, *end = memmem(p, m->len - i, "\r\n", 2);

		assert_non_null(end);
		assert_true(end - p <= 78);
		for (const char *c = p; c < end; c++)
			assert_in_range((unsigned char)*c, 0x20, 0x7e);
		if (end == p && in_headers == 0)
			in_headers = line;
		i += (size_t)(end - p) + 2;
	}
	assert_in_range(in_headers, headers, headers + 20);
}

static void
test_mail_is_as_it_should_be(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct alert_event e;
	struct alert_bundle b;

	(void)state;
	event(&e, TELL_RAISED, "ldap tcp/389 IPv6", "others reach it");
	b = bundle(&e, 1);
	mail(&b, &out);
	check_mail(&out, 14);
	assert_non_null(strstr(out.text, "Date: Tue, 14 Nov 2023 23:13:20 +0000\r\n"));
	assert_non_null(strstr(out.text, "From: guardd <guardd@example.net>\r\n"));
	assert_non_null(strstr(out.text, "To: a@example.net,\r\n b@example.net\r\n"));
	assert_non_null(strstr(out.text, "Message-ID: <0123456789abcdef-2@web1.guardd>\r\n"));
	assert_non_null(strstr(out.text, "References: <0123456789abcdef-1@web1.guardd>\r\n"));
	assert_non_null(strstr(out.text, "X-Guardd-Subject: ldap tcp/389 IPv6\r\n"));
	assert_non_null(strstr(out.text, "\r\n\r\nBegan: others reach it\r\n"));
}

static void
test_mail_without_injection(void **state)
{
	static const char *const subjects[] = {evil, "a\r\nBcc: x@example.net", "\r\n\r\n.\r\nQUIT",
	    "=?utf-8?q?=0D=0ABcc:_x?=", "\xff\xfe\x80", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		_cleanup_(strbuf_fini) struct strbuf out = {0};
		struct alert_event e;
		struct alert_bundle b;

		event(&e, TELL_RAISED, subjects[i], subjects[i]);
		b = bundle(&e, 1);
		mail(&b, &out);
		check_mail(&out, 14);
		assert_null(strstr(out.text, "\r\nBcc"));
		assert_null(strstr(out.text, "\r\n.\r\n"));
		assert_null(strstr(out.text, "\r\nFrom "));
		assert_null(strstr(out.text, "=?utf-8?q?="));
	}
}

static void
test_long_words_are_folded(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	char longer[ALERT_WORDS_MAX];
	struct alert_event e;
	struct alert_bundle b;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa4", 3);
	event(&e, TELL_RAISED, longer, longer);
	b = bundle(&e, 1);
	mail(&b, &out);
	check_mail(&out, 14);
}

static void
test_addresses(void **state)
{
	static const char *const bad[] = {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b>", "<a@b",
	    "a@b\r\nX: y", "a@b\n", "a,b@c", "\"a\"@b", "a(b)@c", "a@[::1]", "a:b@c", "a;@b",
	    ".a@b"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(template_is_address(bad[i]));
	assert_true(template_is_address("root@localhost"));
	assert_true(template_is_address("ops+guardd@mx-1.example.net"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json_says_what_happened),
	    cmocka_unit_test(test_mattermost_has_one_span_and_one_block),
	    cmocka_unit_test(test_slack_escapes_and_is_plain),
	    cmocka_unit_test(test_ntfy),
	    cmocka_unit_test(test_alertmanager_labels_stay_and_times_end),
	    cmocka_unit_test(test_summaries_in_every_form),
	    cmocka_unit_test(test_mail_is_as_it_should_be),
	    cmocka_unit_test(test_mail_without_injection),
	    cmocka_unit_test(test_long_words_are_folded),
	    cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
