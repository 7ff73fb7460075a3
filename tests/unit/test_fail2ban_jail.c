/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From fail2ban's jails to guardd's rules: which are taken, with which values; what differs, what
 * has no counterpart and what is wrong is in the report with its place.
 */
#include "fail2ban_world.h"

#include "conf/fail2ban_port.h"
#include "conf/fail2ban_rule.h"
#include "conf/fail2ban_shipped.h"

static const char base[] =
    "[DEFAULT]\n"
    "bantime = 10m\nfindtime = 10m\nmaxretry = 5\nbackend = auto\nport = 0:65535\n"
    "protocol = tcp\nenabled = false\nfilter = %(__name__)s\n"
    "banaction = ports\nbanaction_allports = all\n"
    "action_ = %(banaction)s[port=\"%(port)s\", protocol=\"%(protocol)s\"]\n"
    "action = %(action_)s\nlogpath = /var/log/x.log\n";

static void
world_open(struct tree *t)
{
	tree_open(t);
	put(t, "jail.conf", base);
	put(t, "filter.d/one.conf",
	    "[Definition]\nfailregex = ^bad <HOST>$\njournalmatch = _SYSTEMD_UNIT=one.service\n");
	put(t, "action.d/ports.conf",
	    "[Definition]\nactionstart = iptables -p <protocol> -m multiport --dports <port>\n"
	    "actionban = iptables -s <ip>\n[Init]\nport = ssh\n");
	put(t, "action.d/all.conf", "[Definition]\nactionban = nft add <ip>\n");
	put(t, "action.d/own.conf", "[Definition]\nactionban = /usr/local/bin/own <ip>\n");
	put(t, "action.d/sendmail-whois.conf", "[Definition]\nactionban = sendmail\n");
}

/* The rule of jail NAME of a jail.local. */
static const char *
rule_with(struct tree *t, const char *local, const char *name, const struct f2b_recidive *recidive)
{
	static const struct f2b_recidive none;
	struct f2b_rule_as as = {
	    .name = "r", .filter = "f", .recidive = recidive ? recidive : &none};
	struct strbuf out = {0}, scope = {0};
	struct list jails = {0};
	const struct f2b_jail *j;
	const char *text;

	put(t, "jail.local", local);
	tree_load(t);
	f2b_jails(t->f, &jails);
	j = find_jail(&jails, name);
	if (!j)
		return NULL;
	t->report.jail = name;
	if (f2b_scope(t->f, j, &scope) == -ENOENT) {
		strbuf_fini(&scope);
		return NULL;
	}
	as.scope = scope.text;
	f2b_rule_yaml(t->f, j, &as, &out);
	text = arena_dup(&t->arena, out.text, out.len);
	strbuf_fini(&scope);
	strbuf_fini(&out);
	return text;
}

struct rule_case {
	const char *options, *rule; /* rule: what stands behind "filters: [f]\n"; NULL: none */
	enum f2b_kind kind;         /* of a note */
	uint32_t line;              /* its line in jail.local; 0: none is looked for */
	const char *note;
};

#define TIMES "points: 5\nwithin: 10m\nfor: 10m\n"

static const struct rule_case cases[] = {
    {"", TIMES, F2B_TAKEN, 0, NULL},
    {"maxretry = 3\nbantime = 1d 12h\nfindtime = 1w", "points: 3\nwithin: 1w\nfor: 36h\n",
	F2B_TAKEN, 4, "bantime -> for: 36h"},
    {"maxretry = 0", "points: 1\nwithin: 10m\nfor: 10m\n", F2B_DIFFERS, 3, "guardd has 1"},
    {"maxretry = many", "points: 3\nwithin: 10m\nfor: 10m\n", F2B_ERROR, 3, "no number"},
    {"bantime = -1", "points: 5\nwithin: 10m\nfor: 3660d\n", F2B_DIFFERS, 3, "for good"},
    {"bantime = long", TIMES, F2B_ERROR, 3, "no time"},
    {"findtime = 2y", "points: 5\nwithin: 366d\nfor: 10m\n", F2B_DIFFERS, 3, "1s to 366d"},
    {"bantime.increment = true", TIMES "escalate: {factor: 2.000, max: 3660d, forget: 1d}\n",
	F2B_TAKEN, 3, "2 times"},
    {"bantime.increment = true\nbantime.maxtime = 5w",
	TIMES "escalate: {factor: 2.000, max: 5w, forget: 1d}\n", F2B_TAKEN, 3, "at most 5w"},
    {"bantime.increment = yes\nbantime.multipliers = 1 3 9 27",
	TIMES "escalate: {factor: 3.000, max: 270m, forget: 1d}\n", F2B_TAKEN, 3, "3 times"},
    {"bantime.increment = true\nbantime.multipliers = 1 5 30 60",
	TIMES "escalate: {factor: 3.915, max: 10h, forget: 1d}\n", F2B_DIFFERS, 4, "by one factor"},
    {"bantime.increment = true\nbantime.formula = ban.Time * "
     "math.exp(float(ban.Count+1)*banFactor)/"
     "math.exp(1*banFactor)\nbantime.factor = 2.0 / 2.885385",
	TIMES "escalate: {factor: 2.000, max: 3660d, forget: 1d}\n", F2B_TAKEN, 3, "2 times"},
    {"bantime.increment = true\nbantime.formula = ban.Time + 7",
	TIMES "escalate: {factor: 2.000, max: 3660d, forget: 1d}\n", F2B_LOST, 4, "none of those"},
    {"bantime.increment = true\nbantime.rndtime = 2m\nbantime.overalljails = true",
	TIMES "escalate: {factor: 2.000, max: 3660d, forget: 1d}\n", F2B_LOST, 4, "rndtime"},
    {"bantime.increment = true\nbantime.maxtime = 5m", TIMES, F2B_DIFFERS, 4, "cannot grow"},
    {"port = 22,2222", TIMES "scope: service\nports: [tcp/22, tcp/2222]\n", F2B_TAKEN, 3,
	"bans from tcp/22, tcp/2222"},
    {"port = 6000:6010\nprotocol = udp", TIMES "scope: service\nports: [udp/6000-6010]\n",
	F2B_TAKEN, 0, NULL},
    {"port = 53\nprotocol = all", TIMES "scope: service\nports: [tcp/53, udp/53]\n", F2B_TAKEN, 0,
	NULL},
    {"port = 25,no-such-service\n", TIMES "scope: service\nports: [tcp/25]\n", F2B_DIFFERS, 3,
	"only from tcp/25"},
    {"port = no-such-service", NULL, F2B_LOST, 3, "left out"},
    {"port = 22:70000", NULL, F2B_ERROR, 3, "22:70000 is not known for tcp"},
    {"port = 70000,80-22", NULL, F2B_LOST, 3, "left out"},
    {"port =", NULL, F2B_LOST, 3, "left out"},
    {"port = 22\nprotocol = icmp", NULL, F2B_LOST, 3, "left out"},
    {"port = 22\nprotocol = icmp tcp", TIMES "scope: service\nports: [tcp/22]\n", F2B_DIFFERS, 3,
	"only from tcp/22"},
    {"port = ssmtp imap2 imap3 sieve ftps-data",
	TIMES "scope: service\nports: [tcp/465, tcp/143, "
	      "tcp/220, tcp/4190, tcp/989]\n",
	F2B_TAKEN, 0, NULL},
    {"banaction = %(banaction_allports)s\nport = 22", TIMES, F2B_TAKEN, 0, NULL},
    {"action = ports[port=25]\n  ports[port=\"587\", protocol=tcp]",
	TIMES "scope: service\nports: [tcp/25, tcp/587]\n", F2B_TAKEN, 3, "tcp/25, tcp/587"},
    {"action = own", TIMES, F2B_LOST, 3, "action own is not known"},
    {"action = sendmail-whois[name=x]", TIMES "dry_run: yes\n", F2B_LOST, 3, "sends mail"},
    {"action = none-such", TIMES, F2B_ERROR, 3, "no action.d/none-such.conf"},
    {"ignoreip = 127.0.0.1/8 ::1,2001:db8::1/32\n 192.0.2.0/255.255.255.0",
	TIMES "never_ban: ['127.0.0.0/8', '::1', '2001:db8::/32', '192.0.2.0/24']\n", F2B_TAKEN, 3,
	"4 entries"},
    {"ignoreip = host.example.org", TIMES "never_ban: [host.example.org]\n", F2B_DIFFERS, 3,
	"asked for"},
    {"ignoreip = localhost", TIMES, F2B_LOST, 3, "localhost"},
    {"ignoreip = file:/nowhere", TIMES, F2B_ERROR, 3, "cannot be read"},
    {"ignorecommand = /bin/true <ip>", TIMES, F2B_LOST, 3, "starts no programs"},
    {"ignoreself = false", TIMES, F2B_DIFFERS, 3, "never banned"},
    {"usedns = warn", TIMES, F2B_DIFFERS, 3, "never looked up"},
    {"usedns = maybe", TIMES, F2B_ERROR, 3, "it is no there"},
    {"findtim = 3", TIMES, F2B_ERROR, 3, "(is it findtime?)"},
    {"max_retry = 3", TIMES, F2B_ERROR, 3, "(is it maxretry?)"},
    {"bantim = 3", TIMES, F2B_ERROR, 3, "(is it bantime?)"},
    {"colour = red", TIMES, F2B_ERROR, 3, "does nothing there either"},
    {"backend = sistemd", TIMES, F2B_ERROR, 3, "none of that name"},
    {"ignoreself = tru", TIMES, F2B_ERROR, 3, "neither yes nor no"},
    {"bantime.increment = tru", TIMES, F2B_ERROR, 3, "neither yes nor no"},
    {"chain = INPUT", TIMES, F2B_DIFFERS, 3, "one chain"},
    {"sender = a@example.org\nmta = mail", TIMES, F2B_DIFFERS, 3, "of mail"},
};

static void
test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct rule_case *c = &cases[i];
		struct tree t;
		char local[1024], wanted[1024];
		const char *rule;

		world_open(&t);
		snprintf(local, sizeof(local), "[one]\nenabled = true\n%s\n", c->options);
		snprintf(
		    wanted, sizeof(wanted), "ban: r\nfilters: [f]\n%s", c->rule ? c->rule : "");
		rule = rule_with(&t, local, "one", NULL);
		assert_int_equal(!rule, !c->rule);
		if (rule)
			assert_string_equal(rule, wanted);
		if (c->line)
			assert_true(has_note(&t, c->kind, "/jail.local", c->line, c->note));
		tree_close(&t);
	}
}

/* An option that another refers to is one, though the reference itself does not know it. */
static void
test_options(void **state)
{
	const struct f2b_note *n;
	struct tree t;

	(void)state;
	world_open(&t);
	assert_non_null(rule_with(&t,
	    "[DEFAULT]\nmine = 7\nfindtim = 8\nmta = mail\n[one]\nenabled = 1\nmaxretry = "
	    "%(mine)s\n"
	    "own = 3\nfindtime = %(one/own)s\nsender = x\n[two]\nenabled = tru\nmax_retry = 1\n",
	    "one", NULL));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 3, "findtime?"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 12, "neither yes nor no"));
	assert_true(has_note(&t, F2B_DIFFERS, "/jail.local", 10, "of mail"));
	assert_int_equal(t.report.count[F2B_ERROR], 2);
	assert_int_equal(t.report.count[F2B_LOST], 0);
	assert_int_equal(t.f->enabled, 1);
	n = t.report.notes.items;
	for (size_t i = 0; i < t.report.notes.n; i++)
		assert_null(strstr(n[i].text, "own:"));
	tree_close(&t);
}

/* The defaults are for all rules, host names in a group; a jail's own are its rule's. */
static void
test_never_ban_of_all(void **state)
{
	struct strbuf out = {0};
	struct tree t;

	(void)state;
	world_open(&t);
	assert_non_null(
	    strstr(rule_with(&t,
		       "[DEFAULT]\nignoreip = 192.0.2.1 a.example.org\n[one]\nenabled = 1\n"
		       "ignoreip = 192.0.2.2\n",
		       "one", NULL),
		"never_ban: ['192.0.2.2']\n"));
	assert_true(has_note(&t, F2B_DIFFERS, "/jail.local", 5, "of the jail's own"));
	f2b_never_main(t.f, &out);
	assert_non_null(strstr(out.text,
	    "\ngroups: {f2b-ignoreip: [a.example.org]}\nnever_ban: [f2b-ignoreip, '192.0.2.1']\n"));
	strbuf_fini(&out);
	tree_close(&t);
}

/* Names of ports where there is no /etc/services. */
static void
test_ports_without_services(void **state)
{
	static const struct {
		const char *name, *proto;
		int number;
	} ports[] = {{"ssh", "tcp", 22}, {"ssh", "udp", 22}, {"imap2", "tcp", 143},
	    {"submissions", "tcp", 465}, {"sieve", "udp", -1}, {"22", "sctp", 22},
	    {"65536", "tcp", -1}, {"sssh", "tcp", -1}, {"22x", "tcp", -1}, {"", "tcp", -1}};
	struct tree t;

	(void)state;
	world_open(&t);
	tree_load(&t);
	for (size_t i = 0; i < t.f->files.n; i++) {
		struct f2b_file *file = ((struct f2b_file **)t.f->files.items)[i];

		if (strcmp(file->path, "/etc/services") == 0)
			file->text = NULL;
	}
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		assert_int_equal(
		    f2b_port_number(t.f, ports[i].name, ports[i].proto), ports[i].number);
	tree_close(&t);
}

/* The table has what rules/ has. */
static void
test_shipped(void **state)
{
	(void)state;
	for (const struct shipped_rule *s = shipped_rules; s->rule; s++) {
		char path[64], text[8192] = "", line[256];
		size_t n = (size_t)snprintf(line, sizeof(line), "\nfilters: [");
		FILE *f;

		for (size_t i = 0; s->filters[i]; i++)
			n += (size_t)snprintf(
			    line + n, sizeof(line) - n, "%s%s", i ? ", " : "", s->filters[i]);
		snprintf(line + n, sizeof(line) - n, "]\n");
		snprintf(path, sizeof(path), "rules/%s.yaml", s->rule);
		f = fopen(path, "r");
		assert_non_null(f);
		assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
		fclose(f);
		assert_non_null(strstr(text, line));
	}
	assert_true(shipped_covers("sshd", "sshd"));
	assert_true(shipped_covers("nginx-http-auth", "nginx-auth"));
	assert_false(shipped_covers("sshd", "dropbear"));
}

static void
test_file_of_addresses(void **state)
{
	struct tree t;
	char local[256];

	(void)state;
	world_open(&t);
	put(&t, "friends.txt", "# friends\n192.0.2.1 192.0.2.2 ; two\n\n2001:db8::/48\nnonsense\n");
	snprintf(
	    local, sizeof(local), "[one]\nenabled = 1\nignoreip = file://%s/friends.txt\n", t.dir);
	assert_non_null(strstr(rule_with(&t, local, "one", NULL),
	    "never_ban: ['192.0.2.1', '192.0.2.2', '2001:db8::/48']"));
	assert_true(has_note(&t, F2B_LOST, "/friends.txt", 5, "nonsense"));
	assert_true(has_note(&t, F2B_DIFFERS, "/jail.local", 3, "not read again"));
	tree_close(&t);
}

static void
test_recidive(void **state)
{
	static const char local[] =
	    "[one]\nenabled = true\n[recidive]\nenabled = true\nfilter = one\n"
	    "logpath = /var/log/fail2ban.log\nmaxretry = 5\nbantime = 1w\n"
	    "findtime = 1d\n";
	struct f2b_recidive r = {0};
	struct list jails = {0};
	struct tree t;
	const struct f2b_jail *j;

	(void)state;
	world_open(&t);
	put(&t, "jail.local", local);
	tree_load(&t);
	f2b_jails(t.f, &jails);
	assert_int_equal(jails.n, 2);
	assert_false(f2b_is_recidive(t.f, find_jail(&jails, "one"), &r));
	j = find_jail(&jails, "recidive");
	assert_true(f2b_is_recidive(t.f, j, &r));
	assert_ptr_equal(r.jail, j);
	assert_true(r.bans == 5 && r.within == 86400 && r.duration == 604800);
	/* 10m * 5.635^4 is a week. */
	assert_non_null(strstr(
	    rule_with(&t, local, "one", &r), "escalate: {factor: 5.635, max: 1w, forget: 1d}\n"));
	assert_true(has_note(
	    &t, F2B_DIFFERS, "/jail.local", 8, "ban number 5 of one rule within 1d lasts 1w"));
	tree_close(&t);
}

static void
test_sources(void **state)
{
	static const struct rule_case sources[] = {
	    {"logpath = /var/log/a.log tail\n  /var/log/b/*.log\n /var/log/a.log",
		"sources:\n  - file: [/var/log/a.log, '/var/log/b/*.log']\n    header: none\n",
		F2B_TAKEN, 3, "reads /var/log/a.log, /var/log/b/*.log"},
	    {"logtimezone = UTC+0200",
		"sources:\n  - file: [/var/log/x.log]\n    header: none\n    "
		"zone: Etc/GMT-2\n",
		F2B_TAKEN, 3, "Etc/GMT-2"},
	    {"logtimezone = UTC+0530", "sources:\n  - file: [/var/log/x.log]\n    header: none\n",
		F2B_LOST, 3, "+0530"},
	    {"logencoding = latin-1", "sources:\n  - file: [/var/log/x.log]\n    header: none\n",
		F2B_DIFFERS, 3, "UTF-8"},
	    {"logpath = log/x", NULL, F2B_ERROR, 3, "no whole path"},
	    {"logpath =", NULL, F2B_ERROR, 0, NULL},
	    {"backend = systemd", "sources:\n  - journal: {unit: [one.service]}\n", F2B_TAKEN, 0,
		NULL},
	    {"backend = systemd[journalflags=1]", "sources:\n  - journal: {unit: [one.service]}\n",
		F2B_TAKEN, 0, NULL},
	    {"backend = systemd\njournalmatch = _SYSTEMD_UNIT=a.service + _COMM=b "
	     "+ \"SYSLOG_IDENTIFIER=c d\" + SYSLOG_FACILITY=10",
		"sources:\n  - journal: {unit: [a.service], identifier: [b, 'c d'], facility: "
		"[authpriv]}\n",
		F2B_DIFFERS, 4, "_COMM=b"},
	    {"backend = systemd\njournalmatch = _SYSTEMD_UNIT=a.service _UID=0",
		"sources:\n  - journal: {unit: [a.service]}\n", F2B_DIFFERS, 4, "fit together"},
	    {"backend = systemd\njournalmatch = _UID=0", NULL, F2B_LOST, 4, "_UID=0"},
	    {"backend = systemd\njournalmatch =", NULL, F2B_LOST, 4, "whole journal"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		const struct rule_case *c = &sources[i];
		struct strbuf out = {0};
		struct list jails = {0};
		struct tree t;
		char local[1024];
		int r;

		world_open(&t);
		snprintf(local, sizeof(local), "[one]\nenabled = true\n%s\n", c->options);
		put(&t, "jail.local", local);
		tree_load(&t);
		f2b_jails(t.f, &jails);
		assert_int_equal(jails.n, 1);
		r = f2b_sources(t.f, jails.items, &out);
		assert_int_equal(r, c->rule ? 0 : -ENOENT);
		if (c->rule)
			assert_string_equal(out.text, c->rule);
		if (c->line)
			assert_true(has_note(&t, c->kind, "/jail.local", c->line, c->note));
		strbuf_fini(&out);
		tree_close(&t);
	}
}

/* What is wrong with one jail leaves the others. */
static void
test_broken_jails(void **state)
{
	struct list jails = {0};
	struct tree t;

	(void)state;
	world_open(&t);
	put(&t, "jail.local",
	    "[one]\nenabled = true\n"
	    "[two]\nenabled = true\n"
	    "[three]\nenabled = true\nfilter = one[x\n"
	    "[four]\nenabled = true\nfilter = one\nlogpath = %(nowhere)s\n"
	    "[five]\nenabled = %(nowhere)s\n"
	    "[six]\nenabled = true\nfilter = bad\n"
	    "[seven]\nenabled = false\nfilter = absent\n"
	    "[eight]\nenabled = true\nfilter = one\naction = ports[\n"
	    "[nine]\nenabled = on\nfilter = one\nfailregex = ^mine\n   %(known/failregex)s\n"
	    "[ten]\nenabled = true\nfilter =\nfailregex = ^alone <HOST>$\n"
	    "[eleven]\nenabled = true\nfilter = common\n");
	put(&t, "filter.d/common.conf", "[DEFAULT]\nx = y\n");
	put(&t, "filter.d/bad.conf", "[Definition]\nfailregex = %(nowhere)s\n");
	tree_load(&t);
	f2b_jails(t.f, &jails);
	assert_int_equal(jails.n, 3);
	assert_int_equal(t.f->enabled, 9);
	assert_string_equal(
	    f2b_get(&find_jail(&jails, "ten")->definition, "failregex")->text, "^alone <HOST>$");
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 35, "has no [Definition]"));
	assert_non_null(find_jail(&jails, "one"));
	assert_string_equal(f2b_get(&find_jail(&jails, "nine")->definition, "failregex")->text,
	    "^mine\n^bad <HOST>$");
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 9, "no filter.d/two.conf"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 7, "not closed"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 11, "unknown option: nowhere"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 13, "unknown option: nowhere"));
	assert_true(has_note(&t, F2B_ERROR, "/bad.conf", 2, "unknown option: nowhere"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 23, "not closed"));
	tree_close(&t);
}

static void
test_lets_in(void **state)
{
	struct list jails = {0};
	struct tree t;

	(void)state;
	world_open(&t);
	put(&t, "jail.local", "[one]\nenabled = true\naction = all[blocktype=RETURN]\n");
	tree_load(&t);
	f2b_jails(t.f, &jails);
	assert_int_equal(jails.n, 1);
	assert_true(f2b_lets_in(t.f, jails.items));
	assert_true(has_note(&t, F2B_LOST, "/jail.local", 3, "lets in"));
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_never_ban_of_all),
	    cmocka_unit_test(test_ports_without_services),
	    cmocka_unit_test(test_shipped),
	    cmocka_unit_test(test_file_of_addresses),
	    cmocka_unit_test(test_recidive),
	    cmocka_unit_test(test_sources),
	    cmocka_unit_test(test_broken_jails),
	    cmocka_unit_test(test_lets_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
