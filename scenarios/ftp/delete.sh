#!/bin/sh -eu
# Deletes one file and lists the folder, which must be empty then.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/session.sh"

cd "$work"
session "$login" "$password" <<END
cd $activity
delete $file1
list left
END
[ ! -s left ]
