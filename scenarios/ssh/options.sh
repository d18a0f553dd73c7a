#!/bin/sh -eu
# Settings of ssh, scp and sftp for one activity: writes ssh_config, and names the way to log in.
# SPDX-License-Identifier: BSD-3-Clause

cat >"$work/ssh_config" <<END
Host *
	User $account
	AddressFamily inet
	StrictHostKeyChecking accept-new
	UserKnownHostsFile $work/known_hosts
	GlobalKnownHostsFile none
	NumberOfPasswordPrompts 1
	ConnectTimeout 30
	LogLevel INFO
END

# with_login PROGRAM ARGUMENT…: runs one of them, logged in as `login` says.
with_login()
{
	case $login in
	key)
		"$@"
		;;
	password)
		SSHPASS=$password sshpass -e "$@"
		;;
	esac
}

case $login in
key)
	. "$scenario_dir/key.sh"
	make_key "$work/key"
	printf '\tIdentityFile %s\n\tIdentitiesOnly yes\n\tPreferredAuthentications publickey\n' \
		"$work/key" >>"$work/ssh_config"
	;;
password)
	printf '\tPreferredAuthentications password\n\tPubkeyAuthentication no\n' \
		>>"$work/ssh_config"
	;;
esac
