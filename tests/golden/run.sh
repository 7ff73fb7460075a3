#!/bin/sh
# Golden tests of guardd-conf: each directory of conf/ but share/ is a case, the local files of a machine. With a file `expected` in it,
# that is what --check must say on standard error, and it must exit 1; with `warned` the same, but exit 0; with `printed`, what
# --print must write.
# One line per case; exits 1 on any difference. `run.sh -u` writes the files anew, to be read before they are committed.
set -u
cd "$(dirname "$0")/conf" || exit 3
build=${B:-build}
case $build in /*) ;; *) build=../../../$build ;; esac
conf=$build/guardd-conf
out=$(mktemp -d) || exit 3
trap 'rm -rf "$out"' EXIT
status=0

# verdict CASE WANTED GOT STATUS WANTED-STATUS
verdict() {
	if [ "${update:-}" ]; then
		cp "$3" "$2"
	elif [ "$4" -ne "$5" ]; then
		echo "FAIL $1: exit status $4, not $5"
		status=1
	elif ! diff -u "$2" "$3" >"$out/diff"; then
		echo "FAIL $1"
		cat "$out/diff"
		status=1
	else
		echo "ok   $1"
	fi
}

[ "${1:-}" = -u ] && update=1
for case in */; do
	case=${case%/}
	[ "$case" = share ] && continue
	set -- -c "$case/guardd.yaml" -s share -e "$case" -r /run/guardd
	if [ -e "$case/expected" ]; then
		"$conf" "$@" --check >"$out/stdout" 2>"$out/stderr"
		verdict "$case" "$case/expected" "$out/stderr" $? 1
	fi
	if [ -e "$case/warned" ]; then
		"$conf" "$@" --check >"$out/stdout" 2>"$out/stderr"
		verdict "$case" "$case/warned" "$out/stderr" $? 0
	fi
	if [ -e "$case/printed" ]; then
		"$conf" "$@" --print >"$out/stdout" 2>"$out/stderr"
		got=$?
		cat "$out/stderr" >>"$out/stdout"
		verdict "$case (print)" "$case/printed" "$out/stdout" $got 0
	fi
	if [ ! -e "$case/expected" ] && [ ! -e "$case/warned" ] && [ ! -e "$case/printed" ]; then
		echo "FAIL $case: nothing says what is expected"
		status=1
	fi
done
"$conf" --schema >"$out/stdout" 2>&1
verdict schema schema "$out/stdout" $? 0
exit $status
