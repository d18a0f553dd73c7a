# shellcheck shell=bash disable=SC2154
# What the lanes have in common: a command that runs as root on a kernel of its own, over the machine's own files.
#
# A lane sets $lane to its name and $here to this folder, calls lane_command, then lane_run with what starts the kernel, whose first
# process is lane-init with the argument $scratch. The command finds the caller's folder and environment.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

fail() { printf '%s: %s\n' "$lane" "$*" >&2; exit 125; }

need() { # PROGRAM PACKAGE
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || fail "there is no $1; install the package $2"
}

lane_clean() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	wait
	rm -rf "$scratch"
}

# lane_command COMMAND...: what lane-init reads, in the folder $scratch.
lane_command() {
	scratch=$(mktemp -d)
	pid=
	trap lane_clean EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$scratch/lib"
	cp "$here/lane-init" "$scratch/init"
	chmod 755 "$scratch" "$scratch/init"
	export -p >"$scratch/environment"
	pwd >"$scratch/folder"
	printf '%q ' "$@" >"$scratch/command"
	: >"$scratch/stdout"
	: >"$scratch/stderr"
}

# lane_run SECONDS KERNEL...: the command's output as it is written, then its status.
lane_run() {
	local seconds=$1 kernel_status=0
	shift
	timeout -k 10 "$seconds" "$@" </dev/null >"$scratch/log" 2>&1 &
	pid=$!
	tail -q -n +1 -f -s 0.2 --pid="$pid" "$scratch/stdout" &
	tail -q -n +1 -f -s 0.2 --pid="$pid" "$scratch/stderr" >&2 &
	wait "$pid" || kernel_status=$?
	pid=
	wait
	if [ -s "$scratch/status" ]; then
		exit "$(cat "$scratch/status")"
	fi
	[ "$kernel_status" != 124 ] || { echo "$lane: no end after $seconds s" >&2; exit 124; }
	tail -n 100 "$scratch/log" >&2
	fail "the kernel stopped before the command ended (its status: $kernel_status)"
}
