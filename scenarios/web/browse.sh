#!/bin/sh -eu
# Reads some pages of a section, one after the other, each with its style sheet and images.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

read_pages=0
url=/site/$section/$page.html
while :; do
	# -p: with what is on the page; -nH: no folder for the host.
	with_wget -p -nH "$base$url"
	read_pages=$((read_pages + 1))
	[ "$read_pages" -lt "$pages" ] || break
	sleep "$think"
	url=/site/$section/$(sed -n 's/.*href="\([a-z0-9]*\.html\)".*/\1/p' ".$url" | tail -n 1)
done
echo "read $read_pages pages"
