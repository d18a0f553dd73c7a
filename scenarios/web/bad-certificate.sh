#!/bin/sh -eu
# Speaks HTTPS without the lab's authority. Ends well only when the program refuses the server.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

base=https://$server_name
if fetch / page; then
	echo "the certificate was not checked" >&2
	exit 1
fi
