/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/sealed.h"

#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sandbox/sandbox.h"

static char machine_id[33];

void
sealed_prepare(void)
{
	_cleanup_(closep) int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, machine_id, sizeof(machine_id) - 1) < 32)
		machine_id[0] = '\0';
}

struct hash_key
sealed_user_key(void)
{
	struct hash_key key = {0};

	if (!machine_id[0])
		return key;
	key.k0 = hash_bytes(&hash_stable, machine_id, 32);
	key.k1 = hash_bytes(&key, "guardd user names", 17);
	return key;
}

void
sealed_enter(void)
{
	static const int calls[] = {
	    SCMP_SYS(ftruncate), SCMP_SYS(pwrite64), SCMP_SYS(newfstatat), -1};
	const struct sandbox s = {.role = "guardd-conf", .calls = calls, .files_max = 64};
	const char *what = "";
	int r = sandbox_enter(&s, &what);

	if (r < 0)
		fatal("sandbox: %s: %s", what, strerror(-r));
}
