/* SPDX-License-Identifier: MIT */
/*
 * Interface for profiles: what is known of the NAT in front of a node, in the
 * terms of RFC 4787. The seed measures, and the member's record tells everybody.
 * "Unknown" is a value everywhere, and zero. Pure: observations go in, answers
 * come out. Numbers are the protocol's.
 */
#ifndef BOXER_PROFILE_H
#define BOXER_PROFILE_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_STEP_MAX 16 /* ports that lie further apart don't follow each other */

/** enum profile_mapping - RFC 4787, 4.1: when is an external port used again */
enum profile_mapping {
	PROFILE_MAPPING_UNKNOWN,
	PROFILE_MAPPING_NONE, /* nothing is translated: a public machine */
	PROFILE_MAPPING_EIM,
	PROFILE_MAPPING_ADM,
	PROFILE_MAPPING_APDM,
	PROFILE_MAPPING_NOT_APDM, /* the first or the second: only one address has observed */
	PROFILE_MAPPING_COUNT,
};

/** enum profile_ports - which external port a new mapping gets */
enum profile_ports {
	PROFILE_PORTS_UNKNOWN,
	PROFILE_PORTS_KEPT,	  /* the inside port */
	PROFILE_PORTS_SEQUENTIAL, /* .step after the last one */
	PROFILE_PORTS_CHANGED,	  /* another one, by no rule that can be seen */
	PROFILE_PORTS_COUNT,
};

/** enum profile_filtering - RFC 4787, 5: who may send through a mapping */
enum profile_filtering {
	PROFILE_FILTERING_UNKNOWN,
	PROFILE_FILTERING_EIF,
	PROFILE_FILTERING_ADF,
	PROFILE_FILTERING_APDF,
	PROFILE_FILTERING_NOT_APDF, /* the first or the second: only one address has dialled in */
	PROFILE_FILTERING_COUNT,
};

/** enum profile_refusal - what an unsolicited SYN is answered with */
enum profile_refusal {
	PROFILE_REFUSAL_UNKNOWN,
	PROFILE_REFUSAL_NONE,	 /* silence */
	PROFILE_REFUSAL_REFUSES, /* a reset, or an ICMP error */
	PROFILE_REFUSAL_COUNT,
};

/** struct profile - what is known; zero is "nothing" */
struct profile {
	enum profile_mapping mapping;
	enum profile_ports ports;
	enum profile_filtering filtering;
	enum profile_refusal refusal;
	int16_t step;
};

/**
 * struct profile_view - one observation of the node's control port
 * @observer: who looked
 * @seen: what it saw
 */
struct profile_view {
	struct addr observer, seen;
};

/**
 * profile_measure() - .mapping, .ports and .step, from what has been observed
 * @inside: the control port's own address and port
 * @views: @n of them, in the order in which their mappings were made
 *
 * What can't be told is left as unknown; the rest of @p is left as it is.
 */
void profile_measure(struct profile *p, const struct addr *inside, const struct profile_view *views,
		     size_t n);
/** profile_equal() - is the same known of both? */
bool profile_equal(const struct profile *a, const struct profile *b);
/** profile_is_public() - no NAT is in front of it. */
bool profile_is_public(const struct profile *p);
/** profile_is_stable() - a peer sees the endpoint that the seed sees. */
bool profile_is_stable(const struct profile *p);
/** profile_is_open() - whoever knows an endpoint of it may write there. */
bool profile_is_open(const struct profile *p);
/** profile_lets_host() - whoever's address has been written to may, from any port. */
bool profile_lets_host(const struct profile *p);
/** profile_is_settled() - nothing more is going to be measured. */
bool profile_is_settled(const struct profile *p);
/** profile_is_predictable() - the port of its next mapping can be told. */
bool profile_is_predictable(const struct profile *p);
/**
 * profile_may_link() - may two nodes get a control link, each from its one control port?
 *
 * Not when one's mapping depends on whom it talks to and neither lets the other in
 * from a port that it does not know. What is unknown is given the chance.
 */
bool profile_may_link(const struct profile *a, const struct profile *b);

/** The words of each enum, as `boxer status` and the lab print them. */
extern const char *const profile_mapping_names[PROFILE_MAPPING_COUNT];
extern const char *const profile_ports_names[PROFILE_PORTS_COUNT];
extern const char *const profile_filtering_names[PROFILE_FILTERING_COUNT];
extern const char *const profile_refusal_names[PROFILE_REFUSAL_COUNT];

#endif
