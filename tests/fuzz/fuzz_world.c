/* links: prover */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as a dump: the world reads them or refuses them, and answers questions about addresses
 * without a fault. A set of sources and the answer for one of them must agree.
 */
#include <stdlib.h>
#include <string.h>

#include "prover/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(const struct world *w, const struct addr *a, uint32_t iif)
{
	struct fib_view v = {.family = a->family, .at = iif};
	enum addr_type t = world_fib_type(w, &v, a);
	struct addr_set s = world_source_drop(w, a, iif, 0);

	if (t != ADDR_UNKNOWN && a->bytes[0] != 0xff &&
	    !ranges_has(world_fib_of_type(w, &v, t).must, addr_number(a)))
		abort();
	if (s.may->n < s.must->n && s.may == s.must)
		abort();
	world_route(w, a, iif, 0);
	world_accepts_daddr(w, a, iif);
	world_fib_of_oif(w, &v, iif);
	world_xt_addrtype(w, a->family, 0xbf, iif);
	world_xt_rpfilter(w, a, iif, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct addr asked[] = {{4, {10, 0, 0, 1}}, {4, {127, 0, 0, 1}}, {4, {0}},
	    {6, {0x20, 1, 0xd, 0xb8, [15] = 1}}, {6, {0xfe, 0x80, [15] = 1}}, {6, {0}}};
	struct arena a = {0};
	struct dump d = {0};
	struct world w;
	const char *what = NULL;
	/* Records must lie as in a memfd. */
	void *copy = aligned_alloc(16, (size + 16) / 16 * 16);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (dump_from_bytes(&d, copy, size) == 0 && world_read(&w, &d, &a, &what) == 0)
		for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++)
			ask(&w, &asked[i], w.n_ifaces ? w.ifaces[0].index : 1);
	arena_fini(&a);
	free(copy);
	return 0;
}
