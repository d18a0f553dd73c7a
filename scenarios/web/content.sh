#!/bin/sh -eu
# The bytes of a drawn file: the same on both ends, and as good as random to a compressor.
# SPDX-License-Identifier: BSD-3-Clause

# make_content: `size` bytes that follow from `content`, on standard output.
make_content()
{
	head -c "$size" /dev/zero |
		openssl enc -aes-128-ctr -K "$(printf %032x "$content")" -iv "$(printf %032x 0)"
}
