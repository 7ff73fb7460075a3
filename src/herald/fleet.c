/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "herald/alerts.h"
#include "herald/fleet_private.h"
#include "herald/probes.h"

#define TICK        10 /* seconds */
#define TICK_FILES  2  /* while a file is wrong: somebody is mending it */
#define SWEEP       (60 * USEC_PER_SEC)
#define ALERT_AFTER (60 * USEC_PER_SEC) /* a trouble that stands so long is an alert */
#define STANDS      (900 * USEC_PER_SEC)
#define TELL_GAP    (60 * USEC_PER_SEC)
#define HOST_PACE   USEC_PER_SEC          /* of a report, for each host */
#define HOSTS_KEEP  (3600 * USEC_PER_SEC) /* at least */
#define SILENT      (30 * 86400 * USEC_PER_SEC)

static const char *const streams[HOSTS_STREAMS] = {"bans", "hosts"};

/* --- what is wrong --- */

static const struct {
	const char *subject;
	enum alert_severity severity;
	usec_t after;  /* that it stands it is an alert */
	usec_t stands; /* after it was said last; 0: until it is said to be well */
} troubles[WRONGS] = {
    [WRONG_FILES] = {.subject = "files of the fleet", .severity = SEVERITY_WARNING},
    [WRONG_READING] = {.subject = "bans of the fleet",
	.severity = SEVERITY_WARNING,
	.after = ALERT_AFTER},
    [WRONG_TELLING] = {.subject = "telling the fleet",
	.severity = SEVERITY_WARNING,
	.after = ALERT_AFTER},
    [WRONG_NAME] = {.subject = "this host's name in the fleet",
	.severity = SEVERITY_WARNING,
	.stands = STANDS},
    [WRONG_IDS] = {.subject = "ids of the fleet's streams", .severity = SEVERITY_WARNING},
    [WRONG_SERIALS] = {.subject = "serials of the fleet's hosts",
	.severity = SEVERITY_WARNING,
	.stands = STANDS},
    [WRONG_FULL] = {.subject = "size of the fleet", .severity = SEVERITY_WARNING},
    [WRONG_VERSION] = {.subject = "versions in the fleet",
	.severity = SEVERITY_INFO,
	.stands = STANDS},
};

/* Both connections to a server that is away have the same to say: the one that told it first speaks
 * for both. NULL: the other has other words. */
static const struct fleet_trouble *
find_twin(const struct fleet *f, enum fleet_wrong what)
{
	const struct fleet_trouble *other;

	if (what != WRONG_READING && what != WRONG_TELLING)
		return NULL;
	other = &f->wrong[what == WRONG_READING ? WRONG_TELLING : WRONG_READING];
	return strcmp(other->words, f->wrong[what].words) == 0 ? other : NULL;
}

/* Log and alerts hear of a trouble whose words change at most once a minute: they may be others'
 * words. */
static void
tell_trouble(struct fleet *f, enum fleet_wrong what)
{
	const struct alert_note n = {.kind = ALERT_FLEET,
	    .severity = troubles[what].severity,
	    .subject = troubles[what].subject,
	    .words = f->wrong[what].words,
	    .since = f->wrong[what].since};
	const struct fleet_trouble *twin = find_twin(f, what);
	usec_t now = clock_mono();
	bool due = clock_real() - f->wrong[what].since >= troubles[what].after;

	if (f->wrong[what].untold && !(twin && !twin->untold) &&
	    (!f->wrong[what].told || now - f->wrong[what].told > TELL_GAP)) {
		log_warning("fleet: %s: %s", troubles[what].subject, f->wrong[what].words);
		f->wrong[what].told = now;
		f->wrong[what].untold = false;
		if (f->wrong[what].raised)
			alerts_raise(f->herald->alerts, &n);
	}
	if (due && !f->wrong[what].raised && !(twin && twin->raised)) {
		f->wrong[what].raised = true;
		alerts_raise(f->herald->alerts, &n);
	}
}

static void
end_trouble(struct fleet *f, enum fleet_wrong what)
{
	if (f->wrong[what].words[0] && !f->wrong[what].untold)
		log_notice("fleet: %s: well again", troubles[what].subject);
	/* One that stands may be a former life's: a configuration is mended by a restart. */
	if (f->wrong[what].raised || !f->wrong[what].settled)
		alerts_end(f->herald->alerts, ALERT_FLEET, troubles[what].subject, NULL);
	f->wrong[what].words[0] = '\0';
	f->wrong[what].raised = f->wrong[what].untold = false;
	f->wrong[what].settled = true;
}

void
fleet_wrong(struct fleet *f, enum fleet_wrong what, const char *words)
{
	if (!words) {
		end_trouble(f, what);
		return;
	}
	if (!f->wrong[what].words[0])
		f->wrong[what].since = clock_real();
	if (strcmp(f->wrong[what].words, words) != 0) {
		snprintf(f->wrong[what].words, sizeof(f->wrong[what].words), "%s", words);
		f->wrong[what].untold = true;
	}
	f->wrong[what].last = clock_mono();
	tell_trouble(f, what);
}

void
fleet_forged(struct fleet *f, const char *host, const char *why)
{
	char words[REDIS_WHY_MAX];
	const struct alert_note n = {.kind = ALERT_FORGED,
	    .severity = SEVERITY_WARNING,
	    .subject = "entries of the fleet",
	    .words = words};

	f->counts.forged++;
	snprintf(words, sizeof(words),
	    "an entry in the fleet's streams is not believed: %s%s%s; who writes to %s?", why,
	    *host ? ", said to be of host " : "", host, f->server);
	alerts_moment(f->herald->alerts, &n);
}

void
fleet_emptied(struct fleet *f, const char *how)
{
	f->counts.emptied++;
	log_notice(
	    "fleet: %s has lost the streams (%s): what holds here is given again", f->server, how);
	given_forgotten(f->given);
	take_from_start(f->take);
	tell_emptied(f->tell);
}

usec_t
fleet_period(const struct fleet *f)
{
	usec_t paced = hosts_count(f->hosts) * HOST_PACE;

	return paced > f->config->report ? paced : f->config->report;
}

usec_t
fleet_hosts_keep(const struct fleet *f)
{
	const usec_t spans[] = {3 * fleet_period(f), 3 * probes_period(f->herald->probes)};
	usec_t keep = HOSTS_KEEP;

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		keep = spans[i] > keep ? spans[i] : keep;
	return keep;
}

/* --- files --- */

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* False: the file is as it was read. */
static bool
has_changed(const char *path, bool have, struct stat *last)
{
	struct stat now = {0};

	if (stat(path, &now) == 0 && have && is_same_file(&now, last))
		return false;
	*last = now;
	return true;
}

static int
load_signer(struct fleet *f, const char *path, char *why, size_t room)
{
	struct signer *fresh;
	int r;

	if (!*path || !has_changed(path, f->signer != NULL, &f->sign_stat))
		return 0;
	r = signer_new(&fresh, path, why, room);
	if (r < 0)
		return r;
	signer_free(f->signer);
	f->signer = fresh;
	return 0;
}

static int
load_keyring(struct fleet *f, const char *path, char *why, size_t room)
{
	struct keyring *fresh;
	int r;

	if (!*path || !has_changed(path, f->keyring != NULL, &f->keys_stat))
		return 0;
	r = keyring_new(&fresh, path, why, room);
	if (r < 0)
		return r;
	keyring_free(f->keyring);
	f->keyring = fresh;
	return 0;
}

/* A key that was added needs no restart; a file that is broken leaves what was read before. */
static void
load_files(struct fleet *f)
{
	const struct image *img = &f->herald->image;
	char why[REDIS_WHY_MAX];

	if (load_signer(f, image_str(img, f->config->sign_file), why, sizeof(why)) < 0) {
		f->sign_stat = (struct stat){0};
		fleet_wrong(f, WRONG_FILES, why);
	} else if (load_keyring(f, image_str(img, f->config->keys_file), why, sizeof(why)) < 0) {
		f->keys_stat = (struct stat){0};
		fleet_wrong(f, WRONG_FILES, why);
	} else {
		fleet_wrong(f, WRONG_FILES, NULL);
	}
}

bool
fleet_has_files(const struct fleet *f)
{
	const struct image *img = &f->herald->image;

	return (f->signer || !*image_str(img, f->config->sign_file)) &&
	       (f->keyring || !*image_str(img, f->config->keys_file));
}

/* --- now and then --- */

static void
check_size(struct fleet *f)
{
	if (given_is_full(f->given))
		fleet_wrong(f, WRONG_FULL,
		    "more bans are in force here than the fleet is told of: the newest are not "
		    "given");
	else if (hosts_count(f->hosts) >= FLEET_HOSTS)
		fleet_wrong(f, WRONG_FULL,
		    "the fleet has more hosts than can be known: new ones are not believed");
	else
		fleet_wrong(f, WRONG_FULL, NULL);
}

static void
sweep(struct fleet *f)
{
	usec_t silent = f->config->keep > SILENT ? f->config->keep : SILENT;

	f->swept = clock_mono();
	given_sweep(f->given, clock_real());
	if (!take_is_open(f->take))
		hosts_keep(f->hosts, clock_real() - silent, f->keyring);
	check_size(f);
}

static void
set_tick(struct fleet *f)
{
	const struct timeval tv = {f->wrong[WRONG_FILES].words[0] ? TICK_FILES : TICK, 0};

	event_add(f->tick, &tv);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fleet *f = arg;

	(void)fd;
	(void)what;
	load_files(f);
	for (unsigned i = 0; i < WRONGS; i++) {
		if (troubles[i].stands && clock_mono() - f->wrong[i].last > troubles[i].stands)
			end_trouble(f, i);
		else if (f->wrong[i].words[0])
			tell_trouble(f, i);
	}
	if (clock_mono() - f->swept > SWEEP)
		sweep(f);
	tell_wake(f->tell);
	take_wake(f->take);
	set_tick(f);
}

/* --- begin and end --- */

static uint64_t
hash_strings(const struct image *img, struct span s, uint64_t seed)
{
	for (uint32_t i = 0; i < s.n; i++) {
		const uint64_t part[2] = {seed, hash_text(image_list(img, s, i))};

		seed = hash_bytes(&hash_stable, part, sizeof(part));
	}
	return seed;
}

/* Of whom bans are taken: when that changes, what was refused may be welcome. */
static uint64_t
hash_trust(const struct fleet *f)
{
	const struct image *img = &f->herald->image;
	const struct span s = f->config->trusts;
	uint64_t h = 1;

	for (uint32_t i = 0; i < s.n; i++) {
		const struct image_trust *t = &img->trusts[s.first + i];
		const uint64_t part[] = {h, (uint64_t)t->at_most, t->per_minute, t->len4, t->len6,
		    hash_strings(img, t->hosts, 1), hash_strings(img, t->rules, 1)};

		h = hash_bytes(&hash_stable, part, sizeof(part));
	}
	return h & INT64_MAX;
}

/* Whether what the store knows is about this server, and these trust rules. */
static void
check_identity(struct fleet *f, bool *same_server, bool *same_trust)
{
	struct store *store = f->herald->store;
	sqlite3_stmt *s = store_statement(store, "SELECT server, trust FROM fleet_identity");
	char server[512];
	uint64_t trust = hash_trust(f);
	bool known = false;

	snprintf(server, sizeof(server), "%s %s %s", f->server, f->bans_key, f->name);
	*same_server = *same_trust = false;
	if (s && sqlite3_step(s) == SQLITE_ROW) {
		const char *was = (const char *)sqlite3_column_text(s, 0);

		known = true;
		*same_server = was && strcmp(was, server) == 0;
		*same_trust = (uint64_t)sqlite3_column_int64(s, 1) == trust;
	}
	if (s)
		sqlite3_reset(s);
	if (known && *same_server && *same_trust)
		return;
	store_begin(store);
	s = store_statement(store, "INSERT OR REPLACE INTO fleet_identity VALUES (1, ?, ?)");
	if (!s)
		return;
	sqlite3_bind_text(s, 1, server, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, (int64_t)trust);
	(void)store_run(store, s);
}

void
fleet_forget_serials(struct fleet *f)
{
	struct host *x = NULL;

	while ((x = hosts_next(f->hosts, x ? x->name : "")) != NULL) {
		x->serial[HOSTS_BANS] = 0;
		x->changed = true;
	}
}

static void
set_config(struct fleet *f)
{
	const struct image *img = &f->herald->image;
	const struct image_fleet *c = f->config;
	const char *stream = image_str(img, c->stream);

	f->name = image_str(img, c->host);
	snprintf(f->server, sizeof(f->server), "%s port %u", image_str(img, c->server), c->port);
	snprintf(f->bans_key, sizeof(f->bans_key), "%.64s:%s", stream, streams[HOSTS_BANS]);
	snprintf(f->hosts_key, sizeof(f->hosts_key), "%.64s:%s", stream, streams[HOSTS_HOSTS]);
	f->redis = (struct redis_config){
	    .tls = {.server = image_str(img, c->server),
		.server_name = image_str(img, c->server_name),
		.ca_file = image_str(img, c->ca_file),
		.cert_file = image_str(img, c->cert_file),
		.key_file = image_str(img, c->key_file)},
	    .use_tls = c->tls,
	    .port = (uint16_t)c->port,
	    .user = image_str(img, c->user),
	    .password_file = image_str(img, c->password_file),
	    .reply_bytes = FLEET_REPLY,
	};
}

static int
make_parts(struct fleet *f)
{
	struct store *store = f->herald->store;
	bool same_server, same_trust;
	int r = store_schema(store,
	    "CREATE TABLE IF NOT EXISTS fleet_identity (one INTEGER PRIMARY KEY CHECK (one = 1), "
	    "server TEXT NOT NULL, trust INTEGER NOT NULL);");

	if (r == 0)
		r = given_new(&f->given, store, clock_real());
	if (r == 0)
		r = hosts_new(&f->hosts, store);
	if (r < 0)
		return r;
	check_identity(f, &same_server, &same_trust);
	if (!same_server) {
		given_forgotten(f->given);
		hosts_clear(f->hosts);
	} else if (!same_trust) {
		fleet_forget_serials(f);
	}
	load_files(f);
	r = tell_new(&f->tell, f);
	if (r == 0)
		r = take_new(&f->take, f);
	if (r == 0 && !(same_server && same_trust))
		take_from_start(f->take);
	return r;
}

int
fleet_new(struct fleet **out, struct herald *h)
{
	struct fleet *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->herald = h;
	f->config = h->image.fleet;
	set_config(f);
	r = make_parts(f);
	f->tick = r == 0 ? evtimer_new(h->base, on_tick, f) : NULL;
	if (!f->tick) {
		fleet_free(f);
		return r < 0 ? r : -ENOMEM;
	}
	set_tick(f);
	*out = f;
	return 0;
}

void
fleet_free(struct fleet *f)
{
	if (!f)
		return;
	if (f->tick)
		event_free(f->tick);
	if (f->hosts && f->take && !take_is_open(f->take))
		hosts_keep(f->hosts, 0, f->keyring);
	take_free(f->take);
	tell_free(f->tell);
	given_free(f->given);
	hosts_free(f->hosts);
	signer_free(f->signer);
	keyring_free(f->keyring);
	strbuf_fini(&f->signed_text);
	strbuf_fini(&f->reports[0]);
	strbuf_fini(&f->reports[1]);
	free(f);
}
