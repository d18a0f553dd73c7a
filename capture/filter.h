/*
 * Capture filters in the language of pcap-filter(7), with the names of nodes as their addresses.
 *
 * libpcap compiles them, and each packet is judged in user space: flows, owners and fates are of
 * all packets, whatever is written. What is neither a number, an address, a word of the language,
 * nor the name of a node (or, behind "port" or "proto", of a service or protocol) is refused here,
 * for libpcap would ask the machine's resolver for it. A node that is called as a word is has a
 * backslash in front.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include "emu/net.h"

struct filter;

/* The words of the language, NULL behind the last. libpcap takes any other for a name. */
extern const char *const filter_words[];

/* 0, or -EINVAL with *ret_why, malloc'd: a sentence without the text of the filter. */
int filter_new(const struct net *net, const char *text, uint32_t snaplen, struct filter **ret,
	       char **ret_why);
void filter_free(struct filter *f);
/* data: an Ethernet frame. */
bool filter_match(const struct filter *f, const uint8_t *data, uint32_t caplen, uint32_t len);

#endif
