/* SPDX-License-Identifier: MIT */
/*
 * Interface for the membership as the seed keeps it: who joins, comes back and
 * goes, what becomes known of them, and that all the others hear of it.
 */
#ifndef BOXER_SEED_MEMBERSHIP_H
#define BOXER_SEED_MEMBERSHIP_H

#include "boxer/seed/clients.h"
#include "boxer/seed/prober.h"

/* What becomes known of a member within that time is told at once. */
#define MEMBERSHIP_UPDATE_NS (50 * 1000000ULL)

/** membership_start(), membership_stop() - of @seed. */
void membership_start(struct seed *seed);
void membership_stop(struct seed *seed);
/** membership_join() - JOIN has come from @c, which may be freed here. */
void membership_join(struct client *c, const struct frame_join *join);
/** membership_part() - @c is over and freed; if it was a member all others are told. */
void membership_part(struct client *c, enum reason reason);
/** membership_saw() - one of our endpoints has seen @token; see observer_seen. */
void membership_saw(struct seed *seed, const uint8_t token[static FRAME_TOKEN_LEN],
		    const struct profile_view *view);
/** membership_probe() - @c has asked to be dialled in to. Return: 0, or -EPROTO. */
int membership_probe(struct client *c, const struct frame_probe *probe);
/** membership_probed() - what came of it; @who: the client; see prober_done. */
void membership_probed(void *arg, void *who, const struct probe_finding *finding);

#endif
