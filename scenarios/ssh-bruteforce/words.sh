#!/bin/sh -eu
# Word lists that are drawn, bounded, and the same for the same inputs.
# SPDX-License-Identifier: BSD-3-Clause

# draw_words COUNT MEAN SALT: that many words of 2 + exponential(MEAN) letters, one a line.
draw_words()
{
	awk -v count="$1" -v mean="$2" -v seed="$(((list + $3 * 7919) % 2147483646 + 1))" '
		# Park and Miller, "Random number generators: good ones are hard to find" (1988).
		function uniform() {
			seed = (seed * 16807) % 2147483647
			return seed / 2147483647
		}
		BEGIN {
			for (i = 0; i < 10; i++)
				uniform()
			for (i = 0; i < count; i++) {
				length_ = int(2 - mean * log(uniform()) + 0.5)
				if (length_ > 28)
					length_ = 28
				word = ""
				while (length(word) < length_)
					word = word substr("abcdefghijklmnopqrstuvwxyz",
							   int(uniform() * 26) + 1, 1)
				print word
			}
		}'
}

# put_word WORD AFTER: the list on standard input, with WORD at a drawn place after so many lines.
put_word()
{
	awk -v word="$1" -v after="$2" -v at="$list" '
		{ line[NR] = $0 }
		END {
			at = after + at % (NR - after + 1)
			if (at == 0)
				print word
			for (i = 1; i <= NR; i++) {
				print line[i]
				if (i == at)
					print word
			}
		}'
}

# guess OPTION…: hydra against the server with the lists of the working folder.
guess()
{
	export HOME="$work"
	# -I: there is nothing to restore; -f: done with the first success.
	hydra -I -f -t "$tasks" -o "$work/found" "$@" "ssh://$server"
}
