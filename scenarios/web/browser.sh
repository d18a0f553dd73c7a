#!/bin/sh -eu
# The drawn browser: fetch() and friends, with the drawn user agent, trusting the lab's authority only.
# SPDX-License-Identifier: BSD-3-Clause

export HOME="$work"
cd "$work"
user_agent=$(sed -n "${agent}p" "$scenario_dir/agents.txt")
base=$scheme://$server_name

# The authority's certificate comes from the server itself, once for each activity that needs it.
if [ "$scheme" = https ]; then
	curl -4 -sS -f -A "$user_agent" -o ca.pem "http://$server_name/ca.pem"
fi

with_curl()
{
	if [ "$scheme" = https ]; then
		set -- --cacert ca.pem "$@"
	fi
	curl -4 -sS -A "$user_agent" "$@"
}

with_wget()
{
	if [ "$scheme" = https ]; then
		set -- --ca-certificate=ca.pem --ca-directory=/nonexistent "$@"
	fi
	wget -4 -nv --no-config --tries=1 --no-hsts -U "$user_agent" "$@"
}

# fetch PATH FILE: one file, with the program that was drawn.
fetch()
{
	case $program in
	curl) with_curl -f -o "$2" "$base$1" ;;
	wget) with_wget -O "$2" "$base$1" ;;
	esac
}
