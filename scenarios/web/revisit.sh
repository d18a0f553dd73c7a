#!/bin/sh -eu
# Fetches a file twice, the second time only if it has changed, which it has not.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"
. "$scenario_dir/content.sh"

with_curl -f --etag-save tag -o got "$base/pub/$activity/$file"
sleep "$think"
code=$(with_curl -f --etag-compare tag -o again -w '%{http_code}' "$base/pub/$activity/$file")
[ "$code" = 304 ]
make_content | cmp - got
