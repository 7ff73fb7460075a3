/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/seal.h"

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

/* Beside the common ones: all of these are libsystemd's, to open and follow journal files. */
static const int calls[] = {SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(getdents64), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(readlinkat),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(ioctl), SCMP_SYS(access), SCMP_SYS(faccessat2), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    -1};

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
	return sandbox_enter(&s, what);
}
