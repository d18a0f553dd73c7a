/* What a run tells of each link: its engine and why, and what became of its packets. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_LINK_ROW_H
#define ENGINE_LINK_ROW_H

#include "capture/capture.h"
#include "core/json.h"

struct link_row {
	enum link_engine engine; /* ENGINE_AUTO: none */
	const char *why;
	bool seeded;  /* its draws follow from the run's seed */
	bool counted; /* fates are known */
	struct fate_counts fates[2]; /* of packets that left iface[0], iface[1] */
};

/* One for each link, after capture_stop(); freed by the caller. */
int link_rows_new(const struct emu *e, const struct capture *c, struct link_row **ret);
/* "none", "netem", "shaper" or "netem+shaper". */
const char *link_rows_engine(const struct link_row *rows, size_t n);
/* The manifest's key "links"; rows may be NULL: no network was built. */
void link_rows_put(const struct link_row *rows, const struct net *net, struct json *j);
/* Keys of the JSON object that is open: "in", each verdict's name, "duplicated" … */
void link_row_put_counts(const struct fate_counts *c, struct json *j);

#endif
