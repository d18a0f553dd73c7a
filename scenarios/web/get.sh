#!/bin/sh -eu
# Fetches one file and looks at each byte of it.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"
. "$scenario_dir/content.sh"

fetch "/pub/$activity/$file" got
make_content | cmp - got
