/* Reads owners.csv, activities.csv and flows.csv, and finds their rows by key. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "capture/flow/schema.h"
#include "capture/join/tables.h"
#include "capture/join/texts.h"
#include "core/csv_read.h"
#include "core/units.h"

#define COLUMNS_MAX 13
#define NEAR_MAX    (60 * NSEC_PER_SEC) /* longer than any link delays */

/* A row and the one read before it whose key has the same hash. */
struct flow_row {
	struct join_flow flow;
	uint32_t next_uid, next_ends; /* IDMAP_NONE: the last */
	uint64_t ends;
};

struct join_tables {
	struct texts texts;
	struct join_owner *owners;
	struct join_activity *activities;
	struct flow_row *flows;
	size_t n_owners, n_activities, n_flows;
	size_t owners_size, activities_size, flows_size;
	struct idmap owner_by_id, activity_by_id, flow_by_uid, flow_by_ends;
	bool have_flows;
};

/* A file under way: its reader, and where the columns that its rows are made of are. */
struct source {
	struct join_tables *tables;
	struct csv_reader *reader;
	const char *path;
	int columns[COLUMNS_MAX];
	struct err *err;
};

struct table_kind {
	const char *file;
	const char *columns[COLUMNS_MAX + 1]; /* all must be there */
	int (*row)(struct source *s); /* 0 or an error, told */
};

static const char *field(const struct source *s, int n)
{
	return csv_reader_field(s->reader, s->columns[n]);
}

static int no_memory(const struct source *s)
{
	return err_sys(s->err, ENOMEM, "cannot read %s", s->path);
}

static int bad(const struct source *s, const char *column, const char *why)
{
	return err_at(s->err, s->path, csv_reader_line(s->reader), "%s: %s", column, why);
}

/* A text of the row, kept. */
static int get_text(struct source *s, int n, const char **ret)
{
	uint32_t i = texts_add(&s->tables->texts, field(s, n));

	if (i == TEXTS_NONE)
		return no_memory(s);
	*ret = s->tables->texts.rows[i].text;
	return 0;
}

/* An id, or 0 where the field is empty. */
static int get_id(struct source *s, int n, const char *column, uint32_t *ret)
{
	const char *text = field(s, n), *why;
	uint64_t v = 0;

	if (*text && units_parse_uint(text, 0, UINT32_MAX - 1, &v, &why))
		return bad(s, column, why);
	*ret = (uint32_t)v;
	return 0;
}

/* Seconds with up to nine decimals. */
static int get_time(struct source *s, int n, const char *column, int64_t *ret)
{
	const char *p = field(s, n);
	bool minus = *p == '-';
	int64_t v = 0;
	int decimals = -1; /* no point yet */

	p += minus;
	if (!*p)
		return bad(s, column, "must be a time in seconds");
	for (; *p; p++) {
		if (*p == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (*p < '0' || *p > '9' || decimals == 9 || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return bad(s, column, "must be a time in seconds");
		decimals += decimals >= 0;
	}
	for (int i = decimals < 0 ? 0 : decimals; i < 9; i++)
		if (__builtin_mul_overflow(v, 10, &v))
			return bad(s, column, "must be a time in seconds");
	*ret = minus ? -v : v;
	return 0;
}

/* Room for one more row; 0 or -ENOMEM. */
static int grow(struct source *s, void *rows, size_t n, size_t *size, size_t row_size)
{
	void **at = rows, *more;

	if (n < *size)
		return 0;
	more = n < IDMAP_NONE / 2 ? reallocarray(*at, n ? 2 * n : 256, row_size) : NULL;
	if (!more)
		return no_memory(s);
	*at = more;
	*size = n ? 2 * n : 256;
	return 0;
}

static int owner_row(struct source *s)
{
	struct join_tables *t = s->tables;
	struct join_owner o;
	uint32_t id;
	int r;

	if ((r = get_id(s, 0, "owner", &id)) || (r = get_text(s, 1, &o.host)) ||
	    (r = get_id(s, 2, "pid", &o.pid)) || (r = get_text(s, 3, &o.comm)) ||
	    (r = get_text(s, 4, &o.exe)) || (r = get_id(s, 5, "activity", &o.activity)) ||
	    (r = grow(s, &t->owners, t->n_owners, &t->owners_size, sizeof(o))))
		return r;
	t->owners[t->n_owners] = o;
	if (idmap_put(&t->owner_by_id, id, (uint32_t)t->n_owners++))
		return no_memory(s);
	return 0;
}

static int activity_row(struct source *s)
{
	struct join_tables *t = s->tables;
	struct join_activity a;
	uint32_t id;
	int r;

	if ((r = get_id(s, 0, "id", &id)) || (r = get_text(s, 1, &a.scenario)) ||
	    (r = get_text(s, 2, &a.sub)) || (r = get_text(s, 3, &a.class)) ||
	    (r = get_text(s, 4, &a.outcome)) || (r = get_text(s, 5, &a.evidence)) ||
	    (r = grow(s, &t->activities, t->n_activities, &t->activities_size, sizeof(a))))
		return r;
	t->activities[t->n_activities] = a;
	if (idmap_put(&t->activity_by_id, id, (uint32_t)t->n_activities++))
		return no_memory(s);
	return 0;
}

/* Of a flow's ends in either order. */
static uint64_t ends_hash(const char *ip_a, const char *port_a, const char *ip_b,
			  const char *port_b, const char *proto)
{
	char a[INET6_ADDRSTRLEN + 8], b[INET6_ADDRSTRLEN + 8];

	snprintf(a, sizeof(a), "%s,%s", ip_a, port_a);
	snprintf(b, sizeof(b), "%s,%s", ip_b, port_b);
	return texts_hash(a) + texts_hash(b) + 31 * texts_hash(proto);
}

static int index_flow(struct source *s, struct flow_row *row)
{
	struct join_tables *t = s->tables;
	uint64_t uid = texts_hash(row->flow.uid);
	uint32_t at = (uint32_t)t->n_flows++;

	row->next_uid = idmap_get(&t->flow_by_uid, uid);
	row->next_ends = idmap_get(&t->flow_by_ends, row->ends);
	if (idmap_put(&t->flow_by_uid, uid, at) || idmap_put(&t->flow_by_ends, row->ends, at))
		return no_memory(s);
	return 0;
}

static int flow_row(struct source *s)
{
	struct join_tables *t = s->tables;
	struct join_flow f = { .first = 0 };
	int64_t duration;
	int r;

	if (strlen(field(s, 0)) >= sizeof(f.uid))
		return bad(s, "uid", "must be of at most 18 characters");
	strcpy(f.uid, field(s, 0));
	if ((r = get_time(s, 1, "ts", &f.first)) || (r = get_time(s, 2, "duration", &duration)) ||
	    (r = get_id(s, 3, "activity", &f.activity)) || (r = get_text(s, 4, &f.scenario)) ||
	    (r = get_text(s, 5, &f.sub)) || (r = get_text(s, 6, &f.class)) ||
	    (r = get_text(s, 7, &f.label)) ||
	    (r = grow(s, &t->flows, t->n_flows, &t->flows_size, sizeof(*t->flows))))
		return r;
	if (__builtin_add_overflow(f.first, duration, &f.last))
		f.last = INT64_MAX;
	t->flows[t->n_flows] = (struct flow_row){
		.flow = f,
		.ends = ends_hash(field(s, 8), field(s, 9), field(s, 10), field(s, 11),
				  field(s, 12)),
	};
	return index_flow(s, &t->flows[t->n_flows]);
}

static const struct table_kind owners_table = {
	"owners.csv", { "owner", "host", "pid", "comm", "exe", "activity" }, owner_row,
};
static const struct table_kind activities_table = {
	"activities.csv", { "id", "scenario", "sub", "class", "outcome", "evidence" }, activity_row,
};
static const struct table_kind flows_table = {
	"flows.csv",
	{ "uid", "ts", "duration", "activity", "scenario", "sub", "class", "label", "id.orig_h",
	  "id.orig_p", "id.resp_h", "id.resp_p", "proto" },
	flow_row,
};

static int read_rows(struct source *s, const struct table_kind *kind)
{
	int r;

	for (int i = 0; kind->columns[i]; i++) {
		s->columns[i] = csv_reader_column(s->reader, kind->columns[i]);
		if (s->columns[i] < 0)
			return err_at(s->err, s->path, 1, "the column '%s' is missing",
				      kind->columns[i]);
	}
	while ((r = csv_reader_next(s->reader, s->err)) > 0) {
		r = kind->row(s);
		if (r)
			return r;
	}
	return r;
}

/* 1 where the file is there, 0 where it is not. */
static int open_table(const char *path, FILE **ret, struct err *err)
{
	_cleanup_close_ int fd =
		open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if ((fd < 0 && errno == ELOOP) || (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)))
		return err_at(err, path, 0, "must be a regular file");
	*ret = fd < 0 ? NULL : fdopen(fd, "r");
	if (!*ret)
		return err_sys(err, errno, "cannot read %s", path);
	steal_fd(&fd);
	return 1;
}

/* 1 where the file is there, 0 where it is not. */
static int read_table(struct join_tables *t, const char *folder, const struct table_kind *kind,
		      struct err *err)
{
	_cleanup_free_ char *path = NULL;
	struct source s = { .tables = t, .err = err };
	FILE *f;
	int r;

	if (asprintf(&path, "%s/%s", folder, kind->file) < 0)
		return err_sys(err, ENOMEM, "cannot read %s", kind->file);
	r = open_table(path, &f, err);
	if (r <= 0)
		return r;
	s.path = path;
	r = csv_reader_open(f, path, &s.reader, err);
	if (r)
		return r;
	r = read_rows(&s, kind);
	csv_reader_free(s.reader);
	return r ? r : 1;
}

int join_tables_open(const char *folder, struct join_tables **ret, struct err *err)
{
	struct join_tables *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return err_sys(err, ENOMEM, "cannot read what lies beside the capture");
	if (folder)
		r = read_table(t, folder, &owners_table, err);
	if (folder && r >= 0)
		r = read_table(t, folder, &activities_table, err);
	if (folder && r >= 0)
		r = read_table(t, folder, &flows_table, err);
	if (r < 0) {
		join_tables_free(t);
		return r;
	}
	t->have_flows = r;
	*ret = t;
	return 0;
}

void join_tables_free(struct join_tables *t)
{
	if (!t)
		return;
	idmap_free(&t->owner_by_id);
	idmap_free(&t->activity_by_id);
	idmap_free(&t->flow_by_uid);
	idmap_free(&t->flow_by_ends);
	free(t->owners);
	free(t->activities);
	free(t->flows);
	texts_clear(&t->texts);
	free(t);
}

bool join_have_flows(const struct join_tables *t)
{
	return t->have_flows;
}

const struct join_owner *join_owner(const struct join_tables *t, uint32_t id)
{
	uint32_t i = id ? idmap_get(&t->owner_by_id, id) : IDMAP_NONE;

	return i == IDMAP_NONE ? NULL : &t->owners[i];
}

const struct join_activity *join_activity(const struct join_tables *t, uint32_t id)
{
	uint32_t i = id ? idmap_get(&t->activity_by_id, id) : IDMAP_NONE;

	return i == IDMAP_NONE ? NULL : &t->activities[i];
}

const struct join_flow *join_flow(const struct join_tables *t, const char *uid)
{
	uint32_t i = idmap_get(&t->flow_by_uid, texts_hash(uid));

	for (; i != IDMAP_NONE; i = t->flows[i].next_uid)
		if (!strcmp(t->flows[i].flow.uid, uid))
			return &t->flows[i].flow;
	return NULL;
}

/* How far outside of the flow's life ts is; in 128 bits, for a file may hold any times. */
static __int128 distance(const struct join_flow *f, int64_t ts)
{
	return ts < f->first ? (__int128)f->first - ts : ts > f->last ? (__int128)ts - f->last : 0;
}

const struct join_flow *join_flow_near(const struct join_tables *t, const struct flow *f,
				       int64_t ts)
{
	char ip[2][FLOW_ADDR_SIZE], port[2][8];
	const char *text[2];
	const struct flow_addr *ends[2] = { &f->orig, &f->resp };
	const struct join_flow *best = NULL;
	uint64_t hash;

	for (int i = 0; i < 2; i++) {
		text[i] = flow_addr_text(f->family, ends[i]->ip, ip[i]);
		snprintf(port[i], sizeof(port[i]), "%u", ends[i]->port);
	}
	hash = ends_hash(text[0], port[0], text[1], port[1], flow_proto_name(f->proto));
	for (uint32_t i = idmap_get(&t->flow_by_ends, hash); i != IDMAP_NONE;
	     i = t->flows[i].next_ends) {
		const struct flow_row *row = &t->flows[i];

		if (row->ends == hash && (!best || distance(&row->flow, ts) < distance(best, ts)))
			best = &row->flow;
	}
	return best && distance(best, ts) <= NEAR_MAX ? best : NULL;
}
