/* Congestion marks in IP headers (RFC 3168, section 5). */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_ECN_H
#define EMU_SHAPER_ECN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sets CE in an Ethernet frame that carries IPv4 or IPv6, behind VLAN tags or not, and mends
 * IPv4's checksum. false: it does not, or its sender does not say that it heeds marks; the frame
 * is untouched.
 */
bool ecn_set_ce(uint8_t *frame, size_t len);

#endif
