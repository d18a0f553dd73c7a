#!/bin/sh -eu
# The client's account: sets account. Both ends compute the same, for there is no third to ask.
#
# A drawn name of two to four letters may be a system user's ("bin") or another client's, so it gets
# digits, as people's short names do. Longer ones do not clash in practice: client-setup.sh makes sure.
# SPDX-License-Identifier: BSD-3-Clause

# shellcheck disable=SC2034 # by who reads this file
account=$user
case $user in
?????*) ;;
*) account=$user$(($(printf 'ssh/%s' "$client" | cksum | cut -d' ' -f1) % 10000)) ;;
esac
