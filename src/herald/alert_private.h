/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What alerts.c and alert_requests.c share: the parts of struct alerts, a delivery under way per
 * channel. Comes in and goes out there. Bounded by the image's channels.
 */
#pragma once

#include "herald/alert_queue.h"
#include "herald/alert_state.h"
#include "herald/alert_watch.h"
#include "herald/deliver.h"

#define ALERTS_HOST_MAX 128

struct flight {
	struct alerts *alerts;
	struct alert_parcel *parcel; /* NULL: nothing is under way */
	struct deliver_job *job;
	/* of alert_refresh: under way; where its round goes on, 0: it is over; when it began */
	struct deliver_job *refresh;
	unsigned page;
	usec_t refreshed;
};

struct alerts {
	struct herald *herald;
	char host[ALERTS_HOST_MAX];
	struct deliver_env env;
	struct alert_states *states;
	struct alert_queue *queue;
	struct alert_watch *watch;
	uint32_t n; /* channels */
	struct flight *flights;
	bool *failed; /* by channel: its last try was told in the log */
	struct event *soon;
	usec_t looked;      /* at the counters */
	usec_t guardd_gone; /* 0: it is there */
	uint64_t lost_states;
};

const char *alerts_channel_name(const struct alerts *a, uint32_t channel);
