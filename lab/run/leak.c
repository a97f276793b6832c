/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/leak.h"

#include "lab/expect.h"

#include <inttypes.h>

int leak_check(const struct topo *topo, const struct plan *plan, uint64_t *ret_packets,
	       struct error *err)
{
	uint64_t packets, bytes;
	int r = topo_counter(topo, plan->internet, TOPO_COUNTER_LEAK, &packets, &bytes, err);

	if (r < 0)
		return r;
	*ret_packets = packets;
	if (!packets)
		return 0;
	return error_set(err, EXPECT_UNMET,
			 "a private source address appeared on the public side (%" PRIu64
			 " packet%s)",
			 packets, packets > 1 ? "s" : "");
}
