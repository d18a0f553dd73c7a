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
/*
 * Bytes, of all hosts: 25,000 connections of TLS 1.3. A file of a host may not have more either.
 */
#define SECRETS_MAX  (16u << 20)

/* Gets whole lines; 0 or -errno. */
typedef int secrets_fn(void *arg, const char *keys, size_t len);
/*
 * What the hosts' programs have written by now. A file that is none, or is no host's own, and
 * lines that are none are passed over: programs may write what they like. 0; or the first error,
 * of reading (-EFBIG: more than SECRETS_MAX) or of fn, after which the other hosts were read too.
 */
int secrets_read(const struct emu *e, secrets_fn *fn, void *arg);
/* Keeps the lines that tell a secret, in place; the new length. */
size_t secrets_clean(char *text, size_t len);

#endif
