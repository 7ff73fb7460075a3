/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reader/lane.h"
#include "reader/session.h"
#include "reader/step_lines.h"
#include "reader/utf8.h"

#define TEXT_ROOM      (UTF8_GROWTH * (LINE_MAX_BYTES + STEPS_HEAD_MAX) + 2)
#define STEPS_HEAD_MAX 640 /* what stands before a journal's message */
#define LIMITS_MAX     2   /* hit on one line, then the rest is not tried */
/* A line without a date has that of the last one, when that is not long ago. */
#define DATE_LIFE (60 * USEC_PER_SEC)

struct steps_code {
	struct step_regex **regexes; /* as IMAGE_PATTERNS, NULL for those of other filters */
	uint32_t n;
	struct dates *dates; /* NULL: no filter is stepwise */
	struct step_room *room;
};

/* What one filter knows of earlier lines. */
struct state {
	uint32_t prefix;           /* in plan.patterns, UINT32_MAX: none */
	bool ignores_first;        /* far fewer of them than offences */
	struct sessions *sessions; /* NULL: no pattern has any */
	struct step_lines *lines;  /* NULL: patterns see one line */
	bool has_date;
	usec_t date;
};

struct steps {
	struct state *states; /* as plan.filters */
	size_t n;
	char *line, *seen; /* TEXT_ROOM each */
	struct step_match prefix, match;
};

/* One line on its way through one filter. */
struct walk {
	struct lane *l;
	struct steps *s;
	struct state *state;
	const struct plan_filter *f;
	const char *text; /* what patterns see, with a newline at its end */
	size_t len;
	const struct step_match *prefix; /* NULL: there is none */
	usec_t time;
	bool dated;
	unsigned limits;
};

int
steps_code_new(struct steps_code **out, const struct image *img, char **error)
{
	_cleanup_(steps_code_freep) struct steps_code *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->n = image_count(img, IMAGE_PATTERNS);
	c->regexes = calloc(c->n + 1, sizeof(*c->regexes));
	if (!c->regexes)
		return -ENOMEM;
	r = step_room_new(&c->room);
	if (r == 0)
		r = dates_new(&c->dates, img, error);
	for (uint32_t i = 0; i < c->n && r == 0; i++) {
		const struct image_pattern *p = &img->patterns[i];
		uint16_t lines = img->filters[p->filter].lines;
		struct step_options o = {p->caseless, lines > 1 && p->kind == PATTERN_OFFENCE};

		if (lines)
			r = step_regex_new(&c->regexes[i], image_str(img, p->regex), o, error);
	}
	if (r < 0)
		return r;
	*out = c;
	c = NULL;
	return 0;
}

void
steps_code_free(struct steps_code *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; c->regexes && i < c->n; i++)
		step_regex_free(c->regexes[i]);
	free(c->regexes);
	dates_free(c->dates);
	step_room_free(c->room);
	free(c);
}

static int
state_new(struct state *s, const struct steps_code *code, const struct image *img,
    const struct plan *plan, const struct plan_filter *f)
{
	uint32_t ignores = 0, offences = 0;
	uint16_t lines = img->filters[f->as.filter].lines;
	bool sessions = false;
	int r = 0;

	s->prefix = UINT32_MAX;
	for (uint32_t i = f->first; i < f->first + f->n; i++) {
		uint32_t pattern = plan->patterns[i].pattern;
		uint8_t kind = img->patterns[pattern].kind;

		if (kind == PATTERN_PREFIX)
			s->prefix = i;
		ignores += kind == PATTERN_IGNORE;
		offences += kind == PATTERN_OFFENCE;
		sessions |= step_regex_has(code->regexes[pattern], PART_SESSION);
	}
	s->ignores_first = ignores && ignores + 2 < offences;
	if (sessions)
		r = sessions_new(&s->sessions);
	if (r == 0 && lines > 1)
		r = step_lines_new(&s->lines, lines, STEPS_LINES_BYTES);
	return r;
}

int
steps_new(struct steps **out, const struct steps_code *code, const struct image *img,
    const struct plan *plan)
{
	_cleanup_(steps_freep) struct steps *s = NULL;
	int r = 0;

	*out = NULL;
	for (size_t i = 0; i < plan->n_filters && r == 0; i++) {
		if (!img->filters[plan->filters[i].as.filter].lines)
			continue;
		if (!s) {
			s = calloc(1, sizeof *s);
			if (!s)
				return -ENOMEM;
			s->n = plan->n_filters;
			s->states = calloc(s->n, sizeof *s->states);
			s->line = malloc(TEXT_ROOM);
			s->seen =
			    malloc(TEXT_ROOM > STEPS_LINES_BYTES ? TEXT_ROOM : STEPS_LINES_BYTES);
			if (!s->states || !s->line || !s->seen)
				return -ENOMEM;
		}
		r = state_new(&s->states[i], code, img, plan, &plan->filters[i]);
	}
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

void
steps_free(struct steps *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->states && i < s->n; i++) {
		sessions_free(s->states[i].sessions);
		step_lines_free(s->states[i].lines);
	}
	free(s->states);
	free(s->line);
	free(s->seen);
	free(s);
}

uint64_t
steps_forgotten(const struct steps *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->states[i].sessions)
			n += sessions_evicted(s->states[i].sessions);
	return n;
}

static void
trace(const struct walk *w, struct lane_step s)
{
	s.filter = w->f->as.filter;
	if (__builtin_expect(w->l->on_step != NULL, 0))
		w->l->on_step(w->l->step_ctx, &s);
}

/* For traces: the parts that other filters have, too. */
static void
as_captures(const struct step_match *m, struct captures *out)
{
	static const enum step_part parts[CAPTURES] = {
	    [CAPTURE_ADDR] = PART_ADDR,
	    [CAPTURE_USER] = PART_USER,
	    [CAPTURE_TIME] = STEP_PARTS,
	    [CAPTURE_SESSION] = PART_SESSION,
	    [CAPTURE_PORT] = PART_PORT,
	};

	memset(out, 0, sizeof *out);
	for (int c = 0; c < CAPTURES; c++)
		if (parts[c] != STEP_PARTS) {
			out->text[c] = m->parts[parts[c]].text;
			out->len[c] = m->parts[parts[c]].len;
		}
}

/* True when it matched; a limit that was hit is counted. */
static bool
try(struct walk *w, uint32_t i, const char *text, size_t n, struct step_match *m)
{
	const struct steps_code *code = w->l->e->steps;
	uint32_t pattern = w->l->plan->patterns[i].pattern;
	enum pattern_answer answer =
	    step_regex_match(code->regexes[pattern], code->room, text, n, m);
	struct captures captures;

	if (w->l->on_step && answer == PATTERN_MATCHED)
		as_captures(m, &captures);
	trace(w, (struct lane_step){.kind = STEP_PATTERN,
		     .pattern = pattern,
		     .text = text,
		     .len = n - 1,
		     .answer = answer,
		     .captures = answer == PATTERN_MATCHED ? &captures : NULL});
	w->limits += answer == PATTERN_UNEXAMINED;
	return answer == PATTERN_MATCHED;
}

static uint8_t
kind_of(const struct walk *w, uint32_t i)
{
	return w->l->e->img->patterns[w->l->plan->patterns[i].pattern].kind;
}

/* True when one of the ignore patterns is in the text, or may be. */
static bool
is_ignored(struct walk *w, const char *text, size_t n)
{
	struct step_match m;

	for (uint32_t i = w->f->first; i < w->f->first + w->f->n; i++) {
		unsigned before = w->limits;

		if (kind_of(w, i) != PATTERN_IGNORE)
			continue;
		if (try(w, i, text, n, &m) || w->limits > before)
			return true;
	}
	return false;
}

/* An id counts itself; one without an address bans nobody. */
static bool
parse_addr(struct addr *out, const struct step_value *v)
{
	const char *p = v->text;
	size_t n = v->len;

	if (n > 2 && p[0] == '[' && p[n - 1] == ']') {
		p++;
		n -= 2;
	}
	return p && addr_parse(out, p, n) == 0;
}

static bool
same(const struct step_value *a, const struct step_value *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

/* The prefix that cidr makes of an address, as text. */
static size_t
format_addr(char text[static ADDR_TEXT_MAX], const struct addr *a, const struct step_value *cidr)
{
	unsigned len = 0;
	struct prefix p;

	for (size_t i = 0; i < cidr->len && len < 1000; i++)
		if (cidr->text[i] >= '0' && cidr->text[i] <= '9')
			len = len * 10 + (cidr->text[i] - '0');
	p = cidr->text && cidr->len && len < addr_bits(a) ? prefix_of(a, len) : prefix_host(a);
	prefix_format(&p, text);
	return strlen(text);
}

/* What is counted and who is banned for it; false when there is nothing to count by. */
static bool
find_source(const struct facts *k, struct steps_count *out, struct addr *addr,
    char text[static ADDR_TEXT_MAX])
{
	static const struct step_value no_cidr = {0};
	const struct step_value *id = &k->text[SESSION_ID], *by = id;
	bool parsed;

	if (k->text[SESSION_ADDR4].text)
		by = &k->text[SESSION_ADDR4];
	else if (k->text[SESSION_ADDR6].text)
		by = &k->text[SESSION_ADDR6];
	else if (k->text[SESSION_NAME].text)
		by = &k->text[SESSION_NAME];
	if (!by->text)
		return false;
	parsed = parse_addr(addr, by);
	/* A name that is no address stays a name: nobody asks who has it. */
	out->addr = parsed ? addr : NULL;
	if (id->text && !same(id, by)) {
		out->id = id->text;
		out->id_len = id->len;
	} else if (parsed) {
		out->id = text;
		out->id_len = format_addr(text, addr, by == id ? &no_cidr : &k->text[SESSION_CIDR]);
	} else {
		out->id = by->text;
		out->id_len = by->len;
	}
	return true;
}

static void
report(struct walk *w, uint32_t pattern, const struct steps_count *count)
{
	struct lane *l = w->l;
	struct hit h = {
	    .kind = PATTERN_OFFENCE,
	    .offence.points = l->e->img->patterns[pattern].points,
	    .offence.filter = w->f->as.filter,
	    .offence.pattern = pattern,
	    .offence.addr = *count->addr,
	    .offence.time = count->time,
	    .line_start = l->line.start,
	    .line_end = l->line.end,
	    .user = count->user,
	    .user_len = count->user_len,
	};

	if (h.user) {
		h.offence.flags |= OFFENCE_HAS_USER;
		h.offence.user_hash =
		    hash_bytes(&l->e->img->settings->user_key, h.user, h.user_len);
	}
	if (!count->dated) {
		h.offence.flags |= OFFENCE_UNDATED;
		l->sink->counts->undated++;
	} else if (count->time > l->now + FUTURE_SLACK) {
		h.offence.time = l->now;
		h.offence.flags |= OFFENCE_FUTURE;
		l->sink->counts->future++;
	}
	l->line.matched = true;
	if (l->sink->filter_counts)
		l->sink->filter_counts[w->f->as.filter].matched++;
	if (l->sink->on_hit)
		l->sink->on_hit(l->sink->ctx, &h);
}

/* A group that the offence's pattern has counts, set or not; else that of the prefix. */
static const struct step_value *
part(const struct walk *w, enum step_part p)
{
	const struct step_value *v = &w->s->match.parts[p];

	return v->known || v->text || !w->prefix ? v : &w->prefix->parts[p];
}

static bool
says(const struct walk *w, enum step_part p)
{
	const struct step_value *v = part(w, p);

	return v->text && v->len;
}

static void
gather(const struct walk *w, struct facts *k)
{
	const struct step_value *addr = part(w, PART_ADDR);

	memset(k, 0, sizeof *k);
	if (addr->text)
		k->text[memchr(addr->text, '.', addr->len) ? SESSION_ADDR4 : SESSION_ADDR6] = *addr;
	k->text[SESSION_NAME] = *part(w, PART_NAME);
	k->text[SESSION_ID] = *part(w, PART_ID);
	k->text[SESSION_USER] = *part(w, PART_USER);
	k->text[SESSION_CIDR] = *part(w, PART_CIDR);
	k->noted = says(w, PART_NOTED);
	k->ends = says(w, PART_ENDS);
	k->cleared = says(w, PART_CLEARED);
}

static uint64_t
session_key(const struct walk *w, const struct step_value *v)
{
	return hash_bytes(&w->l->e->img->settings->user_key, v->text, v->len);
}

static void
merge(struct walk *w, uint32_t pattern, const struct step_value *session, struct facts *k)
{
	struct sessions *s = w->state->sessions;
	uint64_t before = sessions_evicted(s);

	sessions_merge(s, session_key(w, session), w->l->now, k);
	w->l->sink->counts->forgotten += sessions_evicted(s) - before;
	trace(w, (struct lane_step){.kind = STEP_SESSION,
		     .pattern = pattern,
		     .text = session->text,
		     .len = session->len,
		     .answer = k->noted});
}

/* A pattern matched, and nothing ignores it. */
static void
settle(struct walk *w, uint32_t pattern)
{
	const struct step_value *session = part(w, PART_SESSION);
	struct steps_count count = {.time = w->time, .dated = w->dated};
	char text[ADDR_TEXT_MAX];
	struct facts k;
	struct addr addr;

	gather(w, &k);
	if (session->text)
		merge(w, pattern, session, &k);
	if (k.noted)
		return;
	count.user = k.text[SESSION_USER].text;
	count.user_len = k.text[SESSION_USER].len;
	if (!find_source(&k, &count, &addr, text)) {
		if (session->text)
			sessions_pending(w->state->sessions, session_key(w, session), w->l->now);
		trace(w, (struct lane_step){.kind = STEP_ADDRESS, .pattern = pattern});
		return;
	}
	trace(w, (struct lane_step){.kind = STEP_COUNTED, .pattern = pattern, .count = &count});
	if (count.addr)
		report(w, pattern, &count);
	else
		w->l->sink->counts->nobody++;
}

/* What the pattern matched is ignored, or it counts. Lines it passed over wait on. */
static void
on_match(struct walk *w, uint32_t i)
{
	struct step_lines *lines = w->state->lines;
	const char *text = w->text;
	size_t n = w->len;

	if (lines) {
		step_lines_take(lines, w->text, &w->s->match);
		text = step_lines_taken(lines, &n);
	}
	if (is_ignored(w, text, n))
		return;
	settle(w, w->l->plan->patterns[i].pattern);
}

static bool
may_match(const struct walk *w, uint32_t i)
{
	const struct lane *l = w->l;

	return l->message || l->plan->patterns[i].blind || (l->hits[i / 64] >> i % 64 & 1);
}

static void
try_offences(struct walk *w)
{
	for (uint32_t i = w->f->first; i < w->f->first + w->f->n; i++) {
		if (kind_of(w, i) != PATTERN_OFFENCE || !may_match(w, i))
			continue;
		if (try(w, i, w->text, w->len, &w->s->match)) {
			on_match(w, i);
			return;
		}
		if (w->limits >= LIMITS_MAX)
			return;
	}
}

/* False when the prefix does not fit. What it leaves is what is seen from there on. */
static bool
take_prefix(struct walk *w)
{
	const struct step_value *content = &w->s->prefix.parts[PART_CONTENT];
	size_t n;

	if (w->state->prefix == UINT32_MAX)
		return true;
	if (!try(w, w->state->prefix, w->text, w->len, &w->s->prefix))
		return false;
	w->prefix = &w->s->prefix;
	if (!content->text || !content->len)
		return true;
	n = content->len;
	/* The text stays, as other parts of the prefix are in it. */
	memcpy(w->s->seen, content->text, n);
	w->s->seen[n++] = '\n';
	w->text = w->s->seen;
	w->len = n;
	if (w->state->lines)
		step_lines_replace(w->state->lines, w->text, n);
	trace(w, (struct lane_step){.kind = STEP_CONTENT, .text = w->text, .len = n - 1});
	return true;
}

/* Before a journal's message stands who said it. */
static size_t
message_text(const struct lane_message *m, char *out)
{
	size_t n = 0;

	if (m->host_len) {
		n = utf8_copy(out, m->host, m->host_len);
		out[n++] = ' ';
	}
	if (m->program_len) {
		n += utf8_copy(out + n, m->program, m->program_len);
		if (m->pid_len) {
			out[n++] = '[';
			n += utf8_copy(out + n, m->pid, m->pid_len);
			out[n++] = ']';
		}
		out[n++] = ':';
		out[n++] = ' ';
		if (m->program_len == 6 && !memcmp(m->program, "kernel", 6) &&
		    m->monotonic != USEC_NEVER)
			n += sprintf(out + n, "[%5lld.%06lld] ",
			    (long long)(m->monotonic / USEC_PER_SEC),
			    (long long)(m->monotonic % USEC_PER_SEC));
	}
	return n + utf8_copy(out + n, m->text, m->len);
}

/* A message is one line to the patterns, though it may hold several. */
static size_t
fold_newlines(char *text, size_t n, size_t room)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n')
			continue;
		if (n + 1 >= room)
			return i;
		memmove(text + i + 2, text + i + 1, n - i - 1);
		text[i++] = '\\';
		text[i] = 'n';
		n++;
	}
	return n;
}

static void
last_date(struct walk *w)
{
	const struct state *s = w->state;

	w->dated = s->has_date && s->date > w->l->now - DATE_LIFE;
	w->time = w->dated ? s->date : w->l->now;
}

static void
set_date(struct walk *w, usec_t time)
{
	w->state->has_date = w->dated = true;
	w->state->date = w->time = time;
}

static void
cut(char *text, size_t *n, size_t at, size_t len)
{
	memmove(text + at, text + at + len, *n - at - len);
	*n -= len;
}

/* Finds the line's time and cuts its date out. */
static void
take_date(struct walk *w, char *text, size_t *n)
{
	const struct lane *l = w->l;
	struct stamp_zone zone = l->utc ? (struct stamp_zone){NULL, 0} : w->f->zone;
	struct date_found found = {0};
	enum date_answer answer =
	    dates_find(l->e->steps->dates, l->e->img->filters[w->f->as.filter].dates, text, *n,
		&zone, l->now, &w->l->stamps, &found);

	if (answer == DATE_FOUND)
		set_date(w, found.time);
	else
		last_date(w);
	trace(w, (struct lane_step){.kind = STEP_DATE,
		     .pattern = found.form,
		     .text = text + found.at,
		     .len = found.len,
		     .answer = answer,
		     .time = w->time});
	if (answer == DATE_FOUND || (answer == DATE_INVALID && !w->dated))
		cut(text, n, found.at, found.len);
}

static size_t
line_text(struct walk *w, char *out)
{
	const struct lane_message *m = w->l->message;
	const struct pending *line = &w->l->line;
	size_t n = line->len;

	if (m && m->journal) {
		n = fold_newlines(out, message_text(m, out), TEXT_ROOM - 1);
		if (m->time != USEC_NEVER)
			set_date(w, m->time);
		else
			last_date(w);
		return n;
	}
	while (n && line->text[n - 1] == '\r')
		n--;
	n = utf8_copy(out, line->text, n);
	if (m)
		n = fold_newlines(out, n, TEXT_ROOM - 1);
	take_date(w, out, &n);
	if (m && m->time != USEC_NEVER)
		set_date(w, m->time);
	return n;
}

static void
count(const struct walk *w)
{
	struct lane *l = w->l;
	bool unexamined = w->limits > 0;

	l->line.candidate = true;
	l->line.unexamined |= unexamined;
	if (l->sink->filter_counts) {
		l->sink->filter_counts[w->f->as.filter].candidates++;
		l->sink->filter_counts[w->f->as.filter].unexamined += unexamined;
	}
}

void
steps_apply(struct lane *l, const struct plan_filter *f)
{
	struct steps *s = l->steps;
	struct walk w = {.l = l, .s = s, .state = &s->states[f - l->plan->filters], .f = f};
	size_t n = line_text(&w, s->line);

	step_room_line(l->e->steps->room);
	s->line[n++] = '\n';
	w.text = s->line;
	w.len = n;
	if (w.state->lines)
		w.text = step_lines_add(w.state->lines, s->line, n, &w.len);
	if (!(w.state->ignores_first && is_ignored(&w, w.text, w.len)) && take_prefix(&w))
		try_offences(&w);
	count(&w);
}
