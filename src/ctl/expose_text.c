/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/expose_text.h"

#include <string.h>

#include "ctl/command.h"
#include "ctl/out_text.h"

static const struct {
	const char *name;
	char colour;
	int exit;
} states[] = {
    {"proven", 'g', EXIT_DONE},
    {"latent", 'y', EXIT_DONE},
    {"depends", 'y', EXIT_DEPENDS},
    {"shut out", 'r', EXIT_GAP},
    {"open", 'r', EXIT_GAP},
};
#define N_STATES (sizeof(states) / sizeof(*states))

char
expose_colour(const char *state)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].colour;
	return 'y';
}

int
expose_exit(const char *state)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].exit;
	return EXIT_CANNOT;
}

void
expose_list(struct strbuf *out, json_t *list, int64_t more, size_t shown)
{
	size_t n = json_array_size(list), i;
	const char *separator = "";
	json_t *item;

	json_array_foreach(list, i, item)
	{
		if (i == shown)
			break;
		if (!json_is_string(item))
			continue;
		strbuf_printf(out, "%s%s", separator, json_string_value(item));
		separator = ", ";
	}
	more += (int64_t)(n - i);
	if (n == 0)
		strbuf_puts(out, "none");
	if (more > 0)
		strbuf_printf(out, " (and %lld more)", (long long)more);
}

void
expose_port(struct strbuf *out, json_t *o)
{
	int64_t low = out_int(o, "port"), high = out_int(o, "port_high");

	strbuf_printf(out, "%s/%lld", out_str(o, "proto"), (long long)low);
	if (high > low)
		strbuf_printf(out, "-%lld", (long long)high);
}

void
expose_place(struct strbuf *out, const char *address, int64_t port)
{
	bool brackets = strchr(address, ':') && port > 0;

	strbuf_printf(out, "%s%s%s", brackets ? "[" : "", address, brackets ? "]" : "");
	if (port > 0)
		strbuf_printf(out, ":%lld", (long long)port);
}

void
expose_step(struct strbuf *out, json_t *step)
{
	const char *table = out_str(step, "table"), *chain = out_str(step, "chain");
	const char *comment = out_str(step, "comment"), *unknown = out_str(step, "unknown");

	if (*table)
		strbuf_printf(out, "table %s ", table);
	if (*chain)
		strbuf_printf(out, "chain %s ", chain);
	if (out_int(step, "rule") > 0)
		strbuf_printf(out, "rule %lld ", (long long)out_int(step, "rule"));
	if (out_int(step, "handle") > 0)
		strbuf_printf(out, "(handle %lld) ", (long long)out_int(step, "handle"));
	if (*comment)
		strbuf_printf(out, "\"%s\" ", comment);
	if (*table || *chain) {
		out->text[--out->len] = '\0';
		strbuf_puts(out, ": ");
	}
	strbuf_puts(out, out_str(step, "does"));
	if (*unknown)
		strbuf_printf(out, "; not known: %s", unknown);
}

void
expose_listener(struct strbuf *out, json_t *l)
{
	const char *unit = out_str(l, "unit"), *process = out_str(l, "process");
	const char *container = out_str(l, "container"), *separator = "";

	if (*container) {
		strbuf_printf(out, "container %s", container);
		separator = ", ";
	}
	if (*unit && !*container) {
		strbuf_puts(out, unit);
		separator = ", ";
	}
	if (*process) {
		strbuf_printf(out, "%sprocess %s", separator, process);
		if (out_int(l, "pid") > 0)
			strbuf_printf(out, " (pid %lld)", (long long)out_int(l, "pid"));
		separator = ", ";
	}
	if (*out_str(l, "address"))
		strbuf_printf(out, "%sat %s", separator, out_str(l, "address"));
}

const char *
expose_family(json_t *o)
{
	int64_t family = out_int(o, "family");

	return family == 4 ? "IPv4" : family == 6 ? "IPv6" : "";
}
