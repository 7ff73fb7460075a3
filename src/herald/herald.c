/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-herald, started by guardd-runner with the descriptors of wire/fds.h and the path of the
 * judge's socket. Here is the wiring of the modules beside this file: it serves its control socket
 * at once, and makes its parts when the judge's first configuration came.
 */
#include "herald/herald.h"

#include <errno.h>
#include <event2/dns.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/place.h"
#include "herald/alerts.h"
#include "herald/fleet.h"
#include "herald/hands.h"
#include "herald/link.h"
#include "herald/metrics.h"
#include "herald/probes.h"
#include "herald/requests.h"
#include "herald/sealed.h"
#include "herald/store.h"
#include "wire/fds.h"

#define READERS_GROUP "guardd"
#define END_PATIENCE  4 /* seconds that running deliveries get; less than the runner's patience */

struct life {
	struct herald herald; /* first: the parts know this alone */
	char state[4096];     /* path of the state directory */
	bool ending;
	struct event *patience;
	struct control_rights rights;
	int told; /* the last trouble with the judge, so that it is told once */
};

static struct life *
life_of(const struct herald *h)
{
	return (struct life *)(uintptr_t)h;
}

/* --- the end --- */

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct life *l = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(l->herald.base);
}

/* Called again when the last delivery has ended. */
static void
end(struct herald *h)
{
	const struct timeval tv = {.tv_sec = END_PATIENCE};
	struct life *l = life_of(h);

	store_commit(h->store);
	if (l->ending || hands_rest(h->hands))
		event_base_loopbreak(h->base);
	else
		event_add(l->patience, &tv);
	l->ending = true;
}

/* --- the judge --- */

static gid_t
find_group(const char *name)
{
	const struct group *g = *name ? getgrnam(name) : NULL;

	return g ? g->gr_gid : CONTROL_NO_GROUP;
}

static void
use_rights(struct life *l)
{
	const struct image *img = &l->herald.image;

	l->rights.writers =
	    img->head ? find_group(image_str(img, img->settings->control_group)) : CONTROL_NO_GROUP;
	control_set_rights(l->herald.control, &l->rights);
}

static int
make_parts(struct herald *h)
{
	int r = alerts_new(&h->alerts, h);

	if (r == 0)
		r = metrics_new(&h->metrics, h, FD_METRICS);
	if (r < 0)
		return r;
	/* A file of the fleet that cannot be used is no reason to tell nothing. */
	if (h->image.fleet) {
		r = fleet_new(&h->fleet, h);
		if (r < 0)
			log_err("the fleet cannot be started: %s", strerror(-r));
	}
	if (h->fleet)
		return probes_new(&h->probes, h);
	return 0;
}

static int
on_first(struct herald *h, int fd)
{
	struct life *l = life_of(h);
	int r = image_open(&h->image, fd);

	if (r < 0) {
		memset(&h->image, 0, sizeof(h->image));
		log_err("guardd's configuration cannot be used: %s", strerror(-r));
		return r;
	}
	h->config = h->image.head->made;
	r = sealed_paths(&h->image, l->state);
	if (r < 0)
		fatal("the sandbox cannot be entered (Landlock): %s", strerror(-r));
	use_rights(l);
	r = make_parts(h);
	if (r < 0)
		fatal("cannot begin: %s", strerror(-r));
	log_info("configured by guardd: %u channels, %s", image_count(&h->image, IMAGE_CHANNELS),
	    h->fleet ? "in a fleet" : "no fleet");
	return 0;
}

/* guardd that was started again has read its files again: what says the same, but for its time, is
 * the same. */
static bool
is_same(struct herald *h, int fd)
{
	const size_t at = offsetof(struct image_header, made), behind = at + sizeof(usec_t);
	const char *a = (const char *)h->image.head, *b;
	struct image other;
	bool same;

	if (image_open(&other, fd) < 0)
		return false;
	b = (const char *)other.head;
	same = other.head->size == h->image.head->size && memcmp(a, b, at) == 0 &&
	       memcmp(a + behind, b + behind, other.head->size - behind) == 0;
	if (same)
		h->config = other.head->made;
	image_close(&other);
	return same;
}

static bool
is_ending(const struct herald *h)
{
	return life_of(h)->ending;
}

static void
on_down(struct herald *h, int error)
{
	(void)h;
	if (error == -EPROTO)
		log_err("guardd sent what this version does not know: is one of the two units of "
			"another version and not yet restarted?");
}

static const struct link_ops link_ops = {
    .on_first = on_first, .is_same = is_same, .is_ending = is_ending, .on_down = on_down};

/* --- the start --- */

/* The runner alone says when it ends; a full disk and a gone client are errors, no signals. */
static void
ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
}

/* libevent would write lines of its own to the log; what matters of them is told as a trouble. */
static void
on_event_log(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

static void
silence_libevent(void)
{
	event_set_log_callback(on_event_log);
	evdns_set_log_fn(on_event_log);
}

static void
seal(void)
{
	const char *what;
	int r = sealed_calls(&what);

	if (r < 0)
		fatal("the sandbox cannot be entered (%s): %s", what, strerror(-r));
}

static int
begin(struct life *l, const char *socket)
{
	struct herald *h = &l->herald;
	int r = hands_new(&h->hands, h, FD_SUPERVISOR);

	if (r == 0)
		r = store_new(&h->store, h->base, l->state);
	if (r == 0)
		r = control_new(&h->control, h->base, FD_CONTROL, requests_table, h);
	if (r < 0)
		return r;
	if (store_trouble(h->store))
		log_err("%s", store_trouble(h->store));
	use_rights(l);
	r = link_new(&h->link, h, socket, &link_ops);
	return r < 0 ? r : hands_ready(h->hands);
}

static void
finish(struct herald *h)
{
	probes_free(h->probes);
	fleet_free(h->fleet);
	metrics_free(h->metrics);
	alerts_free(h->alerts);
	link_free(h->link);
	control_free(h->control);
	store_free(h->store);
	hands_free(h->hands);
}

/* For who starts it by hand, without the runner's descriptors. */
static bool
say_about(int argc, char **argv)
{
	const char *word = argc == 2 ? argv[1] : "";

	if (strcmp(word, "--version") == 0)
		puts("guardd-herald " GUARDD_VERSION);
	else if (strcmp(word, "--help") == 0)
		puts("usage: guardd-herald --help | --version\nIt is started by guardd-runner.\n\n"
		     "See guardd-herald(8).");
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct life l = {.herald = {.started = clock_real(), .end = end}};
	int r;

	if (say_about(argc, argv))
		return 0;
	log_init("guardd-herald", LOG_INFO);
	heap_settle();
	if (argc != 2)
		fatal("usage: guardd-herald, started by guardd-runner");
	r = place_path(FD_STATE, l.state, sizeof(l.state));
	if (r < 0)
		fatal("no state directory: %s", strerror(-r));
	ignore_signals();
	silence_libevent();
	umask(077);
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	l.rights = (struct control_rights){.self = geteuid(), .readers = find_group(READERS_GROUP)};
	seal();
	l.herald.base = event_base_new();
	l.patience = l.herald.base ? evtimer_new(l.herald.base, on_patience, &l) : NULL;
	r = l.patience ? begin(&l, argv[1]) : -ENOMEM;
	if (r < 0)
		fatal("cannot begin: %s", strerror(-r));
	event_base_dispatch(l.herald.base);
	finish(&l.herald);
	event_free(l.patience);
	event_base_free(l.herald.base);
	return 0;
}
