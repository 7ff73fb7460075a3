/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The control socket: clients, their rights, one request each, the answer's lines. Comes in: any
 * bytes from any local process. Goes out: JSON lines of the commands of a table. Bounded:
 * CONTROL_CLIENTS, requests of CONTROL_LINE_MAX bytes, CONTROL_IDLE seconds of silence; what waits
 * for a slow client is bounded by the commands, which go on only when request_has_room. A client
 * can close itself, nothing else.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/json_write.h"
#include "wire/msg.h"

#define CONTROL_CLIENTS  32
#define CONTROL_LINE_MAX 4096
#define CONTROL_WORDS    16
#define CONTROL_IDLE     10 /* seconds */
#define CONTROL_NO_GROUP ((gid_t)-1)

enum request_status {
	REQUEST_DONE,
	REQUEST_FAILED,
	REQUEST_NOT_ALLOWED,
	REQUEST_USAGE,
};

enum right {
	RIGHT_NONE,
	RIGHT_READ,
	RIGHT_WRITE,
};

struct control;
struct request;

/* What a request that is not answered at once does when something happens. Each may be NULL. */
struct request_ops {
	void (*on_room)(struct request *q); /* the client took what was written */
	void (*on_banned)(struct request *q, uint32_t slot, const struct msg_banned *answer);
	void (*on_answer)(struct request *q, const struct msg *m); /* UNBANNED, FOUND_BAN, PROOF */
	void (*on_reloaded)(
	    struct request *q, uint32_t id, int status, int errors); /* errors is lent */
	void (*on_late)(struct request *q); /* the time of request_wait is over */
};

struct command {
	const char *name;
	const char *usage; /* behind the name */
	enum right right;
	uint8_t min, max; /* words behind the name */
	/* words[0] is the first behind the name. Ends with request_done, now or later. */
	void (*start)(struct request *q, char *const *words, unsigned n);
};

struct control_rights {
	uid_t self;    /* the daemon's uid */
	gid_t readers; /* CONTROL_NO_GROUP: none */
	gid_t writers;
};

/* What a process may: uid and all its groups. */
enum right control_right(
    const struct control_rights *r, uid_t uid, const gid_t *groups, size_t n_groups);

/* fd: listening socket, not taken; -1: none (tests). commands ends with name NULL. -ENOMEM. */
int control_new(struct control **out, struct event_base *base, int fd,
    const struct command *commands, void *ctx);
void control_free(struct control *c);
DEFINE_FREEP(struct control, control_free)
void control_set_rights(struct control *c, const struct control_rights *r);
/* Serves an accepted connection; fd is taken. -EMFILE: too many. */
int control_adopt(struct control *c, int fd);
unsigned control_clients(const struct control *c);

/* Tells all waiting requests. */
void control_on_banned(struct control *c, uint32_t slot, const struct msg_banned *answer);
void control_on_answer(struct control *c, const struct msg *m);
void control_on_reloaded(struct control *c, uint32_t id, int status, int errors);

/* --- for commands --- */

void *request_context(const struct request *q);
/* A number below CONTROL_CLIENTS, this request's as long as it lasts. */
unsigned request_index(const struct request *q);
/* Writes what is in lines, and empties it. */
void request_write(struct request *q, struct strbuf *lines);
/* False: wait for on_room before writing more. */
bool request_has_room(const struct request *q);
/* The last line; the connection is closed behind it, q must not be used any more. fmt NULL: no
 * error text. */
void request_done(struct request *q, enum request_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The request goes on later. state is owned from now on and freed with free_state when it ends,
 * however. */
void request_keep(
    struct request *q, const struct request_ops *ops, void *state, void (*free_state)(void *));
void *request_state(const struct request *q);
/* on_late after so long, unless it is asked for again or ended before. */
void request_wait(struct request *q, unsigned milliseconds);
/* A command: the version. */
void request_version(struct request *q, char *const *words, unsigned n);

/* Cuts a request into words, in place. The number, or -EINVAL (not UTF-8, quotes, too many). */
int request_split(char *line, size_t n, char *words[CONTROL_WORDS]);
