#!/bin/sh -eu
# The user's key, computed from the drawn `key`: both ends can, and the folder holds no private key.
# SPDX-License-Identifier: BSD-3-Clause

# make_key FILE: an elliptic-curve key (P-256) whose secret is the hash of `key`.
make_key()
{
	secret=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
	# RFC 5915: version 1, the secret, and the curve's name; OpenSSL adds the public half.
	octets=30310201010420${secret}a00a06082a8648ce3d030107
	(umask 077 && hex_octets "$octets" | openssl ec -inform DER -out "$1" 2>/dev/null)
}

# hex_octets HEX: the octets themselves.
hex_octets()
{
	rest=$1
	while [ -n "$rest" ]; do
		tail=${rest#??}
		# shellcheck disable=SC2059 # the format is the octet
		printf "\\$(printf %03o "0x${rest%"$tail"}")"
		rest=$tail
	done
}
