/* links: courier */
/* What a courier can do that its server took over: each try in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "courier/seal.h"

enum stage {
	UNSEALED,
	FIRST,
	SECOND,
};

/* The wait status of a child that does this; its exit status is what fn returns. */
static int
outcome(int (*fn)(void), enum stage stage)
{
	const char *what;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if ((stage >= FIRST && seal_first(NULL, &what) < 0) ||
		    (stage >= SECOND && seal_second(NULL, 443, &what) < 0))
			_exit(200);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
ends_with(int (*fn)(void), enum stage stage, int error)
{
	int status = outcome(fn, stage);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), error);
}

static int
unix_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET, 0) >= 0 ? 0 : errno;
}

static int
netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ? 0 : errno;
}

/* The kernel looks at the lower half of the argument alone. */
static int
unix_socket_with_high_bits(void)
{
	return syscall(SYS_socket, 0x100000000l | AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}

static int
unix_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 ? 0 : errno;
}

static int
try_connect(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return errno;
	return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;
}

static int
own_port(void)
{
	int r = try_connect(443);

	return r == EACCES ? EACCES : 0; /* whether somebody listens there does not matter */
}

static int
other_port(void)
{
	int r = try_connect(6379);

	return r == EACCES ? EACCES : 0;
}

static int
ipv6_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT ? 0 : errno;
}

static int
open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}

static int
open_passwd(void)
{
	return open_file("/etc/passwd");
}

static int
open_home(void)
{
	return open_file("/root");
}

static int
open_certificates(void)
{
	return open_file("/etc/ssl/certs");
}

static int
make_file(void)
{
	return open("/tmp/guardd-unit-seal", O_WRONLY | O_CREAT, 0600) >= 0 ? 0 : errno;
}

static int
run_program(void)
{
	execl("/bin/true", "true", NULL);
	return errno;
}

static int
make_process(void)
{
	return fork() >= 0 ? 0 : errno;
}

static int
listen_here(void)
{
	return listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0 ? 0 : errno;
}

/* Signal 0: whether there could be one. */
static int
signal_others(void)
{
	pid_t parent = getppid();

	return syscall(SYS_tgkill, parent, parent, 0) == 0 ? 0 : errno;
}

static void
test_names_can_be_looked_up_first(void **state)
{
	(void)state;
	ends_with(unix_socket, FIRST, 0);
	ends_with(netlink_socket, FIRST, 0);
	ends_with(open_passwd, FIRST, 0);
	ends_with(open_home, FIRST, EACCES);
	ends_with(make_file, FIRST, EACCES);
}

static void
test_then_one_port_and_certificates_are_left(void **state)
{
	(void)state;
	ends_with(unix_socket, SECOND, EACCES);
	ends_with(unix_socket_with_high_bits, SECOND, EACCES);
	ends_with(unix_pair, SECOND, EACCES);
	ends_with(netlink_socket, SECOND, EACCES);
	ends_with(ipv6_socket, SECOND, 0);
	ends_with(open_passwd, SECOND, EACCES);
	ends_with(open_certificates, SECOND, 0);
	ends_with(own_port, SECOND, 0);
	/* TCP ports are what Landlock knows from Linux 6.7 on. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4)
		ends_with(other_port, SECOND, EACCES);
	/* And signals to others from 6.12 on. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 6)
		ends_with(signal_others, SECOND, EPERM);
}

static void
test_nothing_is_started_and_nobody_let_in(void **state)
{
	int (*const tries[])(void) = {run_program, listen_here};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		int status = outcome(tries[i], FIRST);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(WIFSIGNALED(outcome(make_process, FIRST)));
#else
	(void)make_process;
#endif
}

/* That the tries would succeed elsewhere. */
static void
test_without_a_seal_all_of_it_works(void **state)
{
	(void)state;
	ends_with(unix_socket, UNSEALED, 0);
	ends_with(unix_socket_with_high_bits, UNSEALED, 0);
	ends_with(unix_pair, UNSEALED, 0);
	ends_with(open_passwd, UNSEALED, 0);
	ends_with(other_port, UNSEALED, 0);
	ends_with(signal_others, UNSEALED, 0);
	ends_with(make_file, UNSEALED, 0);
	unlink("/tmp/guardd-unit-seal");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_can_be_looked_up_first),
	    cmocka_unit_test(test_then_one_port_and_certificates_are_left),
	    cmocka_unit_test(test_nothing_is_started_and_nobody_let_in),
	    cmocka_unit_test(test_without_a_seal_all_of_it_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
