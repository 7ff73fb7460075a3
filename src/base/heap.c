/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/heap.h"

#include <malloc.h>

void
heap_settle(void)
{
	/* To set one of them ends glibc's own raising of both. */
	mallopt(M_MMAP_THRESHOLD, HEAP_LARGE);
	mallopt(M_TRIM_THRESHOLD, HEAP_LARGE);
}
