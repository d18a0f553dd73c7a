/* The numbers of pcapng (IETF draft-ietf-opsawg-pcapng) that writer and reader share. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PCAPNG_BLOCKS_H
#define CAPTURE_PCAPNG_BLOCKS_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
	BLOCK_IDB = 1,
	BLOCK_OLD_PACKET = 2, /* obsolete, still found in old files */
	BLOCK_SPB = 3,
	BLOCK_NRB = 4,
	BLOCK_ISB = 5,
	BLOCK_EPB = 6,
	BLOCK_DSB = 10,
	BLOCK_PROCESS = 0x80000001, /* Apple's; packets name one by its place among these */
	BLOCK_SHB = 0x0a0d0d0a, /* the same in both byte orders */
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_MAX	 (64u << 20) /* bytes in a block or packet; a longer one is a lie */

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_EPB_FLAGS = 2,
	OPT_EPB_PACKETID = 5,
	OPT_EPB_PROCESS_THREAD = 8,
	OPT_EPB_PROCESS_BLOCK = 0x8001, /* Apple's */
	OPT_PROCESS_NAME = 2,
	OPT_IF_NAME = 2,
	OPT_IF_DESCRIPTION = 3,
	OPT_IF_IPV4ADDR = 4,
	OPT_IF_MACADDR = 6,
	OPT_IF_SPEED = 8,
	OPT_IF_TSRESOL = 9,
	OPT_IF_FILTER = 11,
	OPT_IF_TSOFFSET = 14,
	OPT_IF_TXSPEED = 16,
	OPT_IF_RXSPEED = 17,
	OPT_SHB_OS = 3,
	OPT_SHB_USERAPPL = 4,
	OPT_ISB_STARTTIME = 2,
	OPT_ISB_ENDTIME = 3,
	OPT_ISB_IFRECV = 4,
	OPT_ISB_IFDROP = 5,
	OPT_ISB_FILTERACCEPT = 6,
	OPT_ISB_OSDROP = 7,
	OPT_ISB_USRDELIV = 8,
};

enum {
	NRB_END = 0,
	NRB_IPV4 = 1,
	NRB_IPV6 = 2,
};

#define DSB_TLS_KEYS	  0x544c534bu /* "TLSK": lines as SSLKEYLOGFILE has them */
#define LINKTYPE_ETHERNET 1

/* Fields of a file as the writer makes them. */
static inline uint16_t block_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t block_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

#endif
