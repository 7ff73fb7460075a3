/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_write.h"
#include "conf/fail2ban_rule.h"
#include "conf/fail2ban_shipped.h"

#define NAME_MAX_BYTES 32 /* of a filter or rule of guardd's */
#define NAME_PREFIX    "f2b-"
#define ABOUT_MAX      100
#define DATABASE       "/var/lib/fail2ban/fail2ban.sqlite3"

/* A filter that was written: what it was made of, and its name. */
struct made {
	const char *key; /* definition and sources as one text */
	const char *name;
};

struct importing {
	struct f2b_import *im;
	struct f2b *f;
	struct strbuf *out;
	struct list jails;   /* of struct f2b_jail */
	struct list filters; /* of struct made */
	struct list rules;   /* of const char *: names */
	struct f2b_recidive recidive;
	struct list counting; /* of const char *: filters of jails whose rules ban */
	const struct f2b_value *forget;
	const char *database;
};

int
f2b_import_load(struct f2b_import *im, const char *dir)
{
	*im = (struct f2b_import){.dir = dir};
	im->report.arena = &im->arena;
	return f2b_load(&im->files, &im->arena, &im->report, dir);
}

void
f2b_import_fini(struct f2b_import *im)
{
	arena_fini(&im->arena);
	*im = (struct f2b_import){0};
}

/* --- names --- */

/* a-z, 0-9 and '-', as guardd's names are. */
static const char *
plain_name(struct arena *a, const char *text)
{
	char *out = arena_dup(a, text, strnlen(text, NAME_MAX_BYTES - strlen(NAME_PREFIX)));

	for (char *p = out; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')))
			*p = '-';
	}
	return arena_printf(a, NAME_PREFIX "%s", out);
}

static bool
is_taken(const struct importing *i, const char *name, bool filter)
{
	const struct made *filters = i->filters.items;
	const char *const *rules = i->rules.items;

	for (size_t k = 0; filter && k < i->filters.n; k++)
		if (strcmp(filters[k].name, name) == 0)
			return true;
	for (size_t k = 0; !filter && k < i->rules.n; k++)
		if (strcmp(rules[k], name) == 0)
			return true;
	return false;
}

static const char *
free_name(struct importing *i, const char *text, bool filter)
{
	struct arena *a = &i->im->arena;
	const char *base = plain_name(a, text), *name = base;

	for (unsigned n = 2; is_taken(i, name, filter); n++) {
		char suffix[16];
		size_t room;

		snprintf(suffix, sizeof(suffix), "-%u", n);
		room = NAME_MAX_BYTES - strlen(suffix);
		name = arena_printf(a, "%.*s%s", (int)room, base, suffix);
	}
	return name;
}

/* --- files --- */

/* mine: the administrator may have one of that name, which stays. */
static void
put_path(struct importing *i, const char *path, const struct strbuf *text, bool mine)
{
	struct json j;

	json_begin(&j, i->out);
	json_text(&j, "type", "file");
	json_text(&j, "path", path);
	json_bytes(&j, "text", text->text, text->len);
	if (mine)
		json_bool(&j, "keep", true);
	json_end(&j);
}

static void
put_file(struct importing *i, const char *folder, const char *name, const struct strbuf *text)
{
	put_path(i, arena_printf(&i->im->arena, "%s/%s.yaml", folder, name), text, false);
}

static const char *
filter_key(struct importing *i, const struct f2b_jail *j, const char *sources)
{
	const struct f2b_option *o = j->definition.options.items;
	struct strbuf key = {0};
	const char *text;

	strbuf_printf(&key, "%d\n%s", j->systemd, sources);
	for (size_t k = 0; k < j->definition.options.n; k++)
		/* Of its values "no" alone has another filter: names are not taken for sources. */
		if (strcmp(o[k].name, "usedns") != 0 || strcasecmp(o[k].value.text, "no") == 0)
			strbuf_printf(&key, "%s=%s\n", o[k].name, o[k].value.text);
	text = arena_dup(&i->im->arena, key.text, key.len);
	strbuf_fini(&key);
	return text;
}

static const char *
filter_about(struct importing *i, const struct f2b_jail *j)
{
	char *about = arena_printf(&i->im->arena, "imported: %.*s", ABOUT_MAX, j->filter_at.text);
	size_t n = strlen(about);

	for (char *p = about; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	/* A character that was cut apart. */
	while (n > 0 && n >= ABOUT_MAX && (about[n - 1] & 0x80))
		about[--n] = '\0';
	return about;
}

/* "sshd[mode=aggressive]": sshd-aggressive. */
static const char *
filter_base(struct importing *i, const struct f2b_jail *j)
{
	const char *mode = strstr(j->filter_at.text, "[mode="), *slash = strrchr(j->filter, '/');
	const char *base = slash ? slash + 1 : *j->filter ? j->filter : j->name;
	size_t n;

	if (!mode || !*j->filter)
		return base;
	mode += strlen("[mode=");
	mode += *mode == '"' || *mode == '\'';
	n = strcspn(mode, "\"',] ");
	if (n == 0 || (n == 6 && strncmp(mode, "normal", 6) == 0))
		return base;
	return arena_printf(&i->im->arena, "%s-%.*s", base, (int)n, mode);
}

/* The name of the jail's filter, which is written if none like it is. NULL: there is none. */
static const char *
take_filter(struct importing *i, const struct f2b_jail *j)
{
	struct strbuf sources = {0}, text = {0};
	struct f2b_filter_as as = {.about = filter_about(i, j), .journal = j->systemd};
	const char *key, *name = NULL;
	struct made *made = i->filters.items;

	if (f2b_sources(i->f, j, &sources) < 0)
		goto out;
	key = filter_key(i, j, sources.text);
	for (size_t k = 0; k < i->filters.n && !name; k++)
		if (strcmp(made[k].key, key) == 0)
			name = made[k].name;
	if (name)
		goto out;
	as.name = free_name(i, filter_base(i, j), true);
	as.sources = sources.text;
	if (f2b_filter_yaml(&i->im->arena, &j->definition, &as, &text, &i->im->report) < 0) {
		f2b_note(&i->im->report, F2B_ERROR, &j->filter_at,
		    "nothing of the filter can be translated; the jail is left out");
		goto out;
	}
	put_file(i, "filters.d", as.name, &text);
	made = list_add(&i->im->arena, &i->filters, sizeof(*made));
	*made = (struct made){key, name = as.name};
out:
	strbuf_fini(&sources);
	strbuf_fini(&text);
	return name;
}

static void
put_jail(struct importing *i, const struct f2b_jail *j, const char *rule, const char *filter)
{
	struct json out;

	json_begin(&out, i->out);
	json_text(&out, "type", "jail");
	json_text(&out, "jail", j->name);
	json_text(&out, "rule", rule);
	json_text(&out, "filter", filter);
	json_end(&out);
}

/* What is lost of it, beside what the rules say of it. */
static void
take_recidive(struct importing *i, const struct f2b_jail *j)
{
	f2b_note(&i->im->report, F2B_DIFFERS, f2b_get(&j->options, "filter"),
	    "the jail becomes escalate of the rules: bans of several jails are not counted "
	    "together, "
	    "and there is no rule of its own");
	if (i->rules.n == 0)
		f2b_note(&i->im->report, F2B_LOST, f2b_get(&j->options, "bantime"),
		    "no rule was imported that it could be in");
	put_jail(i, j, "", "");
}

/* False: the jail is not taken, which is told. */
static bool
can_be_taken(struct importing *i, const struct f2b_jail *j)
{
	if (j->definition.options.n == 0) {
		f2b_note(&i->im->report, F2B_LOST, NULL, "the jail has no filter; it is left out");
		return false;
	}
	if (i->rules.n == F2B_RULES) {
		f2b_note(&i->im->report, F2B_ERROR, &j->filter_at,
		    "more than %d jails; it is left out", F2B_RULES);
		return false;
	}
	return !f2b_lets_in(i->f, j);
}

static void
take_jail(struct importing *i, const struct f2b_jail *j)
{
	struct f2b_rule_as as = {.forget = i->forget, .recidive = &i->recidive};
	_cleanup_(strbuf_fini) struct strbuf text = {0}, scope = {0};
	int reach;

	i->im->report.jail = j->name;
	if (j == i->recidive.jail || !can_be_taken(i, j))
		return;
	reach = f2b_scope(i->f, j, &scope);
	as.scope = scope.text;
	as.filter = reach < 0 ? NULL : take_filter(i, j);
	if (!as.filter)
		return;
	as.name = free_name(i, j->name, false);
	f2b_rule_yaml(i->f, j, &as, &text);
	put_file(i, "rules.d", as.name, &text);
	put_jail(i, j, as.name, as.filter);
	*(const char **)list_add(&i->im->arena, &i->rules, sizeof(char *)) = as.name;
	if (reach == 0 && *j->filter)
		*(const char **)list_add(&i->im->arena, &i->counting, sizeof(char *)) = j->filter;
}

/* --- guardd's own rules --- */

static bool
is_counted(const struct importing *i, const char *filter)
{
	for (size_t k = 0; k < i->counting.n; k++)
		if (shipped_covers(((const char **)i->counting.items)[k], filter))
			return true;
	return false;
}

/* "exim, caddy": those that no jail counts, or those that one does. */
static const char *
names_of(struct importing *i, const struct shipped_rule *s, bool counted)
{
	const char *text = "";

	for (size_t k = 0; s->filters[k]; k++)
		if (is_counted(i, s->filters[k]) == counted)
			text = arena_printf(
			    &i->im->arena, "%s%s%s", text, *text ? ", " : "", s->filters[k]);
	return text;
}

static void
switch_off(struct importing *i, const struct shipped_rule *s)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	const char *path = arena_printf(&i->im->arena, "rules.d/%s.yaml", s->rule);

	strbuf_printf(&text,
	    "# Imported rules count what guardd's own rule counts; without this file both ban.\n"
	    "ban: %s\nenabled: no\n",
	    s->rule);
	put_path(i, path, &text, true);
	f2b_note(&i->im->report, F2B_DIFFERS, NULL,
	    "guardd's rule %s (%s) is switched off by %s: imported jails count the same", s->rule,
	    names_of(i, s, true), path);
}

static void
take_shipped(struct importing *i)
{
	for (const struct shipped_rule *s = shipped_rules; s->rule; s++) {
		const char *both = names_of(i, s, true), *rest = names_of(i, s, false);

		if (!*both)
			continue;
		if (!*rest)
			switch_off(i, s);
		else
			f2b_note(&i->im->report, F2B_DIFFERS, NULL,
			    "guardd's rule %s stays in force: it counts %s, as an imported jail "
			    "does, "
			    "and %s, which none does; switch it off in rules.d/%s.yaml (ban: %s, "
			    "enabled: no) when this host has nothing of the latter",
			    s->rule, both, rest, s->rule, s->rule);
	}
}

static void
take_main(struct importing *i)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};

	f2b_never_main(i->f, &text);
	if (text.len > 0)
		put_path(i, "guardd.yaml", &text, true);
}

/* --- fail2ban.conf --- */

static const char *
main_option(struct importing *i, const char *option, const char *fallback)
{
	struct ini *ini = f2b_merged(i->f, "fail2ban");
	struct f2b_scope scope = {.ini = ini, .section = "Definition"};
	struct f2b_value v;

	if (!ini || f2b_value_get(i->f, &scope, option, &v) < 0)
		return fallback;
	return v.text;
}

/* What of the server's own options concerns bans. */
static void
tell_main(struct importing *i)
{
	struct ini *ini = f2b_merged(i->f, "fail2ban");
	struct f2b_scope scope = {.ini = ini, .section = "Definition"};
	struct f2b_value v;

	if (ini && f2b_value_get(i->f, &scope, "dbpurgeage", &v) == 0) {
		struct f2b_value *forget = arena_alloc(&i->im->arena, sizeof(*forget));

		*forget = v;
		i->forget = forget;
	}
	if (ini && f2b_value_get(i->f, &scope, "allowipv6", &v) == 0 &&
	    strcmp(v.text, "auto") != 0 && !f2b_is_true(v.text))
		f2b_note(&i->im->report, F2B_DIFFERS, &v,
		    "allowipv6 = %.10s: guardd counts and bans IPv6, too", v.text);
}

static void
find_recidive(struct importing *i)
{
	const struct f2b_jail *jails = i->jails.items;

	for (size_t k = 0; k < i->jails.n; k++) {
		struct f2b_recidive r;

		i->im->report.jail = jails[k].name;
		if (!f2b_is_recidive(i->f, &jails[k], &r))
			continue;
		if (!i->recidive.jail)
			i->recidive = r;
	}
}

/* --- the report --- */

static const char *const kinds[] = {
    [F2B_TAKEN] = "taken", [F2B_DIFFERS] = "differs", [F2B_LOST] = "lost", [F2B_ERROR] = "error"};

static int
compare(const void *x, const void *y)
{
	const struct f2b_note *a = x, *b = y;
	int c = strcmp(a->jail, b->jail);

	if (c == 0)
		c = strcmp(a->file ? a->file : "", b->file ? b->file : "");
	if (c == 0)
		c = (a->line > b->line) - (a->line < b->line);
	if (c == 0)
		c = (int)a->kind - (int)b->kind;
	return c ? c : strcmp(a->text, b->text);
}

static void
put_notes(struct importing *i)
{
	struct f2b_note *notes = i->im->report.notes.items;
	size_t n = i->im->report.notes.n;

	if (n)
		qsort(notes, n, sizeof(*notes), compare);
	for (size_t k = 0; k < n; k++) {
		struct json j;

		json_begin(&j, i->out);
		json_text(&j, "type", "note");
		json_text(&j, "kind", kinds[notes[k].kind]);
		json_text(&j, "jail", notes[k].jail);
		json_text(&j, "file", notes[k].file);
		json_int(&j, "line", notes[k].line);
		json_text(&j, "text", notes[k].text);
		json_end(&j);
	}
}

static void
put_summary(struct importing *i)
{
	const size_t *count = i->im->report.count;
	struct json j;

	json_begin(&j, i->out);
	json_text(&j, "type", "summary");
	json_int(&j, "jails", (int64_t)i->f->enabled);
	json_int(&j, "imported", (int64_t)(i->rules.n + (i->recidive.jail && i->rules.n > 0)));
	json_int(&j, "rules", (int64_t)i->rules.n);
	json_int(&j, "filters", (int64_t)i->filters.n);
	for (unsigned k = 0; k <= F2B_ERROR; k++)
		json_int(&j, kinds[k], (int64_t)count[k]);
	json_text(&j, "database", i->database);
	json_end(&j);
}

int
f2b_import_run(struct f2b_import *im, struct strbuf *out)
{
	struct importing i = {.im = im, .f = im->files, .out = out};

	i.database = main_option(&i, "dbfile", DATABASE);
	tell_main(&i);
	f2b_jails(i.f, &i.jails);
	find_recidive(&i);
	for (size_t k = 0; k < i.jails.n; k++)
		take_jail(&i, (struct f2b_jail *)i.jails.items + k);
	if (i.recidive.jail) {
		im->report.jail = i.recidive.jail->name;
		take_recidive(&i, i.recidive.jail);
	}
	im->report.jail = NULL;
	if (i.rules.n > 0) {
		take_main(&i);
		take_shipped(&i);
	}
	if (i.jails.n == 0)
		f2b_note(&im->report, F2B_LOST, NULL,
		    "there is no jail that is enabled and can be taken");
	put_notes(&i);
	put_summary(&i);
	return im->report.count[F2B_LOST] + im->report.count[F2B_ERROR] > 0;
}
