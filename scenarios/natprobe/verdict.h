/* SPDX-License-Identifier: MIT */
/*
 * Interface for judging: from what was seen to what kind of NAT it is, in the
 * terms of RFC 4787, RFC 5382 and RFC 5780. Pure: no socket, no clock. A word
 * that can't be said has a reason instead; there is no guessing.
 */
#ifndef NATPROBE_VERDICT_H
#define NATPROBE_VERDICT_H

#include "scenarios/natprobe/observed.h"

/**
 * struct finding - a behaviour, or why there is none
 * @word: NULL when it could not be measured
 * @why: NULL when it was
 */
struct finding {
	const char *word, *why;
};

/** struct proto_verdict - of one protocol */
struct proto_verdict {
	struct finding mapping, filtering, allocation, conflict, hairpin;
};

/**
 * struct verdict - the declaration
 * @simultaneous_open: "true" or "false"
 * @pooling: not of interest while there is one address: then both are NULL
 * @addresses: external ones seen
 * @timeouts_s: in seconds; 0 where the finding says why not
 */
struct verdict {
	struct proto_verdict proto[PROTO_COUNT];
	struct finding unsolicited, tcp_tracking, simultaneous_open, pooling;
	unsigned addresses;
	unsigned timeouts_s[LIFETIME_COUNT];
	struct finding timeouts[LIFETIME_COUNT];
};

/** verdict_of() - judge all of it. */
void verdict_of(const struct observed *seen, struct verdict *ret_verdict);

/** verdict_mapping() - one of "none", "eim", "adm", "apdm". */
struct finding verdict_mapping(const struct observed_proto *seen);
/** verdict_filtering() - one of "eif", "adf", "apdf". */
struct finding verdict_filtering(const struct observed_proto *seen);
/** verdict_allocation() - one of "preserve", "sequential", "block", "random". */
struct finding verdict_allocation(const struct observed_proto *seen);
/** verdict_conflict() - one of "overload", "sequential", "random". */
struct finding verdict_conflict(const struct observed_proto *seen, bool second);
/** verdict_hairpin() - one of "off", "external", "internal". */
struct finding verdict_hairpin(const struct observed_proto *seen);
/** verdict_unsolicited() - one of "drop", "rst", "icmp". */
struct finding verdict_unsolicited(const struct observed *seen);
/** verdict_tcp_tracking() - one of "strict", "liberal". */
struct finding verdict_tcp_tracking(const struct observed *seen);
/** verdict_simultaneous_open() - "true" or "false". */
struct finding verdict_simultaneous_open(const struct observed *seen);
/** verdict_pooling() - "paired" or "arbitrary", and the number of external addresses. */
struct finding verdict_pooling(const struct observed *seen, unsigned *ret_addresses);
/** verdict_timeout() - Return: in seconds, with an empty finding; or 0, and why. */
unsigned verdict_timeout(const struct observed_lifetime *seen, struct finding *ret_finding);

#endif
