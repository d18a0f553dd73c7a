/* Turns an interface's offloads off, so that frames are as on a wire (ethtool ioctls). */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_OFFLOAD_H
#define EMU_OFFLOAD_H

#include "core/err.h"

/*
 * TX checksums by the sender, no TSO, no GSO: without it one "frame" of a veth has up to 64 KB and
 * a checksum that nobody has computed. sock_fd is any socket of the interface's namespace.
 */
int offload_off(int sock_fd, const char *ifname, struct err *err);

#endif
