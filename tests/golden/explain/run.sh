#!/bin/sh
# guardctl explain, from the line to the kernel's element, in both families: forged, plain, and no offence.
set -eu
cd "$(dirname "$0")/../../.."
here=tests/golden/explain
got=$(mktemp)
trap 'rm -f "$got"' EXIT
while IFS= read -r line; do
	"${B:-build}/guardctl" --config /nonexistent --etc /nonexistent --share . explain sshd "$line"
done <$here/lines | sed 's,\(filters/[a-z]*\.yaml\):[0-9]*,\1:N,' >"$got"
diff -u $here/expected "$got"
