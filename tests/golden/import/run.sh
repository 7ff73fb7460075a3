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
grep -q '^5 filters, 6 ban rules, 0 expose rules: no errors$' "$out/stdout" || { echo "FAIL: guardd does not take it"; cat "$out/stdout"; exit 1; }
(cd "$out/guardd/rules.d" && for f in *.yaml; do echo "--- # $f"; cat "$f"; done) >"$out/rules"
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
exit $status
