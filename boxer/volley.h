/* SPDX-License-Identifier: MIT */
/*
 * Interface for volleys: many SYNs at once, because nobody knows which of them
 * will meet its counterpart. A volley has rounds; in each round sockets are opened
 * and held for some time, then given up for those of the next round. Closing a
 * socket in SYN_SENT sends nothing. What connects is given to the owner at once,
 * and the volley goes on until it is freed or its rounds are over.
 */
#ifndef BOXER_VOLLEY_H
#define BOXER_VOLLEY_H

#include "base/addr.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#define VOLLEY_SOCKETS_MAX 256 /* at once; a function may have 1,024 descriptors (paper, 3) */

/** enum volley_aim - where the SYNs of a round go */
enum volley_aim {
	VOLLEY_SAME,   /* all to the one endpoint */
	VOLLEY_STEPS,  /* to its port, and those that follow it in steps */
	VOLLEY_RANDOM, /* to ports of its address at random, each once in all rounds */
};

struct volley;

/**
 * struct volley_plan - what to do
 * @family: of the sockets; AF_INET6 for mapped addresses
 * @local: where they are bound. Port 0: each to one of its own, from @next_port
 * @next_port: gives a fresh local port; unused if @local has a port
 * @remote: address and port
 * @step: for VOLLEY_STEPS
 * @sockets: in a round
 * @rounds: 0: until it is freed
 * @hold_ns: how long a round lasts; more than a round trip
 * @jitter_ns: up to so much longer, at random
 * @connected: takes over @fd, which is connected to @remote; may free the volley
 * @over: the rounds are over; may free the volley
 */
struct volley_plan {
	struct ev_loop *loop;
	int family;
	struct addr local;
	uint16_t (*next_port)(void *arg);
	struct addr remote;
	enum volley_aim aim;
	int step;
	size_t sockets;
	unsigned rounds;
	uint64_t hold_ns, jitter_ns;
	void (*connected)(void *arg, int fd, const struct addr *remote);
	void (*over)(void *arg);
	void *arg;
};

/**
 * volley_new() - send the first round
 *
 * Return: NULL without memory. @plan is copied.
 */
struct volley *volley_new(const struct volley_plan *plan);
/** volley_free() - close all that has not connected; NULL is legal. */
void volley_free(struct volley *volley);

#endif
