/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "herald/template.h"

#define LINE_QP    73 /* characters of a line before its soft end: 76 with "=XX", RFC 2045 */
#define LINE_MAX   76 /* characters of a header's line, RFC 2047 */
#define WORD_FRAME 12 /* "=?utf-8?B?" and "?=" */

/* Letters, digits, and what RFC 5322 lets stand in an atom; one "@"; nothing quoted. */
bool
template_is_address(const char *text)
{
	const char *at = strchr(text, '@');
	size_t n = strlen(text);

	return at && at > text && at[1] && !strchr(at + 1, '@') && n < 255 && text[0] != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "!#$%&'*+-/=?^_`{|}~.@") == n;
}

/* --- headers --- */

static bool
is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	return true;
}

/* RFC 2047: words of whole characters in base64, a line each; column characters are before it. */
static void
encoded_words(struct strbuf *out, const char *text, size_t column)
{
	size_t n = strlen(text);

	for (size_t at = 0; at < n; column = 1) {
		size_t room = (LINE_MAX - WORD_FRAME - column) / 4 * 3;
		size_t take = n - at < room ? n - at : room;

		while (at + take < n && take > 1 && (text[at + take] & 0xc0) == 0x80)
			take--;
		strbuf_puts(out, at > 0 ? "\r\n =?utf-8?B?" : "=?utf-8?B?");
		base64_add(out, text + at, take);
		strbuf_puts(out, "?=");
		at += take;
	}
}

/* A header whose text may be anything: it cannot end the line that it is on. */
static void
text_header(struct strbuf *out, const char *name, const char *text)
{
	/* "=?" would be taken for an encoded word. */
	bool plain =
	    is_plain(text) && !strstr(text, "=?") && strlen(name) + strlen(text) < LINE_MAX;

	strbuf_printf(out, "%s: ", name);
	if (plain)
		strbuf_puts(out, text);
	else
		encoded_words(out, text, strlen(name) + 2);
	strbuf_puts(out, "\r\n");
}

static void
date_header(struct strbuf *out, usec_t t)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
				 *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
				     "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(t / USEC_PER_SEC);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return;
	strbuf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
	    tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* What may stand behind the "@" of a message's id: this host, as far as it is a name. */
static void
domain(const char *host, char *out, size_t room)
{
	size_t n = 0;

	for (; *host && n + 1 < room; host++)
		out[n++] =
		    strchr(
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.", *host)
			? *host
			: '-';
	out[n] = '\0';
	if (n == 0 || out[0] == '.' || out[n - 1] == '.' || strstr(out, ".."))
		snprintf(out, room, "guardd");
}

/* Mails of one alert are one thread: each refers to its first. */
static void
id_headers(struct strbuf *out, const struct alert_bundle *b)
{
	char host[128];

	domain(b->host, host, sizeof(host));
	strbuf_printf(out, "Message-ID: <%s@%s.guardd>\r\n", b->id, host);
	if (!b->summary && b->events->serial > 1)
		strbuf_printf(out,
		    "In-Reply-To: <%s-1@%s.guardd>\r\nReferences: <%s-1@%s.guardd>\r\n",
		    b->events->episode, host, b->events->episode, host);
}

static void
own_headers(struct strbuf *out, const struct alert_bundle *b)
{
	const struct alert_event *e = b->events;

	strbuf_printf(out, "X-Guardd-Event: %s\r\nX-Guardd-Severity: %s\r\n",
	    b->summary ? "summary" : alert_kind_name(e->kind), alert_severity_name(b->severity));
	if (!b->summary)
		strbuf_printf(out, "X-Guardd-State: %s\r\n", alert_telling_name(e->telling));
	text_header(out, "X-Guardd-Host", b->host);
	if (!b->summary)
		text_header(out, "X-Guardd-Subject", e->subject);
}

/* --- body --- */

static bool
stands_for_itself(const char *p, size_t column)
{
	unsigned char c = (unsigned char)*p;

	if (c == '=' || c > 0x7e)
		return false;
	/* A space at the end of a line, and what mail programs make of "From " and of a lone dot.
	 */
	if (c == ' ')
		return p[1] != '\n' && p[1] != '\0';
	if (column == 0 && (c == '.' || c == 'F'))
		return false;
	return c > 0x20;
}

/* RFC 2045, 6.7. */
static void
quoted_printable(struct strbuf *out, const char *text)
{
	size_t column = 0;

	for (const char *p = text; *p; p++) {
		bool plain = stands_for_itself(p, column);

		if (*p == '\n') {
			strbuf_puts(out, "\r\n");
			column = 0;
			continue;
		}
		if (column >= LINE_QP) {
			strbuf_puts(out, "=\r\n");
			column = 0;
			plain = stands_for_itself(p, column);
		}
		if (plain)
			strbuf_add(out, p, 1);
		else
			strbuf_printf(out, "=%02X", (unsigned char)*p);
		column += plain ? 1 : 3;
	}
	strbuf_puts(out, "\r\n");
}

void
template_mail(const struct alert_bundle *b, const char *from, const char *const *to, unsigned n_to,
    struct strbuf *out)
{
	_cleanup_(strbuf_fini) struct strbuf title = {0}, text = {0}, subject = {0};

	template_title(b, &title);
	template_text(b, &text);
	strbuf_printf(&subject, "[guardd] %s", title.text);
	date_header(out, b->summary ? b->made : b->events->at);
	strbuf_printf(out, "From: guardd <%s>\r\n", from);
	for (unsigned i = 0; i < n_to; i++)
		strbuf_printf(
		    out, "%s%s%s", i == 0 ? "To: " : " ", to[i], i + 1 < n_to ? ",\r\n" : "\r\n");
	id_headers(out, b);
	text_header(out, "Subject", subject.text);
	strbuf_puts(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Transfer-Encoding: quoted-printable\r\n");
	own_headers(out, b);
	strbuf_puts(out, "\r\n");
	quoted_printable(out, text.text);
}
