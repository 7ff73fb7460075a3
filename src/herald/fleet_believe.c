/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which entries of the streams are believed, and how this host writes its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "herald/fleet_private.h"

#define RECENT      (900 * USEC_PER_SEC)
#define REPEATS     16 /* in a row are no answers that were lost */
#define ID_AHEAD    (3600 * USEC_PER_SEC)
#define SERIAL_LEAP (86400 * USEC_PER_SEC)

const char *
fleet_key(const struct fleet *f, enum hosts_stream stream)
{
	return stream == HOSTS_BANS ? f->bans_key : f->hosts_key;
}

usec_t
fleet_time_of(const struct entry_id *id)
{
	return id->ms < INT64_MAX / 1000 ? (usec_t)id->ms * 1000 : INT64_MAX;
}

usec_t
fleet_heard_at(const struct entry_id *id)
{
	usec_t at = fleet_time_of(id), now = clock_real();

	return at < now ? at : now;
}

void
fleet_note_id(struct fleet *f, const struct entry_id *id, bool fresh)
{
	char words[REDIS_WHY_MAX];

	if (id->ms > f->server_ms)
		f->server_ms = id->ms;
	if (fleet_time_of(id) <= clock_real() + ID_AHEAD) {
		/* Ids only grow: one that is made now shows that those are gone. */
		if (fresh)
			fleet_wrong(f, WRONG_IDS, NULL);
		return;
	}
	snprintf(words, sizeof(words),
	    "the streams of %.80s have ids of a time to come: the clock here is wrong, or a host "
	    "wrote "
	    "them, and nothing can be trimmed by age until the streams are deleted (DEL)",
	    f->server);
	fleet_wrong(f, WRONG_IDS, words);
}

static void
begin_signed(struct fleet *f, enum hosts_stream stream, const char *line, size_t n)
{
	strbuf_reset(&f->signed_text);
	strbuf_printf(&f->signed_text, ENTRY_SIGNED "%s\n", fleet_key(f, stream));
	strbuf_add(&f->signed_text, line, n);
}

int
fleet_write_entry(struct fleet *f, enum hosts_stream stream, const struct entry *e,
    struct strbuf *line, char signature[static SIGN_TEXT])
{
	strbuf_reset(line);
	entry_write(e, line);
	signature[0] = '\0';
	if (!f->signer)
		return 0;
	begin_signed(f, stream, line->text, line->len);
	return signer_sign(f->signer, f->signed_text.text, f->signed_text.len, signature);
}

static bool
is_signed(
    struct fleet *f, enum hosts_stream stream, const struct entry_text *text, const char *host)
{
	begin_signed(f, stream, text->line, text->line_len);
	return keyring_verify(f->keyring, host, f->signed_text.text, f->signed_text.len,
	    text->signature, text->signature_len);
}

/* Why it is not believed; NULL: it is. */
static const char *
find_forgery(
    struct fleet *f, enum hosts_stream stream, const struct entry_text *text, const struct entry *e)
{
	if (!f->keyring)
		return NULL;
	if (!keyring_knows(f->keyring, e->host))
		return "its host has no key in 'keys_file'";
	if (text->signature_len == 0)
		return "it is not signed";
	/* It would make all that follows it old. */
	if (e->serial > (uint64_t)(clock_real() + SERIAL_LEAP))
		return "its serial is of a time to come";
	return is_signed(f, stream, text, e->host) ? NULL : "its signature is wrong";
}

/* What this host said before it had a key. */
static bool
is_own_of_before(const struct fleet *f, const struct entry_text *text, const struct entry *e)
{
	return text->signature_len == 0 && strcmp(e->host, f->name) == 0 &&
	       e->serial <= given_last_serial(f->given);
}

/* What was told before comes again when an answer was lost: the same serial, or an older one. Of
 * the hosts' stream, which is read from its beginning at each start, what is older than all that
 * the stream keeps. */
static bool
is_repeated(
    const struct fleet *f, enum hosts_stream stream, const struct host *x, const struct entry *e)
{
	uint64_t last = x->serial[stream], keep = (uint64_t)(fleet_hosts_keep(f) + SERIAL_LEAP);

	if (!f->keyring)
		return false;
	if (stream == HOSTS_BANS)
		return e->serial <= last;
	return last > keep && e->serial < last - keep;
}

/* Numbers that this host has not used: another one has its name, or our own state was lost while
 * the clock was ahead. */
static void
check_own(struct fleet *f, const struct entry *e)
{
	char words[REDIS_WHY_MAX];
	usec_t now = clock_real();

	if (e->serial <= given_last_serial(f->given))
		return;
	if (e->serial < (uint64_t)(now + SERIAL_LEAP))
		given_raise_serial(f->given, e->serial);
	snprintf(words, sizeof(words),
	    "another host says that it is %s: give each its own name ('host' of 'fleet'); their "
	    "bans do not reach each other",
	    f->name);
	fleet_wrong(f, WRONG_NAME, words);
}

/* Now and then an answer was lost and an entry is there twice. A host whose numbers stay behind has
 * lost its state, and its clock was ahead before. */
static void
note_repeated(struct fleet *f, const struct entry_id *id, struct host *x)
{
	char words[REDIS_WHY_MAX];

	f->counts.repeated++;
	if (fleet_time_of(id) < clock_real() - RECENT || ++x->repeats < REPEATS)
		return;
	x->repeats = REPEATS;
	snprintf(words, sizeof(words),
	    "what host %s says is skipped, its serials were used before: its state was lost and "
	    "its "
	    "clock was ahead, or somebody replays its entries; give it another name, or another "
	    "stream to all",
	    x->name);
	fleet_wrong(f, WRONG_SERIALS, words);
}

static struct host *
know_host(
    struct fleet *f, enum hosts_stream stream, const struct entry_id *id, const struct entry *e)
{
	struct host *x = hosts_get(f->hosts, e->host);

	if (!x)
		return NULL;
	if (is_repeated(f, stream, x, e)) {
		note_repeated(f, id, x);
		return NULL;
	}
	x->repeats = 0;
	if (e->serial > x->serial[stream])
		x->serial[stream] = e->serial;
	if (fleet_heard_at(id) > x->last)
		x->last = fleet_heard_at(id);
	x->changed = true;
	return x;
}

static void
note_unknown(struct fleet *f, const struct entry *e)
{
	char words[REDIS_WHY_MAX];

	f->counts.unknown++;
	snprintf(words, sizeof(words),
	    "entries of a version that this guardd (" GUARDD_VERSION
	    ") does not know are skipped (of host %s): is this one to be upgraded?",
	    e->host);
	fleet_wrong(f, WRONG_VERSION, words);
}

enum fleet_belief
fleet_believe(struct fleet *f, enum hosts_stream stream, const struct entry_id *id,
    const struct value *fields, struct entry *e, struct host **host)
{
	struct entry_text text;
	enum entry_form form = ENTRY_WRONG;
	const char *forgery;

	f->counts.read++;
	fleet_note_id(f, id, false);
	memset(e, 0, sizeof(*e));
	if (entry_fields(fields, &text))
		form = entry_parse(e, text.line, text.line_len);
	forgery = form == ENTRY_WRONG ? "it is not in the form of an entry"
				      : find_forgery(f, stream, &text, e);
	if (!forgery && form == ENTRY_GOOD && (stream == HOSTS_BANS) != (e->kind <= ENTRY_LIFT))
		forgery = "it is of a kind that belongs into the other stream";
	if (forgery && form == ENTRY_GOOD && is_own_of_before(f, &text, e))
		return BELIEVED_NOT;
	if (forgery) {
		fleet_forged(f, e->host, forgery);
		return BELIEVED_NOT;
	}
	if (form == ENTRY_UNKNOWN) {
		note_unknown(f, e);
		return BELIEVED_NOT;
	}
	if (strcmp(e->host, f->name) == 0) {
		check_own(f, e);
		return BELIEVED_OWN;
	}
	*host = know_host(f, stream, id, e);
	return *host ? BELIEVED : BELIEVED_NOT;
}

bool
fleet_entry_at(const struct value *v, uint32_t i, struct entry_id *id, const struct value **fields,
    bool *wrong)
{
	const struct value *stream, *entry;

	if (v->type == VALUE_NIL)
		return false;
	*wrong = true;
	if (v->type != VALUE_LIST || v->n != 1)
		return false;
	stream = v->items[0];
	if (stream->type != VALUE_LIST || stream->n != 2 || stream->items[1]->type != VALUE_LIST)
		return false;
	if (i == stream->items[1]->n) {
		*wrong = false;
		return false;
	}
	entry = stream->items[1]->items[i];
	if (entry->type != VALUE_LIST || entry->n != 2 || entry->items[0]->type != VALUE_TEXT ||
	    entry_parse_id(id, entry->items[0]->text, entry->items[0]->n) < 0)
		return false;
	*fields = entry->items[1];
	*wrong = false;
	return true;
}
