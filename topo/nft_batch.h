/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for one transaction with nftables: messages are put in their order, and
 * sent together; all of them take effect or none. Memory that ran out while
 * putting is remembered and reported by the sending.
 */
#ifndef TOPO_NFT_BATCH_H
#define TOPO_NFT_BATCH_H

#include "base/error.h"
#include "topo/rules.h"

#include <stdbool.h>

struct nft_batch;
struct nft_late;

/** nft_batch_new() - an empty transaction, or NULL for want of memory. */
struct nft_batch *nft_batch_new(void);
/** nft_batch_free() - for cleanup_with(); *@batch may be NULL. */
void nft_batch_free(struct nft_batch **batch);

/** nft_batch_table() - make a table; @fresh: it must not be there yet. */
void nft_batch_table(struct nft_batch *batch, const char *table, bool fresh);
/** nft_batch_no_table() - delete a table with all that is in it. */
void nft_batch_no_table(struct nft_batch *batch, const char *table);
/** nft_batch_counter() - make a named counter, unless it is there. */
void nft_batch_counter(struct nft_batch *batch, const char *table, const char *name);
/** nft_batch_set() - make set @i, unless it is there. */
void nft_batch_set(struct nft_batch *batch, const struct rules *rules, size_t i);
/** nft_batch_no_set() - delete set @i, which no rule uses. */
void nft_batch_no_set(struct nft_batch *batch, const struct rules *rules, size_t i);
/** nft_batch_no_elements() - empty set @i. */
void nft_batch_no_elements(struct nft_batch *batch, const struct rules *rules, size_t i);
/** nft_batch_elements() - put what set @i has from the beginning into it. */
void nft_batch_elements(struct nft_batch *batch, const struct rules *rules, size_t i);
/** nft_batch_chain() - make a chain, unless it is there. */
void nft_batch_chain(struct nft_batch *batch, const char *table, const struct rule_chain *chain);
/** nft_batch_no_chain() - delete an empty chain. */
void nft_batch_no_chain(struct nft_batch *batch, const char *table, const char *chain);
/** nft_batch_rule() - append rule @i to its chain. */
void nft_batch_rule(struct nft_batch *batch, const struct rules *rules, size_t i);
/** nft_batch_no_rules() - delete all rules of @chain. */
void nft_batch_no_rules(struct nft_batch *batch, const char *table, const char *chain);

/**
 * nft_batch_send() - carry it out in @netns
 * @late: where the socket goes; NULL: nowhere
 *
 * Return: 0, or -errno with the first message that was refused, and the kernel's
 * words, in @err.
 */
int nft_batch_send(struct nft_batch *batch, int netns, struct nft_late *late, struct error *err);

#endif
