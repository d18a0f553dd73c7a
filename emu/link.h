/*
 * Links of a running network: which engine shapes each, and changes while traffic flows.
 *
 * Two engines read the same struct shape. netem: the kernel's sch_netem and sch_tbf at both ends of one
 * veth (emu/qdisc.h). shaper: our own thread between two veths (emu/shaper/shaper.h). A link that
 * shapes nothing has neither.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_LINK_H
#define EMU_LINK_H

#include "emu/emu.h"

/*
 * The engine for a link: as its file says; for auto the kernel's where it can do all that the link asks
 * for, and without blurring a slow rate (qdisc_blurs()), else the shaper. ENGINE_AUTO is returned for a link that shapes nothing and will not (see
 * net->timeline), unless the shaper was asked for: its packets then have fates like others. ret_why is
 * a static sentence, for the manifest. An engine that was asked for and cannot do it is an error with
 * the link's line (exit status 3 where a kernel would help, 2 where none would).
 */
int link_choose(const struct net *net, uint32_t link, enum link_engine *ret, const char **ret_why,
		struct err *err);

enum link_engine emu_link_engine(const struct emu *e, uint32_t link);
const char *emu_link_why(const struct emu *e, uint32_t link);
/* The shape in force for packets that leave the link's end (0 or 1); stays the emu's. */
const struct shape *emu_link_shape(const struct emu *e, uint32_t link, int end);
/* As it was last asked to be. */
bool emu_link_is_up(const struct emu *e, uint32_t link);

/* An end's interface as it is, whoever made it so: a host's root may take it down or delete it. */
enum wire_state { WIRE_UP, WIRE_DOWN, WIRE_MISSING };
/* WIRE_MISSING of a link that is half made, too; the next change, or up, makes all of it anew. */
enum wire_state emu_link_end(const struct emu *e, uint32_t link, int end);

/*
 * Changes it in place: what is queued or under way stays so. A link whose engine cannot do it, or whose
 * interfaces are gone, has its interfaces made anew, with their addresses and routes, and stays down if it
 * is. On failure it does what it did, but may be left without interfaces.
 */
int emu_link_set(struct emu *e, uint32_t link, int end, const struct shape *shape, struct err *err);
/* Both interfaces go down, or up with addresses and routes as at the start, whatever they were. */
int emu_link_up(struct emu *e, uint32_t link, bool up, struct err *err);
/* How many times so far a change has made a link's interfaces anew. */
unsigned emu_links_remade(const struct emu *e);
/* While held none is: such a change fails with -EBUSY, and nothing is lost that was not asked for. */
void emu_hold_links(struct emu *e, bool hold);

#endif
