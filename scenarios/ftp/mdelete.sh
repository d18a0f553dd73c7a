#!/bin/sh -eu
# Deletes all files of a folder by a pattern and lists it: it must be empty then.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/session.sh"

cd "$work"
session "$login" "$password" <<END
cd $activity
mdelete *
list left
END
[ ! -s left ]
