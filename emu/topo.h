/*
 * Topology files: INI (core/ini.h) to the network model and back.
 *
 * This file knows [network], [host …], [switch …], [router …] and [link a b]. Floors above bring
 * their own sections ([scenario …], [capture]) as rows of a table.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_TOPO_H
#define EMU_TOPO_H

#include <stdio.h>
#include "core/ini.h"
#include "emu/net.h"

/* A kind of section of a floor above. */
struct topo_section {
	const char *word; /* the first word: "scenario" */
	/* Called once per section, after all nodes and links are known. words are those after the first. */
	int (*load)(void *arg, const struct net *net, const struct ini_section *s,
		    char *const *words, size_t n_words, struct err *err);
	/* Writes the resolved sections back, for topology.ini. May be NULL. */
	void (*print)(void *arg, const struct net *net, FILE *f);
	void *arg;
};

/*
 * Reads, builds, finishes and checks. seed overrides the file's when not NULL. All errors of the
 * file are collected in err; nothing of the kernel is touched.
 */
int topo_load(const char *path, const uint64_t *seed, const struct topo_section *sections,
	      size_t n_sections, struct net *ret, struct err *err);
int topo_load_mem(const char *name, const void *data, size_t size, const uint64_t *seed,
		  const struct topo_section *sections, size_t n_sections, struct net *ret,
		  struct err *err);

/* The resolved network, readable by topo_load() and giving the same network without any draw. */
void topo_print(const struct net *net, const struct topo_section *sections, size_t n_sections,
		FILE *f);

/* An unknown key of a section: adds "unknown key 'x' in [host]; did you mean 'y'?". */
int topo_unknown_key(const struct net *net, const struct ini_section *s, const struct ini_key *k,
		     const char *const *known, size_t n_known, struct err *err);
/*
 * The nodes that a value like "h{1..3} files" names, each once; -EINVAL with err for an unknown one or
 * none. kind NODE_KINDS: of any kind. The array is the caller's to free.
 */
int topo_parse_nodes(const struct net *net, const struct ini_key *k, enum node_kind kind,
		     uint32_t **ret_nodes, size_t *ret_n, struct err *err);

#endif
