/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TCP = 1, UDP = 2, SCTP = 4 };

static const struct {
	const char *name;
	uint16_t number;
	uint16_t protocols;
} known[] = {
    {"ftp-data", 20, TCP | UDP | SCTP},
    {"ftp", 21, TCP | UDP | SCTP},
    {"ssh", 22, TCP | UDP | SCTP},
    {"telnet", 23, TCP | UDP},
    {"smtp", 25, TCP | UDP},
    {"domain", 53, TCP | UDP},
    {"http", 80, TCP | UDP | SCTP},
    {"www", 80, TCP | UDP | SCTP},
    {"kerberos", 88, TCP | UDP},
    {"pop3", 110, TCP | UDP},
    {"nntp", 119, TCP | UDP},
    {"imap", 143, TCP | UDP},
    {"imap2", 143, TCP | UDP},
    {"imap3", 220, TCP | UDP},
    {"ldap", 389, TCP | UDP},
    {"https", 443, TCP | UDP | SCTP},
    {"smtps", 465, TCP},
    {"ssmtp", 465, TCP},
    {"submissions", 465, TCP},
    {"isakmp", 500, TCP | UDP},
    {"submission", 587, TCP | UDP},
    {"nntps", 563, TCP | UDP},
    {"ldaps", 636, TCP | UDP},
    {"domain-s", 853, TCP | UDP},
    {"ftps-data", 989, TCP | UDP},
    {"ftps", 990, TCP | UDP},
    {"telnets", 992, TCP | UDP},
    {"imaps", 993, TCP | UDP},
    {"pop3s", 995, TCP | UDP},
    {"socks", 1080, TCP | UDP},
    {"openvpn", 1194, TCP | UDP},
    {"ms-sql-s", 1433, TCP | UDP},
    {"mysql", 3306, TCP | UDP},
    {"ms-wbt-server", 3389, TCP | UDP},
    {"svn", 3690, TCP | UDP},
    {"sieve", 4190, TCP},
    {"ipsec-nat-t", 4500, TCP | UDP},
    {"iax", 4569, TCP | UDP},
    {"sip", 5060, TCP | UDP | SCTP},
    {"sip-tls", 5061, TCP | UDP | SCTP},
    {"sips", 5061, TCP | UDP | SCTP},
    {"xmpp-client", 5222, TCP},
    {"postgresql", 5432, TCP | UDP},
    {"http-alt", 8080, TCP | UDP},
    {"git", 9418, TCP | UDP},
};

static int
known_number(const char *name, const char *proto)
{
	const unsigned bit = strcmp(proto, "tcp") == 0   ? TCP
			     : strcmp(proto, "udp") == 0 ? UDP
							 : SCTP;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].name, name) == 0 && (known[i].protocols & bit))
			return known[i].number;
	return -1;
}

/* "NAME NUMBER/PROTO ALIAS...", as /etc/services has it; -1: the line is of another. */
static int
number_of_line(const char *p, const char *end, const char *name, const char *proto)
{
	const size_t n = strlen(name);
	bool found = false;
	int number = -1;

	for (unsigned word = 0; p < end; word++) {
		size_t len = strcspn(p, " \t\r\n#");

		if (word == 1) {
			char *slash;

			number = (int)strtol(p, &slash, 10);
			if (*slash != '/' || (size_t)(p + len - slash) != strlen(proto) + 1 ||
			    strncmp(slash + 1, proto, strlen(proto)) != 0)
				return -1;
		} else {
			found |= len == n && strncmp(p, name, n) == 0;
		}
		p += len;
		p += strspn(p, " \t\r");
	}
	return found ? number : -1;
}

static int
service_number(const struct f2b *f, const char *name, const char *proto)
{
	const struct f2b_file *file = f2b_file(f, "/etc/services");
	const char *text = file && file->text ? file->text : "";

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		int n = number_of_line(line, line + strcspn(line, "#\n"), name, proto);

		if (n > 0 && n <= 65535)
			return n;
	}
	return known_number(name, proto);
}

int
f2b_port_number(const struct f2b *f, const char *text, const char *proto)
{
	char *end;
	long n;

	if (!*text || text[strspn(text, "0123456789")])
		return *text ? service_number(f, text, proto) : -1;
	n = strtol(text, &end, 10);
	return n <= 65535 ? (int)n : -1;
}
