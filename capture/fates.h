/*
 * fates.csv: what became of each packet on each link that the shaper shapes, one row a copy.
 *
 * Dropped packets are in it like all others, though no receiver saw them and the capture has no
 * record of them. packet joins a row that was delivered with the capture's record of that id and
 * interface.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FATES_H
#define CAPTURE_FATES_H

#include "emu/net.h"
#include "emu/shaper/fate.h"

/* Of one direction of a link, or of many. */
struct fate_counts {
	uint64_t packets; /* that came and whose fate is known */
	uint64_t verdict[FATE_VERDICTS]; /* of these and of their duplicates */
	uint64_t duplicated;
	uint64_t corrupted, marked, reordered; /* among the delivered ones */
};
void fate_counts_add(struct fate_counts *sum, const struct fate_counts *c);

#define FATES_FILE "fates.csv"

struct fates;

/* The file in the folder, with its header. */
int fates_open(int dir_fd, const struct net *net, struct fates **ret, struct err *err);
/* A row. owner 0: unknown; uid: of its flow, or NULL. 0 or -errno of a failed write. */
int fates_add(struct fates *f, const struct fate *fate, const uint8_t *data, uint32_t owner,
	      const char *uid);
int fates_flush(struct fates *f);
/* Of the packets that left this end of the link. */
const struct fate_counts *fates_counts(const struct fates *f, uint32_t link, int end);
/* Completes the file; the counts stay. */
int fates_close(struct fates *f, struct err *err);
void fates_free(struct fates *f);

#endif
