/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_tags.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"

#define OPEN_MAX 1000 /* names of tags; a regex of more groups is refused */

#define V4 "(?:::[Ff]{4}:)?(?P<ip4>[0-9]{1,3}(?:\\.[0-9]{1,3}){3})"
/* Colons stand alone only beside another one. */
#define V6_PARTS "(?:[0-9A-Fa-f]{1,4}:|:(?=:)|(?<=:):){2,7}"
#define V6_END   "(?:[0-9A-Fa-f]{1,4}|(?<=:):|(?<=[0-9A-Fa-f]::))"
#define V6       "(?P<ip6>" V6_PARTS V6_END ")"
#define NAME     "(?P<dns>[\\w.^-]*\\w)"
#define CIDR     "(?P<cidr>\\d+)"
#define ADDR     "\\[?(?:" V4 "|" V6 ")\\]?"

struct tag {
	const char *name, *regex;
};

static const struct tag tags[] = {
    {"HOST", "(?:" ADDR "|" NAME ")"},
    {"ADDR", ADDR},
    {"F-ADDR/", ADDR},
    {"IP4", V4},
    {"F-IP4/", V4},
    {"IP6", V6},
    {"F-IP6/", V6},
    {"DNS", NAME},
    {"F-DNS/", NAME},
    {"CIDR", CIDR},
    {"F-CIDR/", CIDR},
    {"SUBNET", "\\[?(?:" V4 "|" V6 ")(?:/" CIDR ")?\\]?"},
    {"F-SUBNET/", "\\[?(?:" V4 "|" V6 ")(?:/" CIDR ")?\\]?"},
    {"F-ID/", "(?P<fid>\\S+)"},
    {"F-PORT/", "(?P<fport>\\w+)"},
};

/* What the reference calls a group, and what guardd does. */
static const struct tag meanings[] = {
    {"fid", "id"},
    {"ip4", "addr"},
    {"ip6", "addr"},
    {"dns", "name"},
    {"mlfid", "session"},
    {"nofail", "noted"},
    {"mlfforget", "ends"},
    {"mlfgained", "cleared"},
    {"fport", "port"},
    {"cidr", "cidr"},
    {"user", "user"},
    {"content", "content"},
};

/* Names with a meaning here only. */
static const char *const reserved[] = {
    "addr", "name", "id", "session", "noted", "ends", "cleared", "port", "time", "cut", "points"};

struct expansion {
	struct arena *arena;
	struct strbuf out;
	struct list open; /* of const char *: names of the tags that were opened */
	bool names;
	unsigned skips;
};

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Length of a tag <x>, </x>, <x/> at s; 0: none. */
static size_t
tag_length(const char *s)
{
	size_t n = 1, start;

	if (*s != '<')
		return 0;
	n += s[n] == '/';
	for (start = n; is_word(s[n]) || s[n] == '-'; n++)
		;
	if (n == start)
		return 0;
	n += s[n] == '/';
	return s[n] == '>' ? n + 1 : 0;
}

static const char *
find(const struct tag *table, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return table[i].regex;
	}
	return NULL;
}

static bool
is_custom(const char *name, size_t len)
{
	if (len < 3 || memcmp(name, "F-", 2) != 0)
		return false;
	for (size_t i = 2; i < len; i++) {
		if (!isupper((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
		    name[i] != '_' && name[i] != '-')
			return false;
	}
	return true;
}

static bool
was_opened(const struct expansion *e, const char *name, size_t len)
{
	const char *const *open = e->open.items;

	for (size_t i = 0; i < e->open.n; i++) {
		if (strlen(open[i]) == len && memcmp(open[i], name, len) == 0)
			return true;
	}
	return false;
}

/* <F-NAME>: a group of that name in lower case, up to </F-NAME>. */
static bool
put_custom(struct expansion *e, const char *name, size_t len)
{
	bool close = *name == '/';
	char *lower;

	name += close;
	len -= close;
	if (!is_custom(name, len))
		return false;
	name += 2;
	len -= 2;
	if (close) {
		if (was_opened(e, name, len))
			strbuf_puts(&e->out, ")");
		return was_opened(e, name, len);
	}
	if (e->open.n < OPEN_MAX && !was_opened(e, name, len))
		*(const char **)list_add(e->arena, &e->open, sizeof(char *)) =
		    arena_dup(e->arena, name, len);
	lower = arena_dup(e->arena, name, len);
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (strcmp(lower, "id") == 0)
		lower = "fid";
	else if (strcmp(lower, "port") == 0)
		lower = "fport";
	strbuf_printf(&e->out, "(?P<%s>", lower);
	return true;
}

/* name: what stands between < and >. False: no tag, it stays. */
static bool
put_tag(struct expansion *e, const char *name, size_t len)
{
	const char *regex;

	if (len == 4 && memcmp(name, "HOST", 4) == 0 && !e->names)
		name = "ADDR";
	if (len == 9 && memcmp(name, "SKIPLINES", 9) == 0) {
		strbuf_printf(&e->out, "\\n(?P<skiplines%u>(?:(?:.*\\n)*?))", e->skips++);
		return true;
	}
	regex = find(tags, sizeof(tags) / sizeof(*tags), name, len);
	if (!regex)
		return put_custom(e, name, len);
	strbuf_puts(&e->out, regex);
	return true;
}

/* Length of "((?flags)" or "(?:(?flags)" at s, whose flags hold for the group alone; 0: it is
 * none. */
static size_t
group_flags(const char *s, size_t *at)
{
	size_t n;

	if (*s != '(')
		return 0;
	n = strncmp(s, "(?:", 3) == 0 ? 3 : 1;
	if (s[n] != '(' || s[n + 1] != '?' || !islower((unsigned char)s[n + 2]))
		return 0;
	*at = n;
	for (n += 2; islower((unsigned char)s[n]); n++)
		;
	return s[n] == ')' ? n + 1 : 0;
}

/* Flags of the whole regex right inside a group: the reference makes them the group's. */
static const char *
flags_to_groups(struct arena *a, const char *regex)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	size_t at = 0, n;

	for (const char *s = regex; *s;) {
		n = s > regex && s[-1] == '\\' ? 0 : group_flags(s, &at);
		if (n) {
			strbuf_add(&out, s + at, n - at - 1);
			strbuf_puts(&out, ":");
		} else {
			strbuf_add(&out, s, 1);
		}
		s += n ? n : 1;
	}
	return arena_dup(a, out.text ? out.text : "", out.len);
}

const char *
f2b_tags_expand(struct arena *a, const char *pattern, bool names)
{
	struct expansion e = {.arena = a, .names = names};
	const char *text;

	while (*pattern) {
		size_t n = tag_length(pattern);

		if (n == 0 || !put_tag(&e, pattern + 1, n - 2))
			strbuf_add(&e.out, pattern, n ? n : 1);
		pattern += n ? n : 1;
	}
	text = flags_to_groups(a, e.out.text ? e.out.text : "");
	strbuf_fini(&e.out);
	return text;
}

/* The end of a name's "_12"; its length, or 0. */
static size_t
number_suffix(const char *name, size_t len)
{
	size_t n = 0;

	while (n < len && isdigit((unsigned char)name[len - 1 - n]))
		n++;
	return n && n < len && name[len - 1 - n] == '_' ? n + 1 : 0;
}

static const char *
meaning(const char *name, size_t len)
{
	return find(meanings, sizeof(meanings) / sizeof(*meanings), name, len);
}

/* alt_user_1, tuple_id: the name in the middle has its meaning. */
static const char *
compound(struct arena *a, const char *name, size_t len)
{
	size_t pre = strncmp(name, "alt_", 4) == 0 ? 4 : 6;
	size_t suffix = number_suffix(name + pre, len - pre);
	size_t base = len - pre - suffix;
	const char *own = meaning(name + pre, base);

	if (base == 4 && memcmp(name + pre, "port", 4) == 0)
		own = "port";
	if (base == 2 && memcmp(name + pre, "id", 2) == 0)
		own = "id";
	return arena_printf(a, "%.*s%.*s%.*s", (int)pre, name, own ? (int)strlen(own) : (int)base,
	    own ? own : name + pre, (int)suffix, name + len - suffix);
}

static bool
is_ascii(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s >= 0x80)
			return false;
	}
	return true;
}

const char *
f2b_group_name(struct arena *a, const char *name, size_t len, unsigned number)
{
	const char *own = meaning(name, len);

	if (own)
		return own;
	own = arena_dup(a, name, len);
	if (strncmp(own, "alt_", 4) == 0 || strncmp(own, "tuple_", 6) == 0)
		own = compound(a, own, len);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		if (strcmp(own, reserved[i]) == 0)
			return arena_printf(a, "f_%s", own);
	}
	if (strlen(own) > F2B_NAME_MAX || !is_ascii(own))
		return arena_printf(a, "group_%u", number);
	return own;
}
