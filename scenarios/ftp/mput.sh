#!/bin/sh -eu
# Stores several files by a pattern.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/session.sh"

mkdir "$work/out"
cd "$work/out"
make_files "$sent"
session "$login" "$password" <<END
cd $activity
mput *
list $work/listing
END
[ "$(grep -c '^-' "$work/listing")" -eq "$sent" ]
