/*
 * The ethtool ioctls that turn offloads off, one interface at a time.
 *
 * Each is a setter of its own since Linux 2.4; a kernel that does not know one has nothing to
 * turn off. The order matters to nobody but the kernel's log: checksums last would make it drop
 * TSO itself.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/cleanup.h"
#include "emu/offload.h"

int offload_off(int sock_fd, const char *ifname, struct err *err)
{
	static const unsigned setters[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(setters); i++) {
		struct ethtool_value off = { .cmd = setters[i], .data = 0 };
		struct ifreq ifr = { 0 };

		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
		ifr.ifr_data = (void *)&off;
		if (ioctl(sock_fd, SIOCETHTOOL, &ifr) < 0 && errno != EOPNOTSUPP)
			return err_sys(err, errno, "cannot turn offloads off on %s", ifname);
	}
	return 0;
}
