/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fates are promised numbers, and fair. */
#include "topo/fate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define N 100000

static bool is_lost(uint32_t ppm, uint64_t stream, uint64_t n)
{
	struct fate_spec spec = {.loss_ppm = ppm};

	return fate_of(&spec, stream, n).lost;
}

Test(fate, of_nothing_declared_nothing_befalls)
{
	struct fate_spec spec = {0};

	for (uint64_t n = 0; n < N; n++) {
		struct fate fate = fate_of(&spec, 42, n);

		cr_assert(!fate.lost && fate.delay_ns == 0, "packet %lu", (unsigned long)n);
	}
}

Test(fate, is_the_same_on_every_machine_and_in_every_year)
{
	struct fate_spec spec = {
		.delay_ns = 10 * NS_PER_MS, .jitter_ns = 2 * NS_PER_MS, .loss_ppm = 300000};
	uint64_t stream = fate_stream(1, 7, 1);
	uint32_t lost = 0;

	for (unsigned int n = 0; n < 32; n++)
		lost |= (uint32_t)fate_of(&spec, stream, n).lost << n;
	cr_assert_eq(stream, 0xbc9e9deb3c2aa940ULL, "%#lx", (unsigned long)stream);
	cr_assert_eq(lost, 0x408980e8U, "%#x", lost);
	cr_assert_eq(fate_of(&spec, stream, 0).delay_ns, 10887241, "%lu",
		     (unsigned long)fate_of(&spec, stream, 0).delay_ns);
	cr_assert_eq(fate_of(&spec, stream, UINT64_MAX).delay_ns, 9063358, "%lu",
		     (unsigned long)fate_of(&spec, stream, UINT64_MAX).delay_ns);
}

Test(fate, losses_are_as_many_as_declared)
{
	static const uint32_t ppms[] = {0, 1000, 10000, 300000, 999000, 1000000};

	for (size_t i = 0; i < sizeof(ppms) / sizeof(*ppms); i++) {
		double p = ppms[i] / 1e6;
		long lost = 0, expected = (long)(p * N);
		/* Five standard deviations; the numbers are fixed, so this is passed once
		 * and for all. */
		double variance = N * p * (1 - p);

		for (uint64_t n = 0; n < N; n++)
			lost += is_lost(ppms[i], fate_stream(3, 0, 0), n);
		cr_assert((double)(lost - expected) * (double)(lost - expected) <= 25 * variance,
			  "%ld of %d at %u ppm", lost, N, ppms[i]);
	}
}

Test(fate, one_loss_says_nothing_of_the_next)
{
	uint64_t stream = fate_stream(5, 1, 0);
	long pairs = 0;

	for (uint64_t n = 0; n < N; n++)
		pairs += is_lost(300000, stream, n) && is_lost(300000, stream, n + 1);
	/* 0.09 of them, within five standard deviations */
	cr_assert(pairs > 8548 && pairs < 9452, "%ld", pairs);
}

static long common_losses(uint64_t one, uint64_t other)
{
	long common = 0;

	for (uint64_t n = 0; n < N; n++)
		common += is_lost(500000, one, n) && is_lost(500000, other, n);
	return common;
}

Test(fate, seeds_links_and_directions_have_nothing_in_common)
{
	uint64_t base = fate_stream(1, 2, 0);
	const uint64_t others[] = {fate_stream(2, 2, 0), fate_stream(1, 3, 0), fate_stream(1, 2, 1),
				   fate_stream(1, 1, 1), fate_stream(0, 2, 0)};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		long common = common_losses(base, others[i]);

		cr_assert(common > 24315 && common < 25685, "stream %zu: %ld", i, common);
	}
}

Test(fate, jitter_is_uniform_around_the_delay_and_reaches_its_ends)
{
	struct fate_spec spec = {.delay_ns = 1000, .jitter_ns = 5};
	long seen[11] = {0};

	for (uint64_t n = 0; n < N; n++) {
		uint64_t delay = fate_of(&spec, fate_stream(9, 9, 0), n).delay_ns;

		cr_assert(delay >= 995 && delay <= 1005, "%lu", (unsigned long)delay);
		seen[delay - 995]++;
	}
	for (size_t i = 0; i < 11; i++)
		cr_assert(seen[i] > 8636 && seen[i] < 9546, "%zu: %ld", 995 + i, seen[i]);
}

Test(fate, jitter_changes_no_losses)
{
	struct fate_spec spec = {.delay_ns = NS_PER_S, .jitter_ns = NS_PER_S, .loss_ppm = 400000};

	for (uint64_t n = 0; n < N; n++)
		cr_assert_eq(fate_of(&spec, 11, n).lost, is_lost(400000, 11, n));
}

static void assert_refused(const struct fate_spec *spec, const char *words)
{
	struct error err = {0};

	cr_assert_eq(fate_check(spec, &err), -EINVAL);
	cr_assert(strstr(err.text, words), "'%s' does not say '%s'", err.text, words);
	cr_assert_eq(fate_check(spec, NULL), -EINVAL);
}

Test(fate, that_cannot_be_is_refused_with_the_reason)
{
	struct fate_spec most = {FATE_DELAY_MAX_NS, FATE_DELAY_MAX_NS, FATE_CERTAIN_PPM};

	cr_assert_eq(fate_check(&most, NULL), 0);
	assert_refused(&(struct fate_spec){.delay_ns = FATE_DELAY_MAX_NS + 1}, "more than 60 s");
	assert_refused(&(struct fate_spec){.delay_ns = 1, .jitter_ns = 2}, "a jitter of 2 ns");
	assert_refused(&(struct fate_spec){.loss_ppm = 1000001}, "a loss of 1000001 in 1000000");
}
