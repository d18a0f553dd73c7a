#!/bin/sh -eu
# The client's account: sets login. Both ends compute the same, for there is no third to ask.
#
# A drawn name of two to four letters may be a system user's ("bin") or another client's, so it gets
# digits, as people's short names do. Longer ones do not clash in practice: client-setup.sh makes sure.
# SPDX-License-Identifier: BSD-3-Clause

# shellcheck disable=SC2034 # by who reads this file
login=$user
case $user in
?????*) ;;
*) login=$user$(($(printf 'ssh-bruteforce/%s' "$client" | cksum | cut -d' ' -f1) % 10000)) ;;
esac
