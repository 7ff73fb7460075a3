#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The scan's NEON variant, built for arm64 and run under user emulation: the same property as unit test_scan_variants.
set -eu

cc=aarch64-linux-gnu-gcc
for tool in $cc qemu-aarch64; do
	command -v $tool >/dev/null || {
		echo "SKIP: no $tool"
		exit 0
	}
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
$cc -std=gnu11 -D_GNU_SOURCE -O2 -static -Wall -Wextra -Werror -Isrc -Itests/unit -o "$out/scan" \
	tests/golden/arm64/scan.c src/reader/scan*.c
said=$(qemu-aarch64 "$out/scan" 400) || {
	echo "$said"
	exit 1
}
[ "$said" = "neon portable ok" ] || {
	echo "expected 'neon portable ok', not '$said'"
	exit 1
}
