/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prover/mode.h"
#include "prover/probe.h"
#include "prover/xt.h"
#include "sandbox/sandbox.h"
#include "wire/fds.h"

/* Address space beside the dump: 10,000 rules with 320,000 elements need less than 128 MB. */
#define SPACE_MAX (512ul << 20)

/* What a mode needs, how many words without a name, which options. */
enum { NEEDS_IMAGE = 1, NEEDS_DUMP = 2, NEEDS_RULES = 4 };

/* Beside the common ones: plain sockets, for the one mode that asks other hosts. */
static const int probe_calls[] = {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom), -1};

static const struct mode_row {
	const char *name, *usage;
	unsigned needs, words_min, words_max;
	const char *options; /* letters of the table in take_option */
	int (*run)(struct mode *m);
	const int *calls;
	uint32_t files;
} rows[] = {
    {"--proof", "", NEEDS_IMAGE | NEEDS_DUMP | NEEDS_RULES, 0, 0, "", mode_proof, NULL, 16},
    {"--check", "[RULE] [--explain] [--suggest]", NEEDS_IMAGE | NEEDS_DUMP | NEEDS_RULES, 0, 1,
	"es", mode_check, NULL, 16},
    {"--prove", "[PROTO/]PORT [--from PREFIX] [--to ADDR] [--in IFACE] [--family 4|6]",
	NEEDS_DUMP | NEEDS_RULES, 1, 1, "ftiF", mode_prove, NULL, 16},
    {"--packets", "[--in IFACE] [--to ADDR] [--to ADDR]", NEEDS_DUMP | NEEDS_RULES, 0, 0, "ti",
	mode_packets, NULL, 16},
    {"--listeners", "", NEEDS_DUMP, 0, 0, "", mode_listeners, NULL, 16},
    {"--probe", "[TARGET...] [--peers] [--rate N] [-]", NEEDS_IMAGE, 0, MODE_WORDS, "pr-",
	mode_probe, probe_calls, PROBE_FLIGHT + 16},
};

static int
usage(void)
{
	fputs("usage:\n", stderr);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		fprintf(stderr, "  guardd-prover %s %s\n", rows[i].name, rows[i].usage);
	return MODE_CANNOT;
}

static bool
take_option(const struct mode_row *row, struct mode_options *o, char **argv, int *i)
{
	const struct {
		char letter;
		const char *name;
		bool *flag;
		const char **value;
	} options[] = {{'e', "--explain", &o->explain, NULL}, {'s', "--suggest", &o->suggest, NULL},
	    {'p', "--peers", &o->peers, NULL}, {'-', "-", &o->input, NULL},
	    {'r', "--rate", NULL, &o->rate}, {'f', "--from", NULL, &o->from},
	    {'i', "--in", NULL, &o->in}, {'F', "--family", NULL, &o->family},
	    {'t', "--to", NULL, o->n_to < 4 ? &o->to[o->n_to] : NULL}};

	for (size_t k = 0; k < sizeof(options) / sizeof(*options); k++) {
		if (strcmp(options[k].name, argv[*i]) || !strchr(row->options, options[k].letter))
			continue;
		if (options[k].flag) {
			*options[k].flag = true;
			return true;
		}
		if (!options[k].value || !argv[*i + 1])
			return false;
		*options[k].value = argv[++*i];
		o->n_to += options[k].letter == 't';
		return true;
	}
	if (argv[*i][0] == '-' || o->n_words >= row->words_max)
		return false;
	if (!o->word)
		o->word = argv[*i];
	o->words[o->n_words++] = argv[*i];
	return true;
}

static const struct mode_row *
parse(char **argv, struct mode_options *o)
{
	for (size_t r = 0; argv[1] && r < sizeof(rows) / sizeof(*rows); r++) {
		if (strcmp(rows[r].name, argv[1]))
			continue;
		for (int i = 2; argv[i]; i++)
			if (!take_option(&rows[r], o, argv, &i))
				return NULL;
		return o->n_words < rows[r].words_min ? NULL : &rows[r];
	}
	return NULL;
}

/* Whether this uid 0 is one in name only: then it cannot change, and has nothing to lose. */
static bool
has_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return syscall(SYS_capget, &head, data) < 0 || data[0].permitted || data[1].permitted;
}

/* By hand as root: the service's user, else nobody. */
static int
leave_root(void)
{
	const struct passwd *pw;

	if (geteuid() != 0 || !has_capabilities())
		return 0;
	pw = getpwnam("guardd");
	if (!pw)
		pw = getpwnam("nobody");
	if (!pw)
		return -ENOENT;
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return errno == EPERM ? 0 : -errno;
	return 0;
}

/* Memory that is not there (base/arena, srcset) ends the process; with a status that says so. */
static void
on_abort(int sig)
{
	static const char text[] =
	    "guardd-prover: the ruleset needs more memory than the prover may have\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(MODE_CANNOT);
	_exit(MODE_CANNOT);
}

static int
limit_space(const struct mode *m)
{
#if defined(__SANITIZE_ADDRESS__)
	(void)m;
	(void)on_abort;
	return 0;
#else
	const struct rlimit space = {m->dump.size + SPACE_MAX, m->dump.size + SPACE_MAX};
	const struct sigaction act = {.sa_handler = on_abort};

	if (sigaction(SIGABRT, &act, NULL) < 0)
		return -errno;
	return setrlimit(RLIMIT_AS, &space) < 0 ? -errno : 0;
#endif
}

static int
enter_sandbox(const struct mode *m, const struct mode_row *row)
{
	const struct sandbox s = {
	    .role = "prover", .calls = row->calls, .files_max = row->files, .no_write_exec = true};
	const char *what = "";
	int r = leave_root();

	if (r < 0)
		return mode_cannot("cannot leave root: %s", strerror(-r));
	r = limit_space(m);
	if (r < 0)
		return mode_cannot("cannot limit memory: %s", strerror(-r));
	r = sandbox_enter(&s, &what);
	return r < 0 ? mode_cannot("sandbox: %s: %s", what, strerror(-r)) : 0;
}

/* What must be known for any answer, by mode; the rest only caps answers (struct mechanism). */
static const struct vital {
	uint32_t kind;
	const char *what;
	bool whole; /* fails where the kernel has no nf_tables */
} vital[] = {
    {DUMP_NFT_GENERATION, "nft generation", true},
    {DUMP_NFT_TABLES, "nft tables", true},
    {DUMP_NFT_CHAINS, "nft chains", false},
    {DUMP_NFT_RULES, "nft rules", false},
    {DUMP_NFT_SETS, "nft sets", false},
    {DUMP_NFT_ELEMENTS, "nft set elements", false},
    {DUMP_LINKS, "interfaces", false},
    {DUMP_ADDRS, "addresses", false},
    {DUMP_ROUTES, "routes", false},
};

static int
say_failed(const struct vital *v, int error, const char *text, size_t n)
{
	if (error == -EPERM || error == -EACCES)
		return mode_cannot("%s: not permitted: run as root, or let guardd run", v->what);
	if (v->whole && (error == -EPROTONOSUPPORT || error == -EAFNOSUPPORT ||
			    error == -EOPNOTSUPP || error == -EINVAL || error == -ENOENT))
		return mode_cannot(
		    "no nf_tables in this kernel (%s: %s)", v->what, strerror(-error));
	return mode_cannot("%s could not be read: %s%s%.*s", v->what, strerror(-error),
	    n ? ": " : "", (int)n, text);
}

static int
look_for_failures(struct mode *m, unsigned needs)
{
	const struct dump_record *r = NULL;
	struct dump_failed f;

	while ((r = dump_next(&m->dump, r, DUMP_FAILED))) {
		const char *text = (const char *)dump_data(r) + sizeof(f);

		if (r->len < sizeof(f))
			return mode_cannot("the dump is damaged: a failure without its kind");
		memcpy(&f, dump_data(r), sizeof(f));
		if (f.kind == DUMP_SOCKETS) {
			m->sockets_hidden = true;
			if (!(needs & NEEDS_RULES))
				return mode_cannot("sockets could not be read: %s",
				    strerror(f.error < 0 ? -f.error : EIO));
		}
		for (size_t i = 0; (needs & NEEDS_RULES) && i < sizeof(vital) / sizeof(*vital); i++)
			if (vital[i].kind == f.kind)
				return say_failed(&vital[i], f.error < 0 ? f.error : -EIO, text,
				    strnlen(text, r->len - sizeof(f)));
	}
	return 0;
}

/* A ruleset that changed all the while is no proof of anything. */
static void
cap_if_changing(struct mode *m)
{
	struct mechanism *all;
	uint32_t n = m->world.n_mechanisms;

	if (!(m->dump.head->flags & DUMP_CHANGING))
		return;
	all = arena_array(&m->arena, n + 1, sizeof(*all));
	if (n)
		memcpy(all, m->world.mechanisms, n * sizeof(*all));
	all[n] = (struct mechanism){.name = "a ruleset that changed while it was read",
	    .may_drop = true,
	    .may_accept = true};
	m->world.mechanisms = all;
	m->world.n_mechanisms = n + 1;
}

/* The watcher says of each part what it read, or why not: a part that is missing was cut off. Only
 * elements are not there where there are no sets. */
static int
look_for_holes(struct mode *m, unsigned needs)
{
	if (!dump_next(&m->dump, NULL, DUMP_SOCKETS) && !m->sockets_hidden)
		return mode_cannot("the dump is damaged: no sockets");
	for (size_t i = 0; (needs & NEEDS_RULES) && i < sizeof(vital) / sizeof(*vital); i++)
		if (vital[i].kind != DUMP_NFT_ELEMENTS && !dump_next(&m->dump, NULL, vital[i].kind))
			return mode_cannot("the dump is damaged: no %s", vital[i].what);
	return 0;
}

static int
read_dump(struct mode *m, unsigned needs)
{
	const char *what = "";
	int r = look_for_failures(m, needs);

	if (r == 0)
		r = look_for_holes(m, needs);
	if (r != 0)
		return r;
	r = world_read(&m->world, &m->dump, &m->arena, &what);
	if (r < 0)
		return mode_cannot("the dump is damaged: %s", what);
	cap_if_changing(m);
	if (!(needs & NEEDS_RULES))
		return 0;
	m->rules.arena = &m->arena;
	r = ruleset_read(&m->rules, &m->dump, &what);
	if (r < 0)
		return mode_cannot("the ruleset cannot be read: %s", what);
	xt_mark_dynamic(&m->rules, &m->world);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct mode m;
	const struct mode_row *row = argc > 1 ? parse(argv, &m.opt) : NULL;
	int r;

	if (!row)
		return usage();
	r = row->needs & NEEDS_DUMP ? dump_open(&m.dump, FD_DUMP) : 0;
	if (r == -EBADF)
		return mode_cannot(
		    "no dump at descriptor %d: guardd-watcher --dump -- makes it", FD_DUMP);
	if (r < 0)
		return mode_cannot("the dump is damaged: %s", strerror(-r));
	if (row->needs & NEEDS_IMAGE) {
		r = image_open(&m.img, FD_IMAGE);
		if (r < 0)
			return mode_cannot(
			    "no configuration image at descriptor %d: %s", FD_IMAGE, strerror(-r));
	}
	r = enter_sandbox(&m, row);
	if (r == 0 && (row->needs & NEEDS_DUMP))
		r = read_dump(&m, row->needs);
	/* The process ends with its memory. */
	return r ? r : row->run(&m);
}
