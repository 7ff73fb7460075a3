/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of the fleet share: the whole (fleet.c), what this host tells and reads now and
 * then (fleet_tell.c), the bans it takes (fleet_take.c), its report (fleet_report.c). Comes in and
 * goes out: see herald/fleet.h, which bounds it, too.
 */
#pragma once

#include <sys/stat.h>

#include "herald/fleet.h"
#include "herald/fleet_entry.h"
#include "herald/fleet_given.h"
#include "herald/fleet_hosts.h"
#include "herald/redis.h"
#include "herald/sign.h"

#define FLEET_KEY_MAX 80  /* bytes of a stream's name with its NUL */
#define FLEET_BATCH   100 /* entries of one reply: as many reports fit into FLEET_REPLY */

/* What can be wrong; the first that is, is told. */
enum fleet_wrong {
	WRONG_FILES,   /* keys_file, sign_file */
	WRONG_READING, /* the connection that waits for bans */
	WRONG_TELLING, /* the other one */
	WRONG_NAME,    /* another host has our name */
	WRONG_IDS,     /* ids of the streams are of a time to come */
	WRONG_SERIALS, /* a host says what it said before */
	WRONG_FULL,    /* more bans, or hosts, than can be known */
	WRONG_VERSION, /* entries that are not known here */
	WRONGS,
};

struct tell;
struct take;

struct fleet_trouble {
	char words[REDIS_WHY_MAX]; /* "": nothing is wrong */
	usec_t since;              /* real time */
	usec_t last;               /* monotonic: said again */
	usec_t told;               /* monotonic: written to the log; 0: never */
	bool untold;               /* these words were not */
	bool raised;               /* an alert stands */
	bool settled;              /* none of a former life stands */
};

struct fleet {
	struct herald *herald;
	const struct image_fleet *config;
	const char *name; /* of this host */
	char server[300]; /* for people */
	char bans_key[FLEET_KEY_MAX], hosts_key[FLEET_KEY_MAX];
	struct redis_config redis;
	struct signer *signer;   /* NULL: nothing is signed */
	struct keyring *keyring; /* NULL: all are believed */
	struct given *given;
	struct hosts *hosts;
	struct tell *tell;
	struct take *take;
	struct fleet_counts counts;
	struct fleet_trouble wrong[WRONGS];
	struct event *tick;
	struct stat sign_stat, keys_stat; /* of the files as they were read */
	usec_t swept;                     /* monotonic */
	uint64_t server_ms;               /* the newest id's time that the server gave */
	struct strbuf signed_text;
	struct strbuf reports[2]; /* lent by fleet_find_host */
	unsigned next_report;
};

/* --- fleet.c --- */

/* words NULL: it is well (again). */
void fleet_wrong(struct fleet *f, enum fleet_wrong what, const char *words);
/* The stream was lost there: all is given again, and read from its beginning. */
void fleet_emptied(struct fleet *f, const char *how);
/* What hosts said of bans is believed once more, when it is read again. */
void fleet_forget_serials(struct fleet *f);
/* Both kinds of files were read without trouble. */
bool fleet_has_files(const struct fleet *f);
/* This host reports so often: the more hosts there are, the less. */
usec_t fleet_period(const struct fleet *f);
/* So long reports and probes stay in the stream. */
usec_t fleet_hosts_keep(const struct fleet *f);
/* Counted, and told as an alert; host "": not known. */
void fleet_forged(struct fleet *f, const char *host, const char *why);

/* --- fleet_believe.c --- */

enum fleet_belief {
	BELIEVED,     /* entry and host are set */
	BELIEVED_OWN, /* what this host said */
	BELIEVED_NOT, /* counted, told, but for own ones of before there was a key */
};
/* What the server has in stream as the entry id. */
enum fleet_belief fleet_believe(struct fleet *f, enum hosts_stream stream,
    const struct entry_id *id, const struct value *fields, struct entry *e, struct host **host);
/* id is one of the server's; fresh: made right now. */
void fleet_note_id(struct fleet *f, const struct entry_id *id, bool fresh);
/* Real time of an id; the second never says a time to come. */
usec_t fleet_time_of(const struct entry_id *id);
usec_t fleet_heard_at(const struct entry_id *id);
/* Writes the entry's line, and its signature ("" without a key), for stream. -ENOMEM. */
int fleet_write_entry(struct fleet *f, enum hosts_stream stream, const struct entry *e,
    struct strbuf *line, char signature[static SIGN_TEXT]);
const char *fleet_key(const struct fleet *f, enum hosts_stream stream);
/* An entry of XREAD's answer, the list of streams with one stream in it: id and fields of entry i.
 * False: there is none; *wrong: the answer is not of this form. */
bool fleet_entry_at(const struct value *v, uint32_t i, struct entry_id *id,
    const struct value **fields, bool *wrong);

/* --- fleet_tell.c --- */

int tell_new(struct tell **out, struct fleet *f);
void tell_free(struct tell *t);
/* There may be something to tell. */
void tell_wake(struct tell *t);
/* A report is to be told: now, or a while after the last one. */
void tell_report(struct tell *t);
void tell_probe(struct tell *t, const char *target, const char *json);
/* Reads the hosts' stream, if that was not done for this long. */
void tell_look(struct tell *t, usec_t old);
/* The hosts' stream was lost: it is read from its beginning, a report is told, bans are given
 * again. */
void tell_emptied(struct tell *t);
bool tell_is_looking(const struct tell *t);
/* When the server answered last, real time; 0: it did not. */
usec_t tell_heard(const struct tell *t);

/* --- fleet_take.c --- */

int take_new(struct take **out, struct fleet *f);
void take_free(struct take *t);
/* Reads, if files and judge are there. */
void take_wake(struct take *t);
/* The judge forgot what it was asked. */
void take_ask_again(struct take *t);
void take_answer(struct take *t, uint32_t id, enum taken_status status);
void take_room(struct take *t);
/* Reads the stream from its beginning. */
void take_from_start(struct take *t);
bool take_is_up(const struct take *t);
usec_t take_heard(const struct take *t);
/* The judge has not answered all that was believed. */
bool take_is_open(const struct take *t);

/* --- fleet_report.c --- */

/* JSON of at most FLEET_REPORT_MAX bytes. */
void report_write(struct fleet *f, usec_t now, struct strbuf *out);
/* Changes when the exposure does. */
uint64_t report_print(const struct fleet *f);
