# What setup left, and an empty folder of the activity's own.
test "$(cat "/run/account-$client_name")" = "$user"
test "$(cat /run/accounts)" = 2
test -z "$(ls -A "$work")"
