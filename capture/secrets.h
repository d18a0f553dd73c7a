/*
 * TLS secrets of hosts' programs, so that what they encrypted can be read in the capture.
 *
 * Programs on OpenSSL, GnuTLS and NSS append the secrets of each connection to the file that
 * SSLKEYLOGFILE names. Each host has its own in its /run, which no other host sees.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SECRETS_H
#define CAPTURE_SECRETS_H

#include "emu/emu.h"

#define SECRETS_FILE "/run/tls-keys.log" /* for emu_opts.tls_keys */

/* Gets whole lines; 0 or -errno, which ends the reading. */
typedef int secrets_fn(void *arg, const char *keys, size_t len);
/*
 * What the hosts' programs have written by now. A file that is none, or is no host's own, and
 * lines that are none are passed over: programs may write what they like. 0, -ENOMEM, or what fn
 * returned.
 */
int secrets_read(const struct emu *e, secrets_fn *fn, void *arg);
/* Keeps the lines that tell a secret, in place; the new length. */
size_t secrets_clean(char *text, size_t len);

#endif
