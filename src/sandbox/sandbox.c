/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Newer than Debian 12's headers: include/uapi/linux/prctl.h (6.3), include/uapi/linux/landlock.h
 * (6.2, 6.7). */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* include/uapi/linux/landlock.h of 6.7. */
#define NET_BIND_TCP    (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
#define RULE_NET_PORT   2
#define SCOPE_ALL       3 /* of 6.12: abstract unix sockets, signals */
struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
struct net_port_attr {
	uint64_t allowed_access, port;
};

#define FS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define FS_WRITE                                                                                   \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                   \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define FS_FILE_ONLY                                                                               \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                            \
	    LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_EXECUTE)

/* What every role needs: memory, its open descriptors, time, its own end. */
static const int common_calls[] = {SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64),
    SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(fstat),
    SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(eventfd2),
    SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(pipe2), SCMP_SYS(getrandom),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(tgkill),
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(prctl), SCMP_SYS(sched_yield), SCMP_SYS(rseq),
    SCMP_SYS(membarrier), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(sysinfo), /* glibc's qsort asks how much memory there is */
    -1};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
/* The sanitizers' runtime looks at /proc/self/maps and stacks when it reports. */
static const int sanitizer_calls[] = {SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(clone), SCMP_SYS(wait4), SCMP_SYS(ptrace), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64),
    SCMP_SYS(uname), SCMP_SYS(sched_getaffinity), SCMP_SYS(ioctl), SCMP_SYS(stat),
    SCMP_SYS(newfstatat), SCMP_SYS(getuid), SCMP_SYS(getppid), SCMP_SYS(set_robust_list),
    SCMP_SYS(dup2), SCMP_SYS(pipe), SCMP_SYS(kill), SCMP_SYS(getdents64), -1};

/* The leak check at exit traces its own process, which a sealed one cannot. */
static bool sealed;
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return sealed;
}
#else
static const int sanitizer_calls[] = {-1};
#endif

static int
drop_capabilities(const struct sandbox *s)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0}, held[2] = {0};

	if (syscall(SYS_capget, &head, held) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t keep = (uint32_t)(s->capabilities >> (32 * i)) & held[i].permitted;

		data[i].effective = data[i].permitted = keep;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* The bounding set can only be emptied with CAP_SETPCAP; without it nothing is ever exec'd
	 * anyway. */
	for (unsigned long c = 0; c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(s->capabilities >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 &&
		    errno != EPERM)
			return -errno;
	/* A unit without capabilities needs no system call to shed them. */
	if (memcmp(data, held, sizeof(data)) == 0)
		return 0;
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static int
no_new_powers(const struct sandbox *s)
{
	(void)s;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* With one uid for all roles, /proc/PID/mem of the others would be open. */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int
set_limits(const struct sandbox *s)
{
	const struct rlimit none = {0, 0}, files = {s->files_max, s->files_max};

	/* RLIMIT_NPROC counts the whole uid, so that forking is left to seccomp. */
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return 0;
}

static int
landlock_allow(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
	_cleanup_(closep) int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.parent_fd = fd};
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	rule.allowed_access = (p->write ? FS_WRITE : FS_READ) & handled;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_FILE_ONLY;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static int
landlock_port(int ruleset, const struct sandbox_port *p)
{
	const struct net_port_attr rule = {p->bind ? NET_BIND_TCP : NET_CONNECT_TCP, p->port};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0 ? -errno : 0;
}

int
sandbox_paths(const struct sandbox_path *paths, const struct sandbox_port *ports)
{
	struct ruleset_attr attr = {.handled_access_fs = FS_ABI_1};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_(closep) int fd = -1;
	int r = 0;

	if (abi < 0)
		return -errno;
	if (abi >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 4 && ports)
		attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 6 && ports)
		attr.scoped = SCOPE_ALL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return -errno;
	for (const struct sandbox_path *p = paths; r == 0 && p && p->path; p++)
		r = landlock_allow(fd, p, attr.handled_access_fs);
	for (const struct sandbox_port *p = ports; r == 0 && abi >= 4 && p && p->port; p++)
		r = landlock_port(fd, p);
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}

static int
close_files(const struct sandbox *s)
{
	return s->paths_later ? 0 : sandbox_paths(s->paths, NULL);
}

static int
no_write_exec(const struct sandbox *s)
{
	if (!s->no_write_exec)
		return 0;
	/* EINVAL: a kernel before 6.3, where allow_memory alone does it. */
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return 0;
}

static int
allow_calls(scmp_filter_ctx ctx, const int *calls)
{
	for (; calls && *calls != -1; calls++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, *calls, 0);

		/* -EDOM: a call that this architecture does not have. */
		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

static int
add_narrow(scmp_filter_ctx ctx, uint32_t action, const struct sandbox_call *c)
{
	int r = 0;

	for (; c && c->call != -1 && (r == 0 || r == -EDOM); c++)
		r = seccomp_rule_add(ctx, action, c->call, 1,
		    SCMP_CMP(c->arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, c->value));
	return r == -EDOM ? 0 : r;
}

/*
 * Memory that is executable: refused to a role that has compiled all it needs. PR_SET_MDWE does the
 * same on kernels that have it; this holds on all of them.
 */
static int
allow_memory(scmp_filter_ctx ctx, bool executable)
{
	static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(*calls); i++)
		r = executable ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0)
			       : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

static const int landlock_calls[] = {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
    SCMP_SYS(landlock_restrict_self), SCMP_SYS(openat), -1};

static int
close_calls(const struct sandbox *s)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = allow_calls(ctx, common_calls);
	if (r == 0)
		r = allow_memory(ctx, !s->no_write_exec);
	if (r == 0)
		r = allow_calls(ctx, sanitizer_calls);
	if (r == 0)
		r = allow_calls(ctx, s->calls);
	if (r == 0 && s->paths_later)
		r = allow_calls(ctx, landlock_calls);
	if (r == 0)
		r = add_narrow(ctx, SCMP_ACT_ALLOW, s->narrow);
	if (r == 0)
		r = add_narrow(ctx, SCMP_ACT_ERRNO(EACCES), s->refused);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int
sandbox_enter(const struct sandbox *s, const char **what)
{
	static const struct {
		const char *what;
		int (*fn)(const struct sandbox *s);
	} steps[] = {
	    {"resource limits", set_limits},
	    {"no new privileges", no_new_powers},
	    {"capabilities", drop_capabilities},
	    {"Landlock", close_files},
	    {"no writable code", no_write_exec},
	    {"seccomp", close_calls},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int r = steps[i].fn(s);

		if (r < 0) {
			*what = steps[i].what;
			return r;
		}
	}
#ifdef SANITIZED
	sealed = true;
#endif
	return 0;
}
