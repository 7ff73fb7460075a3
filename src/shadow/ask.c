/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow/ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "wire/fds.h"

union fds {
	struct cmsghdr head;
	char room[CMSG_SPACE(2 * sizeof(int))];
};

static int
send_fds(int to)
{
	const int fds[2] = {FD_DUMP, FD_PROOF};
	union fds control = {.room = {0}};
	char one = 0;
	struct iovec iov = {&one, 1};
	struct msghdr h = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	return sendmsg(to, &h, 0) < 0 ? -errno : 0;
}

int
ask_unit(const struct proof *p)
{
	const struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = ASK_SOCKET};
	const struct timeval patience = {.tv_sec = ASK_PATIENCE};
	_cleanup_(closep) int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	_cleanup_(freep) uint8_t *bytes = malloc(p->head->n + 1);
	ssize_t n;
	int r;

	if (s < 0 || !bytes)
		return -errno;
	if (connect(s, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	r = send_fds(s);
	if (r < 0)
		return r;
	n = recv(s, bytes, p->head->n + 1, 0);
	if (n != (ssize_t)p->head->n)
		return n < 0 ? -errno : -EIO;
	return write(STDOUT_FILENO, bytes, (size_t)n) == n ? 0 : -EIO;
}

int
ask_take(void)
{
	union fds control = {.room = {0}};
	char one;
	struct iovec iov = {&one, 1};
	struct msghdr h = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	int fds[2];

	if (recvmsg(STDIN_FILENO, &h, MSG_CMSG_CLOEXEC) != 1)
		return -EPROTO;
	c = CMSG_FIRSTHDR(&h);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	/* The two may have each other's numbers. */
	if (dup2(fds[0], FD_PROOF + 1) < 0 || dup2(fds[1], FD_PROOF) < 0 ||
	    dup2(FD_PROOF + 1, FD_DUMP) < 0 || dup2(STDIN_FILENO, STDOUT_FILENO) < 0)
		return -errno;
	return 0;
}
