#!/bin/sh
# The lane itself: output, exit status, folder and environment come through; a kernel that stops, one that
# takes too long and a missing package are failures with a reason; nothing is left behind.
# SPDX-License-Identifier: BSD-3-Clause
set -u
uml=$1
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

cd "$scratch" || exit 1
# shellcheck disable=SC2016 # to be expanded there
LANE_WORD='two words' "$uml" sh -c 'printf "%s|%s|%s|" "$1" "$PWD" "$LANE_WORD"; echo why >&2; exit 7' \
	sh "it's a 'test'" >out 2>err
expect "exit status" 7 $?
expect "output" "it's a 'test'|$scratch|two words|" "$(cat out)"
expect "errors" why "$(cat err)"

seq 200000 >want
"$uml" seq 200000 >got
cmp want got || failed=1

UML_TIMEOUT=10 "$uml" python3 -c 'import signal; signal.pause()' 2>err
expect "status of a command that takes too long" 124 $?
expect "reason" 1 "$(grep -c 'no end after 10 s' err)"

# SysRq c is the kernel's own way to panic.
"$uml" sh -c 'echo c >/proc/sysrq-trigger' 2>err
expect "status of a kernel that stops" 125 $?
expect "reason" 1 "$(grep -c '^Kernel panic' err)"

mkdir bin
for program in bash dirname readlink; do ln -s "$(command -v $program)" bin/; done
PATH=$scratch/bin "$uml" true 2>err
expect "status without the package" 125 $?
expect "reason" 1 "$(grep -c 'install the package user-mode-linux' err)"

expect "left behind" "" "$(ls -A "$TMPDIR")"
exit $failed
