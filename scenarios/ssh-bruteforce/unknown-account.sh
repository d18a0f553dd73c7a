#!/bin/sh -eu
# Guesses names that the server does not know: nothing may be found.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/words.sh"

cd "$work"
{ echo "$name" && draw_words "$names" 10 1 | sed 's/$/x/'; } >names.list
draw_words "$words" 14 2 >words.list
guess -L names.list -P words.list
! grep -q '^\[22\]' found
