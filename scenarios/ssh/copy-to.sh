#!/bin/sh -eu
# Copies two files to the server and lists them there.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/options.sh"

mkdir "$work/out"
cd "$work/out"
make_files 2
case $program in
scp)
	with_login scp -F "$work/ssh_config" "$file1" "$file2" "$server:$activity/"
	with_login ssh -F "$work/ssh_config" "$server" "ls -l $activity"
	;;
sftp)
	cat >"$work/batch" <<-END
		cd $activity
		put $file1
		put $file2
		ls -l
	END
	# -b forbids asking for a password: allow it again.
	with_login sftp -F "$work/ssh_config" -o BatchMode=no -b "$work/batch" "$server"
	;;
esac
