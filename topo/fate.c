/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A generator without state: the finalizer of SplitMix64 (Steele, Lea, Flood:
 * Fast Splittable Pseudorandom Number Generators, 2014) is a bijection of 64-bit
 * numbers whose output looks random even when its inputs are 0, 1, 2, ... The
 * stream of a direction and the number of a die choose where to begin, n says how
 * far to go in steps of the golden ratio; so there is nothing to keep in step, and
 * packet n can be asked for alone.
 *
 * The numbers are a promise: a seed in somebody's report must mean the same next
 * year. Tests hold some of them fast.
 */
#include "topo/fate.h"

#include <errno.h>
#include <inttypes.h>

#define GOLDEN 0x9e3779b97f4a7c15ULL /* 2^64 divided by the golden ratio, odd */

/* One for each kind of trouble; to be added to at the end. */
enum die {
	DIE_LOSS = 1,
	DIE_JITTER,
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* A number below @below; the remainder's bias is below @below in 2^64. */
static uint64_t throw(uint64_t stream, enum die die, uint64_t n, uint64_t below)
{
	uint64_t start = mix(stream + die * GOLDEN);

	return mix(start + n * GOLDEN) % below;
}

int fate_check(const struct fate_spec *spec, struct error *err)
{
	if (spec->delay_ns > FATE_DELAY_MAX_NS)
		return error_set(err, EINVAL, "a delay of more than %llu s",
				 FATE_DELAY_MAX_NS / NS_PER_S);
	if (spec->jitter_ns > spec->delay_ns)
		return error_set(err, EINVAL,
				 "a jitter of %" PRIu64 " ns is more than the delay of %" PRIu64
				 " ns",
				 spec->jitter_ns, spec->delay_ns);
	if (spec->loss_ppm > FATE_CERTAIN_PPM)
		return error_set(err, EINVAL, "a loss of %" PRIu32 " in %u", spec->loss_ppm,
				 FATE_CERTAIN_PPM);
	return 0;
}

uint64_t fate_stream(uint64_t seed, uint64_t link, unsigned int direction)
{
	return mix(mix(seed + GOLDEN) + (2 * link + direction) * GOLDEN);
}

struct fate fate_of(const struct fate_spec *spec, uint64_t stream, uint64_t n)
{
	struct fate fate = {.delay_ns = spec->delay_ns};

	fate.lost = throw(stream, DIE_LOSS, n, FATE_CERTAIN_PPM) < spec->loss_ppm;
	if (spec->jitter_ns)
		fate.delay_ns +=
			throw(stream, DIE_JITTER, n, 2 * spec->jitter_ns + 1) - spec->jitter_ns;
	return fate;
}
