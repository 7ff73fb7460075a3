/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/records.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int
records_read(int in, int (*fn)(void *ctx, const struct msg *m), void *ctx)
{
	struct msg batch[128];
	size_t have = 0;

	for (;;) {
		ssize_t n = read(in, (char *)batch + have, sizeof(batch) - have);
		size_t whole;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return have == 0 ? 0 : -EPROTO;
		have += (size_t)n;
		whole = have / sizeof(*batch);
		for (size_t i = 0; i < whole; i++) {
			int e = fn(ctx, &batch[i]);

			if (e < 0)
				return e;
		}
		have -= whole * sizeof(*batch);
		memmove(batch, batch + whole, have);
	}
}
