#!/bin/sh -eu
# Copies two files from the server and looks at each byte of them.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/options.sh"

mkdir "$work/got"
cd "$work/got"
case $program in
scp)
	# One source, a pattern: scp logs in once for each source.
	with_login scp -F "$work/ssh_config" "$server:$activity/*" .
	;;
sftp)
	cat >"$work/batch" <<-END
		cd $activity
		get $file1
		get $file2
	END
	# -b forbids asking for a password: allow it again.
	with_login sftp -F "$work/ssh_config" -o BatchMode=no -b "$work/batch" "$server"
	;;
esac
same_files 2 "$work/got"
