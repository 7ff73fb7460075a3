/* links: herald */
/* What the counters show, look by look; time is an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "alert_world.h"
#include "herald/alert_watch.h"

static const struct world_channel none[] = {{0}};

struct counters {
	struct alert_world *w;
	struct alert_watch *watch;
	struct stats stats;
	struct figures figures;
	usec_t now;
};

static struct counters *
counters(void)
{
	struct counters *c = calloc(1, sizeof(*c));

	c->w = world_new(none, 0);
	assert_int_equal(alert_watch_new(&c->watch, c->w->store, c->w->states, 100), 0);
	c->stats.version = STATS_VERSION;
	c->figures.version = FIGURES_VERSION;
	c->figures.roles[ROLE_GUARDD].started = 1;
	c->figures.started = 1;
	c->now = T0;
	return c;
}

static void
counters_free(struct counters *c)
{
	alert_watch_free(c->watch);
	world_free(c->w);
	free(c);
}

static void
look(struct counters *c, unsigned times)
{
	for (; times > 0; times--) {
		c->now += WATCH_EVERY;
		alert_watch_look(c->watch, &c->stats, &c->figures, true, c->now);
	}
}

/* The herald dies and another one begins. */
static void
restart(struct counters *c)
{
	alert_watch_free(c->watch);
	world_restart(c->w, c->now);
	assert_int_equal(alert_watch_new(&c->watch, c->w->store, c->w->states, 100), 0);
}

static struct stats_source *
source(struct counters *c, unsigned i, const char *name)
{
	struct stats_source *s = &c->stats.sources[i];

	s->key = i + 1;
	s->kind = SOURCE_FILE;
	s->state = STATS_LIVE;
	strcpy(s->name, name);
	return s;
}

static void
told(struct counters *c, unsigned n, enum alert_kind kind, enum alert_telling telling,
    const char *subject)
{
	const struct alert_event *e = &c->w->told->list[n - 1];

	assert_int_equal(c->w->told->n, n);
	assert_int_equal(e->kind, kind);
	assert_int_equal(e->telling, telling);
	assert_string_equal(e->subject, subject);
}

static void
test_restarts_before_the_first_look_are_no_news(void **state)
{
	struct counters *c = counters();

	(void)state;
	c->figures.roles[ROLE_READER].restarts = 3;
	look(c, 3);
	assert_int_equal(c->w->told->n, 0);
	c->figures.roles[ROLE_READER].restarts = 4;
	look(c, 3);
	told(c, 1, ALERT_ROLE, TELL_HAPPENED, role_name(ROLE_READER));
	counters_free(c);
}

static void
test_restarts_while_the_herald_was_away_are_seen(void **state)
{
	struct counters *c = counters();

	(void)state;
	look(c, 1);
	c->figures.roles[ROLE_JUDGE].restarts = 1;
	restart(c);
	look(c, 2);
	told(c, 1, ALERT_ROLE, TELL_HAPPENED, role_name(ROLE_JUDGE));
	/* Another supervisor counts from 0. */
	c->figures.roles[ROLE_GUARDD].started = 2;
	c->figures.roles[ROLE_JUDGE].restarts = 0;
	look(c, 2);
	assert_int_equal(c->w->told->n, 1);
	c->figures.roles[ROLE_KEEPER].restarts = 1;
	look(c, 2);
	told(c, 2, ALERT_ROLE, TELL_HAPPENED, role_name(ROLE_KEEPER));
	counters_free(c);
}

static void
test_a_storm_begins_and_ends_once(void **state)
{
	struct counters *c = counters();

	(void)state;
	c->figures.bans_made = 50000;
	c->figures.n_rules = 2;
	strcpy(c->figures.rules[1].name, "ssh");
	look(c, 10);
	for (int i = 0; i < 30; i++) {
		c->figures.bans_made += 20;
		c->figures.rules[1].bans += 20;
		look(c, 1);
	}
	told(c, 1, ALERT_STORM, TELL_RAISED, "bans");
	assert_non_null(strstr(c->w->told->list[0].words, "120 bans in a minute"));
	assert_non_null(strstr(c->w->told->list[0].words, "ssh"));
	for (int i = 0; i < 30; i++) {
		c->figures.bans_made += i % 2 ? 20 : 10; /* goes on about the limit */
		look(c, 1);
	}
	assert_int_equal(c->w->told->n, 1);
	look(c, 30);
	told(c, 2, ALERT_STORM, TELL_ENDED, "bans");
	/* A new judge begins at 0: no storm. */
	c->figures.bans_made = 0;
	c->figures.started = 2;
	look(c, 2);
	c->figures.bans_made = 100;
	look(c, 10);
	assert_int_equal(c->w->told->n, 2);
	counters_free(c);
}

static void
test_a_source_that_cannot_be_read(void **state)
{
	struct counters *c = counters();
	struct stats_source *s = source(c, 0, "/var/log/auth.log");

	(void)state;
	look(c, 1);
	s->state = STATS_FAILED;
	s->error = EACCES;
	look(c, 3);
	told(c, 1, ALERT_LOST, TELL_RAISED, "/var/log/auth.log");
	assert_non_null(strstr(c->w->told->list[0].words, "Permission denied"));
	restart(c);
	look(c, 1);
	assert_int_equal(c->w->told->n, 0);
	s->state = STATS_LIVE;
	look(c, 1);
	told(c, 1, ALERT_LOST, TELL_ENDED, "/var/log/auth.log");
	counters_free(c);
}

static void
test_a_source_that_is_gone(void **state)
{
	struct counters *c = counters();
	struct stats_source *s = source(c, 0, "/var/log/auth.log");
	struct stats_source *never = source(c, 1, "/var/log/other.log");
	struct stats_source *container = source(c, 2, "web");

	(void)state;
	never->state = STATS_ABSENT;
	container->kind = SOURCE_DOCKER;
	look(c, 1);
	s->state = container->state = STATS_ABSENT;
	look(c, 29);
	assert_int_equal(c->w->told->n, 0);
	look(c, 3);
	told(c, 1, ALERT_LOST, TELL_RAISED, "/var/log/auth.log");
	s->state = STATS_LIVE;
	look(c, 1);
	told(c, 2, ALERT_LOST, TELL_ENDED, "/var/log/auth.log");
	counters_free(c);
}

static void
test_a_source_behind(void **state)
{
	struct counters *c = counters();
	struct stats_source *s = source(c, 0, "/var/log/big.log");

	(void)state;
	s->behind = T0;
	s->lag_bytes = 123;
	look(c, 5);
	assert_int_equal(c->w->told->n, 0);
	look(c, 20);
	told(c, 1, ALERT_BEHIND, TELL_RAISED, "/var/log/big.log");
	assert_int_equal(c->w->told->list[0].since, T0);
	s->behind = 0;
	look(c, 1);
	told(c, 2, ALERT_BEHIND, TELL_ENDED, "/var/log/big.log");
	/* It is not read any more while it is behind: the alert does not stay for ever. */
	s->behind = c->now - WATCH_BEHIND;
	look(c, 1);
	s->key = 0;
	s->state = STATS_FREE;
	look(c, 1);
	told(c, 4, ALERT_BEHIND, TELL_ENDED, "/var/log/big.log");
	counters_free(c);
}

static void
test_lines_lost_or_not_examined(void **state)
{
	struct counters *c = counters();
	struct stats_source *s = source(c, 0, "/var/log/big.log");

	(void)state;
	s->unexamined = 7;
	look(c, 1);
	s->unexamined = 9;
	s->lost = 1;
	c->stats.hits_lost = 5;
	look(c, 1);
	assert_int_equal(c->w->told->n, 3);
	assert_int_equal(c->w->told->list[0].kind, ALERT_LOST);
	assert_string_equal(c->w->told->list[0].subject, "lines of /var/log/big.log");
	assert_int_equal(c->w->told->list[1].kind, ALERT_LIMIT);
	assert_non_null(strstr(c->w->told->list[1].words, "2 lines"));
	assert_string_equal(c->w->told->list[2].subject, "reader");
	look(c, 10);
	assert_int_equal(c->w->told->n, 3);
	counters_free(c);
}

static void
test_counters_of_a_guardd_that_is_gone_are_not_looked_at(void **state)
{
	struct counters *c = counters();

	(void)state;
	look(c, 1);
	c->figures.roles[ROLE_JUDGE].restarts = 1;
	alert_watch_look(c->watch, &c->stats, &c->figures, false, c->now);
	alert_watch_look(c->watch, NULL, NULL, true, c->now);
	assert_int_equal(c->w->told->n, 0);
	counters_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_restarts_before_the_first_look_are_no_news),
	    cmocka_unit_test(test_restarts_while_the_herald_was_away_are_seen),
	    cmocka_unit_test(test_a_storm_begins_and_ends_once),
	    cmocka_unit_test(test_a_source_that_cannot_be_read),
	    cmocka_unit_test(test_a_source_that_is_gone),
	    cmocka_unit_test(test_a_source_behind),
	    cmocka_unit_test(test_lines_lost_or_not_examined),
	    cmocka_unit_test(test_counters_of_a_guardd_that_is_gone_are_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
