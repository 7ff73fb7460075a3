/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "herald/secret.h"
#include "herald/sign.h"

/* The first test of RFC 8032, 7.1: its secret key in PKCS 8, its public key. */
static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
static const char public_key[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
static const char of_nothing[] =
    "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv1"
    "8FlbviRlUUFDjnoQCw==";

static char why[300];

/* A file with this content and mode, its path in a buffer that the next call uses again. */
static const char *
file(const char *text, mode_t mode)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/guardd-unit-secret.%d", getpid());
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	why[0] = '\0';
	return path;
}

static void
test_signs(void **state)
{
	char text[SIGN_TEXT];
	struct signer *s;

	(void)state;
	assert_int_equal(signer_new(&s, file(private_key, 0600), why, sizeof(why)), 0);
	assert_string_equal(signer_public(s), public_key);
	assert_int_equal(signer_sign(s, "", 0, text), 0);
	assert_string_equal(text, of_nothing);
	signer_free(s);
}

static void
test_verifies(void **state)
{
	static const char keys[] =
	    "# hosts\n\nweb1 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    "  web2\tPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw= # its second key\n"
	    "web2 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\r\n"
	    "web3 PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
	const size_t n = sizeof(of_nothing) - 1;
	struct keyring *k;
	char changed[sizeof(of_nothing)];

	(void)state;
	assert_int_equal(keyring_new(&k, file(keys, 0644), why, sizeof(why)), 0);
	assert_true(keyring_knows(k, "web3"));
	assert_false(keyring_knows(k, "web"));
	assert_true(keyring_verify(k, "web1", "", 0, of_nothing, n));
	assert_true(keyring_verify(k, "web2", "", 0, of_nothing, n));
	assert_false(keyring_verify(k, "web3", "", 0, of_nothing, n));
	assert_false(keyring_verify(k, "web4", "", 0, of_nothing, n));
	assert_false(keyring_verify(k, "web1", "x", 1, of_nothing, n));
	assert_false(keyring_verify(k, "web1", "", 0, of_nothing, n - 1));
	assert_false(keyring_verify(k, "web1", "", 0, "", 0));
	for (size_t i = 0; i < n; i++) {
		memcpy(changed, of_nothing, sizeof(changed));
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		assert_false(keyring_verify(k, "web1", "", 0, changed, n));
		changed[i] = '\n';
		assert_false(keyring_verify(k, "web1", "", 0, changed, n));
	}
	keyring_free(k);
}

static void
test_wrong_key_files(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
	    {"web1\n", "line 1 is not NAME BASE64"},
	    {"web1 x y\n", "line 1 is not NAME BASE64"},
	    {"#\nweb1 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo\n", "line 2 has no public key"},
	    {"web1 !!qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n", "line 1 has no public key"},
	    {"0123456789012345678901234567890123456789012345678901234567890123 x\n", "too long"},
	    {"", "is empty"},
	};
	struct keyring *k;
	struct signer *s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(keyring_new(&k, file(cases[i].text, 0644), why, sizeof(why)) < 0);
		if (!strstr(why, cases[i].words))
			fail_msg("'%s' is not in '%s'", cases[i].words, why);
	}
	assert_true(signer_new(&s, file("no key\n", 0600), why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "openssl genpkey"));
}

static void
test_modes(void **state)
{
	static const struct {
		mode_t mode;
		enum secret_kind kind;
		const char *words; /* NULL: it is read */
	} cases[] = {
	    {0600, SECRET, NULL},
	    {0400, SECRET, NULL},
	    {0640, SECRET, NULL}, /* our own group's */
	    {0644, SECRET, "open to all users"},
	    {0601, SECRET, "open to all users"},
	    {0602, SECRET, "open to all users"},
	    {0660, SECRET, "written by its group"},
	    {0644, SECRET_PUBLIC, NULL},
	    {0664, SECRET_PUBLIC, "written by others"},
	    {0646, SECRET_PUBLIC, "written by others"},
	};
	_cleanup_(secret_wipe) struct strbuf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int r = secret_read(
		    cases[i].kind, file("text", cases[i].mode), 100, &out, why, sizeof(why));

		assert_int_equal(r == 0, cases[i].words == NULL);
		if (cases[i].words && !strstr(why, cases[i].words))
			fail_msg("%o: %s", cases[i].mode, why);
	}
	assert_true(secret_read(SECRET, "/nowhere/at/all", 100, &out, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "No such file"));
	assert_true(secret_read(SECRET, "/tmp", 100, &out, why, sizeof(why)) < 0);
	assert_true(secret_read(SECRET, "/dev/null", 100, &out, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "regular"));
	assert_int_equal(
	    secret_read(SECRET, file("12345", 0600), 4, &out, why, sizeof(why)), -EFBIG);
}

static void
test_lines(void **state)
{
	_cleanup_(secret_wipe) struct strbuf out = {0};

	(void)state;
	assert_int_equal(
	    secret_read_line(file("pass word\r\nmore\n", 0600), 100, &out, why, sizeof(why)), 0);
	assert_string_equal(out.text, "pass word");
	assert_int_equal(out.len, 9);
	assert_int_equal(
	    secret_read_line(file("\nx", 0600), 100, &out, why, sizeof(why)), -ENODATA);
}

static int
clean_up(void **state)
{
	(void)state;
	unlink(file("", 0600));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signs),
	    cmocka_unit_test(test_verifies),
	    cmocka_unit_test(test_wrong_key_files),
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, clean_up);
}
