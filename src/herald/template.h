/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a bundle of alerts looks like to each kind of receiver. Comes in: events whose text may be
 * hostile (paths, names of hosts, words of servers), clean UTF-8 in one line. Goes out: a body in
 * which that text is text and nothing else: no markup, no mention, no header, no other member of an
 * object. Bounded: QUEUE_SHOWN events, each of ALERT_WORDS_MAX.
 */
#pragma once

#include "base/json_write.h"
#include "herald/alert_event.h"
#include "wire/image.h"

/* "web1: exposure gap: ldap tcp/389 IPv6 (critical)", "web1: ended: ...", "web1: 12 alerts ...". */
void template_title(const struct alert_bundle *b, struct strbuf *out);
/* Behind the title: what it is, since when; several lines. */
void template_text(const struct alert_bundle *b, struct strbuf *out);
/* One line of an event's telling: "ended after 3h: WORDS". */
void template_event_line(const struct alert_event *e, struct strbuf *out);

/* The body of a webhook. topic: of ntfy, else NULL. */
void template_web(
    enum channel_template t, const struct alert_bundle *b, const char *topic, struct strbuf *out);
/* The object that programs and plain webhooks get (docs/alerts.md). */
void template_json(const struct alert_bundle *b, struct strbuf *out);
/* RFC 5322 with CRLF. from and to are plain addresses that template_is_address holds good. */
void template_mail(const struct alert_bundle *b, const char *from, const char *const *to,
    unsigned n_to, struct strbuf *out);
bool template_is_address(const char *text);
