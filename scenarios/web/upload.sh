#!/bin/sh -eu
# Stores a file on the server, fetches it again and compares.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"
. "$scenario_dir/content.sh"

make_content >"$file"
with_curl -f -T "$file" "$base/upload/$activity/$file"
with_curl -f -o got "$base/upload/$activity/$file"
cmp "$file" got
