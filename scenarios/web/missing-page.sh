#!/bin/sh -eu
# Asks for a page that is not there. Ends well only when the program says so.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

if fetch "/$file.html" page; then
	echo "there is a page $file" >&2
	exit 1
fi
