/*
 * pcapng (IETF draft-ietf-opsawg-pcapng): writing, because no packaged library does it, and
 * reading with interface ids and comments, which libpcap does not give.
 *
 * Every integer is little-endian. Time stamps have if_tsresol 9 (ns). The writer gathers large
 * sequential writes; a comment may be completed later in place (pcapng_patch_comment).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PCAPNG_H
#define CAPTURE_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include "core/err.h"

#define PCAPNG_DIR_IN  1u
#define PCAPNG_DIR_OUT 2u
#define PCAPNG_NO_POS  UINT64_MAX

struct pcapng_writer;

struct pcapng_packet {
	uint32_t iface;
	int64_t ts;
	uint32_t dir; /* PCAPNG_DIR_* or 0: epb_flags */
	uint64_t id;  /* epb_packetid: the same for all copies of a packet; 0: none */
	uint32_t caplen, len;
	const uint8_t *data;
	const char *comment; /* not NUL-terminated; NULL: none */
	size_t comment_len;
	/*
	 * Who sent it, as newer readers show it: option 8 (IETF draft) and Apple's option
	 * 0x8001, whose process block is written once for each process. pid 0: none. process
	 * tells apart for the writer what may have the same pid (an owner's id); 0: there is no
	 * such block. A reader leaves it 0.
	 */
	uint32_t pid;
	uint32_t process;
	const char *comm; /* NULL: not known */
};

#define PCAPNG_PROCESS_MAX (1u << 20) /* process is less */

/* What an interface block says; what is 0 or NULL is left out. */
struct pcapng_iface_info {
	const char *name, *descr;
	uint32_t snaplen;
	const uint8_t *mac; /* 6 bytes */
	uint32_t addr;	    /* IPv4, host byte order */
	uint8_t prefix;
	uint64_t tx_speed, rx_speed; /* bit/s at which packets leave and enter it */
	const char *filter; /* pcap-filter(7) that its packets passed */
};

/* A name for the name resolution block (NRB). */
struct pcapng_name {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t ip[16];
	const char *name;
};

/*
 * Writes into fd, an empty file, which is the writer's from now on, even after an error; name is
 * what messages call it. os, app and comment of the section header; NULL leaves one out.
 */
int pcapng_create(int fd, const char *name, const char *os, const char *app, const char *comment,
		  struct pcapng_writer **ret, struct err *err);
/* Ids count up from 0 in the order added; the id, or -errno. */
int pcapng_add_iface(struct pcapng_writer *w, const struct pcapng_iface_info *info);
/* 0 or -errno (a full disk); *ret_comment_pos, if asked, is for pcapng_patch_comment(). */
int pcapng_write(struct pcapng_writer *w, const struct pcapng_packet *p,
		 uint64_t *ret_comment_pos);
/* Overwrites the comment at pos, of the same length, whether still buffered or on disk. */
int pcapng_patch_comment(struct pcapng_writer *w, uint64_t pos, const char *comment, size_t len);
/* Which names the addresses have. Readers know them of the packets behind it. */
int pcapng_write_names(struct pcapng_writer *w, const struct pcapng_name *names, size_t n);
/*
 * TLS secrets in the format of SSLKEYLOGFILE, whole lines, for a decryption secrets block (DSB).
 * Readers decrypt what comes behind it, so pcapng_close() makes room for it in front of the
 * packets; where there is none (a full disk, a pipe) the file stays as it is, without secrets. Not
 * copied.
 */
void pcapng_set_secrets(struct pcapng_writer *w, const char *keys, size_t len);
/*
 * The folder where the file has the name that messages call it. Where the file system cannot
 * insert into a file, one with secrets takes the file's place there; without a folder it has none.
 */
void pcapng_set_dir(struct pcapng_writer *w, int dir_fd);

/* An interface's packets, for an interface statistics block (ISB). */
struct pcapng_stats {
	int64_t start, end;  /* of the capture, ns */
	uint64_t received;   /* seen at the interface, or dropped before they were */
	uint64_t dropped;    /* the file lacks them, for want of room on the way to it */
	uint64_t os_dropped; /* among these, those that the kernel had no room for */
	uint64_t accepted;   /* passed the filter */
	uint64_t delivered;  /* written */
};
int pcapng_write_stats(struct pcapng_writer *w, uint32_t iface, const struct pcapng_stats *s);
/* Of the file so far, what is buffered included. */
uint64_t pcapng_size(const struct pcapng_writer *w);
int pcapng_flush(struct pcapng_writer *w);
/* Flushes and closes, also after an error; the first error of its life. */
int pcapng_close(struct pcapng_writer *w, struct err *err);

struct pcapng_reader;

struct pcapng_iface {
	char *name, *descr; /* may be NULL */
	uint16_t linktype;
	uint32_t snaplen;
	uint32_t addr; /* its first IPv4 address, host byte order; 0: it says none */
	int64_t tick_ns_num, tick_ns_den; /* ns = ticks * num / den */
};

/* pcapng and, for convenience, classic pcap (one nameless interface). From a file or memory. */
int pcapng_open(const char *path, struct pcapng_reader **ret, struct err *err);
int pcapng_open_mem(const void *data, size_t size, struct pcapng_reader **ret, struct err *err);
/*
 * Of memory that was read to its end: goes on with this, as if it stood behind it. So a file whose
 * blocks come one by one is read once.
 */
void pcapng_go_on(struct pcapng_reader *r, const void *data, size_t size);
void pcapng_reader_close(struct pcapng_reader *r);
/*
 * 1 with a packet (what it points to is valid until the next call), 0 at the end; -EINVAL of a
 * file that lies or is cut off, -ENOMEM, or another -errno of reading.
 */
int pcapng_next(struct pcapng_reader *r, struct pcapng_packet *ret, struct err *err);
/*
 * For who wants several packets at once: their data stays valid until fn is called, which happens
 * within pcapng_next() before more is read; a comment does not.
 */
void pcapng_before_move(struct pcapng_reader *r, void (*fn)(void *arg), void *arg);
const struct pcapng_iface *pcapng_iface(const struct pcapng_reader *r, uint32_t id); /* or NULL */

#endif
