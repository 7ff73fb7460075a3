/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/seal.h"

#include <dlfcn.h>
#include <seccomp.h>
#include <string.h>

#include "sandbox/sandbox.h"
#include "wire/msg.h"

/* libsystemd needs the machine's and the boot's id to tell whose journal files are which. */
static const struct sandbox_path always[] = {
    {"/var/log/journal", false},
    {"/run/log/journal", false},
    {"/etc/machine-id", false},
    {"/proc/sys/kernel/random/boot_id", false},
};

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

int
seal(const struct image *img, const char **what)
{
	struct sandbox_path paths[SEAL_DIRECTORIES + 1] = {{0}};
	struct sandbox s = {.role = "reader",
	    .paths = paths,
	    .calls = calls,
	    .files_max = SEAL_FILES,
	    .no_write_exec = true};
	size_t n = sizeof(always) / sizeof(always[0]);

	memcpy(paths, always, sizeof(always));
	for (uint32_t i = 0; i < image_count(img, IMAGE_SOURCES) && n < SEAL_DIRECTORIES; i++) {
		const struct image_source *src = &img->sources[i];

		if (src->kind == SOURCE_JOURNAL && src->path)
			paths[n++] = (struct sandbox_path){image_str(img, src->path), false};
	}
	load_early();
	return sandbox_enter(&s, what);
}
