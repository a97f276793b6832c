/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for background: what others than the two nodes of a proof carried
 * while its step ran, and how much of that a relay may hide in. Pure, as lab/proof.
 */
#ifndef LAB_BACKGROUND_H
#define LAB_BACKGROUND_H

#include "lab/proof.h"

/**
 * struct background_flows - what one node exchanged with others, as its NAT knows
 * @all: bytes of both directions
 * @suspect: the same without control connections that did not pass their allowance
 * @most: with whom most of @suspect
 */
struct background_flows {
	uint64_t all, suspect;
	struct addr most;
};

/**
 * struct background_links - what the links of those who had no part in it carried
 * @bytes: of both directions, for the report
 * @all: what can have been passed on: of each link, the smaller direction
 * @suspect: the same without links that did not pass their allowance
 * @most: the name of the link with most of @suspect; NULL when that is 0
 */
struct background_links {
	uint64_t bytes;
	uint64_t all, suspect;
	const char *most;
};

/** struct background - see above */
struct background {
	struct background_flows from, to;
	struct background_links links;
};

/** background_weigh() - Return: 0, or -ENOMEM. */
int background_weigh(const struct proof_case *c, struct background *ret_background);

#endif
