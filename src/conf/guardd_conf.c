/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-conf: reads the configuration, checks it, and writes, prints or just judges it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "conf/emit.h"
#include "conf/fail2ban_history.h"
#include "conf/fail2ban_import.h"
#include "conf/fail2ban_single.h"
#include "conf/print.h"
#include "conf/sealed.h"
#include "wire/fds.h"

#ifndef DATADIR
#define DATADIR "/usr/share/guardd"
#endif
#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#ifndef GUARDD_VERSION
#define GUARDD_VERSION "unknown"
#endif

enum { EXIT_USAGE = 2, EXIT_UNREAD = 3 };

struct run {
	struct config_paths paths;
	int (*act)(struct config *c, usec_t now);
	const char *filter, *from; /* one filter of fail2ban's, of that directory */
};

static const char usage[] =
    "usage: guardd-conf [-c MAIN] [-s SHARE] [-e ETC] [-r RUNTIME] "
    "--image|--print|--check|--schema\n"
    "       guardd-conf --import DIR | --import-history FILE\n"
    "       guardd-conf --import-filter NAME[OPTIONS] [--from DIR] --image|--print|--check\n"
    "  -c MAIN     main file (" SYSCONFDIR "/guardd/guardd.yaml); it may be absent\n"
    "  -s SHARE    shipped files: SHARE/filters, SHARE/rules (" DATADIR ")\n"
    "  -e ETC      local files, which win: ETC/filters.d, ETC/rules.d (" SYSCONFDIR "/guardd)\n"
    "  -r RUNTIME  where the self check's log is (/run/guardd)\n"
    "  --image     write the image into the memfd that is descriptor 4, and seal it\n"
    "  --print     the effective configuration, as YAML that reads back equal\n"
    "  --check     only say what is wrong; exit 1 when something is\n"
    "  --schema    all keys of all kinds of files, one a line\n"
    "  --import    fail2ban's configuration as guardd's files and a report, in JSON lines;\n"
    "              exit 1 when not everything could be taken\n"
    "  --import-filter, --from\n"
    "              instead of all filters and rules one filter of fail2ban's (/etc/fail2ban)\n";

static int
put(struct strbuf *text)
{
	bool fine = !text->len || fwrite(text->text, 1, text->len, stdout) == text->len;

	strbuf_fini(text);
	if (fine && fflush(stdout) == 0)
		return 0;
	log_err("cannot write: %s", strerror(errno));
	return 1;
}

static int
act_image(struct config *c, usec_t now)
{
	_cleanup_(writer_freep) struct writer *w = writer_new();
	struct hash_key key = sealed_user_key();
	int r;

	emit_config(w, c, &key);
	r = writer_finish(w, FD_IMAGE, now);
	if (r == 0)
		return 0;
	log_err("cannot write the image into descriptor %d: %s", FD_IMAGE,
	    r == -EFBIG ? "the configuration is too large" : strerror(-r));
	return 1;
}

static int
act_print(struct config *c, usec_t now)
{
	struct strbuf text = {0};

	(void)now;
	print_config(&text, c);
	return put(&text);
}

static int
act_check(struct config *c, usec_t now)
{
	(void)now;
	printf("%zu filters, %zu ban rules, %zu expose rules: no errors\n", c->filters.n,
	    c->rules.n, c->exposes.n);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
show_schema(void)
{
	_cleanup_(arena_fini) struct arena a = {0};
	struct strbuf text = {0};

	print_schema(&text, &a, "guardd", settings_schema());
	print_schema(&text, &a, "filter", filter_schema());
	print_schema(&text, &a, "rule", rule_schema());
	print_schema(&text, &a, "expose", expose_schema());
	return put(&text);
}

/* Hostile files are parsed with what the user has, but nothing more; patterns and all else in the
 * sandbox. */
static int
run(const struct run *r, usec_t now)
{
	static char buffer[BUFSIZ];
	static struct config c;
	int status = 1;

	/* Else stdio asks with an ioctl whether it writes to a terminal, in the sandbox. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fatal("no new privileges: %s", strerror(errno));
	config_init(&c, &r->paths);
	sealed_prepare();
	config_load(&c, group_resolve, now);
	sealed_enter();
	if (config_check(&c) == 0)
		status = r->act(&c, now);
	diag_print(&c.diag, stderr);
	config_fini(&c);
	return status;
}

/* One filter of fail2ban's, called F2B_SINGLE_NAME, with guardd's own. */
static int
run_filter(const struct run *r, usec_t now)
{
	static char buffer[BUFSIZ];
	static struct config c;
	static struct f2b_single single;
	const char *yaml;
	int n, status = 1;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fatal("no new privileges: %s", strerror(errno));
	n = f2b_single_load(&single, r->from, r->filter);
	if (n < 0) {
		log_err("%s: %s", r->from, strerror(-n));
		return EXIT_UNREAD;
	}
	config_init(&c, &r->paths);
	sealed_prepare();
	config_load_own(&c, group_resolve, now);
	sealed_enter();
	yaml = f2b_single_yaml(&single);
	if (yaml)
		config_add_filter(&c, F2B_SINGLE_NAME, yaml);
	if (config_check(&c) == 0 && yaml)
		status = r->act(&c, now);
	f2b_single_tell(&single, stderr);
	diag_print(&c.diag, stderr);
	config_fini(&c);
	f2b_single_fini(&single);
	return status;
}

static int
run_import(const char *dir)
{
	static char buffer[BUFSIZ];
	struct f2b_import im;
	struct strbuf text = {0};
	int r, status;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fatal("no new privileges: %s", strerror(errno));
	r = f2b_import_load(&im, dir);
	if (r < 0) {
		log_err("%s: %s", dir, strerror(-r));
		return EXIT_UNREAD;
	}
	sealed_enter();
	status = f2b_import_run(&im, &text);
	r = put(&text);
	f2b_import_fini(&im);
	return r ? EXIT_UNREAD : status;
}

static int
run_history(const char *path, usec_t now)
{
	static char buffer[BUFSIZ];
	struct f2b_history h;
	struct strbuf text = {0};
	const char *why;
	int status;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fatal("no new privileges: %s", strerror(errno));
	if (f2b_history_load(&h, path, &why) < 0) {
		log_err("%s: %s", path, why);
		return EXIT_UNREAD;
	}
	sealed_enter();
	status = f2b_history_run(&h, now, &text);
	f2b_history_fini(&h);
	return put(&text) ? EXIT_UNREAD : status;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"image", no_argument, NULL, 'I'},
	    {"print", no_argument, NULL, 'P'}, {"check", no_argument, NULL, 'C'},
	    {"schema", no_argument, NULL, 'S'}, {"import", required_argument, NULL, 'M'},
	    {"import-history", required_argument, NULL, 'H'},
	    {"import-filter", required_argument, NULL, 'F'}, {"from", required_argument, NULL, 'D'},
	    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	struct run r = {.paths = {SYSCONFDIR "/guardd/guardd.yaml", DATADIR, SYSCONFDIR "/guardd",
			    "/run/guardd"},
	    .from = SYSCONFDIR "/fail2ban"};
	int o;

	log_init("guardd-conf", LOG_INFO);
	while ((o = getopt_long(argc, argv, "c:s:e:r:h", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			r.paths.main_file = optarg;
			break;
		case 's':
			r.paths.share = optarg;
			break;
		case 'e':
			r.paths.etc = optarg;
			break;
		case 'r':
			r.paths.runtime = optarg;
			break;
		case 'I':
			r.act = act_image;
			break;
		case 'P':
			r.act = act_print;
			break;
		case 'C':
			r.act = act_check;
			break;
		case 'S':
			return show_schema();
		case 'M':
			return run_import(optarg);
		case 'H':
			return run_history(optarg, clock_real());
		case 'F':
			r.filter = optarg;
			break;
		case 'D':
			r.from = optarg;
			break;
		case 'V':
			return puts("guardd-conf " GUARDD_VERSION) < 0;
		case 'h':
			return fputs(usage, stdout) < 0;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (!r.act || optind != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return r.filter ? run_filter(&r, clock_real()) : run(&r, clock_real());
}
