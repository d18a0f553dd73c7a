#!/bin/sh -eu
# Makes a folder and renames it; the listing must show the new name.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/session.sh"

cd "$work"
session "$login" "$password" <<END
cd $activity
mkdir $folder
rename $folder $name-renamed
list listing
END
grep -q " $name-renamed" listing
