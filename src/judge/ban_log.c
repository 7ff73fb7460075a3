/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/ban_log.h"

#include <errno.h>

#include "base/log.h"
#include "judge/text.h"

static void
tell_rest(struct ban_log *l)
{
	if (l->unsaid)
		log_notice("%u more were banned; 'guardctl list' has all", l->unsaid);
	l->said = l->unsaid = 0;
	l->second = clock_mono();
}

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_rest(arg);
}

int
ban_log_init(struct ban_log *l, struct event_base *base, const struct rules *rules)
{
	*l = (struct ban_log){.rules = rules, .second = clock_mono()};
	l->rest = evtimer_new(base, on_rest, l);
	return l->rest ? 0 : -ENOMEM;
}

void
ban_log_fini(struct ban_log *l)
{
	if (!l->rest)
		return;
	tell_rest(l);
	event_free(l->rest);
	l->rest = NULL;
}

void
ban_log_add(struct ban_log *l, const struct ban *x)
{
	static const struct timeval second = {.tv_sec = 1};

	if (l->unsaid == 0 && clock_mono() - l->second >= USEC_PER_SEC)
		tell_rest(l);
	if (l->said < BAN_LOG_BURST) {
		l->said++;
		text_log_ban(l->rules, x);
	} else if (l->unsaid++ == 0) {
		evtimer_add(l->rest, &second);
	}
}
