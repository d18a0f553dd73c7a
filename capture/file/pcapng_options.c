/* The blocks of a pcapng file that are no packets: interfaces, names, processes, statistics. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "capture/file/pcapng_writer.h"
#include "core/utf8.h"

#define FILTER_TEXT 0 /* kind of an interface's filter: a string of pcap-filter(7) */

static void put_addr(struct pcapng_writer *w, uint32_t addr, uint8_t prefix)
{
	uint32_t mask = prefix ? UINT32_MAX << (32 - prefix) : 0;
	uint32_t both[2] = { htonl(addr), htonl(mask) };

	put_option(w, OPT_IF_IPV4ADDR, both, sizeof(both));
}

static void put_filter(struct pcapng_writer *w, const char *filter)
{
	const uint8_t kind = FILTER_TEXT;
	size_t n = strnlen(filter, OPTION_MAX - 1);

	put16(w, OPT_IF_FILTER);
	put16(w, (uint16_t)(n + 1));
	put(w, &kind, 1);
	put(w, filter, n);
	put(w, (const uint8_t[4]){ 0 }, pad4(n + 1) - (n + 1));
}

/* One speed, where it is the same both ways; readers know that one best. */
static void put_speeds(struct pcapng_writer *w, const struct pcapng_iface_info *i)
{
	if (i->tx_speed && i->tx_speed == i->rx_speed) {
		put_option64(w, OPT_IF_SPEED, i->tx_speed);
		return;
	}
	if (i->tx_speed)
		put_option64(w, OPT_IF_TXSPEED, i->tx_speed);
	if (i->rx_speed)
		put_option64(w, OPT_IF_RXSPEED, i->rx_speed);
}

static size_t speeds_size(const struct pcapng_iface_info *i)
{
	if (i->tx_speed && i->tx_speed == i->rx_speed)
		return option_size(8);
	return (i->tx_speed ? option_size(8) : 0) + (i->rx_speed ? option_size(8) : 0);
}

int pcapng_add_iface(struct pcapng_writer *w, const struct pcapng_iface_info *i)
{
	static const uint8_t nanoseconds = 9;
	size_t filter = i->filter ? option_size(strnlen(i->filter, OPTION_MAX - 1) + 1) : 0;
	size_t total = 20 + text_size(i->name) + text_size(i->descr) + option_size(1) +
		       (i->addr ? option_size(8) : 0) + (i->mac ? option_size(6) : 0) +
		       speeds_size(i) + filter + 4;
	int r = writer_begin(w, BLOCK_IDB, total);

	if (r)
		return r;
	put16(w, LINKTYPE_ETHERNET);
	put16(w, 0);
	put32(w, i->snaplen);
	put_text(w, OPT_IF_NAME, i->name);
	put_text(w, OPT_IF_DESCRIPTION, i->descr);
	if (i->addr)
		put_addr(w, i->addr, i->prefix);
	if (i->mac)
		put_option(w, OPT_IF_MACADDR, i->mac, 6);
	put_speeds(w, i);
	put_option(w, OPT_IF_TSRESOL, &nanoseconds, 1);
	if (i->filter)
		put_filter(w, i->filter);
	put32(w, OPT_END);
	writer_end(w, total);
	return (int)w->n_ifaces++;
}

static size_t addr_len(const struct pcapng_name *n)
{
	return n->family == AF_INET6 ? 16 : 4;
}

/* A record's length has 16 bits; a longer name is none. */
static size_t name_len(const struct pcapng_name *n)
{
	return strnlen(n->name, UINT8_MAX);
}

int pcapng_write_names(struct pcapng_writer *w, const struct pcapng_name *names, size_t n)
{
	size_t total = 8 + 4 + 4;
	int r;

	for (size_t i = 0; i < n; i++)
		total += option_size(addr_len(&names[i]) + name_len(&names[i]) + 1);
	r = writer_begin(w, BLOCK_NRB, total);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		size_t a = addr_len(&names[i]), l = name_len(&names[i]), len = a + l + 1;

		put16(w, names[i].family == AF_INET6 ? NRB_IPV6 : NRB_IPV4);
		put16(w, (uint16_t)len);
		put(w, names[i].ip, a);
		put(w, names[i].name, l);
		put(w, (const uint8_t[4]){ 0 }, 1 + pad4(len) - len);
	}
	put32(w, NRB_END);
	writer_end(w, total);
	return 0;
}

static int grow_processes(struct pcapng_writer *w, uint32_t process)
{
	uint32_t size = w->processes_size ? w->processes_size : 1024, *all;

	while (size <= process)
		size *= 2;
	all = reallocarray(w->processes, size, sizeof(*all));
	if (!all)
		return -ENOMEM;
	memset(all + w->processes_size, 0, (size - w->processes_size) * sizeof(*all));
	w->processes = all;
	w->processes_size = size;
	return 0;
}

static int put_process(struct pcapng_writer *w, const struct pcapng_packet *p)
{
	char comm[64] = ""; /* a process names itself as it likes */
	size_t len = p->comm ? utf8_clean(comm, sizeof(comm), p->comm, "") : 0;
	const size_t total = 12 + option_size(len) + 4 + 4;
	int r;

	r = writer_begin(w, BLOCK_PROCESS, total);
	if (r)
		return r;
	put32(w, p->pid);
	put_option(w, OPT_PROCESS_NAME, comm, len);
	put32(w, OPT_END);
	writer_end(w, total);
	w->processes[p->process] = ++w->n_processes;
	return 0;
}

int writer_process(struct pcapng_writer *w, const struct pcapng_packet *p, uint32_t *ret_number)
{
	int r = 0;

	if (p->process >= PCAPNG_PROCESS_MAX)
		return -EINVAL;
	if (p->process >= w->processes_size)
		r = grow_processes(w, p->process);
	if (r == 0 && !w->processes[p->process])
		r = put_process(w, p);
	if (r == 0)
		*ret_number = w->processes[p->process] - 1;
	return r;
}

int pcapng_write_stats(struct pcapng_writer *w, uint32_t iface, const struct pcapng_stats *s)
{
	const size_t total = 24 + 7 * option_size(8) + 4;
	int r;

	if (w->out.error)
		return w->out.error;
	if (iface >= w->n_ifaces)
		return -EINVAL;
	r = writer_begin(w, BLOCK_ISB, total);
	if (r)
		return r;
	put32(w, iface);
	put_time(w, s->end);
	put16(w, OPT_ISB_STARTTIME);
	put16(w, 8);
	put_time(w, s->start);
	put16(w, OPT_ISB_ENDTIME);
	put16(w, 8);
	put_time(w, s->end);
	put_option64(w, OPT_ISB_IFRECV, s->received);
	put_option64(w, OPT_ISB_IFDROP, s->dropped);
	put_option64(w, OPT_ISB_FILTERACCEPT, s->accepted);
	put_option64(w, OPT_ISB_OSDROP, s->os_dropped);
	put_option64(w, OPT_ISB_USRDELIV, s->delivered);
	put32(w, OPT_END);
	writer_end(w, total);
	return 0;
}
