/* Reads the header, the first question and the first A record of a DNS message. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/flow/bytes.h"
#include "capture/flow/dns.h"

#define HEADER_LEN  12
#define RECORD_LEN  10 /* type, class, TTL, length of the data */
#define TYPE_A      1
#define CLASS_IN    1
#define RECORDS_MAX 64 /* questions and answers looked at; CNAMEs come before the address */

/* The offset behind the name at this one, or len where it does not end inside. */
static size_t skip_name(const uint8_t *d, size_t len, size_t at)
{
	while (at < len) {
		uint8_t n = d[at];

		if (n >= 0xc0) /* the rest is elsewhere */
			return at + 2 < len ? at + 2 : len;
		at += 1 + (size_t)n;
		if (!n)
			return at < len ? at : len;
	}
	return len;
}

/* The offset behind the record at this one, or len; its TTL where it is an address. */
static size_t read_record(const uint8_t *d, size_t len, size_t at, struct dns_message *ret)
{
	at = skip_name(d, len, at);
	if (len - at < RECORD_LEN)
		return len;
	if (!ret->has_ttl && be16(d + at) == TYPE_A && be16(d + at + 2) == CLASS_IN) {
		ret->ttl = be32(d + at + 4);
		ret->has_ttl = true;
	}
	at += RECORD_LEN + (size_t)be16(d + at + 8);
	return at < len ? at : len;
}

bool dns_parse(const uint8_t *d, size_t len, struct dns_message *ret)
{
	unsigned questions, answers;
	size_t at = HEADER_LEN;

	if (len < HEADER_LEN)
		return false;
	*ret = (struct dns_message){ .id = be16(d), .response = d[2] & 0x80 };
	questions = be16(d + 4);
	answers = be16(d + 6);
	for (unsigned i = 0; i < questions && i < RECORDS_MAX; i++) {
		at = skip_name(d, len, at);
		if (len - at < 4)
			return true;
		if (!i) {
			ret->type = be16(d + at);
			ret->has_question = true;
		}
		at += 4;
	}
	if (!ret->response)
		return true;
	for (unsigned i = 0; i < answers && i < RECORDS_MAX && !ret->has_ttl; i++)
		at = read_record(d, len, at, ret);
	return true;
}
