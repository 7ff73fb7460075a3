/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/exposure.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "judge/court.h"
#include "judge/joined.h"

/* A second opinion that does not come must not keep an alert back. */
#define SHADOW_PATIENCE (10 * USEC_PER_SEC)

struct exposure {
	struct court *court;
	struct gaps gaps;
	struct proof proof;
	int fd; /* of the proof, sealed; -1: none */
	bool have, told_trouble, told_first;
	int trouble; /* negative errno of the last try; 0: it gave a proof */
	uint32_t serial, asked;
	bool shadowing;   /* a second opinion is on its way */
	int shadow_error; /* why the last one did not come; 0: it did */
	uint32_t summary[PROOF_STATES];
	struct event *repeat, *late;
};

static void arm_repeat(struct exposure *e);

/* --- telling --- */

static const char *
certainty(const struct exposure *e, const struct gap *g)
{
	if (g->kind != PROOF_PORT && g->kind != PROOF_UNNAMED)
		return "";
	if (g->confirmed == CONFIRM_SAME)
		return " [computed, and confirmed by the kernel on a copy of the rules]";
	if (g->confirmed == CONFIRM_DIFFERENT)
		return " [computed; the kernel decided otherwise on a copy of the rules]";
	return e->shadow_error ? " [computed; a copy of the rules could not be replayed]"
			       : " [computed]";
}

static void
describe(const struct exposure *e, const struct gap *g, struct strbuf *out)
{
	char name[128];

	strbuf_printf(out, "%s is %s: %s%s", gap_name(g, name),
	    g->kind == PROOF_PORT || g->kind == PROOF_UNNAMED ? proof_state_name(g->state)
							      : "a finding",
	    g->text, certainty(e, g));
	if (*g->changer)
		strbuf_printf(out, "; the change came from %s", g->changer);
}

static enum alert_kind
alert_of(const struct gap *g)
{
	return g->state == PROOF_SHUT_OUT ? ALERT_SHUT_OUT : ALERT_GAP;
}

/* Another one that people know by the same name, and that stands; NULL: none does. */
static const struct gap *
namesake(const struct exposure *e, const struct gap *g, enum alert_kind kind)
{
	for (uint32_t i = 0; i < e->gaps.n; i++) {
		const struct gap *x = e->gaps.items[i];

		if (x != g && !x->until && x->times && alert_of(x) == kind && x->kind == g->kind &&
		    x->port == g->port && x->port_high == g->port_high && x->proto == g->proto &&
		    x->family == g->family && strcmp(x->rule, g->rule) == 0)
			return x;
	}
	return NULL;
}

static void
raise_alert(const struct exposure *e, const struct gap *g)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};
	char name[128];

	describe(e, g, &words);
	tell_raise(joined_tell(e->court->joined),
	    &(struct tell_note){alert_of(g),
		g->state >= PROOF_SHUT_OUT ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		gap_name(g, name), words.text, g->since});
}

static void
end_alert(const struct exposure *e, const struct gap *g, enum alert_kind kind, const char *words)
{
	const struct gap *other = namesake(e, g, kind);
	char name[128];

	if (other)
		raise_alert(e, other);
	else
		tell_end(joined_tell(e->court->joined), kind, gap_name(g, name), words);
}

static void
tell(struct exposure *e, struct gap *g, const char *what, usec_t now)
{
	int priority = g->state >= PROOF_SHUT_OUT ? LOG_ALERT : LOG_WARNING;
	_cleanup_(strbuf_fini) struct strbuf words = {0};

	describe(e, g, &words);
	log_msg(priority, "exposure %s: %s", what, words.text);
	end_alert(e, g, alert_of(g) == ALERT_GAP ? ALERT_SHUT_OUT : ALERT_GAP, NULL);
	raise_alert(e, g);
	g->waiting = false;
	g->told = now;
	g->times++;
	g->changed = true;
	arm_repeat(e);
}

static void
tell_closed(const struct exposure *e, const struct gap *g)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};
	char name[128], span[40];

	strbuf_printf(&words, "%s, after %s", gap_name(g, name),
	    clock_format_span(g->until > g->since ? g->until - g->since : 0, span));
	log_notice("exposure closed: %s", words.text);
	end_alert(e, g, ALERT_GAP, words.text);
	end_alert(e, g, ALERT_SHUT_OUT, words.text);
}

/* One that became harmless was told as a gap before: its end is told. */
static void
tell_harmless(const struct exposure *e, struct gap *g)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};
	char name[128];

	strbuf_printf(
	    &words, "%s is %s now: %s", gap_name(g, name), proof_state_name(g->state), g->text);
	log_notice("exposure changed: %s", words.text);
	end_alert(e, g, ALERT_GAP, words.text);
	end_alert(e, g, ALERT_SHUT_OUT, words.text);
	g->times = 0;
}

static void
tell_waiting(struct exposure *e)
{
	usec_t now = clock_real();

	for (uint32_t i = 0; i < e->gaps.n; i++) {
		struct gap *g = e->gaps.items[i];

		if (g->waiting && !g->until)
			tell(e, g, g->times ? "changed" : "gap", now);
	}
	court_changed(e->court, true);
}

/* How many are proven and latent: said when it changes, not for each. */
static void
tell_summary(struct exposure *e)
{
	const uint32_t *n = e->gaps.standing;

	if (e->told_first && !memcmp(e->summary, n, sizeof(e->summary)))
		return;
	memcpy(e->summary, n, sizeof(e->summary));
	if (e->gaps.left_out)
		log_warning(
		    "exposure: %u findings more than are kept apart (%d): guardctl check shows "
		    "all",
		    e->gaps.left_out, GAPS_MAX);
	e->told_first = true;
	log_info("exposure: %u proven, %u latent, %u depend, %u shut out, %u open%s",
	    n[PROOF_PROVEN], n[PROOF_LATENT], n[PROOF_DEPENDS], n[PROOF_SHUT_OUT], n[PROOF_OPEN],
	    e->court->image.settings->no_infra
		? "; no group infra is configured: this host alone counts as infrastructure"
		: "");
}

/* --- the second opinion --- */

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct exposure *e = arg;

	(void)fd;
	(void)what;
	e->shadowing = false;
	e->shadow_error = -ETIMEDOUT;
	tell_waiting(e);
}

static void
ask_shadow(struct exposure *e)
{
	const struct timeval tv = {.tv_sec = SHADOW_PATIENCE / USEC_PER_SEC};
	struct msg m = {.type = MSG_SHADOW};

	m.u.proof.serial = e->serial;
	if (!e->court->supervisor || chan_send(e->court->supervisor, &m) < 0) {
		e->shadow_error = -EPIPE;
		tell_waiting(e);
		return;
	}
	e->shadowing = true;
	evtimer_add(e->late, &tv);
}

static void
on_event(void *ctx, struct gap *g, enum gap_event what)
{
	struct exposure *e = ctx;

	if (what == GAP_CLOSED) {
		if (g->times)
			tell_closed(e, g);
		return;
	}
	if (gap_is_told(g))
		g->waiting = true;
	else if (g->times)
		tell_harmless(e, g);
}

static bool
any_waiting(const struct gaps *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->items[i]->waiting && !g->items[i]->until)
			return true;
	return false;
}

static void
use_opinion(struct exposure *e, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < e->proof.head->n; i++) {
		struct gap *g = gaps_find(&e->gaps, e->proof.cells[i].key);

		if (!g || bytes[i] > CONFIRM_DIFFERENT || g->confirmed == bytes[i])
			continue;
		g->confirmed = bytes[i];
		g->changed = true;
	}
}

void
exposure_on_shadowed(struct exposure *e, const struct msg *m, int fd)
{
	_cleanup_(closep) int owned = fd;
	_cleanup_(freep) uint8_t *bytes = NULL;
	int status = m->u.proof.status;
	size_t n = e->have ? e->proof.head->n : 0;

	if (!e->shadowing)
		return;
	evtimer_del(e->late);
	e->shadowing = false;
	if (m->u.proof.serial != e->serial) {
		/* Of an older proof, which a newer one overtook. */
		if (any_waiting(&e->gaps))
			ask_shadow(e);
		return;
	}
	if (status == 0 && owned >= 0 && n > 0) {
		bytes = malloc(n);
		if (!bytes || pread(owned, bytes, n, 0) != (ssize_t)n)
			status = -EIO;
		else
			use_opinion(e, bytes);
	}
	e->shadow_error = status;
	tell_waiting(e);
}

/* --- proofs --- */

static void
no_proof(struct exposure *e, int error)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};

	strbuf_printf(
	    &words, "exposure cannot be proven (%s): what was found last stands", strerror(-error));
	if (!e->told_trouble || e->trouble != error)
		log_alert("%s", words.text);
	e->told_trouble = true;
	e->trouble = error;
	tell_raise(
	    joined_tell(e->court->joined), &(struct tell_note){ALERT_NO_PROOF, SEVERITY_CRITICAL,
					       "exposure", words.text, clock_real()});
	joined_on_proof(e->court->joined);
}

void
exposure_on_proof(struct exposure *e, const struct msg *m, int fd)
{
	static const struct gaps_ops ops = {.on_event = on_event};
	_cleanup_(closep) int owned = fd;
	struct proof p;
	int r = m->u.proof.status;

	if (r == 0)
		r = owned >= 0 ? proof_open(&p, owned) : -EPROTO;
	if (r < 0) {
		no_proof(e, r);
		return;
	}
	if (e->trouble) {
		log_notice("exposure is proven again");
		tell_end(joined_tell(e->court->joined), ALERT_NO_PROOF, "exposure",
		    "exposure is proven again");
	}
	e->trouble = 0;
	e->told_trouble = false;
	if (e->have)
		proof_close(&e->proof);
	e->proof = p;
	e->have = true;
	closep(&e->fd);
	e->fd = fd_take(&owned);
	e->serial = m->u.proof.serial;
	joined_on_proof(e->court->joined);
	r = gaps_take(&e->gaps, &e->proof, &ops, e);
	if (r < 0)
		log_err("exposure: %s", strerror(-r));
	tell_summary(e);
	if (any_waiting(&e->gaps) && !e->shadowing)
		ask_shadow(e);
	if (gaps_changed(&e->gaps))
		court_changed(e->court, true);
}

/* --- what stands is told again --- */

static void
on_repeat(evutil_socket_t fd, short what, void *arg)
{
	struct exposure *e = arg;
	usec_t now = clock_real(), every = e->court->image.settings->expose_repeat;

	(void)fd;
	(void)what;
	for (uint32_t i = 0; every && i < e->gaps.n; i++) {
		struct gap *g = e->gaps.items[i];

		if (!g->until && !g->waiting && g->times && g->told + every <= now)
			tell(e, g, "still", now);
	}
	court_changed(e->court, true);
	arm_repeat(e);
}

/* The timer of the one that is due first; none when nothing stands. */
static void
arm_repeat(struct exposure *e)
{
	usec_t now = clock_real(), every = e->court->image.settings->expose_repeat, due = 0;
	struct timeval tv;

	evtimer_del(e->repeat);
	for (uint32_t i = 0; every && i < e->gaps.n; i++) {
		const struct gap *g = e->gaps.items[i];

		if (!g->until && g->times && (!due || g->told + every < due))
			due = g->told + every;
	}
	if (!due)
		return;
	due = due > now ? due - now : 0;
	tv = (struct timeval){.tv_sec = due / USEC_PER_SEC + 1};
	evtimer_add(e->repeat, &tv);
}

void
exposure_follow_image(struct exposure *e)
{
	arm_repeat(e);
}

/* --- for others --- */

void
exposure_on_loaded(struct exposure *e)
{
	for (uint32_t i = 0; i < e->gaps.n; i++)
		if (e->gaps.items[i]->times && !e->gaps.items[i]->until)
			raise_alert(e, e->gaps.items[i]);
}

int
exposure_proof_fd(const struct exposure *e, uint32_t *serial, int32_t *status)
{
	*serial = e->serial;
	*status = e->trouble;
	return e->fd;
}

struct gaps *
exposure_gaps(struct exposure *e)
{
	return &e->gaps;
}

const struct proof *
exposure_proof(const struct exposure *e, const char **trouble)
{
	*trouble = e->trouble ? strerror(-e->trouble) : NULL;
	return e->have ? &e->proof : NULL;
}

uint32_t
exposure_ask(struct exposure *e)
{
	struct msg m = {.type = MSG_PROVE, .id = ++e->asked};

	if (!e->court->supervisor || chan_send(e->court->supervisor, &m) < 0)
		return 0;
	return m.id;
}

void
exposure_status(const struct exposure *e, struct json *j, usec_t now)
{
	static const struct {
		const char *name;
		enum proof_state state;
	} rows[] = {{"exposure_open", PROOF_OPEN}, {"exposure_shut_out", PROOF_SHUT_OUT},
	    {"exposure_depends", PROOF_DEPENDS}, {"exposure_latent", PROOF_LATENT},
	    {"exposure_proven", PROOF_PROVEN}};
	const struct gap *worst = gaps_worst(&e->gaps);
	const char *trouble, *state = "unknown";
	const struct proof *p = exposure_proof(e, &trouble);

	for (size_t i = 0; p && i < sizeof(rows) / sizeof(*rows); i++)
		if (e->gaps.standing[rows[i].state] && !strcmp(state, "unknown"))
			state = proof_state_name(rows[i].state);
	if (p && !strcmp(state, "unknown"))
		state = "nothing to prove";
	json_text(j, "exposure", state);
	json_text(j, "exposure_trouble", trouble);
	if (p)
		json_int(j, "exposure_age_s",
		    now > p->head->made ? (now - p->head->made) / USEC_PER_SEC : 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		json_int(j, rows[i].name, e->gaps.standing[rows[i].state]);
	json_text(j, "exposure_text", worst ? worst->text : NULL);
	json_bool(j, "no_infra", e->court->image.settings->no_infra);
}

int
exposure_new(struct exposure **out, struct court *c)
{
	struct exposure *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->court = c;
	e->fd = -1;
	e->repeat = evtimer_new(c->base, on_repeat, e);
	e->late = evtimer_new(c->base, on_late, e);
	if (!e->repeat || !e->late) {
		exposure_free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void
exposure_free(struct exposure *e)
{
	if (!e)
		return;
	if (e->repeat)
		event_free(e->repeat);
	if (e->late)
		event_free(e->late);
	if (e->have)
		proof_close(&e->proof);
	closep(&e->fd);
	gaps_fini(&e->gaps);
	free(e);
}
