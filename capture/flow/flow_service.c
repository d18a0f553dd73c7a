/* Names a flow's service: by what its first payloads look like, else by a well-known port. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "capture/flow/flow_internal.h"

#define LOOKS_MAX 8 /* payloads of a direction that are looked at */

static const char *const names[] = {
	[SERVICE_NONE] = "",	 [SERVICE_FTP] = "ftp",	  [SERVICE_FTP_DATA] = "ftp-data",
	[SERVICE_SSH] = "ssh",	 [SERVICE_HTTP] = "http", [SERVICE_SSL] = "ssl",
	[SERVICE_DNS] = "dns",
};

static const struct {
	uint8_t proto;
	uint16_t port;
	enum flow_service_id service;
} ports[] = {
	{ IPPROTO_TCP, 20, SERVICE_FTP_DATA }, { IPPROTO_TCP, 21, SERVICE_FTP },
	{ IPPROTO_TCP, 22, SERVICE_SSH },      { IPPROTO_TCP, 53, SERVICE_DNS },
	{ IPPROTO_UDP, 53, SERVICE_DNS },      { IPPROTO_TCP, 80, SERVICE_HTTP },
	{ IPPROTO_TCP, 443, SERVICE_SSL },     { IPPROTO_TCP, 8080, SERVICE_HTTP },
	{ IPPROTO_TCP, 8443, SERVICE_SSL },
};

static bool starts(const struct packet *p, const char *word)
{
	size_t n = strlen(word);

	return p->payload_cap >= n && !memcmp(p->payload, word, n);
}

static bool holds(const struct packet *p, const char *word)
{
	return memmem(p->payload, p->payload_cap, word, strlen(word)) != NULL;
}

static bool is_http(const struct packet *p, int dir)
{
	static const char *const methods[] = { "GET ",	"HEAD ",    "POST ",  "PUT ", "DELETE ",
					       "PATCH ", "OPTIONS ", "TRACE ", "CONNECT " };

	if (dir)
		return starts(p, "HTTP/1.");
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (starts(p, methods[i]) && holds(p, " HTTP/1."))
			return true;
	return false;
}

/* A TLS record (RFC 8446, 5.1) that holds a ClientHello or a ServerHello. */
static bool is_tls(const struct packet *p, int dir)
{
	const uint8_t *d = p->payload;

	return p->payload_cap >= 6 && d[0] == 22 && d[1] == 3 && d[2] <= 4 && d[5] == (dir ? 2 : 1);
}

static bool is_ftp(const struct flow *f, const struct packet *p, int dir)
{
	if (!dir)
		return false;
	return (starts(p, "220 ") || starts(p, "220-")) &&
	       (f->resp.port == 21 || holds(p, "FTP") || holds(p, "ftp"));
}

void flow_look(struct flow_entry *e, int dir, const struct packet *p)
{
	if (e->service || !p->payload_cap || e->looked[dir] >= LOOKS_MAX)
		return;
	e->looked[dir]++;
	if (e->flow.proto != IPPROTO_TCP)
		return;
	if (starts(p, "SSH-"))
		e->service = SERVICE_SSH;
	else if (is_tls(p, dir))
		e->service = SERVICE_SSL;
	else if (is_http(p, dir))
		e->service = SERVICE_HTTP;
	else if (is_ftp(&e->flow, p, dir))
		e->service = SERVICE_FTP;
}

const char *flow_service(const struct flow *f)
{
	const struct flow_entry *e = flow_entry(f);

	if (e->service)
		return names[e->service];
	if (!f->side[0].bytes && !f->side[1].bytes)
		return "";
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		if (ports[i].proto != f->proto)
			continue;
		/* The data connection of active FTP comes from the server's port 20. */
		if (ports[i].port == f->resp.port ||
		    (ports[i].port == f->orig.port && ports[i].service == SERVICE_FTP_DATA))
			return names[ports[i].service];
	}
	return "";
}

/* Reads up to n numbers of at most max, parted by sep; how many there were. */
static int numbers(const uint8_t *s, size_t len, char sep, unsigned max, unsigned *ret, int n)
{
	size_t i = 0;
	int k = 0;

	while (k < n) {
		unsigned v = 0;
		size_t from = i;

		while (i < len && s[i] >= '0' && s[i] <= '9' && v <= max)
			v = v * 10 + (s[i++] - '0');
		if (i == from || v > max)
			break;
		ret[k++] = v;
		if (i >= len || s[i] != sep)
			break;
		i++;
	}
	return k;
}

/* An FTP command or reply that names the address of a data connection: 1 with it. */
static int ftp_data_addr(const struct packet *p, uint8_t ip[16], uint16_t *ret_port)
{
	const uint8_t *at, *end;
	unsigned n[6];

	if (!p->payload_cap)
		return 0;
	end = p->payload + p->payload_cap;
	if (starts(p, "PORT ") || starts(p, "227 ")) {
		at = starts(p, "PORT ") ? p->payload + 5 : memchr(p->payload, '(', p->payload_cap);
		if (!at)
			return 0;
		at += *at == '(';
		if (numbers(at, (size_t)(end - at), ',', 255, n, 6) != 6)
			return 0;
		memset(ip, 0, 16);
		for (int i = 0; i < 4; i++)
			ip[i] = (uint8_t)n[i];
		*ret_port = (uint16_t)(n[4] << 8 | n[5]);
		return 1;
	}
	if (starts(p, "229 ")) { /* RFC 2428: the address is the sender's own */
		at = memmem(p->payload, p->payload_cap, "(|||", 4);
		if (!at || numbers(at + 4, (size_t)(end - at - 4), '|', 65535, n, 1) != 1)
			return 0;
		memcpy(ip, p->src, 16);
		*ret_port = (uint16_t)n[0];
		return 1;
	}
	return 0;
}

void flow_expect_ftp_data(struct flow_expected *x, const struct packet *p)
{
	unsigned i = x->next % FLOW_EXPECTED;
	uint8_t ip[16];
	uint16_t port;

	if (!ftp_data_addr(p, ip, &port))
		return;
	x->next++;
	x->n += !x->slot[i].used;
	memcpy(x->slot[i].ip, ip, sizeof(ip));
	x->slot[i].port = port;
	x->slot[i].used = true;
}

bool flow_take_expected(struct flow_expected *x, const struct flow *f)
{
	for (size_t i = 0; x->n && i < FLOW_EXPECTED; i++) {
		if (!x->slot[i].used || x->slot[i].port != f->resp.port ||
		    memcmp(x->slot[i].ip, f->resp.ip, sizeof(f->resp.ip)))
			continue;
		x->slot[i].used = false;
		x->n--;
		return true;
	}
	return false;
}
