/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for nftables: rules as data (rules.h) go to the kernel as one
 * transaction, and named counters come back.
 */
#ifndef TOPO_NFT_H
#define TOPO_NFT_H

#include "base/error.h"
#include "topo/rules.h"

#include <stdint.h>

/**
 * nft_apply() - load a table into @netns, all of it or nothing
 *
 * A table of that name must not be there yet.
 *
 * Return: 0, or -errno with the chain, counter or rule that was refused, and
 * the kernel's words, in @err.
 */
int nft_apply(int netns, const struct rules *rules, struct error *err);

/**
 * nft_counter() - read a named counter
 *
 * Return: 0, or -errno (-ENOENT: there is no such table or counter).
 */
int nft_counter(int netns, const char *table, const char *name, uint64_t *ret_packets,
		uint64_t *ret_bytes, struct error *err);

#endif
