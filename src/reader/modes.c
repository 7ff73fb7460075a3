/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/modes.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reader/mode.h"
#include "sandbox/sandbox.h"
#include "wire/fds.h"

#define FILES_MAX   256
#define FILTERS_MAX 256

struct args {
	char **words; /* behind the mode's name */
	size_t n;
};

/* One row a mode; wants decides what its words are. */
#define SINCE_MAX (INT64_C(1) << 36) /* seconds */

enum wants {
	WANTS_FILTERS,      /* any number of filters */
	WANTS_FILTER,       /* exactly one */
	WANTS_FILTER_FILES, /* one, and files */
	WANTS_FILES,        /* files, and maybe a filter before them */
	WANTS_SINCE,        /* a time, and one filter */
};

static const struct mode_row {
	const char *name, *usage;
	enum wants wants;
	int (*run)(const struct mode *m);
} rows[] = {
    {"--examples", "[-v] [FILTER...]", WANTS_FILTERS, mode_examples},
    {"--explain", "FILTER", WANTS_FILTER, mode_explain},
    {"--test", "[--lines [--journal]] [--now EPOCH] FILTER FILE...", WANTS_FILTER_FILES, mode_test},
    {"--replay", "[--from OFFSET] [--filter FILTER] FILE...", WANTS_FILES, mode_replay},
    {"--replay-journal", "EPOCH FILTER", WANTS_SINCE, mode_replay_journal},
};

static int
usage(void)
{
	fputs("usage:\n", stderr);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		fprintf(stderr, "  guardd-reader %s %s\n", rows[i].name, rows[i].usage);
	return MODE_USAGE;
}

bool
mode_full(const struct strbuf *b)
{
	return b->len >= 32 * 1024;
}

void
mode_write(struct strbuf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(STDOUT_FILENO, b->text + at, b->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(MODE_FAILED);
		at += n;
	}
	strbuf_reset(b);
}

/* The block's whole lines go on, the rest moves to its front; *skip: the beginning was dropped. */
static void
hand_on(char *room, size_t *used, bool end, bool *skip, struct lane_counts *counts,
    void (*on_block)(void *ctx, const char *block, size_t n), void *ctx)
{
	char *last = end ? room + *used - 1 : memrchr(room, '\n', *used);
	char *first = *skip ? memchr(room, '\n', *used) : room - 1;
	size_t whole;

	if (!last || !first) {
		/* A line larger than the room: wait for its end. */
		if (*used == READ_ROOM || end) {
			counts->lines += !*skip;
			counts->unexamined += !*skip;
			*skip = true;
			*used = 0;
		}
		return;
	}
	*skip = false;
	first++;
	whole = last + 1 - first;
	if (whole)
		on_block(ctx, first, whole);
	*used = room + *used - (last + 1);
	memmove(room, last + 1, *used);
}

int
mode_read(int fd, void (*on_block)(void *ctx, const char *block, size_t n), void *ctx,
    struct lane_counts *counts)
{
	_cleanup_(freep) char *room = malloc(READ_ROOM);
	size_t used = 0;
	bool skip = false;

	if (!room)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, room + used, READ_ROOM - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		used += n;
		if (used)
			hand_on(room, &used, n == 0, &skip, counts, on_block, ctx);
		if (n == 0)
			return 0;
	}
}

uint32_t
mode_source(const struct image *img, uint32_t filter, const char *path)
{
	struct span all = img->filters[filter].sources;

	for (uint32_t i = all.first; i < all.first + all.n; i++) {
		_cleanup_(freep) char *glob = NULL;

		if (img->sources[i].kind != SOURCE_FILE)
			continue;
		if (asprintf(&glob, "%s*", image_str(img, img->sources[i].path)) < 0) {
			glob = NULL;
			continue;
		}
		if (!fnmatch(glob, path, FNM_PATHNAME))
			return i;
	}
	return UINT32_MAX;
}

void
mode_program(const struct image *img, uint32_t filter, char *buf, size_t room)
{
	struct span programs = img->filters[filter].programs;
	const char *glob = programs.n ? image_list(img, programs, 0) : "";
	size_t n = 0;

	/* A glob fits itself once * is nothing and ? is a letter. */
	for (; *glob && n + 1 < room; glob++)
		if (*glob != '*')
			buf[n++] = *glob == '?' ? 'x' : *glob;
	buf[n] = '\0';
}

void
mode_json_pattern(struct json *j, const struct image *img, uint32_t pattern)
{
	const struct image_pattern *p = &img->patterns[pattern];

	json_text(j, "pattern", image_str(img, p->written));
	json_text(j, "file", image_str(img, p->file));
	json_int(j, "line", p->line);
}

const char *
mode_kind(unsigned kind)
{
	static const char *const kinds[] = {
	    [PATTERN_OFFENCE] = "offence",
	    [PATTERN_FORGIVE] = "forgive",
	    [PATTERN_IGNORE] = "ignore",
	    [PATTERN_REMEMBER] = "remember",
	    [PATTERN_PREFIX] = "prefix",
	};

	return kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "";
}

static int
find_filter(const struct image *img, const char *name, uint32_t *out)
{
	for (uint32_t i = 0; i < image_count(img, IMAGE_FILTERS); i++)
		if (!strcmp(image_str(img, img->filters[i].name), name)) {
			*out = i;
			return 0;
		}
	return -ENOENT;
}

/* What unpacks a file, by its first bytes; NULL: it is none of these. */
static const char *
unpacker(int fd)
{
	static const struct {
		const char *magic, *program;
		size_t n;
	} kinds[] = {
	    {"\x1f\x8b", "zcat", 2},
	    {"\xfd"
	     "7zXZ",
		"xzcat", 5},
	    {"\x28\xb5\x2f\xfd", "zstdcat", 4},
	    {"BZh", "bzcat", 3},
	};
	char head[8];
	ssize_t n = pread(fd, head, sizeof head, 0);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (n >= (ssize_t)kinds[i].n && !memcmp(head, kinds[i].magic, kinds[i].n))
			return kinds[i].program;
	return NULL;
}

static int
open_file(struct mode_file *f, const char *name)
{
	const char *program;

	f->name = name;
	f->fd = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
	if (f->fd < 0) {
		fprintf(stderr, "guardd-reader: %s: %s\n", name, strerror(errno));
		return MODE_CANNOT;
	}
	program = unpacker(f->fd);
	if (!program)
		return 0;
	fprintf(stderr, "guardd-reader: %s is compressed: use '%s FILE | ... -'\n", name, program);
	return MODE_CANNOT;
}

/* How many of the words name filters. */
static size_t
count_filters(const struct mode_row *row, const struct image *img, struct args *a)
{
	uint32_t any;

	switch (row->wants) {
	case WANTS_FILTERS:
		return a->n;
	case WANTS_FILTER:
	case WANTS_FILTER_FILES:
	case WANTS_SINCE:
		return 1;
	default:
		if (a->n >= 1 && !strcmp(a->words[0], "--filter")) {
			a->words++;
			a->n--;
			return 1;
		}
		return a->n >= 2 && find_filter(img, a->words[0], &any) == 0 &&
		       access(a->words[0], F_OK) < 0;
	}
}

static bool
words_fit(const struct mode_row *row, size_t filters, size_t files)
{
	switch (row->wants) {
	case WANTS_FILTERS:
		return filters <= FILTERS_MAX && files == 0;
	case WANTS_FILTER:
	case WANTS_SINCE:
		return files == 0;
	default:
		return files >= 1 && files <= FILES_MAX;
	}
}

/* Options in front of the words of --test; false for one that is none. */
static bool
take_options(struct mode *m, struct args *a)
{
	while (a->n && !strncmp(a->words[0], "--", 2)) {
		char *end = NULL;

		if (!strcmp(a->words[0], "--lines")) {
			m->lines = true;
		} else if (!strcmp(a->words[0], "--journal")) {
			m->journal = true;
		} else if (!strcmp(a->words[0], "--now") && a->n > 1) {
			a->words++;
			a->n--;
			m->now = strtoll(a->words[0], &end, 10) * USEC_PER_SEC;
			if (!*a->words[0] || *end || m->now < 0)
				return false;
		} else {
			return false;
		}
		a->words++;
		a->n--;
	}
	return !m->journal || m->lines;
}

static bool
take_number(struct args *a, off_t *out)
{
	char *end;

	*out = a->n ? strtoll(a->words[0], &end, 10) : -1;
	if (*out < 0 || !*a->words[0] || *end)
		return false;
	a->words++;
	a->n--;
	return true;
}

/* Where the first file of --replay is read from: "--from OFFSET" in front of its words. */
static bool
take_offset(struct args *a, off_t *from)
{
	if (a->n < 2 || strcmp(a->words[0], "--from") != 0)
		return true;
	a->words++;
	a->n--;
	return take_number(a, from);
}

static int
open_journal(struct mode *m, off_t since)
{
	int r = mode_replay_open(m, (usec_t)since * USEC_PER_SEC);

	if (r >= 0)
		return MODE_DONE;
	fprintf(stderr, "guardd-reader: journal: %s\n", strerror(-r));
	return MODE_CANNOT;
}

/* Names to indices, files to descriptors. */
static int
take_words(const struct mode_row *row, struct mode *m, struct args *a, uint32_t *filters,
    struct mode_file *files)
{
	off_t from = 0;

	if (row->wants == WANTS_FILTERS && a->n && !strcmp(a->words[0], "-v")) {
		m->verbose = true;
		a->words++;
		a->n--;
	}
	if (row->wants == WANTS_FILTER_FILES && !take_options(m, a))
		return usage();
	if (row->wants == WANTS_FILES && !take_offset(a, &from))
		return usage();
	if (row->wants == WANTS_SINCE && (!take_number(a, &from) || from > SINCE_MAX))
		return usage();
	m->n_filters = count_filters(row, m->img, a);
	if (a->n < m->n_filters || !words_fit(row, m->n_filters, a->n - m->n_filters))
		return usage();
	for (size_t i = 0; i < m->n_filters; i++)
		if (find_filter(m->img, a->words[i], &filters[i]) < 0) {
			fprintf(stderr, "guardd-reader: there is no filter '%s'\n", a->words[i]);
			return MODE_FAILED;
		}
	m->filters = m->n_filters ? filters : NULL;
	m->files = files;
	if (row->wants == WANTS_SINCE)
		return open_journal(m, from);
	for (; m->n_files < a->n - m->n_filters; m->n_files++)
		if (open_file(&files[m->n_files], a->words[m->n_filters + m->n_files]))
			return MODE_CANNOT;
	if (from > 0 && lseek(files[0].fd, from, SEEK_SET) < 0) {
		fprintf(stderr, "guardd-reader: %s: %s\n", files[0].name, strerror(errno));
		return MODE_CANNOT;
	}
	return MODE_DONE;
}

/* Compiled first: sealed memory is not made executable any more. */
static int
seal_and_run(const struct mode_row *row, struct mode *m)
{
	static const struct sandbox_path paths[] = {{NULL, false}};
	static const int calls[] = {SCMP_SYS(sysinfo), -1}; /* qsort(3) of large arrays */
	const struct sandbox sandbox = {
	    .role = "reader",
	    .paths = paths,
	    .calls = calls,
	    .files_max = FILES_MAX + 16,
	    .no_write_exec = true,
	};
	_cleanup_(engine_freep) struct engine *e = NULL;
	_cleanup_(freep) char *error = NULL;
	const char *what = "";
	int r = engine_new(&e, m->img, &error);

	if (r < 0) {
		fprintf(stderr, "guardd-reader: %s\n", error ? error : strerror(-r));
		return MODE_FAILED;
	}
	if (row->wants == WANTS_FILES || row->wants == WANTS_SINCE) /* as the daemon */
		engine_spare(e);
	m->e = e;
	tzset(); /* libc looks for its zone file once, even for UTC */
	r = sandbox_enter(&sandbox, &what);
	if (r < 0) {
		fprintf(stderr, "guardd-reader: sandbox: %s: %s\n", what, strerror(-r));
		return MODE_FAILED;
	}
	return row->run(m);
}

int
modes_run(int argc, char **argv)
{
	static struct mode_file files[FILES_MAX];
	static uint32_t filters[FILTERS_MAX];
	struct args a = {argv + 2, argc > 2 ? argc - 2 : 0};
	struct mode m = {.now = clock_real()};
	struct image img;
	size_t i = 0;
	int r;

	while (i < sizeof rows / sizeof *rows && (argc < 2 || strcmp(argv[1], rows[i].name)))
		i++;
	if (i == sizeof rows / sizeof *rows)
		return usage();
	r = image_open(&img, FD_IMAGE);
	if (r < 0) {
		fprintf(
		    stderr, "guardd-reader: image at descriptor %d: %s\n", FD_IMAGE, strerror(-r));
		return MODE_FAILED;
	}
	m.img = &img;
	r = take_words(&rows[i], &m, &a, filters, files);
	if (r == MODE_DONE)
		r = seal_and_run(&rows[i], &m);
	mode_replay_free(m.replay);
	image_close(&img);
	return r;
}
