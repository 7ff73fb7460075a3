/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * latency_load LOG LINES: appends so many harmless lines a second to the log, a thousandth of them
 * each millisecond, until standard input ends; then prints how many it was a second.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TICK 1000000 /* nanoseconds */

static const char *const texts[] = {
    "CRON[%u]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
    "sshd[%u]: Received disconnect from 192.0.2.9 port 51000:11: disconnected by user",
    "postfix/smtpd[%u]: connect from mail.example.net[192.0.2.25]",
    "dovecot: imap-login: Login: user=<anna>, method=PLAIN, rip=192.0.2.33, mpid=%u, TLS",
    "systemd[1]: Started session-%u.scope - Session of User anna.",
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static size_t
fill(char *buf, size_t room, unsigned lines, uint32_t n)
{
	time_t t = time(NULL);
	struct tm tm;
	char stamp[40];
	size_t len = 0;

	gmtime_r(&t, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S.000000+00:00", &tm);
	for (unsigned i = 0; i < lines; i++, n++) {
		len += (size_t)snprintf(buf + len, room - len, "%s host ", stamp);
		len += (size_t)snprintf(buf + len, room - len, texts[n % 5], n % 32768);
		buf[len++] = '\n';
	}
	return len;
}

int
main(int argc, char **argv)
{
	unsigned lines = argc == 3 ? (unsigned)atoi(argv[2]) / 1000 : 0;
	struct pollfd p = {.fd = 0, .events = POLLIN};
	uint64_t began = now_ns(), next = began, n = 0;
	char *buf = malloc(lines * 160 + 160);
	size_t len;
	int log;

	if (lines == 0 || !buf)
		errx(2, "usage: latency_load LOG LINES");
	log = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log < 0)
		err(1, "%s", argv[1]);
	/* Made once: what is measured is who reads it. */
	len = fill(buf, lines * 160 + 160, lines, 0);
	while (poll(&p, 1, 0) == 0) {
		struct timespec t = {(time_t)(next / 1000000000), (long)(next % 1000000000)};

		if (n % 1000 == 999)
			len = fill(buf, lines * 160 + 160, lines, (uint32_t)n);
		if (write(log, buf, len) != (ssize_t)len)
			err(1, "%s", argv[1]);
		n++;
		next += TICK;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			continue;
	}
	printf("%.0f\n", (double)n * lines * 1e9 / (double)(now_ns() - began));
	return 0;
}
