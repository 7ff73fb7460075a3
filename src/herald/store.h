/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What survives the herald, in one SQLite file of its state directory: alerts and their queue, what
 * is to be given to the fleet, how far its streams were read. Comes in: statements of the parts,
 * each about its own tables. Goes out: rows. Bounded by the parts. A file that cannot be used is
 * set aside; without a disk everything goes on in memory, and store_trouble says so.
 */
#pragma once

#include <sqlite3.h>

#include "herald/herald.h"

#define STORE_FILE "herald.db"

struct store;

/* dir: path of the state directory. Opens the file, or one in memory. -ENOMEM. */
int store_new(struct store **out, struct event_base *base, const char *dir);
void store_free(struct store *s);
/* NULL: none; else why what is kept is lost with this process. */
const char *store_trouble(const struct store *s);
/* Goes back to the file from memory, as is tried once a minute. Negative errno: it cannot be. */
int store_try_disk(struct store *s);
/* Makes tables ("CREATE TABLE IF NOT EXISTS ..."). Negative errno. */
int store_schema(struct store *s, const char *sql);
/* A statement, prepared once and kept; reset and without bindings. NULL: it cannot be (no memory).
 * It is the store's, and holds until the next call of a function of this header but store_run. */
sqlite3_stmt *store_statement(struct store *s, const char *sql);
/* Runs one that gives no rows. Negative errno. */
int store_run(struct store *s, sqlite3_stmt *statement);
/* Everything until the end of the event loop's turn is one transaction; begun by itself before the
 * first change when a part says so here. */
void store_begin(struct store *s);
/* Writes now what was begun: before something goes out that must not be lost or doubled. */
int store_commit(struct store *s);
