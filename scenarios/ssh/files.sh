#!/bin/sh -eu
# The bytes of drawn files: the same on both ends, and as good as random to a compressor.
# SPDX-License-Identifier: BSD-3-Clause

# make_files COUNT: writes file1, file2, … of the drawn names and sizes into the working folder.
make_files()
{
	i=1
	while [ "$i" -le "$1" ]; do
		eval "name=\$file$i size=\$size$i"
		head -c "$size" /dev/zero |
			openssl enc -aes-128-ctr -K "$(printf %032x "$content")" \
				-iv "$(printf %032x "$i")" >"$name"
		i=$((i + 1))
	done
}

# same_files COUNT FOLDER: FOLDER holds file1, file2, … and each byte of them is right.
same_files()
{
	mkdir "$work/expected"
	(cd "$work/expected" && make_files "$1")
	diff -r "$work/expected" "$2"
}
