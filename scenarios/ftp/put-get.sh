#!/bin/sh -eu
# Stores one file, fetches it again and compares.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/session.sh"

mkdir "$work/got"
cd "$work/got"
make_files 1
# The local copy goes before the file comes back, within one session as a user's shell would do it.
session "$login" "$password" <<END
cd $activity
put $file1
!rm $file1
get $file1
END
same_files 1 "$work/got"
