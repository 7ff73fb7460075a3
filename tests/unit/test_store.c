/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The herald's store: transactions, a disk that fails and comes back, a damaged file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "herald/store.h"

#define SCHEMA "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, text TEXT)"
#define ADD    "INSERT INTO t(text) VALUES(?1)"
#define COUNT  "SELECT count(*) FROM t"

struct world {
	char dir[96], file[128];
	struct event_base *base;
	struct store *store;
};

static void
open_store(struct world *w)
{
	assert_int_equal(store_new(&w->store, w->base, w->dir), 0);
	assert_int_equal(store_schema(w->store, SCHEMA), 0);
}

static void
open_again(struct world *w)
{
	store_free(w->store);
	open_store(w);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	signal(SIGXFSZ, SIG_IGN);
	strcpy(w->dir, "/tmp/guardd-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->file, sizeof(w->file), "%s/" STORE_FILE, w->dir);
	w->base = event_base_new();
	open_store(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char command[160];

	store_free(w->store);
	event_base_free(w->base);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static int
add(struct world *w, const char *text)
{
	sqlite3_stmt *s = store_statement(w->store, ADD);

	assert_non_null(s);
	sqlite3_bind_text(s, 1, text, -1, SQLITE_TRANSIENT);
	return store_run(w->store, s);
}

static int
count(struct world *w)
{
	sqlite3_stmt *s = store_statement(w->store, COUNT);

	assert_non_null(s);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	return sqlite3_column_int(s, 0);
}

/* No file of this process grows past so many bytes; 0: as far as it likes. */
static void
disk_of(rlim_t bytes)
{
	struct rlimit now;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
	now.rlim_cur = bytes ? bytes : now.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static void
test_a_turn_is_one_transaction(void **state)
{
	struct world *w = *state;
	sqlite3 *other;

	assert_int_equal(add(w, "a"), 0);
	assert_int_equal(add(w, "b"), 0);
	assert_int_equal(sqlite3_open(w->file, &other), SQLITE_OK);
	/* Exclusive: nobody else can read it. */
	assert_int_not_equal(sqlite3_exec(other, COUNT, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_null(store_trouble(w->store));
	open_again(w);
	assert_int_equal(count(w), 2);
}

static void
test_commit_writes_now(void **state)
{
	struct world *w = *state;
	char copy[160], command[512];
	sqlite3 *db;
	sqlite3_stmt *s;

	assert_int_equal(add(w, "a"), 0);
	assert_int_equal(store_commit(w->store), 0);
	assert_int_equal(add(w, "not yet"), 0);
	/* As if the process were killed: what is in the files is what there is. */
	snprintf(copy, sizeof(copy), "%s/copy", w->dir);
	snprintf(command, sizeof(command), "mkdir %s && cp %s* %s", copy, w->file, copy);
	assert_int_equal(system(command), 0);
	strcat(copy, "/" STORE_FILE);
	assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, COUNT, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), 1);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static void
test_a_full_disk_loses_nothing(void **state)
{
	struct world *w = *state;
	char big[3000];
	int n = 0;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(add(w, "before"), 0);
	assert_int_equal(store_commit(w->store), 0);
	disk_of(200 << 10);
	/* In turns of several statements, over the point where it fails. */
	while (n < 300) {
		for (int i = 0; i < 7; i++, n++)
			assert_int_equal(add(w, big), 0);
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
	assert_non_null(store_trouble(w->store));
	assert_non_null(strstr(store_trouble(w->store), "cannot be written"));
	assert_int_equal(count(w), n + 1);
	assert_int_equal(add(w, "in memory"), 0);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	/* There is room again. */
	disk_of(0);
	assert_int_equal(store_try_disk(w->store), 0);
	assert_null(store_trouble(w->store));
	assert_int_equal(count(w), n + 2);
	open_again(w);
	assert_int_equal(count(w), n + 2);
}

/* One turn whose pages do not fit into the cache: written before the commit, refused in its midst.
 */
static void
test_a_large_turn_loses_nothing(void **state)
{
	struct world *w = *state;
	char big[3000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	disk_of(300 << 10);
	for (int i = 0; i < 600; i++)
		assert_int_equal(add(w, big), 0);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	disk_of(0);
	assert_non_null(store_trouble(w->store));
	assert_int_equal(count(w), 600);
}

static void
test_values_are_done_again_as_they_were(void **state)
{
	static const char odd[] = "it's; \"x\" -- \xc3\xa9\n?1 :a";
	struct world *w = *state;
	sqlite3_stmt *s;

	disk_of(1);
	assert_int_equal(add(w, odd), 0);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	disk_of(0);
	assert_non_null(store_trouble(w->store));
	s = store_statement(w->store, "SELECT text FROM t");
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 0), odd);
}

static void
test_an_error_of_the_statement_is_no_trouble(void **state)
{
	struct world *w = *state;

	assert_null(store_statement(w->store, "INSERT INTO nowhere VALUES(1)"));
	assert_int_equal(
	    store_run(w->store, store_statement(w->store, "INSERT INTO t VALUES(1,'a')")), 0);
	assert_int_equal(
	    store_run(w->store, store_statement(w->store, "INSERT INTO t VALUES(1,'b')")), -EEXIST);
	assert_null(store_trouble(w->store));
	assert_int_equal(add(w, "c"), 0);
	open_again(w);
	assert_int_equal(count(w), 2);
}

static void
spoil(const struct world *w, off_t at)
{
	_cleanup_(closep) int fd = open(w->file, O_WRONLY);
	static const char rubbish[4096] = "rubbish";

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), at), sizeof(rubbish));
}

static void
test_a_damaged_file_is_set_aside(void **state)
{
	struct world *w = *state;
	char command[256];

	for (int i = 0; i < 500; i++)
		assert_int_equal(add(w, "some text that fills pages"), 0);
	for (int page = 0; page < 2; page++) {
		store_free(w->store);
		spoil(w, page * 4096);
		open_store(w);
		assert_non_null(store_trouble(w->store));
		assert_non_null(strstr(store_trouble(w->store), "was damaged"));
		assert_int_equal(count(w), 0);
		for (int i = 0; i < 500; i++)
			assert_int_equal(add(w, "some text that fills pages"), 0);
	}
	snprintf(command, sizeof(command), "test $(ls %s.damaged-* | grep -vc wal) = 2", w->file);
	assert_int_equal(system(command), 0);
	open_again(w);
	assert_null(store_trouble(w->store));
	assert_int_equal(count(w), 500);
}

static void
test_without_a_directory_it_is_in_memory(void **state)
{
	struct world *w = *state, other = {.base = w->base};

	snprintf(other.dir, sizeof(other.dir), "%.64s/none", w->dir);
	open_store(&other);
	assert_non_null(store_trouble(other.store));
	assert_int_equal(add(&other, "a"), 0);
	assert_int_equal(count(&other), 1);
	assert_true(store_try_disk(other.store) < 0);
	assert_int_equal(mkdir(other.dir, 0700), 0);
	assert_int_equal(store_try_disk(other.store), 0);
	open_again(&other);
	assert_int_equal(count(&other), 1);
	store_free(other.store);
}

static void
test_a_file_for_its_owner_alone(void **state)
{
	struct world *w = *state;
	struct stat st;

	assert_int_equal(stat(w->file, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_a_turn_is_one_transaction),
	    TEST(test_commit_writes_now), TEST(test_a_full_disk_loses_nothing),
	    TEST(test_a_large_turn_loses_nothing), TEST(test_values_are_done_again_as_they_were),
	    TEST(test_an_error_of_the_statement_is_no_trouble),
	    TEST(test_a_damaged_file_is_set_aside), TEST(test_without_a_directory_it_is_in_memory),
	    TEST(test_a_file_for_its_owner_alone)};

	umask(077);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
