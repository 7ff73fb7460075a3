#!/bin/sh
# The import of a tree as administrators have it (fail2ban/): its report, and the rules that are written. `run.sh -u` writes the
# files anew, to be read before they are committed.
set -u
cd "$(dirname "$0")" || exit 3
build=${B:-build}
case $build in /*) ;; *) build=../../../$build ;; esac
out=$(mktemp -d) || exit 3
trap 'rm -rf "$out"' EXIT
mkdir "$out/share"

import() {
	dir=$1
	shift
	"$build/guardctl" --share "$out/share" --config "$out/none.yaml" import fail2ban fail2ban --out "$out/$dir" "$@" 2>/dev/null
}
import guardd >"$out/stdout"
[ $? -eq 1 ] || { echo "FAIL: something was lost, so that the exit status is 1"; exit 1; }
sed "s,$out/,OUT/," "$out/stdout" >"$out/report"
grep -q '^8 filters, 9 ban rules, 0 expose rules: no errors$' "$out/stdout" || { echo "FAIL: guardd does not take it"; cat "$out/stdout"; exit 1; }
(cd "$out/guardd" && for f in guardd.yaml rules.d/*.yaml; do echo "--- # $f"; cat "$f"; done) >"$out/rules"
if [ "${1:-}" = -u ]; then
	cp "$out/report" report
	cp "$out/rules" rules
	exit 0
fi
status=0
for f in report rules; do
	diff -u "$f" "$out/$f" && echo "ok   $f" || status=1
done
# What is there stays, unless it is said otherwise.
echo mine >"$out/guardd/rules.d/f2b-web.yaml"
import guardd >/dev/null
[ $? -eq 1 ] && [ "$(cat "$out/guardd/rules.d/f2b-web.yaml")" = mine ] && echo "ok   nothing is replaced" || status=1
import guardd --force >/dev/null
[ "$(cat "$out/guardd/rules.d/f2b-web.yaml")" != mine ] && echo "ok   --force" || status=1
# The main file, and a rule in the place of a shipped one, are the administrator's.
echo 'never_ban: [198.51.100.0/24]' >"$out/guardd/guardd.yaml"
printf 'ban: ldap-auth\nenabled: no\n# mine\n' >"$out/guardd/rules.d/ldap-auth.yaml"
import guardd --force >"$out/stdout"
[ "$(cat "$out/guardd/guardd.yaml")" = 'never_ban: [198.51.100.0/24]' ] && grep -q mine "$out/guardd/rules.d/ldap-auth.yaml" &&
	[ "$(grep -c "differs $out/guardd/guardd.yaml is there" "$out/stdout")" -eq 2 ] &&
	[ "$(grep -c "^    never_ban: .*'192.0.2.0/24'" "$out/stdout")" -eq 2 ] && [ "$(grep -c 'ldap-auth.yaml is there' "$out/stdout")" -eq 0 ] &&
	echo "ok   what is the administrator's stays, and what it lacks is said" || status=1
exit $status
