/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define WALK_DEPTH 4 /* folders in each other */

struct f2b_merged_entry {
	const char *name;
	struct ini *ini;
};

/* --- paths --- */

/* "a//b", "a/./b", "a/x/../b" are one file here. */
static const char *
normal(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2), *end = out;

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0) {
			while (end > out && *--end != '/')
				;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			if (end > out || *path == '/')
				*end++ = '/';
			memcpy(end, p, n);
			end += n;
		}
		p += n;
		p += *p == '/';
	}
	*end = '\0';
	return *out ? out : *path == '/' ? "/" : ".";
}

static size_t
place_of(const struct f2b *f, const char *path, bool *there)
{
	struct f2b_file *const *files = f->files.items;
	size_t low = 0, high = f->files.n;

	*there = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(files[mid]->path, path);

		if (c == 0)
			*there = true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct f2b_file *
find(const struct f2b *f, const char *path)
{
	bool there;
	size_t at = place_of(f, path, &there);

	return there ? ((struct f2b_file **)f->files.items)[at] : NULL;
}

const struct f2b_file *
f2b_file(const struct f2b *f, const char *path)
{
	return find(f, normal(f->arena, path));
}

static bool
ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

/* --- reading --- */

/* The text of a regular file, or why there is none. */
static const char *
read_text(struct f2b *f, struct f2b_file *file)
{
	_cleanup_(closep) int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "no regular file";
	if (st.st_size > F2B_FILE_SIZE)
		return "larger than 1 MiB";
	if (f->total + (size_t)st.st_size > F2B_TOTAL)
		return "the files are larger than 32 MiB together";
	text = arena_alloc(f->arena, (size_t)st.st_size + 1);
	while (file->n < (size_t)st.st_size &&
	       (got = read(fd, text + file->n, (size_t)st.st_size - file->n)) > 0)
		file->n += (size_t)got;
	text[file->n] = '\0';
	file->text = text;
	f->total += file->n;
	return NULL;
}

/* The byte at which text is no UTF-8; n: it is. */
static size_t
not_utf8(const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)text[i];
		size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

		if (c >= 0x80 && (c < 0xc2 || c > 0xf4))
			return i;
		for (size_t k = 1; k <= more; k++)
			if (i + k >= n || (text[i + k] & 0xc0) != 0x80)
				return i;
		i += more + 1;
	}
	return n;
}

static struct f2b_file *
add_file(struct f2b *f, const char *path, bool parse)
{
	const char *why;
	bool there;
	size_t at = place_of(f, path, &there), bad;
	struct f2b_file *file, **files;
	struct f2b_value place = {.file = path, .line = 1};

	if (there)
		return ((struct f2b_file **)f->files.items)[at];
	if (f->files.n == F2B_FILES) {
		f2b_note(f->report, F2B_ERROR, &place, "more than %d files; left out", F2B_FILES);
		return NULL;
	}
	file = arena_alloc(f->arena, sizeof(*file));
	file->path = path;
	list_add(f->arena, &f->files, sizeof(file));
	files = f->files.items;
	memmove(files + at + 1, files + at, (f->files.n - 1 - at) * sizeof(*files));
	files[at] = file;
	why = read_text(f, file);
	if (why) {
		f2b_note(f->report, F2B_ERROR, &place, "cannot be read: %s", why);
		return file;
	}
	bad = not_utf8(file->text, file->n);
	if (bad < file->n) {
		for (size_t i = 0; i < bad; i++)
			place.line += file->text[i] == '\n';
		f2b_note(f->report, F2B_ERROR, &place, "no UTF-8; the whole file is left out");
	} else if (parse) {
		file->ini = ini_parse(f->arena, f->report, path, file->text, file->n);
	}
	return file;
}

static void
walk(struct f2b *f, const char *dir, unsigned depth)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d) {
		f2b_note(f->report, F2B_ERROR, &(struct f2b_value){.file = dir},
		    "cannot be read: %s", strerror(errno));
		return;
	}
	while ((e = readdir(d)) && f->files.n < F2B_FILES) {
		const char *path =
		    normal(f->arena, arena_printf(f->arena, "%s/%s", dir, e->d_name));
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    stat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < WALK_DEPTH)
			walk(f, path, depth + 1);
		else if (S_ISREG(st.st_mode) && (ends_in(path, ".conf") || ends_in(path, ".local")))
			add_file(f, path, true);
	}
	closedir(d);
}

/* --- includes --- */

static const char *const include_options[] = {"before", "after"};

static const char *
include_path(struct f2b *f, const char *from, const char *name)
{
	const char *slash = strrchr(from, '/');

	if (*name == '/' || !slash)
		return normal(f->arena, name);
	return normal(f->arena, arena_printf(f->arena, "%.*s/%s", (int)(slash - from), from, name));
}

/* before or after of a file; its own values are all that they can refer to. */
static bool
include_lines(struct f2b *f, const struct f2b_file *file, const char *option,
    struct f2b_value *value, struct list *lines)
{
	struct f2b_scope scope = {.ini = file->ini, .section = "INCLUDES"};

	if (!file->ini || f2b_value_get(f, &scope, option, value) < 0)
		return false;
	f2b_lines(f->arena, value->text, lines);
	return true;
}

static const char *
local_of(struct f2b *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	size_t n = dot && (!slash || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);

	return arena_printf(f->arena, "%.*s.local", (int)n, path);
}

static void
read_if_there(struct f2b *f, const char *path)
{
	struct stat st;

	if (!find(f, path) && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		add_file(f, path, true);
}

/* What files include from elsewhere is read, too, until nothing is new. */
static void
read_included(struct f2b *f)
{
	for (size_t round = 0, before = 0; before != f->files.n && round < F2B_DEPTH; round++) {
		struct list all = {0};

		before = f->files.n;
		for (size_t i = 0; i < before; i++)
			*(struct f2b_file **)list_add(f->arena, &all, sizeof(struct f2b_file *)) =
			    ((struct f2b_file **)f->files.items)[i];
		for (size_t i = 0; i < before; i++) {
			const struct f2b_file *file = ((struct f2b_file **)all.items)[i];

			for (size_t k = 0; k < 2; k++) {
				struct f2b_value value;
				struct list lines = {0};

				if (!include_lines(f, file, include_options[k], &value, &lines))
					continue;
				for (size_t l = 0; l < lines.n; l++) {
					const char *path = include_path(
					    f, file->path, ((const char **)lines.items)[l]);

					read_if_there(f, path);
					read_if_there(f, local_of(f, path));
				}
			}
		}
	}
}

/* `ignoreip = file:PATH` names files of another kind. */
static void
read_named(struct f2b *f)
{
	size_t n = f->files.n;
	struct f2b_file **files = arena_array(f->arena, n + 1, sizeof(*files));

	if (n)
		memcpy(files, f->files.items, n * sizeof(*files));
	for (size_t i = 0; i < n; i++) {
		const char *p = files[i]->ini ? files[i]->text : "";

		while ((p = strstr(p, "file:")) != NULL) {
			size_t len = strcspn(p += 5, " \t\r\n,;\"'");

			while (len > 1 && p[0] == '/' && p[1] == '/') {
				p++;
				len--;
			}
			if (len > 1 && len < 4096 && *p == '/') {
				const char *path = normal(f->arena, arena_dup(f->arena, p, len));
				struct stat st;

				if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
					add_file(f, path, false);
			}
		}
	}
}

int
f2b_load(struct f2b **out, struct arena *a, struct f2b_report *report, const char *dir)
{
	struct f2b *f = arena_alloc(a, sizeof(*f));
	struct stat st;

	*f = (struct f2b){.arena = a, .report = report, .dir = normal(a, dir)};
	if (stat(dir, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	walk(f, f->dir, 0);
	read_included(f);
	read_named(f);
	if (stat("/etc/services", &st) == 0)
		add_file(f, "/etc/services", false);
	*out = f;
	return 0;
}

/* --- putting together --- */

struct chain {
	const struct chain *up;
	const char *path;
};

static void expand(struct f2b *f, const char *path, const struct f2b_value *from,
    const struct chain *up, struct list *out);

static bool
is_in(const struct chain *c, const char *path)
{
	for (; c; c = c->up)
		if (strcmp(c->path, path) == 0)
			return true;
	return false;
}

static void
expand_lines(struct f2b *f, const struct f2b_file *file, const char *option,
    const struct chain *here, unsigned depth, struct list *out)
{
	struct f2b_value value;
	struct list lines = {0};

	if (!include_lines(f, file, option, &value, &lines))
		return;
	for (size_t i = 0; i < lines.n; i++) {
		const char *name = ((const char **)lines.items)[i];
		const char *path = include_path(f, file->path, name), *local = local_of(f, path);

		if (is_in(here, path))
			f2b_note(f->report, F2B_ERROR, &value,
			    "%s = %s: the files include each other; left out", option, name);
		else if (depth == F2B_DEPTH)
			f2b_note(f->report, F2B_ERROR, &value,
			    "%s = %s: more than %d includes in each other; left out", option, name,
			    F2B_DEPTH);
		else
			expand(f, path, &value, here, out);
		if (!is_in(here, local) && depth < F2B_DEPTH && strcmp(local, path) != 0 &&
		    find(f, local))
			expand(f, local, &value, here, out);
	}
}

/* The files that path stands for: what it includes before, itself, what it includes after. */
static void
expand(struct f2b *f, const char *path, const struct f2b_value *from, const struct chain *up,
    struct list *out)
{
	const struct chain here = {up, path};
	const struct f2b_file *file = find(f, path);
	unsigned depth = 0;

	for (const struct chain *c = up; c; c = c->up)
		depth++;
	if (!file) {
		/* Files of that name are the administrator's to make. */
		if (from && !ends_in(path, ".local"))
			f2b_note(
			    f->report, F2B_ERROR, from, "includes %s, which is not there", path);
		return;
	}
	if (!file->ini || out->n >= F2B_FILES)
		return;
	expand_lines(f, file, "before", &here, depth, out);
	*(const struct f2b_file **)list_add(f->arena, out, sizeof(file)) = file;
	expand_lines(f, file, "after", &here, depth, out);
}

/* "NAME?family=inet6": its options are those of NAME with "?family=inet6" behind their names. */
static const char *
condition_of(const char *name)
{
	size_t n = 0;

	while (name[n] == '_' || (name[n] >= '0' && name[n] <= '9') ||
	       ((name[n] | 0x20) >= 'a' && (name[n] | 0x20) <= 'z'))
		n++;
	return n > 0 && name[n] == '?' && name[n + 1] ? name + n : NULL;
}

/* Options of from win; what they replace is kept as known. */
static void
merge_section(struct f2b *f, struct ini *to, const struct f2b_section *from)
{
	const char *condition = condition_of(from->name), *name = from->name;
	const struct f2b_option *options = from->options.items;
	struct f2b_section *s, *known = NULL;
	bool there;

	if (condition)
		name = arena_dup(f->arena, name, (size_t)(condition - name));
	there = ini_section(to, name) != NULL;
	s = ini_section_add(f->arena, to, name);
	if (s && there)
		known = ini_section_add(f->arena, to, arena_printf(f->arena, "KNOWN/%s", name));
	for (size_t i = 0; s && i < from->options.n; i++) {
		const char *option = options[i].name;
		const struct f2b_value *old;

		if (condition)
			option = arena_printf(f->arena, "%s%s", option, condition);
		old = f2b_get(s, option);
		if (known && old)
			f2b_set(f->arena, known, option, old);
		f2b_set(f->arena, s, option, &options[i].value);
	}
}

static void
merge_file(struct f2b *f, struct ini *to, const struct f2b_file *file)
{
	const struct f2b_option *defaults = file->ini->defaults.options.items;
	struct f2b_section *const *sections = file->ini->sections.items;

	for (size_t i = 0; i < file->ini->defaults.options.n; i++)
		f2b_set(f->arena, &to->defaults, defaults[i].name, &defaults[i].value);
	for (size_t i = 0; i < file->ini->sections.n; i++)
		merge_section(f, to, sections[i]);
}

/* The files of a folder that end so, in the order of their names: that of f->files. */
static void
add_folder(struct f2b *f, const char *folder, const char *end, struct list *paths)
{
	struct f2b_file *const *files = f->files.items;
	size_t n = strlen(folder);

	for (size_t i = 0; i < f->files.n; i++) {
		const char *path = files[i]->path;

		if (strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] != '.' &&
		    !strchr(path + n + 1, '/') && ends_in(path, end))
			*(const char **)list_add(f->arena, paths, sizeof(path)) = path;
	}
}

static bool
has_path(const struct list *paths, const char *path)
{
	for (size_t i = 0; i < paths->n; i++)
		if (strcmp(((const char **)paths->items)[i], path) == 0)
			return true;
	return false;
}

static struct ini *
merge_paths(struct f2b *f, const struct list *paths)
{
	struct ini *ini = arena_alloc(f->arena, sizeof(*ini));
	struct list files = {0};

	for (size_t i = 0; i < paths->n; i++) {
		const char *path = ((const char **)paths->items)[i], *local = local_of(f, path);

		expand(f, path, NULL, NULL, &files);
		if (!has_path(paths, local) && find(f, local))
			expand(f, local, NULL, NULL, &files);
	}
	if (files.n == 0)
		return NULL;
	ini->defaults.name = "DEFAULT";
	for (size_t i = 0; i < files.n; i++)
		merge_file(f, ini, ((const struct f2b_file **)files.items)[i]);
	return ini;
}

struct ini *
f2b_merged_path(struct f2b *f, const char *path)
{
	struct list paths = {0};

	*(const char **)list_add(f->arena, &paths, sizeof(path)) = normal(f->arena, path);
	return merge_paths(f, &paths);
}

struct ini *
f2b_merged(struct f2b *f, const char *name)
{
	const char *base = normal(f->arena, arena_printf(f->arena, "%s/%s", f->dir, name));
	const char *conf = arena_printf(f->arena, "%s.conf", base);
	const char *local = arena_printf(f->arena, "%s.local", base);
	const char *folder = arena_printf(f->arena, "%s.d", base);
	struct f2b_merged_entry *entries = f->merged.items, *e;
	struct list paths = {0};

	for (size_t i = 0; i < f->merged.n; i++)
		if (strcmp(entries[i].name, name) == 0)
			return entries[i].ini;
	if (find(f, conf))
		*(const char **)list_add(f->arena, &paths, sizeof(conf)) = conf;
	add_folder(f, folder, ".conf", &paths);
	if (find(f, local))
		*(const char **)list_add(f->arena, &paths, sizeof(local)) = local;
	add_folder(f, folder, ".local", &paths);
	e = list_add(f->arena, &f->merged, sizeof(*e));
	e->name = name;
	e->ini = paths.n ? merge_paths(f, &paths) : NULL;
	return e->ini;
}
