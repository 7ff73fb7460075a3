/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fail2ban's database: its bans as JSON lines; what is damaged, no database at all, or made to be
 * endless is an error in words.
 */
#include "conf/fail2ban_history.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW (INT64_C(1795000000) * USEC_PER_SEC)

static const char tables[] =
    "CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime "
    "INTEGER NOT NULL, bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail));"
    "CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER);";

static char path[64];

/* What is read of the database that sql makes; size 0: whole, else cut there. */
static int
read_of(const char *sql, off_t size, struct strbuf *out)
{
	struct f2b_history h;
	const char *why;
	sqlite3 *db;
	int r;

	strcpy(path, "/tmp/guardd-history-XXXXXX");
	close(mkstemp(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	if (size)
		assert_int_equal(truncate(path, size), 0);
	assert_int_equal(f2b_history_load(&h, path, &why), 0);
	r = f2b_history_run(&h, NOW, out);
	f2b_history_fini(&h);
	unlink(path);
	return r;
}

static void
bans_are_read_with_their_ends_and_counts(void **unused)
{
	struct strbuf out = {0}, sql = {0};

	(void)unused;
	strbuf_printf(&sql, "%s%s", tables,
	    "INSERT INTO bips VALUES('203.0.113.7','sshd',1794999900,600,3,NULL);"
	    "INSERT INTO bips VALUES('2001:db8::7','sshd',1794990000,600,0,NULL);"
	    "INSERT INTO bips VALUES('203.0.113.9','mail',1794990001,-1,99999999,NULL);"
	    "INSERT INTO bips VALUES('root','mail',1794990002,600,1,NULL);"
	    "INSERT INTO bips VALUES('203.0.113.10',x'00',1794990002,600,1,NULL);"
	    "INSERT INTO bips "
	    "VALUES('203.0.113.11','mail',9223372036854775807,9223372036854775807,1,NULL);"
	    "INSERT INTO logs VALUES('sshd','/var/log/auth.log',"
	    "'84983e441c3bd26ebaae4aa1f95129e5e54670f1',77);"
	    "INSERT INTO logs VALUES('mail','/var/log/mail.log','',0);"
	    "PRAGMA journal_mode=WAL");
	assert_int_equal(read_of(sql.text, 0, &out), 0);
	assert_string_equal(out.text,
	    "{\"type\":\"ban\",\"jail\":\"sshd\",\"address\":\"2001:db8::7\",\"since\":1794990000,"
	    "\"until\":1794990600,\"holds\":false,\"count\":1}\n"
	    "{\"type\":\"ban\",\"jail\":\"mail\",\"address\":\"203.0.113.9\",\"since\":1794990001,"
	    "\"until\":-1,\"holds\":true,\"count\":65535}\n"
	    "{\"type\":\"ban\",\"jail\":\"sshd\",\"address\":\"203.0.113.7\",\"since\":1794999900,"
	    "\"until\":1795000500,\"holds\":true,\"count\":3}\n"
	    "{\"type\":\"log\",\"jail\":\"sshd\",\"path\":\"/var/log/auth.log\","
	    "\"head\":\"84983e441c3bd26ebaae4aa1f95129e5e54670f1\",\"offset\":77}\n"
	    "{\"type\":\"log\",\"jail\":\"mail\",\"path\":\"/var/log/mail.log\",\"head\":\"\","
	    "\"offset\":0}\n"
	    "{\"type\":\"end\",\"strangers\":1,\"senseless\":2}\n");
	strbuf_fini(&sql);
	strbuf_fini(&out);
}

static void
older_databases_have_all_bans(void **unused)
{
	struct strbuf out = {0};

	(void)unused;
	assert_int_equal(
	    read_of(
		"CREATE TABLE bans(jail TEXT, ip TEXT, timeofban INTEGER, bantime INTEGER, "
		"bancount INTEGER, data JSON);"
		"CREATE TABLE logs(jail TEXT, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER);"
		"INSERT INTO bans VALUES('a','203.0.113.7',1794999000,600,1,NULL);"
		"INSERT INTO bans VALUES('a','203.0.113.7',1794999900,1200,2,NULL);",
		0, &out),
	    0);
	assert_string_equal(out.text,
	    "{\"type\":\"ban\",\"jail\":\"a\",\"address\":\"203.0.113.7\",\"since\":1794999900,"
	    "\"until\":1795001100,\"holds\":true,\"count\":2}\n"
	    "{\"type\":\"end\",\"strangers\":0,\"senseless\":0}\n");
	strbuf_fini(&out);
}

static void
what_is_wrong_is_said(void **unused)
{
	static const struct {
		const char *sql;
		off_t size;
		const char *says;
	} cases[] = {
	    {"CREATE TABLE other(x)", 0, "no such table: bans"},
	    {tables, 3000, "malformed"},
	    {tables, 50, "malformed"},
	    /* A view in the table's place that never ends. */
	    {"CREATE VIEW bips AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
	     "SELECT '203.0.113.7' ip, 'a' jail, i timeofban, 1 bantime, 1 bancount FROM n",
		0, "no such table: bans"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct strbuf out = {0};

		assert_int_equal(read_of(cases[i].sql, cases[i].size, &out), 1);
		if (!strstr(out.text, cases[i].says))
			print_error("%zu: %s\n", i, out.text);
		assert_non_null(strstr(out.text, cases[i].says));
		assert_non_null(strstr(out.text, "{\"type\":\"end\""));
		strbuf_fini(&out);
	}
}

static void
files_that_cannot_be_taken(void **unused)
{
	struct f2b_history h;
	const char *why;
	char log[80];

	(void)unused;
	assert_int_equal(f2b_history_load(&h, "/nonexistent", &why), -ENOENT);
	assert_int_equal(f2b_history_load(&h, "/tmp", &why), -EINVAL);
	strcpy(path, "/tmp/guardd-history-XXXXXX");
	close(mkstemp(path));
	snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(symlink("/etc/passwd", log), 0);
	assert_int_equal(f2b_history_load(&h, path, &why), -EBUSY);
	assert_non_null(strstr(why, "log beside it"));
	unlink(log);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bans_are_read_with_their_ends_and_counts),
	    cmocka_unit_test(older_databases_have_all_bans),
	    cmocka_unit_test(what_is_wrong_is_said),
	    cmocka_unit_test(files_that_cannot_be_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
