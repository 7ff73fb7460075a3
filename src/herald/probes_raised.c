/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "herald/alerts.h"
#include "herald/probes_private.h"
#include "herald/store.h"

static int
find(const struct probe_host *host, const char *subject)
{
	for (uint32_t i = 0; i < host->n_raised; i++)
		if (strcmp(host->raised[i], subject) == 0)
			return (int)i;
	return -1;
}

static bool
add(struct probe_host *host, const char *subject)
{
	char **more;

	if (host->n_raised == TABLE_RAISED)
		return false;
	more = reallocarray(host->raised, host->n_raised + 1, sizeof(*more));
	if (!more)
		return false;
	host->raised = more;
	more[host->n_raised] = strdup(subject);
	if (!more[host->n_raised])
		return false;
	host->n_raised++;
	return true;
}

/* A store that cannot keep it is told by itself; what stands is known in memory. */
static void
keep(struct probes *p, const char *sql, const char *subject, const char *host)
{
	sqlite3_stmt *q = store_statement(p->herald->store, sql);

	if (!q)
		return;
	sqlite3_bind_text(q, 1, subject, -1, SQLITE_STATIC);
	if (host)
		sqlite3_bind_text(q, 2, host, -1, SQLITE_STATIC);
	store_run(p->herald->store, q);
}

int
raised_load(struct probes *p)
{
	int r = store_schema(p->herald->store,
	    "CREATE TABLE IF NOT EXISTS probe_raised (subject TEXT PRIMARY KEY, host TEXT)");
	sqlite3_stmt *q = r < 0 ? NULL
				: store_statement(p->herald->store,
				      "SELECT host, subject FROM probe_raised ORDER BY subject");

	while (q && sqlite3_step(q) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(q, 0);
		const char *subject = (const char *)sqlite3_column_text(q, 1);
		struct probe_host *host = name ? table_host(&p->table, name) : NULL;

		if (host && subject)
			add(host, subject);
	}
	if (q)
		sqlite3_reset(q);
	return r;
}

bool
raised_add(struct probes *p, struct probe_host *host, const char *subject)
{
	if (find(host, subject) >= 0)
		return true;
	if (!add(host, subject))
		return false;
	keep(p, "INSERT OR REPLACE INTO probe_raised (subject, host) VALUES (?, ?)", subject,
	    host->name);
	return true;
}

void
raised_end(struct probes *p, struct probe_host *host, const char *subject, const char *words)
{
	int i = find(host, subject);

	if (i < 0)
		return;
	alerts_end(p->herald->alerts, ALERT_DISAGREE, subject, words);
	keep(p, "DELETE FROM probe_raised WHERE subject = ?", subject, NULL);
	/* subject may be this text itself. */
	free(host->raised[i]);
	host->raised[i] = host->raised[--host->n_raised];
}
