#!/bin/sh -eu
# Guesses names and passwords; one pair of them is the client's own account: it must be found.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/account.sh"
. "$scenario_dir/words.sh"

cd "$work"
draw_words "$names" 10 1 | put_word "$login" 1 >names.list
# After as many as are tried at once, or it might be found before a guess has failed.
draw_words "$words" 14 2 | put_word "$password" "$tasks" >words.list
guess -L names.list -P words.list
grep -q "^\\[22\\]\\[ssh\\] host: $server   login: $login   password: $password\$" found
