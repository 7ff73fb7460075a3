/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

/* sd_journal_sendv without the place in this file that its macro would add. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "herald/deliver.h"
#include "herald/template.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX     16
/* One id a kind: this and its number in two hex digits (docs/alerts.md lists them). */
#define MESSAGE_ID "6e1b5d0f3c8a4b7f9d2e7c41a0f583"

struct fields {
	struct iovec list[FIELDS_MAX];
	int n;
};

static void
fields_fini(struct fields *f)
{
	for (int i = 0; i < f->n; i++)
		free(f->list[i].iov_base);
}

static void add(struct fields *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add(struct fields *f, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = f->n < FIELDS_MAX ? vasprintf(&text, fmt, ap) : -1;
	va_end(ap);
	if (n >= 0)
		f->list[f->n++] = (struct iovec){text, (size_t)n};
}

static int
priority(const struct alert_event *e)
{
	static const int priorities[SEVERITIES] = {LOG_INFO, LOG_WARNING, LOG_ALERT};

	return e->telling == TELL_ENDED ? LOG_NOTICE : priorities[e->severity % SEVERITIES];
}

static int
send_event(const struct alert_bundle *b, const struct alert_event *e)
{
	const struct alert_bundle alone = {.host = b->host, .events = e, .n = 1};
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	_cleanup_(fields_fini) struct fields f = {0};
	char since[40], told[40];

	template_title(&alone, &line);
	strbuf_puts(&line, ": ");
	template_event_line(e, &line);
	add(&f, "MESSAGE=%s", line.text);
	add(&f, "PRIORITY=%d", priority(e));
	add(&f, "MESSAGE_ID=" MESSAGE_ID "%02x", e->kind);
	add(&f, "SYSLOG_IDENTIFIER=guardd-herald");
	add(&f, "GUARDD_EVENT=%s", alert_kind_name(e->kind));
	add(&f, "GUARDD_SUBJECT=%s", e->subject);
	add(&f, "GUARDD_SEVERITY=%s", alert_severity_name(e->severity));
	add(&f, "GUARDD_STATE=%s", alert_telling_name(e->telling));
	add(&f, "GUARDD_WORDS=%s", e->words);
	add(&f, "GUARDD_SINCE=%s", clock_format(e->since, 0, since));
	add(&f, "GUARDD_TOLD=%s", clock_format(e->at, 0, told));
	add(&f, "GUARDD_EPISODE=%s", e->episode);
	add(&f, "GUARDD_ID=%s-%u", e->episode, e->serial);
	add(&f, "GUARDD_TIMES=%u", e->times);
	return sd_journal_sendv(f.list, f.n);
}

/* Each message of a summary by itself: nobody is woken by the journal. */
int
deliver_journal(const struct alert_bundle *b)
{
	/* The library says nothing when there is none. */
	if (access(JOURNAL_SOCKET, F_OK) < 0)
		return -ENOENT;
	for (unsigned i = 0; i < b->n; i++) {
		int r = send_event(b, &b->events[i]);

		if (r < 0)
			return r;
	}
	return 0;
}
