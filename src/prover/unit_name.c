/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <string.h>

#include "prover/world_parts.h"

#define ID_DIGITS 64 /* a container's id in cgroup names */
#define ID_SHOWN  12 /* as docker ps shows it */

/* What stands before a container's id, in its own part of the path ("docker-<id>.scope") or in one
 * before it ("/docker/<id>"), and how people call it. */
static const struct {
	const char *part, *name;
} runtimes[] = {
    {"docker", "docker"},
    {"libpod", "podman"},
    {"cri-containerd", "containerd"},
    {"crio", "cri-o"},
    {"kubepods", "kubepods"},
    {"containerd", "containerd"},
};

static const char *const unit_suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};

/* Where 64 hexadecimal digits end the part, but for ".scope"; NULL: they do not. */
static const char *
container_id(const char *part, size_t n)
{
	static const char scope[] = ".scope";
	size_t tail = sizeof(scope) - 1;

	if (n > tail && memcmp(part + n - tail, scope, tail) == 0)
		n -= tail;
	if (n < ID_DIGITS)
		return NULL;
	for (size_t i = n - ID_DIGITS; i < n; i++)
		if (!isxdigit((unsigned char)part[i]))
			return NULL;
	return part + n - ID_DIGITS;
}

static const char *
runtime_name(const char *path, const char *id)
{
	const char *best = "container", *at = path;

	/* The one that stands nearest to the id. */
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++) {
		const char *found = path;

		while ((found = strstr(found, runtimes[i].part)) && found < id) {
			if (found >= at) {
				at = found;
				best = runtimes[i].name;
			}
			found++;
		}
	}
	return best;
}

static bool
ends_with(const char *text, size_t n, const char *suffix)
{
	size_t m = strlen(suffix);

	return n > m && memcmp(text + n - m, suffix, m) == 0;
}

static bool
is_unit(const char *part, size_t n)
{
	for (size_t i = 0; i < sizeof(unit_suffixes) / sizeof(*unit_suffixes); i++)
		if (ends_with(part, n, unit_suffixes[i]))
			return true;
	return false;
}

/* "/user.slice/user-1000.slice/..." -> 1000; -1 */
static long
user_of(const char *path)
{
	static const char prefix[] = "/user.slice/user-";
	long uid = 0;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return -1;
	path += sizeof(prefix) - 1;
	if (!isdigit((unsigned char)*path))
		return -1;
	for (; isdigit((unsigned char)*path) && uid < 1L << 32; path++)
		uid = uid * 10 + (*path - '0');
	return uid;
}

const char *
world_unit(struct arena *a, const char *cgroup)
{
	const char *unit = NULL, *id = NULL, *part = cgroup;
	size_t unit_len = 0;
	long uid;

	if (*cgroup != '/' || !cgroup[1])
		return *cgroup == '/' ? "" : cgroup;
	while (*part) {
		size_t n;

		part += *part == '/';
		n = strcspn(part, "/");
		if (container_id(part, n))
			id = container_id(part, n);
		if (is_unit(part, n)) {
			unit = part;
			unit_len = n;
		}
		if (strncmp(part, "lxc.payload.", 12) == 0 && n > 12)
			return arena_printf(a, "lxc %.*s", (int)(n - 12), part + 12);
		part += n;
	}
	if (id)
		return arena_printf(a, "%s %.*s", runtime_name(cgroup, id), ID_SHOWN, id);
	uid = user_of(cgroup);
	if (uid >= 0 && unit && !ends_with(unit, unit_len, ".scope") &&
	    strncmp(unit, "user@", 5) != 0)
		return arena_printf(a, "%.*s of user %ld", (int)unit_len, unit, uid);
	if (uid >= 0)
		return arena_printf(a, "user %ld", uid);
	return unit ? arena_dup(a, unit, unit_len) : cgroup;
}
