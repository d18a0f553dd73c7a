/* What topo.c (files and their sections), topo_*.c and timeline.c share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_TOPO_INTERNAL_H
#define EMU_TOPO_INTERNAL_H

#include "core/range.h"
#include "emu/topo.h"

/* A file being read. */
struct topo {
	struct net *net;
	const struct ini *ini;
	struct strv *words; /* of each section's name */
	const uint64_t *seed;
	bool share;                          /* of hosts that do not say */
	const struct topo_section *sections; /* of the floors above */
	size_t n_sections;
	struct err *err;
};

/* topo_node.c: each reads one section; words are the names in it. */
int topo_load_network(struct topo *t, const struct ini_section *s, char *const *words, size_t n);
int topo_load_host(struct topo *t, const struct ini_section *s, char *const *words, size_t n);
int topo_load_switch(struct topo *t, const struct ini_section *s, char *const *words, size_t n);
int topo_load_router(struct topo *t, const struct ini_section *s, char *const *words, size_t n);

/* "bad value 'x' of key 'y': why", at the key's line. */
int topo_bad_value(const struct net *net, const struct ini_key *k, const char *why,
		   struct err *err);
/* The node of this name at this line, or NET_NONE with an error that says what is near. */
uint32_t topo_find_node(const struct net *net, const char *name, int line, struct err *err);

/* topo_link.c: the keys that say what a link does, in [link] and beside 'switch ='. */
bool topo_is_link_key(const char *name);
/* Fills in the names of these keys, without directions; returns their number. */
#define TOPO_LINK_KEYS_MAX 20
size_t topo_link_keys(const char *known[TOPO_LINK_KEYS_MAX]);
int topo_parse_engine(const char *value, enum link_engine *ret, const char **ret_why);
int topo_load_link(struct net *net, const struct ini_section *s, char *const *words, size_t n_words,
		   struct err *err);
/* 'switch = NAME' of the hosts that a section names, and the keys beside it. */
int topo_link_hosts(struct net *net, const struct ini_section *s, const struct ini_key *sw,
		    char *const *words, size_t n_words, struct err *err);
/* 'address' and 'mac' of a host section: its first interface's. Called when all links are known. */
int topo_give_host(struct net *net, const struct ini_section *s, uint32_t host, struct err *err);


#endif
