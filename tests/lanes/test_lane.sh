#!/bin/sh
# A lane itself: output, exit status, folder and environment come through; a kernel that stops, one that
# takes too long and a missing package are failures with a reason; nothing is left behind.
#
#   test_lane.sh LANE PACKAGE     (LANE: tests/lanes/uml; its first package)
# SPDX-License-Identifier: BSD-3-Clause
set -u
lane=$1
package=$2
name=$(basename "$lane")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
TMPDIR=$scratch/tmp
export TMPDIR
mkdir "$TMPDIR"
failed=0

# expect WHAT WANT GOT
expect() {
	[ "$2" = "$3" ] && return
	printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
	failed=1
}

# take_at_most SECONDS COMMAND...
take_at_most() {
	seconds=$1
	shift
	env "$(echo "$name" | tr '[:lower:]' '[:upper:]')_TIMEOUT=$seconds" "$lane" "$@"
}

cd "$scratch" || exit 1
seq 200000 >want
# shellcheck disable=SC2016 # to be expanded there
LANE_WORD='two words' "$lane" sh -c 'printf "%s|%s|%s|" "$1" "$PWD" "$LANE_WORD"; echo why >&2
	cat want; cp want "$PWD/copy"; exit 7' sh "it's a 'test'" >out 2>err
expect "exit status" 7 $?
expect "output" "it's a 'test'|$scratch|two words|1" "$(head -n 1 out)"
expect "errors" why "$(cat err)"
sed '1s/.*|//' out | cmp want - || failed=1
cmp want copy || failed=1

take_at_most 10 python3 -c 'import signal; signal.pause()' 2>err
expect "status of a command that takes too long" 124 $?
expect "reason" 1 "$(grep -c 'no end after 10 s' err)"

# SysRq c is the kernel's own way to panic.
"$lane" sh -c 'echo c >/proc/sysrq-trigger' 2>err
expect "status of a kernel that stops" 125 $?
expect "reason" 1 "$(grep -c 'Kernel panic - not syncing: sysrq' err)"

mkdir bin
for program in bash dirname readlink basename; do ln -s "$(command -v $program)" bin/; done
PATH=$scratch/bin "$lane" true 2>err
expect "status without the package" 125 $?
expect "reason" 1 "$(grep -c "install the package $package" err)"

expect "left behind" "" "$(ls -A "$TMPDIR")"
exit $failed
