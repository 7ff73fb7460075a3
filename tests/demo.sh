#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows the way from failed logins to the kernel's drop: a real sshd, attacked by a real ssh client, in namespaces
# of its own. Run by `make demo`; B is the build folder. Nothing outlives it, and the machine is not touched.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$root" && cd "${B:-build}" && pwd)

if [ "${1-}" != inside ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "the demo makes network namespaces: run it as root" >&2
		exit 1
	fi
	work=$(mktemp -d /tmp/guardd-demo.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	chmod 755 "$work"
	# The script is the first process of its own: when it ends, what servers forked ends with it.
	unshare -m -n -u -p --fork --kill-child --mount-proc --propagation private sh "$0" inside "$work"
	exit
fi
work=$2

# The checkout may lie where the service user cannot go, below /root: bind mounts can be read.
mkdir -p "$work/build" "$work/share/filters" "$work/share/rules"
mount --bind "$build" "$work/build"
for part in filters rules; do
	mount --bind "$root/$part" "$work/share/$part"
done
build=$work/build share=$work/share

server4=198.51.100.1 server6=2001:db8:1::1
attacker4=198.51.100.7 attacker6=2001:db8:1::7 bystander4=198.51.100.8
pids=

finish() {
	status=$?
	trap - EXIT
	for p in $pids; do
		kill "$p" 2>/dev/null || true
	done
	wait
	exit $status
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi

say() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

show() {
	printf '    %s$ %s%s\n' "$bold" "$1" "$plain"
	sed 's/^/    /'
}

# Waits until a command succeeds: $1 says what for.
wait_for() {
	what=$1 tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 150 ]; then
			echo "waited in vain: $what" >&2
			cat "$work/guardd.log" >&2 || true
			exit 1
		fi
		sleep 0.1
	done
}

attacker() {
	nsenter -t "$other" -n "$@"
}

# One login from an address of the attacker's; what ssh says of it.
login() {
	attacker sshpass -p "$3" ssh -F none -b "$1" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR -o NumberOfPasswordPrompts=1 -o PubkeyAuthentication=no -o ConnectTimeout=3 \
		"admin@$2" true 2>&1 || true
}

guardctl() {
	"$build/guardctl" --config /nonexistent --etc /nonexistent --share "$share" --runtime /run/guardd "$@"
}

# --- a machine of its own, and another one beside it

hostname demo
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
# Without a syslog socket nothing that PAM says gets out of here.
[ ! -S /dev/log ] || mount --bind /dev/null /dev/log
mkdir -p /run/sshd
ip link set lo up
unshare -n sh -c 'ip link set lo up; echo up >"$1"; exec sleep 600' sh "$work/up" &
other=$!
pids="$pids $other"
wait_for "the attacker's machine" test -s "$work/up"
ip link add eth0 type veth peer name eth0 netns "$other"
ip addr add $server4/24 dev eth0
ip addr add $server6/64 dev eth0 nodad
ip link set eth0 up
for a in $attacker4/24 $bystander4/24; do
	attacker ip addr add $a dev eth0
done
attacker ip addr add $attacker6/64 dev eth0 nodad
attacker ip link set eth0 up

say "1. A machine with sshd, and guardd with its default configuration"
ssh-keygen -q -t ed25519 -N '' -f "$work/hostkey"
printf 'HostKey %s/hostkey\nPidFile none\nUsePAM yes\nKbdInteractiveAuthentication no\n' "$work" >"$work/sshd_config"
# sshd's messages, each with the header that a syslog daemon gives it.
mkfifo "$work/messages"
/usr/sbin/sshd -D -e -f "$work/sshd_config" 2>"$work/messages" &
sshd=$!
pids="$pids $sshd"
while IFS= read -r line; do
	printf '%s demo sshd[%s]: %s\n' "$(LC_ALL=C date '+%b %e %H:%M:%S')" "$sshd" "$(printf %s "$line" | tr -d '\r')"
done <"$work/messages" >>/var/log/auth.log &
pids="$pids $!"
wait_for "sshd" grep -q 'listening on :: ' /var/log/auth.log
"$build/guardd" --config /nonexistent --etc /nonexistent --share "$share" --runtime /run/guardd \
	--state "$work/state" --user nobody >"$work/guardd.log" 2>&1 &
guardd=$!
pids="$pids $guardd"
wait_for "guardd" grep -q 'reading /var/log/auth.log' "$work/guardd.log"
wait_for "guardd" grep -q 'ready:' "$work/guardd.log"
grep -E 'ready:|reading /var' "$work/guardd.log" | show "guardd"

say "2. $attacker4 and $attacker6 guess passwords"
tries=0
while ! grep -q "banned $attacker4 " "$work/guardd.log" || ! grep -q "banned $attacker6 " "$work/guardd.log"; do
	tries=$((tries + 1))
	if [ $tries -gt 8 ]; then
		echo "eight wrong passwords, and nobody is banned" >&2
		cat "$work/guardd.log" >&2
		exit 1
	fi
	login $attacker6 $server6 "guess$tries" >"$work/six" &
	six=$!
	login $attacker4 $server4 "guess$tries" >"$work/four"
	wait $six
	for a in "$attacker4:$work/four" "$attacker6:$work/six"; do
		printf '    try %d from %-15s %s\n' $tries "${a%:*}" "$(tail -1 "${a##*:}")"
	done
done
grep -E 'Failed|closed' /var/log/auth.log | tail -4 | show "tail -4 /var/log/auth.log"

say "3. guardd bans both"
grep 'banned ' "$work/guardd.log" | show "guardd"
guardctl list | show "guardctl list"

say "4. The kernel has them"
for e in "host4 $attacker4" "host6 $attacker6"; do
	# shellcheck disable=SC2086
	set -- $e
	nft get element inet guardd "$1" "{ $2 }" | grep elements | show "nft get element inet guardd $1 '{ $2 }'"
done

say "5. To the attacker the machine is gone; others are served"
login $attacker6 $server6 guess >"$work/six" &
six=$!
login $attacker4 $server4 guess | show "ssh admin@$server4        # from $attacker4"
wait $six
show "ssh admin@$server6      # from $attacker6" <"$work/six"
attacker ssh -F none -b $bystander4 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	-o LogLevel=ERROR -o ConnectTimeout=3 admin@$server4 true 2>&1 | show "ssh admin@$server4        # from $bystander4"

say "6. What was dropped"
guardctl list | show "guardctl list"

kill $guardd
wait $guardd
pids=${pids% "$guardd"}
say "All of this was in namespaces that end now: neither this machine's firewall nor its logs were touched."
