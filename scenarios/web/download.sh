#!/bin/sh -eu
# Fetches a large file, on from the drawn number of bytes that an earlier try had left.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/browser.sh"

fetch /large/SHA256SUMS SHA256SUMS
mkdir large
if [ "$part" -gt 0 ]; then
	head -c "$part" /dev/zero | openssl enc -aes-128-ctr -K "$(printf %032x "$large")" \
		-iv "$(printf %032x 0)" >"large/$large.bin"
fi
case $program in
curl) with_curl -f -C - -o "large/$large.bin" "$base/large/$large.bin" ;;
wget) with_wget -c -O "large/$large.bin" "$base/large/$large.bin" ;;
esac
grep " large/$large.bin\$" SHA256SUMS | sha256sum -c --quiet
echo "whole: large/$large.bin"
