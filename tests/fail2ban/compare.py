#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""guardd's own filters against fail2ban's answers on the sample lines, for the programs both know.

A line that fail2ban counts is counted by guardd with the same address, or the table in docs/fail2ban.md names its kind and
the reason. A line that fail2ban does not count, guardd does not either. A row whose lines are all counted by now is an
error; so is one that names no line at all when the lines are said to be all there are: CORPUS_COMPLETE=1.

In the table's third column every `text` is one kind of line: … is any text, ADDRESS an address, NAME a host's name, N a
number. It may begin anywhere in the line, and ends with the line unless it ends in …
"""
import collections
import glob
import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import f2b  # noqa: E402
import corpus  # noqa: E402

TABLE = os.path.join(f2b.ROOT, "docs/fail2ban.md")
HEADING = "## What guardd's own filters do not count"
# fail2ban's filter: the filters of guardd that read the same program
SAME = {
    "apache-auth": ["apache-auth", "apache-scanners"],
    "apache-badbots": ["web-scanners"],
    "apache-botsearch": ["apache-scanners"],
    "apache-fakegooglebot": ["web-scanners"],
    "apache-nohome": ["apache-scanners"],
    "apache-noscript": ["apache-scanners"],
    "apache-overflows": ["apache-scanners"],
    "apache-shellshock": ["apache-scanners"],
    "asterisk": ["asterisk"],
    "dovecot": ["dovecot", "sieve"],
    "dropbear": ["dropbear"],
    "exim": ["exim"],
    "exim-spam": ["exim"],
    "gitlab": ["gitlab"],
    "grafana": ["grafana"],
    "haproxy-http-auth": ["haproxy"],
    "mysqld-auth": ["mysqld"],
    "nginx-bad-request": ["nginx-bad-request", "web-scanners"],
    "nginx-botsearch": ["web-scanners"],
    "nginx-http-auth": ["nginx-auth"],
    "nginx-limit-req": ["nginx-limit"],
    "pam-generic": ["pam"],
    "php-url-fopen": ["web-scanners"],
    "postfix": ["postfix"],
    "proftpd": ["proftpd"],
    "roundcube-auth": ["roundcube"],
    "sieve": ["sieve"],
    "slapd": ["slapd"],
    "sshd": ["sshd"],
    "traefik-auth": ["traefik"],
    "vsftpd": ["vsftpd"],
    "zzz-sshd-obsolete-multiline": ["sshd"],
}
# The name in the table, where fail2ban's own tests have another.
NAMES = {"zzz-sshd-obsolete-multiline": "sshd"}
# Counted by fail2ban's filter in another mode, which guardd's filter stands for.
OTHER_MODE = {
    ("traefik-auth", "ddos"),  # counts requests without a name alone; with a name they are those of mode "normal"
}


class Row:
    """One row of the table."""

    words = {"…": ".*", "N": r"\d+", "NAME": r"[\w-]*[A-Za-z][\w-]*(?:\.[\w-]+)*",
             "ADDRESS": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)(?!\w)"}

    def __init__(self, ours, theirs, texts):
        self.ours, self.theirs = ({name.strip() for name in names.split(",")} for names in (ours, theirs))
        self.texts = re.findall(r"``? ?(.+?) ?``?(?=,|$)", texts)
        self.kinds = [self.kind(text) for text in self.texts]
        self.counted = self.listed = 0

    @classmethod
    def kind(cls, text):
        parts = re.split(r"(…|(?<![A-Za-z])(?:ADDRESS|NAME|N)(?![A-Za-z]))", text)
        regex = "".join(cls.words.get(part) or re.escape(part) for part in parts)
        return re.compile(rf"(?:{regex})$", re.S)

    def covers(self, theirs, line):
        ours = SAME[theirs]
        return NAMES.get(theirs, theirs) in self.theirs and not self.ours.isdisjoint(ours) and \
            any(kind.search(line) for kind in self.kinds)

    def fault(self):
        if self.listed == 0 and self.counted:
            return "all of its lines are counted"
        if self.listed == 0 and os.environ.get("CORPUS_COMPLETE"):
            return "no line is of this kind"
        return None


def read_table():
    with open(TABLE, encoding="utf-8") as f:
        section = f.read().partition(HEADING + "\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|\n").split(" | ")]
            for line in section.splitlines() if line.startswith("| ")]
    return [Row(*row[:3]) for row in rows[1:]]


def bytes_of(record):
    """Messages of the journal have host, program and process before them: with a date they are lines of a file."""
    return b"Aug 14 10:00:00 " * bool(record["journal"]) + corpus.bytes_of(record)


def image(etc="/nonexistent"):
    """guardd's own filters, as they are shipped; those of etc instead of them."""
    fd = os.memfd_create("guardd-image", os.MFD_ALLOW_SEALING)
    subprocess.run([os.path.join(f2b.BUILD, "guardd-conf"), "-c", "/nonexistent", "-s", f2b.ROOT, "-e", etc, "--image"],
                   pass_fds=(f2b.FD_IMAGE,), timeout=f2b.LIMIT, stdin=subprocess.DEVNULL, check=True,
                   preexec_fn=lambda: os.dup2(fd, f2b.FD_IMAGE))
    return fd


def headerless(etc):
    """Copies of the filters that also read files without a syslog header, for which no line has one. Their names."""
    names = []
    os.mkdir(os.path.join(etc, "filters.d"))
    for path in glob.glob(os.path.join(f2b.ROOT, "filters/*.yaml")):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if "\n    header: none\n" in text and "\nprogram:" in text:
            names.append(os.path.basename(path)[:-len(".yaml")])
            with open(os.path.join(etc, "filters.d", os.path.basename(path)), "w", encoding="utf-8") as f:
                f.write(re.sub(r"\nprogram:.*", "", text))
    return names


def addresses(fd, name, path):
    """Whom the filter counts for each line: None where it counts nobody."""
    r = subprocess.run([os.path.join(f2b.BUILD, "guardd-reader"), "--test", "--lines", "--now", str(f2b.CLOCK), name, path],
                       pass_fds=(f2b.FD_IMAGE,), timeout=f2b.LIMIT, text=True, errors="replace",
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                       preexec_fn=lambda: os.dup2(fd, f2b.FD_IMAGE))
    objects = map(json.loads, r.stdout.splitlines())
    return [o["addr"] if o["match"] else None for o in objects if o["type"] == "line"]


def counted(images, filters, records):
    """The addresses that filters count for each record; those that read headerless files too are asked twice."""
    answers = [set() for _ in records]
    with tempfile.NamedTemporaryFile(prefix="guardd-compare-") as f:
        f.write(b"".join(bytes_of(r) + b"\n" for r in records))
        f.flush()
        for fd, names in images:
            for name in set(names or filters).intersection(filters):
                got = addresses(fd, name, f.name)
                if len(got) != len(records):
                    raise RuntimeError(f"{name}: {len(got)} answers to {len(records)} lines")
                for answer, addr in zip(answers, got):
                    answer.update([addr] if addr else [])
    return answers


def address_of(text):
    try:
        addr = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(getattr(addr, "ipv4_mapped", None) or addr)


def compare(table, records):
    """What is wrong, and how many lines were what."""
    streams = collections.defaultdict(list)
    for r in records:
        streams[r["stream"]].append(r)
    numbers, wrong = collections.Counter(), []
    with tempfile.TemporaryDirectory(prefix="guardd-compare-") as etc:
        names = headerless(etc)
        images = [(image(), None), (image(etc), names)]
    for of_stream in streams.values():
        of_stream.sort(key=lambda r: r["seq"])
        filters = SAME[of_stream[0]["filter"]]
        for r, got in zip(of_stream, counted(images, filters, of_stream)):
            line = bytes_of(r).decode(errors="replace")
            says = f"{r['stream']} {r['seq']}: {', '.join(filters)} count {', '.join(got) or 'nobody'}, fail2ban "
            if not r["match"]:
                if got and (r["filter"], r["options"].get("mode")) not in OTHER_MODE:
                    wrong.append(f"{says}nobody\n    {line!r}")
                continue
            rows = [row for row in table if row.covers(r["filter"], line)]
            if got == {address_of(r["host"])}:
                numbers["counted"] += 1
                for row in rows:
                    row.counted += 1
            elif rows:
                rows[0].listed += 1
                numbers["listed"] += 1
            else:
                wrong.append(f"{says}{r['host']}\n    {line!r}")
    for fd, _ in images:
        os.close(fd)
    return wrong, numbers


def main():
    records = [r for r in f2b.need_corpus() if r["filter"] in SAME]
    table = read_table()
    wrong, numbers = compare(table, records)
    wrong += [f"docs/fail2ban.md: {fault}: {row.texts}" for row in table if (fault := row.fault())]
    for row in table:
        print(f"{row.listed:4} {', '.join(sorted(row.ours))}: {row.texts[0]}")
    print("\n".join(wrong))
    print(f"of {sum(r['match'] for r in records)} lines that fail2ban counts: {numbers['counted']} counted, "
          f"{numbers['listed']} in the table")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
