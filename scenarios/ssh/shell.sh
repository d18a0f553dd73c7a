#!/bin/sh -eu
# Works in an interactive shell: a user at a terminal who reads, thinks and types key by key.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/options.sh"

# prefix NAME: what people type of a file's name.
prefix()
{
	printf '%s*' "${1%"${1#????}"}"
}

# command_line NUMBER: one of the lines that people type.
command_line()
{
	a=$(prefix "$file1")
	b=$(prefix "$file2")
	case $1 in
	1) echo 'ls -l' ;;
	2) echo pwd ;;
	3) echo 'uname -a' ;;
	4) echo 'df -h .' ;;
	5) echo "wc $a $b" ;;
	6) echo "sha256sum $a" ;;
	7) echo "od -c $b | head" ;;
	8) echo 'id' ;;
	9) echo "cp $a copy && ls -l copy" ;;
	esac
}

# type_line TEXT: each key after the drawn gap, then Enter.
type_line()
{
	rest=$1
	while [ -n "$rest" ]; do
		tail=${rest#?}
		printf %s "${rest%"$tail"}"
		sleep "$key_gap"
		rest=$tail
	done
	printf '\r'
}

# The user looks at the screen (standard input) until the prompt of the shell is there.
user()
{
	exec 3<&0
	# The server greets with a line of its own before the prompt.
	while IFS= read -r line; do
		case $line in
		*"Welcome to $server_name"*) break ;;
		esac
	done
	# Named, for a program in the background reads /dev/null else.
	cat <&3 >/dev/null &
	type_line "cd $activity"
	i=0
	while [ "$i" -lt "$lines" ]; do
		sleep "$think"
		type_line "$(command_line $(((first + i * 4) % 9 + 1)))"
		i=$((i + 1))
	done
	sleep "$think"
	type_line "echo session of activity \$((${activity} + 0)) is over"
	type_line exit
	wait
}

mkfifo "$work/screen"
export TERM=xterm
if [ "$login" = password ]; then
	export SSHPASS="$password"
	ssh="sshpass -e ssh"
else
	ssh=ssh
fi
# script(1) is the user's terminal: ssh finds a real one, of 40 lines, and puts it into raw mode.
# shellcheck disable=SC2094 # a named pipe, not a file
user <"$work/screen" | {
	status=0
	script -qefc "stty rows 40 cols 120; exec $ssh -F $work/ssh_config $server" /dev/null ||
		status=$?
	echo "$status" >"$work/status"
} | tee "$work/screen"
exit "$(cat "$work/status")"
