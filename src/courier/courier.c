/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <curl/curl.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "courier/send.h"
#include "sandbox/sandbox.h"

#define SPACE_MAX (512ul << 20) /* bytes of address space: libcurl's libraries and a message */
#define CPU_MAX   20            /* seconds */
#define WRITTEN_MAX (64u << 10) /* bytes of standard output, where that is a file */

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* Beside the common ones: sockets, and what resolvers (glibc's, systemd's, sssd's, avahi's) and the
 * loading of their modules do. No exec, no fork, no listening. */
static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect),
    SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg), SCMP_SYS(shutdown), SCMP_SYS(select), SCMP_SYS(pselect6),
    SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(ioctl), SCMP_SYS(uname), SCMP_SYS(pipe), SCMP_SYS(eventfd2), SCMP_SYS(getppid),
    SCMP_SYS(alarm), SCMP_SYS(setitimer), SCMP_SYS(times), SCMP_SYS(getrusage),
    SCMP_SYS(clock_getres), SCMP_SYS(sched_getaffinity), SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch), -1};

static int
enter_sandbox(const char *ca, const char **what)
{
	/* Names and certificates are read while it runs; the modules of the resolver are loaded. */
	const struct sandbox_path paths[] = {{"/etc", false}, {"/usr/lib", false},
	    {"/usr/lib64", false}, {"/lib", false}, {"/lib64", false},
	    {"/usr/share/ca-certificates", false}, {"/usr/local/share/ca-certificates", false},
	    {"/run/systemd/resolve", false}, {"/run/resolvconf", false}, {"/run/nscd", false},
	    {"/proc/sys/net", false}, {"/dev/urandom", false}, {ca ? ca : "/dev/null", false},
	    {0}};
	const struct sandbox s = {
	    .role = "courier", .paths = paths, .calls = calls, .files_max = 64};
	const struct rlimit space = {SPACE_MAX, SPACE_MAX}, cpu = {CPU_MAX, CPU_MAX},
			    written = {WRITTEN_MAX, WRITTEN_MAX};

	*what = "resource limits";
#if !defined(__SANITIZE_ADDRESS__)
	if (setrlimit(RLIMIT_AS, &space) < 0)
		return -errno;
#else
	(void)space;
#endif
	if (setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_FSIZE, &written) < 0)
		return -errno;
	*what = "no writable code";
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return sandbox_enter(&s, what);
}

/* libcurl keeps its own time; this is for the resolver, which has none. */
static void
on_alarm(int sig)
{
	static const char text[] = "no answer in time\n";

	(void)sig;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) < 0 ? COURIER_CANNOT : COURIER_LATER);
}

static int
read_all(struct strbuf *in)
{
	char part[8192];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0) {
		strbuf_add(in, part, (size_t)n);
		if (in->len > ORDER_MAX)
			return -EFBIG;
	}
	return n < 0 ? -errno : 0;
}

static int
end_with(const struct answer *a)
{
	printf("%s\n", a->words.len > 0 ? a->words.text : "nothing was said");
	if (a->retry_after > 0)
		printf("retry-after %u\n", a->retry_after);
	return fflush(stdout) == 0 ? (int)a->status : COURIER_CANNOT;
}

int
main(void)
{
	_cleanup_(strbuf_fini) struct strbuf in = {0};
	_cleanup_(answer_fini) struct answer a = {0};
	const char *what = "it is too long";
	struct order o;
	int r = read_all(&in);

	if (r < 0 || (r = order_read(&o, in.len > 0 ? in.text : NULL, in.len, &what)) < 0) {
		answer_set(&a, COURIER_CANNOT, "this is no order of the herald's: %s", what);
		return end_with(&a);
	}
	r = enter_sandbox(o.value[ORDER_CA], &what);
	if (r < 0) {
		answer_set(&a, COURIER_CANNOT, "sandbox: %s: %s", what, strerror(-r));
		return end_with(&a);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	alarm(o.timeout_s + 2);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		answer_set(&a, COURIER_CANNOT, "libcurl cannot be used");
	else
		send_order(&o, &a);
	alarm(0);
	answer_clean(&a, &o);
	return end_with(&a);
}
