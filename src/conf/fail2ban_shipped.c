/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_shipped.h"

#include <string.h>

const struct shipped_rule shipped_rules[] = {
    {"apps", {"mattermost", "nextcloud", "gitlab", "grafana", "dokuwiki", "etherpad", "wekan"}},
    {"audit", {"auditd"}},
    {"database", {"mysqld", "postgresql"}},
    {"ftp", {"proftpd", "vsftpd"}},
    {"ldap-auth", {"slapd"}},
    {"login", {"pam"}},
    {"mail", {"postfix", "exim"}},
    {"mailbox", {"dovecot", "sieve"}},
    {"registry-auth", {"docker-registry"}},
    {"ssh", {"sshd", "dropbear"}},
    {"voip", {"asterisk"}},
    {"vpn", {"openvpn"}},
    {"web-auth", {"nginx-auth", "apache-auth", "traefik", "caddy"}},
    {"web-limit", {"nginx-limit", "nginx-forbidden"}},
    {"web-refused", {"apache-scanners", "haproxy"}},
    {"web-scan", {"web-scanners", "nginx-bad-request"}},
    {"webmail", {"roundcube"}},
    {NULL, {NULL}},
};

/* Jails' filters that are called otherwise; of the same name they are the same. */
static const struct {
	const char *jail_filter, *filter;
} pairs[] = {
    {"dovecot", "sieve"}, /* managesieve-login is Dovecot's */
    {"haproxy-http-auth", "haproxy"},
    {"mysqld-auth", "mysqld"},
    {"nginx-http-auth", "nginx-auth"},
    {"nginx-limit-req", "nginx-limit"},
    {"pam-generic", "pam"},
    {"roundcube-auth", "roundcube"},
    {"traefik-auth", "traefik"},
};

bool
shipped_covers(const char *jail_filter, const char *filter)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (strcmp(pairs[i].jail_filter, jail_filter) == 0 &&
		    strcmp(pairs[i].filter, filter) == 0)
			return true;
	return strcmp(jail_filter, filter) == 0;
}
