#!/bin/sh -eu
# Becomes nginx, with its log on standard output and error: makes its certificate and its site first.
# SPDX-License-Identifier: BSD-3-Clause

. "$scenario_dir/certificate.sh"

mkdir -p /srv/www/upload /srv/www/pub /srv/www/small /srv/www/large /srv/www/site
chown www-data /srv/www/upload

make_certificate /etc/web
cp /etc/web/ca.pem /srv/www/ca.pem
awk -v root=/srv/www -f "$scenario_dir/site.awk"
for mb in 1 2 4 8; do
	head -c "${mb}M" /dev/zero |
		openssl enc -aes-128-ctr -K "$(printf %032x "$mb")" -iv "$(printf %032x 0)" \
			>"/srv/www/large/$mb.bin"
done
(cd /srv/www && sha256sum large/*.bin >large/SHA256SUMS)
exec nginx -c "$scenario_dir/nginx.conf" -p /run
