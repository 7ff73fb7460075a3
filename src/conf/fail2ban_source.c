/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban_rule.h"
#include "conf/print.h"

#define FILES_MAX 64 /* of one source */
#define NAMES_MAX 32 /* of one kind in a journal source */

/* --- the journal --- */

enum { J_UNIT, J_IDENTIFIER, J_FACILITY, J_KINDS };

static const char *const journal_keys[J_KINDS] = {"unit", "identifier", "facility"};

/* Fields of the journal that guardd reads by, and what they are called there. */
static const struct {
	const char *field;
	unsigned kind;
	bool exact; /* the field's name and guardd's key mean the same */
} journal_fields[] = {
    {"_SYSTEMD_UNIT", J_UNIT, true},
    {"SYSLOG_IDENTIFIER", J_IDENTIFIER, true},
    {"_COMM", J_IDENTIFIER, false},
    {"SYSLOG_FACILITY", J_FACILITY, true},
};

static const char *const facilities[] = {"kern", "user", "mail", "daemon", "auth", "syslog", "lpr",
    "news", "uucp", "cron", "authpriv", "ftp"};

struct journal {
	struct f2b *f;
	const struct f2b_value *at;
	struct list names[J_KINDS]; /* of const char * */
};

static void
add_name(struct journal *j, unsigned kind, const char *name)
{
	struct list *l = &j->names[kind];

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(((const char **)l->items)[i], name) == 0)
			return;
	if (l->n < NAMES_MAX)
		*(const char **)list_add(j->f->arena, l, sizeof(name)) = name;
	else
		f2b_note(j->f->report, F2B_ERROR, j->at,
		    "journalmatch: more than %d names; %.60s "
		    "is left out",
		    NAMES_MAX, name);
}

static const char *
facility_name(struct arena *a, const char *number)
{
	char *end;
	long n = strtol(number, &end, 10);

	if (end == number || *end || n < 0 || n > 23)
		return NULL;
	if (n < (long)(sizeof(facilities) / sizeof(*facilities)))
		return facilities[n];
	return n >= 16 ? arena_printf(a, "local%ld", n - 16) : NULL;
}

/* One FIELD=VALUE; false: guardd does not read by that field. */
static bool
take_match(struct journal *j, const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(journal_fields) / sizeof(*journal_fields); i++) {
		const char *value = word[n] ? word + n + 1 : "";

		if (strncmp(journal_fields[i].field, word, n) != 0 || journal_fields[i].field[n])
			continue;
		if (journal_fields[i].kind == J_FACILITY)
			value = facility_name(j->f->arena, value);
		else if (journal_fields[i].kind == J_UNIT && strpbrk(value, "*?[/ \t"))
			value = NULL;
		if (!value || !*value)
			return false;
		if (!journal_fields[i].exact)
			f2b_note(j->f->report, F2B_DIFFERS, j->at,
			    "journalmatch %.80s -> identifier: the program's name in the message, "
			    "not that of its process",
			    word);
		add_name(j, journal_fields[i].kind, value);
		return true;
	}
	return false;
}

/* Words of a match, as a shell splits them: quotes hold blanks. */
static void
split_words(struct arena *a, const char *text, struct list *words)
{
	while (*text) {
		char *word, *end;
		char quote = 0;

		while (ini_is_space(*text))
			text++;
		if (!*text)
			return;
		word = end = arena_alloc(a, strlen(text) + 1);
		for (; *text && (quote || !ini_is_space(*text)); text++) {
			if (quote ? *text == quote : *text == '"' || *text == '\'')
				quote = quote ? 0 : *text;
			else if (*text == '\\' && quote != '\'' && text[1])
				*end++ = *++text;
			else
				*end++ = *text;
		}
		*(const char **)list_add(a, words, sizeof(word)) = word;
	}
}

/*
 * Words between two '+'. They must all fit there, but those of one field; here any does: one of
 * each group is enough, and that of a unit before others.
 */
static void
take_group(struct journal *j, const char *const *words, size_t n)
{
	const char *field = n ? words[0] : NULL;
	bool found = false, several = false;

	for (size_t i = 0; i < n; i++) {
		if (strncmp(words[i], "_SYSTEMD_UNIT=", 14) == 0)
			field = words[i];
		several |= strcspn(words[i], "=") != strcspn(words[0], "=") ||
			   strncmp(words[i], words[0], strcspn(words[0], "=")) != 0;
	}
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(field, "=");

		if (strncmp(words[i], field, len + 1) == 0)
			found |= take_match(j, words[i]);
	}
	for (size_t i = 0; !found && i < n; i++)
		found = take_match(j, words[i]);
	if (n > 0 && !found)
		f2b_note(j->f->report, F2B_LOST, j->at,
		    "journalmatch %.80s: guardd reads by unit, identifier and facility", words[0]);
	else if (several)
		f2b_note(j->f->report, F2B_DIFFERS, j->at,
		    "journalmatch %.80s: of what must fit together one is taken, so that more "
		    "messages are read",
		    words[0]);
}

static int
journal_sources(struct f2b *f, const struct f2b_jail *jail, struct strbuf *out)
{
	struct journal j = {.f = f, .at = f2b_get(&jail->definition, "journalmatch")};
	struct list lines = {0};
	bool any = false;

	f2b_lines(f->arena, j.at ? j.at->text : "", &lines);
	for (size_t i = 0; i < lines.n; i++) {
		struct list words = {0};
		const char *const *w;
		size_t from = 0;

		split_words(f->arena, ((const char **)lines.items)[i], &words);
		w = words.items;
		for (size_t k = 0; k <= words.n; k++)
			if (k == words.n || strcmp(w[k], "+") == 0) {
				take_group(&j, w + from, k - from);
				from = k + 1;
			}
	}
	strbuf_puts(out, "sources:\n  - journal: {");
	for (unsigned k = 0; k < J_KINDS; k++) {
		if (j.names[k].n == 0)
			continue;
		strbuf_printf(out, "%s%s: [", any ? ", " : "", journal_keys[k]);
		any = true;
		for (size_t i = 0; i < j.names[k].n; i++) {
			strbuf_puts(out, i ? ", " : "");
			print_text(out, ((const char **)j.names[k].items)[i]);
		}
		strbuf_puts(out, "]");
	}
	strbuf_puts(out, "}\n");
	if (any) {
		f2b_note(f->report, F2B_TAKEN, j.at, "journalmatch -> sources: journal");
		return 0;
	}
	f2b_note(f->report, F2B_LOST, j.at ? j.at : &jail->filter_at,
	    "backend systemd without a journalmatch that guardd has: it does not read the whole "
	    "journal; the jail is left out");
	return -ENOENT;
}

/* --- files --- */

/* logtimezone as a name of the zone database. NULL: it has none. */
static const char *
zone_name(struct f2b *f, const char *text)
{
	static const char *const zero[] = {"UTC", "GMT", "Z", ""};
	size_t n = strcspn(text, "+-");
	const char *p = text + n;
	int hours, minutes = 0;

	for (size_t i = 0; i < 4; i++) {
		if (strlen(zero[i]) != n || strncmp(text, zero[i], n) != 0)
			continue;
		if (!*p)
			return n ? "UTC" : NULL;
		if (p[1] < '0' || p[1] > '1' || p[2] < '0' || p[2] > '9')
			return NULL;
		hours = (p[1] - '0') * 10 + p[2] - '0';
		if (p[3])
			minutes = atoi(p + 3 + (p[3] == ':'));
		if (minutes || hours > 12)
			return NULL;
		/* There the sign is that of POSIX: west is plus. */
		return hours ? arena_printf(f->arena, "Etc/GMT%c%d", *p == '+' ? '-' : '+', hours)
			     : "UTC";
	}
	return NULL;
}

static void
put_zone(struct f2b *f, const struct f2b_jail *j, struct strbuf *out)
{
	const struct f2b_value *v = f2b_jail_get(j, "logtimezone");
	const char *zone;

	if (!v)
		return;
	zone = zone_name(f, v->text);
	if (!zone) {
		f2b_note(f->report, F2B_LOST, v,
		    "logtimezone = %.60s: set zone of the filter's source to a name of the zone "
		    "database",
		    v->text);
		return;
	}
	strbuf_printf(out, "    zone: %s\n", zone);
	f2b_note(f->report, F2B_TAKEN, v, "logtimezone -> zone: %s", zone);
}

static bool
is_path(const char *path)
{
	const char *up = strstr(path, "/..");

	return *path == '/' && strlen(path) <= 1024 && !(up && (up[3] == '/' || !up[3]));
}

static void
add_file(struct f2b *f, const struct f2b_value *v, char *path, struct list *files)
{
	char *blank = strrchr(path, ' ');

	if (blank) {
		if (strcmp(blank + 1, "tail") != 0)
			f2b_note(f->report, F2B_DIFFERS, v,
			    "logpath %.120s: guardd begins at a file's end", path);
		*blank = '\0';
	}
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(((char **)files->items)[i], path) == 0)
			return;
	if (!is_path(path))
		f2b_note(f->report, F2B_ERROR, v, "logpath %.120s: no whole path", path);
	else if (files->n == FILES_MAX)
		f2b_note(f->report, F2B_ERROR, v, "more than %d paths; %.120s is left out",
		    FILES_MAX, path);
	else
		*(char **)list_add(f->arena, files, sizeof(path)) = path;
}

/* "/var/log/a.log, /var/log/b/?.log" */
static const char *
paths_text(struct arena *a, const struct list *files)
{
	struct strbuf b = {0};
	const char *text;

	for (size_t i = 0; i < files->n; i++)
		strbuf_printf(&b, "%s%s", i ? ", " : "", ((char **)files->items)[i]);
	text = arena_dup(a, b.text, b.len);
	strbuf_fini(&b);
	return text;
}

static int
file_sources(struct f2b *f, const struct f2b_jail *j, struct strbuf *out)
{
	const struct f2b_value *v = f2b_jail_get(j, "logpath");
	struct list lines = {0}, files = {0};

	f2b_lines(f->arena, v ? v->text : "", &lines);
	for (size_t i = 0; i < lines.n; i++)
		add_file(f, v, ((char **)lines.items)[i], &files);
	if (files.n == 0) {
		f2b_note(f->report, F2B_ERROR, v ? v : &j->filter_at,
		    "the jail has no logpath; it is left out");
		return -ENOENT;
	}
	strbuf_puts(out, "sources:\n  - file: [");
	for (size_t i = 0; i < files.n; i++) {
		strbuf_puts(out, i ? ", " : "");
		print_text(out, ((char **)files.items)[i]);
	}
	strbuf_puts(out, "]\n    header: none\n");
	put_zone(f, j, out);
	f2b_note(
	    f->report, F2B_TAKEN, v, "logpath -> sources: reads %s", paths_text(f->arena, &files));
	v = f2b_jail_get(j, "logencoding");
	if (v && strcasecmp(v->text, "auto") != 0 && strcasecmp(v->text, "utf-8") != 0 &&
	    strcasecmp(v->text, "ascii") != 0 && strcasecmp(v->text, "utf8") != 0)
		f2b_note(f->report, F2B_DIFFERS, v,
		    "logencoding = %.30s: guardd reads UTF-8; other bytes fit only '.'", v->text);
	return 0;
}

int
f2b_sources(struct f2b *f, const struct f2b_jail *j, struct strbuf *out)
{
	return j->systemd ? journal_sources(f, j, out) : file_sources(f, j, out);
}
