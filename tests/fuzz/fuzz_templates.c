/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any subject and words in every form: JSON stays JSON, a mail keeps its lines, text stays in its
 * place. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "herald/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_json(enum channel_template t, const struct alert_bundle *b)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	json_t *j;

	template_web(t, b, "ops", &out);
	j = json_loadb(out.text, out.len, 0, NULL);
	if (!j)
		abort();
	if (t == TEMPLATE_JSON && json_object_size(j) != 15)
		abort();
	if (t == TEMPLATE_ALERTMANAGER && json_array_size(j) != 1)
		abort();
	json_decref(j);
}

/* Lines of printable ASCII, of 78 characters at most, and one empty line between head and body. */
static void
check_mail(const struct alert_bundle *b)
{
	static const char *const to[] = {"a@example.net"};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	unsigned headers = 0;

	template_mail(b, "guardd@example.net", to, 1, &out);
	for (char *p = out.text, *end; *p; p = end + 2) {
		end = strstr(p, "\r\n");
		if (!end || end - p > 78)
			abort();
		for (const char *c = p; c < end; c++)
			if (*c < 0x20 || *c > 0x7e)
				abort();
		if (end == p)
			break;
		headers += *p != ' ';
	}
	if (headers != 14)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct alert_event e;
	const struct alert_bundle b = {
	    .id = "0123456789abcdef-1", .host = "web1", .events = &e, .n = 1, .total = 1};
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	e = (struct alert_event){.serial = 1, .kind = ALERT_GAP, .since = 1, .at = 2};
	alert_text_copy(e.subject, sizeof(e.subject), text);
	alert_text_copy(e.words, sizeof(e.words), text + size / 2);
	for (int t = TEMPLATE_JSON; t <= TEMPLATE_ALERTMANAGER; t++)
		check_json((enum channel_template)t, &b);
	check_mail(&b);
	free(text);
	return 0;
}
