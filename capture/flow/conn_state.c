/* What a connection that was followed comes to: its bytes, and Zeek's conn_state. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include "capture/flow/conn.h"

uint64_t conn_bytes(const struct conn *c, int dir)
{
	const struct conn_side *s = &c->side[dir];
	uint64_t n = s->sent;

	/* Half open, then given up: the RST's sequence number is not to be trusted. */
	if (s->state == CONN_RESET && s->prev == CONN_SYN_SENT &&
	    c->side[!dir].state == CONN_INACTIVE)
		return 0;
	if (n)
		n--; /* the SYN */
	if (n && s->fin)
		n--;
	return n > s->before ? n - s->before : 0;
}

static const char *tcp_state(const struct conn *c, uint64_t bytes)
{
	enum conn_end o = c->side[0].state, r = c->side[1].state;
	bool o_silent = o == CONN_INACTIVE || o == CONN_PARTIAL;
	bool r_silent = r == CONN_INACTIVE || r == CONN_PARTIAL;

	if (r == CONN_RESET) {
		if (o == CONN_SYN_SENT || o == CONN_SYN_ACK_SENT || (o == CONN_RESET && !bytes))
			return "REJ";
		return o_silent ? "RSTRH" : "RSTR";
	}
	if (o == CONN_RESET)
		return r_silent ? "RSTOS0" : "RSTO";
	if (o == CONN_CLOSED && r == CONN_CLOSED)
		return "SF";
	if (o == CONN_CLOSED)
		return r_silent ? "SH" : "S2";
	if (r == CONN_CLOSED)
		return o_silent ? "SHR" : "S3";
	if (o == CONN_SYN_SENT && r == CONN_INACTIVE)
		return "S0";
	if (o == CONN_ESTABLISHED && r == CONN_ESTABLISHED)
		return "S1";
	return "OTH";
}

const char *conn_state(const struct conn *c, uint8_t proto, uint64_t orig_bytes,
		       uint64_t resp_bytes)
{
	if (proto == IPPROTO_TCP)
		return tcp_state(c, orig_bytes + resp_bytes);
	if (proto != IPPROTO_UDP)
		return "OTH";
	if (c->side[0].state == CONN_PARTIAL)
		return c->side[1].state == CONN_PARTIAL ? "SF" : "S0";
	return c->side[1].state == CONN_PARTIAL ? "SHR" : "OTH";
}
