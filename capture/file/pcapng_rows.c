/*
 * What a pcapng file says in front of its packets: the interfaces, and the processes of a section.
 *
 * Each has a limit for the whole file, and so have their texts, for they stay in memory.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include "capture/file/pcapng_blocks.h"
#include "capture/file/pcapng_reader.h"
#include "core/units.h"

#define IFACES_MAX 65536
#define TEXT_MAX   (64u << 20) /* bytes of names and descriptions */

enum { PROCESSES_MAX = PCAPNG_PROCESS_MAX };

struct iface_row *reader_add_iface(struct pcapng_reader *r)
{
	struct iface_row *row;

	if (r->n_ifaces == r->ifaces_size) {
		size_t size = r->ifaces_size ? r->ifaces_size * 2 : 16;
		struct iface_row **rows = reallocarray(r->ifaces, size, sizeof(*rows));

		if (!rows)
			return NULL;
		r->ifaces = rows;
		r->ifaces_size = size;
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->pub.tick_ns_num = NSEC_PER_USEC;
	row->pub.tick_ns_den = 1;
	r->ifaces[r->n_ifaces++] = row;
	return row;
}

void reader_drop_processes(struct pcapng_reader *r)
{
	for (size_t i = 0; i < r->n_processes; i++)
		free(r->processes[i].comm);
	r->n_processes = 0;
}

void reader_drop_all(struct pcapng_reader *r)
{
	reader_drop_processes(r);
	free(r->processes);
	for (size_t i = 0; i < r->n_ifaces; i++) {
		free(r->ifaces[i]->pub.name);
		free(r->ifaces[i]->pub.descr);
		free(r->ifaces[i]);
	}
	free(r->ifaces);
}

/* if_tsresol: the power of 10, or with the top bit of 2, that a second is divided by. */
static int set_resolution(struct pcapng_iface *i, uint8_t v)
{
	int64_t num = NSEC_PER_SEC, den = 1;
	int n = v & 0x7f;

	if (v & 0x80) {
		if (n > 62)
			return -EINVAL;
		den = (int64_t)1 << n;
	} else {
		for (; n && num > 1; n--)
			num /= 10;
		for (; n; n--)
			if (__builtin_mul_overflow(den, 10, &den))
				return -EINVAL;
	}
	i->tick_ns_num = num;
	i->tick_ns_den = den;
	return 0;
}

bool reader_next_option(const struct pcapng_reader *r, const uint8_t **p, const uint8_t *end,
			uint16_t *ret_code, const uint8_t **ret_data, uint16_t *ret_len)
{
	size_t left = (size_t)(end - *p), padded;

	if (left < 4)
		return false;
	*ret_code = reader_get16(r, *p);
	*ret_len = reader_get16(r, *p + 2);
	padded = ((size_t)*ret_len + 3) & ~(size_t)3;
	if (*ret_code == OPT_END || *ret_len > left - 4)
		return false;
	*ret_data = *p + 4;
	*p += 4 + (padded > left - 4 ? left - 4 : padded);
	return true;
}

static int take_text(struct pcapng_reader *r, char **ret, const uint8_t *data, uint16_t len,
		     struct err *err)
{
	r->text += len;
	if (r->text > TEXT_MAX)
		return reader_bad(r, err, "more than 64 MiB of names");
	*ret = strndup((const char *)data, len);
	return *ret ? 0 : err_sys(err, ENOMEM, "cannot read %s", r->path);
}

static int iface_option(struct pcapng_reader *r, struct iface_row *row, uint16_t code,
			const uint8_t *data, uint16_t n, struct err *err)
{
	struct pcapng_iface *i = &row->pub;

	if (code == OPT_IF_NAME && !i->name)
		return take_text(r, &i->name, data, n, err);
	if (code == OPT_IF_DESCRIPTION && !i->descr)
		return take_text(r, &i->descr, data, n, err);
	if (code == OPT_IF_IPV4ADDR && n >= 4 && !i->addr)
		i->addr = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
			  (uint32_t)data[2] << 8 | data[3];
	else if (code == OPT_IF_TSRESOL && n >= 1 && set_resolution(i, data[0]))
		return reader_bad(r, err, "time stamp resolution out of range");
	else if (code == OPT_IF_TSOFFSET && n >= 8)
		row->offset = (int64_t)reader_get64(r, data);
	return 0;
}

int reader_take_iface(struct pcapng_reader *r, const uint8_t *b, size_t len, struct err *err)
{
	const uint8_t *p = b + 8, *end = b + len, *data;
	struct iface_row *row;
	uint16_t code, n;
	int e = 0;

	if (len < 8)
		return reader_bad(r, err, "interface block too short");
	if (r->n_ifaces >= IFACES_MAX)
		return reader_bad(r, err, "more than 65536 interfaces");
	row = reader_add_iface(r);
	if (!row)
		return err_sys(err, ENOMEM, "cannot read %s", r->path);
	row->pub.linktype = reader_get16(r, b);
	row->pub.snaplen = reader_get32(r, b + 4);
	while (e == 0 && reader_next_option(r, &p, end, &code, &data, &n))
		e = iface_option(r, row, code, data, n, err);
	if (row->pub.tick_ns_den == 1 && !row->offset)
		row->simple_max = (uint64_t)(INT64_MAX / row->pub.tick_ns_num);
	return e;
}

int reader_take_process(struct pcapng_reader *r, const uint8_t *b, size_t len, struct err *err)
{
	const uint8_t *p = b + 4, *end = b + len, *data;
	struct process_row row = { 0 };
	uint16_t code, n;
	int e = 0;

	if (len < 4)
		return reader_bad(r, err, "process block too short");
	if (r->n_processes >= PROCESSES_MAX)
		return 0;
	if (r->n_processes == r->processes_size) {
		size_t size = r->processes_size ? r->processes_size * 2 : 16;
		struct process_row *rows = reallocarray(r->processes, size, sizeof(*rows));

		if (!rows)
			return err_sys(err, ENOMEM, "cannot read %s", r->path);
		r->processes = rows;
		r->processes_size = size;
	}
	row.pid = reader_get32(r, b);
	while (e == 0 && !row.comm && reader_next_option(r, &p, end, &code, &data, &n))
		if (code == OPT_PROCESS_NAME)
			e = take_text(r, &row.comm, data, n, err);
	r->processes[r->n_processes++] = row;
	return e;
}
