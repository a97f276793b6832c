/* SPDX-License-Identifier: MIT */
/*
 * Interface for probes: whom does the NAT in front of this node let in? A probe
 * listens on a fresh port, has it observed so that it gets a mapping, and asks the
 * seed to dial in there from other endpoints. What comes of it goes into this
 * node's record; the probe itself only holds the port open, and hangs up on whoever
 * comes.
 */
#ifndef BOXER_PROBE_H
#define BOXER_PROBE_H

#include "base/addr.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_NS	(1500 * 1000000ULL) /* longer than the seed tries */
#define PROBE_RETRY_NS	(1 * 1000000000ULL) /* when our port could not be observed, */
#define PROBE_TIMES_MAX 5		    /* so often in all */
#define PROBE_AGAIN_NS	(5 * 1000000000ULL) /* when nothing was found out: the seed has others */
#define PROBE_ASKED_MAX 3		    /* so often in all */

/* With so many members or fewer a probe begins at once: the seed runs them all. */
#define PROBE_CROWD	64
#define PROBE_SPREAD_NS (20 * 1000000ULL) /* for each member of a larger crowd */

struct probe;

/**
 * struct probe_config - of a probe
 * @inside: this node's own address
 * @observer: the endpoint of the seed that will be told of the port
 * @key: stays the caller's for the probe's life
 * @delay_ns: until it begins
 * @ask: send FRAME_PROBE for this external port
 * @over: it wants to be freed; in this call, or later
 */
struct probe_config {
	struct ev_loop *loop;
	struct addr inside, observer;
	const uint8_t *key;
	uint64_t delay_ns;
	void (*ask)(void *arg, uint16_t external_port);
	void (*over)(void *arg);
	void *arg;
};

/** probe_start() - Return: the probe, or NULL without memory. It calls back later. */
struct probe *probe_start(const struct probe_config *config);
/**
 * probe_delay_ns() - how long to wait where many have joined at once
 *
 * The seed dials in to so many at a time, and a probe that has to wait for its turn
 * loses its port meanwhile, and then tells of a NAT that lets nobody in.
 *
 * Return: 0 up to PROBE_CROWD members, else a random time.
 */
uint64_t probe_delay_ns(size_t members);
/** probe_free() - NULL is legal. */
void probe_free(struct probe *p);

#endif
