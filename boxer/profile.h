/* SPDX-License-Identifier: MIT */
/*
 * Interface for profiles: what is known of the NAT in front of a node. Pure:
 * observations go in, answers come out; "unknown" is an answer.
 */
#ifndef BOXER_PROFILE_H
#define BOXER_PROFILE_H

#include "base/addr.h"

/** enum profile_ports - does the NAT keep the port that a socket is bound to */
enum profile_ports {
	PROFILE_PORTS_UNKNOWN,
	PROFILE_PORTS_KEPT,
	PROFILE_PORTS_CHANGED,
};

/** struct profile - what is known; zero is "nothing" */
struct profile {
	struct addr external; /* address under which the world sees this node; port 0 */
	enum profile_ports ports;
};

/** profile_observe() - somebody outside saw our socket @local as @observed. */
void profile_observe(struct profile *p, const struct addr *local, const struct addr *observed);
/**
 * profile_external() - how the world sees a socket bound to @local_port
 *
 * Return: 0; -ENODATA when that is not known.
 */
int profile_external(const struct profile *p, uint16_t local_port, struct addr *ret);

#endif
