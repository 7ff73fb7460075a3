/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every record that crosses a wall between processes, and who may send it to whom. Fixed layout,
 * host byte order (both ends are one build on one machine). Comes in only through wire/chan, which
 * ends a peer that sends anything not in msg_table.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

enum role {
	ROLE_NONE,
	ROLE_GUARDD, /* the supervisor */
	ROLE_KEEPER,
	ROLE_READER,
	ROLE_JUDGE,
	ROLE_WATCHER,
	ROLE_HERALD, /* alerts, metrics, the fleet: a unit of its own */
	ROLE_RUNNER, /* starts the herald, and what it asks for */
	ROLE_MAX,
};

const char *role_name(enum role r);

enum msg_type {
	MSG_NONE,
	/* supervisor <-> every role */
	MSG_PING, /* supervisor: answer with MSG_PONG and the same id */
	MSG_PONG,
	MSG_READY,  /* role: sealed and serving */
	MSG_STOP,   /* supervisor: finish what is queued, flush, exit 0 */
	MSG_PEER,   /* supervisor, with fd: here is your channel to u.peer.role (again after its
		       restart) */
	MSG_CONFIG, /* supervisor, with fd: a new image (keeper and judge; the reader is started
		       afresh) */
	MSG_BROKEN, /* keeper, judge: u.peer.role sent what no guardd sends; the supervisor ends it
		     */
	/* judge <-> supervisor */
	MSG_RELOAD,   /* judge: please reload; id is echoed */
	MSG_RELOADED, /* supervisor, with fd (a memfd with the error text, empty when fine):
			 u.result */
	/* reader <-> keeper: sources */
	MSG_HELLO,   /* reader: (re)start; keeper drops all it held for a former reader */
	MSG_INOTIFY, /* keeper, with fd: the shared inotify instance, non-blocking */
	MSG_SCAN, /* reader: u.scan.source, open what it is now (globs, directories, late files) */
	MSG_NAME, /* keeper: u.name, text of an instance's path, in parts, before its MSG_OPENED */
	MSG_OPENED,  /* keeper, with fd (read-only): u.opened, one file of the source */
	MSG_SCANNED, /* keeper: u.scanned, the end of the answer to one MSG_SCAN */
	MSG_WATCHED, /* keeper: u.watched, watch descriptor wd tells about this source */
	MSG_FIND,    /* reader: u.find, a rotated predecessor by inode or by head */
	MSG_FOUND,   /* keeper, with fd when status is 0: u.opened; else none has it (-ENOENT) */
	/* reader <-> judge */
	MSG_OFFENCE,  /* reader: u.offence */
	MSG_FORGIVE,  /* reader: u.offence, a success that may clear */
	MSG_POSITION, /* both: u.position; reader: all before it was delivered; judge: start here */
	MSG_POSITIONS_END, /* judge: no more saved positions; the reader starts */
	MSG_GATEWAY, /* reader: u.offence, the address is a gateway's or proxy's: bans nobody, is
			told */
	/* judge <-> keeper */
	MSG_BAN,       /* judge: u.ban */
	MSG_BANNED,    /* keeper: u.banned, the kernel's answer to one MSG_BAN (same id) */
	MSG_UNBAN,     /* judge: u.ban (prefix and scope) */
	MSG_UNBANNED,  /* keeper: u.banned (status 0 or -ENOENT: was not there), counters at removal
			*/
	MSG_LOOKUP,    /* judge: u.ban, is it in force and what has it dropped */
	MSG_FOUND_BAN, /* keeper: u.banned (-ENOENT: not in the kernel) */
	MSG_RESYNC,    /* keeper: the table was made (u.resync.why): send the whole book again */
	MSG_SYNCED,    /* judge: the whole book was sent */
	MSG_OWN_BEGIN, /* keeper: the list of never-ban prefixes of this machine starts anew */
	MSG_OWN,       /* keeper: u.own */
	MSG_OWN_END,
	/* exposure: watcher -> supervisor (runs the prover) -> judge */
	MSG_DUMP,   /* watcher, with fd (dump/dump.h) when u.dump.status is 0: the kernel's state
		       changed, or was asked for; id of the question, 0 of its own accord */
	MSG_PROVE,  /* judge -> supervisor -> watcher: dump now; MSG_DUMP and MSG_PROOF echo the id
		     */
	MSG_PROOF,  /* supervisor: u.proof, with fd (wire/proof.h, sealed) when its status is 0 */
	MSG_SHADOW, /* judge: u.proof.serial, replay the witnesses of this proof, please */
	MSG_SHADOWED, /* supervisor: u.proof, with fd when its status is 0: one byte per cell of the
			 proof, enum proof_confirmed */
	/* herald and runner <-> judge, over RUNTIME/herald. The judge also sends them MSG_CONFIG,
	 * and the herald MSG_PROOF. */
	MSG_GREET,    /* herald, runner, first: u.greet */
	MSG_STATS,    /* judge, with fd: wire/stats.h, read only */
	MSG_FIGURES,  /* judge, with fd: wire/figures.h, read only */
	MSG_ALERT,    /* judge: u.alert; its texts are the MSG_TEXT of the same packet */
	MSG_STANDING, /* judge: every alert that stands was sent, what was not has ended */
	MSG_TEXT,     /* judge, herald: u.text, of the record in front of it */
	MSG_GIVE,     /* judge: u.fleet, a ban of this host that holds; again after each greeting */
	MSG_GIVEN, /* judge: u.given, all that hold were sent; of what was given once, the rest was
		      lifted */
	MSG_LIFT,  /* judge: u.fleet, lifted before its end; rule "*": by hand, for all hosts */
	MSG_TAKE,  /* herald, with MSG_TEXT (the host's name): u.fleet, a ban of another host */
	MSG_DROP,  /* herald, with MSG_TEXT (the host's name): u.fleet, it was lifted there */
	MSG_TAKEN, /* judge: u.taken, the answer to one MSG_TAKE or MSG_DROP (same id) */
	/* herald <-> runner */
	MSG_RUN, /* herald, with fd (sealed memfd, the program's standard input): u.run */
	MSG_RAN, /* runner, with fd (memfd of its output) when there is any: u.ran, same id */
	MSG_TYPE_MAX,
};

enum source_kind {
	SOURCE_FILE = 1,
	SOURCE_JOURNAL,
	SOURCE_DOCKER,
};

/* Where reading of one source instance stands. key: hash_text of "file:PATH", "docker:CONTAINER-ID"
 * or "journal:DIRECTORY" ("journal:" for the system's): it is the same in the next run. */
struct msg_position {
	uint64_t key;
	uint8_t kind; /* enum source_kind */
	uint8_t pad[7];
	union {
		struct {
			uint64_t dev, ino;
			uint64_t offset;    /* bytes; start of the first line not yet read */
			uint64_t head_hash; /* hash_bytes of the first head_len bytes */
			uint32_t head_len;  /* 0..1024 */
			uint32_t pad;
		} file;
		struct { /* a journal cursor, sd_journal_get_cursor(3), in binary */
			uint8_t seqnum_id[16], boot_id[16];
			uint64_t seqnum, mono, real, xor_hash;
		} journal;
	};
};

/* flags of struct msg_offence */
#define OFFENCE_HAS_USER 1u /* user_hash is set */
#define OFFENCE_FUTURE   2u /* the line's time was ahead of now and was taken as now */
#define OFFENCE_UNDATED  4u /* no date in the line: arrival time */
struct msg_offence {
	struct addr addr; /* the full address, canonical */
	uint8_t pad;
	uint16_t points;
	uint32_t filter;  /* index into the image's filters */
	uint32_t pattern; /* index into the image's patterns */
	uint32_t flags;
	uint64_t source;    /* key of the source instance */
	uint64_t user_hash; /* SipHash of the user name under the image's key */
	usec_t time;        /* of the line */
	usec_t arrived;     /* when it was read, on the monotonic clock; 0: not live */
};

/* flags of struct msg_ban */
#define BAN_EXTEND 1u /* the element may exist: look it up first, never shorten */
#define BAN_REPAIR 2u /* part of a resync */
struct msg_ban {
	struct prefix prefix; /* what to ban: host, IPv6 /64, or a wider prefix */
	struct addr
	    host; /* the offender itself (family 0: none): banned alone where prefix is refused */
	uint8_t pad[1];
	uint32_t scope; /* 0: all traffic; n: the image's service n-1 */
	uint32_t flags;
	usec_t until; /* real time; USEC_NEVER: no timeout */
};

/* status of struct msg_banned beside 0 and negative errno */
/* The prefix holds a never-ban address: u.banned.prefix is the host alone. */
#define BANNED_HOST_ONLY 1
#define BANNED_NEVER                                                                               \
	2 /* refused: a never-ban address; u.banned.prefix is the entry that forbids it */
struct msg_banned {
	struct prefix prefix; /* what is (or was) in force */
	uint8_t pad[2];
	uint32_t scope;
	int32_t status;
	uint32_t pad2;
	usec_t until; /* as the kernel has it now */
	uint64_t packets, bytes;
};

struct msg_opened {
	uint32_t source;   /* index into the image's sources */
	uint32_t instance; /* keeper's number of this path, stable while the keeper lives */
	int32_t wd;        /* inotify watch on the file; -1: none, poll it */
	int32_t status;    /* 0, negative errno (then without fd) */
	uint64_t dev, ino;
	uint64_t key;  /* hash_text of the kind and path, see struct msg_position */
	uint32_t what; /* enum opened_what */
	uint32_t pad;
};

enum opened_what {
	OPENED_LOG,    /* a log file */
	OPENED_DOCKER, /* config.v2.json of a container; its log follows as OPENED_LOG, same
			  instance */
	OPENED_OLD,    /* a rotated predecessor (MSG_FOUND) */
};

/* Without after: the file with this inode, or with this head. With it: the oldest rotated file that
 * was modified at or after that time, beside the one with this inode and what the path names now.
 */
struct msg_find {
	uint32_t source, instance;
	uint64_t ino;       /* 0: any */
	uint64_t head_hash; /* of the first head_len bytes */
	uint32_t head_len;
	uint32_t pad;
	int64_t after; /* modification time in nanoseconds; 0: not asked */
};

/* Both ends may be of different installations: one that was upgraded and not yet restarted. */
#define GREET_VERSION 1
struct msg_greet {
	uint32_t version; /* GREET_VERSION */
	uint32_t role;    /* ROLE_HERALD or ROLE_RUNNER */
};

struct msg_alert {
	uint8_t kind;     /* enum alert_kind (wire/alert.h) */
	uint8_t severity; /* enum alert_severity */
	uint8_t phase;    /* enum alert_phase */
	uint8_t pad[5];
	usec_t since; /* real time: when it began, or happened */
};

enum text_what {
	TEXT_SUBJECT, /* of an alert: what it is about, the same as long as it stands */
	TEXT_WORDS,   /* of an alert: one sentence */
	TEXT_HOST,    /* of another host's ban */
};

#define TEXT_PART 80
struct msg_text {     /* in parts, in order; UTF-8 that is checked by who receives it */
	uint8_t what; /* enum text_what */
	uint8_t len;  /* 1..TEXT_PART */
	uint8_t pad[6];
	char text[TEXT_PART]; /* no NUL */
};

enum fleet_reason {
	FLEET_POINTS = 1, /* number: points that banned it */
	FLEET_PREFIX,     /* number: hosts banned in it */
	FLEET_HAND,
	FLEET_OTHER, /* taken over from another program */
};

#define FLEET_RULE_MAX 40 /* with its NUL: "ssh", "manual"; "*" in a lift by hand */
struct msg_fleet {
	struct prefix prefix;
	uint8_t reason; /* enum fleet_reason */
	uint8_t pad[3];
	uint16_t level; /* which ban of this source */
	uint32_t number;
	uint32_t pad2;
	usec_t since, until; /* real time; USEC_NEVER: for good */
	char rule[FLEET_RULE_MAX];
};
_Static_assert(sizeof(struct msg_fleet) <= 88, "fits a record");

enum taken_status {
	TAKEN_DONE,     /* in force now, or lifted now */
	TAKEN_BEFORE,   /* there already, as long or longer; or nothing was there to lift */
	TAKEN_NEVER,    /* an address that is never banned here */
	TAKEN_TRUST,    /* no trust rule has this host and rule */
	TAKEN_RATE,     /* more than the trust rule's per_minute */
	TAKEN_FULL,     /* as many bans of others are in force as there may be */
	TAKEN_RULE,     /* no ban rule of this name here */
	TAKEN_WIDE,     /* a wider prefix than the trust rule allows */
	TAKEN_OVER,     /* it has ended */
	TAKEN_NONSENSE, /* no such prefix, times, name */
	TAKEN_FAILED,   /* the kernel refused it, or no memory */
	TAKEN_STATUSES,
};

enum run_kind {
	RUN_COURIER = 1, /* guardd-courier: one delivery */
	RUN_PROGRAM,     /* the program of the image's channel number */
	RUN_PROBE,       /* guardd-prover --probe on the image, targets on standard input */
};

struct msg {
	uint16_t type; /* enum msg_type */
	uint16_t pad;
	uint32_t id; /* the sender's; answers carry the question's */
	union {
		uint8_t bytes[88];
		struct {
			uint32_t role;
		} peer;
		struct {
			int32_t status;
		} result;
		struct {
			uint32_t source;
		} scan;
		struct {
			uint32_t source;
			uint32_t files; /* how many are open for it now */
			int32_t status; /* 0, or -errno of the directory (-ENOENT: not there yet) */
			uint32_t polled; /* 1: a file system without inotify */
		} scanned;
		struct {
			int32_t wd;
			uint32_t source;
			uint32_t
			    directory; /* 1: events mean "scan again"; 0: one file's data or end */
		} watched;
		struct {
			uint32_t source, instance;
			uint16_t part, len; /* text of part*72 .. +len */
			char text[72];      /* no NUL */
		} name;
		struct {
			uint32_t why; /* enum resync_why */
		} resync;
		struct {
			int32_t status;   /* 0, or negative errno: no dump */
			uint32_t changes; /* notifications that it answers; 0: a timer, or asked */
		} dump;
		struct {
			int32_t status;  /* 0; negative errno (-ESTALE: a newer proof is there) */
			uint32_t serial; /* of the proof */
		} proof;
		struct {
			struct prefix prefix;
			uint8_t kind; /* enum own_kind */
		} own;
		struct {
			uint32_t lost; /* 1: the book was, so that what was not sent may hold */
		} given;
		struct {
			int32_t status; /* enum taken_status */
		} taken;
		struct {
			uint32_t kind; /* enum run_kind */
			uint32_t channel;
			uint32_t timeout_s;
			uint32_t pad;
			usec_t image; /* made, of the image that channel is a number of */
		} run;
		struct {
			int32_t status; /* 0..255: exit status; negative errno: not run, or -EINTR:
					   ended by a signal, -ETIMEDOUT */
		} ran;
		struct msg_greet greet;
		struct msg_alert alert;
		struct msg_text text;
		struct msg_fleet fleet;
		struct msg_position position;
		struct msg_offence offence;
		struct msg_ban ban;
		struct msg_banned banned;
		struct msg_opened opened;
		struct msg_find find;
	} u;
};
_Static_assert(sizeof(struct msg) == 96, "one fixed layout");

enum resync_why {
	RESYNC_START,    /* the keeper started; elements of an earlier life may be in force */
	RESYNC_MADE,     /* the table was not there and was made: all bans were lost */
	RESYNC_REPAIRED, /* somebody else changed the table */
};

enum own_kind {
	OWN_ADDRESS = 1, /* of an interface, loopback included */
	OWN_GATEWAY,
	OWN_RESOLVER,
	OWN_BRIDGE, /* an address of a bridge (a container's gateway): offences "from" it are told
		     */
};

struct msg_rule {
	uint16_t senders, receivers; /* bit masks of 1 << enum role */
	uint8_t fd;                  /* 0: none, 1: must carry one, 2: may */
};

/* NULL for a type that does not exist. */
const struct msg_rule *msg_rule(unsigned type);
const char *msg_name(unsigned type);
