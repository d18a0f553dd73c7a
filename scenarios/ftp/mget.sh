#!/bin/sh -eu
# Fetches all files of a folder by a pattern and looks at each byte of them.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"
. "$scenario_dir/session.sh"

mkdir "$work/got"
cd "$work/got"
session "$login" "$password" <<END
cd $activity
mget *
END
same_files "$stored" "$work/got"
