/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/metrics.h"

int
metrics_new(struct metrics **out, struct herald *h, int fd)
{
	(void)h;
	(void)fd;
	*out = NULL;
	return 0;
}
void
metrics_free(struct metrics *m)
{
	(void)m;
}
void
metrics_text(const struct herald *h, struct strbuf *out)
{
	(void)h;
	(void)out;
}
const char *
metrics_trouble(const struct metrics *m)
{
	(void)m;
	return NULL;
}
void
metrics_request(struct request *q, char *const *w, unsigned n)
{
	(void)q;
	(void)w;
	(void)n;
}
