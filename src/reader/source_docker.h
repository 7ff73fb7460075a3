/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Docker's json-file logs (moby daemon/logger/jsonfilelog):
 * {"log":"...\n","stream":"stdout","time":"..."}, one piece a line, and the container's
 * config.v2.json. Comes in: hostile lines. Goes out: messages as the program wrote them, pieces
 * joined per stream, with their time. Bounded: DOCKER_LINE_MAX a piece, LINE_MAX_BYTES a joined
 * message; longer ones are skipped to their end.
 */
#pragma once

#include "base/cleanup.h"
#include "reader/match.h"

/* A piece of 16 KiB in which every byte is an escape of six, and the members around it. */
#define DOCKER_LINE_MAX   (128 * 1024)
#define DOCKER_ROOM       (2 * DOCKER_LINE_MAX)
#define DOCKER_CONFIG_MAX (1024 * 1024)

struct source_docker; /* half-joined messages of one container */

int source_docker_new(struct source_docker **out);
void source_docker_free(struct source_docker *d);
DEFINE_FREEP(struct source_docker, source_docker_free)
/* Forgets what is half joined. */
void source_docker_reset(struct source_docker *d);

struct docker_message {
	const char *text; /* into room or d, until the next call; without its line end */
	size_t len;
	usec_t time; /* USEC_NEVER: none */
};

/* One line of the file, without its newline. room: DOCKER_ROOM bytes. 1: a message is whole; 0:
 * more pieces follow; -EINVAL: not such a line; -E2BIG: the end of a message that was too long. */
int source_docker_line(
    struct source_docker *d, const char *line, size_t n, char *room, struct docker_message *out);
/* The two ways of reading a line, for a test that they agree: 0 or -EINVAL. */
struct docker_piece {
	const char *text;
	size_t len;
	unsigned stream; /* 0 stdout, 1 stderr */
	usec_t time;
};
int docker_piece_fast(struct docker_piece *out, const char *line, size_t n, char *room);
int docker_piece_slow(struct docker_piece *out, const char *line, size_t n, char *room);

/* Reads config.v2.json from fd and asks whether the source wants this container, by a name glob or
 * a label; a source without either wants all. name gets the container's. 1, 0, or negative errno.
 */
int source_docker_wanted(
    int fd, const struct image *img, const struct image_source *s, char *name, size_t name_max);
