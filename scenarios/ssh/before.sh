#!/bin/sh -eu
# Makes the activity's folder in the user's home, with as many files as the subscenario wants stored.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/files.sh"

cd "/home/$account"
mkdir "$activity"
cd "$activity"
make_files "$stored"
chown -R "$account:users" .
