/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "prover/mode.h"
#include "prover/report.h"
#include "wire/fds.h"

static int
run(struct mode *m, struct check *c, const struct check_options *opt)
{
	int r = check_run(c, &m->img, &m->rules, &m->world, &m->arena, opt);

	if (r == -ENOENT)
		return mode_cannot("no expose rule %s", opt->rule);
	return r < 0 ? mode_cannot("check: %s", strerror(-r)) : 0;
}

int
mode_check(struct mode *m)
{
	const struct check_options opt = {.rule = m->opt.word,
	    .explain = m->opt.explain,
	    .suggest = m->opt.suggest,
	    .sockets_hidden = m->sockets_hidden};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	const struct cell *cells;
	struct check c;
	int r = run(m, &c, &opt);

	if (r)
		return r;
	cells = c.cells.items;
	report_head(&out, &c, &m->dump);
	for (size_t i = 0; i < c.cells.n; i++) {
		report_cell(&out, &c, &cells[i], true);
		if (out.len > 64 * 1024)
			mode_write(&out);
	}
	mode_write(&out);
	return check_exit(&c);
}

int
mode_proof(struct mode *m)
{
	const struct check_options opt = {
	    .explain = true, .suggest = true, .sockets_hidden = m->sockets_hidden};
	struct check c;
	int r = run(m, &c, &opt);

	if (r)
		return r;
	r = report_wire(FD_PROOF, &c, &m->dump);
	return r < 0 ? mode_cannot("the proof cannot be written: %s", strerror(-r)) : 0;
}
