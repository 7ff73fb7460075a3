/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alert_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static const char *const tellings[TELLINGS] = {
    [TELL_RAISED] = "raised",
    [TELL_CHANGED] = "changed",
    [TELL_STANDING] = "standing",
    [TELL_ENDED] = "ended",
    [TELL_HAPPENED] = "happened",
    [TELL_TEST] = "test",
};

static const struct kind_row {
	const char *words, *label;
} kinds[ALERT_KINDS] = {
    [ALERT_NONE] = {"alert", "GuarddAlert"},
    [ALERT_GAP] = {"exposure gap", "GuarddExposureGap"},
    [ALERT_SHUT_OUT] = {"host shut out", "GuarddShutOut"},
    [ALERT_NO_PROOF] = {"no proof of exposure", "GuarddNoProof"},
    [ALERT_PREFIX_BAN] = {"network banned", "GuarddPrefixBan"},
    [ALERT_TABLE] = {"table repaired", "GuarddTable"},
    [ALERT_BOOK] = {"book damaged", "GuarddBook"},
    [ALERT_FULL] = {"no room for bans", "GuarddBansFull"},
    [ALERT_REFUSED] = {"the kernel refuses bans", "GuarddKernelRefuses"},
    [ALERT_STORM] = {"storm of bans", "GuarddBanStorm"},
    [ALERT_LOST] = {"source lost", "GuarddSourceLost"},
    [ALERT_BEHIND] = {"source behind", "GuarddSourceBehind"},
    [ALERT_LIMIT] = {"lines not examined", "GuarddNotExamined"},
    [ALERT_ROLE] = {"process restarted", "GuarddRoleRestarted"},
    [ALERT_GUARDD] = {"guardd does not answer", "GuarddGone"},
    [ALERT_FLEET] = {"fleet not reached", "GuarddFleet"},
    [ALERT_FORGED] = {"fleet entries not believed", "GuarddFleetDistrust"},
    [ALERT_DISAGREE] = {"probe and proof disagree", "GuarddProbeDisagrees"},
    [ALERT_CHANNEL] = {"alerts not delivered", "GuarddChannel"},
    [ALERT_TEST] = {"test", "GuarddTest"},
};

const char *
alert_telling_name(unsigned telling)
{
	return telling < TELLINGS ? tellings[telling] : "unknown";
}

const char *
alert_kind_words(unsigned kind)
{
	return kinds[kind < ALERT_KINDS ? kind : ALERT_NONE].words;
}

const char *
alert_kind_label(unsigned kind)
{
	return kinds[kind < ALERT_KINDS ? kind : ALERT_NONE].label;
}

/* Length and code point of the UTF-8 character at p, a NUL behind it; length 0: it is none.
 * RFC 3629. */
static size_t
decode(const unsigned char *p, uint32_t *c)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len == 0 || p[0] > 0xf4)
		return 0;
	*c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	return (len == 3 && (*c < 0x800 || (*c >= 0xd800 && *c <= 0xdfff))) ||
		       (len == 4 && (*c < 0x10000 || *c > 0x10ffff))
		   ? 0
		   : len;
}

/* Control characters, line and paragraph separators. */
static bool
is_space(uint32_t c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029;
}

/* Characters that turn the direction of what follows, or are not seen (Unicode TR 36). */
static bool
is_trick(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x61c || c == 0xfffe ||
	       c == 0xffff || (c >= 0xe0000 && c <= 0xe007f);
}

void
alert_text_copy(char *out, size_t room, const char *in)
{
	const unsigned char *p = (const unsigned char *)(in ? in : "");
	size_t n = 0;

	while (*p) {
		uint32_t c = 0;
		size_t len = decode(p, &c);
		bool replaced = len == 0 || is_trick(c);
		const char *what = replaced ? "\xef\xbf\xbd" : is_space(c) ? " " : (const char *)p;
		size_t put = replaced ? 3 : is_space(c) ? 1 : len;

		if (n + put >= room)
			break;
		memcpy(out + n, what, put);
		n += put;
		p += len > 0 ? len : 1;
	}
	out[n] = '\0';
}

void
alert_episode(char out[static ALERT_EPISODE_MAX], const char *host, unsigned kind,
    const char *subject, usec_t since)
{
	char text[ALERT_SUBJECT_MAX + 400];

	snprintf(text, sizeof(text), "%s\n%u\n%s\n%" PRId64, host, kind, subject, since);
	snprintf(out, ALERT_EPISODE_MAX, "%016" PRIx64, hash_text(text));
}
