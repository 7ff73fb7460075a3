/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_rule.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/addr.h"
#include "conf/print.h"

#define LONGEST     (3660 * 86400.0) /* the longest ban of a rule */
#define WINDOW      (366 * 86400.0)  /* the longest window */
#define NEVER_MAX   1024             /* entries of never_ban */
#define NEVER_GROUP "f2b-ignoreip"   /* host names, in the main file */

/* What the reference takes where nothing is set. */
#define DEFAULT_RETRY 3
#define DEFAULT_TIME  600.0

void
f2b_put_span(struct strbuf *out, double seconds)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t whole = (uint64_t)ceil(seconds < 1 ? 1 : seconds);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (whole % units[i].seconds == 0) {
			strbuf_printf(out, "%llu%c", (unsigned long long)(whole / units[i].seconds),
			    units[i].unit);
			return;
		}
}

double
f2b_jail_seconds(struct f2b *f, const struct f2b_jail *j, const char *option, double fallback)
{
	const struct f2b_value *v = f2b_jail_get(j, option);
	double seconds;

	if (!v)
		return fallback;
	if (f2b_seconds(v->text, &seconds) == 0)
		return seconds;
	f2b_note(f->report, F2B_ERROR, v, "%s = %.60s: no time; taken is %.0f seconds", option,
	    v->text, fallback);
	return fallback;
}

/* points: maxretry. */
static long
retries(struct f2b *f, const struct f2b_jail *j)
{
	const struct f2b_value *v = f2b_jail_get(j, "maxretry");
	double n = DEFAULT_RETRY;

	/* No arithmetic: the reference has it for times alone. */
	if (v && (v->text[strspn(v->text, "+-0123456789")] || f2b_seconds(v->text, &n) < 0 ||
		     fabs(n) > 1e9)) {
		f2b_note(f->report, F2B_ERROR, v, "maxretry = %.60s: no number; taken is %d",
		    v->text, DEFAULT_RETRY);
		return DEFAULT_RETRY;
	}
	if (n < 1 || n > 1000000) {
		f2b_note(f->report, F2B_DIFFERS, v, "maxretry = %.0f: guardd has 1 to 1000000", n);
		n = n < 1 ? 1 : 1000000;
	} else {
		f2b_note(f->report, F2B_TAKEN, v, "maxretry -> points: %.0f", n);
	}
	return (long)n;
}

static double
window(struct f2b *f, const struct f2b_jail *j, struct strbuf *text)
{
	const struct f2b_value *v = f2b_jail_get(j, "findtime");
	double seconds = f2b_jail_seconds(f, j, "findtime", DEFAULT_TIME);
	double taken = fmin(fmax(seconds, 1), WINDOW);

	f2b_put_span(text, taken);
	f2b_note(f->report, taken == seconds ? F2B_TAKEN : F2B_DIFFERS, v,
	    "findtime -> within: %s%s", text->text,
	    taken == seconds ? "" : "; guardd has 1s to 366d");
	return taken;
}

static double
duration(struct f2b *f, const struct f2b_jail *j, struct strbuf *text)
{
	const struct f2b_value *v = f2b_jail_get(j, "bantime");
	double seconds = f2b_jail_seconds(f, j, "bantime", DEFAULT_TIME);
	double taken = seconds < 0 ? LONGEST : fmin(fmax(seconds, 1), LONGEST);

	f2b_put_span(text, taken);
	if (seconds < 0)
		f2b_note(f->report, F2B_DIFFERS, v,
		    "bantime = %.30s, for good -> for: %s, the longest ban of a rule",
		    v ? v->text : "", text->text);
	else
		f2b_note(f->report, taken == seconds ? F2B_TAKEN : F2B_DIFFERS, v,
		    "bantime -> for: %s%s", text->text,
		    taken == seconds ? "" : "; guardd has 1s to 3660d");
	return taken;
}

/* --- who is never banned --- */

struct never {
	struct f2b *f;
	bool grouped; /* of the main file: host names stand in a group of their own */
	struct strbuf text, names;
	size_t n;
};

/* "10.0.0.0/255.0.0.0": the length of a mask; -1: it is none. */
static int
mask_length(const char *text)
{
	struct addr a;
	uint32_t bits = 0;
	int n = 0;

	if (addr_parse(&a, text, strlen(text)) < 0 || a.family != 4)
		return -1;
	for (unsigned i = 0; i < 4; i++)
		bits = bits << 8 | a.bytes[i];
	for (; n < 32 && (bits & 0x80000000u); n++)
		bits <<= 1;
	return bits == 0 ? n : -1;
}

static bool
read_prefix(const char *word, struct prefix *p)
{
	const char *slash = strchr(word, '/');
	int r = prefix_parse(p, word, strlen(word)), mask;
	struct addr a;

	if (r == 0 || r == -ERANGE)
		return true;
	mask = slash ? mask_length(slash + 1) : -1;
	if (mask < 0 || addr_parse(&a, word, (size_t)(slash - word)) < 0 || a.family != 4)
		return false;
	*p = prefix_of(&a, (unsigned)mask);
	return true;
}

static void
add_never(struct never *n, const char *text, bool name, const struct f2b_value *at)
{
	struct strbuf *out = name && n->grouped ? &n->names : &n->text;

	if (n->n == NEVER_MAX) {
		f2b_note(n->f->report, F2B_ERROR, at,
		    "more than %d entries for never_ban; %.60s is left out", NEVER_MAX, text);
		return;
	}
	strbuf_puts(out, out->len ? ", " : "");
	print_text(out, text);
	n->n++;
}

static void
ignore_word(struct never *n, const char *word, const struct f2b_value *at)
{
	struct prefix p;
	char text[ADDR_TEXT_MAX];

	if (read_prefix(word, &p)) {
		add_never(n, prefix_format(&p, text), false, at);
	} else if (strchr(word, '.') && !strpbrk(word, ":/") && strlen(word) < 254 &&
		   word[strspn(word, "0123456789.")]) {
		add_never(n, word, true, at);
		f2b_note(n->f->report, F2B_DIFFERS, at,
		    "ignoreip %.80s: the name is asked for when guardd reads its configuration, "
		    "not at each ban",
		    word);
	} else {
		f2b_note(n->f->report, F2B_LOST, at,
		    "ignoreip %.80s: no address, prefix or host name with a dot", word);
	}
}

/* Entries of a file of addresses: words, with comments behind '#' and ';'. */
static void
ignore_file(struct never *n, const char *path, const struct f2b_value *at)
{
	const struct f2b_file *file;
	struct f2b_value line = {.line = 1};

	while (path[0] == '/' && path[1] == '/')
		path++;
	file = *path == '/' ? f2b_file(n->f, path) : NULL;
	if (!file || !file->text) {
		f2b_note(n->f->report, F2B_ERROR, at, "ignoreip file:%.120s cannot be read", path);
		return;
	}
	line.file = file->path;
	for (const char *p = file->text; *p; line.line++) {
		size_t len = strcspn(p, "\n"), text = strcspn(p, "#;\n");
		struct list words = {0};
		char *copy = arena_dup(n->f->arena, p, text);

		for (char *c = copy; *c; c++)
			if (ini_is_space(*c))
				*c = ' ';
		f2b_words(n->f->arena, copy, &words);
		for (size_t i = 0; i < words.n; i++)
			ignore_word(n, ((const char **)words.items)[i], &line);
		p += len;
		p += *p != '\0';
	}
	f2b_note(n->f->report, F2B_DIFFERS, at,
	    "ignoreip file:%.120s -> never_ban, as the file is now: it is not read again", path);
}

static void
ignore_value(struct never *n, const struct f2b_value *v)
{
	struct list words = {0};

	f2b_words(n->f->arena, v ? v->text : "", &words);
	for (size_t i = 0; i < words.n; i++) {
		const char *word = ((const char **)words.items)[i];

		if (strncmp(word, "file:", 5) == 0)
			ignore_file(n, word + 5, v);
		else
			ignore_word(n, word, v);
	}
}

/* NULL: the defaults spare nobody. */
static const struct f2b_value *
default_ignore(struct f2b *f, struct f2b_value *v)
{
	struct f2b_scope scope = {.ini = f2b_merged(f, "jail"), .section = "DEFAULT"};

	return scope.ini && f2b_value_get(f, &scope, "ignoreip", v) == 0 && *v->text ? v : NULL;
}

void
f2b_never_ban(struct f2b *f, const struct f2b_jail *j, struct strbuf *out)
{
	const struct f2b_value *v = f2b_jail_get(j, "ignoreip"), *all;
	struct never n = {.f = f};
	struct f2b_value defaults;

	ignore_value(&n, v);
	if (n.n > 0) {
		strbuf_printf(out, "never_ban: [%s]\n", n.text.text);
		f2b_note(f->report, F2B_TAKEN, v, "ignoreip -> never_ban: %zu entr%s", n.n,
		    n.n == 1 ? "y" : "ies");
	}
	all = default_ignore(f, &defaults);
	v = f2b_get(&j->options, "ignoreip");
	if (all && v && (v->line != all->line || strcmp(v->file ? v->file : "", all->file) != 0))
		f2b_note(f->report, F2B_DIFFERS, v,
		    "ignoreip of the jail's own: here those of [DEFAULT] are spared, too, and "
		    "guardd's own rules spare those alone");
	strbuf_fini(&n.text);
	strbuf_fini(&n.names);
}

void
f2b_never_main(struct f2b *f, struct strbuf *out)
{
	struct f2b_value value;
	const struct f2b_value *v = default_ignore(f, &value);
	struct never n = {.f = f, .grouped = true};

	ignore_value(&n, v);
	if (n.n > 0) {
		strbuf_puts(out, "# Whom no rule bans, neither imported nor shipped ones: ignoreip "
				 "of [DEFAULT].\n");
		if (n.names.len > 0)
			strbuf_printf(out, "groups: {" NEVER_GROUP ": [%s]}\n", n.names.text);
		strbuf_printf(out, "never_ban: [%s%s%s]\n", n.names.len ? NEVER_GROUP : "",
		    n.names.len && n.text.len ? ", " : "", n.text.len ? n.text.text : "");
		f2b_note(f->report, F2B_TAKEN, v,
		    "ignoreip of [DEFAULT] -> never_ban of guardd.yaml, for all rules: %zu entr%s",
		    n.n, n.n == 1 ? "y" : "ies");
	}
	strbuf_fini(&n.text);
	strbuf_fini(&n.names);
}

/* --- the rest of a jail --- */

static void
tell_others(struct f2b *f, const struct f2b_jail *j)
{
	const struct f2b_value *v = f2b_jail_get(j, "ignorecommand");

	if (v)
		f2b_note(f->report, F2B_LOST, v,
		    "ignorecommand = %.120s: guardd starts no programs", v->text);
	v = f2b_jail_get(j, "ignoreself");
	if (v && !f2b_is_true(v->text))
		f2b_note(f->report, F2B_DIFFERS, v,
		    "ignoreself = %.10s: this host's own addresses are never banned", v->text);
	v = f2b_get(&j->definition, "usedns");
	if (v && (strcmp(v->text, "yes") == 0 || strcmp(v->text, "warn") == 0))
		f2b_note(f->report, F2B_DIFFERS, v,
		    "usedns = %s: names in logs are never looked up; a line that has a name where "
		    "the address should be bans nobody",
		    v->text);
}

void
f2b_rule_yaml(
    struct f2b *f, const struct f2b_jail *j, const struct f2b_rule_as *as, struct strbuf *out)
{
	struct strbuf within = {0}, span = {0};
	long points = retries(f, j);
	double first;

	window(f, j, &within);
	first = duration(f, j, &span);
	strbuf_printf(out, "ban: %s\nfilters: [%s]\npoints: %ld\nwithin: %s\nfor: %s\n", as->name,
	    as->filter, points, within.text, span.text);
	f2b_escalate(f, j, as, first, out);
	strbuf_puts(out, as->scope ? as->scope : "");
	f2b_never_ban(f, j, out);
	tell_others(f, j);
	strbuf_fini(&within);
	strbuf_fini(&span);
}

bool
f2b_is_recidive(struct f2b *f, const struct f2b_jail *j, struct f2b_recidive *out)
{
	const struct f2b_value *path = f2b_jail_get(j, "logpath"), *v = f2b_jail_get(j, "maxretry");

	if (strcmp(j->filter, "recidive") != 0 && !(path && strstr(path->text, "fail2ban.log")))
		return false;
	out->jail = j;
	if (!v || f2b_seconds(v->text, &out->bans) < 0 || out->bans < 1)
		out->bans = DEFAULT_RETRY;
	out->within = f2b_jail_seconds(f, j, "findtime", DEFAULT_TIME);
	out->duration = f2b_jail_seconds(f, j, "bantime", DEFAULT_TIME);
	if (out->duration < 0)
		out->duration = LONGEST;
	return true;
}
