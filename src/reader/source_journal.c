/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/source_journal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/hash.h"
#include "reader/journal_files.h"

#define ERRORS_MAX 16 /* broken entries in a row that are passed over */
/*
 * Past so many terms libsystemd is not told what is wanted: each step then asks the index for every
 * term, which takes longer than to look at the entries that nobody wants.
 */
#define TERMS_MAX 4
#define MEMO      64 /* kinds of entries whose routes are kept */
#define UNWANTED  4  /* so many more entries before the position, where any may come */

struct source_journal {
	struct journal_files *files;
	const struct image *img;
	journal_entry_fn fn;
	void *ctx;
	uint32_t *sources;
	size_t n_sources;
	uint8_t *memo; /* MEMO times struct kind and n_sources bytes */
	struct hash_key key;
	bool unmatched; /* entries come that nobody wants */
	sd_journal *sd; /* NULL: closed */
	char *text;     /* LINE_MAX_BYTES + 1 */
	bool unread;    /* the present entry was not delivered yet */
	bool moved;     /* last does not yet say where the present entry is */
	struct msg_position last;
	uint64_t read;
	char comm[JOURNAL_NAME_MAX]; /* of the present entry */
	char pid[24];                /* of it: what the journal says, beside what it says itself */
	bool stepwise;               /* a source's filter is: it sees host and pid, too */
};

static bool
has_cursor(const struct msg_position *p)
{
	static const uint8_t none[16];

	return memcmp(p->journal.seqnum_id, none, 16) != 0;
}

/* What "ssh.service" has in common with "ssh@4-192.0.2.1:22.service": the length of "ssh"; 0 when
 * unit names one instance. */
static size_t
template_len(const char *unit)
{
	const char *dot = strrchr(unit, '.'), *at = strchr(unit, '@');

	if (!dot)
		return 0;
	if (!at || at > dot)
		return (size_t)(dot - unit);
	return at + 1 == dot ? (size_t)(at - unit) : 0;
}

static bool
unit_fits(const char *want, const char *unit)
{
	size_t n = template_len(want), len = strlen(unit);
	const char *dot = strrchr(want, '.');

	if (strcmp(want, unit) == 0)
		return true;
	return n > 0 && strncmp(want, unit, n) == 0 && unit[n] == '@' && len > strlen(dot) &&
	       strcmp(unit + len - strlen(dot), dot) == 0;
}

static bool
listed(const struct image *img, struct span list, const char *text)
{
	for (uint32_t i = 0; i < list.n; i++)
		if (strcmp(image_list(img, list, i), text) == 0)
			return true;
	return false;
}

static bool
wants_all(const struct image_source *s)
{
	return s->units.n == 0 && s->labels.n == 0 && s->facilities.n == 0;
}

bool
source_journal_routes(
    const struct image *img, const struct image_source *s, const struct journal_entry *e)
{
	if (wants_all(s))
		return true;
	for (uint32_t i = 0; e->unit[0] && i < s->units.n; i++)
		if (unit_fits(image_list(img, s->units, i), e->unit))
			return true;
	return (e->identified && listed(img, s->labels, e->program)) ||
	       (e->facility[0] && listed(img, s->facilities, e->facility));
}

/* A kind of entries: those of one program, unit and facility. Its routes stand behind it. */
struct kind {
	uint64_t hash; /* 0: none */
	bool any;
	uint8_t routes[];
};

static struct kind *
kind_at(const struct source_journal *j, size_t n)
{
	return (struct kind *)(j->memo + n * ((sizeof(struct kind) + j->n_sources + 7) & ~7u));
}

/* Which sources want it, from memory where it was asked before: clients choose some of these names,
 * but none of the key. */
static const struct kind *
route(struct source_journal *j, const struct journal_entry *e)
{
	char text[2 * JOURNAL_NAME_MAX + sizeof(e->facility) + 1];
	size_t a = strlen(e->program) + 1, b = strlen(e->unit) + 1, c = strlen(e->facility);
	struct kind *k;
	uint64_t hash;

	memcpy(text, e->program, a);
	memcpy(text + a, e->unit, b);
	memcpy(text + a + b, e->facility, c);
	text[a + b + c] = e->identified ? 'i' : 'c';
	hash = hash_bytes(&j->key, text, a + b + c + 1) | 1;
	k = kind_at(j, (hash >> 32) % MEMO);
	if (k->hash == hash)
		return k;
	k->hash = hash;
	k->any = false;
	for (size_t i = 0; i < j->n_sources; i++) {
		const struct image_source *s = &j->img->sources[j->sources[i]];

		k->routes[i] = source_journal_routes(j->img, s, e);
		k->any |= k->routes[i];
	}
	return k;
}

int
source_journal_new(struct source_journal **out, const char *directory, const struct image *img,
    journal_entry_fn fn, void *ctx)
{
	_cleanup_(source_journal_freep) struct source_journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->img = img;
	j->fn = fn;
	j->ctx = ctx;
	j->key = hash_key_random();
	r = journal_files_new(&j->files, directory);
	if (r < 0)
		return r;
	*out = j;
	j = NULL;
	return 0;
}

void
source_journal_free(struct source_journal *j)
{
	if (!j)
		return;
	source_journal_close(j);
	journal_files_free(j->files);
	free(j->sources);
	free(j->memo);
	free(j);
}

int
source_journal_want(struct source_journal *j, const uint32_t *sources, size_t n)
{
	_cleanup_(freep) uint32_t *copy = malloc((n + 1) * sizeof(*copy));
	uint8_t *memo = calloc(MEMO, sizeof(struct kind) + n + 8);

	if (!copy || !memo) {
		free(memo);
		return -ENOMEM;
	}
	if (n)
		memcpy(copy, sources, n * sizeof(*copy));
	j->stepwise = false;
	for (size_t i = 0; i < n; i++)
		j->stepwise |= j->img->filters[j->img->sources[sources[i]].filter].lines > 0;
	free(j->sources);
	free(j->memo);
	j->sources = copy;
	j->memo = memo;
	j->n_sources = n;
	copy = NULL;
	return 0;
}

static int
add_match(sd_journal *sd, const char *field, const char *value)
{
	char text[2 * JOURNAL_NAME_MAX];
	int n = snprintf(text, sizeof(text), "%s=%s", field, value);

	return n < (int)sizeof(text) ? sd_journal_add_match(sd, text, 0) : 0;
}

/* Instances of a template have the slice "system-" + its escaped name (systemd.slice(5)), which
 * unlike their own names can be looked up in the journal's index. */
static int
add_slice(sd_journal *sd, const char *unit)
{
	char slice[JOURNAL_NAME_MAX * 4 + 16] = "system-";
	size_t n = template_len(unit), len = strlen(slice);

	if (n == 0 || n >= JOURNAL_NAME_MAX)
		return 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)unit[i];
		bool plain = isalnum(c) || c == ':' || c == '_' || (c == '.' && i > 0);

		len += (size_t)sprintf(slice + len, plain ? "%c" : "\\x%02x", c);
	}
	strcpy(slice + len, ".slice");
	return add_match(sd, "_SYSTEMD_SLICE", slice);
}

/* Matches of one field are alternatives; a disjunction makes the fields alternatives of each other.
 */
static int
add_list(sd_journal *sd, const struct image *img, const char *field, struct span list)
{
	int r = sd_journal_add_disjunction(sd);

	for (uint32_t i = 0; r >= 0 && i < list.n; i++)
		r = add_match(sd, field, image_list(img, list, i));
	return r;
}

static int
add_source(sd_journal *sd, const struct image *img, const struct image_source *s)
{
	int r = add_list(sd, img, "_SYSTEMD_UNIT", s->units);

	if (r >= 0)
		r = sd_journal_add_disjunction(sd);
	for (uint32_t i = 0; r >= 0 && i < s->units.n; i++)
		r = add_slice(sd, image_list(img, s->units, i));
	if (r >= 0)
		r = add_list(sd, img, "SYSLOG_IDENTIFIER", s->labels);
	if (r >= 0)
		r = add_list(sd, img, "SYSLOG_FACILITY", s->facilities);
	return r;
}

static int
set_matches(struct source_journal *j)
{
	uint32_t terms = 0;
	int r = 0;

	j->unmatched = false;
	for (size_t i = 0; i < j->n_sources; i++) {
		const struct image_source *s = &j->img->sources[j->sources[i]];

		terms += 2 * s->units.n + s->labels.n + s->facilities.n;
		j->unmatched |= wants_all(s);
	}
	j->unmatched |= terms > TERMS_MAX;
	if (j->unmatched)
		return 0;
	for (size_t i = 0; r >= 0 && i < j->n_sources; i++)
		r = add_source(j->sd, j->img, &j->img->sources[j->sources[i]]);
	return r;
}

static void
take_name(char *out, size_t room, const char *text, size_t len)
{
	if (len >= room)
		len = 0;
	memcpy(out, text, len);
	out[len] = 0;
}

/* The fields of an entry that are wanted, in one pass: asked for by name, each would be looked for
 * among all of them. */
enum field {
	FIELD_PROGRAM,
	FIELD_COMM,
	FIELD_UNIT,
	FIELD_FACILITY,
	FIELD_TIME,
	FIELD_TEXT,
	/* For stepwise filters. */
	FIELD_HOST,
	FIELD_OWN_PID,
	FIELD_PID,
	FIELD_MONOTONIC,
	FIELDS
};

#define NAME(text) text "=", sizeof(text)
static const struct {
	const char *name;
	size_t len;
} fields[FIELDS] = {
    [FIELD_PROGRAM] = {NAME("SYSLOG_IDENTIFIER")},
    [FIELD_COMM] = {NAME("_COMM")},
    [FIELD_UNIT] = {NAME("_SYSTEMD_UNIT")},
    [FIELD_FACILITY] = {NAME("SYSLOG_FACILITY")},
    [FIELD_TIME] = {NAME("_SOURCE_REALTIME_TIMESTAMP")},
    [FIELD_TEXT] = {NAME("MESSAGE")},
    [FIELD_HOST] = {NAME("_HOSTNAME")},
    [FIELD_OWN_PID] = {NAME("SYSLOG_PID")},
    [FIELD_PID] = {NAME("_PID")},
    [FIELD_MONOTONIC] = {NAME("_SOURCE_MONOTONIC_TIMESTAMP")},
};

#define SEEN_ALL                                                                                   \
	(1u << FIELD_PROGRAM | 1u << FIELD_UNIT | 1u << FIELD_FACILITY | 1u << FIELD_TIME |        \
	    1u << FIELD_TEXT)

static void
take_time(usec_t *out, const char *text, size_t len)
{
	char digits[24];

	take_name(digits, sizeof(digits), text, len);
	if (isdigit((unsigned char)*digits))
		*out = (usec_t)(strtoull(digits, NULL, 10) & INT64_MAX);
}

static void
take_field(
    struct source_journal *j, struct journal_entry *e, enum field f, const char *text, size_t len)
{
	switch (f) {
	case FIELD_PROGRAM:
		take_name(e->program, sizeof(e->program), text, len);
		break;
	case FIELD_COMM:
		take_name(j->comm, sizeof(j->comm), text, len);
		break;
	case FIELD_UNIT:
		take_name(e->unit, sizeof(e->unit), text, len);
		break;
	case FIELD_FACILITY:
		take_name(e->facility, sizeof(e->facility), text, len);
		break;
	case FIELD_TIME:
		take_time(&e->time, text, len);
		break;
	case FIELD_HOST:
		take_name(e->host, sizeof(e->host), text, len);
		break;
	case FIELD_OWN_PID:
		take_name(e->pid, sizeof(e->pid), text, len);
		break;
	case FIELD_PID:
		take_name(j->pid, sizeof(j->pid), text, len);
		break;
	case FIELD_MONOTONIC:
		take_time(&e->monotonic, text, len);
		break;
	default:
		/* What libsystemd hands out lives until the next call to it. */
		e->cut = len > LINE_MAX_BYTES;
		e->len = e->cut ? LINE_MAX_BYTES : len;
		memcpy(j->text, text, e->len);
		e->text = j->text;
	}
}

static enum field
field_of(const char *data, size_t len)
{
	/* Most fields begin otherwise. */
	if (len < 5 || (data[0] != 'S' && data[0] != '_' && data[0] != 'M'))
		return FIELDS;
	for (enum field f = 0; f < FIELDS; f++)
		if (len >= fields[f].len && data[1] == fields[f].name[1] &&
		    memcmp(data, fields[f].name, fields[f].len) == 0)
			return f;
	return FIELDS;
}

/* False when it has no message. */
static bool
read_entry(struct source_journal *j, struct journal_entry *e)
{
	unsigned seen = 0;
	const void *data;
	uint64_t real;
	size_t len;

	e->program[0] = e->unit[0] = e->facility[0] = j->comm[0] = 0;
	e->host[0] = e->pid[0] = j->pid[0] = 0;
	e->monotonic = USEC_NEVER;
	e->text = NULL;
	e->time = sd_journal_get_realtime_usec(j->sd, &real) < 0 ? USEC_NEVER : (usec_t)real;
	sd_journal_restart_data(j->sd);
	while ((j->stepwise || (seen & SEEN_ALL) != SEEN_ALL) &&
	       sd_journal_enumerate_available_data(j->sd, &data, &len) > 0) {
		enum field f = field_of(data, len);

		if (f == FIELDS || seen & 1u << f)
			continue;
		seen |= 1u << f;
		take_field(j, e, f, (const char *)data + fields[f].len, len - fields[f].len);
	}
	e->identified = e->program[0] != 0;
	if (!e->identified)
		memcpy(e->program, j->comm, sizeof(e->program));
	if (!e->pid[0])
		memcpy(e->pid, j->pid, sizeof(e->pid));
	return e->text != NULL;
}

/* Delivers the present entry, when somebody wants it. */
static bool
deliver(struct source_journal *j, bool before)
{
	struct journal_entry e;
	const struct kind *k;

	if (!read_entry(j, &e))
		return true;
	k = route(j, &e);
	e.routes = k->routes;
	return !k->any || j->fn(j->ctx, &e, before);
}

static int
seek_end(struct source_journal *j)
{
	int r = sd_journal_seek_tail(j->sd);

	if (r >= 0)
		r = sd_journal_previous(j->sd);
	if (r > 0)
		j->moved = true;
	/* Nothing that fits is there yet, so whatever comes is new. */
	return r == 0 ? sd_journal_seek_head(j->sd) : r;
}

static void
deliver_before(struct source_journal *j, unsigned n)
{
	unsigned most = j->unmatched ? n * UNWANTED : n;
	int back = n ? sd_journal_previous_skip(j->sd, most) : -1;

	for (int i = 0; i <= back; i++) {
		deliver(j, true);
		if (i < back && sd_journal_next(j->sd) <= 0)
			break;
	}
}

static int
seek(struct source_journal *j, const struct msg_position *p, unsigned before)
{
	char cursor[JOURNAL_CURSOR_MAX];
	uint64_t oldest;
	int r;

	if (!has_cursor(p))
		return sd_journal_seek_realtime_usec(j->sd, p->journal.real);
	journal_cursor_format(p, cursor);
	r = sd_journal_seek_cursor(j->sd, cursor);
	if (r >= 0)
		r = sd_journal_next(j->sd);
	if (r <= 0)
		return r;
	if (sd_journal_test_cursor(j->sd, cursor) > 0) {
		deliver_before(j, before);
		return 0;
	}
	j->unread = true;
	return sd_journal_get_cutoff_realtime_usec(j->sd, &oldest, NULL) > 0 &&
	       oldest > p->journal.real;
}

static int
open_files(struct source_journal *j, const struct msg_position *p)
{
	const char **paths;
	int n = journal_files_choose(j->files, p ? p->journal.real : UINT64_MAX, &paths);

	if (n <= 0)
		return n < 0 ? n : -ENODATA;
	return sd_journal_open_files(&j->sd, paths, 0);
}

int
source_journal_open(
    struct source_journal *j, const struct msg_position *p, usec_t now, unsigned before)
{
	struct msg_position at;
	int r;

	if (p)
		at = *p;
	source_journal_close(j);
	/* After a failure this is still where it is to go on. */
	memset(&j->last, 0, sizeof(j->last));
	j->last.journal.real = (uint64_t)now;
	if (p)
		j->last = at;
	j->text = malloc(LINE_MAX_BYTES);
	r = j->text ? open_files(j, p ? &at : NULL) : -ENOMEM;
	if (r >= 0)
		r = sd_journal_set_data_threshold(j->sd, LINE_MAX_BYTES + 64);
	if (r >= 0)
		r = set_matches(j);
	if (r >= 0)
		r = p ? seek(j, &at, before) : seek_end(j);
	if (r < 0)
		source_journal_close(j);
	return r < 0 ? r : p && r > 0;
}

void
source_journal_close(struct source_journal *j)
{
	struct msg_position keep;

	source_journal_position(j, &keep);
	sd_journal_close(j->sd);
	free(j->text);
	j->sd = NULL;
	j->text = NULL;
	j->unread = j->moved = false;
	j->read = 0;
}

bool
source_journal_is_open(const struct source_journal *j)
{
	return j->sd != NULL;
}

int
source_journal_fd(const struct source_journal *j)
{
	return journal_files_fd(j->files);
}

static int
open_again(struct source_journal *j, usec_t now)
{
	struct msg_position p;

	memset(&p, 0, sizeof(p));
	source_journal_position(j, &p);
	return source_journal_open(j, &p, now, 0);
}

int
source_journal_process(struct source_journal *j, usec_t now)
{
	enum journal_news news = journal_files_news(j->files);

	if (news == JOURNAL_CHANGED || (news == JOURNAL_WRITTEN && !j->sd))
		return open_again(j, now);
	return 0;
}

bool
source_journal_news(struct source_journal *j)
{
	return journal_files_news(j->files) != JOURNAL_NO_NEWS;
}

/* 1: the present entry is the next one to deliver. */
static int
advance(struct source_journal *j)
{
	int r = 0;

	if (j->unread) {
		j->unread = false;
		return 1;
	}
	for (int i = 0; i < ERRORS_MAX; i++) {
		r = sd_journal_next(j->sd);
		if (r >= 0)
			return r;
	}
	return r;
}

int
source_journal_step(struct source_journal *j, unsigned max, usec_t now)
{
	if (j->read >= JOURNAL_MAPPED_MAX) {
		int r = open_again(j, now);

		if (r < 0)
			return r;
	}
	if (!j->sd)
		return JOURNAL_IDLE;
	for (unsigned i = 0; i < max; i++) {
		int r = advance(j);

		if (r <= 0)
			return r < 0 ? r : JOURNAL_IDLE;
		j->read++;
		j->moved = true;
		if (!deliver(j, false))
			return JOURNAL_HELD;
	}
	return JOURNAL_MORE;
}

void
source_journal_position(struct source_journal *j, struct msg_position *out)
{
	_cleanup_(freep) char *cursor = NULL;

	if (j->moved && j->sd && sd_journal_get_cursor(j->sd, &cursor) >= 0 &&
	    journal_cursor_parse(&j->last, cursor) == 0)
		j->moved = false;
	out->journal = j->last.journal;
}

uint64_t
source_journal_read(const struct source_journal *j)
{
	return j->read;
}
