/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *	storm_packets DEVICE MAC V4 V6 RATE < SOURCES
 *	storm_packets count ADDRESS
 *
 * The first sends UDP packets to port 9 of the two addresses, so many a second, from each source of
 * standard input in turn (one a line, either family), as frames of the device to MAC. The second
 * receives them, and counts those of the IPv4 ADDRESS and all others. Both until SIGTERM; then they
 * print their counts.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES 4096
#define PORT    9
#define TICK    1000000 /* nanoseconds */

struct frame {
	uint8_t bytes[64];
	size_t len;
	uint16_t proto;
};

static volatile sig_atomic_t ended;

static void
on_end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint32_t
sum(const void *bytes, size_t n, uint32_t s)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static uint16_t
fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~s);
}

static void
make_v4(struct frame *f, struct in_addr from, struct in_addr to)
{
	struct udphdr u = {.source = htons(40000), .dest = htons(PORT), .len = htons(sizeof(u))};
	struct iphdr ip = {.version = 4,
	    .ihl = 5,
	    .ttl = 64,
	    .protocol = IPPROTO_UDP,
	    .saddr = from.s_addr,
	    .daddr = to.s_addr,
	    .tot_len = htons(sizeof(ip) + sizeof(u))};

	ip.check = fold(sum(&ip, sizeof(ip), 0));
	memcpy(f->bytes, &ip, sizeof(ip));
	memcpy(f->bytes + sizeof(ip), &u, sizeof(u));
	f->len = sizeof(ip) + sizeof(u);
	f->proto = htons(ETH_P_IP);
}

static void
make_v6(struct frame *f, const struct in6_addr *from, const struct in6_addr *to)
{
	struct udphdr u = {.source = htons(40000), .dest = htons(PORT), .len = htons(sizeof(u))};
	struct ip6_hdr ip = {.ip6_src = *from, .ip6_dst = *to};

	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons(sizeof(u));
	ip.ip6_nxt = IPPROTO_UDP;
	ip.ip6_hlim = 64;
	u.check = fold(sum(&u, sizeof(u), sum(from, 16, sum(to, 16, IPPROTO_UDP + sizeof(u)))));
	memcpy(f->bytes, &ip, sizeof(ip));
	memcpy(f->bytes + sizeof(ip), &u, sizeof(u));
	f->len = sizeof(ip) + sizeof(u);
	f->proto = htons(ETH_P_IPV6);
}

static size_t
read_sources(struct frame *frames, const char *v4, const char *v6)
{
	struct in6_addr to6, from6;
	struct in_addr to4, from4;
	char line[64];
	size_t n = 0;

	if (inet_pton(AF_INET, v4, &to4) != 1 || inet_pton(AF_INET6, v6, &to6) != 1)
		errx(2, "%s or %s is no address", v4, v6);
	while (n < SOURCES && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (inet_pton(AF_INET, line, &from4) == 1)
			make_v4(&frames[n++], from4, to4);
		else if (inet_pton(AF_INET6, line, &from6) == 1)
			make_v6(&frames[n++], &from6, &to6);
		else
			errx(2, "%s is no address", line);
	}
	return n;
}

static int
count(const char *address)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)}, from;
	const int size = 64 << 20;
	const struct sigaction end = {.sa_handler = on_end};
	unsigned long known = 0, others = 0;
	char text[INET6_ADDRSTRLEN], mapped[INET6_ADDRSTRLEN];
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		err(1, "UDP");
	snprintf(mapped, sizeof(mapped), "::ffff:%.20s", address);
	sigaction(SIGTERM, &end, NULL);
	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, text, sizeof(text), ended ? MSG_DONTWAIT : 0,
		    (struct sockaddr *)&from, &len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text));
		if (strcmp(text, mapped) == 0)
			known++;
		else
			others++;
	}
	printf("%lu %lu\n", known, others);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct frame frames[SOURCES];
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = ETH_ALEN};
	struct timespec next;
	unsigned long sent = 0;
	size_t n, each;
	int fd;

	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return count(argv[2]);
	if (argc != 6)
		errx(2, "usage: storm_packets DEVICE MAC V4 V6 RATE < SOURCES | count ADDRESS");
	n = read_sources(frames, argv[3], argv[4]);
	each = (size_t)atol(argv[5]) / 1000;
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (n == 0 || each == 0 || to.sll_ifindex == 0 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to.sll_addr[0], &to.sll_addr[1],
		&to.sll_addr[2], &to.sll_addr[3], &to.sll_addr[4], &to.sll_addr[5]) != 6)
		errx(2, "no source, rate, device or MAC");
	fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (fd < 0)
		err(1, "packet socket");
	signal(SIGTERM, on_end);
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!ended) {
		for (size_t i = 0; i < each; i++) {
			const struct frame *f = &frames[sent % n];

			to.sll_protocol = f->proto;
			if (sendto(fd, f->bytes, f->len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
				err(1, "a packet");
			sent++;
		}
		next.tv_nsec += TICK;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	printf("%lu\n", sent);
	return 0;
}
