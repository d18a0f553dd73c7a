#!/bin/sh -eu
# Guesses the password of a user whose name is known: it is in the list and must be found.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/words.sh"

cd "$work"
# After as many as are tried at once, or it might be found before a guess has failed.
draw_words "$words" 14 2 | put_word "$password" "$tasks" >words.list
guess -l "$login" -P words.list
grep -q "^\\[22\\]\\[ssh\\] host: $server   login: $login   password: $password\$" found
