#!/bin/sh -eu
# Puts the drawn file on the server.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/content.sh"

mkdir "/srv/www/pub/$activity"
make_content >"/srv/www/pub/$activity/$file"
