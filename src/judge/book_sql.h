/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All SQL of the book: its schema by version, and one statement per thing the judge does with it.
 * No text from outside ever becomes SQL. Times are microseconds of the epoch; addresses are blobs
 * of the family (4, 6) and the bytes in network order; a prefix is that and its length in one more
 * byte, so that all inside a prefix is one range. Rows of tallies and bans have the numbers of
 * their slots in memory: what is counted together lies together.
 */
#pragma once

#define BOOK_SCHEMA 2 /* PRAGMA user_version */

/* Brings version i to i + 1; 0 is an empty file. */
static const char *const book_migrations[BOOK_SCHEMA] = {
    "CREATE TABLE rules(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE positions(key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, moved INTEGER NOT NULL,"
    " dev INTEGER, ino INTEGER, offset INTEGER, head_hash INTEGER, head_len INTEGER,"
    " seqnum_id BLOB, boot_id BLOB, seqnum INTEGER, mono INTEGER, real INTEGER, xor_hash INTEGER);"
    "CREATE TABLE tallies(slot INTEGER PRIMARY KEY, rule INTEGER NOT NULL, source BLOB NOT NULL,"
    " events BLOB NOT NULL);"
    "CREATE TABLE bans(slot INTEGER PRIMARY KEY, rule INTEGER NOT NULL, addr BLOB NOT NULL,"
    " len INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " level INTEGER NOT NULL, points INTEGER NOT NULL, count INTEGER NOT NULL,"
    " packets INTEGER NOT NULL, bytes INTEGER NOT NULL, flags INTEGER NOT NULL, note TEXT);"
    "CREATE TABLE history(id INTEGER PRIMARY KEY, rule INTEGER NOT NULL, prefix BLOB NOT NULL,"
    " since INTEGER NOT NULL, until INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " level INTEGER NOT NULL, points INTEGER NOT NULL, count INTEGER NOT NULL,"
    " packets INTEGER NOT NULL, bytes INTEGER NOT NULL, flags INTEGER NOT NULL, note TEXT);"
    "CREATE INDEX history_prefix ON history(prefix, rule, ended);"
    "CREATE INDEX history_ended ON history(ended);",
    "CREATE TABLE gaps(key INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,"
    " print INTEGER NOT NULL, told INTEGER NOT NULL, times INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " state INTEGER NOT NULL, family INTEGER NOT NULL, proto INTEGER NOT NULL, port INTEGER NOT "
    "NULL,"
    " port_high INTEGER NOT NULL, confirmed INTEGER NOT NULL, rule TEXT NOT NULL, text TEXT NOT "
    "NULL,"
    " changer TEXT NOT NULL, PRIMARY KEY(key, since)) WITHOUT ROWID;"
    "CREATE INDEX gaps_until ON gaps(until);",
};

/* Exclusive: nobody else may use the book, and no shared memory is needed. */
#define BOOK_PRAGMAS                                                                               \
	"PRAGMA locking_mode=EXCLUSIVE;"                                                           \
	"PRAGMA journal_mode=WAL;"                                                                 \
	"PRAGMA synchronous=NORMAL;"                                                               \
	"PRAGMA cache_size=-512;"                                                                  \
	"PRAGMA mmap_size=0;"                                                                      \
	"PRAGMA temp_store=MEMORY;"                                                                \
	"PRAGMA secure_delete=ON;" /* addresses are personal data */                               \
	"PRAGMA trusted_schema=OFF;"                                                               \
	"PRAGMA cell_size_check=ON;"

enum book_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_RULE_ADD,
	SQL_RULE_ID,
	SQL_POSITION,
	SQL_TALLY,
	SQL_TALLY_GONE,
	SQL_BAN,
	SQL_BAN_GONE,
	SQL_HISTORY,
	SQL_FORMER,
	SQL_FORGET,
	SQL_FORGET_POSITIONS,
	SQL_GAP,
	SQL_FORGET_GAPS,
	SQL_STATEMENTS,
};

static const char *const book_statements[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_RULE_ADD] = "INSERT OR IGNORE INTO rules(name) VALUES(?1)",
    [SQL_RULE_ID] = "SELECT id FROM rules WHERE name=?1",
    [SQL_POSITION] =
	"REPLACE INTO positions VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [SQL_TALLY] = "REPLACE INTO tallies VALUES(?1,?2,?3,?4)",
    [SQL_TALLY_GONE] = "DELETE FROM tallies WHERE slot=?1",
    [SQL_BAN] = "REPLACE INTO bans VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [SQL_BAN_GONE] = "DELETE FROM bans WHERE slot=?1",
    [SQL_HISTORY] = "INSERT INTO history(rule,prefix,since,until,ended,level,points,count,packets,"
		    "bytes,flags,note) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    [SQL_FORMER] = "SELECT level,ended FROM history WHERE prefix=?1 AND rule=?2 AND flags&1=?3"
		   " ORDER BY ended DESC LIMIT 1",
    [SQL_FORGET] = "DELETE FROM history WHERE id IN"
		   " (SELECT id FROM history WHERE ended<?1 LIMIT 2000)",
    [SQL_FORGET_POSITIONS] = "DELETE FROM positions WHERE moved<?1",
    [SQL_GAP] = "REPLACE INTO gaps VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [SQL_FORGET_GAPS] = "DELETE FROM gaps WHERE until>0 AND until<?1",
};

/* Only at start, or on request. */
#define SQL_LOAD_RULES     "SELECT id,name FROM rules"
#define SQL_LOAD_POSITIONS "SELECT * FROM positions"
#define SQL_LAST_TALLY     "SELECT max(slot) FROM tallies"
#define SQL_LAST_BAN       "SELECT max(slot) FROM bans"
#define SQL_COUNT_BANS     "SELECT count(*) FROM bans"
#define SQL_LOAD_TALLIES   "SELECT slot,rule,source,events FROM tallies ORDER BY slot"
#define SQL_LOAD_BANS      "SELECT * FROM bans ORDER BY slot"
#define SQL_COUNT_HISTORY  "SELECT count(*) FROM history"
#define SQL_LOAD_FORMERS   "SELECT prefix FROM history" /* by its index alone */
#define SQL_HISTORY_INSIDE                                                                         \
	"SELECT h.id,r.name,h.prefix,h.since,h.until,h.ended,h.level,h.points,h.count,h.packets,"  \
	"h.bytes,h.flags,h.note FROM history h JOIN rules r ON r.id=h.rule"                        \
	" WHERE h.prefix>=?1 AND h.prefix<=?2 AND h.id<?3 ORDER BY h.id DESC LIMIT ?4"
#define SQL_GAPS_STANDING "SELECT * FROM gaps WHERE until=0 ORDER BY since DESC LIMIT ?1"
#define SQL_GAPS_ALL      "SELECT * FROM gaps ORDER BY since DESC LIMIT ?1"
#define SQL_HISTORY_OF                                                                             \
	"SELECT h.id,r.name,h.prefix,h.since,h.until,h.ended,h.level,h.points,h.count,h.packets,"  \
	"h.bytes,h.flags,h.note FROM history h JOIN rules r ON r.id=h.rule"                        \
	" WHERE h.prefix=?1 ORDER BY h.id DESC LIMIT ?2"
