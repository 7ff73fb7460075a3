# SPDX-License-Identifier: GPL-2.0-or-later
"""Infrastructure services from Debian's packages on a test host: slapd, rsyslog as a collector, docker-registry."""
import os
import subprocess

from lib import until


def _listens(host, proto, port):
    flag = "-ltn" if proto == "tcp" else "-lun"
    until(f"{proto}/{port} is listened on",
          lambda: f":{port} " in host.run("ss", flag, check=False).stdout)


def slapd(host, port=389):
    """A directory with one suffix, on both families."""
    folder = os.path.join(host.folder, "slapd")
    os.makedirs(os.path.join(folder, "db"))
    conf = os.path.join(folder, "slapd.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write("include /etc/ldap/schema/core.schema\n"
                f"pidfile {folder}/pid\nargsfile {folder}/args\n"
                "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
                f'database mdb\nsuffix "dc=example,dc=org"\ndirectory {folder}/db\n')
    p = host.popen("slapd", "-d", "0", "-f", conf, "-h", f"ldap://0.0.0.0:{port} ldap://[::]:{port}",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _listens(host, "tcp", port)
    return p


def collector(host):
    """rsyslog that takes logs by TCP and UDP 514 and by RELP 2514; what came is in its folder's file."""
    conf, out = (os.path.join(host.folder, n) for n in ("collector.conf", "collected.log"))
    with open(conf, "w", encoding="utf-8") as f:
        f.write('module(load="imtcp")\nmodule(load="imudp")\nmodule(load="imrelp")\n'
                'input(type="imtcp" port="514")\ninput(type="imudp" port="514")\n'
                'input(type="imrelp" port="2514")\n'
                f'$WorkDirectory {host.folder}\n*.* {out}\n')
    p = host.popen("rsyslogd", "-n", "-f", conf, "-i", os.path.join(host.folder, "collector.pid"),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for proto, port in (("tcp", 514), ("udp", 514), ("tcp", 2514)):
        _listens(host, proto, port)
    return out


def registry(host, port=5000):
    """docker-registry on the wildcard, which serves both families."""
    folder = os.path.join(host.folder, "registry")
    os.makedirs(os.path.join(folder, "data"))
    conf = os.path.join(folder, "config.yml")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
                f"http:\n  addr: :{port}\n")
    p = host.popen("docker-registry", "serve", conf, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _listens(host, "tcp", port)
    return p
