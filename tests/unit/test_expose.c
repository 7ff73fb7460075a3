/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Expose rules and the settings beside them: what the image says of them.
 */
#include "conf_world.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/strbuf.h"
#include "conf/port.h"

static const char groups_text[] =
    "groups:\n"
    "  infra:\n"
    "    - {name: pica01, addresses: [192.0.2.11, '2001:db8::11']}\n"
    "    - {name: pica02, addresses: [192.0.2.12, 192.0.2.13]}\n"
    "    - {name: pica03, addresses: [192.0.2.14, '2001:db8:3::/64']}\n"
    "    - {name: office-net, addresses: [203.0.113.0/26]}\n"
    "    - 198.51.100.0/24\n"
    "    - 198.51.100.7\n"
    "    - dns.example.net\n"
    "  lan: ['2001:db8:1::/48']\n";

static const struct image_expose *
find(const struct image *img, const char *name)
{
	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++)
		if (!strcmp(image_str(img, img->exposes[i].name), name))
			return &img->exposes[i];
	fail_msg("no rule %s", name);
	return NULL;
}

static void
test_image_has_what_the_rule_says(void **state)
{
	const struct image_expose *x;
	const struct image_port *p;
	char text[ADDR_TEXT_MAX];
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, "etc/guardd.yaml", groups_text);
	put(&w, "share/rules/a.yaml",
	    "# a head\nexpose: a\nports: [udp/514, tcp/391, tcp/389-390, sctp/7]\n"
	    "only: [lan, 203.0.113.5]\naddress: '::ffff:192.0.2.1'\ninterface: eth0\n"
	    "inside: ['docker*', br0]\nplaintext: [tcp/390, udp/514]\nlisteners: required\n"
	    "containers: no\n");
	put(&w, "share/rules/b.yaml", "expose: b\nlisteners: unnamed\nonly: infra\n");
	load_fine(&w);
	image_of(&w, &img);
	x = find(&img, "a");
	assert_int_equal(x->ports.n, 3);
	p = img.ports + x->ports.first;
	assert_int_equal(p[0].proto, IPPROTO_TCP);
	assert_int_equal(p[0].low, 389);
	assert_int_equal(p[0].high, 391);
	assert_int_equal(p[1].proto, IPPROTO_UDP);
	assert_int_equal(p[2].proto, IPPROTO_SCTP);
	assert_int_equal(x->plaintext.n, 2);
	assert_int_equal(img.ports[x->plaintext.first].low, 390);
	assert_int_equal(x->allowed.n, 2);
	assert_string_equal(
	    prefix_format(&img.prefixes[x->allowed.first].prefix, text), "2001:db8:1::/48");
	assert_string_equal(
	    prefix_format(&img.prefixes[x->allowed.first + 1].prefix, text), "203.0.113.5");
	assert_string_equal(image_list(&img, x->groups, 0), "lan");
	assert_string_equal(image_list(&img, x->groups, 1), "203.0.113.5");
	assert_string_equal(image_list(&img, x->inside, 0), "docker*");
	assert_int_equal(x->inside.n, 2);
	assert_int_equal(x->hosts.n, 0);
	assert_string_equal(addr_format(&x->address, text), "192.0.2.1");
	assert_string_equal(image_str(&img, x->interface), "eth0");
	assert_int_equal(x->listeners, EXPOSE_REQUIRED);
	assert_int_equal(x->containers, 0);
	assert_int_equal(x->line, 2);
	assert_non_null(strstr(image_str(&img, x->file), "share/rules/a.yaml"));
	x = find(&img, "b");
	assert_int_equal(x->ports.n, 0);
	assert_int_equal(x->listeners, EXPOSE_UNNAMED);
	assert_int_equal(x->containers, 1);
	assert_int_equal(x->address.family, 0);
	assert_int_equal(img.settings->no_infra, 0);
	assert_int_equal(image_count(&img, IMAGE_RULES), 2);
	image_close(&img);
	world_close(&w);
}

static void
test_named_hosts_are_counted_in_both_families(void **state)
{
	static const struct {
		const char *name;
		uint32_t n4, n6;
	} want[] = {
	    {"pica01", 1, 1}, {"pica02", 2, 0}, {"pica03", 1, 1}, {"dns.example.net", 1, 1}};
	const struct image_expose *a, *b;
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, "etc/guardd.yaml", groups_text);
	put(&w, "share/rules/a.yaml", "expose: a\nports: tcp/1\nonly: [infra, lan]\n");
	put(&w, "share/rules/b.yaml", "expose: b\nports: tcp/2\nonly: [infra, lan]\n");
	load_fine(&w);
	image_of(&w, &img);
	a = find(&img, "a");
	b = find(&img, "b");
	assert_int_equal(a->hosts.n, 4);
	for (uint32_t i = 0; i < 4; i++) {
		const struct image_host *h = &img.hosts[a->hosts.first + i];

		assert_string_equal(image_str(&img, h->name), want[i].name);
		assert_string_equal(image_str(&img, h->group), "infra");
		assert_int_equal(h->n4, want[i].n4);
		assert_int_equal(h->n6, want[i].n6);
	}
	/* Large groups are in the image once, not once for each rule. */
	assert_memory_equal(&a->allowed, &b->allowed, sizeof(a->allowed));
	assert_memory_equal(&a->hosts, &b->hosts, sizeof(a->hosts));
	assert_int_equal(image_count(&img, IMAGE_HOSTS), 4);
	image_close(&img);
	world_close(&w);
}

/* Shipped rules name the group infra on machines that have none: nobody but the host itself. */
static void
test_without_infra_nobody_else_may(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	w.shipped = ".";
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.settings->no_infra, 1);
	assert_int_equal(find(&img, "ldap")->allowed.n, 0);
	assert_int_equal(find(&img, "ldap")->ports.n, 2);
	assert_int_equal(find(&img, "logs")->plaintext.n, 2);
	assert_int_equal(find(&img, "databases")->containers, 1);
	for (uint32_t i = 0; i < image_count(&img, IMAGE_EXPOSES); i++)
		assert_string_not_equal(image_str(&img, img.exposes[i].name), "guarded-host");
	image_close(&img);
	world_close(&w);
}

static void
test_infra_is_asked_for_only_where_a_rule_names_it(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, "share/rules/a.yaml", "expose: a\nports: tcp/1\nonly: 192.0.2.1\n");
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.settings->no_infra, 0);
	image_close(&img);
	world_close(&w);
}

/* A resolver that is not there yet must not keep a machine unguarded at boot. */
static void
test_name_that_does_not_resolve_is_left_out(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, "etc/guardd.yaml",
	    "groups: {infra: [gone.example.net]}\nexposure: {peers: [gone.example.net]}\n");
	put(&w, "share/rules/a.yaml", "expose: a\nports: tcp/1\nonly: infra\n");
	load_fine(&w);
	assert_int_equal(w.config.diag.warnings, 1);
	image_of(&w, &img);
	assert_int_equal(find(&img, "a")->allowed.n, 0);
	assert_int_equal(find(&img, "a")->hosts.n, 0);
	assert_int_equal(img.settings->no_infra, 0);
	assert_int_equal(img.settings->peers.n, 0);
	image_close(&img);
	world_close(&w);
}

static void
test_peers_are_single_hosts(void **state)
{
	static const char *const want[] = {"2001:db8::7", "192.0.2.12", "192.0.2.13", "192.0.2.11",
	    "2001:db8::11", "192.0.2.14", "198.51.100.7", "192.0.2.53", "2001:db8::53"};
	char text[ADDR_TEXT_MAX];
	struct image img;
	struct strbuf main_text = {0};
	struct world w;

	(void)state;
	world_open(&w);
	strbuf_puts(&main_text, groups_text);
	strbuf_puts(
	    &main_text, "exposure:\n  repeat: 0s\n  peers: ['2001:db8::7', pica02, infra]\n");
	put(&w, "etc/guardd.yaml", main_text.text);
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.settings->expose_repeat, 0);
	assert_int_equal(img.settings->peers.n, sizeof(want) / sizeof(*want));
	for (uint32_t i = 0; i < img.settings->peers.n; i++)
		assert_string_equal(
		    prefix_format(&img.prefixes[img.settings->peers.first + i].prefix, text),
		    want[i]);
	assert_string_equal(
	    image_str(&img, img.prefixes[img.settings->peers.first + 1].name), "pica02");
	image_close(&img);
	strbuf_fini(&main_text);
	world_close(&w);
}

static void
test_repeat_has_a_default(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.settings->expose_repeat, 6 * 3600 * USEC_PER_SEC);
	image_close(&img);
	world_close(&w);
}

static void
test_local_file_replaces_and_switches_off(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_open(&w);
	w.shipped = ".";
	put(&w, "etc/rules.d/ldap.yaml", "expose: ldap\nports: tcp/1389\nonly: 192.0.2.1\n");
	put(&w, "etc/rules.d/logs.yaml", "expose: logs\nenabled: no\n");
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.ports[find(&img, "ldap")->ports.first].low, 1389);
	for (uint32_t i = 0; i < image_count(&img, IMAGE_EXPOSES); i++)
		assert_string_not_equal(image_str(&img, img.exposes[i].name), "logs");
	image_close(&img);
	world_close(&w);
}

/* The judge and the prover use these without a check. */
static void
test_image_with_broken_rules_is_refused(void **state)
{
	static const struct {
		enum image_section section;
		size_t at;
		uint8_t value;
	} breaks[] = {
	    {IMAGE_EXPOSES, offsetof(struct image_expose, listeners), 3},
	    {IMAGE_EXPOSES, offsetof(struct image_expose, containers), 2},
	    {IMAGE_EXPOSES, offsetof(struct image_expose, address.family), 5},
	    {IMAGE_EXPOSES, offsetof(struct image_expose, ports.n), 0},
	    {IMAGE_EXPOSES, offsetof(struct image_expose, ports.n), 200},
	    {IMAGE_EXPOSES, offsetof(struct image_expose, hosts.n), 200},
	    {IMAGE_PORTS, offsetof(struct image_port, proto), 0},
	    {IMAGE_PORTS, offsetof(struct image_port, high), 1},
	    {IMAGE_SETTINGS, offsetof(struct image_settings, no_infra), 2},
	    {IMAGE_SETTINGS, offsetof(struct image_settings, peers.n), 1},
	};
	_cleanup_(writer_freep) struct writer *writer = writer_new();
	_cleanup_(closep) int fd = memfd_create("image", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	static const struct hash_key key = {1, 2};
	char bytes[65536];
	struct image img;
	struct world w;
	ssize_t size;

	(void)state;
	world_open(&w);
	put(&w, "share/rules/a.yaml", "expose: a\nports: tcp/2-3\nonly: 192.0.2.0/24\n");
	load_fine(&w);
	emit_config(writer, &w.config, &key);
	assert_int_equal(writer_finish(writer, fd, NOW), 0);
	size = pread(fd, bytes, sizeof(bytes), 0);
	assert_true(size > 0 && size < (ssize_t)sizeof(bytes));
	for (size_t i = 0; i < sizeof(breaks) / sizeof(*breaks) + 1; i++) {
		_cleanup_(closep) int copy = memfd_create("copy", MFD_CLOEXEC);
		bool whole = i == sizeof(breaks) / sizeof(*breaks);
		const struct image_header *h = (const void *)bytes;

		assert_int_equal(write(copy, bytes, (size_t)size), size);
		if (!whole)
			assert_int_equal(
			    pwrite(copy, &breaks[i].value, 1,
				h->sections[breaks[i].section].offset + (off_t)breaks[i].at),
			    1);
		assert_int_equal(image_open(&img, copy), whole ? 0 : -EINVAL);
		image_close(&img);
	}
	world_close(&w);
}

static void
test_ports(void **state)
{
	static const char *const bad[] = {"", "25", "tcp", "tcp/", "tcp/0", "tcp/65536", "tcp/1-",
	    "tcp/2-1", "tcp/-1", "icmp/1", "sctp/", "TCP/1", "tcp/1 ", "tcp/1-2-3"};
	struct image_port p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(port_parse(bad[i], &p));
	assert_true(port_parse("sctp/1-65535", &p));
	assert_int_equal(p.proto, IPPROTO_SCTP);
	assert_int_equal(p.low, 1);
	assert_int_equal(p.high, 65535);
	assert_true(port_parse("udp/514", &p));
	assert_int_equal(p.proto, IPPROTO_UDP);
	assert_int_equal(p.high, 514);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_image_has_what_the_rule_says),
	    cmocka_unit_test(test_named_hosts_are_counted_in_both_families),
	    cmocka_unit_test(test_without_infra_nobody_else_may),
	    cmocka_unit_test(test_infra_is_asked_for_only_where_a_rule_names_it),
	    cmocka_unit_test(test_name_that_does_not_resolve_is_left_out),
	    cmocka_unit_test(test_peers_are_single_hosts),
	    cmocka_unit_test(test_repeat_has_a_default),
	    cmocka_unit_test(test_local_file_replaces_and_switches_off),
	    cmocka_unit_test(test_image_with_broken_rules_is_refused),
	    cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
