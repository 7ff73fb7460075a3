/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alerts.h"

int
alerts_new(struct alerts **out, struct herald *h)
{
	(void)h;
	*out = NULL;
	return 0;
}
void
alerts_free(struct alerts *a)
{
	(void)a;
}
void
alerts_raise(struct alerts *a, const struct alert_note *n)
{
	(void)a;
	(void)n;
}
void
alerts_end(struct alerts *a, enum alert_kind k, const char *s, const char *w)
{
	(void)a;
	(void)k;
	(void)s;
	(void)w;
}
void
alerts_moment(struct alerts *a, const struct alert_note *n)
{
	(void)a;
	(void)n;
}
void
alerts_judge_begins(struct alerts *a)
{
	(void)a;
}
void
alerts_judge_said_all(struct alerts *a)
{
	(void)a;
}
void
alerts_judge_gone(struct alerts *a, usec_t since)
{
	(void)a;
	(void)since;
}
void
alerts_count(const struct alerts *a, struct alerts_counts *out)
{
	(void)a;
	*out = (struct alerts_counts){0};
}
void
alerts_count_channel(const struct alerts *a, uint32_t c, struct alerts_channel_counts *out)
{
	(void)a;
	(void)c;
	*out = (struct alerts_channel_counts){0};
}
void
alerts_request_list(struct request *q, char *const *w, unsigned n)
{
	(void)q;
	(void)w;
	(void)n;
}
void
alerts_request_channels(struct request *q, char *const *w, unsigned n)
{
	(void)q;
	(void)w;
	(void)n;
}
void
alerts_request_test(struct request *q, char *const *w, unsigned n)
{
	(void)q;
	(void)w;
	(void)n;
}
