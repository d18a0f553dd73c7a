/* Writes fates.csv, in large writes, and counts what is in it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <string.h>
#include "capture/fates.h"
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "capture/flow/schema.h"
#include "core/cleanup.h"
#include "core/csv.h"
#include "core/tree.h"

#define BUF_SIZE  (1u << 20)
#define NAME_SIZE (NODE_NAME_MAX + IFNAMSIZ + 2)

struct fates {
	FILE *f;
	char *buf; /* the stream's */
	struct csv csv;
	char (*names)[NAME_SIZE]; /* of interfaces, as in the capture */
	const struct net *net;
	struct fate_counts *counts; /* by link and end */
};

static const char *const columns[] = {
	"packet", "ts", "from", "to", "n", "copy", "owner", "uid", "proto", "src", "sport", "dst",
	"dport", "len", "verdict", "arrived", "queued", "delay", "corrupted", "marked", "reordered",
};

static struct fate_counts *counts_of(const struct fates *f, uint32_t link, int end)
{
	return &f->counts[2 * (size_t)link + (size_t)end];
}

const struct fate_counts *fates_counts(const struct fates *f, uint32_t link, int end)
{
	return counts_of(f, link, end);
}

void fate_counts_add(struct fate_counts *sum, const struct fate_counts *c)
{
	sum->packets += c->packets;
	for (int i = 0; i < FATE_VERDICTS; i++)
		sum->verdict[i] += c->verdict[i];
	sum->duplicated += c->duplicated;
	sum->corrupted += c->corrupted;
	sum->marked += c->marked;
	sum->reordered += c->reordered;
}

/* The error of a stream's failed write, which knows that it failed and perhaps why. */
static int stream_error(void)
{
	return errno ? -errno : -EIO;
}

static int open_file(struct fates *f, int dir_fd)
{
	int fd = tree_create(dir_fd, FATES_FILE, 0);

	if (fd < 0)
		return fd;
	f->f = fdopen(fd, "w");
	f->buf = malloc(BUF_SIZE);
	if (!f->f || !f->buf) {
		if (!f->f)
			close(fd);
		tree_remove(dir_fd, FATES_FILE);
		return -ENOMEM;
	}
	setvbuf(f->f, f->buf, _IOFBF, BUF_SIZE);
	csv_open(&f->csv, f->f);
	csv_row(&f->csv, columns, ARRAY_SIZE(columns));
	return 0;
}

int fates_open(int dir_fd, const struct net *net, struct fates **ret, struct err *err)
{
	struct fates *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (!f)
		return err_sys(err, ENOMEM, "cannot write %s", FATES_FILE);
	f->net = net;
	f->names = calloc(net->n_ifaces + 1, sizeof(*f->names));
	f->counts = calloc(net->n_links + 1, 2 * sizeof(*f->counts));
	if (f->names && f->counts)
		r = open_file(f, dir_fd);
	if (r < 0) {
		fates_free(f);
		return err_sys(err, -r, "cannot write %s", FATES_FILE);
	}
	for (size_t i = 0; i < net->n_ifaces; i++)
		snprintf(f->names[i], sizeof(f->names[i]), "%s:%s",
			 net->nodes[net->ifaces[i].node].name, net->ifaces[i].name);
	*ret = f;
	return 0;
}

static void put_some(struct csv *c, uint64_t v, bool known)
{
	if (known)
		csv_uint(c, v);
	else
		csv_str(c, NULL);
}

static void put_addr(struct csv *c, uint8_t family, const uint8_t ip[16])
{
	char buf[FLOW_ADDR_SIZE];

	csv_str(c, flow_addr_text(family, ip, buf));
}

/* What the frame says of itself; a frame without IP has a name at most. */
static void put_packet(struct csv *c, const struct fate *fate, const uint8_t *data)
{
	uint16_t type = 0, sport, dport;
	struct packet p;

	if (!packet_parse(data, fate->caplen, fate->len, &p)) {
		if (fate->caplen >= ETH_HLEN)
			type = (uint16_t)(data[12] << 8 | data[13]);
		csv_str(c, type == ETH_P_ARP ? "arp" : NULL);
		for (int i = 0; i < 4; i++)
			csv_str(c, NULL);
		return;
	}
	flow_ports(&p, &sport, &dport);
	csv_str(c, flow_proto_name(p.proto));
	put_addr(c, p.family, p.src);
	put_some(c, sport, p.has_ports || p.has_icmp);
	put_addr(c, p.family, p.dst);
	put_some(c, dport, p.has_ports || p.has_icmp);
}

static void count(struct fate_counts *n, const struct fate *fate)
{
	bool delivered = fate->verdict == FATE_DELIVERED;

	n->packets += fate->copy == 0;
	n->duplicated += fate->copy != 0;
	n->verdict[fate->verdict]++;
	n->corrupted += delivered && fate->corrupted;
	n->marked += delivered && fate->marked;
	n->reordered += delivered && fate->reordered;
}

int fates_add(struct fates *f, const struct fate *fate, const uint8_t *data, uint32_t owner,
	      const char *uid)
{
	const struct link *l = &f->net->links[fate->link];
	bool delivered = fate->verdict == FATE_DELIVERED;
	struct csv *c = &f->csv;

	errno = 0;
	csv_uint(c, fate->id);
	csv_time(c, fate->ts);
	csv_str(c, f->names[l->iface[fate->end]]);
	csv_str(c, f->names[l->iface[!fate->end]]);
	csv_uint(c, fate->n);
	csv_uint(c, fate->copy);
	put_some(c, owner, owner != OWNER_NONE);
	csv_str(c, uid);
	put_packet(c, fate, data);
	csv_uint(c, fate->len);
	csv_str(c, fate_names[fate->verdict]);
	csv_time(c, fate->arrived);
	if (delivered) {
		csv_time(c, fate->queued);
		csv_time(c, fate->delay);
	} else {
		csv_str(c, NULL);
		csv_str(c, NULL);
	}
	csv_uint(c, fate->corrupted);
	csv_uint(c, fate->marked);
	csv_uint(c, fate->reordered);
	csv_end(c);
	count(counts_of(f, fate->link, fate->end), fate);
	return ferror_unlocked(f->f) ? stream_error() : 0;
}

int fates_flush(struct fates *f)
{
	errno = 0;
	return fflush(f->f) ? stream_error() : 0;
}

/* A full disk cuts a row in two; what is before it can be read. */
static void cut_back(int fd)
{
	_cleanup_close_ int in = -1;
	char path[32], buf[4096];
	off_t size = lseek(fd, 0, SEEK_END), from;
	ssize_t n;

	from = size > (off_t)sizeof(buf) ? size - (off_t)sizeof(buf) : 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	n = in < 0 ? -1 : pread(in, buf, sizeof(buf), from);
	while (n > 0 && buf[n - 1] != '\n')
		n--;
	if (n > 0 && ftruncate(fd, from + n) < 0)
		return; /* it stays as it is, and the error is told anyway */
}

int fates_close(struct fates *f, struct err *err)
{
	_cleanup_close_ int fd = fcntl(fileno(f->f), F_DUPFD_CLOEXEC, 0);
	int r = fates_flush(f);

	errno = 0;
	if (fclose(steal_ptr(f->f)) && r == 0)
		r = stream_error();
	if (r < 0 && fd >= 0)
		cut_back(fd);
	return r < 0 ? err_sys(err, -r, "cannot write %s", FATES_FILE) : 0;
}

void fates_free(struct fates *f)
{
	if (!f)
		return;
	if (f->f)
		fclose(f->f);
	free(f->buf);
	free(f->names);
	free(f->counts);
	free(f);
}
