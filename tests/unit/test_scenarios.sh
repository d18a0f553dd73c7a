#!/bin/sh
# Checks the scenarios' folders: scripts are sound, and named files and present files are the same.
# SPDX-License-Identifier: BSD-3-Clause
#
# usage: test_scenarios.sh SOURCE-FOLDER
# shellcheck disable=SC2013,SC2016 # names are words; a dollar in single quotes is meant
set -eu

scenarios=$1/scenarios
failed=0
checked=0

fail()
{
	printf '%s\n' "$*" >&2
	failed=1
}

# The files that a scenario.ini names: scripts of start, setup, before and run.
named_by_ini()
{
	sed -n 's/^[[:space:]]*\(start\|setup\|before\|run\)[[:space:]]*=[[:space:]]*\([^[:space:];]*\).*/\2/p' \
		"$1" | sort -u
}

check_script()
{
	sh -n "$1" || fail "$1: not a shell script"
	[ "$(head -n 1 "$1")" = '#!/bin/sh -eu' ] ||
		fail "$1: its first line must be '#!/bin/sh -eu', as it is run"
	# A think time is drawn: the only thing that may be slept for.
	if grep -n 'sleep' "$1" | grep -v '^[0-9]*:[[:space:]]*#' |
		grep -Ev 'sleep "\$(think|key_gap)"'; then
		fail "$1: sleeps for something that is no input"
	fi
}

# Each file is named by scenario.ini, or by a file of the folder as $scenario_dir/NAME.
check_folder()
{
	shellcheck -x "$1"/*.sh || fail "$1: see above"
	named=$(named_by_ini "$1/scenario.ini")
	for name in $named; do
		[ -f "$1/$name" ] || fail "$1/scenario.ini: there is no $name"
	done
	for file in "$1"/* "$1"/.[!.]*; do
		[ -e "$file" ] || continue
		name=${file##*/}
		[ "$name" != scenario.ini ] || continue
		case $name in
		*.sh)
			check_script "$file"
			checked=$((checked + 1))
			;;
		esac
		printf '%s\n' "$named" | grep -qxF "$name" ||
			grep -qF "\$scenario_dir/$name" "$1"/*.sh ||
			fail "$file: nothing names it"
	done
	# And what scripts name is there.
	for name in $(sed -n 's/.*\$scenario_dir\/\([A-Za-z0-9._-]*\).*/\1/p' "$1"/*.sh | sort -u); do
		[ -f "$1/$name" ] || fail "$1: a script names $name, which is not there"
	done
	for sub in $(sed -n 's/^\[sub \(.*\)\]$/\1/p' "$1/scenario.ini"); do
		awk -v want="[sub $sub]" '
			/^\[/ { on = $0 == want }
			on && /^run *=/ { run = 1 }
			on && /^expect (client|server) *=/ { proof = 1 }
			END { exit !(run && proof) }' "$1/scenario.ini" ||
			fail "$1: [sub $sub] needs a run script and a line that proves the outcome"
	done
}

folders=0
for ini in "$scenarios"/*/scenario.ini; do
	check_folder "${ini%/*}"
	folders=$((folders + 1))
done
if [ "$folders" -eq 0 ] || [ "$checked" -eq 0 ]; then
	fail "$scenarios: nothing to check"
fi
[ "$failed" -eq 0 ] || exit 1
echo "$folders scenarios, $checked scripts"
