/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for one step of a rule as the kernel's expression.
 */
#ifndef TOPO_NFT_EXPR_H
#define TOPO_NFT_EXPR_H

#include "topo/rules.h"

struct nftnl_expr;

/** nft_expr() - the expression that @step, of @rules, is. Return: the caller's, or NULL for want of
 * memory. */
struct nftnl_expr *nft_expr(const struct rules *rules, const struct rule_step *step);

#endif
