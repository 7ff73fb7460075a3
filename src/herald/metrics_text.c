/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/metrics_text.h"

#include "herald/alerts.h"
#include "herald/fleet.h"
#include "herald/probes.h"
#include "herald/store.h"

#ifndef GUARDD_VERSION
#define GUARDD_VERSION "unknown"
#endif

#define COUNTER(id, name, help)                                                                    \
	static const struct metric id = {"guardd_" name, METRIC_COUNTER, NULL, help}
#define GAUGE(id, name, help)                                                                      \
	static const struct metric id = {"guardd_" name, METRIC_GAUGE, NULL, help}
#define TIME(id, name, help)                                                                       \
	static const struct metric id = {                                                          \
	    "guardd_" name "_time_seconds", METRIC_GAUGE, "seconds", help}

/* --- the herald itself --- */

static const struct metric build = {
    "guardd_build", METRIC_INFO, NULL, "The version of guardd-herald."};
GAUGE(up_, "up", "1: guardd runs and guardd-herald is connected to it.");
TIME(herald_start, "herald_start", "When guardd-herald was started, seconds of the epoch.");
GAUGE(store_up, "store_up", "1: what guardd-herald keeps is kept on disk.");
COUNTER(scrapes, "metrics_scrapes", "Answers with metrics over the socket and the port.");
COUNTER(turned_away, "metrics_turned_away",
    "Connections closed without metrics: too many, too slow, no request for them.");
GAUGE(file_up, "metrics_file_up", "1: metrics.file could be written, or is not wanted.");
GAUGE(port_up, "metrics_port_up", "1: metrics.listen is served, or is not wanted.");

static void
write_head(struct metrics_page *p, const struct herald *h, bool up)
{
	_cleanup_(strbuf_fini) struct strbuf label = {0};

	metrics_label_text(&label, "version", GUARDD_VERSION);
	metrics_family(p, &build);
	metrics_count(p, label.text, 1);
	metrics_one(p, &up_, up);
	metrics_family(p, &herald_start);
	metrics_seconds(p, NULL, h->started);
	if (h->store)
		metrics_one(p, &store_up, !store_trouble(h->store));
}

static void
write_own(struct metrics_page *p, const struct metrics_own *own)
{
	metrics_one(p, &scrapes, own->scrapes);
	metrics_one(p, &turned_away, own->turned_away);
	metrics_one(p, &file_up, own->file_ok);
	metrics_one(p, &port_up, own->port_ok);
}

/* --- alerts --- */

GAUGE(standing, "alerts_standing", "Alerts that stand now.");
GAUGE(queued, "alerts_queued", "Messages that wait for a channel.");
COUNTER(told, "alerts", "Messages made for channels.");
COUNTER(lost, "alerts_lost", "Messages given up: the queue was full, or they were too old.");
GAUGE(channel_up, "channel_up", "1: its last try succeeded, or there was none.");
COUNTER(delivered, "channel_delivered", "Messages delivered by the channel.");
COUNTER(failures, "channel_failures", "Tries of the channel that failed.");
GAUGE(channel_queued, "channel_queued", "Messages that wait for the channel.");
TIME(channel_last, "channel_last_delivery", "When it last delivered, seconds of the epoch.");

static void
write_alerts(struct metrics_page *p, const struct alerts *a)
{
	struct alerts_counts c;

	alerts_count(a, &c);
	metrics_family(p, &standing);
	for (unsigned i = 0; i < SEVERITIES; i++) {
		_cleanup_(strbuf_fini) struct strbuf label = {0};

		metrics_label_text(&label, "severity", alert_severity_name(i));
		metrics_count(p, label.text, c.standing[i]);
	}
	metrics_one(p, &queued, c.queued);
	metrics_one(p, &told, c.told);
	metrics_one(p, &lost, c.lost);
}

static void
write_channel(struct metrics_page *p, const struct alerts_channel_counts *c, const char *label)
{
	if (p->family == &channel_up)
		metrics_count(p, label, c->trouble == NULL);
	else if (p->family == &delivered)
		metrics_count(p, label, c->delivered);
	else if (p->family == &failures)
		metrics_count(p, label, c->failed);
	else if (p->family == &channel_queued)
		metrics_count(p, label, c->queued);
	else if (c->last > 0)
		metrics_seconds(p, label, c->last);
}

static void
write_channels(struct metrics_page *p, const struct herald *h)
{
	static const struct metric *const families[] = {
	    &channel_up, &delivered, &failures, &channel_queued, &channel_last};
	const uint32_t n = image_count(&h->image, IMAGE_CHANNELS);

	for (size_t k = 0; n > 0 && k < sizeof(families) / sizeof(*families); k++) {
		metrics_family(p, families[k]);
		for (uint32_t i = 0; i < n; i++) {
			_cleanup_(strbuf_fini) struct strbuf label = {0};
			struct alerts_channel_counts c;

			alerts_count_channel(h->alerts, i, &c);
			metrics_label_text(
			    &label, "channel", image_str(&h->image, h->image.channels[i].name));
			write_channel(p, &c, label.text);
		}
	}
}

/* --- the fleet --- */

GAUGE(fleet_up, "fleet_up", "1: connected to the fleet's server, without trouble.");
GAUGE(fleet_hosts, "fleet_hosts", "Hosts that are known.");
GAUGE(fleet_outbox, "fleet_outbox", "Entries that wait for the server.");
COUNTER(fleet_given, "fleet_given", "Entries appended by this host.");
COUNTER(fleet_lost, "fleet_lost", "Entries of this host dropped, as too many waited.");
COUNTER(fleet_read, "fleet_read", "Entries of other hosts read.");
COUNTER(fleet_forged, "fleet_forged", "Entries not believed: signature or form.");
COUNTER(fleet_unknown, "fleet_unknown", "Entries of a version or kind that is not known here.");
COUNTER(fleet_repeated, "fleet_repeated", "Signed entries that were there before, or came late.");
COUNTER(fleet_emptied, "fleet_emptied", "Times that the server had lost the stream.");
TIME(fleet_last, "fleet_last_reply", "When the server last replied, seconds of the epoch.");
COUNTER(probe_runs, "probe_runs", "Rounds of probing that ended.");
COUNTER(probe_answers, "probe_answers", "Questions to other hosts' ports that were answered.");
GAUGE(probe_gaps, "probe_gaps", "Ports of others that this host reaches and should not.");
GAUGE(probe_disagreements, "probe_disagreements", "Ports where probe and proof disagree.");
GAUGE(probe_cells, "probe_cells", "Rows of the matrix of hosts, ports and vantages.");

static void
write_fleet(struct metrics_page *p, const struct fleet *f)
{
	struct fleet_counts c;

	fleet_count(f, &c);
	metrics_one(p, &fleet_up, c.connected && !c.trouble);
	metrics_one(p, &fleet_hosts, c.hosts);
	metrics_one(p, &fleet_outbox, c.outbox);
	metrics_one(p, &fleet_given, c.given);
	metrics_one(p, &fleet_lost, c.lost);
	metrics_one(p, &fleet_read, c.read);
	metrics_one(p, &fleet_forged, c.forged);
	metrics_one(p, &fleet_unknown, c.unknown);
	metrics_one(p, &fleet_repeated, c.repeated);
	metrics_one(p, &fleet_emptied, c.emptied);
	metrics_family(p, &fleet_last);
	if (c.last > 0)
		metrics_seconds(p, NULL, c.last);
}

static void
write_probes(struct metrics_page *p, const struct probes *probes)
{
	struct probes_counts c;

	probes_count(probes, &c);
	metrics_one(p, &probe_runs, c.rounds);
	metrics_one(p, &probe_answers, c.questions);
	metrics_one(p, &probe_gaps, c.gaps);
	metrics_one(p, &probe_disagreements, c.disagree);
	metrics_one(p, &probe_cells, c.cells);
}

void
metrics_write(struct strbuf *out, enum metrics_format format, const struct herald *h, bool up,
    const struct metrics_own *own, usec_t now)
{
	struct metrics_page p = {.out = out, .format = format};

	write_head(&p, h, up);
	if (h->stats) {
		metrics_sources(&p, h->stats, &h->image, now);
		metrics_filters(&p, h->stats, &h->image);
	}
	if (h->figures)
		metrics_judge(&p, h->figures, up, h->image.fleet != NULL);
	if (h->have_proof)
		metrics_exposure(&p, &h->proof, now);
	if (h->alerts) {
		write_alerts(&p, h->alerts);
		write_channels(&p, h);
	}
	if (h->fleet)
		write_fleet(&p, h->fleet);
	if (h->probes)
		write_probes(&p, h->probes);
	write_own(&p, own);
	metrics_end(&p);
}
