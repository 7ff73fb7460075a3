#!/bin/sh
# Installs what building (build) or testing (check) needs from Debian's packages, when it is missing.
# Services that packages bring are not started: this machine is only borrowed.
set -eu

build="gcc libc6-dev make pkg-config libevent-dev libpcre2-dev libnftnl-dev libmnl-dev libsystemd-dev
libsqlite3-dev libyaml-dev libseccomp-dev libjansson-dev libssl-dev libhiredis-dev libcurl4-openssl-dev"
check="$build clang clang-format libclang-rt-14-dev libcmocka-dev mandoc python3 python3-yaml nftables iproute2 procps
openssh-server openssh-client sshpass nginx-light curl postfix dovecot-imapd rsyslog systemd
systemd-journal-remote git binutils file sqlite3 iptables ipset ufw firewalld slapd ldap-utils rsyslog-relp docker-registry
docker.io busybox-static valgrind fail2ban gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
redis-server openssl prometheus prometheus-alertmanager"
bench="$build nftables iproute2 procps util-linux time python3 systemd-journal-remote valgrind fail2ban
python3-pyinotify sshguard strace redis-server openssl"
demo="$build nftables iproute2 openssh-server openssh-client sshpass"

case ${1-} in
build) want=$build ;;
check) want=$check ;;
demo) want=$demo ;;
bench) want=$bench ;;
*)
	echo "usage: tests/deps.sh build|demo|bench|check" >&2
	exit 2
	;;
esac

missing=
for p in $want; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "these packages are missing, and only root can install them:$missing" >&2
	exit 1
fi
echo "installing:$missing"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made=
trap 'rm -f "$log"; [ -z "$made" ] || rm -f "$policy"' EXIT
if [ ! -e "$policy" ]; then
	made=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install() {
	# shellcheck disable=SC2086
	apt-get install -y -q --no-install-recommends $missing >>"$log" 2>&1
}
install || { apt-get update -q >>"$log" 2>&1 && install; } || {
	cat "$log" >&2
	exit 1
}
