#!/bin/sh -eu
# Fetches one file and looks at each byte of it.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/session.sh"

mkdir "$work/got"
cd "$work/got"
session "$login" "$password" <<END
cd $activity
get $file1
END
same_files 1 "$work/got"
