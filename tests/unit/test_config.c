/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a directory of files to the image: what stands in it, that it is sealed, and that the
 * printed configuration reads back into an equal one.
 */
#include "conf_world.h"

#include <errno.h>

#include "base/strbuf.h"
#include "conf/example.h"
#include "conf/print.h"
#include "wire/msg.h"

static const char main_text[] = "groups:\n"
				"  infra:\n"
				"    - {name: pica01, addresses: [192.0.2.11, '2001:db8::11']}\n"
				"    - 198.51.100.0/24\n"
				"    - dns.example.net\n"
				"  lan: ['2001:db8:1::/48']\n"
				"never_ban: [infra, 203.0.113.5]\n"
				"proxies: [lan]\n"
				"early: yes\n"
				"history: 30d\n"
				"control_group: adm\n"
				"tallies_max: 5000\n"
				"bans_max: 7000\n"
				"exposure: {repeat: 90m, peers: [pica01]}\n"
				"zone: UTC\n";

static const char filter_text[] =
    "# odd on purpose\n"
    "filter: demo\n"
    "about: 'a demo: with \"odd\" ''text'''\n"
    "sources:\n"
    "  - journal: [demo, demo.socket]\n"
    "  - journal: {identifier: [demo], facility: [auth, local3], directory: /var/log/journal}\n"
    "  - file: [/var/log/demo.log, '/var/log/demo/*.log']\n"
    "    zone: Europe/Paris\n"
    "  - docker: {name: ['*demo*'], label: [a=b, c]}\n"
    "  - {file: /var/log/raw, header: none}\n"
    "all: yes\n"
    "program: [demo, 'demo*']\n"
    "remember: ['^conn=<session> open from <addr>$']\n"
    "offences:\n"
    "  - match: '^failed login for <user> from <addr>$'\n"
    "    points: 3\n"
    "    caseless: yes\n"
    "  - {match: '^conn=<session> failed'}\n"
    "  - '^denied ''<addr>'''\n"
    "ignore: '^failed login for test '\n"
    "forgive: ['^good login of <user> from <addr>', '^also good: <addr>']\n"
    "examples:\n"
    "  - line: 'failed login for a from 192.0.2.1'\n"
    "    gives: 192.0.2.1\n"
    "    user: a\n"
    "    points: 3\n"
    "  - log: \"Nov  2 10:00:00 h demo: tab\\there \\e\\u2028 denied '::ffff:192.0.2.7'\"\n"
    "    gives: ::ffff:192.0.2.7\n"
    "    time: '2026-11-02T09:00:00.5+01:00'\n"
    "  - lines: ['conn=1 open from 2001:db8::1', 'conn=1 failed']\n"
    "    gives: 2001:db8::1\n"
    "  - {line: 'also good: 192.0.2.2', forgives: 192.0.2.2}\n"
    "  - {line: nothing, gives: none}\n";

static const char rule_text[] = "ban: demo-rule-with-a-long-name\n"
				"filters: [demo, guardd-selfcheck]\n"
				"points: 5\n"
				"within: 1h30m\n"
				"for: 36h\n"
				"escalate: {factor: 1.25, max: 10d, forget: 45d}\n"
				"forgive: yes\n"
				"distinct: user\n"
				"prefix: {hosts: 4, ipv4: 20, ipv6: 40}\n"
				"scope: service\n"
				"ports: [tcp/443, udp/443, tcp/80-81, tcp/82]\n"
				"never_ban: [lan, dns.example.net]\n"
				"dry_run: yes\n";

static const char expose_text[] = "expose: demo-ports\n"
				  "about: 'a demo'\n"
				  "ports: [tcp/389, sctp/2905-2910, udp/514]\n"
				  "only: [infra, 203.0.113.0/24]\n"
				  "address: 192.0.2.1\n"
				  "interface: eth0\n"
				  "inside: ['docker*', br0]\n"
				  "plaintext: udp/514\n"
				  "listeners: required\n"
				  "containers: no\n";

static void
put_world(const struct world *w)
{
	put(w, "share/rules/demo-ports.yaml", expose_text);
	put(w, "etc/guardd.yaml", main_text);
	put(w, "share/filters/demo.yaml", filter_text);
	put(w, "share/rules/demo-rule-with-a-long-name.yaml", rule_text);
	put(w, "share/rules/same.yaml",
	    "ban: same\nfilters: demo\npoints: 1\nwithin: 10\nfor: 1w\nscope: service\n"
	    "ports: [tcp/80-82, tcp/443, udp/443]\n");
	put(w, "share/rules/other.yaml",
	    "ban: other\nfilters: demo\npoints: 1\nwithin: 10\nfor: 1w\nscope: service\nports: "
	    "tcp/1\n"
	    "escalate: 3\n");
	put(w, "share/rules/demo-rule-with-another.yaml",
	    "ban: demo-rule-with-another\nfilters: demo\npoints: 1\nwithin: 10\nfor: 1w\nscope: "
	    "service\n"
	    "ports: tcp/2\n");
}

static void
test_image_says_what_the_files_say(void **state)
{
	struct world w;
	struct image img;
	const struct image_filter *f;
	const struct image_source *s;
	const struct image_rule *r;
	const struct image_pattern *p;
	const struct image_example *e;
	char text[ADDR_TEXT_MAX];

	(void)state;
	world_open(&w);
	put_world(&w);
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.head->made, NOW);
	assert_int_equal(img.settings->history, 30 * 86400 * USEC_PER_SEC);
	assert_int_equal(img.settings->tallies_max, 5000);
	assert_int_equal(img.settings->bans_max, 7000);
	assert_int_equal(img.settings->early, 1);
	assert_string_equal(image_str(&img, img.settings->control_group), "adm");
	assert_int_equal(img.settings->never.n, 6);
	assert_string_equal(
	    prefix_format(&img.prefixes[img.settings->never.first + 2].prefix, text),
	    "198.51.100.0/24");
	assert_string_equal(
	    prefix_format(&img.prefixes[img.settings->never.first + 3].prefix, text), "192.0.2.53");
	assert_string_equal(
	    image_str(&img, img.prefixes[img.settings->never.first + 3].name), "dns.example.net");
	assert_int_equal(img.settings->proxies.n, 1);
	assert_int_equal(image_count(&img, IMAGE_GROUPS), 2);
	assert_int_equal(image_count(&img, IMAGE_ZONES), 2);
	assert_string_equal(image_str(&img, img.zones[0].name), "UTC");

	assert_int_equal(image_count(&img, IMAGE_FILTERS), 2);
	assert_string_equal(image_str(&img, img.filters[0].name), "guardd-selfcheck");
	assert_int_equal(img.filters[0].builtin, 1);
	f = &img.filters[1];
	assert_string_equal(image_str(&img, f->about), "a demo: with \"odd\" 'text'");
	assert_int_equal(f->all, 1);
	assert_int_equal(f->sources.n, 6);
	s = img.sources + f->sources.first;
	assert_int_equal(s[0].kind, SOURCE_JOURNAL);
	assert_string_equal(image_list(&img, s[0].units, 0), "demo.service");
	assert_string_equal(image_list(&img, s[0].units, 1), "demo.socket");
	assert_string_equal(image_list(&img, s[1].facilities, 0), "4");
	assert_string_equal(image_list(&img, s[1].facilities, 1), "19");
	assert_string_equal(image_str(&img, s[1].path), "/var/log/journal");
	assert_int_equal(s[2].entry, s[3].entry);
	assert_int_not_equal(s[2].entry, s[1].entry);
	assert_int_equal(s[2].zone, 1);
	assert_int_equal(s[2].header, HEADER_SYSLOG);
	assert_int_equal(s[4].kind, SOURCE_DOCKER);
	assert_int_equal(s[4].header, HEADER_NONE);
	assert_string_equal(image_str(&img, s[4].path), "/var/lib/docker/containers");
	assert_string_equal(image_list(&img, s[4].labels, 0), "a=b");
	assert_int_equal(s[5].header, HEADER_NONE);

	assert_int_equal(f->patterns.n, 7);
	p = img.patterns + f->patterns.first;
	assert_int_equal(p[0].kind, PATTERN_OFFENCE);
	assert_int_equal(p[0].points, 3);
	assert_int_equal(p[0].caseless, 1);
	assert_int_equal(p[0].line, 15);
	assert_string_equal(image_str(&img, p[0].written), "^failed login for <user> from <addr>$");
	assert_int_equal(p[0].literals.n, 1);
	assert_string_equal(
	    image_str(&img, img.literals[p[0].literals.first].text), "failed login for ");
	assert_int_equal(img.literals[p[0].literals.first].caseless, 1);
	assert_int_equal(p[3].kind, PATTERN_FORGIVE);
	assert_int_equal(p[5].kind, PATTERN_IGNORE);
	assert_int_equal(p[6].kind, PATTERN_REMEMBER);

	assert_int_equal(f->examples.n, 5);
	e = img.examples + f->examples.first;
	assert_string_equal(
	    image_str(&img, e[0].source_line), "  - line: 'failed login for a from 192.0.2.1'");
	assert_int_equal(e[0].column, 11);
	assert_int_equal(e[0].has_user && e[0].has_points && !e[0].has_time, 1);
	assert_int_equal(e[1].whole, 1);
	assert_string_equal(addr_format(&e[1].addr, text), "192.0.2.7");
	assert_int_equal(e[1].time, INT64_C(1793606400500000));
	assert_int_equal(e[2].lines.n, 2);
	assert_int_equal(e[3].forgives && !e[3].gives, 1);
	assert_int_equal(e[4].gives || e[4].forgives, 0);

	assert_int_equal(image_count(&img, IMAGE_RULES), 6);
	assert_string_equal(image_str(&img, img.rules[0].name), "manual");
	assert_int_equal(img.rules[0].filters.n, 0);
	assert_string_equal(image_str(&img, img.rules[1].name), "guardd-selfcheck");
	assert_int_equal(img.rules[1].duration, 10 * USEC_PER_SEC);
	assert_int_equal(img.rule_filters[img.rules[1].filters.first], 0);
	r = &img.rules[2];
	assert_string_equal(image_str(&img, r->name), "demo-rule-with-a-long-name");
	assert_int_equal(r->filters.n, 2);
	assert_int_equal(img.rule_filters[r->filters.first], 1);
	assert_int_equal(r->within, 5400 * USEC_PER_SEC);
	assert_int_equal(r->factor_milli, 1250);
	assert_int_equal(r->prefix_hosts, 4);
	assert_int_equal(r->prefix_len4, 20);
	assert_int_equal(r->prefix_len6, 40);
	assert_int_equal(r->forgive && r->distinct_user && r->dry_run, 1);
	assert_int_equal(r->never.n, 3);
	assert_int_equal(img.rules[4].factor_milli, 3000);
	assert_int_equal(img.rules[5].factor_milli, 1000);
	assert_int_equal(img.rules[5].duration_max, img.rules[5].duration);
	image_close(&img);
	world_close(&w);
}

static void
test_rules_with_the_same_ports_share_a_service(void **state)
{
	struct world w;
	struct image img;

	(void)state;
	world_open(&w);
	put_world(&w);
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(image_count(&img, IMAGE_SERVICES), 3);
	assert_int_equal(img.rules[2].scope, 1);
	assert_int_equal(img.rules[5].scope, 1);
	assert_string_equal(image_str(&img, img.services[0].name), "demo-rule-with-");
	assert_string_equal(image_str(&img, img.services[1].name), "demo-rule-w-2");
	assert_int_equal(img.services[0].ports.n, 3);
	assert_int_equal(img.ports[0].low, 80);
	assert_int_equal(img.ports[0].high, 82);
	image_close(&img);
	world_close(&w);
}

/* All of an image but where its parts stand in files. */
static void
dump(const struct image *img, struct strbuf *out)
{
	char text[ADDR_TEXT_MAX];

	strbuf_printf(out, "settings %lld %u %u %d %s zone %u never %u+%u proxies %u+%u\n",
	    (long long)img->settings->history, img->settings->tallies_max, img->settings->bans_max,
	    img->settings->early, image_str(img, img->settings->control_group), img->settings->zone,
	    img->settings->never.first, img->settings->never.n, img->settings->proxies.first,
	    img->settings->proxies.n);
	for (uint32_t i = 0; i < image_count(img, IMAGE_STRINGS_LIST); i++)
		strbuf_printf(out, "list %s\n", img->strings + img->lists[i]);
	for (uint32_t i = 0; i < image_count(img, IMAGE_FILTERS); i++) {
		const struct image_filter *f = &img->filters[i];

		strbuf_printf(out, "filter %s %s %u+%u %u+%u %u+%u %u+%u %d%d\n",
		    image_str(img, f->name), image_str(img, f->about), f->sources.first,
		    f->sources.n, f->programs.first, f->programs.n, f->patterns.first,
		    f->patterns.n, f->examples.first, f->examples.n, f->all, f->builtin);
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_SOURCES); i++) {
		const struct image_source *s = &img->sources[i];

		strbuf_printf(out, "source %u %d %d %u %u %s %u+%u %u+%u %u+%u\n", s->filter,
		    s->kind, s->header, s->entry, s->zone, image_str(img, s->path), s->units.first,
		    s->units.n, s->labels.first, s->labels.n, s->facilities.first, s->facilities.n);
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_PATTERNS); i++) {
		const struct image_pattern *p = &img->patterns[i];

		strbuf_printf(out, "pattern %u %d%d %u %s %s %u+%u\n", p->filter, p->kind,
		    p->caseless, p->points, image_str(img, p->regex), image_str(img, p->written),
		    p->literals.first, p->literals.n);
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_LITERALS); i++)
		strbuf_printf(out, "literal %s %d\n", image_str(img, img->literals[i].text),
		    img->literals[i].caseless);
	for (uint32_t i = 0; i < image_count(img, IMAGE_EXAMPLES); i++) {
		const struct image_example *e = &img->examples[i];

		strbuf_printf(out, "example %u %d%d%d%d%d%d %u %s %s %lld %u+%u\n", e->filter,
		    e->whole, e->gives, e->forgives, e->has_points, e->has_user, e->has_time,
		    e->points, addr_format(&e->addr, text), image_str(img, e->user),
		    (long long)e->time, e->lines.first, e->lines.n);
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_RULES); i++) {
		struct image_rule r = img->rules[i];

		strbuf_printf(out, "rule %s ", image_str(img, r.name));
		r.name = 0;
		for (size_t b = 0; b < sizeof(r); b++)
			strbuf_printf(out, "%02x", ((unsigned char *)&r)[b]);
		strbuf_puts(out, "\n");
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_RULE_FILTERS); i++)
		strbuf_printf(out, "rule filter %u\n", img->rule_filters[i]);
	for (uint32_t i = 0; i < image_count(img, IMAGE_SERVICES); i++)
		strbuf_printf(out, "service %s %u+%u\n", image_str(img, img->services[i].name),
		    img->services[i].ports.first, img->services[i].ports.n);
	strbuf_printf(out, "exposure %lld %u+%u %d\n", (long long)img->settings->expose_repeat,
	    img->settings->peers.first, img->settings->peers.n, img->settings->no_infra);
	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++) {
		const struct image_expose *x = &img->exposes[i];

		strbuf_printf(out, "expose %s %u+%u %u+%u %u+%u %u+%u %u+%u %u+%u %s %d %d %s\n",
		    image_str(img, x->name), x->ports.first, x->ports.n, x->plaintext.first,
		    x->plaintext.n, x->allowed.first, x->allowed.n, x->groups.first, x->groups.n,
		    x->inside.first, x->inside.n, x->hosts.first, x->hosts.n,
		    x->address.family ? addr_format(&x->address, text) : "-", x->listeners,
		    x->containers, image_str(img, x->interface));
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_HOSTS); i++)
		strbuf_printf(out, "host %s %s %u %u\n", image_str(img, img->hosts[i].name),
		    image_str(img, img->hosts[i].group), img->hosts[i].n4, img->hosts[i].n6);
	for (uint32_t i = 0; i < image_count(img, IMAGE_PORTS); i++)
		strbuf_printf(out, "port %d %u %u\n", img->ports[i].proto, img->ports[i].low,
		    img->ports[i].high);
	for (uint32_t i = 0; i < image_count(img, IMAGE_GROUPS); i++)
		strbuf_printf(out, "group %s %u+%u\n", image_str(img, img->groups[i].name),
		    img->groups[i].prefixes.first, img->groups[i].prefixes.n);
	for (uint32_t i = 0; i < image_count(img, IMAGE_PREFIXES); i++)
		strbuf_printf(out, "prefix %s %s\n", prefix_format(&img->prefixes[i].prefix, text),
		    image_str(img, img->prefixes[i].name));
	for (uint32_t i = 0; i < image_count(img, IMAGE_ZONES); i++)
		strbuf_printf(out, "zone %s %u+%u\n", image_str(img, img->zones[i].name),
		    img->zones[i].transitions.first, img->zones[i].transitions.n);
	for (uint32_t i = 0; i < image_count(img, IMAGE_TRANSITIONS); i++)
		strbuf_printf(out, "transition %lld %d\n", (long long)img->transitions[i].from,
		    img->transitions[i].offset);
}

/* Cuts what was printed into the files of a new world. */
static void
put_printed(const struct world *w, const struct strbuf *printed)
{
	_cleanup_(freep) char *text = strdup(printed->text);
	char *next = text;

	while (next && *next) {
		char name[128], *begin = next, *body = strchr(begin, '\n');

		assert_int_equal(strncmp(begin, "--- # ", 6), 0);
		next = strstr(body, "\n--- # ");
		if (next)
			*next++ = '\0';
		snprintf(name, sizeof(name), "etc/%.*s", (int)(body - begin - 6), begin + 6);
		put(w, name, begin);
	}
}

/* Prints w, reads that back, and compares the images; then prints again and compares the texts. */
static void
assert_round_trip(const struct world *w)
{
	struct strbuf printed = {0}, again = {0}, one = {0}, two = {0};
	struct world other;
	struct image img;

	print_config(&printed, &w->config);
	world_open(&other);
	put_printed(&other, &printed);
	load_fine(&other);
	print_config(&again, &other.config);
	assert_string_equal(printed.text, again.text);
	image_of(w, &img);
	dump(&img, &one);
	image_close(&img);
	image_of(&other, &img);
	dump(&img, &two);
	image_close(&img);
	assert_string_equal(one.text, two.text);
	strbuf_fini(&printed);
	strbuf_fini(&again);
	strbuf_fini(&one);
	strbuf_fini(&two);
	world_close(&other);
}

static void
test_printed_configuration_reads_back_equal(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	put_world(&w);
	load_fine(&w);
	assert_round_trip(&w);
	world_close(&w);
}

/* Runs in the project's folder, as all tests do. */
static void
test_shipped_files_are_fine_and_read_back_equal(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.shipped = ".";
	load_fine(&w);
	assert_true(w.config.filters.n > 30);
	assert_true(w.config.rules.n > 10);
	assert_true(w.config.exposes.n >= 6);
	assert_int_equal(w.config.diag.warnings, 0);
	assert_round_trip(&w);
	world_close(&w);
}

static void
test_nothing_at_all_is_the_defaults(void **state)
{
	struct world w;
	struct image img;

	(void)state;
	world_open(&w);
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(img.settings->history, 90 * 86400 * USEC_PER_SEC);
	assert_int_equal(img.settings->tallies_max, 200000);
	assert_int_equal(img.settings->bans_max, 2000000);
	assert_string_equal(image_str(&img, img.settings->main_file), "");
	assert_string_equal(image_str(&img, img.settings->control_group), "");
	assert_string_equal(image_str(&img, img.sources[0].path), "/run/guardd/selfcheck.log");
	assert_int_equal(image_count(&img, IMAGE_RULES), 2);
	image_close(&img);
	assert_round_trip(&w);
	world_close(&w);
}

static void
test_local_file_replaces_the_shipped_one_as_a_whole(void **state)
{
	struct world w;
	struct image img;

	(void)state;
	world_open(&w);
	put_world(&w);
	put(&w, "etc/rules.d/same.yaml",
	    "ban: same\nfilters: demo\npoints: 9\nwithin: 10\nfor: 1w\n");
	put(&w, "etc/rules.d/other.yaml", "ban: other\nenabled: no\n");
	put(&w, "etc/rules.d/backup.yaml~", "nonsense");
	load_fine(&w);
	image_of(&w, &img);
	assert_int_equal(image_count(&img, IMAGE_RULES), 5);
	assert_string_equal(image_str(&img, img.rules[4].name), "same");
	assert_int_equal(img.rules[4].points, 9);
	assert_int_equal(img.rules[4].scope, 0);
	image_close(&img);
	world_close(&w);
}

static void
test_image_that_cannot_be_sealed_is_an_error(void **state)
{
	_cleanup_(writer_freep) struct writer *writer = writer_new();
	_cleanup_(closep) int plain = memfd_create("plain", MFD_CLOEXEC);
	_cleanup_(closep) int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	_cleanup_(closep) int used = memfd_create("used", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	(void)state;
	assert_int_equal(writer_finish(writer, plain, NOW), -EPERM);
	assert_int_equal(writer_finish(writer, file, NOW), -EINVAL);
	assert_int_equal(write(used, "x", 1), 1);
	assert_int_equal(writer_finish(writer, used, NOW), -EEXIST);
	assert_int_equal(writer_finish(writer, -1, NOW), -EBADF);
}

static void
test_zones_follow_their_rules(void **state)
{
	_cleanup_(arena_fini) struct arena a = {0};
	struct zone z;
	const struct image_transition *t;
	bool found = false;

	(void)state;
	assert_int_equal(zone_load(&z, &a, "Europe/Paris", NOW), 0);
	t = z.transitions.items;
	assert_true(z.transitions.n >= 76 && z.transitions.n <= 86);
	for (size_t i = 1; i < z.transitions.n; i++) {
		assert_true(t[i].from > t[i - 1].from);
		assert_true(t[i].offset != t[i - 1].offset);
		/* 2026-10-25T01:00:00Z, the end of summer time */
		found |= t[i].from == 1792890000 && t[i].offset == 3600;
	}
	assert_true(found);
	assert_int_equal(zone_load(&z, &a, "Asia/Kolkata", NOW), 0);
	assert_int_equal(z.transitions.n, 1);
	assert_int_equal(((struct image_transition *)z.transitions.items)->offset, 19800);
	assert_int_equal(zone_load(&z, &a, "Europe/Pariss", NOW), -ENOENT);
	assert_int_equal(zone_load(&z, &a, "../../etc/passwd", NOW), -ENOENT);
	assert_int_equal(zone_load(&z, &a, "Europe", NOW), -ENOENT);
}

static void
test_times_of_examples(void **state)
{
	static const char *const bad[] = {"2026-11-02", "2026-11-02T09:00:00",
	    "2026-13-02T09:00:00Z", "2026-11-02T09:00:00Zx", "2026-11-02T09:00:00.Z", "yesterday",
	    "", "2026-11-02T24:00:00Z"};
	usec_t t;

	(void)state;
	assert_int_equal(example_parse_time("1970-01-01T00:00:01Z", &t), 0);
	assert_int_equal(t, 1000000);
	assert_int_equal(example_parse_time("2026-11-02T10:00:00.000001-01:30", &t), 0);
	assert_int_equal(t, INT64_C(1793619000000001));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(example_parse_time(bad[i], &t), -EINVAL);
}

static void
test_errors_past_the_limit_are_counted(void **state)
{
	struct strbuf text = {0}, shown = {0};
	struct world w;
	char *out = NULL;
	size_t size = 0;
	FILE *f;

	(void)state;
	world_open(&w);
	for (int i = 0; i < DIAG_SHOWN + 7; i++)
		strbuf_printf(&text, "key%d: 1\n", i);
	put(&w, "etc/guardd.yaml", text.text);
	load(&w);
	assert_int_equal(w.result, -EINVAL);
	assert_int_equal(w.config.diag.errors, DIAG_SHOWN + 7);
	f = open_memstream(&out, &size);
	diag_print(&w.config.diag, f);
	fclose(f);
	assert_non_null(strstr(out, "\nand 7 more\n"));
	free(out);
	strbuf_fini(&text);
	strbuf_fini(&shown);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_image_says_what_the_files_say),
	    cmocka_unit_test(test_rules_with_the_same_ports_share_a_service),
	    cmocka_unit_test(test_printed_configuration_reads_back_equal),
	    cmocka_unit_test(test_shipped_files_are_fine_and_read_back_equal),
	    cmocka_unit_test(test_nothing_at_all_is_the_defaults),
	    cmocka_unit_test(test_local_file_replaces_the_shipped_one_as_a_whole),
	    cmocka_unit_test(test_image_that_cannot_be_sealed_is_an_error),
	    cmocka_unit_test(test_zones_follow_their_rules),
	    cmocka_unit_test(test_times_of_examples),
	    cmocka_unit_test(test_errors_past_the_limit_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
