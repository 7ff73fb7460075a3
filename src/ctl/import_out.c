/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/import_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/out_text.h"

#define PATH_MOST 100        /* of a file below the folder */
#define LOOK_MAX  (1u << 20) /* of one that stays */

void
import_init(struct import *im)
{
	*im = (struct import){json_array(), json_array(), json_array(), NULL};
}

void
import_fini(struct import *im)
{
	json_decref(im->files);
	json_decref(im->notes);
	json_decref(im->jails);
	json_decref(im->summary);
}

void
import_take(struct import *im, json_t *object)
{
	const char *type = out_str(object, "type");

	if (strcmp(type, "file") == 0)
		json_array_append(im->files, object);
	else if (strcmp(type, "note") == 0)
		json_array_append(im->notes, object);
	else if (strcmp(type, "jail") == 0)
		json_array_append(im->jails, object);
	else if (strcmp(type, "summary") == 0 && !im->summary)
		im->summary = json_incref(object);
}

/* --- the report --- */

static void
put_heading(const struct import *im, const char *jail, struct strbuf *out)
{
	json_t *item;
	size_t i;

	if (!*jail) {
		strbuf_puts(out, "\nSeveral jails, or all\n");
		return;
	}
	strbuf_printf(out, "\nJail %s", jail);
	json_array_foreach(im->jails, i, item)
	{
		if (strcmp(out_str(item, "jail"), jail) == 0 && *out_str(item, "rule"))
			strbuf_printf(out, " -> rule %s, filter %s", out_str(item, "rule"),
			    out_str(item, "filter"));
	}
	strbuf_puts(out, "\n");
}

static void
put_note(json_t *note, struct strbuf *out)
{
	const char *file = out_str(note, "file");

	strbuf_printf(out, "  %-8s", out_str(note, "kind"));
	if (*file && out_int(note, "line") > 0)
		strbuf_printf(out, "%s:%lld: ", file, (long long)out_int(note, "line"));
	else if (*file)
		strbuf_printf(out, "%s: ", file);
	strbuf_printf(out, "%s\n", out_str(note, "text"));
}

static const char beside[] =
    "\nDifferent throughout\n"
    "  An IPv6 address is counted and banned with its /64.\n"
    "  A source that is read for the first time is read from its end on.\n"
    "  A ban drops packets before they are routed: to containers as well as to the host.\n"
    "  guardd's own rules stay in force beside the imported ones, but for those said to be off; "
    "one\n"
    "  is switched off by a file of its name in rules.d with 'enabled: no'.\n";

/* Those without comments. They come from others' files. */
static void
put_lines(const char *text, struct strbuf *out)
{
	for (size_t n; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n == 0 || *text == '#')
			continue;
		strbuf_puts(out, "    ");
		for (size_t i = 0; i < n; i++)
			strbuf_printf(out, "%c",
			    (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
		strbuf_puts(out, "\n");
	}
}

void
import_left(const struct import *im, struct strbuf *out)
{
	json_t *file;
	size_t i;

	json_array_foreach(im->files, i, file)
	{
		const char *left = out_str(file, "left");

		if (!*left)
			continue;
		strbuf_printf(
		    out, "\n  differs %s is there and stays as it is; add what it lacks:\n", left);
		put_lines(out_str(file, "text"), out);
	}
}

void
import_text(const struct import *im, const char *from, struct strbuf *out)
{
	const char *last = NULL;
	json_t *note;
	size_t i;

	strbuf_printf(out,
	    "Imported from %s: %lld jails enabled, %lld imported; %lld rules, %lld filters.\n"
	    "taken: it means the same here. differs: taken, with another meaning in something.\n"
	    "lost: guardd has nothing like it. error: wrong there, or not to be translated.\n"
	    "%lld taken, %lld differ, %lld lost, %lld errors.\n",
	    from, (long long)out_int(im->summary, "jails"),
	    (long long)out_int(im->summary, "imported"), (long long)out_int(im->summary, "rules"),
	    (long long)out_int(im->summary, "filters"), (long long)out_int(im->summary, "taken"),
	    (long long)out_int(im->summary, "differs"), (long long)out_int(im->summary, "lost"),
	    (long long)out_int(im->summary, "error"));
	import_left(im, out);
	json_array_foreach(im->notes, i, note)
	{
		const char *jail = out_str(note, "jail");

		if (!last || strcmp(jail, last) != 0)
			put_heading(im, jail, out);
		last = jail;
		put_note(note, out);
	}
	strbuf_puts(out, beside);
}

/* --- files that stay --- */

/* True when every line of wanted, but comments, stands in text. */
static bool
has_lines(const char *text, const char *wanted)
{
	for (size_t n; *wanted; wanted += n + (wanted[n] == '\n')) {
		const char *p = text;

		n = strcspn(wanted, "\n");
		if (n == 0 || *wanted == '#')
			continue;
		while (p && (strncmp(p, wanted, n) != 0 || (p[n] && p[n] != '\n'))) {
			p = strchr(p, '\n');
			p = p ? p + 1 : NULL;
		}
		if (!p)
			return false;
	}
	return true;
}

/* True when the file is there and lacks something; one that cannot be read may. */
static bool
lacks(const char *path, const char *wanted)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(freep) char *text = calloc(1, LOOK_MAX + 1);

	if (fd < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return !text || read(fd, text, LOOK_MAX) < 0 || !has_lines(text, wanted);
}

void
import_look(const struct import *im, const char *dir, const char *main_file)
{
	json_t *file;
	size_t i;

	json_array_foreach(im->files, i, file)
	{
		const char *path = out_str(file, "path"), *text = out_str(file, "text");
		_cleanup_(strbuf_fini) struct strbuf whole = {0};

		if (!json_is_true(json_object_get(file, "keep")))
			continue;
		strbuf_printf(&whole, "%s/%s", dir, path);
		if (lacks(whole.text, text))
			json_object_set_new(file, "left", json_string(whole.text));
		else if (main_file && strcmp(path, IMPORT_MAIN) == 0 && lacks(main_file, text))
			json_object_set_new(file, "left", json_string(main_file));
	}
}

/* --- files --- */

/* guardd-conf reads what others wrote: a name that leads elsewhere is none. */
static bool
is_fine(const char *path)
{
	const char *slash = strchr(path, '/');

	if (strcmp(path, IMPORT_MAIN) == 0)
		return true;
	return (strncmp(path, "filters.d/", 10) == 0 || strncmp(path, "rules.d/", 8) == 0) &&
	       !strchr(slash + 1, '/') && slash[1] != '.' && strlen(path) <= PATH_MOST;
}

static int
complain(const char *dir, const char *path, int error)
{
	fprintf(stderr, "guardctl: %s/%s: %s\n", dir, path, strerror(error));
	return -error;
}

/* Whole or not at all: into a file beside it, which then takes its name. */
static int
write_file(int at, const char *dir, const char *path, const char *text, size_t n, bool force)
{
	char beside_it[PATH_MOST + 16];
	int fd, r = 0;

	snprintf(beside_it, sizeof(beside_it), "%s.new", path);
	unlinkat(at, beside_it, 0);
	fd = openat(at, beside_it, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return complain(dir, beside_it, errno);
	for (size_t done = 0; r == 0 && done < n;) {
		ssize_t wrote = write(fd, text + done, n - done);

		if (wrote < 0 && errno != EINTR)
			r = complain(dir, beside_it, errno);
		else if (wrote > 0)
			done += (size_t)wrote;
	}
	if (close(fd) < 0 && r == 0)
		r = complain(dir, beside_it, errno);
	if (r == 0 && renameat2(at, beside_it, at, path, force ? 0 : RENAME_NOREPLACE) < 0)
		r = complain(dir, path, errno);
	if (r < 0)
		unlinkat(at, beside_it, 0);
	return r;
}

static bool
is_kept(const json_t *file)
{
	return json_is_true(json_object_get(file, "keep"));
}

static bool
is_there(int at, const char *path)
{
	return faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
check_free(const struct import *im, int at, const char *dir, bool force)
{
	int r = 0;
	json_t *file;
	size_t i;

	json_array_foreach(im->files, i, file)
	{
		const char *path = out_str(file, "path");

		if (!is_fine(path))
			return complain(dir, path, EINVAL);
		if (!force && !is_kept(file) && is_there(at, path))
			r = complain(dir, path, EEXIST);
	}
	if (!force && is_there(at, IMPORT_REPORT))
		r = complain(dir, IMPORT_REPORT, EEXIST);
	return r;
}

static int
make_folder(int at, const char *dir, const char *name)
{
	return mkdirat(at, name, 0755) == 0 || errno == EEXIST ? 0 : complain(dir, name, errno);
}

int
import_write(const struct import *im, const char *dir, bool force, const struct strbuf *report)
{
	_cleanup_(closep) int at = -1;
	json_t *file;
	size_t i;
	int r;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return complain(dir, "", errno);
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return complain(dir, "", errno);
	r = check_free(im, at, dir, force);
	if (r < 0) {
		if (r == -EEXIST)
			fputs("guardctl: nothing was written; --force replaces what is there\n",
			    stderr);
		return r;
	}
	if (make_folder(at, dir, "filters.d") < 0 || make_folder(at, dir, "rules.d") < 0)
		return -EIO;
	json_array_foreach(im->files, i, file)
	{
		json_t *text = json_object_get(file, "text");

		if (is_kept(file) && is_there(at, out_str(file, "path")))
			continue;
		r = write_file(at, dir, out_str(file, "path"), json_string_value(text),
		    json_string_length(text), force);
		if (r < 0)
			return r;
	}
	return write_file(at, dir, IMPORT_REPORT, report->text, report->len, force);
}
