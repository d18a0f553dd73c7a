#!/bin/sh -eu
# Makes a folder, fills it, empties it, changes its mode and removes it: nothing may be left.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/session.sh"

mkdir "$work/out"
cd "$work/out"
make_files "$sent"
session "$login" "$password" <<END
cd $activity
mkdir $folder
cd $folder
mput *
mdelete *
cd ..
chmod $rights $folder
rmdir $folder
list $work/left
END
[ ! -s "$work/left" ]
