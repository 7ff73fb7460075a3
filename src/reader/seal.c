/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/seal.h"

#include <dlfcn.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "wire/msg.h"

/* libsystemd needs the machine's and the boot's id to tell whose journal files are which. */
static const char *const always[] = {
    "/var/log/journal", "/run/log/journal", "/etc/machine-id", "/proc/sys/kernel/random/boot_id"};

/* Beside the common ones: what libsystemd and reader/journal_files open and follow journal files
 * with. */
static const int calls[] = {SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(getdents64), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch), -1};

/* From version 256 on libsystemd loads these when it meets the first compressed message, which is
 * too late. */
static void
load_early(void)
{
	static const char *const libraries[] = {"libzstd.so.1", "liblz4.so.1", "liblzma.so.5"};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
		dlopen(libraries[i], RTLD_NOW | RTLD_NODELETE);
}

/* The path itself, or while it is not there the nearest directory above it that is (but no top
 * directory), so that it may appear later; the file's own permissions hold all the same. */
static void
allow(struct sandbox_path *out, char *room, size_t size, const char *path)
{
	char *slash;

	snprintf(room, size, "%s", path);
	while (access(room, F_OK) < 0 && (slash = strrchr(room, '/')) &&
	       memchr(room, '/', (size_t)(slash - room)))
		*slash = 0;
	*out = (struct sandbox_path){room, false};
}

int
seal(const struct image *img, const char **what)
{
	static char room[SEAL_PATHS][PATH_MAX];
	struct sandbox_path paths[SEAL_PATHS + 1] = {{0}};
	struct sandbox s = {.role = "reader",
	    .paths = paths,
	    .calls = calls,
	    .files_max = SEAL_FILES,
	    .no_write_exec = true};
	size_t n = 0;

	for (; n < sizeof(always) / sizeof(*always); n++)
		allow(&paths[n], room[n], sizeof(room[n]), always[n]);
	for (uint32_t i = 0; i < image_count(img, IMAGE_SOURCES) && n < SEAL_PATHS; i++) {
		const struct image_source *src = &img->sources[i];

		if (src->kind != SOURCE_JOURNAL || !src->path)
			continue;
		allow(&paths[n], room[n], sizeof(room[n]), image_str(img, src->path));
		n++;
	}
	load_early();
	return sandbox_enter(&s, what);
}
