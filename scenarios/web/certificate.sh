#!/bin/sh -eu
# An authority of the lab's own and a server certificate that it signs; new in each network.
# SPDX-License-Identifier: BSD-3-Clause

# make_certificate FOLDER: ca.pem, server.pem and server.key there; the authority's key is thrown away.
make_certificate()
{
	mkdir -p "$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
		-subj '/O=Lab/CN=Lab authority' -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj "/O=Lab/CN=$server_name" -keyout "$1/server.key" -out "$1/server.csr" \
		2>/dev/null
	printf 'subjectAltName=DNS:%s,IP:%s\nextendedKeyUsage=serverAuth\n' \
		"$server_name" "$server" >"$1/server.ext"
	openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial \
		-days 365 -extfile "$1/server.ext" -out "$1/server.pem" 2>/dev/null
	rm "$1/ca.key" "$1/server.csr" "$1/server.ext"
}
