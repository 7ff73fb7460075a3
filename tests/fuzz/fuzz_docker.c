/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as lines of a container's log. What the fast way accepts of a line that is JSON, the
 * slow way reads the same; nothing is read or written out of bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reader/source_docker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
compare(const char *line, size_t n, char *fast_room, char *slow_room)
{
	struct docker_piece fast, slow;

	if (n > DOCKER_LINE_MAX || docker_piece_fast(&fast, line, n, fast_room) < 0 ||
	    docker_piece_slow(&slow, line, n, slow_room) < 0)
		return;
	if (fast.len != slow.len || memcmp(fast.text, slow.text, fast.len) != 0 ||
	    fast.stream != slow.stream || fast.time != slow.time)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char fast_room[DOCKER_ROOM], slow_room[DOCKER_ROOM];
	_cleanup_(source_docker_freep) struct source_docker *d = NULL;
	struct docker_message m;

	if (source_docker_new(&d) < 0)
		return 0;
	for (size_t at = 0; at < n;) {
		const uint8_t *end = memchr(data + at, '\n', n - at);
		size_t len = end ? (size_t)(end - (data + at)) : n - at;
		/* A copy of its own length, so that a byte too far is found. */
		_cleanup_(freep) char *line = malloc(len ? len : 1);

		memcpy(line, data + at, len);
		compare(line, len, fast_room, slow_room);
		if (source_docker_line(d, line, len, fast_room, &m) > 0 && m.len > LINE_MAX_BYTES)
			abort();
		at += len + 1;
	}
	return 0;
}
