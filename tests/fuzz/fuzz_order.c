/* links: courier */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An order from a herald that was taken over: read in place, never past its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "courier/answer.h"
#include "wire/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "guardd-order 1\n";
	size_t n = sizeof(head) - 1;
	char *text = malloc(n + size + 1);
	struct answer a = {0};
	const char *why;
	struct order o;

	memcpy(text, head, n);
	memcpy(text + n, data, size);
	if (order_read(&o, text, n + size, &why) == 0) {
		if (strlen(o.value[ORDER_URL]) > 4096 || o.n_to > ORDER_TO)
			abort();
		answer_hear(&a, (const char *)data, size);
		answer_set(&a, COURIER_LATER, "%s %s", a.said, o.value[ORDER_URL]);
		answer_clean(&a, &o);
		if (a.words.len > ANSWER_WORDS)
			abort();
		answer_fini(&a);
	}
	free(text);
	return 0;
}
