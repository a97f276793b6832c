/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for nftables: rules as data (rules.h) go to the kernel as one
 * transaction, then may be changed by another; named counters and the entries of
 * sets come back.
 */
#ifndef TOPO_NFT_H
#define TOPO_NFT_H

#include "base/error.h"
#include "topo/rules.h"

#include <stdint.h>

struct nft_late;

/**
 * nft_apply() - load a table into @netns, all of it or nothing
 *
 * A table of that name must not be there yet.
 *
 * Return: 0, or -errno with the chain, set, counter or rule that was refused, and
 * the kernel's words, in @err.
 */
int nft_apply(int netns, const struct rules *rules, struct error *err);

/** nft_remove() - delete a table with all that is in it. Return: 0, or -errno. */
int nft_remove(int netns, const char *table, struct error *err);

/**
 * struct nft_change - one set of rules takes the place of another
 * @from: what is loaded
 * @to: the same table as it is to be
 * @forget: all sets are emptied
 * @gate: a table that goes at the same moment; NULL: there is none
 * @late: takes the socket, so that several changes wait for the kernel together; NULL:
 *	this one waits for itself
 */
struct nft_change {
	const struct rules *from;
	const struct rules *to;
	bool forget;
	const char *gate;
	struct nft_late *late;
};

/**
 * nft_change() - change a table's rules, all at once or not at all
 *
 * Counters go on, and so do the entries of the sets that both have, but for
 * transient ones. A chain that counts up numbers goes on where it did not change.
 *
 * Return: as nft_apply().
 */
int nft_change(int netns, const struct nft_change *change, struct error *err);

/**
 * nft_counter() - read a named counter
 *
 * Return: 0, or -errno (-ENOENT: there is no such table or counter).
 */
int nft_counter(int netns, const char *table, const char *name, uint64_t *ret_packets,
		uint64_t *ret_bytes, struct error *err);

/**
 * struct nft_entry - an entry of a set or map
 * @key, @data: their fields, four bytes each; what is beyond them is zero
 * @expires_ms: until it goes; 0: never
 */
struct nft_entry {
	uint8_t key[RULES_FIELDS_MAX * 4];
	uint8_t data[RULES_FIELDS_MAX * 4];
	uint64_t expires_ms;
};

/**
 * nft_entries() - read a set
 * @ret_entries: the caller's to free; NULL when there are none
 *
 * Return: 0, or -errno (-ENOENT: there is no such set).
 */
int nft_entries(int netns, const char *table, const char *set, struct nft_entry **ret_entries,
		size_t *ret_n, struct error *err);

#endif
