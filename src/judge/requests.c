/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/requests.h"

#include <errno.h>
#include <string.h>

#include "judge/exposure.h"
#include "judge/joined.h"
#include "judge/selfcheck.h"
#include "judge/text.h"

#ifndef GUARDD_VERSION
#define GUARDD_VERSION "unknown"
#endif

#define RELOAD_PATIENCE 60000 /* milliseconds: patterns are compiled and examples run */
#define ERRORS_MAX      (256 << 10)
#define LAG_SANE        ((1ull << 48) - 1) /* of bytes: the sum of all sources fits */

/* --- helpers for all --- */

bool
request_prefix(struct request *q, const char *word, struct prefix *p)
{
	int r = prefix_parse(p, word, strlen(word));
	char text[ADDR_TEXT_MAX];

	if (r == -ERANGE)
		request_done(q, REQUEST_USAGE,
		    "%s has bits set behind its length: did you mean %s?", word,
		    prefix_format(p, text));
	else if (r < 0)
		request_done(q, REQUEST_USAGE, "\"%s\" is neither an address nor a prefix", word);
	return r == 0;
}

struct ban_state
request_known_state(const struct court *c, const struct ban *x)
{
	return (struct ban_state){.in_force = enforce_holds(c->enforce, x)};
}

static const char *
scope_name(const struct court *c, const struct ban *x)
{
	const struct rule *r = &c->rules.slots[x->rule];

	return r->service ? r->service : "host";
}

void
request_ban_members(struct json *j, const struct court *c, const struct ban *x,
    const struct ban_state *s, usec_t now)
{
	const struct prefix p = ban_prefix(x);
	const struct why w = why_of(&c->rules, x);
	const char *trouble = s->in_force ? NULL : enforce_trouble(c->enforce, x);
	bool read = x->flags & BANS_READ;
	char text[ADDR_TEXT_MAX], why[WHY_MAX], time[40];

	json_text(j, "prefix", prefix_format(&p, text));
	json_text(j, "rule", w.rule);
	json_text(j, "scope", scope_name(c, x));
	json_text(j, "since", clock_format(x->since, 0, time));
	json_text(j, "until", until_text(x->until, time));
	if (x->until != USEC_NEVER)
		json_int(
		    j, "remaining_s", ban_end(x) > now ? (ban_end(x) - now) / USEC_PER_SEC : 0);
	json_text(j, "why", why_text(&w, why));
	json_int(j, "count", x->count);
	json_int(j, "level", x->level);
	json_bool(j, "in_force", s->in_force);
	json_int(j, "packets", (int64_t)(x->packets + (read ? 0 : s->packets)));
	json_int(j, "bytes", (int64_t)(x->bytes + (read ? 0 : s->bytes)));
	json_bool(j, "dry_run", x->flags & BANS_DRY);
	json_bool(j, "shared", x->flags & BANS_SHARED);
	if (!s->in_force && trouble)
		json_text(j, "trouble", trouble);
}

/* --- status --- */

struct status {
	uint32_t bans, in_force, dry; /* that hold now */
	uint32_t filters, rules;
	uint32_t live, behind;    /* sources */
	usec_t span;              /* of the source that is behind for longest */
	uint64_t lag_bytes, lost; /* of all sources */
};

static void
count_bans(const struct court *c, struct status *s, usec_t now)
{
	for (uint32_t i = 0; i < bans_high(c->bans); i++) {
		const struct ban *x = bans_get(c->bans, i);

		if (!x || !ban_holds(x, now) || (x->flags & BANS_BUILTIN))
			continue;
		if (x->flags & BANS_DRY) {
			s->dry++;
			continue;
		}
		s->bans++;
		s->in_force += enforce_holds(c->enforce, x);
	}
}

/* The log of the self check is a live source always. */
static bool
is_own_source(const struct image *img, uint64_t key)
{
	for (uint32_t i = 0; i < image_count(img, IMAGE_SOURCES); i++) {
		const struct image_source *from = &img->sources[i];
		_cleanup_(strbuf_fini) struct strbuf text = {0};

		if (!img->filters[from->filter].builtin)
			continue;
		strbuf_printf(&text, "file:%s", image_str(img, from->path));
		if (hash_text(text.text) == key)
			return true;
	}
	return false;
}

/* How long it has been behind; 0: it is not. What the reader says may be nonsense. */
static usec_t
behind_for(const struct stats_source *s, usec_t now)
{
	if (s->behind <= 0 || (s->state != STATS_LIVE && s->state != STATS_POLLED))
		return 0;
	return s->behind < now ? now - s->behind : 1;
}

static void
count_sources(const struct court *c, struct status *s, usec_t now)
{
	for (uint32_t i = 0; c->stats && i < STATS_SOURCES; i++) {
		const struct stats_source *from = &c->stats->sources[i];
		usec_t span = behind_for(from, now);

		if (!from->key || is_own_source(&c->image, from->key))
			continue;
		s->live += from->state == STATS_LIVE || from->state == STATS_POLLED;
		s->behind += span > 0;
		s->span = span > s->span ? span : s->span;
		s->lag_bytes += span > 0 ? from->lag_bytes & LAG_SANE : 0;
		s->lost += from->lost;
	}
}

static struct status
count_all(const struct court *c)
{
	struct status s = {0};

	count_bans(c, &s, clock_real());
	count_sources(c, &s, clock_real());
	for (uint32_t i = 0; i < image_count(&c->image, IMAGE_FILTERS); i++)
		s.filters += !c->image.filters[i].builtin;
	for (uint16_t i = 0; i < c->rules.n; i++)
		s.rules += c->rules.slots[i].alive && !c->rules.slots[i].builtin &&
			   !c->rules.slots[i].foreign && i != RULE_MANUAL;
	return s;
}

static void
add_table_state(struct json *j, const struct court *c, struct strbuf *text)
{
	uint32_t refused = enforce_refused(c->enforce);

	if (!enforce_is_connected(c->enforce))
		strbuf_puts(text, "the keeper does not answer");
	else if (refused > 0)
		strbuf_printf(text, "the kernel refuses %u bans", refused);
	else if (!enforce_is_synced(c->enforce))
		strbuf_puts(text, "the bans are being sent");
	else
		strbuf_puts(text, "ok");
	json_text(j, "table", text->text);
}

static void
add_counts(struct json *j, const struct court *c)
{
	const struct verdict_counts *n = &c->verdict.counts;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"tallies", tallies_count(c->tallies)},
	    {"tallies_max", tallies_max(c->tallies)},
	    {"evicted", tallies_evicted(c->tallies)},
	    {"offences", n->offences},
	    {"discarded_old", n->discarded_old},
	    {"spared", n->spared},
	    {"hidden", n->hidden},
	    {"future", n->future},
	    {"undated", n->undated},
	    {"forgiven", n->forgiven},
	    {"bans_made", n->bans},
	    {"bans_max", c->image.settings->bans_max},
	    {"refused_full", n->refused},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		json_int(j, rows[i].name, (int64_t)rows[i].value);
}

/* "" where nothing is configured that needs one. */
static const char *
herald_state(const struct court *c)
{
	const struct image_settings *s = c->image.settings;

	if (joined_has_herald(c->joined))
		return "connected";
	return image_count(&c->image, IMAGE_CHANNELS) > 0 || c->image.fleet || s->metrics_listen ||
		       s->metrics_file
		   ? "away"
		   : "";
}

static void
request_status_(struct request *q, char *const *words, unsigned n)
{
	const struct court *c = request_context(q);
	const struct status s = count_all(c);
	const char *file = image_str(&c->image, c->image.settings->main_file);
	_cleanup_(strbuf_fini) struct strbuf line = {0}, text = {0};
	char time[40];
	struct json j;

	(void)words;
	(void)n;
	json_begin(&j, &line);
	json_text(&j, "version", GUARDD_VERSION);
	json_int(&j, "uptime_s", (clock_real() - c->started) / USEC_PER_SEC);
	json_text(&j, "config", *file ? file : "the built-in defaults");
	json_text(&j, "config_read", clock_format(c->image.head->made, 0, time));
	exposure_status(c->exposure, &j, clock_real());
	json_int(&j, "bans", s.bans);
	json_int(&j, "in_force", s.in_force);
	json_int(&j, "dry_run", s.dry);
	add_counts(&j, c);
	json_text(&j, "book", c->book_trouble ? book_error(c->book) : "ok");
	add_table_state(&j, c, &text);
	json_text(&j, "herald", herald_state(c));
	json_int(&j, "filters", s.filters);
	json_int(&j, "rules", s.rules);
	json_int(&j, "sources_live", s.live);
	json_int(&j, "sources_behind", s.behind);
	json_int(&j, "behind_s", s.span / USEC_PER_SEC);
	json_int(&j, "lag_bytes", (int64_t)s.lag_bytes);
	json_int(&j, "sources_lost", (int64_t)(s.lost & INT64_MAX));
	json_int(&j, "hits_lost", c->stats ? (int64_t)(c->stats->hits_lost & INT64_MAX) : 0);
	json_end(&j);
	request_write(q, &line);
	request_done(q, REQUEST_DONE, NULL);
}

/* --- sources --- */

static const char *const state_names[] = {
    [STATS_FREE] = "unknown",
    [STATS_ABSENT] = "absent",
    [STATS_STANDBY] = "standby",
    [STATS_LIVE] = "live",
    [STATS_POLLED] = "polled",
    [STATS_FAILED] = "failed",
};

static const char *const kind_names[] = {
    [0] = "unknown",
    [SOURCE_FILE] = "file",
    [SOURCE_JOURNAL] = "journal",
    [SOURCE_DOCKER] = "docker",
};

/* The reader may write while this reads, and is not trusted: numbers are bounded, text is escaped.
 */
static void
add_source(struct strbuf *out, const struct stats_source *shared, usec_t now)
{
	struct stats_source s = *shared;
	usec_t behind = behind_for(&s, now);
	struct json j;
	char time[40];
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"bytes", s.bytes}, {"lines", s.lines}, {"candidates", s.candidates},
	    {"matched", s.matched}, {"unexamined", s.unexamined}, {"undated", s.undated},
	    {"future", s.future}, {"nobody", s.nobody}, {"forgotten", s.forgotten},
	    {"lag_bytes", s.lag_bytes}, {"lost", s.lost}};

	json_begin(&j, out);
	json_bytes(&j, "name", s.name, strnlen(s.name, sizeof(s.name)));
	json_text(&j, "kind", kind_names[s.kind <= SOURCE_DOCKER ? s.kind : 0]);
	json_text(&j, "state", state_names[s.state <= STATS_FAILED ? s.state : STATS_FREE]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		json_int(&j, rows[i].name, (int64_t)(rows[i].value & INT64_MAX));
	json_int(&j, "behind_s", behind / USEC_PER_SEC);
	json_bool(&j, "behind", behind > 0);
	if (behind > 0 && s.entry > 0 && s.entry < now)
		json_int(&j, "age_s", (now - s.entry) / USEC_PER_SEC);
	json_text(&j, "last_line", s.last_line > 0 ? clock_format(s.last_line, 0, time) : NULL);
	json_text(&j, "error",
	    s.state == STATS_FAILED && s.error > 0 && s.error < 4096 ? strerror(s.error) : NULL);
	json_end(&j);
}

static void
request_sources(struct request *q, char *const *words, unsigned n)
{
	const struct court *c = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	(void)words;
	(void)n;
	for (uint32_t i = 0; c->stats && i < STATS_SOURCES; i++)
		if (c->stats->sources[i].key)
			add_source(&out, &c->stats->sources[i], clock_real());
	request_write(q, &out);
	request_done(q, REQUEST_DONE, NULL);
}

/* --- rules --- */

static void
add_rule(struct strbuf *out, const struct court *c, const struct image_rule *from)
{
	const struct rule *r =
	    &c->rules.slots[rules_find(&c->rules, image_str(&c->image, from->name))];
	char span[40];
	struct json j;

	json_begin(&j, out);
	json_text(&j, "rule", r->name);
	json_list_begin(&j, "filters");
	for (uint32_t i = 0; i < from->filters.n; i++)
		json_text(&j, NULL,
		    image_str(&c->image,
			c->image.filters[c->image.rule_filters[from->filters.first + i]].name));
	json_list_end(&j);
	json_int(&j, "points", r->points);
	json_text(&j, "within", clock_format_span(r->within, span));
	json_text(&j, "for", clock_format_span(r->duration, span));
	json_text(&j, "scope", r->service ? r->service : "host");
	json_int(&j, "prefix_hosts", r->prefix_hosts);
	json_bool(&j, "forgive", r->forgive);
	json_bool(&j, "distinct_user", r->distinct);
	json_bool(&j, "dry_run", r->dry_run);
	json_end(&j);
}

static void
request_rules(struct request *q, char *const *words, unsigned n)
{
	const struct court *c = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	(void)words;
	(void)n;
	for (uint32_t i = 0; i < image_count(&c->image, IMAGE_RULES); i++)
		if (!c->image.rules[i].builtin && !c->image.rules[i].foreign)
			add_rule(&out, c, &c->image.rules[i]);
	request_write(q, &out);
	request_done(q, REQUEST_DONE, NULL);
}

/* --- reload --- */

/* Lines of the error text, each an object. */
static void
write_errors(struct request *q, char *text)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	for (char *line = strtok_r(text, "\n", &text); line; line = strtok_r(NULL, "\n", &text)) {
		struct json j;

		json_begin(&j, &out);
		json_text(&j, "text", line);
		json_end(&j);
	}
	request_write(q, &out);
}

static void
on_reloaded(struct request *q, uint32_t id, int status, int errors)
{
	const uint32_t *own = request_state(q);
	_cleanup_(freep) char *text = NULL;
	ssize_t n;

	if (id != *own)
		return;
	text = malloc(ERRORS_MAX + 1);
	n = text ? pread(errors, text, ERRORS_MAX, 0) : -1;
	if (n > 0) {
		text[n] = '\0';
		write_errors(q, text);
	}
	if (status == 0)
		request_done(q, REQUEST_DONE, NULL);
	else
		request_done(q, REQUEST_FAILED,
		    "the configuration was not taken over, what was in force stays");
}

static void
on_reload_late(struct request *q)
{
	request_done(q, REQUEST_FAILED, "no answer to the reload");
}

static void
request_reload(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {
	    .on_reloaded = on_reloaded, .on_late = on_reload_late};
	struct court *c = request_context(q);
	struct msg m = {.type = MSG_RELOAD, .id = ++c->reloads};
	uint32_t *id = malloc(sizeof(*id));

	(void)words;
	(void)n;
	if (!id || !c->supervisor || chan_send(c->supervisor, &m) < 0) {
		free(id);
		request_done(q, REQUEST_FAILED, "the supervisor cannot be asked");
		return;
	}
	*id = m.id;
	request_keep(q, &ops, id, free);
	request_wait(q, RELOAD_PATIENCE);
}

/* --- short ones --- */

static void
request_selfcheck(struct request *q, char *const *words, unsigned n)
{
	struct court *c = request_context(q);

	(void)words;
	(void)n;
	selfcheck_start(c->selfcheck, q);
}

const struct command requests[] = {
    {"status", "", RIGHT_READ, 0, 0, request_status_},
    {"sources", "", RIGHT_READ, 0, 0, request_sources},
    {"list", "[address|prefix] [rule NAME] [limit N]", RIGHT_READ, 0, 5, request_list},
    {"ban", "PREFIX [for SPAN] [because TEXT] [fleet]", RIGHT_WRITE, 1, 6, request_ban},
    {"unban", "PREFIX [fleet]", RIGHT_WRITE, 1, 2, request_unban},
    {"adopt", "ADDRESS rule NAME level N since TIME until TIME", RIGHT_WRITE, 9, 9, request_adopt},
    {"history", "PREFIX", RIGHT_READ, 1, 1, request_history},
    {"exposure", "[RULE]", RIGHT_READ, 0, 1, request_exposure},
    {"gaps", "[all]", RIGHT_READ, 0, 1, request_gaps},
    {"reload", "", RIGHT_WRITE, 0, 0, request_reload},
    {"selfcheck", "", RIGHT_WRITE, 0, 0, request_selfcheck},
    {"rules", "", RIGHT_READ, 0, 0, request_rules},
    {"version", "", RIGHT_READ, 0, 0, request_version},
    {NULL, NULL, RIGHT_NONE, 0, 0, NULL},
};
