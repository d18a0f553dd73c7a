/* Draws a network: as text for a terminal, as SVG for a page. Needs no kernel. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_GRAPH_H
#define EMU_GRAPH_H

#include <stdio.h>
#include "emu/net.h"

void graph_text(const struct net *net, FILE *f);
void graph_svg(const struct net *net, FILE *f);

#endif
