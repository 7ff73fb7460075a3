/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void
headers_are_cut(void **unused)
{
	static const struct {
		const char *line, *program, *message;
		unsigned repeat, date;
	} cases[] = {
	    {"Nov  2 10:00:00 host sshd[12]: Failed x", "sshd", "Failed x", 1, 15},
	    {"<38>Nov  2 10:00:00 host sshd[12]: Failed x", "sshd", "Failed x", 1, 15},
	    {"Nov 12 10:00:00 host su: auth failure", "su", "auth failure", 1, 15},
	    {"Nov 12 10:00:00 host postfix/smtpd[7]: connect", "postfix/smtpd", "connect", 1, 15},
	    {"Nov 12 10:00:00 host postfix/submission/smtpd[7]: x", "postfix/submission/smtpd", "x",
		1, 15},
	    {"Nov 12 10:00:00 host /usr/sbin/cron[7]: x", "cron", "x", 1, 15},
	    {"2026-11-02T10:00:00.123456+01:00 host sshd-session[12]: y", "sshd-session", "y", 1,
		32},
	    {"<86>2026-11-02T10:00:00Z host sshd[12]: y", "sshd", "y", 1, 20},
	    {"Nov  2 10:00:00 2001:db8::1 sshd[12]: y", "sshd", "y", 1, 15},
	    {"Nov  2 10:00:00 192.0.2.1 sshd[12]: y", "sshd", "y", 1, 15},
	    {"Nov  2 10:00:00 host pam_unix(x)[3]: two: colons: y", "pam_unix(x)", "two: colons: y",
		1, 15},
	    {"Nov  2 10:00:00 host sshd[12]:  two blanks", "sshd", " two blanks", 1, 15},
	    {"Nov  2 10:00:00 host sshd[12]: ", "sshd", "", 1, 15},
	    {"Nov  2 10:00:00 host sshd[12]:", "sshd", "", 1, 15},
	    {"Nov  2 10:00:00 host sshd[12]:none", "sshd", "none", 1, 15},
	    {"Nov  2 10:00:00 host asterisk[12] x", "asterisk", "x", 1, 15},
	    {"Nov  2 10:00:00 sshd[12]: no host", "sshd", "no host", 1, 15},
	    {"Nov  2 10:00:00 host authpriv.info dropbear[9]: z", "dropbear", "z", 1, 15},
	    {"Mon Nov  2 10:00:00 2026 authpriv.warn dropbear[9]: z", "dropbear", "z", 1, 24},
	    {"Nov  2 2026 10:00:00 host prog: z", "prog", "z", 1, 20},
	    {"<34>1 2026-11-02T10:00:00.003Z host su - ID47 - 'su root' failed", "su",
		"'su root' failed", 1, 24},
	    {"<34>1 2026-11-02T10:00:00Z host sshd 12 - [a@1 b=\"]\\\"x\"][c d=\"e\"] msg", "sshd",
		"msg", 1, 20},
	    {"<34>1 2026-11-02T10:00:00Z host sshd 12 - - \xef\xbb\xbfmsg", "sshd", "msg", 1, 20},
	    {"1 2026-11-02T10:00:00Z host sshd 12 - - msg", "sshd", "msg", 1, 20},
	    {"<34>1 - host sshd 12 - - msg", "sshd", "msg", 1, 0},
	    {"<34>1 - - - - - -", "", "", 1, 0},
	    {"Nov  2 10:00:00 host sshd[12]: message repeated 5 times: [ Failed x]", "sshd",
		"Failed x", 5, 15},
	    {"Nov  2 10:00:00 host sshd[12]: message repeated 99999999 times: [ x]", "sshd", "x",
		65535, 15},
	    {"Nov  2 10:00:00 host sshd[12]: message repeated 0 times: [ x]", "sshd",
		"message repeated 0 times: [ x]", 1, 15},
	    {"Nov  2 10:00:00 host sshd[12]: message repeated 2 times: [ x", "sshd",
		"message repeated 2 times: [ x", 1, 15},
	    {"Nov  2 10:00:00 host sshd[12]: x message repeated 2 times: [ y]", "sshd",
		"x message repeated 2 times: [ y]", 1, 15},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct header h;

		if (!header_cut(&h, cases[i].line, strlen(cases[i].line)))
			fail_msg("not cut: %s", cases[i].line);
		assert_int_equal(h.program_len, strlen(cases[i].program));
		assert_memory_equal(h.program, cases[i].program, h.program_len);
		assert_int_equal(h.message_len, strlen(cases[i].message));
		assert_memory_equal(h.message, cases[i].message, h.message_len);
		assert_int_equal(h.repeat, cases[i].repeat);
		assert_int_equal(h.stamp.len, cases[i].date);
	}
}

static void
lines_without_a_header_are_left_alone(void **unused)
{
	static const char *const lines[] = {"", " ", "Failed password for root", "Nov  2 10:00:00",
	    "Nov  2 10:00:00 ", "Nov  2 10:00:00 host", "Nov  2 10:00:00 host no tag at all",
	    "Nov  2 10:00:00 host [12]: x", "Nov  2 10:00:00 host : x",
	    "Nov  2 10:00:00 host sshd[12", "Nov  2 10:00:00 host sshd[12]x: y",
	    "<>Nov  2 10:00:00 host sshd[12]: x", "<38Nov  2 10:00:00 host sshd[12]: x", "<38>",
	    "<34>1 ", "<34>1 2026-11-02T10:00:00Z host su",
	    "<34>1 2026-11-02T10:00:00Z host su - ID47 [a b=\"c] x",
	    "<34>1 yesterday host su - - - x", "<34>1 2026-11-02T10:00:00Zx host su - - - x",
	    "198.51.100.7 - - [21/Nov/2026:10:15:21 +0100] \"GET / HTTP/1.1\" 200 1"};

	(void)unused;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct header h;

		if (header_cut(&h, lines[i], strlen(lines[i])))
			fail_msg("cut: %s", lines[i]);
	}
}

/* Each cut-off and each mangled line, at the end of its own allocation for a sanitizer to watch. */
static void
broken_lines_stay_within_bounds(void **unused)
{
	static const char *const lines[] = {
	    "<34>1 2026-11-02T10:00:00.003Z host su 7 ID47 [a b=\"\\\"]\"][c] \xef\xbb\xbfmessage",
	    "<38>Nov  2 10:00:00 host authpriv.info /usr/sbin/sshd[12]: message repeated 5 times: "
	    "[ x]"};
	uint32_t state = 1;

	(void)unused;
	for (size_t i = 0; i < 2; i++)
		for (size_t n = 0; n <= strlen(lines[i]); n++)
			for (int round = 0; round < 40; round++) {
				char *copy = malloc(n ? n : 1);
				struct header h;

				memcpy(copy, lines[i], n);
				for (int k = 0; n && k < round % 4; k++) {
					state = state * 1103515245u + 12345;
					copy[(state >> 8) % n] = state >> 24;
				}
				if (header_cut(&h, copy, n)) {
					assert_true(h.message >= copy &&
						    h.message + h.message_len <= copy + n);
					assert_true(h.program >= copy &&
						    h.program + h.program_len <= copy + n);
					assert_true(h.repeat >= 1);
				}
				free(copy);
			}
}

static void
program_globs_fit_the_whole_name(void **unused)
{
	static const struct {
		const char *glob, *program;
		bool fits;
	} cases[] = {
	    {"sshd", "sshd", true},
	    {"sshd", "sshd-session", false},
	    {"sshd*", "sshd-session", true},
	    {"postfix*/smtpd", "postfix/smtpd", true},
	    {"postfix*/smtpd", "postfix-out/submission/smtpd", true},
	    {"postfix*/smtpd", "postfix/smtpd2", false},
	    {"*", "", true},
	    {"*", "anything", true},
	    {"?", "", false},
	    {"??", "su", true},
	    {"s?", "sum", false},
	    {"*a*b*", "xaxbx", true},
	    {"*a*b", "xaxbxab", true},
	    {"*a*b", "xbxa", false},
	    {"", "", true},
	    {"", "x", false},
	    {"sshd", "", false},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(
		    header_program_fits(cases[i].glob, cases[i].program, strlen(cases[i].program)),
		    cases[i].fits);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers_are_cut),
	    cmocka_unit_test(lines_without_a_header_are_left_alone),
	    cmocka_unit_test(broken_lines_stay_within_bounds),
	    cmocka_unit_test(program_globs_fit_the_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
