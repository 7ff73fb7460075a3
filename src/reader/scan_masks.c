/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

static bool
has_all(void)
{
	return true;
}

#if defined __x86_64__
/* CPUID alone, no system call: a sealed process may ask. The first CPUs with AVX-512 lower their
 * clock for it; those with VBMI do not. */
static bool
has_avx512(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
}

static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool
has_ssse3(void)
{
	return __builtin_cpu_supports("ssse3");
}
#elif defined __aarch64__
/* Part of the architecture. */
static bool
has_neon(void)
{
	return true;
}
#endif

static const struct scan_masks known[] = {
#if defined __x86_64__
    {"avx512", has_avx512, scan_masks_avx512},
    {"avx2", has_avx2, scan_masks_avx2},
    {"ssse3", has_ssse3, scan_masks_ssse3},
#elif defined __aarch64__
    {"neon", has_neon, scan_masks_neon},
#endif
    {"portable", has_all, NULL},
};

const struct scan_masks *
scan_masks_list(size_t *n)
{
	*n = sizeof known / sizeof *known;
	return known;
}

const struct scan_masks *
scan_masks_best(void)
{
	const struct scan_masks *m = known;

	while (!m->usable())
		m++;
	return m;
}
