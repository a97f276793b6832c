/* SPDX-License-Identifier: MIT */
#include "boxer/profile.h"

#include <errno.h>

void profile_observe(struct profile *p, const struct addr *local, const struct addr *observed)
{
	p->external = *observed;
	p->external.port = 0;
	p->ports = local->port == observed->port ? PROFILE_PORTS_KEPT : PROFILE_PORTS_CHANGED;
}

int profile_external(const struct profile *p, uint16_t local_port, struct addr *ret)
{
	if (p->ports != PROFILE_PORTS_KEPT)
		return -ENODATA;
	*ret = p->external;
	ret->port = local_port;
	return 0;
}
