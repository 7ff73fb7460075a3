/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_history.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/json_write.h"

/* SQLite's locks, sqlite3.c "os_unix.c": a reader has a shared one on some bytes past the first
 * GiB. */
#define LOCK_PENDING     0x40000000
#define LOCK_SHARED      (LOCK_PENDING + 2)
#define LOCK_SHARED_SIZE 510
#define LOCK_TRIES       50
#define LOCK_PAUSE       100000 /* microseconds */

#define HEADER     100 /* bytes of the file's header */
#define STEPS_ONCE 100000
#define NAME_MOST  128 /* bytes of a jail's name */
#define SUM_MOST   40
#define TIME_MOST  (INT64_C(1) << 36) /* seconds: past it a time makes no sense */
#define COUNT_MOST 65535

struct run {
	sqlite3 *db;
	struct strbuf *out;
	usec_t now;
	uint64_t steps;
	size_t strangers; /* rows without an address */
	size_t senseless;
};

static int
lock_shared(int fd)
{
	struct flock l = {.l_type = F_RDLCK,
	    .l_whence = SEEK_SET,
	    .l_start = LOCK_SHARED,
	    .l_len = LOCK_SHARED_SIZE};

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(fd, F_SETLK, &l) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		usleep(LOCK_PAUSE);
	}
	return -EBUSY;
}

/* Changes that are not in the file itself yet. */
static bool
has_log(const char *path)
{
	static const char *const ends[] = {"-wal", "-journal"};

	for (size_t i = 0; i < 2; i++) {
		_cleanup_(freep) char *name = NULL;
		struct stat st;

		if (asprintf(&name, "%s%s", path, ends[i]) >= 0 && stat(name, &st) == 0 &&
		    st.st_size > 0)
			return true;
	}
	return false;
}

static int
read_all(int fd, struct f2b_history *h, size_t n)
{
	h->bytes = sqlite3_malloc64(n + 1);
	if (!h->bytes)
		return -ENOMEM;
	while (h->n < n) {
		ssize_t got = pread(fd, h->bytes + h->n, n - h->n, (off_t)h->n);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		h->n += (size_t)got;
	}
	return 0;
}

int
f2b_history_load(struct f2b_history *h, const char *path, const char **why)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	*h = (struct f2b_history){.path = path};
	/* It asks the system for random numbers at its first use. */
	sqlite3_initialize();
	sqlite3_randomness(1, &(char){0});
	if (fd < 0 || fstat(fd, &st) < 0) {
		*why = strerror(errno);
		return -errno;
	}
	*why = "no regular file";
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*why = "larger than 256 MiB";
	if (st.st_size > HISTORY_SIZE)
		return -EFBIG;
	*why = "it has changes in a log beside it: stop its program, or copy it with SQLite's "
	       "'.backup'";
	if (has_log(path))
		return -EBUSY;
	*why = "somebody is writing into it all the time";
	r = lock_shared(fd);
	if (r == 0 && fstat(fd, &st) == 0 && st.st_size <= HISTORY_SIZE)
		r = read_all(fd, h, (size_t)st.st_size);
	if (r < 0 && r != -EBUSY)
		*why = strerror(-r);
	return r;
}

void
f2b_history_fini(struct f2b_history *h)
{
	sqlite3_free(h->bytes);
	*h = (struct f2b_history){0};
}

static int
on_steps(void *ctx)
{
	struct run *r = ctx;

	r->steps += STEPS_ONCE;
	return r->steps > HISTORY_STEPS;
}

static int
fail(struct run *r, const char *what)
{
	struct json j;

	json_begin(&j, r->out);
	json_text(&j, "type", "error");
	json_text(&j, "text", what);
	json_end(&j);
	return 1;
}

/* A copy that only this run sees, with all that a schema could do by itself switched off. */
static int
open_copy(struct run *r, struct f2b_history *h)
{
	/* "WAL" in the header would ask for files beside it; there was no log. */
	if (h->n >= HEADER)
		h->bytes[18] = h->bytes[19] = 1;
	if (sqlite3_open_v2(":memory:", &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL) !=
	    SQLITE_OK)
		return -ENOMEM;
	sqlite3_progress_handler(r->db, STEPS_ONCE, on_steps, r);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_limit(r->db, SQLITE_LIMIT_LENGTH, 16 << 20);
	/* From here on the bytes are SQLite's, whether it takes them or not. */
	if (sqlite3_deserialize(r->db, "main", h->bytes, (sqlite3_int64)h->n, (sqlite3_int64)h->n,
		SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY) != SQLITE_OK) {
		h->bytes = NULL;
		return -EBADMSG;
	}
	h->bytes = NULL;
	return sqlite3_exec(r->db, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", NULL,
		   NULL, NULL) == SQLITE_OK
		   ? 0
		   : -EBADMSG;
}

/* Text of a column, NULL when it is none that makes sense. */
static const char *
text_of(sqlite3_stmt *s, int column, size_t most)
{
	const char *text = sqlite3_column_type(s, column) == SQLITE_TEXT
			       ? (const char *)sqlite3_column_text(s, column)
			       : NULL;
	size_t n = text ? strlen(text) : 0;

	return n > 0 && n <= most && (size_t)sqlite3_column_bytes(s, column) == n ? text : NULL;
}

/* jail, ip, timeofban, bantime, bancount */
static void
take_ban(struct run *r, sqlite3_stmt *s)
{
	const char *jail = text_of(s, 0, NAME_MOST), *ip = text_of(s, 1, NAME_MOST);
	int64_t since = sqlite3_column_int64(s, 2), span = sqlite3_column_int64(s, 3),
		count = sqlite3_column_int64(s, 4);
	char text[ADDR_TEXT_MAX];
	struct prefix p;
	struct json j;

	if (!jail || since < 0 || since > TIME_MOST || span > TIME_MOST) {
		r->senseless++;
		return;
	}
	if (!ip || prefix_parse(&p, ip, strlen(ip)) < 0 || !prefix_is_host(&p)) {
		r->strangers++;
		return;
	}
	json_begin(&j, r->out);
	json_text(&j, "type", "ban");
	json_text(&j, "jail", jail);
	json_text(&j, "address", prefix_format(&p, text));
	json_int(&j, "since", since);
	/* -1 is for good; other negative ones it made of databases that did not have the column. */
	json_int(&j, "until", span == -1 ? -1 : since + (span > 0 ? span : 0));
	json_bool(&j, "holds", span == -1 || (since + span) * USEC_PER_SEC > r->now);
	json_int(&j, "count", count < 1 ? 1 : count > COUNT_MOST ? COUNT_MOST : count);
	json_end(&j);
}

/* jail, path, firstlinemd5 (which is SHA-1 with Python 3; empty: there was no line), lastfilepos */
static void
take_log(struct run *r, sqlite3_stmt *s)
{
	const char *jail = text_of(s, 0, NAME_MOST), *path = text_of(s, 1, 1024),
		   *head = text_of(s, 2, SUM_MOST);
	int64_t at = sqlite3_column_int64(s, 3);
	struct json j;

	if (!jail || !path || at < 0)
		return;
	json_begin(&j, r->out);
	json_text(&j, "type", "log");
	json_text(&j, "jail", jail);
	json_text(&j, "path", path);
	json_text(&j, "head", head ? head : "");
	json_int(&j, "offset", at);
	json_end(&j);
}

static int
each_row(struct run *r, const char *sql, void (*take)(struct run *r, sqlite3_stmt *s))
{
	sqlite3_stmt *s = NULL;
	int e = sqlite3_prepare_v2(r->db, sql, -1, &s, NULL);

	for (unsigned n = 0; e == SQLITE_OK || e == SQLITE_ROW; n++) {
		e = n < HISTORY_ROWS ? sqlite3_step(s) : SQLITE_TOOBIG;
		if (e == SQLITE_ROW)
			take(r, s);
	}
	sqlite3_finalize(s);
	return e;
}

static void
have(struct run *r, sqlite3_stmt *s)
{
	r->senseless += sqlite3_column_int(s, 0) > 0;
}

static bool
has_table(struct run *r, const char *sql)
{
	bool found;

	r->senseless = 0;
	found = each_row(r, sql, have) == SQLITE_DONE && r->senseless > 0;
	r->senseless = 0;
	return found;
}

/* The newer table has one row of each address and jail; the older one all bans. */
static int
bans(struct run *r)
{
	if (has_table(r, "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name='bips'"))
		return each_row(r,
		    "SELECT jail, ip, timeofban, bantime, bancount FROM bips ORDER BY timeofban",
		    take_ban);
	return each_row(r,
	    "SELECT jail, ip, max(timeofban), bantime, bancount FROM bans GROUP BY jail, ip "
	    "ORDER BY timeofban",
	    take_ban);
}

static void
tell_left_out(struct run *r)
{
	struct json j;

	json_begin(&j, r->out);
	json_text(&j, "type", "end");
	json_int(&j, "strangers", (int64_t)r->strangers);
	json_int(&j, "senseless", (int64_t)r->senseless);
	json_end(&j);
}

int
f2b_history_run(struct f2b_history *h, usec_t now, struct strbuf *out)
{
	struct run r = {.out = out, .now = now};
	int e = open_copy(&r, h), status = 0;

	if (e == 0)
		e = bans(&r);
	else
		e = SQLITE_NOTADB;
	if (e == SQLITE_INTERRUPT)
		status = fail(&r, "it would take too long to read");
	else if (e == SQLITE_TOOBIG)
		status = fail(&r, "it holds too many bans; the first are taken");
	else if (e != SQLITE_DONE)
		status = fail(&r,
		    r.db && e != SQLITE_NOTADB ? sqlite3_errmsg(r.db) : "it is no SQLite database");
	if (status == 0 && each_row(&r, "SELECT jail, path, firstlinemd5, lastfilepos FROM logs",
			       take_log) != SQLITE_DONE)
		status = fail(&r, sqlite3_errmsg(r.db));
	tell_left_out(&r);
	sqlite3_close(r.db);
	return status;
}
