#!/bin/sh -eu
# Makes a folder and stores a file in it.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/session.sh"

cd "$work"
make_files 1
session "$login" "$password" <<END
cd $activity
mkdir $folder
cd $folder
put $file1
END
