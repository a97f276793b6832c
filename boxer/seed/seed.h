/* SPDX-License-Identifier: MIT */
/*
 * Interface for the seed: the coordinator that every function can reach. It
 * admits members, gives them ids, tells them under which address it sees them and
 * what kind of NAT that shows, and streams the membership to all of them. It is
 * on the path of data only if it was told to relay. Its rooms share struct seed;
 * each touches its own part and calls the others by their interfaces.
 */
#ifndef BOXER_SEED_SEED_H
#define BOXER_SEED_SEED_H

#include "base/addr.h"
#include "base/error.h"
#include "boxer/auth.h"
#include "boxer/events.h"
#include "boxer/members.h"
#include "boxer/observer.h"
#include "boxer/reception.h"
#include "boxer/relay.h"
#include "boxer/seed/barriers.h"
#include "boxer/seed/clients.h"
#include "boxer/seed/ledger.h"
#include "boxer/seed/listeners.h"
#include "boxer/seed/places.h"
#include "boxer/seed/prober.h"
#include "boxer/seed/sightings.h"
#include "boxer/seed/state.h"

#include <stdbool.h>

/**
 * struct seed_options - how to serve
 * @listen: address and port, and the port after it; port 0 lets the kernel choose (the
 *	event tells)
 * @second: one more address to serve on, at the same two ports; AF_UNSPEC: none
 * @members_max: join requests beyond it are rejected; 0: MEMBERS_MAX
 * @unique_address: reject a second member with the same external address
 * @over_provision: those beyond @members_max are told that they are surplus
 * @relay: join connections of members between which there is no other way
 * @silence_ns: a member that was not heard of for so long is lost
 * @state: a file, see boxer/seed/state.h, or NULL
 */
struct seed_options {
	struct addr listen, second;
	uint8_t key[AUTH_KEY_LEN];
	size_t members_max;
	bool unique_address, over_provision, relay;
	uint64_t silence_ns;
	const char *state;
	struct events events;
};

/** struct seed - see above; zeroed before seed_run() fills it */
struct seed {
	const struct seed_options *options;
	struct ev_loop *loop;
	struct listeners listeners;
	struct reception *reception;
	struct observer *observer;
	struct relay *relay;
	struct prober *prober;
	struct barriers *barriers;
	struct clients clients;
	struct sightings sightings;
	struct members members; /* as they were last told */
	struct ev_timer update_timer, grace_timer, ledger_timer;
	struct places places; /* of members that have not come back yet */
	bool strangers;	      /* there may be others who have not, see boxer/seed/grace.h */
	struct state state;
	uint64_t ledger_at;	    /* when all was last written, or tried to */
	bool ledger_failing;	    /* and that has been said */
	uint32_t first_id, next_id; /* those between were given away in this run */
};

/**
 * seed_run() - serve until SIGINT or SIGTERM
 *
 * Return: 0 after a signal, or -errno with words when it could not start.
 */
int seed_run(const struct seed_options *options, struct error *err);

#endif
