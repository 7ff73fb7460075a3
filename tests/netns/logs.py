# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing log lines as sshd behind rsyslog does, and what a rule must make of them."""
import datetime
import ipaddress


def stamp(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def failed(address, t, user="root", port=4242):
    return f"{stamp(t)} host sshd[77]: Failed password for {user} from {address} port {port} ssh2\n"


def benign(t, n=0):
    return f"{stamp(t)} host CRON[{n % 32768}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n"


def banned_as(address):
    """The prefix that is banned for an address off the server's own networks."""
    a = ipaddress.ip_address(address)
    return str(a) if a.version == 4 else str(ipaddress.ip_network((a, 64), strict=False))


def reference(events, points, within, duration):
    """Bans by the rule, from (time, address) in order: [(prefix, time, offences counted on it)]."""
    seen, bans, force = {}, [], {}
    for t, address in events:
        p = banned_as(address)
        if p in force and t < force[p][1] + duration:
            force[p][2] += 1
            continue
        times = [x for x in seen.get(p, []) if x > t - within] + [t]
        seen[p] = times
        if len(times) >= points:
            force[p] = [p, t, 0]
            bans.append(force[p])
            seen[p] = []
    return [tuple(b) for b in bans]
