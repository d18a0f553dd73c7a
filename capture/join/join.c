/* Reads captures packet by packet, finds each one's flow, and looks up what the tables say. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/ethernet.h>
#include <string.h>
#include "capture/comment.h"
#include "capture/join/files.h"
#include "capture/join/join.h"
#include "capture/join/tables.h"
#include "capture/join/texts.h"
#include "core/log.h"

struct join {
	struct join_files files;
	size_t next_file;
	struct join_tables *tables;
	struct flow_table *flows;
	struct pcapng_reader *reader; /* of the file being read */
	struct pcapng_packet packet;
	struct comment_said said;
	bool foreign; /* what lies beside the capture is of another run, and not used any more */
	uint64_t number;
	int64_t start;
	/*
	 * Interfaces by name, so that those of one name are one in all files; what the table calls
	 * an interface is the number of its name. by_id: of this file.
	 */
	struct texts names;
	uint32_t *by_id;
	uint32_t n_ids, ids_size;
	struct idmap by_addr; /* the same number, see flow_opts.vantage */
	/* Flows that flows.csv has under another uid: by hash, then by text. */
	struct alias {
		char uid[FLOW_UID_SIZE];
		const struct join_flow *flow; /* NULL: it has none */
		uint32_t next;
	} *aliases;
	uint32_t n_aliases, aliases_size;
	struct idmap by_alias;
};

static int no_memory(struct err *err)
{
	return err_sys(err, ENOMEM, "cannot join the packets");
}

static uint32_t vantage_of(void *arg, uint8_t family, const uint8_t *ip)
{
	const struct join *j = arg;
	uint32_t addr, i;

	if (family != AF_INET)
		return FLOW_NO_IFACE;
	memcpy(&addr, ip, sizeof(addr));
	i = idmap_get(&j->by_addr, ntohl(addr));
	return i == IDMAP_NONE ? FLOW_NO_IFACE : i;
}

/* An ended flow has given its packets all that they need of it. */
static int forget_flow(void *arg, const struct flow *f)
{
	return 0;
}

/* Goes on to the next file. */
static int open_file(struct join *j, struct err *err)
{
	pcapng_reader_close(j->reader);
	j->reader = NULL;
	j->n_ids = 0;
	return pcapng_open(j->files.paths[j->next_file++], &j->reader, err);
}

int join_open(const char *path, struct join **ret, struct err *err)
{
	struct flow_opts opts = { .vantage = vantage_of, .ended = forget_flow };
	struct join *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return no_memory(err);
	opts.arg = j;
	r = join_files_find(path, &j->files, err);
	if (r == 0)
		r = join_tables_open(j->files.folder, &j->tables, err);
	if (r == 0) {
		j->flows = flow_table_new(&opts, NULL);
		r = j->flows ? 0 : no_memory(err);
	}
	if (r == 0)
		r = open_file(j, err);
	if (r < 0) {
		join_close(j);
		return r;
	}
	*ret = j;
	return 0;
}

void join_close(struct join *j)
{
	if (!j)
		return;
	pcapng_reader_close(j->reader);
	flow_table_free(j->flows);
	join_tables_free(j->tables);
	join_files_clear(&j->files);
	texts_clear(&j->names);
	idmap_free(&j->by_addr);
	idmap_free(&j->by_alias);
	free(j->by_id);
	free(j->aliases);
	free(j);
}

/* One that has no name is told from the others by its place. */
static int add_iface(struct join *j, const struct pcapng_iface *iface, struct err *err)
{
	char place[16];
	uint32_t n;

	if (j->n_ids == j->ids_size) {
		uint32_t size = j->ids_size ? 2 * j->ids_size : 64;
		uint32_t *ids = reallocarray(j->by_id, size, sizeof(*ids));

		if (!ids)
			return no_memory(err);
		j->by_id = ids;
		j->ids_size = size;
	}
	snprintf(place, sizeof(place), "#%u", j->n_ids);
	n = texts_add(&j->names, iface->name ? iface->name : place);
	if (n == TEXTS_NONE ||
	    (iface->addr && idmap_get(&j->by_addr, iface->addr) == IDMAP_NONE &&
	     idmap_put(&j->by_addr, iface->addr, n)))
		return no_memory(err);
	j->by_id[j->n_ids++] = n;
	return 0;
}

/* The next packet of all files: 1, 0 at the end, or an error. */
static int read_packet(struct join *j, struct err *err)
{
	const struct pcapng_iface *iface;
	int r = pcapng_next(j->reader, &j->packet, err);

	while (r == 0 && j->next_file < j->files.n) {
		r = open_file(j, err);
		if (r == 0)
			r = pcapng_next(j->reader, &j->packet, err);
	}
	while (r > 0 && (iface = pcapng_iface(j->reader, j->n_ids))) {
		int e = add_iface(j, iface, err);

		if (e)
			return e;
	}
	return r;
}

/* ---- what the packet itself says ---- */

static void put_addresses(struct joined *out, const struct pcapng_packet *p, uint16_t linktype)
{
	uint16_t type;

	out->has_addrs = packet_parse_link(linktype, p->data, p->caplen, p->len, &out->parsed);
	if (out->has_addrs) {
		out->proto = flow_proto_name(out->parsed.proto);
		out->has_ports = out->parsed.has_ports || out->parsed.has_icmp;
		flow_ports(&out->parsed, &out->sport, &out->dport);
	} else if (linktype == FLOW_LINK_ETHER && p->caplen >= ETHER_HDR_LEN) {
		type = (uint16_t)(p->data[12] << 8 | p->data[13]);
		out->proto = type == ETHERTYPE_ARP ? "arp" : NULL;
	}
}

static void put_comment(struct join *j, struct joined *out)
{
	const struct pcapng_packet *p = &j->packet;
	const struct comment_said *s = &j->said;

	if (!p->comment || !comment_read(p->comment, p->comment_len, &j->said))
		return;
	out->owner = s->owner;
	out->host = s->host;
	out->pid = s->pid;
	out->comm = s->kernel ? "kernel" : s->comm;
	out->confidence = s->confidence;
	out->activity = s->activity;
	out->scenario = s->scenario;
	out->sub = s->sub;
}

/* ---- what the tables say ---- */

static const char *text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

/* A packet's comment was made with it, and the table beside it perhaps elsewhere. */
static bool is_same_owner(const struct joined *out, const struct join_owner *o)
{
	return (!out->host || !strcmp(out->host, o->host)) &&
	       (!out->pid || !o->pid || out->pid == o->pid);
}

static void put_owner(struct join *j, struct joined *out)
{
	const struct join_owner *o = j->foreign ? NULL : join_owner(j->tables, out->owner);

	if (!o)
		return;
	if (!is_same_owner(out, o)) {
		log_warn("%s is of another run: its owner %u is %s's process %u, that of packet "
			 "%" PRIu64 " is %s's %u; the packets' comments are used alone from here on",
			 j->files.folder, out->owner, o->host, o->pid, out->number, out->host, out->pid);
		j->foreign = true;
		return;
	}
	out->host = text_or_null(o->host);
	out->pid = o->pid;
	if (!out->comm)
		out->comm = text_or_null(o->comm);
	out->exe = text_or_null(o->exe);
	if (!out->flow && o->activity)
		out->activity = o->activity;
}

/* Remembers what was found, for the flow's other packets. */
static int find_near(struct join *j, const struct flow *f, int64_t ts, const struct join_flow **ret,
		     struct err *err)
{
	uint64_t hash = texts_hash(f->uid);
	uint32_t first = idmap_get(&j->by_alias, hash);

	for (uint32_t i = first; i != IDMAP_NONE; i = j->aliases[i].next) {
		if (!strcmp(j->aliases[i].uid, f->uid)) {
			*ret = j->aliases[i].flow;
			return 0;
		}
	}
	if (j->n_aliases == j->aliases_size) {
		uint32_t size = j->aliases_size ? 2 * j->aliases_size : 64;
		struct alias *more = size ? reallocarray(j->aliases, size, sizeof(*more)) : NULL;

		if (!more)
			return no_memory(err);
		j->aliases = more;
		j->aliases_size = size;
	}
	*ret = join_flow_near(j->tables, f, ts);
	j->aliases[j->n_aliases] = (struct alias){ .flow = *ret, .next = first };
	memcpy(j->aliases[j->n_aliases].uid, f->uid, sizeof(f->uid));
	return idmap_put(&j->by_alias, hash, j->n_aliases++) ? no_memory(err) : 0;
}

static int put_flow(struct join *j, struct joined *out, struct err *err)
{
	const struct join_flow *f;
	int r = 0;

	if (!out->flow)
		return 0;
	if (j->foreign || !join_have_flows(j->tables)) {
		out->uid = out->flow->uid;
		return 0;
	}
	f = join_flow(j->tables, out->flow->uid);
	if (!f)
		r = find_near(j, out->flow, j->packet.ts, &f, err);
	if (r || !f)
		return r;
	out->uid = f->uid;
	out->activity = f->activity;
	out->scenario = text_or_null(f->scenario);
	out->sub = text_or_null(f->sub);
	out->class = text_or_null(f->class);
	out->label = text_or_null(f->label);
	return 0;
}

static void put_activity(const struct join *j, struct joined *out)
{
	const struct join_activity *a =
		j->foreign ? NULL : join_activity(j->tables, out->activity);

	if (!a)
		return;
	out->scenario = text_or_null(a->scenario);
	out->sub = text_or_null(a->sub);
	out->class = text_or_null(a->class);
	out->outcome = text_or_null(a->outcome);
	out->evidence = text_or_null(a->evidence);
	if (!out->label && out->class)
		out->label = strcmp(out->class, "benign") ? "attack" : "benign";
}

int join_next(struct join *j, struct joined *ret, struct err *err)
{
	struct joined out = { .packet = &j->packet };
	const struct pcapng_iface *iface;
	struct flow *flow = NULL;
	int r = read_packet(j, err);

	if (r <= 0)
		return r;
	iface = pcapng_iface(j->reader, j->packet.iface);
	out.number = ++j->number;
	if (out.number == 1)
		j->start = j->packet.ts;
	out.start = j->start;
	out.iface = iface->name;
	put_addresses(&out, &j->packet, iface->linktype);
	put_comment(j, &out);
	r = flow_table_add(j->flows, &(struct flow_packet){
		.ts = j->packet.ts,
		.iface = j->by_id[j->packet.iface],
		.caplen = j->packet.caplen,
		.len = j->packet.len,
		.data = j->packet.data,
		.linktype = flow_linktype(iface->linktype),
		.owner = out.owner,
	}, &flow);
	if (r < 0)
		return no_memory(err);
	out.flow = flow;
	put_owner(j, &out);
	r = put_flow(j, &out, err);
	if (r)
		return r;
	put_activity(j, &out);
	*ret = out;
	return 1;
}
