/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Asks the kernel itself: sends one frame for each line "SADDR PROTO/PORT" of standard input from
 * the peer's network namespace, and prints the line with A where the host's recorder saw it (the
 * last input or postrouting chain logs it to nflog and drops it), with D where not. A TCP SYN, a
 * UDP datagram or an SCTP INIT carries the line's number, which no NAT changes. Exits 3 when a
 * frame or an answer was lost.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP    61007 /* of nflog, as in oracle.py's recorder */
#define BATCH    64
#define FRAME    128
#define NUMBERED 0x40000000u /* marks a packet as ours; SCTP's tag must not be 0, too */

struct packet {
	uint8_t family, proto;
	uint16_t port;
	uint8_t from[16];
	const char *line; /* in the input, ends with NUL */
	bool seen;
};

struct blast {
	struct packet *packets;
	size_t n;
	uint8_t mac[6], to4[4], to6[16];
	bool has4, has6;
	int wire, log;
	uint32_t next_seq;
	bool lost;
};

static const struct {
	const char *name;
	uint8_t number;
	uint8_t at; /* where the number stands behind the network header */
	uint8_t len;
} protos[] = {
    {"tcp", IPPROTO_TCP, 4, 24},
    {"udp", IPPROTO_UDP, 8, 16},
    {"sctp", IPPROTO_SCTP, 16, 32},
};
#define N_PROTOS (sizeof(protos) / sizeof(protos[0]))

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static uint32_t
sum16(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += p[i] << 8 | p[i + 1];
	return sum;
}

static unsigned
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* RFC 9260 appendix A. */
static uint32_t
crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static int
proto_of(uint8_t number)
{
	for (size_t i = 0; i < N_PROTOS; i++)
		if (protos[i].number == number)
			return (int)i;
	return -1;
}

static void
fill_transport(uint8_t *t, const struct packet *p, uint32_t number, uint32_t pseudo)
{
	int which = proto_of(p->proto);
	size_t len = protos[which].len;
	memset(t, 0, len);
	put16(t, 32768 + number % 28000);
	put16(t + 2, p->port);
	put32(t + protos[which].at, number | NUMBERED);
	pseudo += p->proto + len;
	if (p->proto == IPPROTO_TCP) {
		t[12] = 6 << 4;
		t[13] = 0x02; /* SYN */
		put16(t + 14, 64240);
		put32(t + 20, 0x020405b4); /* MSS 1460 */
		put16(t + 16, fold(sum16(pseudo, t, len)));
	} else if (p->proto == IPPROTO_UDP) {
		put16(t + 4, len);
		unsigned sum = fold(sum16(pseudo, t, len));
		put16(t + 6, sum ? sum : 0xffff);
	} else {
		t[12] = 1; /* INIT */
		put16(t + 14, 20);
		put32(t + 20, 65536);
		put16(t + 24, 10);
		put16(t + 26, 10);
		uint32_t crc = crc32c(t, len);
		memcpy(t + 8, &(uint32_t){htole32(crc)}, 4);
	}
}

/* The frame of one packet; its length. */
static size_t
frame(const struct blast *b, uint32_t number, uint8_t *f)
{
	const struct packet *p = &b->packets[number];
	size_t len = protos[proto_of(p->proto)].len;
	uint8_t *h = f + ETH_HLEN;
	memcpy(f, b->mac, 6);
	memcpy(f + 6, "\x02\0\0\0\0\x01", 6);
	if (p->family == 4) {
		put16(f + 12, ETH_P_IP);
		memset(h, 0, 20);
		h[0] = 0x45;
		put16(h + 2, 20 + len);
		put16(h + 6, 0x4000);
		h[8] = 64;
		h[9] = p->proto;
		memcpy(h + 12, p->from, 4);
		memcpy(h + 16, b->to4, 4);
		put16(h + 10, fold(sum16(0, h, 20)));
		fill_transport(h + 20, p, number, sum16(0, h + 12, 8));
		return ETH_HLEN + 20 + len;
	}
	put16(f + 12, ETH_P_IPV6);
	memset(h, 0, 40);
	h[0] = 0x60;
	put16(h + 4, len);
	h[6] = p->proto;
	h[7] = 64;
	memcpy(h + 8, p->from, 16);
	memcpy(h + 24, b->to6, 16);
	fill_transport(h + 40, p, number, sum16(0, h + 8, 32));
	return ETH_HLEN + 40 + len;
}

/* Which packet the logged bytes are. */
static void
saw(struct blast *b, const uint8_t *h, size_t n)
{
	size_t head = n && h[0] >> 4 == 4 ? (h[0] & 15u) * 4 : 40;
	if (n < head || n < 20)
		return;
	int which = proto_of(h[0] >> 4 == 4 ? h[9] : h[6]);
	if (which < 0 || n < head + protos[which].at + 4)
		return;
	uint32_t number = get32(h + head + protos[which].at);
	if (!(number & NUMBERED) || (number & ~NUMBERED) >= b->n)
		errx(3, "a packet that was not sent was logged");
	b->packets[number & ~NUMBERED].seen = true;
}

static void
read_message(struct blast *b, const struct nlmsghdr *nh)
{
	if (nh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return;
	const uint8_t *p = (const uint8_t *)NLMSG_DATA(nh) + sizeof(struct nfgenmsg);
	const uint8_t *end = (const uint8_t *)nh + nh->nlmsg_len;
	while (end - p >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)p;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - p)
			return;
		if ((a->nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD)
			saw(b, p + NLA_HDRLEN, a->nla_len - NLA_HDRLEN);
		if ((a->nla_type & NLA_TYPE_MASK) == NFULA_SEQ) {
			b->lost |= get32(p + NLA_HDRLEN) != b->next_seq;
			b->next_seq = get32(p + NLA_HDRLEN) + 1;
		}
		p += NLA_ALIGN(a->nla_len);
	}
}

/* Takes what was logged; waits up to ms for more. */
static void
drain(struct blast *b, int ms)
{
	static uint8_t buf[1 << 17] __attribute__((aligned(8)));
	for (;;) {
		ssize_t n = recv(b->log, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = b->log, .events = POLLIN};
			if (!ms || poll(&p, 1, ms) <= 0)
				return;
			continue;
		}
		if (n < 0)
			err(3, "nflog");
		int len = (int)n;
		for (struct nlmsghdr *nh = (void *)buf; NLMSG_OK(nh, len); nh = NLMSG_NEXT(nh, len))
			read_message(b, nh);
	}
}

/* One configuration message with one attribute. */
static void
log_config(int fd, uint16_t attr, const void *data, uint16_t n)
{
	struct {
		struct nlmsghdr nh;
		struct nfgenmsg g;
		struct nlattr a;
		uint8_t data[16];
	} m = {
	    .nh = {.nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
	    .g = {.nfgen_family = AF_UNSPEC, .res_id = htons(GROUP)},
	    .a = {.nla_type = attr, .nla_len = NLA_HDRLEN + n},
	};
	memcpy(m.data, data, n);
	m.nh.nlmsg_len = NLMSG_ALIGN(NLMSG_LENGTH(sizeof(m.g)) + NLA_ALIGN(m.a.nla_len));
	struct {
		struct nlmsghdr nh;
		struct nlmsgerr e;
		uint8_t rest[256];
	} answer;
	if (send(fd, &m, m.nh.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		err(3, "nflog");
	if (answer.nh.nlmsg_type != NLMSG_ERROR || answer.e.error)
		errx(3, "nflog attribute %u: %s", attr, strerror(-answer.e.error));
}

static int
log_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		err(3, "netlink");
	int room = 64 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	struct nfulnl_msg_config_cmd bind_it = {.command = NFULNL_CFG_CMD_BIND};
	log_config(fd, NFULA_CFG_CMD, &bind_it, sizeof(bind_it));
	struct nfulnl_msg_config_mode mode = {
	    .copy_range = htonl(FRAME), .copy_mode = NFULNL_COPY_PACKET};
	log_config(fd, NFULA_CFG_MODE, &mode, sizeof(mode));
	log_config(fd, NFULA_CFG_NLBUFSIZ, &(uint32_t){htonl(65536)}, 4);
	log_config(fd, NFULA_CFG_TIMEOUT, &(uint32_t){htonl(1)}, 4); /* 10 ms */
	log_config(fd, NFULA_CFG_QTHRESH, &(uint32_t){htonl(200)}, 4);
	log_config(fd, NFULA_CFG_FLAGS, &(uint16_t){htons(NFULNL_CFG_F_SEQ)}, 2);
	return fd;
}

static int
wire_open(const char *iface)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(3, "AF_PACKET");
	struct sockaddr_ll at = {
	    .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface)};
	if (!at.sll_ifindex || bind(fd, (void *)&at, sizeof(at)))
		err(3, "%s", iface);
	/* Without a queue the host's softirq runs before send returns. */
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int)))
		err(3, "PACKET_QDISC_BYPASS");
	return fd;
}

/* What the peer's interface could not hand over, from /proc/net/dev. */
static unsigned long
wire_drops(const char *iface)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	if (!f)
		err(3, "/proc/net/dev");
	char line[512], name[64];
	unsigned long v = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long drops;
		if (sscanf(line, " %63[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %lu", name,
			&drops) == 2 &&
		    strcmp(name, iface) == 0)
			v = drops;
	}
	fclose(f);
	return v;
}

static void
enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(3, "%s", netns);
	close(fd);
}

static void
send_all(struct blast *b)
{
	static uint8_t frames[BATCH][FRAME];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	for (size_t i = 0; i < b->n;) {
		unsigned n = 0;
		for (; n < BATCH && i + n < b->n; n++) {
			v[n] = (struct iovec){frames[n], frame(b, i + n, frames[n])};
			m[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = &v[n], .msg_iovlen = 1}};
		}
		for (unsigned done = 0; done < n;) {
			int r = sendmmsg(b->wire, m + done, n - done, 0);
			if (r < 0 && errno != ENOBUFS && errno != EAGAIN)
				err(3, "send");
			done += r > 0 ? r : 0;
		}
		i += n;
		drain(b, 0);
	}
	drain(b, 120);
}

static void
parse_line(const struct blast *b, struct packet *p, char *line)
{
	char saddr[64], proto[8];
	unsigned port;
	if (sscanf(line, "%63s %7[a-z]/%u", saddr, proto, &port) != 3 || port > 65535)
		errx(3, "not understood: %s", line);
	*p = (struct packet){.line = line, .port = port};
	for (size_t i = 0; i < N_PROTOS; i++)
		if (strcmp(protos[i].name, proto) == 0)
			p->proto = protos[i].number;
	p->family = strchr(saddr, ':') ? 6 : 4;
	if (!p->proto || inet_pton(p->family == 4 ? AF_INET : AF_INET6, saddr, p->from) != 1 ||
	    !(p->family == 4 ? b->has4 : b->has6))
		errx(3, "not understood: %s", line);
}

static void
read_lines(struct blast *b)
{
	size_t room = 0, n = 0;
	char *text = NULL;
	for (ssize_t got = 1; got; n += got) {
		if (n + 65536 > room && !(text = realloc(text, room = room * 2 + 131072)))
			err(3, "memory");
		got = read(0, text + n, 65536);
		if (got < 0)
			err(3, "standard input");
	}
	size_t lines = 0;
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	b->packets = calloc(lines + 1, sizeof(*b->packets));
	if (!b->packets)
		err(3, "memory");
	for (char *p = text, *end = text + n; p < end;) {
		char *nl = memchr(p, '\n', end - p);
		if (!nl)
			errx(3, "the last line has no end");
		*nl = '\0';
		parse_line(b, &b->packets[b->n++], p);
		p = nl + 1;
	}
}

int
main(int argc, char **argv)
{
	if (argc < 6)
		errx(2, "usage: blast HOST-NETNS PEER-NETNS INTERFACE HOST-MAC TO...");
	struct blast b = {.wire = -1, .log = -1};
	if (sscanf(argv[4], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &b.mac[0], &b.mac[1], &b.mac[2],
		&b.mac[3], &b.mac[4], &b.mac[5]) != 6)
		errx(2, "not a MAC: %s", argv[4]);
	for (int i = 5; i < argc; i++) {
		bool v6 = strchr(argv[i], ':');
		if (inet_pton(v6 ? AF_INET6 : AF_INET, argv[i], v6 ? b.to6 : b.to4) != 1)
			errx(2, "not an address: %s", argv[i]);
		*(v6 ? &b.has6 : &b.has4) = true;
	}
	read_lines(&b);
	enter(argv[1]);
	b.log = log_open();
	enter(argv[2]);
	b.wire = wire_open(argv[3]);
	unsigned long drops = wire_drops(argv[3]);
	send_all(&b);
	if (b.lost || wire_drops(argv[3]) != drops)
		errx(3, b.lost ? "answers were lost" : "frames were lost");
	for (size_t i = 0; i < b.n; i++)
		printf("%s %c\n", b.packets[i].line, b.packets[i].seen ? 'A' : 'D');
	return fflush(stdout) ? 3 : 0;
}
