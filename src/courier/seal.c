/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "courier/seal.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "sandbox/sandbox.h"

#define SPACE_MAX   (512ul << 20) /* bytes of address space: libcurl's libraries and a message */
#define CPU_MAX     20            /* seconds */
#define WRITTEN_MAX (64u << 10)   /* bytes of standard output, where that is a file */
#define FILES_MAX   64

/* Newer than Debian 12's headers: include/uapi/linux/prctl.h (6.3). */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* Beside the common ones: sockets, and what resolvers (glibc's, systemd's, sssd's, avahi's) and the
 * loading of their modules do. No exec, no fork, no listening. */
static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect),
    SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg), SCMP_SYS(shutdown), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(openat),
    SCMP_SYS(open), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstatfs),
    SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(ioctl),
    SCMP_SYS(uname), SCMP_SYS(pipe), SCMP_SYS(getppid), SCMP_SYS(alarm), SCMP_SYS(setitimer),
    SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(clock_getres), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrlimit), SCMP_SYS(prlimit64), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(seccomp), -1};

static int
set_limits(void)
{
	const struct rlimit cpu = {CPU_MAX, CPU_MAX}, written = {WRITTEN_MAX, WRITTEN_MAX};

	if (setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_FSIZE, &written) < 0)
		return -errno;
#if !defined(__SANITIZE_ADDRESS__)
	if (setrlimit(RLIMIT_AS, &(const struct rlimit){SPACE_MAX, SPACE_MAX}) < 0)
		return -errno;
#endif
	return 0;
}

int
seal_first(const char *ca, const char **what)
{
	/* Names and certificates are read while it runs; the resolver's modules are loaded. */
	const struct sandbox_path paths[] = {{"/etc", false}, {"/usr/lib", false},
	    {"/usr/lib64", false}, {"/lib", false}, {"/lib64", false},
	    {"/usr/share/ca-certificates", false}, {"/usr/local/share/ca-certificates", false},
	    {"/run/systemd/resolve", false}, {"/run/resolvconf", false}, {"/run/nscd", false},
	    {"/proc/sys/net", false}, {"/dev/urandom", false}, {ca ? ca : "/dev/null", false}, {0}};
	const struct sandbox s = {
	    .role = "courier", .calls = calls, .files_max = FILES_MAX, .paths_later = true};
	int r = set_limits();

	*what = "resource limits";
	if (r < 0)
		return r;
	/* Modules are mapped from files; nothing is both written and run. */
	*what = "no writable code";
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	r = sandbox_enter(&s, what);
	if (r < 0)
		return r;
	*what = "Landlock";
	return sandbox_paths(paths, NULL);
}

static int
refuse(scmp_filter_ctx ctx, enum scmp_compare how, unsigned family)
{
	const struct scmp_arg_cmp c = {.arg = 0, .op = how, .datum_a = family};

	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, c);
}

/* Sockets of other families than IPv4 and IPv6: those of this machine's services, guardd's own
 * among them, listen to who has this uid. */
static int
refuse_families(scmp_filter_ctx ctx)
{
	int r = refuse(ctx, SCMP_CMP_LT, AF_INET);

	for (unsigned family = AF_INET + 1; r == 0 && family < AF_INET6; family++)
		r = refuse(ctx, SCMP_CMP_EQ, family);
	if (r == 0)
		r = refuse(ctx, SCMP_CMP_GT, AF_INET6);
	return r == 0 ? seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socketpair), 0) : r;
}

int
seal_second(const char *ca, uint16_t port, const char **what)
{
	const struct sandbox_path system[] = {{"/etc/ssl", false}, {"/usr/lib/ssl", false},
	    {"/usr/share/ca-certificates", false}, {"/usr/local/share/ca-certificates", false},
	    {0}};
	const struct sandbox_path own[] = {{ca, false}, {0}};
	const struct sandbox_port ports[] = {{port, false}, {0}};
	scmp_filter_ctx ctx;
	int r;

	*what = "Landlock";
	r = sandbox_paths(ca ? own : system, ports);
	if (r < 0)
		return r;
	*what = "seccomp";
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	r = refuse_families(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
