/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for fate: what befalls packet n of one direction of a wire. Pure:
 * a function of the seed, the link, the direction, n, and what was declared, so
 * that the same run can be had again, on any machine. Each kind of trouble throws
 * a die of its own: to declare one more changes nothing of the others.
 */
#ifndef TOPO_FATE_H
#define TOPO_FATE_H

#include "base/clock.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FATE_DELAY_MAX_NS (60 * NS_PER_S)
/* A probability of one, in parts per million. */
#define FATE_CERTAIN_PPM 1000000U

/**
 * struct fate_spec - what is declared of one direction; all zero: nothing befalls
 * @delay_ns: how long each packet is under way; at most FATE_DELAY_MAX_NS
 * @jitter_ns: each packet's delay is uniform in [@delay_ns - @jitter_ns, @delay_ns +
 *	@jitter_ns], each independent of the others; at most @delay_ns. It
 *	changes no order: a packet that would overtake waits for the one before
 *	it, so packets that follow each other closer than @jitter_ns are later
 *	than @delay_ns on average
 * @loss_ppm: the probability that a packet is lost, independent of the others, in
 *	parts per million
 */
struct fate_spec {
	uint64_t delay_ns;
	uint64_t jitter_ns;
	uint32_t loss_ppm;
};

/**
 * struct fate - what befalls one packet
 * @lost: it is not passed on
 * @delay_ns: else it is, this much after it came
 */
struct fate {
	bool lost;
	uint64_t delay_ns;
};

/** fate_check() - can this be done? Return: 0, or -EINVAL with the reason in @err. */
int fate_check(const struct fate_spec *spec, struct error *err);

/**
 * fate_stream() - the number that stands for one direction of one link
 * @direction: 0 for what the link's first end sends, 1 for what its second does
 */
uint64_t fate_stream(uint64_t seed, uint64_t link, unsigned int direction);

/**
 * fate_of() - what befalls packet @n, the first being 0
 * @spec: passed fate_check()
 * @stream: fate_stream()
 */
struct fate fate_of(const struct fate_spec *spec, uint64_t stream, uint64_t n);

#endif
