#!/bin/sh -eu
# Makes the client's account on the server.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"

exec 9>/run/accounts.lock
flock 9
if getent passwd "$login" >/dev/null; then
	echo "$client_name: there is a user $login on $server_name already: use another seed" >&2
	exit 1
fi
useradd -N -g users -m -s /bin/sh "$login"
# Few rounds: the network shall be busy, not the processor.
echo "$login:$password" | chpasswd -c SHA256 -s 1000
