/* SPDX-License-Identifier: MIT */
/*
 * Interface between measuring and judging: what was seen, as plain data. An
 * address of family AF_UNSPEC, or SEEN_UNKNOWN, is what could not be seen.
 */
#ifndef NATPROBE_OBSERVED_H
#define NATPROBE_OBSERVED_H

#include "base/addr.h"
#include "scenarios/natprobe/wire.h"

#define FLOWS_MAX	16 /* from so many local ports, in this order */
#define CLASHES_MAX	8
#define KNOCKS_MAX	3 /* on so many ports that were never used */
#define LIFETIME_STEPS	41
#define LIFETIME_COPIES 2 /* a lost packet must not look like an early end */

/** enum seen - did it come? */
enum seen { SEEN_UNKNOWN, SEEN_NO, SEEN_YES };

/** struct observed_flow - one local port: its external endpoint towards two addresses */
struct observed_flow {
	uint16_t port;
	struct addr first, second;
};

/**
 * struct observed_clash - one port of two inside addresses
 * @first: the first's external endpoint towards one address
 * @elsewhere: the second's towards the other address
 * @same: the second's towards the same address and port
 */
struct observed_clash {
	uint16_t port;
	struct addr first, elsewhere, same;
};

/**
 * struct observed_lifetime - which silences a mapping survived
 * @steps: so many were tried, the i-th being (i + 1) * @step_s - @step_s / 2 long
 * @alive: for each whether the answer came through
 */
struct observed_lifetime {
	unsigned steps;
	unsigned step_s;
	bool alive[LIFETIME_STEPS];
};

/**
 * struct observed_proto - what was seen over TCP, or over UDP
 * @reached: the reflector answered
 * @inside: the local address that all flows but the clashes' came from
 * @mapping_port: the local port of @mapped, towards the four answering spots
 * @other_port, @other_addr: what came in unasked-for from there
 * @hairpin: did anything come; @hairpin_from: its source, @hairpin_at: the
 *	external endpoint that it was sent to
 */
struct observed_proto {
	bool reached;
	struct addr inside;
	uint16_t mapping_port;
	struct addr mapped[SPOT_ANSWERING];
	enum seen other_port, other_addr;
	unsigned n_flows, n_clashes;
	struct observed_flow flows[FLOWS_MAX];
	struct observed_clash clashes[CLASHES_MAX];
	enum seen hairpin;
	struct addr hairpin_from, hairpin_at;
};

/** enum proto - of what is measured alike for both */
enum proto { PROTO_TCP, PROTO_UDP, PROTO_COUNT };
extern const char *const proto_names[PROTO_COUNT];

/** enum lifetime - of which mappings */
enum lifetime { LIFETIME_UDP, LIFETIME_UDP_STREAM, LIFETIME_TCP_ESTABLISHED, LIFETIME_COUNT };
extern const char *const lifetime_names[LIFETIME_COUNT];

/**
 * struct observed - all of it
 * @second: there were two inside addresses
 * @full: more than the quick part was tried
 * @knocks: what became of connections to ports never used
 * @sequential: a SYN after a late SYN of ours, answered by another socket
 * @simultaneous: a SYN that crosses ours
 */
struct observed {
	bool second, full;
	struct observed_proto proto[PROTO_COUNT];
	enum wire_outcome knocks[KNOCKS_MAX];
	enum seen sequential, simultaneous;
	struct observed_lifetime lifetimes[LIFETIME_COUNT];
};

#endif
