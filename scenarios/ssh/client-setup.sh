#!/bin/sh -eu
# Makes the client's account on the server, with its password and its public key.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/key.sh"

exec 9>/run/accounts.lock
flock 9
if getent passwd "$account" >/dev/null; then
	echo "$client_name: there is a user $account on $server_name already: use another seed" >&2
	exit 1
fi
useradd -N -g users -m -s /bin/sh "$account"
# Few rounds: the network shall be busy, not the processor.
echo "$account:$password" | chpasswd -c SHA256 -s 1000

make_key "$work/key"
mkdir -m 700 "/home/$account/.ssh"
ssh-keygen -y -f "$work/key" >"/home/$account/.ssh/authorized_keys"
chown -R "$account:users" "/home/$account/.ssh"
