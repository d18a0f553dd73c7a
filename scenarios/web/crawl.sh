#!/bin/sh -eu
# Fetches a section of the site from its index, following links, and counts that all of it came.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

with_wget -r -l inf -p --no-parent -nH "$base/site/$section/"

promised=$(sed -n 's/.*name="pages" content="\([0-9]*\)".*/\1/p' "site/$section/index.html")
whole=$(grep -l '^</body></html>$' "site/$section"/*.html | grep -cv '/index.html$')
[ "$whole" -eq "$promised" ]
echo "section $section is whole: $whole pages"
