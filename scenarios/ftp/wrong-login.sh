#!/bin/sh -eu
# Logs in with a wrong name or a wrong password. Ends well only when the server refuses.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/session.sh"

cd "$work"
case $wrong in
name) login=${attempt}x ;;
password)
	[ "$attempt" != "$password" ] || attempt=${attempt}x
	password=$attempt
	;;
esac
# What lftp and tnftp make of a refusal differs: the reply is what counts.
session "$login" "$password" >replies 2>&1 <<END || true
list listing
END
cat replies
grep -q '530 Login incorrect' replies
[ ! -s listing ]
