/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * alerts, metrics and fleet of the main file: what becomes of them in the image.
 */
#include "conf_world.h"

#include "conf/print.h"
#include "conf/value.h"
#include "wire/alert.h"

static const char all_of_it[] =
    "herald_user: root\n"
    "groups: {infra: [192.0.2.0/24, '2001:db8::/32']}\n"
    "alerts:\n"
    "  repeat: 0s\n"
    "  storm: 50\n"
    "  channels:\n"
    "    - {name: log, journal: yes, at_least: info}\n"
    "    - name: ops\n"
    "      at_least: critical\n"
    "      per_hour: 5\n"
    "      mail: {server: '2001:db8::25', from: guardd@localhost, to: [root@localhost, "
    "b@example.net], tls: start,\n"
    "        user: u, password_file: /etc/mail, ca_file: /etc/ca}\n"
    "    - {name: early, mail: {from: a@b, to: c@d, tls: first}}\n"
    "    - name: push\n"
    "      webhook: {url: 'https://[2001:db8::7]:8443/', template: ntfy, topic: a_1,\n"
    "        user: v, password_file: /etc/push}\n"
    "    - name: chat\n"
    "      webhook: {url_file: /etc/chat, template: slack, token_file: /etc/token}\n"
    "    - {name: pager, program: [/usr/bin/page, 'a b', \"it's\"], timeout: 10m}\n"
    "metrics: {listen: '[::1]:9812', file: /var/lib/x/guardd.prom, every: 1m}\n"
    "fleet:\n"
    "  server: redis.example.net\n"
    "  port: 6380\n"
    "  server_name: redis\n"
    "  ca_file: /etc/ca\n"
    "  cert_file: /etc/cert\n"
    "  key_file: /etc/key\n"
    "  user: web1\n"
    "  password_file: /etc/redis\n"
    "  sign_file: /etc/sign\n"
    "  keys_file: /etc/keys\n"
    "  host: web1.example.net\n"
    "  stream: 'a:guardd'\n"
    "  keep: 30d\n"
    "  report: 90s\n"
    "  bans_max: 5000\n"
    "  share: [a, b]\n"
    "  trust:\n"
    "    - {hosts: [web*, 'db?'], rules: [a, manual], at_most: 8w, per_minute: 6, ipv4: 32, ipv6: "
    "64}\n"
    "    - '*'\n"
    "  probe: {every: 90m, per_second: 1, within: [infra, 198.51.100.7]}\n";

/* Four rules: of two services with the same ports, dry, and with addresses of its own. */
static void
put_rules(const struct world *w)
{
	put(w, "share/filters/f.yaml",
	    "filter: f\nsources: [{file: /f}]\noffences: ['^bad login from <addr>$']\n");
	put(w, "share/rules/a.yaml",
	    "ban: a\nfilters: f\npoints: 5\nwithin: 10m\nfor: 1h\nprefix: {hosts: 4}\n"
	    "escalate: {factor: 3}\nnever_ban: [198.51.100.7, '2001:db8:7::/48']\n");
	put(w, "share/rules/b.yaml",
	    "ban: b\nfilters: f\npoints: 5\nwithin: 10m\nfor: 1h\nscope: service\n"
	    "ports: [tcp/25, udp/53]\nforgive: yes\n");
	put(w, "share/rules/c.yaml",
	    "ban: c\nfilters: f\npoints: 5\nwithin: 10m\nfor: 1h\nscope: service\n"
	    "ports: [tcp/22]\ndry_run: yes\ndistinct: user\n");
	put(w, "share/rules/off.yaml", "ban: off\nenabled: no\n");
}

static const struct image_rule *
find_rule(const struct image *img, const char *name)
{
	for (uint32_t i = 0; i < image_count(img, IMAGE_RULES); i++) {
		if (!strcmp(image_str(img, img->rules[i].name), name))
			return &img->rules[i];
	}
	return NULL;
}

static void
world_of(struct world *w, struct image *img, const char *main_text)
{
	world_open(w);
	put_rules(w);
	put(w, "etc/guardd.yaml", main_text);
	load_fine(w);
	image_of(w, img);
}

static void
assert_text(const struct image *img, str_t got, const char *want)
{
	assert_string_equal(image_str(img, got), want);
}

static void
assert_texts(const struct image *img, struct span got, const char *want)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};

	strbuf_puts(&text, "");
	for (uint32_t i = 0; i < got.n; i++)
		strbuf_printf(&text, "%s%s", i ? "|" : "", image_list(img, got, i));
	assert_string_equal(got.n ? text.text : "", want);
}

static void
test_channels_of_all_kinds(void **state)
{
	const struct image_channel *c;
	struct image img;
	struct world w;

	(void)state;
	world_of(&w, &img, all_of_it);
	assert_int_equal(w.config.diag.warnings, 0);
	assert_int_equal(image_count(&img, IMAGE_CHANNELS), 6);
	assert_int_equal(img.settings->alerts_repeat, 0);
	assert_int_equal(img.settings->alerts_storm, 50);
	assert_int_equal(img.settings->herald_uid, 0);
	c = &img.channels[0];
	assert_text(&img, c->name, "log");
	assert_int_equal(c->kind, CHANNEL_JOURNAL);
	assert_int_equal(c->severity, SEVERITY_INFO);
	assert_int_equal(c->per_hour, 30);
	assert_int_equal(c->timeout_s, 30);
	c++;
	assert_int_equal(c->kind, CHANNEL_MAIL);
	assert_int_equal(c->severity, SEVERITY_CRITICAL);
	assert_int_equal(c->per_hour, 5);
	assert_text(&img, c->server, "2001:db8::25");
	assert_int_equal(c->port, 25);
	assert_int_equal(c->tls, CHANNEL_TLS_START);
	assert_text(&img, c->from, "guardd@localhost");
	assert_texts(&img, c->to, "root@localhost|b@example.net");
	assert_text(&img, c->user, "u");
	assert_text(&img, c->password_file, "/etc/mail");
	assert_text(&img, c->ca_file, "/etc/ca");
	c++;
	assert_text(&img, c->server, "localhost");
	assert_int_equal(c->port, 465);
	assert_int_equal(c->tls, CHANNEL_TLS_FIRST);
	assert_int_equal(c->severity, SEVERITY_WARNING);
	c++;
	assert_int_equal(c->kind, CHANNEL_WEBHOOK);
	assert_text(&img, c->url, "https://[2001:db8::7]:8443/");
	assert_text(&img, c->url_file, "");
	assert_int_equal(c->template, TEMPLATE_NTFY);
	assert_text(&img, c->topic, "a_1");
	assert_text(&img, c->user, "v");
	assert_text(&img, c->password_file, "/etc/push");
	c++;
	assert_text(&img, c->url, "");
	assert_text(&img, c->url_file, "/etc/chat");
	assert_int_equal(c->template, TEMPLATE_SLACK);
	assert_text(&img, c->token_file, "/etc/token");
	c++;
	assert_int_equal(c->kind, CHANNEL_PROGRAM);
	assert_texts(&img, c->argv, "/usr/bin/page|a b|it's");
	assert_int_equal(c->timeout_s, 600);
	image_close(&img);
	world_close(&w);
}

static void
test_metrics_and_fleet(void **state)
{
	const struct image_trust *t;
	const struct image_fleet *f;
	char text[ADDR_TEXT_MAX];
	struct image img;
	struct world w;

	(void)state;
	world_of(&w, &img, all_of_it);
	assert_text(&img, img.settings->metrics_listen, "[::1]:9812");
	assert_text(&img, img.settings->metrics_file, "/var/lib/x/guardd.prom");
	assert_int_equal(img.settings->metrics_every, 60 * USEC_PER_SEC);
	f = img.fleet;
	assert_non_null(f);
	assert_text(&img, f->host, "web1.example.net");
	assert_text(&img, f->server, "redis.example.net");
	assert_int_equal(f->port, 6380);
	assert_int_equal(f->tls, 1);
	assert_text(&img, f->server_name, "redis");
	assert_text(&img, f->ca_file, "/etc/ca");
	assert_text(&img, f->cert_file, "/etc/cert");
	assert_text(&img, f->key_file, "/etc/key");
	assert_text(&img, f->user, "web1");
	assert_text(&img, f->password_file, "/etc/redis");
	assert_text(&img, f->sign_file, "/etc/sign");
	assert_text(&img, f->keys_file, "/etc/keys");
	assert_text(&img, f->stream, "a:guardd");
	assert_int_equal(f->keep, 30 * 86400 * USEC_PER_SEC);
	assert_int_equal(f->report, 90 * USEC_PER_SEC);
	assert_int_equal(f->bans_max, 5000);
	assert_int_equal(f->share_all, 0);
	assert_texts(&img, f->share, "a|b");
	assert_int_equal(f->trusts.n, 2);
	t = &img.trusts[f->trusts.first];
	assert_texts(&img, t->hosts, "web*|db?");
	assert_texts(&img, t->rules, "a|manual");
	assert_int_equal(t->at_most, 56 * 86400 * USEC_PER_SEC);
	assert_int_equal(t->per_minute, 6);
	assert_int_equal(t->len4, 32);
	assert_int_equal(t->len6, 64);
	t++;
	assert_texts(&img, t->hosts, "*");
	assert_int_equal(t->rules.n, 0);
	assert_int_equal(t->at_most, 86400 * USEC_PER_SEC);
	assert_int_equal(t->per_minute, 60);
	assert_int_equal(t->len4, 24);
	assert_int_equal(t->len6, 48);
	assert_int_equal(f->probe_every, 5400 * USEC_PER_SEC);
	assert_int_equal(f->probe_per_second, 1);
	assert_int_equal(f->probe_within.n, 3);
	assert_string_equal(
	    prefix_format(&img.prefixes[f->probe_within.first + 1].prefix, text), "2001:db8::/32");
	image_close(&img);
	world_close(&w);
}

static void
test_nothing_configured_is_nothing_done(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_of(&w, &img, "early: no\n");
	assert_int_equal(w.config.diag.warnings, 0);
	assert_int_equal(image_count(&img, IMAGE_CHANNELS), 0);
	assert_null(img.fleet);
	assert_int_equal(image_count(&img, IMAGE_TRUSTS), 0);
	assert_int_equal(img.settings->alerts_repeat, 6 * 3600 * USEC_PER_SEC);
	assert_int_equal(img.settings->alerts_storm, 1000);
	assert_text(&img, img.settings->metrics_listen, "");
	assert_int_equal(img.settings->metrics_every, 15 * USEC_PER_SEC);
	for (uint32_t i = 0; i < image_count(&img, IMAGE_RULES); i++)
		assert_int_equal(img.rules[i].foreign, 0);
	image_close(&img);
	world_close(&w);
}

static void
test_small_fleet_has_safe_defaults(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_of(&w, &img, "herald_user: root\nfleet: {server: 192.0.2.1, host: a}\n");
	assert_int_equal(w.config.diag.warnings, 0);
	assert_int_equal(img.fleet->port, 6379);
	assert_int_equal(img.fleet->tls, 1);
	assert_int_equal(img.fleet->share_all, 1);
	assert_int_equal(img.fleet->share.n, 0);
	assert_int_equal(img.fleet->trusts.n, 0);
	assert_int_equal(img.fleet->probe_every, 0);
	assert_int_equal(img.fleet->bans_max, 100000);
	assert_int_equal(img.fleet->keep, 7 * 86400 * USEC_PER_SEC);
	assert_int_equal(img.fleet->report, 300 * USEC_PER_SEC);
	assert_text(&img, img.fleet->stream, "guardd");
	assert_null(find_rule(&img, "fleet/a"));
	image_close(&img);
	world_close(&w);
}

static void
test_bans_of_others_are_of_rules_of_their_own(void **state)
{
	const struct image_rule *a, *b, *c, *manual;
	char text[ADDR_TEXT_MAX];
	struct image img;
	struct world w;

	(void)state;
	world_of(&w, &img, all_of_it);
	assert_int_equal(image_count(&img, IMAGE_RULES), 2 + 3 + 4);
	a = find_rule(&img, "fleet/a");
	b = find_rule(&img, "fleet/b");
	c = find_rule(&img, "fleet/c");
	manual = find_rule(&img, "fleet/manual");
	assert_true(a && b && c && manual);
	/* The largest of the entries that take it. */
	assert_int_equal(a->duration_max, 56 * 86400 * USEC_PER_SEC);
	assert_int_equal(b->duration_max, 86400 * USEC_PER_SEC);
	assert_int_equal(manual->duration_max, 56 * 86400 * USEC_PER_SEC);
	for (uint32_t i = 5; i < 9; i++) {
		const struct image_rule *r = &img.rules[i];

		assert_int_equal(r->foreign, 1);
		assert_int_equal(r->builtin, 0);
		assert_int_equal(r->points, 1);
		assert_int_equal(r->filters.n, 0);
		assert_int_equal(r->prefix_hosts, 0);
		assert_int_equal(r->factor_milli, 1000);
		assert_int_equal(r->forgive, 0);
		assert_int_equal(r->distinct_user, 0);
		assert_int_equal(r->duration, r->duration_max);
	}
	assert_int_equal(a->scope, 0);
	assert_int_equal(manual->scope, 0);
	assert_true(b->scope && c->scope && b->scope != c->scope);
	assert_int_equal(b->scope, find_rule(&img, "b")->scope);
	assert_int_equal(c->scope, find_rule(&img, "c")->scope);
	assert_int_equal(a->never.n, 2);
	assert_string_equal(
	    prefix_format(&img.prefixes[a->never.first + 1].prefix, text), "2001:db8:7::/48");
	assert_int_equal(b->dry_run, 0);
	assert_int_equal(c->dry_run, 1);
	image_close(&img);
	world_close(&w);
}

static void
test_only_trusted_rules_are_taken(void **state)
{
	struct image img;
	struct world w;

	(void)state;
	world_of(&w, &img,
	    "herald_user: root\n"
	    "fleet: {server: 192.0.2.1, host: a, keys_file: /k, trust: [{hosts: b, rules: c}]}\n");
	assert_int_equal(image_count(&img, IMAGE_RULES), 2 + 3 + 1);
	assert_non_null(find_rule(&img, "fleet/c"));
	image_close(&img);
	world_close(&w);
	world_of(&w, &img,
	    "herald_user: root\nfleet: {server: 192.0.2.1, host: a, keys_file: /k, trust: [b]}\n");
	/* All but what was banned by hand, and the self check's. */
	assert_int_equal(image_count(&img, IMAGE_RULES), 2 + 3 + 3);
	assert_null(find_rule(&img, "fleet/manual"));
	assert_null(find_rule(&img, "fleet/guardd-selfcheck"));
	image_close(&img);
	world_close(&w);
}

static void
dump_list(struct strbuf *out, const struct image *img, struct span s)
{
	for (uint32_t i = 0; i < s.n; i++)
		strbuf_printf(out, " %s", image_list(img, s, i));
	strbuf_puts(out, ";");
}

static void
dump(struct strbuf *out, const struct image *img)
{
	const struct image_settings *s = img->settings;
	const struct image_fleet *f = img->fleet;

	strbuf_printf(out, "%u %lld %u %s %s %lld\n", s->herald_uid, (long long)s->alerts_repeat,
	    s->alerts_storm, image_str(img, s->metrics_listen), image_str(img, s->metrics_file),
	    (long long)s->metrics_every);
	for (uint32_t i = 0; i < image_count(img, IMAGE_CHANNELS); i++) {
		const struct image_channel *c = &img->channels[i];
		const str_t texts[] = {c->name, c->server, c->from, c->user, c->password_file,
		    c->url, c->url_file, c->token_file, c->topic, c->ca_file};

		strbuf_printf(out, "channel %u %u %u %u %u %u %u", c->kind, c->severity,
		    c->template, c->tls, c->per_hour, c->port, c->timeout_s);
		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
			strbuf_printf(out, " '%s'", image_str(img, texts[k]));
		dump_list(out, img, c->to);
		dump_list(out, img, c->argv);
		strbuf_puts(out, "\n");
	}
	for (uint32_t i = 0; i < image_count(img, IMAGE_TRUSTS); i++) {
		const struct image_trust *t = &img->trusts[i];

		strbuf_printf(out, "trust %lld %u %u %u", (long long)t->at_most, t->per_minute,
		    t->len4, t->len6);
		dump_list(out, img, t->hosts);
		dump_list(out, img, t->rules);
		strbuf_puts(out, "\n");
	}
	if (f) {
		const str_t texts[] = {f->host, f->server, f->server_name, f->user,
		    f->password_file, f->ca_file, f->cert_file, f->key_file, f->sign_file,
		    f->keys_file, f->stream};

		strbuf_printf(out, "fleet %u %u %u %u %lld %lld %u %lld %u %u", f->port, f->tls,
		    f->share_all, f->bans_max, (long long)f->keep, (long long)f->report,
		    f->trusts.n, (long long)f->probe_every, f->probe_per_second, f->probe_within.n);
		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
			strbuf_printf(out, " '%s'", image_str(img, texts[k]));
		dump_list(out, img, f->share);
	}
}

/* Prints the main file, reads that back, and compares what it comes to. */
static void
assert_reads_back(const char *main_text)
{
	_cleanup_(strbuf_fini) struct strbuf printed = {0}, again = {0}, one = {0}, two = {0};
	struct world w, other;
	struct image img;

	world_of(&w, &img, main_text);
	dump(&one, &img);
	image_close(&img);
	print_config(&printed, &w.config);
	*strstr(printed.text, "\n--- # filters.d") = '\0';
	world_of(&other, &img, printed.text);
	dump(&two, &img);
	image_close(&img);
	assert_string_equal(one.text, two.text);
	print_config(&again, &other.config);
	*strstr(again.text, "\n--- # filters.d") = '\0';
	assert_string_equal(printed.text, again.text);
	world_close(&w);
	world_close(&other);
}

static void
test_printed_reads_back_equal(void **state)
{
	(void)state;
	assert_reads_back(all_of_it);
	assert_reads_back("herald_user: root\nfleet: {server: 192.0.2.1, host: a, share: none}\n");
	assert_reads_back("herald_user: root\nfleet: {server: '::1', tls: no, host: a}\n");
	assert_reads_back("herald_user: root\nalerts: {channels: []}\nmetrics: {}\n");
}

static void
test_unknown_user_is_told_where_it_is_needed(void **state)
{
	static const struct {
		const char *text;
		unsigned warnings;
	} cases[] = {
	    {"herald_user: nobody-of-that-name\n", 0},
	    {"herald_user: nobody-of-that-name\nalerts: {storm: 1}\n", 1},
	    {"herald_user: nobody-of-that-name\nmetrics: {every: 1s}\n", 1},
	    {"herald_user: nobody-of-that-name\nfleet: {server: 192.0.2.1, host: a}\n", 1},
	    {"herald_user: root\nalerts: {storm: 1}\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct image img;
		struct world w;

		world_of(&w, &img, cases[i].text);
		assert_int_equal(w.config.diag.warnings, cases[i].warnings);
		assert_int_equal(img.settings->herald_uid, i < 4 ? IMAGE_NO_UID : 0);
		image_close(&img);
		world_close(&w);
	}
}

/* The machine's own name, in lower case; no name of a host is an error, not a guess. */
static void
test_host_without_a_name_has_the_machines(void **state)
{
	char name[256] = "";
	struct world w;

	(void)state;
	assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
	for (char *p = name; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	world_open(&w);
	put_rules(&w);
	put(&w, "etc/guardd.yaml", "herald_user: root\nfleet: {server: 192.0.2.1}\n");
	load(&w);
	assert_string_equal(w.config.settings.fleet.host.s, name);
	world_close(&w);
	world_open(&w);
	put(&w, "etc/guardd.yaml", "herald_user: root\nfleet: {server: 192.0.2.1, host: ''}\n");
	load(&w);
	assert_int_equal(w.config.diag.errors, 1);
	world_close(&w);
}

/* Of one foreign filter: rules of files were not read, and are not missed. */
static void
test_rules_are_not_missed_where_none_are_read(void **state)
{
	const struct config_paths paths = {NULL, "/nonexistent", "/nonexistent", "/run/guardd"};
	struct config_paths with = paths;
	char main_file[96];
	struct config c;
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, "etc/guardd.yaml", all_of_it);
	snprintf(main_file, sizeof(main_file), "%s/etc/guardd.yaml", w.dir);
	with.main_file = main_file;
	config_init(&c, &with);
	config_load_own(&c, resolve_table, NOW);
	assert_int_equal(config_check(&c), 0);
	config_fini(&c);
	world_close(&w);
}

typedef bool (*value_fn)(struct diag *d, const struct text *t);

static void
test_values(void **state)
{
	static const struct {
		value_fn check;
		const char *fine[12], *wrong[20];
	} cases[] = {
	    {value_path, {"/a", "/a b/c"}, {"a", "./a", "/a/", "/", "~/a", ""}},
	    {value_host,
		{"a", "a.example.net", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "1a",
		    "xn--bcher-kva.example"},
		{"", "a b", "192.0.2.300", "1.2.3", "http://a", "a:1", "[::1]", "-a", ".a", "a/b",
		    "2001:db8::g", "u@a"}},
	    {value_url,
		{"http://a", "https://a/", "HTTPS://a:1/x?y#z", "https://192.0.2.1",
		    "https://[::1]", "https://[2001:db8::1]:443/x", "https://a?x", "http://a/@b"},
		{"", "a", "ftp://a", "https://", "https:///x", "https://u@a", "https://u:p@a/",
		    "https://a b/", "https://a:0/", "https://a:65536", "https://a:x/",
		    "https://[::1", "https://[::1]x", "https://::1/", "https://[a]",
		    "https://[192.0.2.1]", "https://a\\b"}},
	    {value_mail, {"root@localhost", "a@b", "a+b@example.net", "a.b-c@192.0.2.1"},
		{"", "@b", "a@", "a@b@c", "a b@c", "<a@b>", "a@b,c@d", "a\r@b", "-a@b", "a@-b",
		    "a:b@c", "root", ".a@b", "\xc3\xa9@b"}},
	    {value_user, {"a", "DOMAIN\\a", "a@b"}, {"a b", "a:b", "a,b", "a\tb", "a/b"}},
	    {value_loopback_port, {"127.0.0.1:1", "127.9.9.9:65535", "[::1]:9812"},
		{"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1x",
		    "::1:9812", "[::1]", "[::1]9812", "[127.0.0.1]:1", "localhost:1", "0.0.0.0:1",
		    "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1", "127.0.0.1:18446744073709551617"}},
	};
	const struct yaml_file file = {.path = "x"};
	const struct node node = {.file = &file, .line = 1, .column = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena a = {0};
		struct diag d = {.arena = &a};

		for (size_t k = 0; k < 12 && cases[i].fine[k]; k++) {
			const struct text t = {cases[i].fine[k], &node};

			if (!cases[i].check(&d, &t) || d.errors)
				fail_msg("%zu: '%s' is refused", i, t.s);
		}
		for (size_t k = 0; k < 20 && cases[i].wrong[k]; k++) {
			const struct text t = {cases[i].wrong[k], &node};

			if (cases[i].check(&d, &t) || d.errors != k + 1)
				fail_msg("%zu: '%s' is taken", i, t.s);
		}
		assert_true(cases[i].check(&d, &(struct text){NULL, NULL}));
		arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_channels_of_all_kinds),
	    cmocka_unit_test(test_metrics_and_fleet),
	    cmocka_unit_test(test_nothing_configured_is_nothing_done),
	    cmocka_unit_test(test_small_fleet_has_safe_defaults),
	    cmocka_unit_test(test_bans_of_others_are_of_rules_of_their_own),
	    cmocka_unit_test(test_only_trusted_rules_are_taken),
	    cmocka_unit_test(test_printed_reads_back_equal),
	    cmocka_unit_test(test_unknown_user_is_told_where_it_is_needed),
	    cmocka_unit_test(test_host_without_a_name_has_the_machines),
	    cmocka_unit_test(test_rules_are_not_missed_where_none_are_read),
	    cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
