/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/fleet.h"

int
fleet_new(struct fleet **out, struct herald *h)
{
	(void)h;
	*out = NULL;
	return 0;
}
void
fleet_free(struct fleet *f)
{
	(void)f;
}
void
fleet_judge_begins(struct fleet *f)
{
	(void)f;
}
void
fleet_on_give(struct fleet *f, const struct msg_fleet *b)
{
	(void)f;
	(void)b;
}
void
fleet_on_given(struct fleet *f)
{
	(void)f;
}
void
fleet_on_lift(struct fleet *f, const struct msg_fleet *b)
{
	(void)f;
	(void)b;
}
void
fleet_on_taken(struct fleet *f, uint32_t id, enum taken_status s)
{
	(void)f;
	(void)id;
	(void)s;
}
void
fleet_on_room(struct fleet *f)
{
	(void)f;
}
void
fleet_on_proof(struct fleet *f)
{
	(void)f;
}
bool
fleet_next_host(const struct fleet *f, const char *n, struct fleet_host *o)
{
	(void)f;
	(void)n;
	(void)o;
	return false;
}
bool
fleet_find_host(const struct fleet *f, const char *n, struct fleet_host *o)
{
	(void)f;
	(void)n;
	(void)o;
	return false;
}
const char *
fleet_own_name(const struct fleet *f)
{
	(void)f;
	return "";
}
void
fleet_say_probe(struct fleet *f, const char *t, const char *j)
{
	(void)f;
	(void)t;
	(void)j;
}
void
fleet_count(const struct fleet *f, struct fleet_counts *out)
{
	(void)f;
	*out = (struct fleet_counts){0};
}
void
fleet_request_hosts(struct request *q, char *const *w, unsigned n)
{
	(void)q;
	(void)w;
	(void)n;
}
void
fleet_request_key(struct request *q, char *const *w, unsigned n)
{
	(void)q;
	(void)w;
	(void)n;
}
