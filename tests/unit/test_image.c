/* links: wire */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What image_open refuses of what the herald and the judge take from the image.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image_build.h"
#include "wire/alert.h"

/* An image with one channel of each kind, a fleet, a trust and a foreign rule. */
static struct image_build *
whole_image(void)
{
	static const char *const one[] = {"/bin/true", NULL}, *const all[] = {"*", NULL};
	struct image_build *b = image_build_new();
	struct image_channel c = {.kind = CHANNEL_JOURNAL, .per_hour = 1, .timeout_s = 1};
	struct image_trust trust = {.hosts = image_build_list(b, all),
	    .at_most = 1,
	    .per_minute = 1,
	    .len4 = 24,
	    .len6 = 48};
	struct image_fleet fleet = {.port = 1, .bans_max = 1, .keep = 1, .report = 1};
	uint32_t rule = image_build_rule(b, &(struct build_rule){.name = "fleet/ssh"});

	((struct image_rule *)image_build_at(b, IMAGE_RULES, rule))->foreign = 1;
	c.name = image_build_str(b, "name");
	image_build_add(b, IMAGE_CHANNELS, &c);
	c.kind = CHANNEL_MAIL;
	c.server = c.from = c.name;
	c.port = 25;
	c.to = image_build_list(b, all);
	image_build_add(b, IMAGE_CHANNELS, &c);
	c.kind = CHANNEL_WEBHOOK;
	c.url = c.name;
	image_build_add(b, IMAGE_CHANNELS, &c);
	c.kind = CHANNEL_PROGRAM;
	c.argv = image_build_list(b, one);
	image_build_add(b, IMAGE_CHANNELS, &c);
	fleet.host = fleet.server = fleet.stream = c.name;
	fleet.trusts = (struct span){image_build_add(b, IMAGE_TRUSTS, &trust), 1};
	image_build_add(b, IMAGE_FLEETS, &fleet);
	return b;
}

/* What is set to break the image: n bytes of a number, in a member of an item. */
struct harm {
	enum image_section section;
	uint32_t item;
	size_t at, size;
	uint64_t value;
};

#define HARM(s, item, type, member, value)                                                         \
	{                                                                                          \
		s, item, offsetof(struct type, member), sizeof(((struct type *)0)->member), value  \
	}
#define CHANNEL(item, member, value) HARM(IMAGE_CHANNELS, item, image_channel, member, value)
#define FLEET(member, value)         HARM(IMAGE_FLEETS, 0, image_fleet, member, value)
#define TRUST(member, value)         HARM(IMAGE_TRUSTS, 0, image_trust, member, value)
#define SETTINGS(member, value)      HARM(IMAGE_SETTINGS, 0, image_settings, member, value)
#define RULE(member, value)          HARM(IMAGE_RULES, 0, image_rule, member, value)
#define NAME                         1 /* offset of the first text, which is no path */

static const struct harm harms[] = {
    CHANNEL(0, name, 0),
    CHANNEL(0, name, 1u << 30),
    CHANNEL(0, kind, 0),
    CHANNEL(0, kind, CHANNEL_PROGRAM + 1),
    CHANNEL(0, severity, SEVERITIES),
    CHANNEL(0, template, TEMPLATE_ALERTMANAGER + 1),
    CHANNEL(0, tls, CHANNEL_TLS_FIRST + 1),
    CHANNEL(0, per_hour, 0),
    CHANNEL(0, timeout_s, 0),
    CHANNEL(1, server, 0),
    CHANNEL(1, port, 0),
    CHANNEL(1, port, 65536),
    CHANNEL(1, from, 0),
    CHANNEL(1, to.n, 0),
    CHANNEL(1, to.first, 1u << 20),
    CHANNEL(1, password_file, NAME),
    CHANNEL(2, url, 0),
    CHANNEL(2, url_file, NAME),
    CHANNEL(2, token_file, NAME),
    CHANNEL(2, ca_file, NAME),
    CHANNEL(3, argv.n, 0),
    CHANNEL(3, argv.first, 0), /* "*" */
    FLEET(host, 0),
    FLEET(server, 0),
    FLEET(stream, 0),
    FLEET(port, 0),
    FLEET(tls, 2),
    FLEET(share_all, 2),
    FLEET(bans_max, 0),
    FLEET(keep, 0),
    FLEET(report, 0),
    FLEET(probe_every, UINT64_MAX),
    FLEET(probe_every, 1), /* without connections a second */
    FLEET(sign_file, NAME),
    FLEET(trusts.n, 2),
    TRUST(hosts.n, 0),
    TRUST(at_most, 0),
    TRUST(per_minute, 0),
    TRUST(len4, 33),
    TRUST(len6, 129),
    SETTINGS(alerts_repeat, UINT64_MAX),
    SETTINGS(metrics_file, NAME),
    RULE(foreign, 0),
    RULE(foreign, 2),
    RULE(name, NAME),
};

static void
test_image_with_broken_values_is_refused(void **state)
{
	struct image img;

	(void)state;
	for (size_t i = 0; i < sizeof(harms) / sizeof(*harms); i++) {
		const struct harm *h = &harms[i];
		struct image_build *b = whole_image();
		int fd = image_build_fd(b);

		assert_int_equal(image_open(&img, fd), 0);
		image_close(&img);
		close(fd);
		memcpy((char *)image_build_at(b, h->section, h->item) + h->at, &h->value, h->size);
		fd = image_build_fd(b);
		if (image_open(&img, fd) != -EINVAL)
			fail_msg("harm %zu is taken", i);
		close(fd);
		image_build_free(b);
	}
}

static void
test_image_with_too_much_is_refused(void **state)
{
	static const struct {
		enum image_section section;
		uint32_t n;
	} most[] = {{IMAGE_CHANNELS, IMAGE_CHANNELS_MAX}, {IMAGE_FLEETS, 1},
	    {IMAGE_TRUSTS, IMAGE_TRUSTS_MAX}};
	char name[IMAGE_HOST_MAX + 2];
	struct image_build *b;
	struct image img;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
		for (uint32_t more = 0; more < 2; more++) {
			char item[256];
			uint32_t size = image_item_size(most[i].section);

			b = whole_image();
			assert_true(size <= sizeof(item));
			memcpy(item, image_build_at(b, most[i].section, 0), size);
			while (image_build_count(b, most[i].section) < most[i].n + more)
				image_build_add(b, most[i].section, item);
			fd = image_build_fd(b);
			assert_int_equal(image_open(&img, fd), more ? -EINVAL : 0);
			image_close(&img);
			close(fd);
			image_build_free(b);
		}
	}
	for (size_t more = 0; more < 2; more++) {
		b = whole_image();
		memset(name, 'a', sizeof(name));
		name[IMAGE_HOST_MAX + more] = '\0';
		((struct image_fleet *)image_build_at(b, IMAGE_FLEETS, 0))->host =
		    image_build_str(b, name);
		fd = image_build_fd(b);
		assert_int_equal(image_open(&img, fd), more ? -EINVAL : 0);
		image_close(&img);
		close(fd);
		image_build_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_image_with_broken_values_is_refused),
	    cmocka_unit_test(test_image_with_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
