/* SPDX-License-Identifier: MIT */
/*
 * Interface for a measurement, as its parts see it: what was asked for, what is
 * known of the way to the reflector, and where to put what is seen. Every part
 * is a straight line of calls that wait with a deadline, in a thread of its own;
 * each writes its own fields of struct observed.
 */
#ifndef NATPROBE_PROBE_H
#define NATPROBE_PROBE_H

#include "base/error.h"
#include "scenarios/natprobe/observed.h"

#include <stdatomic.h>

#define NOTES_MAX 32

/**
 * struct probe_options - the command line
 * @addrs, @port: where the reflector is
 * @local, @second: inside addresses; AF_UNSPEC for "the usual one" and "none"
 * @lifetime_s: the longest silence to try; 0 for none
 * @patience_ms: how long to wait at least for what may not come
 */
struct probe_options {
	struct addr addrs[2];
	uint16_t port;
	struct addr local, second;
	unsigned lifetime_s;
	bool quick;
	unsigned patience_ms;
};

/**
 * struct probe - a measurement under way
 * @local: the inside address of all but the clashes
 * @deadline: nothing waits any longer
 * @grace: how long to wait for what may not come, in ns; from the round trips
 * @ports: local ports given out
 * @tokens: tokens given out
 * @notes: what went wrong, for people
 */
struct probe {
	struct probe_options options;
	struct addr spots[SPOT_COUNT];
	struct addr local;
	uint64_t deadline, grace;
	atomic_uint ports, tokens;
	struct observed seen;
	atomic_uint n_notes;
	char notes[NOTES_MAX][160];
};

/** probe_run() - measure all that was asked for. Return: 0, or -errno with words. */
int probe_run(struct probe *p, struct error *err);

/** probe_port() - a local port that this process has not used yet. */
uint16_t probe_port(struct probe *p);
/** probe_token() - a number that this process has not used yet. */
uint32_t probe_token(struct probe *p);
/** probe_note() - something that should have worked did not. */
void probe_note(struct probe *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** probe_silence_end() - the grace from now on: what has not come by then does not come. */
uint64_t probe_silence_end(const struct probe *p);

/* The parts, by what they look at. */

/** measure_mapping() - one local port, the four answering spots. */
void measure_mapping(struct probe *p, enum proto proto);
/** measure_flows() - many local ports, two spots. */
void measure_flows(struct probe *p, enum proto proto);
/** measure_filtering() - who comes in where one was asked. */
void measure_filtering(struct probe *p, enum proto proto);
/** measure_hairpin() - from the inside to the external endpoint of another socket. */
void measure_hairpin(struct probe *p, enum proto proto);
/** measure_clashes() - one port of two inside addresses. */
void measure_clashes(struct probe *p, enum proto proto);
/** measure_unsolicited() - TCP: the answer where nothing was ever mapped. */
void measure_unsolicited(struct probe *p, enum proto proto);
/** measure_sequential() - TCP: a SYN from outside after one from inside, whose socket is gone. */
void measure_sequential(struct probe *p, enum proto proto);
/** measure_simultaneous() - TCP: a SYN from outside that meets one from inside. */
void measure_simultaneous(struct probe *p, enum proto proto);
/** measure_lifetime() - how long a mapping lives in silence. */
void measure_lifetime(struct probe *p, enum lifetime which);

#endif
