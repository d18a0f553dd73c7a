/* The kinds of node: one row each. A new kind is a row here and a word in enum node_kind. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/net.h"

const struct node_ops node_kinds[NODE_KINDS] = {
	[NODE_HOST] = {
		.name = "host",
		.has_ns = true,
		.has_addr = true,
		.svg_shape = "box",
	},
	[NODE_SWITCH] = {
		.name = "switch",
		.svg_shape = "bar",
	},
	[NODE_ROUTER] = {
		.name = "router",
		.has_ns = true,
		.has_addr = true,
		.forwards = true,
		.svg_shape = "disc",
	},
};
