/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/sealed.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sandbox/sandbox.h"

#define FILES_MAX 256
#define PATHS_MAX 256
#define PORT_DNS  53

/* SQLite's files, libevent's look at sockets, the network, folders of certificates. */
static const int calls[] = {SCMP_SYS(openat), SCMP_SYS(pwrite64), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(fchmod), SCMP_SYS(getdents64),
    SCMP_SYS(memfd_create), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept4),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown), SCMP_SYS(ioctl), SCMP_SYS(uname), SCMP_SYS(getgroups), -1};

static const struct sandbox_call narrow[] = {{SCMP_SYS(socket), 0, AF_UNIX},
    {SCMP_SYS(socket), 0, AF_INET}, {SCMP_SYS(socket), 0, AF_INET6}, {-1, 0, 0}};

/* Libraries that look names up ask which addresses this host has; without an answer they ask for
 * both families. */
static const struct sandbox_call refused[] = {{SCMP_SYS(socket), 0, AF_NETLINK}, {-1, 0, 0}};

int
sealed_calls(const char **what)
{
	const struct sandbox s = {.role = "herald",
	    .calls = calls,
	    .narrow = narrow,
	    .refused = refused,
	    .files_max = FILES_MAX,
	    .no_write_exec = true,
	    .paths_later = true};

	return sandbox_enter(&s, what);
}

struct paths {
	struct sandbox_path list[PATHS_MAX + 1];
	size_t n;
};

/* The directory of file. */
static int
add(struct paths *p, const char *file, bool write)
{
	const char *slash = strrchr(file, '/');
	char *dir;

	if (!slash)
		return 0;
	if (p->n == PATHS_MAX)
		return -E2BIG;
	dir = strndup(file, slash == file ? 1 : (size_t)(slash - file));
	if (!dir)
		return -ENOMEM;
	p->list[p->n++] = (struct sandbox_path){dir, write};
	return 0;
}

static void
paths_fini(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free((char *)(uintptr_t)p->list[i].path);
}

/* Names and certificates are looked up by libraries in places of their own; whole directories, as
 * these files are replaced and are links. */
static const char *const system_paths[] = {"/etc/", "/run/systemd/resolve/", "/usr/lib/ssl/",
    "/usr/share/ca-certificates/", "/usr/local/share/ca-certificates/", "/dev/urandom/"};

static int
add_all(struct paths *p, const struct image *img, const char *state_file)
{
	const struct image_fleet *f = img->fleet;
	const str_t files[] = {f ? f->password_file : 0, f ? f->ca_file : 0, f ? f->cert_file : 0,
	    f ? f->key_file : 0, f ? f->sign_file : 0, f ? f->keys_file : 0};
	int r = add(p, state_file, true);

	if (r == 0)
		r = add(p, image_str(img, img->settings->metrics_file), true);
	for (size_t i = 0; r == 0 && i < sizeof(system_paths) / sizeof(*system_paths); i++)
		r = add(p, system_paths[i], false);
	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(*files); i++)
		r = add(p, image_str(img, files[i]), false);
	for (uint32_t i = 0; r == 0 && i < image_count(img, IMAGE_CHANNELS); i++) {
		const struct image_channel *c = &img->channels[i];
		const str_t secrets[] = {c->password_file, c->url_file, c->token_file, c->ca_file};

		for (size_t k = 0; r == 0 && k < sizeof(secrets) / sizeof(*secrets); k++)
			r = add(p, image_str(img, secrets[k]), false);
	}
	return r;
}

int
sealed_paths(const struct image *img, const char *state)
{
	const char *listen = image_str(img, img->settings->metrics_listen);
	const char *colon = strrchr(listen, ':');
	struct sandbox_port ports[4] = {0};
	struct paths paths = {0};
	char file[4200];
	size_t n = 0;
	int r;

	if (img->fleet) {
		ports[n++] = (struct sandbox_port){(uint16_t)img->fleet->port, false};
		ports[n++] = (struct sandbox_port){PORT_DNS, false};
	}
	if (colon)
		ports[n++] = (struct sandbox_port){(uint16_t)atoi(colon + 1), true};
	snprintf(file, sizeof(file), "%s/", state);
	r = add_all(&paths, img, file);
	if (r == 0)
		r = sandbox_paths(paths.list, ports);
	paths_fini(&paths);
	return r;
}
