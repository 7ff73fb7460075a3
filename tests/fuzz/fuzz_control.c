/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as a request to the control socket of a judge without peers. Whatever comes, the client
 * is answered or not, and closed; the judge goes on. The book is in /dev/shm.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/log.h"
#include "image_build.h"
#include "judge/court.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct court *court;
static char dir[] = "/dev/shm/guardd-fuzz-XXXXXX";

static void
clean_up(void)
{
	static const char *const files[] = {"book.db", "book.db-wal", "book.db-shm"};
	char path[64];

	court_free(court);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
make_court(void)
{
	struct image_build *b = image_build_new();
	struct court_fds fds = {.supervisor = -1,
	    .control = -1,
	    .selfcheck = -1,
	    .herald = -1,
	    .stats = -1,
	    .figures = -1,
	    .state = dir};

	signal(SIGPIPE, SIG_IGN);
	log_init("fuzz", LOG_EMERG);
	image_build_filter(b, &(struct build_filter){.name = "f"});
	image_build_rule(
	    b, &(struct build_rule){.name = "ssh", .filters = {0}, .n_filters = 1, .points = 3});
	fds.image = image_build_fd(b);
	if (!mkdtemp(dir) || court_new(&court, &fds, NULL) < 0 || court_open_book(court) < 0)
		abort();
	close(fds.image);
	image_build_free(b);
	atexit(clean_up);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char answer[1 << 16];
	int fds[2];

	if (!court)
		make_court();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
	    control_adopt(court->control, fds[0]) < 0)
		abort();
	if (send(fds[1], data, n < 6000 ? n : 6000, MSG_NOSIGNAL) < 0 ||
	    send(fds[1], "\n", 1, MSG_NOSIGNAL) < 0)
		abort();
	for (int i = 0; i < 100 && control_clients(court->control) > 0; i++) {
		event_base_loop(court->base, EVLOOP_NONBLOCK);
		if (recv(fds[1], answer, sizeof(answer), MSG_DONTWAIT) == 0)
			break;
	}
	close(fds[1]);
	if (control_clients(court->control) > 0)
		abort();
	return 0;
}
