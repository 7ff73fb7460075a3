/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/ban_log.h"

#include <errno.h>

#include "base/log.h"
#include "judge/text.h"

static void
tell_rest(struct ban_log_share *l)
{
	if (l->unsaid)
		log_notice("%u more were banned%s; 'guardctl list' has all", l->unsaid, l->whose);
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

static int
share_init(struct ban_log_share *l, struct event_base *base, const char *whose)
{
	*l = (struct ban_log_share){.whose = whose, .second = clock_mono()};
	l->rest = evtimer_new(base, on_rest, l);
	return l->rest ? 0 : -ENOMEM;
}

static void
share_fini(struct ban_log_share *l)
{
	if (!l->rest)
		return;
	tell_rest(l);
	event_free(l->rest);
	l->rest = NULL;
}

int
ban_log_init(struct ban_log *l, struct event_base *base, const struct rules *rules)
{
	int r;

	*l = (struct ban_log){.rules = rules};
	r = share_init(&l->own, base, "");
	return r < 0 ? r : share_init(&l->foreign, base, " by word of other hosts");
}

void
ban_log_fini(struct ban_log *l)
{
	share_fini(&l->own);
	share_fini(&l->foreign);
}

void
ban_log_add(struct ban_log *log, const struct ban *x)
{
	static const struct timeval second = {.tv_sec = 1};
	struct ban_log_share *l = log->rules->slots[x->rule].foreign ? &log->foreign : &log->own;

	if (l->unsaid == 0 && clock_mono() - l->second >= USEC_PER_SEC)
		tell_rest(l);
	if (l->said < BAN_LOG_BURST) {
		l->said++;
		text_log_ban(log->rules, x);
	} else if (l->unsaid++ == 0) {
		evtimer_add(l->rest, &second);
	}
}
