#!/bin/sh -eu
# Sends a form; the server answers with the address of a page, which is fetched.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

form="name=$name&message=$words"
case $program in
curl) with_curl -f -L -d "$form" -o page "$base/form?$activity" ;;
wget) with_wget --post-data="$form" -O page "$base/form?$activity" ;;
esac
cat page
