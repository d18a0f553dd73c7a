#!/bin/sh -eu
# Fetches small files, one after the other, over one connection or over one each.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

set -- -f -o '#1.got' -w '%{http_code} %{num_connects}\n'
[ "$reuse" = yes ] || set -- "$@" -H 'Connection: close'
with_curl "$@" "$base/small/[1-$requests].txt" >codes

answered=0
while [ "$answered" -lt "$requests" ] &&
	[ "$(cat "$((answered + 1)).got")" = "$((answered + 1))" ]; do
	answered=$((answered + 1))
done
echo "connections: $(awk '{ n += $2 } END { print n }' codes)"
echo "$answered of $(grep -c '^200 ' codes) answered"
