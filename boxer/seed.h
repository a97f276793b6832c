/* SPDX-License-Identifier: MIT */
/*
 * Interface for the seed: the coordinator that every function can reach. It
 * admits members, gives them ids, tells them under which address it sees them,
 * and streams the membership to all of them. It is never on the path of data.
 */
#ifndef BOXER_SEED_H
#define BOXER_SEED_H

#include "base/addr.h"
#include "base/error.h"
#include "boxer/auth.h"
#include "boxer/events.h"

#include <stdbool.h>

#define SEED_PENDING_MAX 256 /* connections that have not joined; the oldest gives way */

/**
 * struct seed_options - how to serve
 * @listen: address and port; port 0 lets the kernel choose (the event tells)
 * @members_max: join requests beyond it are rejected; 0: MEMBERS_MAX
 * @unique_address: reject a second member with the same external address
 */
struct seed_options {
	struct addr listen;
	uint8_t key[AUTH_KEY_LEN];
	size_t members_max;
	bool unique_address;
	struct events events;
};

/**
 * seed_run() - serve until SIGINT or SIGTERM
 *
 * Return: 0 after a signal, or -errno with words when it could not start.
 */
int seed_run(const struct seed_options *options, struct error *err);

#endif
