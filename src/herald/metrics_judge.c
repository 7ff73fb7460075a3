/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <string.h>

#include "herald/metrics_text.h"

struct member {
	struct metric metric;
	size_t offset;
};

static uint64_t
value_at(const void *row, size_t offset)
{
	uint64_t v;

	memcpy(&v, (const char *)row + offset, sizeof(v));
	return v;
}

/* --- all of it --- */

#define COUNTER(member, name, help)                                                                \
	{                                                                                          \
		{"guardd_" name, METRIC_COUNTER, NULL, help}, offsetof(struct figures, member)     \
	}
#define GAUGE(member, name, help)                                                                  \
	{                                                                                          \
		{"guardd_" name, METRIC_GAUGE, NULL, help}, offsetof(struct figures, member)       \
	}
static const struct member totals[] = {
    COUNTER(offences, "offences", "Offences received from the reader."),
    COUNTER(discarded_old, "offences_old", "Offences older than a rule's window, once per rule."),
    COUNTER(spared, "offences_spared", "Offences by addresses that are never banned."),
    COUNTER(hidden, "offences_hidden",
	"Offences that name a gateway, a proxy or this machine: the real address is lost."),
    COUNTER(future, "offences_future", "Offences dated ahead of now, counted as of now."),
    COUNTER(undated, "offences_undated", "Offences without a date, counted as of now."),
    COUNTER(bans_made, "bans", "Bans made, dry ones too."),
    COUNTER(refused_full, "bans_refused", "Bans not made, as many were in force as there may be."),
    GAUGE(bans, "bans_active", "Bans that hold, but for dry ones."),
    GAUGE(bans_dry, "dry_bans_active", "Bans of dry-run rules that would hold."),
    GAUGE(bans_max, "bans_max", "As many bans may be in force at a time."),
    GAUGE(in_kernel, "bans_in_kernel", "Bans that hold and that the kernel has acknowledged."),
    GAUGE(refused_kernel, "bans_refused_by_kernel", "Bans that the kernel refuses now."),
    GAUGE(foreign, "bans_foreign", "Bans of other hosts that hold here."),
    GAUGE(tallies, "tallies", "Sources whose offences are being counted."),
    GAUGE(tallies_max, "tallies_max", "As many sources can be counted at a time."),
    COUNTER(evicted, "tallies_evicted", "Tallies that gave way to newer ones."),
    COUNTER(forgiven, "tallies_forgiven", "Tallies cleared by a success."),
    GAUGE(table_ok, "table_up", "1: the kernel's table holds what it should."),
    COUNTER(repairs, "table_repairs",
	"Times that the table was lost or changed by others, and sent again."),
    GAUGE(book_ok, "book_up", "1: the book on disk is open and can be written."),
    COUNTER(book_commits, "book_commits", "Transactions of the book."),
};

static const struct metric config_time = {"guardd_config_time_seconds", METRIC_GAUGE, "seconds",
    "When the configuration in force was read, seconds of the epoch."};
static const struct metric latency = {"guardd_ban_latency_seconds", METRIC_HISTOGRAM, "seconds",
    "From reading a line to the kernel's acknowledgement of the ban that it completed."};

/* --- roles --- */

static const struct metric role_up = {"guardd_role_up", METRIC_GAUGE, NULL, "1: it runs."};
static const struct metric role_restarts = {"guardd_role_restarts", METRIC_COUNTER, NULL,
    "Times that it ended by itself and was started "
    "again."};
static const struct metric role_start = {"guardd_role_start_time_seconds", METRIC_GAUGE, "seconds",
    "When it was started, seconds of the epoch."};

static const enum role roles[] = {ROLE_GUARDD, ROLE_KEEPER, ROLE_READER, ROLE_JUDGE, ROLE_WATCHER};
#define N_ROLES (sizeof(roles) / sizeof(*roles))

/* "reader": what stands behind the executable's "guardd-". */
static const char *
short_name(enum role r)
{
	const char *name = role_name(r);

	return strncmp(name, "guardd-", 7) == 0 ? name + 7 : name;
}

static void
write_roles(struct metrics_page *p, const struct figures *f, bool up)
{
	_cleanup_(strbuf_fini) struct strbuf label = {0};
	const struct metric *const families[] = {&role_up, &role_restarts, &role_start};

	for (size_t k = 0; k < sizeof(families) / sizeof(*families); k++) {
		metrics_family(p, families[k]);
		for (size_t i = 0; i < N_ROLES; i++) {
			const struct figures_role *r = &f->roles[roles[i]];

			strbuf_reset(&label);
			metrics_label_text(&label, "role", short_name(roles[i]));
			if (families[k] == &role_up)
				metrics_count(p, label.text, up && r->pid > 0);
			else if (families[k] == &role_restarts)
				metrics_count(p, label.text, r->restarts);
			else if (r->started > 0)
				metrics_seconds(p, label.text, r->started);
		}
	}
}

/* --- rules --- */

struct rule_member {
	struct metric metric;
	size_t offset;
	bool half; /* 32 bits */
};

#define RULE(member, name, type, unit, help)                                                       \
	{                                                                                          \
		{"guardd_rule_" name, type, unit, help}, offsetof(struct figures_rule, member),    \
		    sizeof(((struct figures_rule *)0)->member) == 4                                \
	}
static const struct rule_member rule_members[] = {
    RULE(offences, "offences", METRIC_COUNTER, NULL, "Offences counted by it."),
    RULE(bans, "bans", METRIC_COUNTER, NULL, "Bans made by it, dry ones too."),
    RULE(spared, "spared", METRIC_COUNTER, NULL, "Offences by addresses that it never bans."),
    RULE(packets, "dropped_packets", METRIC_COUNTER, NULL,
	"Packets dropped for its bans, as far as they were read back: when a ban ends."),
    RULE(bytes, "dropped_bytes", METRIC_COUNTER, "bytes",
	"Bytes dropped for its bans, as far as they were read back: when a ban ends."),
    RULE(held, "bans_active", METRIC_GAUGE, NULL, "Bans of it that hold, but for dry ones."),
    RULE(dry, "dry_bans_active", METRIC_GAUGE, NULL, "Bans of it that would hold (dry run)."),
    RULE(tallies, "tallies", METRIC_GAUGE, NULL, "Sources whose offences it is counting."),
};

static uint64_t
rule_value(const struct figures_rule *r, const struct rule_member *m)
{
	uint32_t half;

	if (!m->half)
		return value_at(r, m->offset);
	memcpy(&half, (const char *)r + m->offset, sizeof(half));
	return half;
}

static void
write_rules(struct metrics_page *p, const struct figures *f)
{
	uint32_t n = f->n_rules < FIGURES_RULES ? f->n_rules : FIGURES_RULES;

	for (size_t k = 0; k < sizeof(rule_members) / sizeof(*rule_members); k++) {
		metrics_family(p, &rule_members[k].metric);
		for (uint32_t i = 0; i < n; i++) {
			const struct figures_rule *r = &f->rules[i];
			_cleanup_(strbuf_fini) struct strbuf label = {0};

			if (!r->name[0])
				continue;
			metrics_label(&label, "rule", r->name, strnlen(r->name, sizeof(r->name)));
			metrics_count(p, label.text, rule_value(r, &rule_members[k]));
		}
	}
}

/* --- answers to the fleet --- */

static const struct metric answers = {"guardd_fleet_answers", METRIC_COUNTER, NULL,
    "What the judge answered to bans and lifts of other hosts."};
static const char *const answer_names[] = {
    [TAKEN_DONE] = "done",
    [TAKEN_BEFORE] = "known",
    [TAKEN_NEVER] = "never",
    [TAKEN_TRUST] = "no trust",
    [TAKEN_RATE] = "rate",
    [TAKEN_FULL] = "full",
    [TAKEN_RULE] = "no rule",
    [TAKEN_WIDE] = "too wide",
    [TAKEN_OVER] = "over",
    [TAKEN_NONSENSE] = "nonsense",
    [TAKEN_FAILED] = "failed",
};
_Static_assert(sizeof(answer_names) / sizeof(*answer_names) == TAKEN_STATUSES, "all answers");

static void
write_answers(struct metrics_page *p, const struct figures *f)
{
	metrics_family(p, &answers);
	for (size_t i = 0; i < TAKEN_STATUSES; i++) {
		_cleanup_(strbuf_fini) struct strbuf label = {0};

		metrics_label_text(&label, "answer", answer_names[i]);
		metrics_count(p, label.text, f->taken[i]);
	}
}

void
metrics_judge(struct metrics_page *p, const struct figures *f, bool up, bool fleet)
{
	write_roles(p, f, up);
	metrics_family(p, &config_time);
	metrics_seconds(p, NULL, f->config_made);
	for (size_t i = 0; i < sizeof(totals) / sizeof(*totals); i++)
		metrics_one(p, &totals[i].metric, value_at(f, totals[i].offset));
	metrics_histogram(p, &latency, f->latency, FIGURES_LATENCY,
	    (usec_t)1 << FIGURES_LATENCY_FIRST, f->latency_us);
	write_rules(p, f);
	if (fleet)
		write_answers(p, f);
}
