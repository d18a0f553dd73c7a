#!/bin/sh -eu
# Asks for a file's header only.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

case $program in
curl) with_curl -f -I "$base/pub/$activity/$file" ;;
wget) with_wget -S --spider "$base/pub/$activity/$file" ;;
esac
