/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/mode.h"
#include "prover/report.h"

static void
put_listener(struct strbuf *out, const struct world *w, const struct listener *l)
{
	const struct iface *f = l->iface ? world_iface(w, l->iface) : NULL;
	const char *container = "";
	char text[ADDR_TEXT_MAX];
	struct addr any = {.family = l->family};
	struct json j;

	for (uint32_t i = 0; l->netns && i < w->n_netns; i++)
		if (w->netns[i].number == l->netns && w->netns[i].name)
			container = w->netns[i].name;
	json_begin(&j, out);
	json_text(&j, "type", "listener");
	json_text(&j, "proto", proto_name(l->proto));
	json_int(&j, "family", l->family);
	json_text(&j, "address", addr_format(l->any ? &any : &l->addr, text));
	json_int(&j, "port", l->port);
	json_bool(&j, "v6only", l->v6only);
	json_text(&j, "interface", f ? f->name : "");
	json_text(&j, "unit", l->unit ? l->unit : "");
	json_text(&j, "process", l->process ? l->process : "");
	json_int(&j, "pid", l->pid);
	json_int(&j, "uid", l->uid);
	json_text(&j, "container", container);
	json_int(&j, "netns", l->netns);
	json_end(&j);
}

int
mode_listeners(struct mode *m)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	for (uint32_t i = 0; i < m->world.n_listeners; i++)
		put_listener(&out, &m->world, &m->world.listeners[i]);
	mode_write(&out);
	return MODE_PROVEN;
}
