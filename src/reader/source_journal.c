/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/source_journal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "reader/journal_files.h"

#define ERRORS_MAX 16 /* broken entries in a row that are passed over */

struct source_journal {
	struct journal_files *files;
	const struct image *img;
	journal_entry_fn fn;
	void *ctx;
	uint32_t *sources;
	size_t n_sources;
	sd_journal *sd; /* NULL: closed */
	char *text;     /* LINE_MAX_BYTES + 1 */
	bool unread;    /* the present entry was not delivered yet */
	bool moved;     /* last does not yet say where the present entry is */
	struct msg_position last;
	uint64_t read;
};

static int
hex_id(uint8_t id[16], const char *p)
{
	for (int i = 0; i < 16; i++) {
		unsigned v;

		if (!isxdigit((unsigned char)p[2 * i]) || !isxdigit((unsigned char)p[2 * i + 1]) ||
		    sscanf(p + 2 * i, "%2x", &v) != 1)
			return -EINVAL;
		id[i] = (uint8_t)v;
	}
	return 0;
}

int
journal_cursor_parse(struct msg_position *out, const char *text)
{
	char s[33], b[33];
	uint64_t i, m, t, x;

	if (sscanf(text,
		"s=%32[0-9a-f];i=%" SCNx64 ";b=%32[0-9a-f];m=%" SCNx64 ";t=%" SCNx64 ";x=%" SCNx64,
		s, &i, b, &m, &t, &x) != 6 ||
	    strlen(s) != 32 || strlen(b) != 32)
		return -EINVAL;
	if (hex_id(out->journal.seqnum_id, s) < 0 || hex_id(out->journal.boot_id, b) < 0)
		return -EINVAL;
	out->journal.seqnum = i;
	out->journal.mono = m;
	out->journal.real = t;
	out->journal.xor_hash = x;
	return 0;
}

static void
put_id(char out[static 33], const uint8_t id[16])
{
	for (int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

void
journal_cursor_format(const struct msg_position *p, char text[static JOURNAL_CURSOR_MAX])
{
	char s[33], b[33];

	put_id(s, p->journal.seqnum_id);
	put_id(b, p->journal.boot_id);
	snprintf(text, JOURNAL_CURSOR_MAX,
	    "s=%s;i=%" PRIx64 ";b=%s;m=%" PRIx64 ";t=%" PRIx64 ";x=%" PRIx64, s, p->journal.seqnum,
	    b, p->journal.mono, p->journal.real, p->journal.xor_hash);
}

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
	return (e->program[0] && listed(img, s->labels, e->program)) ||
	       (e->facility[0] && listed(img, s->facilities, e->facility));
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
	free(j);
}

int
source_journal_want(struct source_journal *j, const uint32_t *sources, size_t n)
{
	uint32_t *copy = malloc((n + 1) * sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, sources, n * sizeof(*copy));
	free(j->sources);
	j->sources = copy;
	j->n_sources = n;
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
	int r = 0;

	for (size_t i = 0; i < j->n_sources; i++)
		if (wants_all(&j->img->sources[j->sources[i]]))
			return 0;
	for (size_t i = 0; r >= 0 && i < j->n_sources; i++)
		r = add_source(j->sd, j->img, &j->img->sources[j->sources[i]]);
	return r;
}

/* Text of a field of the present entry, without its name; NULL when it has none. */
static const char *
field(sd_journal *sd, const char *name, size_t *len)
{
	size_t skip = strlen(name) + 1;
	const void *data;

	if (sd_journal_get_data(sd, name, &data, len) < 0 || *len < skip)
		return NULL;
	*len -= skip;
	return (const char *)data + skip;
}

static bool
copy_field(sd_journal *sd, const char *name, char *out, size_t room)
{
	size_t len = 0;
	const char *text = field(sd, name, &len);

	out[0] = 0;
	if (!text || len >= room)
		return false;
	memcpy(out, text, len);
	out[len] = 0;
	return true;
}

static usec_t
entry_time(sd_journal *sd)
{
	char text[24];
	uint64_t real;

	if (copy_field(sd, "_SOURCE_REALTIME_TIMESTAMP", text, sizeof(text)) &&
	    isdigit((unsigned char)*text))
		return (usec_t)(strtoull(text, NULL, 10) & INT64_MAX);
	return sd_journal_get_realtime_usec(sd, &real) < 0 ? USEC_NEVER : (usec_t)real;
}

/* Delivers the present entry. */
static bool
deliver(struct source_journal *j, bool before)
{
	struct journal_entry e;
	size_t len = 0;
	const char *text;

	if (!copy_field(j->sd, "SYSLOG_IDENTIFIER", e.program, sizeof(e.program)))
		copy_field(j->sd, "_COMM", e.program, sizeof(e.program));
	copy_field(j->sd, "_SYSTEMD_UNIT", e.unit, sizeof(e.unit));
	copy_field(j->sd, "SYSLOG_FACILITY", e.facility, sizeof(e.facility));
	e.time = entry_time(j->sd);
	text = field(j->sd, "MESSAGE", &len);
	if (!text)
		return true;
	/* What libsystemd hands out lives until the next call to it. */
	e.cut = len > LINE_MAX_BYTES;
	e.len = e.cut ? LINE_MAX_BYTES : len;
	memcpy(j->text, text, e.len);
	e.text = j->text;
	return j->fn(j->ctx, &e, before);
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
	int back = n ? sd_journal_previous_skip(j->sd, n) : -1;

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
