# Accounts are made one after another: the engine sees to it, or the counter would lose some.
n=$(cat /run/accounts 2>/dev/null || echo 0)
echo $((n + 1)) >/run/accounts
echo "$user" >"/run/account-$client_name"
