/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what NATs need of nftables: each kind of expression and set that
 * their rules are made of is loaded once, by itself, as each may be a module that
 * a kernel lacks. A part of the doctor. Kinds are bits.
 */
#ifndef LAB_DOCTOR_RULES_H
#define LAB_DOCTOR_RULES_H

#include "base/error.h"

#include <stddef.h>

/**
 * doctor_rules_try() - load and remove a rule of each kind in @netns
 *
 * Return: 0, or -errno with the words of the first that was refused; both masks are
 * set in either case.
 */
int doctor_rules_try(int netns, unsigned *ret_there, unsigned *ret_missing, struct error *err);
/** doctor_rules_names() - "numgen, hash" */
void doctor_rules_names(unsigned which, char *buf, size_t size);
/** doctor_rules_remedy() - "modprobe nft_numgen (CONFIG_NFT_NUMGEN)" */
void doctor_rules_remedy(unsigned missing, char *buf, size_t size);

#endif
