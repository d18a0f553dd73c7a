/*
 * What flows need of a DNS message (RFC 1035): its id, the type of its first question, and the TTL
 * of its first address record (A).
 *
 * The message may be cut short or hostile: nothing outside of it is read, names are skipped and
 * never followed, and every record that is looked at moves on by its own length.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_DNS_H
#define CAPTURE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_message {
	uint16_t id;
	bool response;
	bool has_question;
	uint16_t type; /* of the first question */
	bool has_ttl;
	uint32_t ttl; /* seconds, of the answer section's first A record */
};

/* Takes what can be read of it; false where not even the header can. */
bool dns_parse(const uint8_t *d, size_t len, struct dns_message *ret);

#endif
