#!/bin/sh -eu
# Becomes sshd, with its log on standard error.
# SPDX-License-Identifier: BSD-3-Clause

mkdir -p /run/sshd
mkdir -m 700 /run/sshd-keys
for type in ed25519 ecdsa rsa; do
	bits=2048
	[ "$type" = rsa ] || bits=256
	ssh-keygen -q -t "$type" -b "$bits" -N '' -C "$server_name" -f "/run/sshd-keys/$type"
done
# A user who sits at a terminal starts to type when this is on the screen.
echo "Welcome to $server_name" >/etc/motd
# A wrong password costs the two seconds of pam_unix, as on any Debian server.
cat >/etc/pam.d/sshd <<END
auth	required	pam_unix.so
account	required	pam_unix.so
session	required	pam_permit.so
END
# It starts itself again for each connection, and wants its full path for that.
exec "$(command -v sshd)" -D -e -f "$scenario_dir/sshd_config"
