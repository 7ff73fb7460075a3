/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/requests.h"

#include "herald/alerts.h"
#include "herald/fleet.h"
#include "herald/hands.h"
#include "herald/link.h"
#include "herald/metrics.h"
#include "herald/probes.h"
#include "herald/store.h"

static void
answer(struct request *q, struct strbuf *line)
{
	request_write(q, line);
	request_done(q, REQUEST_DONE, NULL);
}

static void
add_alerts(struct json *j, const struct herald *h)
{
	struct alerts_counts c;

	alerts_count(h->alerts, &c);
	json_object_begin(j, "alerts");
	json_object_begin(j, "standing");
	for (unsigned s = 0; s < SEVERITIES; s++)
		json_int(j, alert_severity_name(s), c.standing[s]);
	json_object_end(j);
	json_int(j, "queued", c.queued);
	json_int(j, "told", (int64_t)c.told);
	json_int(j, "lost", (int64_t)c.lost);
	json_object_end(j);
}

static void
add_fleet(struct json *j, const struct herald *h)
{
	struct fleet_counts c;

	if (!h->fleet)
		return json_text(j, "fleet", NULL);
	fleet_count(h->fleet, &c);
	json_object_begin(j, "fleet");
	json_text(j, "host", fleet_own_name(h->fleet));
	json_bool(j, "connected", c.connected);
	json_text(j, "trouble", c.trouble);
	json_int(j, "hosts", c.hosts);
	json_int(j, "outbox", c.outbox);
	json_int(j, "given", (int64_t)c.given);
	json_int(j, "read", (int64_t)c.read);
	json_object_end(j);
}

static void
start_status(struct request *q, char *const *words, unsigned n)
{
	const struct herald *h = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	usec_t away = link_down_since(h->link);
	struct json j;

	(void)words;
	(void)n;
	json_begin(&j, &line);
	json_text(&j, "version", GUARDD_VERSION);
	json_int(&j, "pid", getpid());
	json_int(&j, "started", h->started);
	json_bool(&j, "connected", away == 0);
	json_int(&j, "away_since", away);
	json_bool(&j, "configured", h->image.head != NULL);
	json_text(&j, "store_trouble", store_trouble(h->store));
	if (h->image.head) {
		json_int(&j, "config_made", h->config);
		json_int(&j, "channels", image_count(&h->image, IMAGE_CHANNELS));
		json_text(&j, "metrics_trouble", metrics_trouble(h->metrics));
		add_alerts(&j, h);
		add_fleet(&j, h);
	}
	json_end(&j);
	answer(q, &line);
}

/* --- requests of the parts, which are there once guardd was met --- */

static bool
has_parts(struct request *q)
{
	const struct herald *h = request_context(q);

	if (h->image.head && !hands_are_resting(h->hands))
		return true;
	/* guardctl knows these words by their beginning, and asks again for a while. */
	request_done(q, REQUEST_FAILED, "guardd-herald has no configuration from guardd yet: %s",
	    h->image.head
		? "it ends, or starts again with a new one"
		: "it has just started, or guardd does not run (or herald_user is another "
		  "user)");
	return false;
}

static bool
has_fleet(struct request *q)
{
	const struct herald *h = request_context(q);

	if (!has_parts(q))
		return false;
	if (h->fleet)
		return true;
	if (h->image.fleet)
		request_done(q, REQUEST_FAILED, "the fleet could not be started: see the log");
	else
		request_done(q, REQUEST_FAILED, "no fleet is configured (fleet: in guardd.yaml)");
	return false;
}

#define PART(name, condition, fn)                                                                  \
	static void name(struct request *q, char *const *words, unsigned n)                        \
	{                                                                                          \
		if (condition(q))                                                                  \
			fn(q, words, n);                                                           \
	}

PART(start_alerts, has_parts, alerts_request_list)
PART(start_channels, has_parts, alerts_request_channels)
PART(start_test, has_parts, alerts_request_test)
PART(start_metrics, has_parts, metrics_request)
PART(start_fleet, has_fleet, fleet_request_hosts)
PART(start_key, has_fleet, fleet_request_key)
PART(start_exposure, has_fleet, probes_request_matrix)

const struct command requests_table[] = {
    {"status", "", RIGHT_READ, 0, 0, start_status},
    {"version", "", RIGHT_READ, 0, 0, request_version},
    {"alerts", "", RIGHT_READ, 0, 0, start_alerts},
    {"channels", "", RIGHT_READ, 0, 0, start_channels},
    {"alert-test", "CHANNEL", RIGHT_WRITE, 1, 1, start_test},
    {"metrics", "", RIGHT_READ, 0, 0, start_metrics},
    {"fleet", "", RIGHT_READ, 0, 0, start_fleet},
    {"fleet-key", "", RIGHT_READ, 0, 0, start_key},
    {"fleet-exposure", "[HOST]", RIGHT_READ, 0, 1, start_exposure},
    {0},
};
