/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directories, files and sockets that a unit's first process makes for the others. Comes in:
 * paths of its command line. Goes out: descriptors. Nothing is followed out of the directory.
 */
#pragma once

#include <sys/types.h>

/* Makes the directory if it is not there; by root also owner and mode. Negative errno. */
int place_dir(const char *path, mode_t mode, uid_t uid, gid_t gid);
/* Opens dir/name without following a link. Negative errno. */
int place_open(const char *dir, const char *name, int flags, mode_t mode);
/* A listening socket, non-blocking, at dir/name in the place of whatever was there. type:
 * SOCK_STREAM or SOCK_SEQPACKET. Anyone may connect: whoever accepts asks the kernel who it is.
 * Negative errno. */
int place_listen(const char *dir, const char *name, int type);
/* The path of an open directory, for what needs it by name. Negative errno. */
int place_path(int fd, char *path, size_t size);
