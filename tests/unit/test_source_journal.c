/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader_world.h"

#include <spawn.h>
#include <sys/wait.h>

#include "reader/journal_files.h"
#include "reader/source_journal.h"

#define REMOTE "/lib/systemd/systemd-journal-remote"

extern char **environ;

struct journal {
	struct world *w;
	char dir[128];
	uint64_t mono;
};

/* Writes n entries (texts in export format, each without its time) to one journal file. */
static void
append(struct journal *j, const char *file, const char *const *entries, size_t n)
{
	char in[256], out[256], output[300];
	char *argv[] = {REMOTE, output, in, NULL};
	posix_spawn_file_actions_t actions;
	FILE *f;
	pid_t pid;
	int status;

	snprintf(in, sizeof(in), "%s/in.export", j->w->dir);
	snprintf(out, sizeof(out), "%s/%s", j->dir, file);
	snprintf(output, sizeof(output), "--output=%s", out);
	f = fopen(in, "w");
	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fprintf(f,
		    "__REALTIME_TIMESTAMP=%lld\n__MONOTONIC_TIMESTAMP=%llu\n"
		    "_BOOT_ID=0123456789abcdef0123456789abcdef\n%s\n",
		    (long long)clock_real(), (unsigned long long)++j->mono, entries[i]);
	fclose(f);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&pid, REMOTE, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
copy_into(const char *from, int out)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	char buf[65536];
	ssize_t n;

	assert_true(in >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		world_text(out, buf, (size_t)n);
	close(in);
}

/* Lines from..to-1 of one unit. */
static void
put_unit(struct journal *j, const char *file, const char *fields, uint32_t from, uint32_t to)
{
	char texts[64][512];
	const char *entries[64];
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++, n++) {
		char line[64];

		assert_true(n < 64);
		world_line(line, sizeof(line), i);
		snprintf(texts[n], sizeof(texts[n]), "%sMESSAGE=%s", fields, line);
		entries[n] = texts[n];
	}
	append(j, file, entries, n);
}

#define SSH "_SYSTEMD_UNIT=ssh.service\nSYSLOG_IDENTIFIER=sshd\n"

static void
set_lists(struct world *w, const char *const *units, const char *const *identifiers,
    const char *const *facilities)
{
	struct span u = image_build_list(w->build, units),
		    i = image_build_list(w->build, identifiers),
		    f = image_build_list(w->build, facilities);
	struct image_source *s =
	    image_build_at(w->build, IMAGE_SOURCES, image_build_count(w->build, IMAGE_SOURCES) - 1);

	s->units = u;
	s->labels = i;
	s->facilities = f;
}

static void
begin_empty(struct world *w, struct journal *j)
{
	world_init(w);
	*j = (struct journal){.w = w};
	snprintf(j->dir, sizeof(j->dir), "%s/journal", w->dir);
	assert_int_equal(mkdir(j->dir, 0755), 0);
}

/* One filter on ssh.service, in a journal that holds five of its entries already. */
static void
begin(struct world *w, struct journal *j)
{
	begin_empty(w, j);
	world_filter(
	    w, "f", &(struct build_source){.kind = BUILD_JOURNAL, .path = j->dir}, 1, false);
	set_lists(w, (const char *const[]){"ssh.service", NULL}, NULL, NULL);
	world_ready(w);
	put_unit(j, "a.journal", SSH, 1000, 1005);
	world_up(w);
}

static void
begins_at_the_end_and_follows(void **state)
{
	struct world w;
	struct journal j;

	(void)state;
	begin(&w, &j);
	assert_int_equal(w.n_hits, 0);
	put_unit(&j, "a.journal", SSH, 0, 10);
	world_settle(&w);
	world_expect(&w, 0, 10);
	put_unit(&j, "a.journal", "_SYSTEMD_UNIT=cron.service\nSYSLOG_IDENTIFIER=sshd\n", 10, 12);
	put_unit(&j, "a.journal", SSH, 10, 12);
	world_settle(&w);
	world_expect(&w, 0, 12);
	world_fini(&w);
}

static void
an_empty_journal_is_read_from_its_first_entry(void **state)
{
	struct world w;
	struct journal j;

	(void)state;
	begin_empty(&w, &j);
	world_filter(
	    &w, "f", &(struct build_source){.kind = BUILD_JOURNAL, .path = j.dir}, 1, false);
	set_lists(&w, (const char *const[]){"ssh.service", NULL}, NULL, NULL);
	world_ready(&w);
	put_unit(&j, "a.journal", "_SYSTEMD_UNIT=cron.service\n", 0, 3);
	world_up(&w);
	put_unit(&j, "a.journal", SSH, 0, 3);
	world_settle(&w);
	world_expect(&w, 0, 3);
	world_kill(&w);
	put_unit(&j, "a.journal", SSH, 3, 5);
	world_up(&w);
	world_expect(&w, 0, 5);
	world_fini(&w);
}

static void
entries_go_to_the_filters_that_want_them(void **state)
{
	static const struct {
		const char *fields;
		uint32_t filters; /* bit mask */
	} cases[] = {
	    {"_SYSTEMD_UNIT=ssh.service\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_FACILITY=4\n", 1 | 4},
	    {"_SYSTEMD_UNIT=ssh@3-192.0.2.1:22-198.51.100.7:999.service\n"
	     "_SYSTEMD_SLICE=system-ssh.slice\nSYSLOG_IDENTIFIER=sshd\n",
		1},
	    {"_SYSTEMD_UNIT=a-b@x.service\n_SYSTEMD_SLICE=system-a\\x2db.slice\n", 8},
	    {"_SYSTEMD_UNIT=postfix@-.service\nSYSLOG_IDENTIFIER=postfix/smtpd\n", 8},
	    {"_SYSTEMD_UNIT=postfix@other.service\n_SYSTEMD_SLICE=system-postfix.slice\n", 0},
	    {"_SYSTEMD_UNIT=session-1.scope\nSYSLOG_IDENTIFIER=su\nSYSLOG_FACILITY=10\n", 2 | 4},
	    {"_SYSTEMD_UNIT=session-1.scope\n_COMM=su\n", 0},
	    {"_SYSTEMD_UNIT=sshx.service\nUNIT=ssh.service\nCOREDUMP_UNIT=ssh.service\n"
	     "OBJECT_SYSTEMD_UNIT=ssh.service\n",
		0},
	    {"SYSLOG_FACILITY=3\n", 0},
	};
	struct world w;
	struct journal j;
	uint32_t seen[4] = {0}, want[4] = {0};

	(void)state;
	begin_empty(&w, &j);
	for (int f = 0; f < 4; f++) {
		world_filter(&w, "f", &(struct build_source){.kind = BUILD_JOURNAL, .path = j.dir},
		    1, false);
		set_lists(&w,
		    f == 0   ? (const char *const[]){"ssh.service", NULL}
		    : f == 3 ? (const char *const[]){"a-b@.service", "postfix@-.service", NULL}
			     : NULL,
		    f == 1 ? (const char *const[]){"login", "su", NULL} : NULL,
		    f == 2 ? (const char *const[]){"4", "10", NULL} : NULL);
	}
	world_ready(&w);
	put_unit(&j, "a.journal", SSH, 1000, 1001);
	world_up(&w);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put_unit(&j, "a.journal", cases[i].fields, i, i + 1);
		for (int f = 0; f < 4; f++)
			want[f] |= (cases[i].filters >> f & 1) << i;
	}
	world_settle(&w);
	for (size_t i = 0; i < w.n_hits; i++)
		seen[w.hits[i].u.offence.filter] |= 1u << world_number(&w.hits[i].u.offence.addr);
	for (int f = 0; f < 4; f++)
		assert_int_equal(seen[f], want[f]);
	assert_int_equal(w.saved.n, 1);
	world_fini(&w);
}

static void
the_cursor_survives_restarts(void **state)
{
	struct world w;
	struct journal j;
	uint32_t n = 0;

	(void)state;
	begin(&w, &j);
	for (int round = 0; round < 12; round++) {
		put_unit(&j, round % 4 == 3 ? "b.journal" : "a.journal", SSH, n, n + 5);
		n += 5;
		world_settle(&w);
		put_unit(&j, "a.journal", SSH, n, n + 3);
		n += 3;
		w.swallow = round % 3 == 2;
		if (round % 3 != 1)
			world_settle(&w);
		if (round % 3 == 2) {
			world_new_judge(&w);
		} else {
			world_kill(&w);
			world_up(&w);
		}
		world_expect(&w, 0, n);
	}
	world_fini(&w);
}

static void
a_deleted_entry_is_no_end(void **state)
{
	struct world w;
	struct journal j;

	(void)state;
	begin(&w, &j);
	put_unit(&j, "a.journal", SSH, 0, 5);
	world_settle(&w);
	world_kill(&w);
	put_unit(&j, "a.journal", SSH, 5, 6); /* vacuumed before it was read */
	assert_int_equal(unlink(world_file(&w, "journal/a.journal")), 0);
	put_unit(&j, "b.journal", SSH, 5, 10);
	world_up(&w);
	world_expect(&w, 0, 10);
	put_unit(&j, "b.journal", SSH, 10, 12);
	world_settle(&w);
	world_expect(&w, 0, 12);
	world_fini(&w);
}

static void
time_and_length_of_a_message(void **state)
{
	struct world w;
	struct journal j;
	char *text = malloc(70100);
	const char *entries[] = {SSH
	    "_SOURCE_REALTIME_TIMESTAMP=1700000000123456\nMESSAGE=bad 10.0.0.0\n",
	    text, SSH "MESSAGE=bad 2001:db8::1\n"};

	(void)state;
	begin(&w, &j);
	strcpy(text, SSH "MESSAGE=");
	memset(text + strlen(text), 'x', 70000 - strlen(text));
	strcpy(text + 70000, "\n");
	append(&j, "a.journal", entries, 3);
	world_settle(&w);
	world_expect(&w, 0, 2);
	assert_int_equal(w.hits[0].u.offence.time, 1700000000123456);
	assert_in_range(clock_real() - w.hits[1].u.offence.time, 0, 60 * USEC_PER_SEC);
	assert_int_equal(world_slot(&w, "journal", j.dir)->unexamined, 1);
	free(text);
	world_fini(&w);
}

static void
a_journal_and_a_file_with_the_same_lines_count_once(void **state)
{
	struct world w;
	struct journal j;
	const char *log;

	(void)state;
	begin_empty(&w, &j);
	log = world_file(&w, "auth.log");
	world_filter(&w, "f",
	    (struct build_source[]){{.kind = BUILD_FILE, .path = log, .entry = 1},
		{.kind = BUILD_JOURNAL, .path = j.dir, .entry = 2}},
	    2, false);
	set_lists(&w, (const char *const[]){"ssh.service", NULL}, NULL, NULL);
	world_ready(&w);
	/* No journal yet: neither is alive. */
	world_up(&w);
	put_unit(&j, "a.journal", SSH, 0, 3);
	world_settle(&w);
	put_unit(&j, "a.journal", SSH, 3, 5);
	world_settle(&w);
	world_expect(&w, 0, 5);
	/* The file appears, and stands first. */
	world_put(log, 5, 10);
	world_settle(&w);
	put_unit(&j, "a.journal", SSH, 5, 10);
	world_settle(&w);
	world_expect(&w, 0, 10);
	assert_int_equal(world_slot(&w, "journal", j.dir)->state, STATS_STANDBY);
	world_down(&w);
	world_up(&w);
	world_expect(&w, 0, 10);
	world_fini(&w);
}

static void
a_file_that_is_not_ready_yet_is_tried_again(void **state)
{
	struct world w;
	struct journal j;
	char whole[300];
	int fd;

	(void)state;
	begin_empty(&w, &j);
	world_filter(
	    &w, "f", &(struct build_source){.kind = BUILD_JOURNAL, .path = j.dir}, 1, false);
	set_lists(&w, (const char *const[]){"ssh.service", NULL}, NULL, NULL);
	world_ready(&w);
	world_up(&w);
	/* As journald makes it: there, but empty; then with its header. */
	snprintf(whole, sizeof(whole), "%s", world_file(&w, "journal/a.journal"));
	fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	world_settle(&w);
	assert_int_equal(world_slot(&w, "journal", j.dir)->state, STATS_FAILED);
	put_unit(&j, "../elsewhere.journal", SSH, 0, 1);
	copy_into(world_file(&w, "elsewhere.journal"), fd);
	close(fd);
	world_settle(&w);
	assert_int_equal(world_slot(&w, "journal", j.dir)->state, STATS_LIVE);
	world_expect(&w, 0, 1);
	put_unit(&j, "a.journal", SSH, 1, 4);
	world_settle(&w);
	world_expect(&w, 0, 4);
	world_fini(&w);
}

static void
a_journal_that_takes_over_from_a_file_begins_at_its_end(void **state)
{
	struct world w;
	struct journal j;
	const char *log;

	(void)state;
	begin_empty(&w, &j);
	log = world_file(&w, "auth.log");
	world_filter(&w, "f",
	    (struct build_source[]){{.kind = BUILD_JOURNAL, .path = j.dir, .entry = 1},
		{.kind = BUILD_FILE, .path = log, .entry = 2}},
	    2, false);
	((struct image_source *)image_build_at(w.build, IMAGE_SOURCES, 0))->units =
	    image_build_list(w.build, (const char *const[]){"ssh.service", NULL});
	world_ready(&w);
	world_put(log, 0, 0);
	world_up(&w);
	world_put(log, 0, 5);
	world_settle(&w);
	put_unit(&j, "a.journal", SSH, 0, 5); /* the same, in one go */
	world_settle(&w);
	world_expect(&w, 0, 5);
	assert_int_equal(world_slot(&w, "journal", j.dir)->state, STATS_LIVE);
	put_unit(&j, "a.journal", SSH, 5, 7);
	world_put(log, 5, 7);
	world_settle(&w);
	world_expect(&w, 0, 7);
	world_fini(&w);
}

static int entries_seen;

static bool
count_entry(void *ctx, const struct journal_entry *e, bool before)
{
	(void)ctx;
	assert_true(e->len > 0);
	entries_seen += !before;
	return true;
}

static void
closing_neither_skips_nor_repeats(void **state)
{
	_cleanup_(source_journal_freep) struct source_journal *s = NULL;
	struct world w;
	struct journal j;
	struct msg_position before, after;

	(void)state;
	begin(&w, &j);
	entries_seen = 0;
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	assert_int_equal(source_journal_new(&s, j.dir, &w.img, count_entry, NULL), 0);
	assert_int_equal(source_journal_want(s, (uint32_t[]){0}, 1), 0);
	assert_int_equal(source_journal_open(s, NULL, clock_real(), 0), 0);
	put_unit(&j, "a.journal", SSH, 0, 20);
	assert_int_equal(source_journal_process(s, clock_real()), 0);
	assert_int_equal(source_journal_step(s, 7, clock_real()), JOURNAL_MORE);
	assert_int_equal(entries_seen, 7);
	assert_int_equal(source_journal_read(s), 7);
	source_journal_position(s, &before);
	source_journal_close(s);
	assert_false(source_journal_is_open(s));
	source_journal_position(s, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	/* Closed, it takes news to open it, and all that was not read is there. */
	assert_int_equal(source_journal_step(s, 100, clock_real()), JOURNAL_IDLE);
	assert_int_equal(entries_seen, 7);
	put_unit(&j, "a.journal", SSH, 20, 30);
	assert_int_equal(source_journal_process(s, clock_real()), 0);
	assert_true(source_journal_is_open(s));
	assert_int_equal(source_journal_step(s, 100, clock_real()), JOURNAL_IDLE);
	assert_int_equal(entries_seen, 30);
	source_journal_close(s);
	put_unit(&j, "b.journal", SSH, 30, 31);
	assert_int_equal(source_journal_process(s, clock_real()), 0);
	assert_int_equal(source_journal_step(s, 100, clock_real()), JOURNAL_IDLE);
	assert_int_equal(entries_seen, 31);
	world_fini(&w);
}

/* Rotation as journald does it: the file gets another name, and a new one its name. */
static void
follows_rotation_also_while_down(void **state)
{
	struct world w;
	struct journal j;
	uint32_t n = 0;
	char old[300], name[64];

	(void)state;
	begin(&w, &j);
	for (int round = 0; round < 6; round++) {
		put_unit(&j, "a.journal", SSH, n, n + 3);
		if (round % 3 == 1)
			world_settle(&w);
		if (round % 3 == 2)
			world_kill(&w);
		put_unit(&j, "a.journal", SSH, n + 3, n + 5);
		snprintf(name, sizeof(name), "journal/a@%d.journal", round);
		snprintf(old, sizeof(old), "%s", world_file(&w, "journal/a.journal"));
		assert_int_equal(rename(old, world_file(&w, name)), 0);
		put_unit(&j, "a.journal", SSH, n + 5, n + 7);
		n += 7;
		if (round % 3 == 2)
			world_up(&w);
		else
			world_settle(&w);
		world_expect(&w, 0, n);
	}
	world_fini(&w);
}

static void
only_files_with_unread_entries_are_opened(void **state)
{
	_cleanup_(journal_files_freep) struct journal_files *f = NULL;
	struct world w;
	struct journal j;
	const char **paths;
	usec_t between;

	(void)state;
	begin_empty(&w, &j);
	world_file_filter(&w, "f", "/nonexistent");
	world_ready(&w);
	assert_int_equal(journal_files_new(&f, j.dir), 0);
	assert_int_equal(journal_files_choose(f, 0, &paths), 0);
	put_unit(&j, "a@1.journal", SSH, 0, 3);
	between = clock_real();
	assert_int_equal(journal_files_choose(f, UINT64_MAX, &paths), 1);
	put_unit(&j, "a@2.journal", SSH, 3, 5);
	put_unit(&j, "a.journal", SSH, 5, 6);
	world_put(world_file(&w, "journal/broken.journal"), 0, 100);
	world_put(world_file(&w, "journal/other.txt"), 0, 100);
	assert_int_equal(journal_files_news(f), JOURNAL_CHANGED);
	assert_int_equal(journal_files_choose(f, 0, &paths), 3);
	assert_int_equal(journal_files_choose(f, (uint64_t)between, &paths), 2);
	assert_int_equal(journal_files_choose(f, UINT64_MAX, &paths), 1);
	assert_true(strstr(paths[0], "/a.journal") != NULL);
	assert_null(paths[1]);
	assert_int_equal(journal_files_news(f), JOURNAL_NO_NEWS);
	put_unit(&j, "a@2.journal", SSH, 6, 7);
	assert_int_equal(journal_files_news(f), JOURNAL_NO_NEWS);
	world_fini(&w);
}

static void
a_directory_that_appears_is_noticed(void **state)
{
	_cleanup_(journal_files_freep) struct journal_files *f = NULL;
	struct world w;
	struct journal j;
	const char **paths;
	char deep[300];

	(void)state;
	begin_empty(&w, &j);
	world_file_filter(&w, "f", "/nonexistent");
	world_ready(&w);
	snprintf(deep, sizeof(deep), "%s/x/y/", j.dir);
	assert_int_equal(journal_files_new(&f, deep), 0);
	assert_int_equal(journal_files_choose(f, 0, &paths), 0);
	assert_int_equal(mkdir(world_file(&w, "journal/y"), 0755), 0);
	assert_int_equal(journal_files_news(f), JOURNAL_NO_NEWS);
	assert_int_equal(mkdir(world_file(&w, "journal/x"), 0755), 0);
	assert_int_equal(journal_files_news(f), JOURNAL_CHANGED);
	assert_int_equal(journal_files_choose(f, 0, &paths), 0);
	assert_int_equal(mkdir(world_file(&w, "journal/x/y"), 0755), 0);
	assert_int_equal(journal_files_news(f), JOURNAL_CHANGED);
	assert_int_equal(journal_files_choose(f, 0, &paths), 0);
	put_unit(&j, "x/y/a.journal", SSH, 0, 1);
	assert_int_equal(journal_files_news(f), JOURNAL_CHANGED);
	assert_int_equal(journal_files_choose(f, 0, &paths), 1);
	/* What is no longer waited for wakes nobody. */
	assert_int_equal(mkdir(world_file(&w, "journal/z"), 0755), 0);
	assert_int_equal(journal_files_news(f), JOURNAL_NO_NEWS);
	assert_int_equal(rmdir(world_file(&w, "journal/z")), 0);
	world_fini(&w);
}

static void
a_calm_journal_is_closed_and_has_no_timer(void **state)
{
	struct world w;
	struct journal j;

	(void)state;
	begin(&w, &j);
	for (uint32_t n = 0; n < 9; n += 3) {
		put_unit(&j, "a.journal", SSH, n, n + 1);
		world_settle(&w);
		put_unit(&j, "a.journal", SSH, n + 1, n + 2);
		world_settle(&w);
		assert_int_equal(world_timers(&w, NULL), 1);
		world_fire_timers(&w); /* there was news since it was set: once more */
		world_settle(&w);
		assert_int_equal(world_timers(&w, NULL), 1);
		world_fire_timers(&w);
		world_settle(&w);
		assert_int_equal(world_timers(&w, NULL), 0);
		put_unit(&j, "a.journal", SSH, n + 2, n + 3);
		world_settle(&w);
		world_expect(&w, 0, n + 3);
	}
	world_fini(&w);
}

static void
cursors_have_two_forms(void **state)
{
	static const char good[] =
	    "s=00112233445566778899aabbccddeeff;i=1f;b=ffeeddccbbaa99887766554433221100;"
	    "m=123456789abcdef0;t=5f0000000000f;x=fedcba9876543210";
	static const char *const bad[] = {"", "s=", "s=00;i=1;b=00;m=1;t=1;x=1",
	    "s=00112233445566778899aabbccddeeff;i=1f;b=ffeeddccbbaa99887766554433221100;m=1;t=1",
	    "s=00112233445566778899aabbccddeefg;i=1f;b=ffeeddccbbaa99887766554433221100;m=1;t=1;x="
	    "1"};
	struct msg_position p;
	char text[JOURNAL_CURSOR_MAX];

	(void)state;
	memset(&p, 0, sizeof(p));
	assert_int_equal(journal_cursor_parse(&p, good), 0);
	assert_int_equal(p.journal.seqnum, 0x1f);
	assert_int_equal(p.journal.seqnum_id[1], 0x11);
	assert_int_equal(p.journal.boot_id[0], 0xff);
	assert_int_equal(p.journal.xor_hash, 0xfedcba9876543210);
	journal_cursor_format(&p, text);
	assert_string_equal(text, good);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(journal_cursor_parse(&p, bad[i]), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(begins_at_the_end_and_follows),
	    cmocka_unit_test(an_empty_journal_is_read_from_its_first_entry),
	    cmocka_unit_test(entries_go_to_the_filters_that_want_them),
	    cmocka_unit_test(the_cursor_survives_restarts),
	    cmocka_unit_test(a_deleted_entry_is_no_end),
	    cmocka_unit_test(time_and_length_of_a_message),
	    cmocka_unit_test(a_journal_and_a_file_with_the_same_lines_count_once),
	    cmocka_unit_test(a_file_that_is_not_ready_yet_is_tried_again),
	    cmocka_unit_test(a_journal_that_takes_over_from_a_file_begins_at_its_end),
	    cmocka_unit_test(closing_neither_skips_nor_repeats),
	    cmocka_unit_test(follows_rotation_also_while_down),
	    cmocka_unit_test(only_files_with_unread_entries_are_opened),
	    cmocka_unit_test(a_directory_that_appears_is_noticed),
	    cmocka_unit_test(a_calm_journal_is_closed_and_has_no_timer),
	    cmocka_unit_test(cursors_have_two_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
