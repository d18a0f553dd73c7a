#!/bin/sh -eu
# Becomes vsftpd, with its log on standard output.
# SPDX-License-Identifier: BSD-3-Clause

mkdir -p /run/vsftpd/empty
# Copied, for vsftpd wants a configuration that belongs to root.
install -m 600 "$scenario_dir/vsftpd.conf" /etc/vsftpd.conf
cat >/etc/pam.d/vsftpd <<END
auth	required	pam_unix.so
account	required	pam_unix.so
END
# A session has the client's socket as 0, 1 and 2: the log needs a descriptor that it leaves alone.
exec vsftpd /etc/vsftpd.conf 3>&1
