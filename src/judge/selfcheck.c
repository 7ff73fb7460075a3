/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/selfcheck.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "judge/court.h"

/* Ids of the two look-ups, beside the requests' own (judge/requests.c uses those with bit 30
 * clear). */
#define ID_IN_KERNEL (ENFORCE_ASKED | 0x40000001u)
#define ID_GONE      (ENFORCE_ASKED | 0x40000002u)

enum step {
	STEP_NONE,
	STEP_READ,
	STEP_VERDICT,
	STEP_KEEPER,
	STEP_IN_KERNEL,
	STEP_UNBAN,
	STEP_GONE,
};

static const struct {
	const char *did, *missing;
} steps[] = {
    [STEP_READ] = {"the line was written, read and matched",
	"the reader did not read the line of the self check"},
    [STEP_VERDICT] = {"the offence was counted and judged",
	"the offence completed no rule: is there none for the self check?"},
    [STEP_KEEPER] = {"the keeper put it into the kernel's set",
	"the keeper did not say that the ban is in the kernel"},
    [STEP_IN_KERNEL] = {"the kernel's set has it", "the kernel's set does not have the ban"},
    [STEP_UNBAN] = {"the keeper took it out again", "the keeper did not take the ban out again"},
    [STEP_GONE] = {"the kernel's set has it no more", "the ban is still in the kernel's set"},
};

struct selfcheck {
	struct court *court;
	int fd;
	struct request *q; /* NULL: none runs */
	enum step step;
	unsigned family; /* index into addresses */
	uint32_t slot;
	usec_t begun, last; /* monotonic */
	struct addr addr;
};

static const char *const addresses[] = {SELFCHECK_ADDR4, SELFCHECK_ADDR6};

int
selfcheck_new(struct selfcheck **out, struct court *c, int fd)
{
	struct selfcheck *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct selfcheck){.court = c, .fd = fd, .slot = BANS_NONE};
	*out = s;
	return 0;
}

void
selfcheck_free(struct selfcheck *s)
{
	free(s);
}

/* Takes what is left of it out of the table, and out of the kernel. */
static void
clean_up(struct selfcheck *s)
{
	struct court *c = s->court;
	usec_t now = clock_real();

	if (s->slot == BANS_NONE)
		return;
	bans_end(c->bans, s->slot, now);
	enforce_unban(c->enforce, s->slot, now);
	bans_remove(c->bans, s->slot);
	s->slot = BANS_NONE;
	court_changed(c, false);
}

/* The request ended, also when its client went. */
static void
on_end(void *state)
{
	struct selfcheck *s = state;

	clean_up(s);
	s->q = NULL;
	s->step = STEP_NONE;
}

static void
fail(struct selfcheck *s, const char *more)
{
	request_done(s->q, REQUEST_FAILED, "%s%s%s", steps[s->step].missing, more ? ": " : "",
	    more ? more : "");
	s->step = STEP_NONE;
}

static int
write_line(struct selfcheck *s)
{
	uint64_t nonce;
	char line[128];
	int n;

	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return -EIO;
	n = snprintf(line, sizeof(line), "guardd-selfcheck %016" PRIx64 " from %s\n", nonce,
	    addresses[s->family]);
	return write(s->fd, line, (size_t)n) == n ? 0 : -errno;
}

static void
start_family(struct selfcheck *s)
{
	int r;

	addr_parse(&s->addr, addresses[s->family], strlen(addresses[s->family]));
	s->step = STEP_READ;
	s->last = clock_mono();
	request_wait(s->q, SELFCHECK_PATIENCE);
	r = write_line(s);
	if (r < 0)
		fail(s, strerror(-r));
}

static void
say(struct selfcheck *s, const char *step, usec_t us, const char *address)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct json j;

	json_begin(&j, &line);
	json_text(&j, "step", step);
	json_int(&j, "us", us);
	if (address)
		json_text(&j, "address", address);
	json_end(&j);
	request_write(s->q, &line);
}

static void
next_step(struct selfcheck *s)
{
	usec_t now = clock_mono();

	say(s, steps[s->step].did, now - s->last, addresses[s->family]);
	s->last = now;
	if (s->step != STEP_GONE) {
		s->step++;
		return;
	}
	clean_up(s);
	if (++s->family < sizeof(addresses) / sizeof(*addresses)) {
		start_family(s);
		return;
	}
	say(s, "all steps, in IPv4 and in IPv6", now - s->begun, NULL);
	s->step = STEP_NONE;
	request_done(s->q, REQUEST_DONE, NULL);
}

static void
on_late(struct request *q)
{
	struct selfcheck *s = request_state(q);

	fail(s, "no answer in 5 s");
}

static const struct request_ops ops = {.on_late = on_late};

void
selfcheck_start(struct selfcheck *s, struct request *q)
{
	if (s->q) {
		request_done(q, REQUEST_FAILED, "another self check is running");
		return;
	}
	if (s->fd < 0) {
		request_done(q, REQUEST_FAILED, "there is no log for the self check");
		return;
	}
	s->q = q;
	s->family = 0;
	s->begun = clock_mono();
	request_keep(q, &ops, s, on_end);
	start_family(s);
}

void
selfcheck_on_offence(struct selfcheck *s, const struct addr *a)
{
	if (s->step == STEP_READ && addr_equal(a, &s->addr))
		next_step(s);
}

void
selfcheck_on_verdict(struct selfcheck *s, uint32_t slot)
{
	if (s->step != STEP_VERDICT || !addr_equal(&bans_get(s->court->bans, slot)->addr, &s->addr))
		return;
	s->slot = slot;
	next_step(s);
}

void
selfcheck_on_banned(struct selfcheck *s, uint32_t slot, const struct msg_banned *answer)
{
	if (s->step != STEP_KEEPER || slot != s->slot)
		return;
	if (answer->status != 0) {
		fail(s, answer->status < 0 ? strerror(-answer->status) : "it is never banned");
		return;
	}
	next_step(s);
	if (enforce_look_up(s->court->enforce, slot, ID_IN_KERNEL) < 0)
		fail(s, "it cannot be asked");
}

static void
on_looked_up(struct selfcheck *s, bool there)
{
	struct court *c = s->court;

	if (s->step == STEP_IN_KERNEL) {
		if (!there) {
			fail(s, NULL);
			return;
		}
		next_step(s);
		bans_end(c->bans, s->slot, clock_real());
		if (!enforce_unban(c->enforce, s->slot, clock_real()))
			fail(s, "it cannot be asked");
	} else if (s->step == STEP_GONE) {
		if (there)
			fail(s, NULL);
		else
			next_step(s);
	}
}

void
selfcheck_on_answer(struct selfcheck *s, const struct msg *m)
{
	if (s->step == STEP_NONE || s->slot == BANS_NONE)
		return;
	if (m->type == MSG_FOUND_BAN && (m->id == ID_IN_KERNEL || m->id == ID_GONE)) {
		on_looked_up(s, m->u.banned.status == 0);
	} else if (m->type == MSG_UNBANNED && m->id == s->slot && s->step == STEP_UNBAN) {
		next_step(s);
		if (enforce_look_up(s->court->enforce, s->slot, ID_GONE) < 0)
			fail(s, "it cannot be asked");
	}
}
