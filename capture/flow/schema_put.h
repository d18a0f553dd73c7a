/* Fields that feature schemas write alike. An unknown one is empty. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SCHEMA_PUT_H
#define CAPTURE_SCHEMA_PUT_H

#include <stdbool.h>
#include "capture/flow/flow.h"
#include "core/csv.h"

/* False where the protocol has none, or only later fragments of a datagram were seen. */
bool schema_has_ports(const struct flow *f);
/* Address and port; the port is empty where there is none. */
void schema_put_end(struct csv *c, const struct flow *f, const struct flow_addr *a);
/* Empty unless the whole is more than 0. */
void schema_put_ratio(struct csv *c, double part, double whole);
/* The attack's class, or what the schema calls benign. */
void schema_put_class(struct csv *c, const struct flow *f, const char *benign);

#endif
