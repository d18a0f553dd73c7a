#!/bin/sh -eu
# Logs in with a wrong password. Ends well only when ssh says that it was refused.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
[ "$attempt" != "$password" ] || attempt=${attempt}x
password=$attempt
. "$scenario_dir/options.sh"

if with_login ssh -F "$work/ssh_config" "$server" true; then
	echo "the server let a wrong password in" >&2
	exit 1
fi
