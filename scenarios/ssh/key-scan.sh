#!/bin/sh -eu
# Asks for the server's public keys; as many must come as were asked for.
# SPDX-License-Identifier: BSD-3-Clause

ssh-keyscan -4 -t "$types" "$server" | tee "$work/keys"
[ "$(wc -l <"$work/keys")" -eq "$(echo "$types" | tr ',' '\n' | wc -l)" ]
