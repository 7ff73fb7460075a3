/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of guardd-conf: a configuration in a folder of its own. Comes in: texts of files. Goes
 * out: the loaded configuration, and its image. A resolver that knows one name stands for the
 * system's. Any failure ends the test.
 */
#pragma once

#include "conf/config.h"

#include <fcntl.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/emit.h"

#define NOW (INT64_C(1795000000) * USEC_PER_SEC)

struct world {
	char dir[64];
	const char *shipped; /* NULL: DIR/share */
	struct config config;
	int result;
};

static inline void
world_open(struct world *w)
{
	static const char *const dirs[] = {
	    "share", "share/filters", "share/rules", "etc", "etc/filters.d", "etc/rules.d"};
	char path[128];

	*w = (struct world){0};
	strcpy(w->dir, "/tmp/guardd-conf-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static inline void
world_close(struct world *w)
{
	char command[128];

	config_fini(&w->config);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	assert_int_equal(system(command), 0);
}

static inline void
put(const struct world *w, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline int
resolve_table(const char *host, struct arena *a, struct list *addrs)
{
	static const char *const answers[] = {"2001:db8::53", "192.0.2.53"};

	if (strcmp(host, "dns.example.net"))
		return EAI_NONAME;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(addr_parse(list_add(a, addrs, sizeof(struct addr)), answers[i],
				     strlen(answers[i])),
		    0);
	return 0;
}

static inline void
load(struct world *w)
{
	static char main_file[96], share[96], etc[96];
	const struct config_paths paths = {
	    main_file, w->shipped ? w->shipped : share, etc, "/run/guardd"};

	snprintf(main_file, sizeof(main_file), "%s/etc/guardd.yaml", w->dir);
	snprintf(share, sizeof(share), "%s/share", w->dir);
	snprintf(etc, sizeof(etc), "%s/etc", w->dir);
	config_init(&w->config, &paths);
	config_load(&w->config, resolve_table, NOW);
	w->result = config_check(&w->config);
}

static inline void
load_fine(struct world *w)
{
	load(w);
	if (w->result < 0)
		diag_print(&w->config.diag, stderr);
	assert_int_equal(w->result, 0);
}

static inline void
image_of(const struct world *w, struct image *img)
{
	static const struct hash_key key = {1, 2};
	_cleanup_(writer_freep) struct writer *writer = writer_new();
	_cleanup_(closep) int fd = memfd_create("image", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_true(fd >= 0);
	emit_config(writer, &w->config, &key);
	assert_int_equal(writer_finish(writer, fd, NOW), 0);
	assert_int_equal(
	    fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(image_open(img, fd), 0);
}
