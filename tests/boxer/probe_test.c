/* SPDX-License-Identifier: MIT */
/* When a node has its NAT probed. */
#include "boxer/probe.h"

#include "base/clock.h"

#include <criterion/criterion.h>

Test(crowd, of_a_few_is_probed_at_once)
{
	for (size_t n = 0; n <= PROBE_CROWD; n++)
		cr_expect_eq(probe_delay_ns(n), 0, "%zu members", n);
}

Test(crowd, of_many_is_probed_one_after_the_other)
{
	enum { MEMBERS = 512, TENTHS = 10 };
	const uint64_t most = MEMBERS * PROBE_SPREAD_NS;
	unsigned in[TENTHS] = {0};

	for (unsigned i = 0; i < MEMBERS; i++) {
		uint64_t delay = probe_delay_ns(MEMBERS);

		cr_assert_lt(delay, most);
		in[delay * TENTHS / most]++;
	}
	/* Each tenth of the time gets about a tenth of them. */
	for (unsigned i = 0; i < TENTHS; i++)
		cr_expect(in[i] > 10 && in[i] < 2 * MEMBERS / TENTHS, "%u in tenth %u", in[i], i);
}
