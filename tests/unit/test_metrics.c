/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The text of the metrics: what may stand in a label, both formats, numbers of the shared tables;
 * the file that holds it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "herald/metrics_file.h"
#include "herald/metrics_text.h"
#include "image_build.h"

#define NOW (1795000000 * USEC_PER_SEC)

static void
label_is(const char *value, size_t n, const char *expected)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	metrics_label(&b, "a", value, n);
	assert_string_equal(b.text, expected);
}

static void
labels_hold_any_bytes(void **state)
{
	(void)state;
	label_is("plain", 5, "a=\"plain\"");
	label_is("", 0, "a=\"\"");
	label_is("a\\b\"c\nd", 7, "a=\"a\\\\b\\\"c\\nd\"");
	label_is("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
	    "a=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* No UTF-8, cut, too long a form, a surrogate; control characters. */
	label_is("x\xffy", 3, "a=\"x\xef\xbf\xbdy\"");
	label_is("x\xc3", 2, "a=\"x\xef\xbf\xbd\"");
	label_is("\xc0\xaf", 2, "a=\"\xef\xbf\xbd\xef\xbf\xbd\"");
	label_is("\xed\xa0\x80", 3, "a=\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	label_is("\0\r\x1b", 3, "a=\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void
labels_stand_one_behind_the_other(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	(void)state;
	metrics_label_text(&b, "a", "1");
	metrics_label_text(&b, "b", "2");
	assert_string_equal(b.text, "a=\"1\",b=\"2\"");
}

static const struct metric counter = {"x_read_bytes", METRIC_COUNTER, "bytes", "Read."};
static const struct metric gauge = {"x_now", METRIC_GAUGE, NULL, "Now."};
static const struct metric about = {"x_build", METRIC_INFO, NULL, "About."};
static const struct metric light = {"x_light", METRIC_STATE, NULL, "Light."};
static const struct metric span = {"x_seconds", METRIC_HISTOGRAM, "seconds", "Span."};

static void
write_all_types(struct strbuf *out, enum metrics_format format)
{
	static const char *const words[] = {"red", "green"};
	const uint64_t counts[] = {1, 0, 2, 4};
	struct metrics_page p = {.out = out, .format = format};

	metrics_family(&p, &counter);
	metrics_count(&p, "a=\"1\"", UINT64_MAX);
	metrics_one(&p, &gauge, 0);
	metrics_family(&p, &about);
	metrics_count(&p, "v=\"1\"", 1);
	metrics_family(&p, &light);
	metrics_state(&p, "a=\"1\"", words, 2, 1);
	metrics_histogram(&p, &span, counts, 3, 64, 1500000);
	metrics_end(&p);
}

static void
both_formats_as_they_are_specified(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf open = {0}, plain = {0};

	(void)state;
	write_all_types(&open, METRICS_OPEN);
	assert_string_equal(open.text, "# TYPE x_read_bytes counter\n"
				       "# UNIT x_read_bytes bytes\n"
				       "# HELP x_read_bytes Read.\n"
				       "x_read_bytes_total{a=\"1\"} 18446744073709551615\n"
				       "# TYPE x_now gauge\n"
				       "# HELP x_now Now.\n"
				       "x_now 0\n"
				       "# TYPE x_build info\n"
				       "# HELP x_build About.\n"
				       "x_build_info{v=\"1\"} 1\n"
				       "# TYPE x_light stateset\n"
				       "# HELP x_light Light.\n"
				       "x_light{a=\"1\",x_light=\"red\"} 0\n"
				       "x_light{a=\"1\",x_light=\"green\"} 1\n"
				       "# TYPE x_seconds histogram\n"
				       "# UNIT x_seconds seconds\n"
				       "# HELP x_seconds Span.\n"
				       "x_seconds_bucket{le=\"6.4e-05\"} 1\n"
				       "x_seconds_bucket{le=\"0.000128\"} 1\n"
				       "x_seconds_bucket{le=\"0.000256\"} 3\n"
				       "x_seconds_bucket{le=\"+Inf\"} 7\n"
				       "x_seconds_count 7\n"
				       "x_seconds_sum 1.500000\n"
				       "# EOF\n");
	write_all_types(&plain, METRICS_PLAIN);
	assert_non_null(strstr(plain.text, "# TYPE x_read_bytes_total counter\n"));
	assert_non_null(strstr(plain.text, "# TYPE x_build_info gauge\n"));
	assert_non_null(strstr(plain.text, "# TYPE x_light gauge\n"));
	assert_null(strstr(plain.text, "# UNIT"));
	assert_null(strstr(plain.text, "# EOF"));
}

/* --- the tables --- */

struct stage {
	struct image_build *build;
	struct herald herald;
	struct stats stats;
	struct figures figures;
	struct strbuf text;
};

static int
set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	int fd;

	s->build = image_build_new();
	image_build_add(s->build, IMAGE_FILTERS,
	    &(struct image_filter){.name = image_build_str(s->build, "sshd")});
	image_build_add(s->build, IMAGE_FILTERS,
	    &(struct image_filter){.name = image_build_str(s->build, "own"), .builtin = 1});
	fd = image_build_fd(s->build);
	assert_int_equal(image_open(&s->herald.image, fd), 0);
	close(fd);
	s->herald.stats = &s->stats;
	s->herald.figures = &s->figures;
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct stage *s = *state;

	image_close(&s->herald.image);
	image_build_free(s->build);
	strbuf_fini(&s->text);
	free(s);
	return 0;
}

static const char *
text_of(struct stage *s, bool up)
{
	const struct metrics_own own = {.scrapes = 3, .port_ok = true};

	strbuf_reset(&s->text);
	metrics_write(&s->text, METRICS_OPEN, &s->herald, up, &own, NOW);
	return s->text.text;
}

#define has_line(text, line)    assert_non_null(strstr(text, "\n" line "\n"))
#define has_no_line(text, line) assert_null(strstr(text, "\n" line))

static void
shows_what_the_reader_counted(void **state)
{
	struct stage *s = *state;
	const char *text;

	s->stats.sources[0] = (struct stats_source){.key = 1,
	    .state = STATS_LIVE,
	    .kind = SOURCE_FILE,
	    .lines = 7,
	    .bytes = 70,
	    .lag_bytes = 5,
	    .behind = NOW - 1500000,
	    .last_line = NOW,
	    .name = "/var/log/a"};
	s->stats.sources[9] = (struct stats_source){.key = 2,
	    .state = STATS_ABSENT,
	    .kind = SOURCE_DOCKER,
	    .lines = 1,
	    .behind = NOW - 1500000,
	    .name = "c\"1"};
	s->stats.filters[0].matched = 4;
	text = text_of(s, true);
	has_line(text, "guardd_source_lines_total{source=\"/var/log/a\",kind=\"file\"} 7");
	has_line(text, "guardd_source_read_bytes_total{source=\"/var/log/a\",kind=\"file\"} 70");
	has_line(text, "guardd_source_lag_bytes{source=\"/var/log/a\",kind=\"file\"} 5");
	has_line(text, "guardd_source_lag_seconds{source=\"/var/log/a\",kind=\"file\"} 1.500000");
	has_line(text, "guardd_source_lag_seconds{source=\"c\\\"1\",kind=\"docker\"} 0.000000");
	has_line(text, "guardd_source_state{source=\"/var/log/"
		       "a\",kind=\"file\",guardd_source_state=\"live\"} 1");
	has_line(text, "guardd_source_state{source=\"c\\\"1\",kind=\"docker\",guardd_source_state="
		       "\"live\"} 0");
	has_line(text, "guardd_source_last_line_time_seconds{source=\"/var/log/a\",kind=\"file\"} "
		       "1795000000.000000");
	has_no_line(text, "guardd_source_last_line_time_seconds{source=\"c");
	has_line(text, "guardd_filter_matches_total{filter=\"sshd\"} 4");
	assert_null(strstr(text, "\"own\""));
}

/* Names that were cut may be the same. */
static void
no_two_samples_are_alike(void **state)
{
	struct stage *s = *state;
	const char *text;

	for (int i = 0; i < 3; i++) {
		s->stats.sources[i] = (struct stats_source){.key = (uint64_t)i + 1,
		    .state = STATS_LIVE,
		    .kind = SOURCE_FILE,
		    .lines = (uint64_t)i + 1};
		memset(s->stats.sources[i].name, 'x', sizeof(s->stats.sources[i].name));
	}
	text = text_of(s, true);
	assert_non_null(strstr(text, "x\",kind=\"file\"} 1\n"));
	assert_non_null(strstr(text, "x\",kind=\"file\",key=\"0000000000000002\"} 2\n"));
	assert_non_null(strstr(text, "x\",kind=\"file\",key=\"0000000000000003\"} 3\n"));
}

/* What a reader that was taken over may write. */
static void
nonsense_of_the_reader_is_shown_as_numbers(void **state)
{
	struct stage *s = *state;
	const char *text;

	memset(&s->stats, 0xff, sizeof(s->stats));
	text = text_of(s, true);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_true(strncmp(line, "guardd_", 7) == 0 || strncmp(line, "# ", 2) == 0);
	has_line(text, "guardd_hits_lost_total 18446744073709551615");
}

static void
shows_what_the_judge_counted(void **state)
{
	struct stage *s = *state;
	struct figures *f = &s->figures;
	const char *text;

	f->offences = 12;
	f->bans = 3;
	f->in_kernel = 2;
	f->latency[0] = 1;
	f->latency[FIGURES_LATENCY] = 1;
	f->latency_us = 40000050;
	f->n_rules = 2;
	f->rules[1] = (struct figures_rule){
	    .name = "ssh", .offences = 9, .held = 2, .tallies = 4, .packets = 6, .bytes = 600};
	f->roles[ROLE_READER] = (struct figures_role){.pid = 4, .restarts = 2, .started = NOW};
	text = text_of(s, true);
	has_line(text, "guardd_up 1");
	has_line(text, "guardd_offences_total 12");
	has_line(text, "guardd_bans_active 3");
	has_line(text, "guardd_bans_in_kernel 2");
	has_line(text, "guardd_rule_offences_total{rule=\"ssh\"} 9");
	has_line(text, "guardd_rule_bans_active{rule=\"ssh\"} 2");
	has_line(text, "guardd_rule_tallies{rule=\"ssh\"} 4");
	has_line(text, "guardd_rule_dropped_packets_total{rule=\"ssh\"} 6");
	has_line(text, "guardd_rule_dropped_bytes_total{rule=\"ssh\"} 600");
	assert_null(strstr(text, "rule=\"\"")); /* a free row */
	has_line(text, "guardd_ban_latency_seconds_bucket{le=\"6.4e-05\"} 1");
	has_line(text, "guardd_ban_latency_seconds_bucket{le=\"33.554432\"} 1");
	has_line(text, "guardd_ban_latency_seconds_bucket{le=\"+Inf\"} 2");
	has_line(text, "guardd_ban_latency_seconds_sum 40.000050");
	has_line(text, "guardd_role_restarts_total{role=\"reader\"} 2");
	has_line(text, "guardd_role_up{role=\"reader\"} 1");
	has_line(text, "guardd_role_up{role=\"keeper\"} 0");
	has_no_line(text, "guardd_fleet_");
	/* Gone: its last words stand, but nothing of it runs. */
	text = text_of(s, false);
	has_line(text, "guardd_up 0");
	has_line(text, "guardd_role_up{role=\"reader\"} 0");
	has_line(text, "guardd_offences_total 12");
}

static void
without_guardd_it_says_so(void **state)
{
	struct stage *s = *state;
	const char *text;

	s->herald.stats = NULL;
	s->herald.figures = NULL;
	text = text_of(s, false);
	has_line(text, "guardd_up 0");
	has_line(text, "guardd_metrics_scrapes_total 3");
	has_line(text, "guardd_metrics_port_up 1");
	has_line(text, "guardd_metrics_file_up 0");
	has_no_line(text, "guardd_source");
	has_no_line(text, "guardd_rule");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void
cells_that_look_alike_are_one_with_the_worst_state(void **state)
{
	struct stage *s = *state;
	struct proof_header head = {.n = 5, .made = NOW - 2 * USEC_PER_SEC};
	struct proof_cell cells[5] = {
	    {.kind = PROOF_PORT,
		.state = PROOF_LATENT,
		.family = 4,
		.proto = 6,
		.port = 389,
		.port_high = 389},
	    {.kind = PROOF_PORT,
		.state = PROOF_OPEN,
		.family = 4,
		.proto = 6,
		.port = 389,
		.port_high = 389},
	    {.kind = PROOF_PORT,
		.state = PROOF_PROVEN,
		.family = 6,
		.proto = 17,
		.port = 500,
		.port_high = 600},
	    {.kind = PROOF_DUAL_STACK, .state = PROOF_DEPENDS},
	    {.kind = PROOF_PORT,
		.state = PROOF_PROVEN,
		.family = 4,
		.proto = 6,
		.port = 389,
		.port_high = 389},
	};
	const char *text;

	s->herald.proof = (struct proof){.head = &head, .cells = cells, .text = "ldap"};
	s->herald.have_proof = true;
	text = text_of(s, true);
	has_line(text, "guardd_exposure_proof_age_seconds 2.000000");
	has_line(text, "guardd_exposure_cells{state=\"proven\"} 2");
	has_line(text, "guardd_exposure_cells{state=\"open\"} 1");
	has_line(text, "guardd_exposure_state{rule=\"ldap\",kind=\"port\",proto=\"tcp\",port="
		       "\"389\",family=\"ipv4\"} 4");
	has_line(text, "guardd_exposure_state{rule=\"ldap\",kind=\"port\",proto=\"udp\",port=\"500-"
		       "600\",family=\"ipv6\"} 0");
	has_line(text, "guardd_exposure_state{rule=\"ldap\",kind=\"dual-stack\",proto=\"\",port="
		       "\"\",family=\"\"} 2");
	assert_null(strstr(strstr(text, "port=\"389\"") + 1, "port=\"389\""));
}

/* --- the file --- */

static void
read_file(const char *path, char *buf, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, size - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
}

static void
the_file_is_replaced_as_a_whole(void **state)
{
	char dir[] = "/tmp/guardd-metrics-XXXXXX", path[64], temporary[64], victim[64], buf[64];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/g.prom", dir);
	snprintf(temporary, sizeof(temporary), "%s/.g.prom.new", dir);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	assert_int_equal(metrics_file_write(path, "one\n", 4), 0);
	read_file(path, buf, sizeof(buf));
	assert_string_equal(buf, "one\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	/* A link in the place of the temporary file is not followed. */
	assert_int_equal(symlink(victim, temporary), 0);
	assert_int_equal(metrics_file_write(path, "two\n", 4), 0);
	read_file(path, buf, sizeof(buf));
	assert_string_equal(buf, "two\n");
	assert_int_equal(access(victim, F_OK), -1);
	assert_int_equal(access(temporary, F_OK), -1);
	metrics_file_remove(path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(metrics_file_write(path, "x", 1), -ENOENT);
	assert_int_equal(metrics_file_write("relative", "x", 1), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(labels_hold_any_bytes),
	    cmocka_unit_test(labels_stand_one_behind_the_other),
	    cmocka_unit_test(both_formats_as_they_are_specified),
	    cmocka_unit_test_setup_teardown(shows_what_the_reader_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_two_samples_are_alike, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		nonsense_of_the_reader_is_shown_as_numbers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(shows_what_the_judge_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_guardd_it_says_so, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		cells_that_look_alike_are_one_with_the_worst_state, set_up, tear_down),
	    cmocka_unit_test(the_file_is_replaced_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
