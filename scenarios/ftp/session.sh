#!/bin/sh -eu
# One FTP session with the drawn program: the commands are tnftp's, on standard input.
#
# Besides them, "list FILE" writes the current folder's listing into a local FILE. Both programs show
# every reply of the server, so that the client's log tells what happened.
# SPDX-License-Identifier: BSD-3-Clause

export HOME="$work"
export LC_ALL=C

session_lftp()
{
	{
		cat <<-END
			set cmd:fail-exit yes
			set cmd:move-background no
			set dns:order inet
			set ftp:ssl-allow no
			set ftp:passive-mode $([ "$mode" = passive ] && echo yes || echo no)
			set ftp:bind-data-socket no
			set net:max-retries 1
			set net:timeout 30s
			set xfer:log no
			open -u $1,$2 ftp://$server
		END
		sed -e 's/^delete /rm /' -e 's/^mdelete /mrm /' -e 's/^rename /mv /' -e 's/^list /ls >/'
	} >"$HOME/.commands"
	lftp -d -f "$HOME/.commands"
}

session_tnftp()
{
	option=-A
	[ "$mode" = active ] || option=-p
	{
		echo "user $1 $2"
		echo binary
		sed -e 's/^list /ls . /'
		echo quit
	} | tnftp -4 -n -i -v "$option" "$server"
}

# session LOGIN PASSWORD <COMMANDS
session()
{
	"session_$program" "$1" "$2"
}
